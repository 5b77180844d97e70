#!/usr/bin/env python3
"""The source scrape, a real prometheus-node-exporter, and a real Prometheus that scrapes the same pages as the judge of what they say."""
import gzip
import http.server
import math
import shutil
import subprocess
import tempfile
import threading
import unittest
import urllib.parse
from pathlib import Path

from world import Case, call, free_port, main, now, until

PROMETHEUS, EXPORTER = shutil.which("prometheus"), shutil.which("prometheus-node-exporter")
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4"
# What Prometheus makes of each is asked of Prometheus.
PAGES = {
    "plain": (TEXT, '# HELP a_total x\n# TYPE a_total counter\na_total{m="post",c="200"} 1027\nup_time 1.5\n'),
    "blanks": (TEXT, 'a { m = "x" , } \t 3 \n\n# a comment\n#\nb\t4'),
    "escapes": (TEXT, 'a{x="C:\\\\D\\nq\\"u\\"",y="}, ",z="\\t"} 1\n'),
    "arabic": (TEXT, 'a{x="مرحبا"} 1\n'),
    "numbers": (TEXT, "a 1e3\nb .5\nc 1.\nd +1\ne -0\nf 1e-400\ng 0.1e+2\n"),
    "specials": (TEXT, "a NaN\nb +Inf\nc -inf\nd Infinity\ne 1\n"),
    "colons": (TEXT, "job:rate:sum 1\n:x 2\n_y 3\n"),
    "empty_label": (TEXT, 'a{x="",y="1"} 1\n'),
    "no_labels": (TEXT, "a{} 1\n"),
    "trailing_comma": (TEXT, 'a{x="1",} 1\n'),
    "twice": (TEXT, "a 1\na 2\nb 3\n"),
    "conflicts": (TEXT, 'a{job="theirs",instance="x"} 1\n'),
    "histogram": (TEXT, '# TYPE h histogram\nh_bucket{le="0.1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 0.3\nh_count 2\n# TYPE s summary\ns{quantile="0.5"} 4\ns_sum 8\ns_count 2\n'),
    "empty": (TEXT, ""),
    "no_newline": (TEXT, "a 1"),
    "odd_type": ("application/octet-stream", "a 1\n"),
    "openmetrics": (OPEN, '# TYPE foo counter\n# UNIT foo_x x\n# HELP foo y\nfoo_total{a="b"} 17.0 # {id="z"} 5\nfoo_created 15.123\n# TYPE i info\ni_info{v="1"} 1\n# EOF\n'),
    "om_histogram": (OPEN, '# TYPE h histogram\nh_bucket{le="1.0"} 1 # {t="a"} 0.5 1.0\nh_bucket{le="+Inf"} 2\nh_count 2\nh_sum 1.5\n# EOF\n'),
    "bad_om_no_eof": (OPEN, "a 1\n"),
    "bad_om_after_eof": (OPEN, "a 1\n# EOF\nb 2\n"),
    "bad_om_empty_line": (OPEN, "a 1\n\n# EOF\n"),
    "bad_om_comment": (OPEN, "# hello\na 1\n# EOF\n"),
    "bad_om_blanks": (OPEN, "a  1\n# EOF\n"),
    "om_only_eof": (OPEN, "# EOF\n"),
    "bad_name": (TEXT, "good 1\n1a 2\n"),
    "bad_value": (TEXT, "good 1\na one\n"),
    "bad_hex": (TEXT, "a 0x10\n"),
    "bad_underscore": (TEXT, "a 1_000\n"),
    "bad_huge": (TEXT, "a 1e999\n"),
    "bad_label": (TEXT, 'a{1x="y"} 1\n'),
    "bad_quote": (TEXT, 'a{x="y} 1\n'),
    "bad_time": (TEXT, "a 1 now\n"),
    "bad_rest": (TEXT, "a 1 1 1\n"),
    "bad_cr": (TEXT, "a 1\r\n"),
    "glued": (TEXT, 'a{x="1"}1\n'),
    "newline": (TEXT, 'a{x="1\n2"} 1\n'),
    "bad_indent": (TEXT, "  a 1\n"),
    "bad_type": (TEXT, "# TYPE a unknown\na 1\n"),
    "bad_twice": (TEXT, 'a{x="1",x="2"} 1\nb 1\n'),
    "bad_own_name": (TEXT, 'a{__name__="q"} 1\n'),
    "bad_time_below": (TEXT, "a 1 -5\n"),
    "bad_om_unit": (OPEN, "# UNIT a s\na 1\n# EOF\n"),
    "bad_om_comma": (OPEN, 'a{x="1",} 1\n# EOF\n'),
    "bad_om_exemplar": (OPEN, "a 1 # {} 1\n# EOF\n"),
    "bad_html": ("text/html", "<html>a 1</html>\n"),
    "bad_minus_nan": (TEXT, "a -NaN\n"),
}


