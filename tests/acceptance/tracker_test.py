#!/usr/bin/env python3
"""What trackers say and hear, on the real binary, in the agent's process and isolated: calls in the log without
secrets, sync, the dry run, the owner's mailbox; and `tocsin check --online` with plugins that crash and hang."""
import json
import shutil
import socket
import threading

from world import BUILD, Case, main, signal_of, until

CONFIG = """
[plugin.keeper]
isolation = "%s"
[source.http]
[tracker.keeper]
token = "s3cret-t0ken"
[contact.first]
email = "first@corp"
[route]
group_by = ["alertname", "loader"]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "1h"
"""


class World(Case):
    def begin(self, isolation, more=""):
        self.a = self.agent(CONFIG % isolation + more)
        shutil.copy(BUILD / "tests" / "tracker" / "keeper.so", self.a.plugins)
        self.a.start()
        self.a.push([signal_of("etl.run", loader="L1", status="FAILED")])
        self.number = until(self.a.incidents, what="incident")[0]["number"]
        until(lambda: self.mapping()["jira_key"], what="ticket")

    def mapping(self):
        return (self.a.items("/api/v1/integrations/jira/mappings") or [{"jira_key": ""}])[0]

    def log(self, *more):
        return json.loads(self.a.cli("jira", "log", "--json", *more, check=0).stdout)


class Trackers(World):
    def test_in_the_agents_process(self):
        self.run_through("none")

    def test_isolated(self):
        self.run_through("process")

    def run_through(self, isolation):
        self.begin(isolation)
        self.a.cli("incident", "assign", self.number, "first", check=0)
        until(lambda: self.mapping()["status"] == "change 4 owner first@corp", what="the owner's mailbox")
        calls = until(lambda: [r for r in self.log("--incident", self.number) if r["direction"] == "OUT"], what="calls in the log")
        self.assertEqual((calls[0]["method"], calls[0]["http_status"], calls[0]["jira_key"]), ("PUT", 200, f"T-{self.number}"))
        self.assertEqual((calls[0]["request"], calls[0]["incident_id"]), ('{"authorization": "***"}', self.number))
        self.assertIn("keeper: in step", self.a.cli("jira", "sync", check=0).stdout)
        until(lambda: [r for r in self.log() if r["direction"] == "IN" and r["target"] == "/changes"], what="sync in the log")
        trial = self.a.cli("jira", "test", "--incident", self.number, "--dry-run", check=0).stdout
        self.assertIn("[tracker.keeper]\n  ok: PUT loader_failed", trial)
        self.assertIn("change 4", trial)
        everything = json.dumps(self.log()) + self.a.text() + self.a.cli("plugin", "list").stdout
        self.assertNotIn("s3cret", everything)
        self.a.stop()

    def test_a_tracker_that_cannot_sync_is_named_and_keeps_none_from_it(self):
        self.begin("none", '[tracker.second]\nplugin = "keeper"\ntoken = "t2-secret"\ndoes = "refuse"\n')
        answer = self.a.cli("jira", "sync", check=1).stdout
        self.assertIn("keeper: in step", answer)
        self.assertIn("second: failed: ", answer)
        self.assertIn("in step", self.a.cli("jira", "sync", "keeper", check=0).stdout)
        self.assertIn("second", self.a.cli("jira", "link", self.number, "T-9", check=1).stderr)
        self.a.cli("jira", "link", self.number, "T-9", "--instance", "second", check=0)

    def test_what_was_logged_is_there_after_a_stop(self):
        self.begin("none")
        self.a.cli("jira", "sync", check=0)
        self.a.stop()
        self.a.start()
        self.assertTrue([r for r in self.log() if r["direction"] == "IN"])


