#!/usr/bin/env python3
"""Messages in words of one's own by the real agent: from the configuration and from a file, taken up at a reload, and
refused with a place where they are wrong."""
import email
import email.policy
import json

from world import Case, main, signal_of, until

RULE = """
[source.http]
[contact.first]
email = "first@corp.example"
phone = "+966500000001"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
policy = "ops"
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "5m"
message = "{{loader}} failed: <b>فشل التحميل</b>"
"""
MAIL = RULE + """
[policy.ops]
steps = [ { notify = ["mail:contact.first"] } ]
[notifier.mail]
plugin = "email"
url = "maildir:{dir}/box"
from = "Tocsin <tocsin@corp.example>"
subject = "{{severity | lower}} {{number}}: {{title}}"
html_template = "${file:templates/mail.html}"
"""
REQUESTS = RULE + """
[policy.ops]
steps = [ { notify = ["hook", "sms:contact.first"] } ]
[notifier.hook]
plugin = "webhook"
url = "%(url)s/hook"
body = '''
{"what": "{{title}}", "alerts": [
{{#each alerts}}
{"loader": "{{labels.loader}}", "text": "{{message}}", "value": {{value}}}{{#if not last}},{{/if}}
{{/each}}
]}
'''
[notifier.sms]
text = "تنبيه {{number}}: {{title}} – {{text}}"
[notifier.sms.send]
url = "%(url)s/sms"
body = '{"to": "{{recipient}}", "text": "{{text}}"}'
"""
HTML = "<p title=\"{{title}}\">{{text}}</p>{{#each alerts}}<i>{{labels.loader}}</i>{{/each}}%s\n"


class Templates(Case):
    def mails(self, agent):
        files = sorted((agent.dir / "box" / "new").glob("*"), key=lambda p: p.stat().st_mtime_ns) if (agent.dir / "box").exists() else []
        return [email.message_from_bytes(f.read_bytes(), policy=email.policy.default) for f in files]

    def fail(self, agent, loader):
        agent.push([signal_of("etl.run", status="FAILED", loader=loader)])

    def html(self, mail):
        return mail.get_body(("html",)).get_content()

    def test_a_mail_is_written_by_its_template_and_a_changed_file_is_taken_up(self):
        agent = self.agent(MAIL, files={"templates/mail.html": HTML % ""}).start()
        self.fail(agent, "DAILY<1>")
        until(lambda: self.mails(agent), what="a mail")
        mail = self.mails(agent)[0]
        number = agent.incidents()[0]["number"]
        self.assertEqual(mail["Subject"], f"high {number}: loader_failed loader=DAILY<1>")
        self.assertIn('<p title="loader_failed loader=DAILY&lt;1&gt;">', self.html(mail))
        self.assertIn("&lt;b&gt;فشل التحميل&lt;/b&gt;", self.html(mail))
        self.assertIn("<i>DAILY&lt;1&gt;</i>", self.html(mail))
        (agent.dir / "templates/mail.html").write_text(HTML % "<p>changed</p>")
        agent.cli("reload", check=0)
        self.fail(agent, "HOURLY")
        until(lambda: len(self.mails(agent)) == 2, what="a second mail")
        self.assertIn("<p>changed</p>", self.html(self.mails(agent)[1]))

    def test_a_template_with_a_mistake_is_named_with_its_place(self):
        agent = self.agent(MAIL, files={"templates/mail.html": "<p>\n{{titel}}</p>"}).start()
        until(lambda: "line 2, column 3" in agent.text(), what="the mistake in the log")
        self.assertIn('did you mean \\"title\\"?' if '\\"title\\"' in agent.text() else 'did you mean "title"?', agent.text())

    def test_a_reload_with_a_mistake_says_so_and_keeps_what_runs(self):
        agent = self.agent(MAIL, files={"templates/mail.html": HTML % "<p>sound</p>"}).start()
        (agent.dir / "templates/mail.html").write_text("<p>{{titel}}</p>")
        self.assertIn('of the template line 1, column 6: there is no "titel"', agent.cli("reload").stdout)
        self.fail(agent, "DAILY")
        until(lambda: self.mails(agent), what="a mail")
        self.assertIn("<p>sound</p>", self.html(self.mails(agent)[0]))

    def test_requests_and_sms_are_written_by_theirs(self):
        hook = self.hook(lambda request: (200, {"Content-Type": "application/json"}, b"{}"))
        agent = self.agent(REQUESTS % {"url": hook.url}).start()
        self.fail(agent, 'D"1\n')
        until(lambda: len(hook.requests) >= 2, what="both requests")
        sent = {r["path"]: json.loads(r["body"]) for r in hook.requests}
        self.assertEqual(sent["/hook"]["alerts"][0]["loader"], 'D"1\n')
        self.assertIn("فشل التحميل", sent["/hook"]["alerts"][0]["text"])
        self.assertTrue(sent["/sms"]["text"].startswith("تنبيه "), sent["/sms"])
        self.assertNotIn("\n", sent["/sms"]["text"])


if __name__ == "__main__":
    main()
