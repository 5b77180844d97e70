#!/usr/bin/env python3
"""PagerDuty by the real agent, against a server that answers as the Events API does: 202, 429 with Retry-After, 400 with its errors.
Every event that arrives is checked; where the contract folder lies beside the project, also against PagerDuty's schema, with wrong
twins that the schema must refuse."""
import copy
import json

from world import SHARED, Case, main, signal_of, until

CONFIG = """
[source.http]
[notifier.pagerduty]
routing_key = "0123456789abcdef0123456789s3cret"
url = "%s/v2/enqueue"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
policy = "ops"
[policy.ops]
steps = [ { notify = ["pagerduty"] } ]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "5m"
message = "{{loader}} failed: \\"quoted\\" فشل"
"""
CONTRACT = SHARED / "contracts" / "pagerduty" / "events-v2.openapi.json"
ACCEPTED = (202, {}, json.dumps({"status": "success", "message": "Event processed", "dedup_key": "k"}).encode())


def violations_of():
    """The contract's check of an event, or why there is none."""
    if not CONTRACT.exists():
        return None, f"{CONTRACT} is not there"
    try:
        import jsonschema
    except ImportError:
        return None, "python3-jsonschema is not installed"
    document = json.loads(CONTRACT.read_text())
    schema = document["paths"]["/enqueue"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    checker = jsonschema.Draft7Validator({**schema, "components": document["components"]})
    return lambda event: [f"{list(e.absolute_path)}: {e.message[:200]}" for e in checker.iter_errors(event)], None


class PagerDuty(Case):
    def start(self, *answers):
        self.answers = list(answers)
        self.pager = self.hook(lambda request: self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
        self.a = self.agent(CONFIG % self.pager.url).start()

    def fail_loader(self):
        self.assertEqual(self.a.push([signal_of("etl.run", loader="DAILY_SALES", status="FAILED")]).status, 202)

    def events(self, count):
        return until(lambda: len(e := self.pager.json_bodies()) >= count and e, what=f"{count} events")

    def rows(self, condition, what):
        rows = until(lambda: (r := self.a.items("/api/v1/notifications/log")) and condition(r) and r, what=what)
        self.assertNotIn("s3cret", json.dumps(rows) + self.a.log.read_text())
        return rows

    def test_an_incident_is_triggered_acknowledged_and_resolved_under_one_key(self):
        self.start((429, {"Retry-After": "1"}, b""), ACCEPTED)
        self.fail_loader()
        refused, trigger = self.events(2)
        self.assertEqual(refused, trigger)
        self.assertGreaterEqual(self.pager.requests[1]["at"] - self.pager.requests[0]["at"], 0.9)
        self.rows(lambda rows: "SENT" in {r["status"] for r in rows}, "a SENT row")
        number = self.a.incidents()[0]["number"]
        self.a.cli("incident", "ack", number, check=0)
        acknowledge = self.events(3)[2]
        self.a.cli("incident", "resolve", number, "--notes", "done", check=0)
        resolve = self.events(4)[3]
        self.assertEqual([e["event_action"] for e in (trigger, acknowledge, resolve)], ["trigger", "acknowledge", "resolve"])
        self.assertEqual(len({e["dedup_key"] for e in (trigger, acknowledge, resolve)}), 1)
        self.assertEqual(self.pager.requests[0]["path"], "/v2/enqueue")
        payload = trigger["payload"]
        self.assertEqual((payload["severity"], payload["source"], payload["class"]), ("error", "DAILY_SALES", "loader_failed"))
        self.assertEqual(payload["custom_details"]["alerts"][0]["message"], 'DAILY_SALES failed: "quoted" فشل')
        self.check_contract(trigger, acknowledge, resolve)

    def check_contract(self, *events):
        violations, why = violations_of()
        if not violations:
            print(f"pagerduty contract: skipped, {why}")
            return
        for event in events:
            self.assertEqual(violations(event), [])
            self.assertTrue(0 < len(event["dedup_key"]) <= 255)
        for path, wrong in ((("payload", "severity"), "HIGH"), (("payload", "source"), None), (("payload", "summary"), None), (("event_action",), "open"),
                            (("routing_key",), None), (("links",), [{"text": "no href"}])):
            twin = copy.deepcopy(events[0])
            place = twin
            for step in path[:-1]:
                place = place[step]
            place.pop(path[-1], None)
            if wrong is not None:
                place[path[-1]] = wrong
            self.assertTrue(violations(twin), f"the contract lets {path} = {wrong} pass")

    def test_a_refused_event_is_given_up_with_pagerdutys_errors(self):
        errors = {"status": "invalid event", "message": "Event object is invalid", "errors": ["Length of 'routing_key' is incorrect"]}
        self.start((400, {}, json.dumps(errors).encode()))
        self.fail_loader()
        rows = self.rows(lambda rows: any(r["error"] for r in rows), "a failed attempt")
        error = next(r["error"] for r in rows if r["error"])
        self.assertIn("Length of 'routing_key' is incorrect", error)
        self.assertIn("[notifier.pagerduty]", error)

    def test_a_trial_message_is_resolved_at_once(self):
        self.start(ACCEPTED)
        self.a.cli("notify", "test", "pagerduty", check=0)
        first, second = self.events(2)
        self.assertEqual([first["event_action"], second["event_action"]], ["trigger", "resolve"])
        self.assertEqual(first["dedup_key"], second["dedup_key"])


if __name__ == "__main__":
    main()
