#!/usr/bin/env python3
"""A real Prometheus with alerting rules uses the agent as its Alertmanager. Each of the two is killed and started again
meanwhile: nothing is lost, nothing comes twice, nothing is resolved that still fires."""
import http.server
import json
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from world import Case, call, free_port, main, until

PROMETHEUS = shutil.which("prometheus")
CONFIG = """
[source.alertmanager]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname", "series"]
group_wait = "0s"
group_interval = "1s"
notify = ["hook"]
"""


class Values:
    """A target to scrape: one gauge for each series, set by the test."""

    def __init__(self, count):
        self.values = {n: 1 for n in range(count)}
        values = self.values

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = "# TYPE load gauge\n" + "".join(f'load{{series="s{n}"}} {v}\n' for n, v in sorted(values.items()))
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Prometheus:
    """Scrapes and evaluates each second and sends again after ten, so that an alert it has sent lives for forty."""

    def __init__(self, target_port, alertmanager_port):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-prom-"))
        self.port = free_port()
        rule = {"alert": "LoadHigh", "expr": "load > 95", "labels": {"severity": "critical"}, "annotations": {"summary": "{{ $labels.series }} is at {{ $value }}"}}
        (self.dir / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "rules": [rule]}]}))
        (self.dir / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(self.dir / "rules.yml")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]}]},
            "scrape_configs": [{"job_name": "test", "static_configs": [{"targets": [f"127.0.0.1:{target_port}"]}]}]}))
        self.process = None

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen([PROMETHEUS, f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
                                             f"--web.listen-address=127.0.0.1:{self.port}", "--rules.alert.resend-delay=10s"], stdout=log, stderr=log)

        def ready():
            try:
                return call("GET", f"http://127.0.0.1:{self.port}/-/ready", timeout=2).status == 200
            except OSError:
                return False
        until(ready, 30, "Prometheus ready")
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


@unittest.skipUnless(PROMETHEUS, "Prometheus is not installed (apt-get install prometheus)")
class RealPrometheus(Case):
    def test_opens_incidents_and_survives_the_death_of_either(self):
        receiver = self.hook()
        agent = self.agent(CONFIG % receiver.url)
        agent.start()
        target = Values(10)
        self.addCleanup(target.close)
        prometheus = Prometheus(target.server.server_address[1], agent.port)
        self.addCleanup(prometheus.close)
        prometheus.start()

        def told(status):
            out = []
            for body in receiver.json_bodies():
                out += [a["labels"]["series"] for a in body["alerts"] if a["status"] == status]
            return out

        def firing_now():
            return {a["labels"]["series"] for a in agent.get("/api/v2/alerts").json}

        def heat(*numbers, to=99):
            for n in numbers:
                target.values[n] = to

        heat(0, 1, 2)
        until(lambda: set(told("firing")) >= {"s0", "s1", "s2"}, 60, "the first three told")
        self.assertEqual(firing_now(), {"s0", "s1", "s2"})

        prometheus.kill()
        heat(3)
        prometheus.start()  # its rule starts anew: the alerts come with another beginning, and are the same ones
        until(lambda: "s3" in told("firing"), 60, "what rose while Prometheus was down")

        agent.kill()
        heat(4)
        heat(0, to=1)  # its end is sent to nobody
        agent.start()
        until(lambda: "s4" in told("firing"), 60, "what rose while the agent was down")
        until(lambda: "s0" in told("resolved"), 90, "what ended while the agent was down")

        heat(1, to=1)
        until(lambda: "s1" in told("resolved"), 60, "an end")
        self.assertEqual(firing_now(), {"s2", "s3", "s4"})
        self.assertEqual(sorted(set(told("resolved"))), ["s0", "s1"], "nothing else was told of as resolved")
        incidents = agent.incidents()
        self.assertEqual(len(incidents), 5, [i["title"] for i in incidents])
        self.assertEqual(sorted(i["labels"]["series"] for i in incidents if i["status"] == "OPEN"), ["s2", "s3", "s4"])
        self.assertEqual({i["severity"] for i in incidents}, {"CRITICAL"})
        # A firing group is told of once; again only with an end in it, or a repeated key after a kill.
        firsts = {}
        for request in receiver.requests:
            body = json.loads(request["body"])
            if body["status"] == "firing":
                firsts.setdefault(body["groupLabels"]["series"], set()).add(request["headers"]["Idempotency-Key"])
        self.assertEqual({series: len(keys) for series, keys in firsts.items()}, {f"s{n}": 1 for n in range(5)})


if __name__ == "__main__":
    main()
