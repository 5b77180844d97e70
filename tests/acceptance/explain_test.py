#!/usr/bin/env python3
"""`tocsin explain` and `tocsin route test` on the real binary: each answer names who was told, or what held it back."""
import json

from world import Case, main, signal_of, until

CONFIG = """
[source.http]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[notifier.terminal]
[route]
group_by = ["alertname", "loader"]
group_wait = "%s"
notify = ["hook"]
%s
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
aggregate = "count"
over = "5m"
op = ">="
threshold = 1
message = "{{loader}} failed"
[[rule]]
name = "never_fed"
severity = "HIGH"
signal = "nobody.sends.this"
aggregate = "count"
over = "5m"
op = ">="
threshold = 1
"""


class Explain(Case):
    def start(self, group_wait="0s", more="", answer=None):
        self.receiver = self.hook(answer)
        self.a = self.agent(CONFIG % (self.receiver.url, group_wait, more)).start()
        return self.a

    def fail_loader(self, loader):
        self.a.push([signal_of("etl.run", loader=loader, status="FAILED")])

    def explain(self, *arguments, check=None):
        return json.loads(self.a.cli("explain", "--json", *arguments, check=check).stdout)

    def explained(self, word, *arguments):
        """The answer, once its verdict says `word`."""
        return until(lambda: (a := self.explain(*arguments)) and word in a["verdict"] and a, what=word)

    def test_an_alert_that_was_told_names_whom_and_what_comes_next(self):
        self.start()
        self.fail_loader("A")
        until(self.receiver.json_bodies, what="message")
        answer = self.explained("hook was told at ", "loader=A")
        self.assertTrue(answer["told"])
        self.assertIn("group flush: 1 firing", answer["verdict"])
        kinds = [e["kind"] for e in answer["entries"]]
        self.assertEqual((kinds[0], kinds[-1]), ("firing", "told"))
        self.assertEqual(answer["entries"][-1]["incident"], self.a.incidents()[0]["number"])
        due = until(lambda: [d for d in self.explain("loader=A")["next"] if "repeat_interval 4h" in d["text"]], what="next")[0]
        self.assertEqual((due["what"], due["target"], due["who"]), ("group flush", "hook", ["hook"]))
        text = self.a.cli("explain", "loader=A", check=0).stdout
        self.assertIn("hook was told at", text)
        self.assertIn("NEXT", text)
        for narrowed in (["--incident", self.a.incidents()[0]["number"]], ["--rule", "loader_failed"], ["--from", "2h ago", "--to", "now"]):
            self.assertTrue(self.explain(*narrowed, check=0)["told"], narrowed)
        self.a.stop()
        self.a.start()
        self.assertTrue(self.explain("loader=A", check=0)["told"], "kept over a restart")

    def test_an_alert_whose_group_waits_says_until_when(self):
        self.start(group_wait="1h")
        self.fail_loader("A")
        answer = self.explained("its group waits until", "loader=A")
        self.assertFalse(answer["told"])
        self.assertIn("group_wait", answer["remedy"])
        self.assertEqual(answer["next"][0]["what"], "group flush")
        self.a.cli("explain", "loader=A", check=1)

    def test_below_open_after_says_how_many_of_how_many(self):
        self.start(group_wait="1h", more="""open_after = { alerts = 3, within = "10m" }""")
        self.fail_loader("A")
        answer = self.explained("1 of 3 alerts within 10m", "loader=A")
        self.assertIn("open_after", answer["remedy"])
        self.assertIn("open_after", [d["what"] for d in answer["next"]])

    def test_a_message_that_died_is_no_telling(self):
        self.start(answer=lambda request: (400, {}, b"no"))
        self.fail_loader("A")
        answer = self.explained("the message to hook failed", "loader=A")
        self.assertFalse(answer["told"])
        self.assertIn("dead-letter", answer["remedy"])
        self.assertEqual(answer["entries"][-1]["kind"], "failed")

    def test_a_dead_letter_that_was_sent_again_is_a_telling(self):
        broken = [True]
        self.start(answer=lambda request: (400, {}, b"no") if broken[0] else (200, {}, b""))
        self.fail_loader("A")
        self.explained("the message to hook failed", "loader=A")
        broken[0] = False
        letter = self.a.items("/api/v1/dead-letters")[0]
        self.a.cli("dead-letter", "replay", letter["id"])
        answer = self.explained(f"dead letter {letter['id']} sent again", "loader=A")
        self.assertTrue(answer["told"])
        self.assertEqual(answer["remedy"], "")

    def test_what_is_silenced_says_until_when(self):
        self.start(group_wait="1h")
        silence = self.a.cli("silence", "add", "loader=A", "-d", "3h", "-c", "CHG1", "-a", "nora", check=0).stdout.strip()
        self.fail_loader("A")
        due = until(lambda: self.explain("loader=A")["next"], what="what comes next")[0]
        self.assertEqual((due["held"]["kind"], due["held"]["by"]), ("silenced", silence))
        self.assertGreater(due["at"], due["held"]["until"])
        self.assertIn(f"silenced by {silence} until", due["text"])

    def test_where_nothing_fired_the_rule_and_the_source_say_why(self):
        self.start()
        answer = self.explain("--rule", "never_fed", check=1)
        self.assertIn("rule never_fed was not evaluated", answer["verdict"])
        self.assertIn("nothing fired", self.explain("loader=NONE", check=1)["verdict"])
        missing = self.a.cli("explain", "--rule", "never_fet", check=1)
        self.assertIn('did you mean "never_fed"', missing.stderr)

    def test_a_source_that_is_down_is_named(self):
        self.start(more="""
[source.box]
plugin = "host"
root = "{dir}/nowhere"
every = "1s"
""")
        answer = self.explained("was down from", "host=n1")
        self.assertTrue(answer["verdict"].startswith("nothing fired: source "), answer["verdict"])
        self.assertIn("tocsin plugin list", answer["remedy"])
        self.assertIn("source_down", [e["kind"] for e in answer["entries"]])
        self.a.cli("explain", "host=n1", check=1)

    def test_a_person_is_asked_for_by_name(self):
        self.start(more="[contact.first]\nemail = \"first@corp\"\n")
        self.fail_loader("A")
        until(self.receiver.json_bodies, what="message")
        self.explained("hook was told", "loader=A")
        answer = self.explain("loader=A", "--who", "first", check=1)
        self.assertTrue(answer["verdict"].startswith("first was not told"), answer["verdict"])
        self.assertIn('did you mean "first"', self.a.cli("explain", "--who", "frist", check=1).stderr)

    def test_wrong_usage_is_2_and_no_agent_is_3(self):
        self.start()
        self.assertIn("yesterday", self.a.cli("explain", "--from", "yesterday", check=2).stderr)
        self.a.cli("explain", "=x", check=2)
        self.a.stop()
        self.a.cli("explain", check=3)


