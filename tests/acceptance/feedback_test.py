#!/usr/bin/env python3
"""What comes back from outside, with the real binary: a provider's receipts and people's replies, through a plugin in
the agent's process and through one in its own, and over a kill -9."""
import json
import shutil
import unittest

from postgres_test import BIN, Postgres
from world import BUILD, Case, call, main, signal_of, until

CONFIG = """
[plugin.answerer]
isolation = "%s"
[source.http]
[notifier.text]
plugin = "answerer"
[contact.first]
phone = "966500000001"
[contact.second]
phone = "966500000002"
[policy.people]
steps = [
  { notify = ["text:contact.first"], escalate_after = "1h" },
  { notify = ["text:contact.second"], escalate_after = "1h" },
]
[route]
group_by = ["alertname", "loader"]
policy = "people"
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "1h"
"""


class Feedback(Case):
    def begin(self, isolation):
        self.a = self.agent(CONFIG % isolation)
        shutil.copy(BUILD / "tests" / "feedback" / "answerer.so", self.a.plugins)
        self.a.start()
        self.a.push([signal_of("etl.run", loader="L1", status="FAILED")])
        self.status_of("966500000001", "SENT")

    def log(self):
        return self.a.items("/api/v1/notifications/log")

    def status_of(self, number, status):
        rows = lambda: [r for r in self.log() if r.get("provider_id") == "p-" + number]
        return until(lambda: [r for r in rows() if r["status"] == status], what=f"{status} of {number}")[0]

    def back(self, what, number="966500000001", id="m-1", sender="+966 50 000 0001"):
        answer = call("POST", f"{self.a.url}/answerer/{what}/p-{number}/{id}", sender.encode(), {"content-type": "text/plain"})
        return answer.status, answer.body.decode()

    def replies(self, isolation):
        self.begin(isolation)
        number = self.a.incidents()[0]["number"]
        self.assertEqual(self.back("acknowledge"), (200, f"changed: {number} acknowledged by first"))
        incident = self.a.incidents()[0]
        self.assertEqual((incident["status"], incident["acknowledged_by"]), ("ACKNOWLEDGED", "first"))
        self.assertEqual(self.back("acknowledge"), (200, "same: this answer was taken before"))
        self.assertEqual(self.back("acknowledge", id="m-2", sender="966500000002"),
                         (200, f"same: {number} was acknowledged before by first"))
        self.a.kill()
        self.a.start()
        self.assertEqual(self.back("acknowledge"), (200, "same: this answer was taken before"))
        self.assertEqual(self.back("resolve", id="m-3")[0], 200)
        self.assertEqual(self.a.incidents()[0]["resolution_notes"], "resolved by SMS reply")
        shown = json.loads(self.a.cli("incident", "show", number, "--json", check=0).stdout)
        self.assertIn("first by SMS reply", {e["actor"] for e in shown["timeline"]})

    def test_a_reply_acknowledges_once(self):
        self.replies("none")

    def test_a_reply_to_an_isolated_plugin_acknowledges_once(self):
        self.replies("process")

    def test_a_delivered_message_stays_delivered(self):
        self.begin("none")
        self.assertEqual(self.back("delivered")[0], 200)
        self.assertEqual(self.status_of("966500000001", "DELIVERED")["error"] or "", "")
        self.assertEqual(self.back("failed")[0], 200)
        self.status_of("966500000001", "DELIVERED")

    def test_a_failed_message_takes_the_next_step(self):
        self.begin("process")
        self.assertEqual(self.back("failed")[0], 200)
        self.assertEqual(self.status_of("966500000001", "FAILED")["error"], "UNDELIV")
        self.status_of("966500000002", "SENT")

    def test_what_nobody_knows_is_said_again_later(self):
        self.begin("none")
        self.assertEqual(self.back("delivered", number="777")[0], 503)
        status, text = self.back("acknowledge", number="777")
        self.assertEqual(status, 503)
        self.assertIn("not in the notification log yet", text)
        self.assertEqual(self.back("sing"), (409, "answer: its kind is one that this host does not know"))


@unittest.skipUnless(BIN, "skipped: PostgreSQL's server is not installed (package postgresql)")
class FeedbackInAFleet(Case):
    def member(self, db, name):
        storage = f"""
[storage]
url = "postgres://postgres@127.0.0.1:{db.port}/postgres"
password = "file:{{dir}}/db_password"
"""
        agent = self.agent(storage + CONFIG % "none", files={"db_password": "database password\n"})
        agent.config.write_text(agent.config.read_text().replace('"test-agent"', f'"{name}"'))
        shutil.copy(BUILD / "tests" / "feedback" / "answerer.so", agent.plugins)
        return agent.start()

    def test_receipts_are_taken_anywhere_and_answers_where_it_is_decided(self):
        db = Postgres()
        self.addCleanup(db.cleanup)
        db.start()
        a, b = self.member(db, "agent-a"), self.member(db, "agent-b")
        a.push([signal_of("etl.run", loader="L1", status="FAILED")])
        log = lambda: [r["status"] for r in b.items("/api/v1/notifications/log")]
        until(lambda: log() == ["SENT"], what="sent")
        back = lambda agent, what: call("POST", f"{agent.url}/answerer/{what}/p-966500000001/m-1", b"966500000001")
        refused = back(b, "acknowledge")
        self.assertEqual(refused.status, 503)
        self.assertIn("another agent decides", refused.body.decode())
        self.assertEqual(b.incidents()[0]["status"], "OPEN")
        self.assertEqual(back(b, "delivered").status, 200)
        self.assertEqual(log(), ["DELIVERED"])
        self.assertEqual(back(a, "acknowledge").status, 200)
        self.assertEqual(b.incidents()[0]["acknowledged_by"], "first")


if __name__ == "__main__":
    main()
