#!/usr/bin/env python3
"""What a real Prometheus knows: captured as signals of the loaders STATS-…, asked by the shipped rules as they are written, and by rules that
users insert into the database."""
import contextlib
import http.server
import sqlite3
import threading
import time
import unittest

from prometheus_test import PROMETHEUS, Prometheus
from world import BUILD, Case, main, now, until

PLUGIN = BUILD / "plugins/prometheus.so"
CONFIG = """
[rules]
pack = "default"
[source.prom]
plugin = "prometheus"
url    = "http://127.0.0.1:%d"
[statistics]
every = "10s"
[statistics.metric.QUEUE_LENGTH]
loader = "STATS-QUEUE"
source = "prom"
query  = { expr = "sum by (queue) (queue_messages)" }
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["..."]
group_wait = "0s"
group_interval = "1s"
notify = ["hook"]
"""
# Each shipped rule that asks Prometheus, as it is written, but more often.
RULES = ("circuit_breaker_open", "database_connection_pool_exhausted", "high_memory_usage", "pod_restart_loop", "pvc_storage_critical",
         "node_cpu_exhaustion")
TYPES = {"LATENCY_P99_MS": "STATS-PERF", "THROUGHPUT_REQ_PER_SEC": "STATS-PERF", "UPTIME_PERCENT_5MIN": "STATS-AVAIL", "CPU_USAGE_PERCENT": "STATS-INFRA",
         "MEMORY_USAGE_PERCENT": "STATS-INFRA", "POD_RESTARTS_5MIN": "STATS-INFRA", "QUEUE_LENGTH": "STATS-QUEUE"}


class Cluster:
    """A target that says what a service, a node, a container and a volume in trouble say; counters run with the clock."""

    def __init__(self):
        self.begun = time.monotonic()
        self.broken = True
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = cluster.text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def text(self):
        t = time.monotonic() - self.begun
        idle = 0.02 if self.broken else 0.9
        state = 1 if self.broken else 0
        return f"""http_server_requests_seconds_bucket{{le="0.1"}} {90 * t}
http_server_requests_seconds_bucket{{le="0.5"}} {100 * t}
http_server_requests_seconds_bucket{{le="+Inf"}} {100 * t}
http_server_requests_seconds_count {100 * t}
resilience4j_circuitbreaker_state{{name="bank",state="open",service_name="pay"}} {state}
resilience4j_circuitbreaker_state{{name="bank",state="closed",service_name="pay"}} {1 - state}
hikaricp_connections_active{{pool="orders"}} {19 if self.broken else 3}
hikaricp_connections_max{{pool="orders"}} 20
container_memory_working_set_bytes{{namespace="etl",pod="load-0",container="load"}} {950 if self.broken else 100}
container_spec_memory_limit_bytes{{namespace="etl",pod="load-0",container="load"}} 1000
container_spec_memory_limit_bytes{{namespace="etl",pod="free-0",container="free"}} 0
kube_pod_container_status_restarts_total{{namespace="etl",pod="load-0",container="load"}} {int(t)}
kube_pod_container_status_waiting_reason{{namespace="etl",pod="load-0",container="load",reason="CrashLoopBackOff"}} {state}
kubelet_volume_stats_used_bytes{{namespace="etl",persistentvolumeclaim="data"}} {95 if self.broken else 10}
kubelet_volume_stats_capacity_bytes{{namespace="etl",persistentvolumeclaim="data"}} 100
node_cpu_seconds_total{{cpu="0",mode="idle"}} {idle * t}
node_cpu_seconds_total{{cpu="0",mode="user"}} {(1 - idle) * t}
node_memory_MemAvailable_bytes 250
node_memory_MemTotal_bytes 1000
queue_messages{{queue="loads"}} 7
queue_messages{{queue="mails"}} 2
"""

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@unittest.skipUnless(PROMETHEUS, "skipped: Prometheus is not installed (package prometheus)")
@unittest.skipUnless(PLUGIN.exists(), "skipped: the plugin prometheus is not built")
class OfPrometheus(Case):
    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        self.prometheus = Prometheus(self.cluster.server.server_address[1], 9)
        self.addCleanup(self.prometheus.close)
        self.prometheus.start()
        self.receiver = self.hook()
        often = "".join(f'[pack.default.rule.{name}]\nevery = "1s"\n' for name in RULES)
        self.a = self.agent(CONFIG % (self.prometheus.port, self.receiver.url) + often).start()

    def told(self, status="firing"):
        return {a["labels"]["alertname"]: a for b in self.receiver.messages() for a in b["alerts"] if a["status"] == status}

    def series(self, **query):
        text = "&".join(f"{k}={v}" for k, v in query.items())
        answer = self.a.get(f"/api/v1/signals/query?{text}&fromEpoch={int(now()) - 600}&toEpoch={int(now()) + 60}").json
        return [s for s in answer.get("series", [answer]) if s.get("dataPoints")]

    def test_statistics_become_signals_with_their_loader_type_and_source(self):
        for name, loader in TYPES.items():
            until(lambda: self.series(name=name), 60, name)
            labels = self.series(name=name)[0]["labels"]
            self.assertEqual((labels["loader"], labels["metric_type"], labels["metric_source"]), (loader, name, "PROMETHEUS"))
        latest = {name: self.series(name=name)[0]["dataPoints"][-1]["value"] for name in TYPES}
        self.assertEqual(latest["MEMORY_USAGE_PERCENT"], 75)
        self.assertEqual(latest["UPTIME_PERCENT_5MIN"], 100)
        self.assertTrue(100 < latest["LATENCY_P99_MS"] <= 500, latest)
        self.assertEqual({s["labels"]["queue"]: s["dataPoints"][-1]["value"] for s in self.series(loaderCode="STATS-QUEUE")}, {"loads": 7, "mails": 2})

    def test_the_shipped_rules_fire_as_they_are_written_and_resolve(self):
        until(lambda: set(self.told()) >= set(RULES), 90, f"each of {RULES}")
        self.assertEqual(self.told()["circuit_breaker_open"]["annotations"]["message"], "Circuit breaker bank of pay is open")
        self.assertEqual(self.told()["high_memory_usage"]["labels"]["pod"], "load-0")
        self.assertEqual(self.told()["pvc_storage_critical"]["annotations"]["message"], "Volume data of etl is 95 % full, above 90 %")
        self.cluster.broken = False
        # Those that look at the present; a rate or an increase of five minutes takes as long to forget.
        soon = {"circuit_breaker_open", "database_connection_pool_exhausted", "high_memory_usage", "pvc_storage_critical"}
        until(lambda: set(self.told("resolved")) >= soon, 60, "resolved")

    def test_a_rule_in_the_database_asks_the_same_server(self):
        with contextlib.closing(sqlite3.connect(self.a.dir / "data" / "tocsin.db", timeout=20)) as db, db:
            db.execute("insert into incident_detection_rules (rule_name, rule_type, metric_query, query_type, threshold_operator, threshold_value, severity, "
                       "alert_message_template, evaluation_interval_seconds) values ('queue_long', 'INTEGRATION', 'sum by (queue) (queue_messages)', "
                       "'PROMETHEUS', 'GT', 5, 'HIGH', '{{queue}} has {{value}}', 1)")
        until(lambda: "queue_long" in self.told(), 60, "told")
        self.assertEqual(self.told()["queue_long"]["annotations"]["message"], "loads has 7")


if __name__ == "__main__":
    main()
