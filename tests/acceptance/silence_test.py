#!/usr/bin/env python3
"""Silences on the real binary: set by the command line, held over kill -9, expired, and then people are told."""
import datetime
import json

from world import Case, call, main, now, signal_of, until

CONFIG = """
[source.http]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
group_interval = "1s"
notify = ["hook"]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "1h"
"""
CONFIGURED = """
[silence.nightly]
matchers = ['loader="NIGHT"', 'severity="high"']
comment = "known and harmless"
"""


class Silence(Case):
    def setUp(self):
        self.receiver = self.hook()
        self.a = self.agent(CONFIG % self.receiver.url + CONFIGURED).start()

    def fail_loader(self, *loaders):
        self.a.push([signal_of("etl.run", loader=loader, status="FAILED") for loader in loaders])

    def told(self):
        return {a["labels"]["loader"] for body in self.receiver.json_bodies() for a in body["alerts"]}

    def opened(self, loader):
        until(lambda: any(loader in i["title"] for i in self.a.incidents()), what=f"incident of {loader}")

    def silence(self, *args):
        return self.a.cli("silence", *args, check=0).stdout.strip()

    def listed(self, *args):
        return json.loads(self.silence("query", "--json", *args))

    def test_a_silence_survives_kill_9_and_holds_until_it_is_expired(self):
        id_ = self.silence("add", "loader=QUIET", "-d", "2h", "-c", "CHG1", "-a", "nora")
        self.a.kill()
        self.a.start()
        self.assertEqual([(s["id"], s["created_by"], s["comment"], s["state"]) for s in self.listed("loader=QUIET")],
                         [(id_, "nora", "CHG1", "active")])
        self.fail_loader("QUIET")
        self.opened("QUIET")
        # A group that is told later than the silent one was due: what it had to say has been decided.
        self.fail_loader("LOUD")
        until(lambda: "LOUD" in self.told(), what="the loud one")
        self.assertNotIn("QUIET", self.told())
        self.silence("expire", id_)
        until(lambda: "QUIET" in self.told(), what="the silent one, once it is not")
        self.assertEqual([s["ended_by"] != "" for s in self.listed("--expired")], [True])
        again = self.a.cli("silence", "expire", id_, check=1)
        self.assertIn("already expired", again.stderr)

    def test_until_resolved_ends_with_the_alert(self):
        self.fail_loader("X")
        until(lambda: "X" in self.told())
        id_ = self.silence("add", "loader_failed", "loader=X", "--until-resolved", "-c", "known")
        self.a.kill()
        self.a.start()
        self.assertEqual([s["until_resolved"] for s in self.listed("loader=X")], [True])
        # The rule goes, and with it its alert.
        self.a.write_config((CONFIG % self.receiver.url + CONFIGURED).replace("loader_failed", "other_name"))
        self.a.cli("reload", check=0)
        ended = until(lambda: [s for s in self.listed("--expired") if s["id"] == id_], what="the silence over")
        self.assertEqual(ended[0]["ended_by"], "tocsin")

    def test_one_of_the_configuration_holds_and_is_read_only(self):
        self.fail_loader("NIGHT")
        self.opened("NIGHT")
        self.fail_loader("LOUD")
        until(lambda: "LOUD" in self.told())
        self.assertNotIn("NIGHT", self.told())
        found = self.listed()
        self.assertEqual([(s["configured"], s["created_by"], s["ends_at"]) for s in found], [(True, "[silence.nightly]", None)])
        refused = self.a.cli("silence", "expire", found[0]["id"], check=1)
        self.assertIn("stands in the configuration", refused.stderr)
        self.a.write_config(CONFIG % self.receiver.url)
        self.a.cli("reload", check=0)
        self.assertEqual(self.listed(), [])
        until(lambda: "NIGHT" in self.told(), what="told after the section is gone")

    def test_preview_warns_and_sets_nothing(self):
        self.fail_loader("A", "B")
        self.opened("A"), self.opened("B")
        answer = json.loads(self.silence("preview", "--json", "alertname=~.+"))
        self.assertEqual((answer["matching"], answer["firing"]), (2, 2))
        self.assertIn("whatever their name", answer["warning"])
        self.assertEqual([a["labels"]["loader"] for a in json.loads(self.silence("preview", "--json", "loader=A"))["alerts"]], ["A"])
        self.assertEqual(len(self.listed()), 1)

    def test_an_update_keeps_the_id_unless_the_silence_becomes_another(self):
        id_ = self.silence("add", "loader=A", "-d", "1h", "-c", "x", "--except", "severity=critical")
        self.assertEqual(self.silence("update", id_, "-d", "3h", "-c", "longer"), id_)
        found = self.listed("loader=A")[0]
        self.assertEqual((found["comment"], found["except"]), ("longer", ['severity="critical"']))
        other = self.silence("update", id_, "--every", "fri 22:00", "--for", "4h", "--zone", "Asia/Riyadh")
        self.assertNotEqual(other, id_)
        self.assertEqual([s["every"] for s in self.listed("loader=A")], ["fri 22:00"])
        self.assertIn(id_, self.silence("query", "-q", "--expired").split())

    def test_what_amtool_exported_is_imported(self):
        self.silence("add", "loader=OLD", "-d", "1h", "-c", "x")
        known = self.listed("loader=OLD")[0]["id"]

        def at(offset):
            return datetime.datetime.fromtimestamp(now() + offset, datetime.timezone.utc).isoformat()
        exported = [
            {"id": known, "status": {"state": "active"}, "updatedAt": at(0), "comment": "from there", "createdBy": "ben",
             "startsAt": at(-60), "endsAt": at(7200), "matchers": [{"name": "loader", "value": "OLD", "isRegex": False, "isEqual": True}]},
            {"id": "b7e1d1ce-4d0e-4c31-9a61-0d6f3f1f9d11", "status": {"state": "active"}, "updatedAt": at(0), "comment": "new here",
             "createdBy": "ben", "startsAt": at(-60), "endsAt": at(7200),
             "matchers": [{"name": "loader", "value": "N.*", "isRegex": True, "isEqual": False}, {"name": "job", "value": "a b", "isRegex": False}]},
            {"id": "c7e1d1ce-4d0e-4c31-9a61-0d6f3f1f9d11", "status": {"state": "expired"}, "updatedAt": at(0), "comment": "over",
             "createdBy": "ben", "startsAt": at(-7200), "endsAt": at(-3600), "matchers": [{"name": "a", "value": "b", "isRegex": False}]}]
        (self.a.dir / "silences.json").write_text(json.dumps(exported))
        answer = json.loads(self.silence("import", "--json", "silences.json"))
        self.assertEqual((len(answer["imported"]), answer["expired"], answer["refused"]), (2, 1, 0))
        found = {s["comment"]: s for s in self.listed() if not s["configured"]}
        self.assertEqual(set(found), {"from there", "new here"})
        self.assertEqual(found["new here"]["matchers"], ['loader!~"N.*"', 'job="a b"'])

    def test_off_a_terminal_what_is_missing_is_wrong_usage(self):
        for args, named in ((("add",), "matcher"), (("add", "a=b"), "duration"), (("add", "a=b", "-d", "1h"), "comment"),
                            (("expire",), "id"), (("update",), "id"), (("preview",), "matcher")):
            done = self.a.cli("silence", *args, check=2, input="")
            self.assertIn(named + " is missing", done.stderr)
        self.assertIn("is wrong", self.a.cli("silence", "add", "a=~(", "-d", "1h", "-c", "x", check=2).stderr)
        self.assertEqual(self.a.cli("silence", "add", "a=", "-d", "1h", "-c", "x").returncode, 1)
        self.assertEqual(call("POST", self.a.url + "/api/v1/silences", {"matchers": ["a=b"], "duration": "1h", "comment": "x"}).status, 400)


if __name__ == "__main__":
    main()