class Online(Case):
    def check(self, config, code, *more):
        a = self.agent(config)
        shutil.copy(BUILD / "tests" / "tracker" / "keeper.so", a.plugins)
        return a.cli("check", "--config", a.config, "--online", *more, check=code, timeout=120).stdout

    def test_each_instance_says_what_it_found(self):
        out = self.check(CONFIG % "process", 0)
        self.assertIn("[tracker.keeper]\n  ok: signed in\n  warning: it keeps nothing\n", out)
        self.assertNotIn("source.http", out)
        self.assertIn("[source.http]\n  cannot be checked online", self.check(CONFIG % "none", 0, "--verbose"))

    def test_one_that_crashes_or_hangs_costs_its_own_line(self):
        more = "".join(f'[tracker.{does}]\nplugin = "keeper"\ntoken = "t0ken-{does}"\ndoes = "{does}"\ntimeout = "1s"\n' for does in ("crash", "hang", "refuse"))
        for isolation in ("none", "process"):
            out = self.check(CONFIG % isolation + more, 1)
            self.assertIn("[tracker.keeper]\n  ok: signed in", out)
            for does in ("crash", "hang", "refuse"):
                self.assertIn(f"[tracker.{does}]\n  error: ", out)
            self.assertNotIn("t0ken", out)

    def test_the_notifiers_say_whether_they_could_send(self):
        slack = self.hook(lambda request: (200, {}, b'{"ok": true, "team": "Corp", "user": "bot"}'))
        out = self.check(f"""
[source.http]
[notifier.mail]
plugin = "email"
url = "smtp://127.0.0.1:9"
from = "tocsin@corp"
[notifier.slack]
token = "xoxb-s3cret"
api_url = "{slack.url}"
channel = "#ops"
[notifier.bus]
plugin = "amqp"
url = "amqp://127.0.0.1:9"
[route]
notify = ["slack"]
""", 1)
        self.assertIn("[notifier.slack]\n  ok: signed in to Corp as bot\n", out)
        self.assertIn("[notifier.mail]\n  error: email: 127.0.0.1:9", out)
        self.assertIn("[notifier.bus]\n  error: amqp: ", out)
        self.assertNotIn("s3cret", out)

    def test_mail_signs_in_and_sends_nothing(self):
        heard = []

        def serve(listener):
            line, _ = listener.accept()
            with line, line.makefile("rwb", buffering=0) as talk:
                talk.write(b"220 here\r\n")
                for said in talk:
                    heard.append(said.decode().strip())
                    verb = "SECRET" if heard[-2:-1] == ["AUTH PLAIN"] else heard[-1][:4].upper()
                    answer = {"EHLO": "250-here\r\n250 AUTH PLAIN", "AUTH": "334 ", "SECRET": "235 ok", "QUIT": "221 bye"}.get(verb, "250 ok")
                    talk.write(answer.encode() + b"\r\n")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=serve, args=(listener,), daemon=True).start()
            place = f"127.0.0.1:{listener.getsockname()[1]}"
            out = self.check(f"""
[source.http]
[notifier.mail]
plugin = "email"
url = "smtp://{place}"
from = "tocsin@corp"
username = "tocsin"
password = "hunter2-secret"
starttls = "never"
[route]
notify = ["mail:contact.first"]
[contact.first]
email = "first@corp"
""", 0)
        self.assertIn(f"[notifier.mail]\n  ok: {place} answers, in the clear, and takes tocsin and its password\n", out)
        self.assertEqual([line.split()[0] for line in heard if line.isascii() and line[:4] in ("EHLO", "NOOP", "QUIT", "MAIL", "RCPT", "DATA")], ["EHLO", "NOOP", "QUIT"])

    def test_json_has_the_lines_too(self):
        found = json.loads(self.check(CONFIG % "none", 0, "--json"))
        self.assertTrue(found["ok"])
        self.assertIn({"instance": "tracker.keeper", "checked": True, "lines": ["ok: signed in", "warning: it keeps nothing"]}, found["online"])

    def test_a_configuration_with_errors_is_not_asked(self):
        out = self.check(CONFIG % "none" + '[tracker.second]\nplugin = "keeper"\ntoken = "x"\ntokn = 1\n', 1)
        self.assertIn("tokn", out)
        self.assertNotIn("[tracker.keeper]\n", out)


if __name__ == "__main__":
    main()
