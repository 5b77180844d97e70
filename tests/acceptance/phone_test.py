#!/usr/bin/env python3
"""SMS and calls by the real agent, through a provider of one's own that answers as such do: an id, 429 with Retry-After, 500,
a refusal for good, a lost answer; the state by poll; callbacks at the paths that the configuration names."""
import hashlib
import hmac
import json
import threading

from world import Case, call, main, signal_of, until

CONFIG = """
[source.http]
[notifier.%(kind)s.send]
url = "%(url)s/send"
headers = { Authorization = "Bearer s3cret" }
body = '{"to": "{{recipient}}", "text": "{{text}}", "ref": "{{key}}"}'
id = "/messageId"
permanent = [400, 422]
%(more)s
[contact.first]
phone = "+966500000001"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
policy = "ops"
[policy.ops]
steps = [ { notify = ["%(kind)s:contact.first"] } ]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "5m"
message = "{{loader}} failed: \\"disk\\" & فشل"
"""
CALLBACK = """
[notifier.%s.callback]
path = "/callbacks/phone"
auth = { type = "hmac", secret = "cb-s3cret" }
id = "/id"
state = "/status"
"""
STATUS = """
[notifier.sms.status]
url = "{url}/state/{{id}}"
state = "/state"
every = "1s"
"""
TAKEN = (202, {"Content-Type": "application/json"}, b'{"messageId": "m-1"}')


class Phone(Case):
    """`answers`: what sending is answered with, in order; the last for ever. None drops the line."""

    def start(self, *answers, kind="sms", more=""):
        self.answers, lock = list(answers), threading.Lock()

        def answer(request):
            if request["path"].startswith("/state/"):
                return 200, {"Content-Type": "application/json"}, b'{"state": "DELIVRD"}'
            with lock:
                return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.provider = self.hook(answer)
        self.a = self.agent(CONFIG % {"kind": kind, "url": self.provider.url, "more": more.replace("{url}", self.provider.url)}).start()

    def fail_loader(self, loader="DAILY_SALES"):
        self.assertEqual(self.a.push([signal_of("etl.run", loader=loader, status="FAILED")]).status, 202)

    def bodies(self, count=1):
        sent = lambda: [json.loads(r["body"]) for r in self.provider.requests if r["path"] == "/send"]
        return until(lambda: len(b := sent()) >= count and b, what=f"{count} requests")

    def log_rows(self, condition, what):
        rows = until(lambda: (r := self.a.items("/api/v1/notifications/log")) and condition(r) and r, what=what)
        self.assertNotIn("s3cret", json.dumps(rows) + self.a.log.read_text())
        return rows

    def sent(self):
        return self.log_rows(lambda rows: "SENT" in {r["status"] for r in rows}, "a SENT row")

    def error(self):
        return self.log_rows(lambda rows: any(r["error"] for r in rows), "a failed attempt in the log")[0]["error"]

    def call_back(self, body, secret="cb-s3cret"):
        text = json.dumps(body)
        signature = "sha256=" + hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return call("POST", self.a.url + "/callbacks/phone", text.encode(), {"X-Hub-Signature": signature}).status

    def test_a_message_reaches_the_provider(self):
        self.start(TAKEN)
        self.fail_loader()
        body = self.bodies()[0]
        self.assertEqual(body["to"], "+966500000001")
        self.assertRegex(body["text"], r"^\[HIGH\] \d+ ")
        self.assertIn('failed: "disk" & فشل', body["text"])
        self.assertEqual(self.provider.requests[0]["headers"]["Authorization"], "Bearer s3cret")
        self.sent()

    def test_a_call_reaches_the_provider(self):
        self.start(TAKEN, kind="ivr", more=CALLBACK % "ivr" + 'digits = "/digits"\n')
        self.fail_loader()
        text = self.bodies()[0]["text"]
        self.assertTrue(text.startswith("Alert, severity high. "), text)
        self.assertTrue(text.endswith("Press 1 to acknowledge, 2 for details, 3 to escalate."), text)
        self.sent()

    def test_being_too_fast_waits_and_sends_again(self):
        self.start((429, {"Retry-After": "1"}, b""), TAKEN)
        self.fail_loader()
        bodies = self.bodies(2)
        self.assertEqual(bodies[0], bodies[1])  # the key too
        first, second = (r["at"] for r in self.provider.requests[:2])
        self.assertGreaterEqual(second - first, 0.9)
        self.sent()

    def test_a_provider_in_trouble_is_tried_again(self):
        self.start((500, {}, b"oops"), None, (404, {}, b""), TAKEN)
        self.fail_loader()
        bodies = self.bodies(4)
        self.assertEqual(len({b["ref"] for b in bodies}), 1)
        self.sent()

    def test_what_is_permanent_is_given_up(self):
        self.start((422, {}, b"no such number"), TAKEN)
        self.fail_loader()
        self.assertIn("no such number", self.error())
        self.fail_loader("OTHER")
        self.assertIn("OTHER", self.bodies(2)[1]["text"])

    def test_the_state_is_asked_for_by_its_id(self):
        self.start(TAKEN, more=STATUS)
        self.fail_loader()
        asked = until(lambda: [r for r in self.provider.requests if r["path"] == "/state/m-1"], what="a question for the state")
        self.assertEqual(asked[0]["headers"]["Authorization"], "Bearer s3cret")

    def test_callbacks_come_to_the_path_that_is_named(self):
        self.start(TAKEN, more=CALLBACK % "sms")
        self.assertEqual(self.call_back({"id": "m-1", "status": "DELIVRD"}, "guess"), 401)
        self.assertEqual(self.call_back({"id": "m-9", "status": "DELIVRD"}), 202)
        self.assertEqual(call("GET", self.a.url + "/callbacks/phone").status, 405)
        self.assertEqual(call("POST", self.a.url + "/callbacks/other", {}).status, 404)
        self.assertIn("/callbacks/phone", self.a.get("/api/v1/openapi.json").json["paths"])

    def test_paths_are_checked(self):
        for path, why in (("/api/v1/incidents", "the agent's own"), ("cb", "begins with")):
            config = (CONFIG % {"kind": "sms", "url": "http://127.0.0.1:1", "more": CALLBACK % "sms"}).replace("/callbacks/phone", path)
            agent = self.agent(config)
            done = agent.cli("check", "--config", agent.config)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn(why, done.stdout + done.stderr)


if __name__ == "__main__":
    main()
