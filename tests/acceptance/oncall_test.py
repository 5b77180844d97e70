#!/usr/bin/env python3
"""Who is on call, on the real binary: the alert reaches whoever has the shift then, an override changes who that is and
survives kill -9, and the calendar says the same."""
import datetime
import json

from world import Case, call, main, now, signal_of, tocsin, until

CONFIG = """
[source.http]
[notifier.slack]
token = "xoxb-test"
api_url = "%(api)s"
[contact.first]
slack = "U0000001"
[contact.second]
slack = "U0000002"
[contact.manager]
slack = "U0000009"
[rotation.payments]
members = ["first", "second"]
shift = "%(shift)s"
handover = "%(handover)s"
zone = "Asia/Riyadh"
starts = "%(starts)s"
fallback = "manager"
[policy.payments]
steps = [ { notify = ["slack:rotation.payments"], escalate_after = "1h" } ]
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
policy = "payments"
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "1h"
"""
PEOPLE = {"U0000001": "first", "U0000002": "second", "U0000009": "manager"}
RIYADH = datetime.timezone(datetime.timedelta(hours=3))


def stamp(offset):
    return datetime.datetime.fromtimestamp(now() + offset, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class OnCall(Case):
    def setUp(self):
        self.slack = self.hook(lambda _: (200, {"Content-Type": "application/json"},
                                          json.dumps({"ok": True, "channel": "D1", "ts": "1.1"}).encode()))

    def config(self, days_ago, shift="1w"):
        """A rotation whose first hand-over was so many days ago, at about this time of the day in Riyadh."""
        begun = datetime.datetime.fromtimestamp(now() - 60, RIYADH) - datetime.timedelta(days=days_ago)
        return CONFIG % {"api": self.slack.url, "shift": shift, "handover": begun.strftime("%H:%M"), "starts": begun.strftime("%Y-%m-%d")}

    def fail_loader(self, loader):
        self.a.push([signal_of("etl.run", loader=loader, status="FAILED")])

    def told_of(self, loader):
        return [PEOPLE.get(body.get("channel")) for body in self.slack.json_bodies() if loader in json.dumps(body)]

    def reached(self, loader):
        self.fail_loader(loader)
        return until(lambda: self.told_of(loader), what=f"somebody told of {loader}")

    def oncall(self, *args):
        return json.loads(self.a.cli("oncall", "--json", *args, check=0).stdout)[0]

    def test_the_one_who_has_just_taken_over_is_told(self):
        self.a = self.agent(self.config(days_ago=7)).start()
        self.assertEqual(self.reached("L1"), ["second"])
        found = self.oncall()
        self.assertEqual((found["who"], found["by"], found["next"]["who"]), ("second", "shift", "first"))
        self.assertEqual(self.oncall("--at", stamp(-3600))["who"], "first")
        self.assertEqual(self.oncall("--at", "+8d")["who"], "first")

    def test_before_it_begins_the_fallback_is_told(self):
        self.a = self.agent(self.config(days_ago=-2)).start()
        self.assertEqual(self.reached("L1"), ["manager"])
        self.assertEqual(self.oncall()["by"], "fallback")

    def test_an_override_changes_who_is_told_and_survives_kill_9(self):
        self.a = self.agent(self.config(days_ago=0)).start()
        self.assertEqual(self.reached("L1"), ["first"])
        made = self.a.cli("oncall", "override", "payments", "--to", "second", "--until", "+2h", check=0).stdout.strip()
        self.a.kill()
        self.a.start()
        found = self.oncall()
        self.assertEqual((found["who"], found["by"], found["override"]), ("second", "override", made))
        self.assertEqual(self.reached("L2"), ["second"])
        self.assertIn("second (override)", self.a.cli("oncall", check=0).stdout)
        self.a.cli("oncall", "override", "--delete", made, check=0)
        self.a.kill()
        self.a.start()
        self.assertEqual(self.reached("L3"), ["first"])
        self.a.cli("oncall", "override", "--delete", made, check=1)

    def test_the_override_made_last_counts(self):
        self.a = self.agent(self.config(days_ago=0)).start()
        for who in ("second", "manager"):
            self.a.cli("oncall", "override", "payments", "--to", who, "--until", "+2h", check=0)
        self.assertEqual(self.reached("L1"), ["manager"])

    def test_wrong_overrides_are_refused_with_why(self):
        self.a = self.agent(self.config(days_ago=0)).start()
        for args, why in ((("paymets", "--to", "second", "--until", "+2h"), "did you mean \"payments\"?"),
                          (("payments", "--to", "secnd", "--until", "+2h"), "did you mean \"second\"?"),
                          (("payments", "--to", "second", "--from", "+3h", "--until", "+2h"), "ends after it begins")):
            self.assertIn(why, self.a.cli("oncall", "override", *args, check=1).stderr)
        self.assertIn("--until is missing", self.a.cli("oncall", "override", "payments", "--to", "second", check=2, input="").stderr)
        self.assertEqual(self.oncall()["overrides"], [])

    def test_the_calendar_has_ninety_days_and_the_override(self):
        self.a = self.agent(self.config(days_ago=0)).start()
        self.a.cli("oncall", "override", "payments", "--to", "manager", "--from", "+24h", "--until", "+30h", check=0)
        text = self.a.cli("oncall", "export", "payments", "--ics", check=0).stdout
        self.assertTrue(text.startswith("BEGIN:VCALENDAR"))
        self.assertEqual(text.count("SUMMARY:manager on call (payments)"), 1)
        self.assertGreater(text.count("BEGIN:VEVENT"), 13)
        answer = self.a.get("/api/v1/oncall/payments.ics")
        self.assertTrue(answer.headers["Content-Type"].startswith("text/calendar"))
        self.assertNotIn(b"\n", answer.body.replace(b"\r\n", b""))
        self.assertEqual(self.a.get("/api/v1/oncall/nothing.ics").status, 404)

    def test_route_test_names_the_person_and_the_rotation(self):
        self.a = self.agent(self.config(days_ago=7))
        for at, who in ((stamp(0), "second"), (stamp(-3600), "first"), (stamp(8 * 86400), "first")):
            answer = tocsin("route", "test", "alertname=A", "--at", at, "--config", self.a.config)
            row = next(line for line in answer.stdout.splitlines() if "ladder step 1" in line)
            self.assertIn(who, row.split())
            self.assertIn("slack:rotation.payments", row)

    def test_check_refuses_what_would_tell_nobody(self):
        self.a = self.agent(self.config(days_ago=0))
        good = self.a.config.read_text()
        for old, new, why in (('"first", "second"]', '"first", "secnd"]', 'there is no contact "secnd"'),
                              ('members = ["first", "second"]', "members = []", "names nobody"),
                              ('zone = "Asia/Riyadh"', 'zone = "Asia/Ryadh"', "there is no time zone"),
                              ('handover = "', 'handover = "someday ', "write it as")):
            self.a.config.write_text(good.replace(old, new))
            done = tocsin("check", "--config", self.a.config)
            self.assertNotEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn(why, done.stdout + done.stderr)

    def test_the_api_answers_problems(self):
        self.a = self.agent(self.config(days_ago=0)).start()
        url = self.a.url + "/api/v1/oncall/overrides"
        self.assertEqual(call("POST", url, {"rotation": "payments"}).status, 400)
        self.assertEqual(call("POST", url, {"rotation": "x", "to": "first", "until": stamp(60)}).status, 404)
        self.assertEqual(call("POST", url, {"rotation": "payments", "to": "first", "until": stamp(-60)}).status, 400)
        self.assertEqual(call("DELETE", url + "/nothing").status, 404)


if __name__ == "__main__":
    main()
