#!/usr/bin/env python3
"""Fire drills on the real binary: a real route, a provider of SMS and calls, people who answer and people who do not, and no
ticket of it."""
import json
import threading

from telephone import FIRST, MANAGER, NOTIFIERS, Provider, tell
from world import Case, call, main, until

CONFIG = """
[tracker.jira]
api_url = "%(jira)s"
username = "bot@corp.example"
token = "t0ken"
project = "OPS"
[route]
group_by = ["alertname"]
[[route.routes]]
name = "payments"
matchers = ['team="payments"']
policy = "payments"
[[route.routes]]
name = "unmanned"
matchers = ['team="nobody"']
policy = "manager"
[policy.payments]
steps = [
  { notify = ["sms:contact.first"], escalate_after = "1s" },
  { notify = ["ivr:contact.manager"], escalate_after = "1h" },
]
[policy.manager]
steps = [ { notify = ["sms:contact.manager"] } ]
"""


class Drill(Case):
    def setUp(self):
        self.provider, self.jira = Provider(self), self.hook(lambda _: (200, {}, b"{}"))
        self.a = self.agent(NOTIFIERS % {"url": self.provider.url} + CONFIG % {"jira": self.jira.url}).start()

    def hold(self, *args, route="payments"):
        """The command in a thread of its own; what it ended with."""
        done = []
        thread = threading.Thread(target=lambda: done.append(self.a.cli("fire-drill", "--route", route, "--yes", *args)))
        thread.start()
        self.addCleanup(thread.join)
        return thread, done

    def number(self):
        return until(lambda: self.a.incidents(), what="the drill's incident")[0]["number"]

    def drill(self):
        return self.a.get(f"/api/v1/drills/{self.number()}").json

    def test_the_way_out_and_back(self):
        thread, done = self.hold("--json", "--severity", "CRITICAL")
        sms = self.provider.wait_for("sms", FIRST)
        self.assertTrue(sms["text"].startswith("[CRITICAL] "), sms)
        self.assertIn("DRILL: fire drill of route payments", sms["text"])
        tell(self.a, "sms", {"id": sms["id"], "status": "DELIVRD"})
        until(lambda: "DELIVERED" in {m["state"] for m in self.drill()["messages"]}, what="the receipt in the report")
        self.assertIn("DRILL", self.provider.wait_for("calls", MANAGER)["text"])
        tell(self.a, "sms/inbound", {"from": FIRST, "text": f"{self.number()}a", "id": "r-1"})
        thread.join()
        self.assertEqual(done[0].returncode, 0, done[0].stdout + done[0].stderr)
        drill = json.loads(done[0].stdout)
        self.assertEqual((drill["state"], drill["acknowledged_by"], drill["way"]), ("ACKNOWLEDGED", "first", "SMS reply"))
        told = {m["who"]: m for m in drill["messages"]}
        self.assertEqual((told["first"]["type"], told["first"]["state"]), ("sms", "DELIVERED"))
        self.assertEqual((told["manager"]["type"], told["manager"]["reason"]), ("ivr", "ladder step 2"))
        for moment in ("decided_at", "sent_at", "delivered_at"):
            self.assertTrue(told["first"][moment], moment)
        ended = until(lambda: (i := self.a.incidents()[0])["status"] == "RESOLVED" and i, what="the end of the drill")
        self.assertIn("acknowledged by first after ", ended["resolution_notes"])
        self.assertEqual(ended["labels"]["drill"], "true")
        opened = [r for r in self.jira.requests if r["method"] == "POST" and r["path"].rstrip("/").endswith("/issue")]
        self.assertEqual(opened, [], "no ticket, not even of something critical")

    def test_without_an_answer_it_ends_by_itself_and_says_so(self):
        thread, done = self.hold("--wait", "2s", route="unmanned")
        thread.join()
        self.assertEqual(done[0].returncode, 1)
        self.assertIn("nobody acknowledged it within 2s", done[0].stdout)
        self.assertIn("SENT", done[0].stdout)
        self.assertEqual(self.a.incidents()[0]["status"], "RESOLVED")
        drill = self.drill()
        self.assertEqual((drill["state"], drill["ends_at"]), ("UNANSWERED", None))

    def test_whether_messages_leave_can_be_tried_alone(self):
        thread, done = self.hold("--no-ack", route="unmanned")
        thread.join()
        self.assertEqual(done[0].returncode, 0, done[0].stdout + done[0].stderr)
        until(lambda: self.a.incidents()[0]["status"] == "RESOLVED", what="the end of the drill")

    def test_a_message_that_cannot_leave_fails_it(self):
        self.provider.answers["sms"] = [(422,)]
        thread, done = self.hold("--no-ack", route="unmanned")
        thread.join()
        self.assertEqual(done[0].returncode, 1)
        self.assertIn("not every message has left", done[0].stdout)

    def test_others_can_be_told_instead(self):
        thread, done = self.hold("--no-ack", "--to", "ivr:contact.first")
        self.assertIn("DRILL", self.provider.wait_for("calls", FIRST)["text"])
        thread.join()
        self.assertEqual(done[0].returncode, 0, done[0].stdout + done[0].stderr)
        self.assertEqual(self.provider.all_taken("sms"), [])

    def test_it_ends_by_itself_over_a_kill(self):
        answer = call("POST", self.a.url + "/api/v1/drills", {"route": "unmanned", "wait": "3s", "by": "test"})
        self.assertEqual(answer.status, 201)
        self.assertEqual(answer.json["state"], "RUNNING")
        self.a.kill()
        self.a.start()
        until(lambda: self.a.get(f"/api/v1/drills/{answer.json['id']}").json["state"] == "UNANSWERED", what="its end")

    def test_it_is_not_held_by_mistake(self):
        asked = self.a.cli("fire-drill", "--route", "payments")
        self.assertEqual(asked.returncode, 2)
        self.assertIn("--yes", asked.stderr)
        wrong = self.a.cli("fire-drill", "--route", "paymets", "--yes")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn('did you mean "payments"', wrong.stderr)
        self.a.cli("notify", "pause", "--for", "10m", check=0)
        paused = self.a.cli("fire-drill", "--route", "payments", "--yes")
        self.assertEqual(paused.returncode, 1)
        self.assertIn("tocsin notify resume", paused.stderr)
        self.assertEqual(self.a.incidents(), [])


if __name__ == "__main__":
    main()