class Pages:
    """A target that says PAGES, each under its own path, packed for who takes that; `down` answers 503 instead."""

    def __init__(self, pages):
        self.pages, self.down, self.packed = dict(pages), set(), 0
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.strip("/")
                kind, text = pages.pages.get(name, ("text/plain", ""))
                body = text.encode()
                self.send_response(503 if name in pages.down else 200)
                self.send_header("Content-Type", kind)
                if "gzip" in (self.headers.get("Accept-Encoding") or ""):
                    body, pages.packed = gzip.compress(body), pages.packed + 1
                    self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256  # every page is asked for at once

            def handle_error(self, request, address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Judge:
    """A Prometheus that scrapes every page. On a busy machine an answer may come late: what it read at any time is what counts."""

    def __init__(self, port, names):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-judge-"))
        self.port = free_port()
        jobs = "".join(f"  - job_name: {name}\n    metrics_path: /{name}\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n" for name in names)
        (self.dir / "p.yml").write_text("global:\n  scrape_interval: 5s\n  scrape_timeout: 5s\nscrape_configs:\n" + jobs)
        with open(self.dir / "out", "wb") as out:
            self.process = subprocess.Popen([PROMETHEUS, f"--config.file={self.dir}/p.yml", f"--storage.tsdb.path={self.dir}/data",
                                             f"--web.listen-address=127.0.0.1:{self.port}"], stdout=out, stderr=out)

    def query(self, text):
        try:
            return call("GET", f"http://127.0.0.1:{self.port}/api/v1/query?query={urllib.parse.quote(text)}").json["data"]["result"]
        except (OSError, ValueError, KeyError):
            return []

    def up(self, page):
        return max((float(r["value"][1]) for r in self.query(f'max_over_time(up{{job="{page}"}}[5m])')), default=0)

    def samples(self, page):
        """{sorted labels: value} of a page, without `instance`."""
        found = {}
        for series in self.query(f'last_over_time({{job="{page}",__name__!~"up|scrape_.*"}}[5m])'):
            labels = {k: v for k, v in series["metric"].items() if k != "instance"}
            found[tuple(sorted(labels.items()))] = float(series["value"][1])
        return found

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Scrape(Case):
    def pages(self, pages):
        made = Pages(pages)
        self.addCleanup(made.close)
        return made

    def last(self, name, **labels):
        """The last value of each series of a name: {labels as a sorted tuple: value}."""
        at = int(now())
        match = "".join("&match=" + urllib.parse.quote(f'{k}="{v}"') for k, v in labels.items())
        answer = self.a.get(f"/api/v1/signals/query?name={name}&fromEpoch={at - 300}&toEpoch={at + 60}&aggregation=raw{match}").json
        return {tuple(sorted(s["labels"].items())): s["dataPoints"][-1]["value"] for s in answer.get("series", [answer]) if s["dataPoints"]}

    def ever_up(self, page):
        at = int(now())
        points = self.a.get(f'/api/v1/signals/query?name=up&match=job="{page}"&fromEpoch={at - 300}&toEpoch={at + 60}&aggregation=raw').json["dataPoints"]
        return max((p["value"] for p in points), default=None)

    @unittest.skipIf(not PROMETHEUS, "prometheus is not installed (scripts/packages test installs it)")
    def test_prometheus_and_the_agent_read_the_same(self):
        pages = self.pages(PAGES)
        judge = Judge(pages.port, PAGES)
        self.addCleanup(judge.close)
        self.a = self.agent("".join(f'[source.{name}]\nplugin = "scrape"\nurls = ["http://127.0.0.1:{pages.port}/{name}"]\nevery = "2s"\n' for name in PAGES)).start()
        until(lambda: len(judge.query("up")) == len(PAGES), 60, "Prometheus has asked for every page")
        until(lambda: all(judge.up(page) for page in PAGES if not page.startswith("bad_")), 60, "Prometheus has read every good page")
        for page in PAGES:
            with self.subTest(page):
                until(lambda: self.ever_up(page) is not None, what="up")
                if judge.up(page):
                    until(lambda: self.ever_up(page), 30, "the agent reads it too")
                self.assertEqual(self.ever_up(page), judge.up(page), "up")
                # The agent keeps no value that is not finite.
                wanted = {labels: value for labels, value in judge.samples(page).items() if math.isfinite(value)}
                names = {dict(labels)["__name__"] for labels in wanted}
                for name in names:
                    until(lambda: self.last(name, job=page), what=name)
                found = {}
                for name in names | {"a", "b", "good"}:
                    for labels, value in self.last(name, job=page).items():
                        kept = {k: v for k, v in labels if k not in ("instance", "path")}
                        found[tuple(sorted({**kept, "__name__": name}.items()))] = value
                self.assertEqual(found, wanted)
        self.assertGreater(pages.packed, 0)

    @unittest.skipIf(not EXPORTER, "prometheus-node-exporter is not installed (scripts/packages test installs it)")
    def test_a_node_exporter_is_read_whole_and_its_end_is_seen(self):
        port = free_port()
        exporter = subprocess.Popen([EXPORTER, f"--web.listen-address=127.0.0.1:{port}", "--no-collector.systemd"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(exporter.wait)
        self.addCleanup(exporter.kill)
        url = f"http://127.0.0.1:{port}/metrics"

        def text():
            try:
                return call("GET", url).body.decode()
            except OSError:
                return ""
        until(text, what="node-exporter")
        self.a = self.agent(f"""
[source.node]
plugin = "scrape"
urls   = ["{url}"]
every  = "300ms"
[[rule]]
name = "node_down"
severity = "CRITICAL"
signal = 'up{{job="node"}}'
by = ["instance"]
op = "=="
threshold = 0
for = "0s"
[route]
""").start()
        samples = lambda: max(self.last("scrape.samples").values(), default=0)
        until(samples, what="samples")
        lines = [line for line in text().splitlines() if line and not line.startswith("#")]
        self.assertAlmostEqual(samples(), len(lines), delta=len(lines) * 0.05)
        for name in ("node_load1", "node_memory_MemTotal_bytes", "node_cpu_seconds_total"):
            theirs = [line for line in lines if line.startswith((name + " ", name + "{"))]
            self.assertEqual(len(self.last(name)), len(theirs), name)
        self.assertEqual(self.a.incidents(), [])
        exporter.kill()
        incident = until(self.a.incidents, what="an incident when the exporter is gone")[0]
        self.assertIn(str(port), incident["title"])

    def test_a_target_that_is_down_ends_its_series_at_once(self):
        pages = self.pages({"shop": (TEXT, "queue 9\n")})
        self.a = self.agent(f"""
[source.shop]
plugin = "scrape"
urls   = ["http://127.0.0.1:{pages.port}/shop"]
every  = "300ms"
[[rule]]
name = "queue_long"
severity = "HIGH"
signal = "queue"
by = ["instance"]
op = ">"
threshold = 5
cooldown = "0s"
[route]
""").start()
        alerts = lambda: self.a.items("/api/v1/alerts")
        until(alerts, what="the alert")
        pages.down.add("shop")
        until(lambda: not [a for a in alerts() if a.get("state", "firing").lower() == "firing"], 30, "the alert ends with its series")
        self.assertIn("HTTP 503", self.a.text())


if __name__ == "__main__":
    main()
