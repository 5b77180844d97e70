#!/usr/bin/env python3
"""The whole path on the real binary: a signal pushed, an alert, an incident, a message; and the same after a restart."""
from world import Case, call, main, now, signal_of, until

ROUTE = """
[source.http]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
notify = ["hook"]
"""
RULE = """
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
aggregate = "count"
over = "5m"
op = ">="
threshold = 3
message = "{{loader}} failed {{value}} times"
"""


class Path(Case):
    def setUp(self):
        self.receiver = self.hook()
        self.a = self.agent(ROUTE % self.receiver.url + RULE).start()

    def fail_loader(self, loader, times=3):
        return self.a.push([signal_of("etl.run", loader=loader, status="FAILED") for _ in range(times)])

    def test_a_pushed_signal_becomes_an_incident_and_a_message(self):
        answer = self.fail_loader("DAILY_SALES")
        self.assertEqual((answer.status, answer.json), (202, {"accepted": 3, "rejected": []}))
        incident = until(self.a.incidents, what="incident")[0]
        self.assertEqual((incident["severity"], incident["status"]), ("HIGH", "OPEN"))
        self.assertIn("DAILY_SALES", incident["title"])
        body = until(self.receiver.json_bodies, what="message")[0]
        self.assertEqual((body["version"], body["status"]), ("4", "firing"))
        self.assertEqual(body["alerts"][0]["labels"]["loader"], "DAILY_SALES")
        self.assertEqual(body["alerts"][0]["annotations"]["message"], "DAILY_SALES failed 3 times")

    def test_below_the_threshold_nobody_is_told(self):
        self.fail_loader("QUIET", 2)
        self.fail_loader("LOUD")
        until(self.receiver.json_bodies, what="message")
        self.assertEqual([i["title"] for i in self.a.incidents() if "QUIET" in i["title"]], [])

    def test_a_batch_is_taken_in_part(self):
        answer = self.a.push([signal_of("etl.run", loader="A", status="OK"), {"name": "", "value": 1}, {"name": "x", "value": "much", "ts": now()},
                              signal_of("etl.run", ts=now() + 3600, loader="A")])
        self.assertEqual((answer.status, answer.json["accepted"]), (202, 1))
        self.assertEqual([(r["index"], bool(r["reason"])) for r in answer.json["rejected"]], [(1, True), (2, True), (3, True)])
        self.assertEqual(answer.json["rejected"][2]["error_type"], "future")
        self.assertIn("signals_validation_failures_total", until(lambda: self.a.get("/metrics").body.decode()))

    def test_history_answers_what_was_pushed(self):
        base = int(now()) // 60 * 60 - 600
        self.a.push([signal_of("etl.rows", value=v, ts=base + i * 60, loader="H") for i, v in enumerate([1, 2, 3, 4])])
        ask = lambda: self.a.get(f"/api/v1/signals/query?name=etl.rows&fromEpoch={base}&toEpoch={base + 600}&aggregation=raw").json
        found = until(lambda: (answer := ask()).get("dataPoints") and answer, 20, "history is written behind the answer to a push")
        self.assertEqual(found["name"], "etl.rows")
        self.assertEqual([p["value"] for p in found["dataPoints"]], [1, 2, 3, 4])
        self.assertEqual(found["dataPoints"][0]["timestamp"], base)
        for aggregation, value in (("avg", 2.5), ("sum", 10), ("min", 1), ("max", 4), ("count", 4), ("p50", 2.5)):
            found = self.a.get(f"/api/v1/signals/query?loaderCode=H&fromEpoch={base}&toEpoch={base + 600}&aggregation={aggregation}&bucket=1d").json
            points = found["dataPoints"] if "dataPoints" in found else found["series"][0]["dataPoints"]
            self.assertAlmostEqual(sum(p["value"] for p in points) / (1 if aggregation in ("sum", "count") else len(points)), value, msg=aggregation)

    def test_people_move_an_incident_along(self):
        self.fail_loader("X")
        number = until(self.a.incidents)[0]["number"]
        self.a.cli("incident", "ack", number, check=0)
        self.assertEqual(self.a.get(f"/api/v1/incidents/{number}").json["status"], "ACKNOWLEDGED")
        refused = self.a.cli("incident", "close", number, "--reason", "done", check=1)
        self.assertIn("RESOLVED", refused.stderr)
        self.a.cli("incident", "note", number, "looking into it", check=0)
        self.a.cli("incident", "assign", number, "nora", check=0)
        self.a.cli("incident", "resolve", number, "--notes", "restarted the loader", check=0)
        self.a.cli("incident", "close", number, "--reason", "verified", check=0)
        incident = self.a.get(f"/api/v1/incidents/{number}").json
        self.assertEqual((incident["status"], incident["owner"], incident["resolution_notes"]), ("CLOSED", "nora", "restarted the loader"))
        whats = [e["what"] for e in incident["timeline"]]
        for what in ("opened", "status", "note", "owner"):
            self.assertIn(what, whats)

    def test_after_a_restart_everything_is_still_there(self):
        self.fail_loader("KEEP")
        number = until(self.a.incidents)[0]["number"]
        until(self.receiver.json_bodies)
        self.assertEqual(self.a.stop(), 0)
        self.a.start()
        self.assertEqual([i["number"] for i in self.a.incidents()], [number])
        self.fail_loader("KEEP", 1)
        self.fail_loader("OTHER")
        until(lambda: len(self.a.incidents()) == 2, what="second incident")
        self.assertEqual(len([i for i in self.a.incidents() if "KEEP" in i["title"]]), 1)

    def test_the_metrics_and_the_notification_log_tell(self):
        self.fail_loader("M")
        log = until(lambda: self.a.items("/api/v1/notifications/log"), what="log row")
        self.assertEqual((log[0]["status"], log[0]["error"] or ""), ("SENT", ""))
        text = until(lambda: (t := self.a.get("/metrics").body.decode()) and "signals_ingested_total{" in t and t, what="metric")
        self.assertIn('loader_code="M"', text)
        for name in ("http_server_requests_seconds_bucket", "process_start_time_seconds", "circuit_breaker_state"):
            self.assertIn(name, text)

    def test_the_agent_describes_itself(self):
        self.assertEqual(self.a.get("/healthz").status, 200)
        document = self.a.get("/api/v1/openapi.json").json
        self.assertTrue(document["openapi"].startswith("3."))
        self.assertIn("/api/v1/incidents/{id}/status", document["paths"])
        problem = self.a.get("/api/v1/incidents/999999")
        self.assertEqual((problem.status, problem.headers["Content-Type"].split(";")[0]), (404, "application/problem+json"))
        self.assertEqual(call("GET", self.a.url + "/nowhere").status, 404)


if __name__ == "__main__":
    main()
