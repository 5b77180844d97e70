#!/usr/bin/env python3
"""The default ladder's steps in seconds instead of minutes, on the real binary: mail to a real SMTP server, SMS and calls to a
provider that behaves as such do, the manager last; and each way in which an acknowledgement stops it, at each step."""
import re
import threading

from aiosmtpd.controller import Controller
from telephone import FIRST, MANAGER, NOTIFIERS, RULE, Provider, say, tell
from world import Case, free_port, main, signal_of, until

MAIL = """
[notifier.mail]
plugin = "email"
url = "smtp://127.0.0.1:%d"
starttls = "never"
from = "Tocsin <tocsin@corp.example>"
[route]
group_by = ["alertname", "loader"]
policy = "tier"
[policy.tier]
steps = [
  { notify = ["mail:contact.first"], escalate_after = "%s" },
  { notify = ["sms:contact.first"], escalate_after = "%s" },
  { notify = ["ivr:contact.first"], escalate_after = "%s" },
  { notify = ["ivr:contact.manager"], escalate_after = "1s" },
]
on_exhausted = ["mail:contact.first"]
"""


class Mailbox:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope.content.decode(errors="replace"))
        return "250 taken"


class Ladder(Case):
    def begin(self, *waits, extra=""):
        self.box = Mailbox()
        server = Controller(self.box, hostname="127.0.0.1", port=free_port())
        server.start()
        self.addCleanup(server.stop)
        self.provider = Provider(self)
        mail = MAIL % ((server.port,) + (waits or ("1s", "1s", "1s")))
        self.a = self.agent(NOTIFIERS % {"url": self.provider.url} + mail + RULE + extra).start()
        self.fire()

    def fire(self, loader="L1"):
        self.a.push([signal_of("etl.run", loader=loader, status="FAILED")])

    def incident(self):
        return until(lambda: self.a.incidents(), what="an incident")[0]

    def acknowledge(self, by="second"):
        self.a.cli("incident", "ack", self.incident()["number"], check=0)

    def acknowledged(self):
        return until(lambda: (i := self.incident())["acknowledged_at"] and i, what="acknowledged")

    def nothing_comes(self):
        """What explain foresees of the incident: nothing of a ladder."""
        coming = self.a.get(f"/api/v1/explain?incident={self.incident()['number']}").json["next"]
        self.assertEqual([d["what"] for d in coming if d["what"].startswith("ladder")], [])

    def alarms(self, loader="L1"):
        """Calls of the ladder, by the keys of its steps: those that tell of a change are none."""
        return [c for c in self.provider.requests("calls") if loader in c["text"] and ":s" in c["ref"]]

    def alarm(self, loader, count=1):
        """The newest of so many, as the provider took it."""
        taken = lambda: [c for c in self.provider.all_taken("calls", FIRST) if loader in c["text"] and ":s" in c["ref"]]
        return until(lambda: len(t := taken()) >= count and t, what=f"{count} calls about {loader}")[-1]

    def rows(self):
        return self.a.items("/api/v1/notifications/log")

    def spared(self):
        """How often the plugin that calls did not call again because somebody had answered."""
        found = re.search(r"^tocsin_plugin\S*calls_spared\S* (\d+)", self.a.get("/metrics").body.decode(), re.M)
        return int(found.group(1)) if found else 0

    def test_each_step_is_taken_and_the_last_ones_are_told(self):
        self.begin()
        until(lambda: self.box.mails, what="the mail")
        sms = self.provider.wait_for("sms", FIRST)
        self.assertTrue(sms["text"].startswith("[CRITICAL] "), sms)
        self.provider.wait_for("calls", FIRST)
        call = self.provider.wait_for("calls", MANAGER)
        self.assertIn("severity critical", call["text"])
        until(lambda: len(self.box.mails) >= 2, what="the mail of on_exhausted")
        times = [r["at"] for r in self.provider.hook.requests][:3]
        for before, after in zip(times, times[1:]):
            self.assertGreaterEqual(after - before, 0.9)
        self.nothing_comes()

    def test_an_acknowledgement_at_each_step_is_the_last_of_it(self):
        waits = ["1s", "1s", "1s"]
        arrivals = [lambda: self.box.mails, lambda: self.provider.all_taken("sms"), lambda: self.provider.all_taken("calls", FIRST),
                    lambda: self.provider.all_taken("calls", MANAGER)]
        for step, arrived in enumerate(arrivals):
            with self.subTest(step=step + 1):
                # The step to be acknowledged waits long enough for it.
                self.begin(*(waits[:step] + ["10m"] + waits[step + 1:])[:3])
                until(arrived, what=f"step {step + 1}")
                self.acknowledge()
                self.acknowledged()
                self.nothing_comes()
                for later in arrivals[step + 1:]:
                    self.assertEqual(later(), [])
                self.a.stop()

    def test_a_digit_pressed_in_the_call_stops_it(self):
        self.begin("1s", "1s", "10m")
        call = self.provider.wait_for("calls", FIRST)
        tell(self.a, "ivr", {"id": call["id"], "digits": "1"})
        incident = self.acknowledged()
        self.assertEqual(incident["acknowledged_by"], "first")
        self.nothing_comes()
        self.assertEqual(self.provider.all_taken("calls", MANAGER), [])

    def test_an_answer_that_comes_twice_and_late_counts_once(self):
        self.begin("1s", "1s", "10m")
        call = self.provider.wait_for("calls", FIRST)
        for _ in range(3):
            tell(self.a, "ivr", {"id": call["id"], "status": "completed", "digits": "1"})
        self.acknowledged()
        number = self.incident()["number"]
        timeline = lambda: self.a.get(f"/api/v1/incidents/{number}/timeline?limit=1000").json["items"]
        once = [e for e in timeline() if e["what"] == "status" and e["to"] == "ACKNOWLEDGED"]
        self.assertEqual(len(once), 1)
        self.a.cli("incident", "resolve", number, "--notes", "mended", check=0)
        self.assertEqual(say(self.a, "ivr", {"id": call["id"], "digits": "1"}), 200)
        self.assertEqual(self.incident()["status"], "RESOLVED")

    def test_a_digit_that_is_known_before_the_call_has_an_id_counts(self):
        """The provider calls back while it still has to answer that it took the call."""
        self.begin("1s", "1s", "10m")
        early = threading.Event()

        def slow(body):
            until(lambda: say(self.a, "ivr", {"id": "calls-2", "digits": "1"}) in (200, 202), what="the early word")
            early.set()
            return True

        self.provider.wait_for("sms", FIRST)
        self.provider.answers["calls"] = [slow]
        until(early.is_set, what="called back early")
        # The word is told as soon as the message stands in the log.
        self.assertEqual(until(lambda: (i := self.incident())["acknowledged_by"], 60, "acknowledged"), "first")

    def test_an_acknowledgement_while_a_call_is_being_placed_is_the_last_of_it(self):
        """The provider takes its time over the call, and then fails: nobody is called once more."""
        self.begin("1s", "1s", "10m")
        answered = threading.Event()

        def slow(body):
            answered.wait(20)
            return (500,)

        self.provider.answers["calls"] = [slow]
        until(lambda: self.provider.requests("calls"), what="the call being placed")
        self.acknowledge()
        self.acknowledged()
        answered.set()
        row = until(lambda: [r for r in self.rows() if r["type"] == "ivr" and r["status"] == "FAILED"],
                    what="the end of the attempt")[0]
        self.assertIn("500", row["error"])
        self.nothing_comes()
        self.assertEqual(len(self.alarms()), 1)
        self.assertEqual(self.a.items("/api/v1/dead-letters"), [])

    def test_a_call_already_due_again_is_not_made_once_somebody_acknowledged(self):
        self.begin("1s", "1s", "10m")
        call = self.provider.wait_for("calls", FIRST)
        self.acknowledge()
        self.acknowledged()
        tell(self.a, "ivr", {"id": call["id"], "status": "no-answer"})
        # Another incident's call, which nobody answers either and which is made again, comes later than that one would.
        self.fire("L2")
        tell(self.a, "ivr", {"id": self.alarm("L2")["id"], "status": "no-answer"})
        self.alarm("L2", 2)
        self.assertEqual(len(self.alarms()), 1)

    def test_nor_one_that_was_due_before_the_acknowledgement(self):
        self.begin("1s", "1s", "10m")
        call = self.provider.wait_for("calls", FIRST)
        tell(self.a, "ivr", {"id": call["id"], "status": "no-answer"})
        self.acknowledge()
        self.acknowledged()
        until(self.spared, what="a call that was spared")
        self.assertEqual(len(self.alarms()), 1)

    def test_without_an_answer_the_call_is_made_again(self):
        self.begin("1s", "1s", "10m")
        first = self.provider.wait_for("calls", FIRST)
        tell(self.a, "ivr", {"id": first["id"], "status": "busy"})
        second = self.provider.wait_for("calls", FIRST, 2)
        self.assertEqual(second["text"], first["text"])
        self.assertNotEqual(second["ref"], first["ref"])

    def test_a_provider_in_trouble_gets_each_message_once(self):
        self.begin("1s", "10m", "10m")
        self.provider.answers["sms"] = [(500,), None, (429, {"Retry-After": "1"})]
        self.provider.wait_for("sms", FIRST)
        refs = {r["ref"] for r in self.provider.requests("sms")}
        self.assertEqual(len(refs), 1, "the same key in each attempt")
        self.assertEqual(len(self.provider.all_taken("sms")), 1)

    def test_a_step_that_can_reach_nobody_passes_on_at_once(self):
        self.begin("1s", "10m", "10m")
        self.provider.answers["sms"] = [(422,)]
        self.provider.wait_for("calls", FIRST)

    def test_a_message_that_never_arrives_passes_on(self):
        self.begin("1s", "10m", "10m")
        sms = self.provider.wait_for("sms", FIRST)
        tell(self.a, "sms", {"id": sms["id"], "status": "UNDELIV"})
        self.provider.wait_for("calls", FIRST)

    def test_a_kill_in_the_middle_repeats_no_step_and_forgets_none(self):
        self.begin("1s", "3s", "1s")
        self.provider.wait_for("sms", FIRST)
        self.a.kill()
        self.a.start()
        self.provider.wait_for("calls", MANAGER)
        self.assertEqual(len({m["ref"] for m in self.provider.all_taken("sms")}), 1)


if __name__ == "__main__":
    main()
