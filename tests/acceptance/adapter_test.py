#!/usr/bin/env python3
"""A provider of SMS behind a Lua script: sent, asked for, called back, in the agent and in a process of its own; a script that
changes takes over, a bad one does not; `tocsin check` names what is wrong in it and in a notifier's tables."""
import json

from world import Case, call, main, signal_of, until

SCRIPT = """
function send(message)
  local answer = http.request { url = "%(url)s/send", headers = { ["X-Key"] = secret("key") },
    body = json.encode { to = message.recipient, text = message.text, by = "%(by)s", service = message.incident.service } }
  if answer.status == 422 then error { permanent = true, message = "refused with " .. secret("key") } end
  if answer.status >= 300 then error("HTTP " .. answer.status) end
  return json.decode(answer.body).id
end
function status(id)
  return "delivered", json.decode(http.request { url = "%(url)s/state/" .. url_encode(id) }.body).state
end
"""
CONFIG = """
[source.http]
[notifier.sms]
adapter = "adapters/modem.lua"
%(more)s
[notifier.sms.status]
every = "1s"
[notifier.sms.secrets]
key = "file:modem_key"
[contact.first]
phone = "+966500000001"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
notify = ["sms:contact.first"]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "5m"
"""


class Adapter(Case):
    def start(self, more="", refuse=False):
        def answer(request):
            if request["path"].startswith("/state/"):
                return 200, {}, b'{"state": "DELIVRD"}'
            return (422, {}, b"no") if refuse else (200, {}, b'{"id": "m-1"}')
        self.gateway = self.hook(answer)
        self.a = self.agent(CONFIG % {"more": more}, files={"adapters/modem.lua": self.script("first"), "modem_key": "s3cret-key\n"})
        self.a.start()

    def script(self, by):
        return SCRIPT % {"url": self.gateway.url, "by": by}

    def fail(self, loader):
        self.assertEqual(self.a.push([signal_of("etl.run", loader=loader, status="FAILED")]).status, 202)

    def sent(self, loader):
        def one():
            bodies = [json.loads(r["body"]) for r in self.gateway.requests if r["path"] == "/send"]
            return next((b for b in bodies if loader in b["text"]), None)
        return until(one, what=f"a message about {loader}")

    def tell_and_ask(self):
        self.fail("DAILY")
        self.assertEqual(self.sent("DAILY")["to"], "+966500000001")
        self.assertEqual(self.gateway.requests[0]["headers"]["X-Key"], "s3cret-key")
        rows = until(lambda: [r for r in self.a.items("/api/v1/notifications/log") if r["status"] == "DELIVERED"], what="a DELIVERED row")
        self.assertEqual(rows[0]["provider_id"], "m-1")
        self.assertNotIn("s3cret", self.a.log.read_text())

    def test_a_script_sends_and_asks(self):
        self.start()
        self.tell_and_ask()

    def test_also_in_a_process_of_its_own(self):
        self.start(more='isolation = "process"')
        self.tell_and_ask()

    def test_what_it_raises_for_good_is_given_up_and_shows_no_secret(self):
        self.start(refuse=True)
        self.fail("DAILY")
        rows = until(lambda: [r for r in self.a.items("/api/v1/notifications/log") if r["error"]], what="a failed row")
        self.assertIn("refused with ***", rows[0]["error"])

    def test_a_changed_script_takes_over_and_a_bad_one_does_not(self):
        self.start()
        self.fail("ONE")
        self.assertEqual(self.sent("ONE")["by"], "first")
        path = self.a.dir / "adapters/modem.lua"
        path.write_text("function send(message)\n  return nope(\nend\n")
        until(lambda: "modem.lua:3: " in self.a.log.read_text(), what="the bad script in the log")
        self.fail("TWO")
        self.assertEqual(self.sent("TWO")["by"], "first")
        path.write_text(self.script("second"))
        until(lambda: "notifier.sms: exchanged" in self.a.log.read_text(), what="the new script in use")
        self.fail("THREE")
        self.assertEqual(self.sent("THREE")["by"], "second")


class Check(Case):
    def findings(self, config, files=None, code=1):
        agent = self.agent(config, files=files)
        done = agent.cli("check", "--config", agent.config, check=code)
        return done.stdout + done.stderr

    def test_a_script_is_read_by_check(self):
        files = {"modem_key": "k\n", "adapters/modem.lua": "\nfunction send(\n"}
        self.assertRegex(self.findings(CONFIG % {"more": ""}, files), r"adapters/modem\.lua:3:1: error: \[notifier\.sms\] <name> or '\.\.\.' expected near <eof>")
        files["adapters/modem.lua"] = "function sent() end"
        self.assertIn("expected a function send(message)", self.findings(CONFIG % {"more": ""}, files))

    def test_tables_are_looked_into(self):
        base = """[contact.first]
phone = "+966500000001"
[route]
notify = ["phone:contact.first"]
[notifier.phone]
plugin = "%s"
[notifier.phone.send]
url = "https://m.corp/sms"
body = '{"to": "{{recipient}}", "text": "{{text}}"}'
id = "/id"
"""
        cases = [("sms", "permanant = [400]", r"agent\.toml:\d+:13: error: \[notifier\.phone\] .*\"send\.permanant\".*did you mean \"permanent\"\?"),
                 ("sms", 'headers = { X = "{{txt}}" }', r"\{\{recipient\}\}.*not \{\{txt\}\}"),
                 ("sms", "ok = [20]", r"agent\.toml:\d+:7: error: .*\"send\.ok\[0\]\".*an HTTP status"),
                 ("ivr", '[notifier.phone.status]\nurl = "https://m.corp/{{id}}"\nstate = "state"', r"agent\.toml:\d+:9: error: .*a JSON Pointer"),
                 ("ivr", '[notifier.phone.callback]\npath = "cb"\nid = "/id"', r"begins with \"?/"),
                 ("sms", '[notifier.phone.reply]\npath = "/cb"\nauth = { type = "bearer", token = "x" }\nfrm = "/from"', r"did you mean \"from\"\?")]
        for kind, more, expected in cases:
            with self.subTest(more):
                self.assertRegex(self.findings(base % kind + more + "\n"), expected)
        self.findings(base % "sms", code=0)


if __name__ == "__main__":
    main()