ROUTES = """
[source.http]
[notifier.hook]
plugin = "webhook"
url = "http://127.0.0.1:9/hook"
[notifier.mail]
plugin = "email"
url = "smtp://127.0.0.1:9"
from = "t@corp"
starttls = "never"
[contact.first]
email = "first@corp"
[contact.second]
email = "second@corp"
[policy.page]
steps = [ { notify = ["mail:contact.first"], escalate_after = "5m" }, { notify = ["mail:contact.second"] } ]
[route]
notify = ["hook"]
[[route.routes]]
name = "payments"
matchers = ['team="payments"']
notify = []
policy = "page"
[[route.routes]]
name = "quiet"
matchers = ['team="quiet"']
shadow = true
"""


class RouteTest(Case):
    def test_it_names_the_route_the_steps_and_their_clock_times(self):
        a = self.agent(ROUTES)
        done = a.cli("route", "test", "--config", a.config, "--json", "team=payments", "severity=critical", "--at", "2026-11-20 03:00", check=0)
        trial = json.loads(done.stdout)
        self.assertEqual([r["path"] for r in trial["routes"]], ["root/payments"])
        self.assertEqual((trial["severity"], trial["policy"], trial["told"]), ("CRITICAL", "page", True))
        self.assertEqual([(m["at"], m["step"], m["who"], m["instance"]) for m in trial["messages"]],
                         [("2026-11-20T03:00:00Z", "ladder step 1", "first", "mail"), ("2026-11-20T03:05:00Z", "ladder step 2", "second", "mail")])
        text = a.cli("route", "test", "--config", a.config, "team=other", check=0).stdout
        self.assertIn("group flush", text)
        self.assertIn("group_interval 5m", text)

    def test_nobody_is_1_and_wrong_usage_2(self):
        a = self.agent(ROUTES)
        self.assertIn("nobody would be told", a.cli("route", "test", "--config", a.config, "team=quiet", check=1).stdout)
        a.cli("route", "test", "--config", a.config, "team", check=2)
        a.cli("route", "test", "--config", a.dir / "none.toml", "team=x", check=2)


if __name__ == "__main__":
    main()
