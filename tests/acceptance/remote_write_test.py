#!/usr/bin/env python3
"""A real Prometheus writes to the agent by remote_write: what it scraped is what the agent has, sample by sample, also when the agent is
killed meanwhile; its staleness markers end alerts."""
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse
from pathlib import Path

from scrape_test import Pages, TEXT
from world import Case, call, free_port, main, now, until

PROMETHEUS = shutil.which("prometheus")
CONFIG = """
[source.remote_write]
[[rule]]
name = "queue_long"
severity = "HIGH"
signal = "queue"
by = ["instance"]
op = ">"
threshold = 5
cooldown = "0s"
[route]
"""


class Server:
    def __init__(self, target, agent):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-prom-"))
        self.port = free_port()
        (self.dir / "p.yml").write_text(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: shop
    metrics_path: /shop
    static_configs: [{{targets: ['127.0.0.1:{target}']}}]
remote_write:
  - url: {agent.url}/api/v1/write
    queue_config: {{batch_send_deadline: 200ms, min_backoff: 100ms, max_backoff: 500ms}}
""")
        with open(self.dir / "out", "wb") as out:
            self.process = subprocess.Popen([PROMETHEUS, f"--config.file={self.dir}/p.yml", f"--storage.tsdb.path={self.dir}/data",
                                             f"--web.listen-address=127.0.0.1:{self.port}"], stdout=out, stderr=out)

    def samples(self, selector):
        """{time in ms: value} of the one series it has of this."""
        try:
            result = call("GET", f"http://127.0.0.1:{self.port}/api/v1/query?query={urllib.parse.quote(selector + '[5m]')}").json["data"]["result"]
        except (OSError, ValueError, KeyError):
            return {}
        return {round(float(at) * 1000): float(value) for series in result for at, value in series["values"]}

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


@unittest.skipIf(not PROMETHEUS, "prometheus is not installed (scripts/packages test installs it)")
class RemoteWrite(Case):
    def setUp(self):
        self.pages = Pages({"shop": (TEXT, 'queue{lane="a"} 1\n')})
        self.addCleanup(self.pages.close)
        self.a = self.agent(CONFIG).start()
        self.server = Server(self.pages.port, self.a)
        self.addCleanup(self.server.close)

    def samples(self, name):
        at = int(now())
        answer = self.a.get(f"/api/v1/signals/query?name={name}&fromEpoch={at - 300}&toEpoch={at + 60}&aggregation=raw").json
        return {round(p["timestamp"] * 1000): p["value"] for s in answer.get("series", [answer]) for p in s["dataPoints"]}

    def test_a_value_over_a_threshold_alerts_and_a_target_that_is_gone_ends_it(self):
        until(lambda: self.samples("queue"), 40, "the first sample")
        self.assertEqual(self.a.incidents(), [])
        self.pages.pages["shop"] = (TEXT, 'queue{lane="a"} 9\n')
        firing = lambda: [a for a in self.a.items("/api/v1/alerts") if a.get("state", "firing").lower() == "firing"]
        until(firing, what="the alert")
        self.pages.down.add("shop")
        until(lambda: not firing(), 30, "the alert ends at the staleness marker")

    def test_no_sample_is_lost_when_the_agent_is_killed_and_started_again(self):
        until(lambda: len(self.samples("queue")) > 2, 40, "samples")
        self.a.kill()
        before = len(self.server.samples("queue"))
        until(lambda: len(self.server.samples("queue")) > before + 2, what="samples meanwhile")
        self.a.start()
        wanted = self.server.samples("queue")
        until(lambda: set(wanted) <= set(self.samples("queue")) or None, 40, "the samples of meanwhile")
        found = self.samples("queue")
        self.assertEqual({at: found[at] for at in wanted}, wanted)

    def test_what_is_no_body_is_answered_400_and_another_version_415(self):
        head = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
        self.assertEqual(call("POST", self.a.url + "/api/v1/write", b"cut", head).status, 400)
        head["Content-Type"] += ";proto=io.prometheus.write.v2.Request"
        answer = call("POST", self.a.url + "/api/v1/write", b"", head)
        self.assertEqual(answer.status, 415)
        self.assertIn(b"prometheus.WriteRequest", answer.body)


if __name__ == "__main__":
    main()
