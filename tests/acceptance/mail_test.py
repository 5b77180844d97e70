#!/usr/bin/env python3
"""Mail by the real agent to a real SMTP server that insists on STARTTLS and AUTH: delivered, retried, refused where it
must be, threaded by incident."""
import email
import email.policy
import logging
import shutil
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from world import Case, free_port, main, signal_of, until

PASSWORD = "correct horse battery"
CONFIG = """
[source.http]
[notifier.mail]
plugin = "email"
url = "%(url)s"
username = "tocsin"
password = "file:{dir}/smtp_password"
from = "Tocsin <tocsin@corp.example>"
ca_file = "%(ca)s"
timeout = "5s"
[contact.first]
email = "first@corp.example"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
policy = "first"
[policy.first]
steps = [ { notify = ["mail:contact.first"] } ]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "5m"
message = "{{loader}} failed: <b>فشل التحميل</b>"
suggestion = "Look at the loader's log"
runbook_url = "https://wiki.corp.example/rb/etl"
"""


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


class Authority:
    """A root of its own and server certificates by it."""

    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.key, self.pem = folder / f"{name}.key", folder / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign", "-keyout", self.key, "-out", self.pem)

    def context(self, host):
        base = self.folder / f"{self.name}-{host}"
        key, request, pem, extra = (base.with_suffix(s) for s in (".skey", ".csr", ".crt", ".ext"))
        extra.write_text(f"subjectAltName=DNS:{host}\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.key, "-CAcreateserial", "-days", "2", "-extfile", extra, "-out", pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        return context


class Mailbox:
    """What the server took; `answers` are given to DATA in their order before mails are taken."""

    def __init__(self, answers=()):
        self.answers, self.mails, self.attempts, self.lock = list(answers), [], 0, threading.Lock()

    async def handle_DATA(self, server, session, envelope):
        with self.lock:
            self.attempts += 1
            if self.answers:
                return self.answers.pop(0)
            self.mails.append((email.message_from_bytes(envelope.content, policy=email.policy.default), envelope, session))
        return "250 taken"


class Mail(Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="tocsin-mail-"))
        cls.ours, cls.others = Authority(cls.folder, "ours"), Authority(cls.folder, "others")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def server(self, box, context=None, from_start=False, **options):
        def authenticator(server, session, envelope, mechanism, data):
            right = data.login == b"tocsin" and data.password == PASSWORD.encode()
            return AuthResult(success=right, handled=False, auth_data=data.login)

        if context and not from_start:
            options.update(tls_context=context, require_starttls=True)
        options = {"auth_required": True, "authenticator": authenticator, **options}
        self.controller = Controller(box, hostname="127.0.0.1", port=free_port(), ssl_context=context if from_start else None, **options)
        self.controller.start()
        self.addCleanup(self.controller.stop)
        return f"{'smtps' if from_start else 'smtp'}://localhost:{self.controller.port}"

    def start(self, url, password=PASSWORD, ca=None):
        config = CONFIG % {"url": url, "ca": ca or self.ours.pem}
        return self.agent(config, files={"smtp_password": password + "\n"}).start()

    def fail_loader(self, agent, loader="DAILY_SALES"):
        self.assertEqual(agent.push([signal_of("etl.run", loader=loader, status="FAILED")]).status, 202)

    def error_in_log(self, agent):
        rows = until(lambda: [r for r in agent.items("/api/v1/notifications/log") if r["error"]], what="a failed attempt in the log")
        self.assertNotIn("SENT", {r["status"] for r in rows})
        self.assertNotIn(PASSWORD, str(rows))
        return rows[0]["error"]

    def test_a_mail_arrives_over_starttls_with_both_parts(self):
        box = Mailbox()
        agent = self.start(self.server(box, self.ours.context("localhost")))
        self.fail_loader(agent)
        mail, envelope, session = until(lambda: box.mails, what="mail")[0]
        self.assertEqual((envelope.mail_from, envelope.rcpt_tos), ("tocsin@corp.example", ["first@corp.example"]))
        self.assertTrue(session.authenticated and session.ssl)
        self.assertTrue(mail["Subject"].startswith("[HIGH] ") and "DAILY_SALES" in mail["Subject"], mail["Subject"])
        self.assertEqual((mail["Auto-Submitted"], mail["To"], str(mail["From"])), ("auto-generated", "first@corp.example", "Tocsin <tocsin@corp.example>"))
        self.assertEqual(mail.get_content_type(), "multipart/alternative")
        text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
        for part in (text, html):
            for word in ("loader=DAILY_SALES", "فشل التحميل", "https://wiki.corp.example/rb/etl", "HIGH", "OPEN"):
                self.assertIn(word, part)
        self.assertIn("<b>", text)
        self.assertNotIn("<b>", html)
        self.assertEqual(mail.defects, [])
        row = until(lambda: [r for r in agent.items("/api/v1/notifications/log") if r["status"] == "SENT"], what="log row")[0]
        self.assertEqual((row["recipient"], row["error"] or ""), ("first", ""))
        self.assertNotIn(PASSWORD, agent.log.read_text())

    def test_the_mails_of_one_incident_are_one_thread(self):
        box = Mailbox()
        agent = self.start(self.server(box, self.ours.context("localhost")))
        self.fail_loader(agent)
        until(lambda: box.mails, what="mail")
        incident = agent.incidents()[0]
        agent.cli("incident", "resolve", incident["number"], "--notes", "restarted\r\nBcc: x@y", check=0)
        resolved = until(lambda: [m for m, *_ in box.mails if m["Subject"].startswith("[RESOLVED]")], what="the second mail")[0]
        first = box.mails[0][0]
        self.assertEqual((resolved["In-Reply-To"], resolved["References"]), (first["Message-ID"], first["Message-ID"]))
        self.assertNotEqual(resolved["Message-ID"], first["Message-ID"])
        self.assertIn("restarted", resolved.get_body(("plain",)).get_content())
        self.assertIsNone(resolved["Bcc"])
        self.fail_loader(agent, "OTHER")
        other = until(lambda: [m for m, *_ in box.mails if "OTHER" in m["Subject"]], what="a mail of another incident")[0]
        self.assertIsNone(other["In-Reply-To"])
        self.assertNotEqual(other["Message-ID"], first["Message-ID"])

    def test_a_server_that_says_451_first_gets_the_mail_again_and_once(self):
        box = Mailbox(["451 4.3.0 greylisted"])
        agent = self.start(self.server(box, self.ours.context("localhost")))
        self.fail_loader(agent)
        until(lambda: box.mails, what="the mail after a retry")
        rows = until(lambda: (r := agent.items("/api/v1/notifications/log")) and "SENT" in {x["status"] for x in r} and r, what="log rows")
        self.assertTrue(any("451 4.3.0 greylisted" in (r["error"] or "") for r in rows), rows)
        self.assertEqual((box.attempts, len(box.mails)), (2, 1))

    def test_mail_goes_over_tls_from_the_start(self):
        box = Mailbox()
        agent = self.start(self.server(box, self.ours.context("localhost"), from_start=True, auth_require_tls=False))
        self.fail_loader(agent)
        until(lambda: box.mails, what="mail")

    def test_a_certificate_for_another_host_is_refused(self):
        box = Mailbox()
        agent = self.start(self.server(box, self.ours.context("mail.elsewhere.example")))
        self.fail_loader(agent)
        error = self.error_in_log(agent)
        self.assertIn(f"localhost:{self.controller.port}", error)
        self.assertIn("certificate", error)
        self.assertIn("ca_file", error)
        self.assertEqual(box.attempts, 0)

    def test_a_certificate_of_an_unknown_authority_is_refused(self):
        box = Mailbox()
        agent = self.start(self.server(box, self.others.context("localhost")))
        self.fail_loader(agent)
        self.assertIn("ca_file", self.error_in_log(agent))
        self.assertEqual(box.attempts, 0)

    def test_a_wrong_password_is_named_and_not_shown(self):
        box = Mailbox()
        wrong = "not the right one"
        agent = self.start(self.server(box, self.ours.context("localhost")), password=wrong)
        self.fail_loader(agent)
        error = self.error_in_log(agent)
        self.assertIn(f"535 authentication failed at localhost:{self.controller.port} as \"tocsin\"; check [notifier.mail] username and password", error)
        self.assertEqual(box.attempts, 0)
        self.assertNotIn(wrong, agent.log.read_text() + error)

    def test_a_server_without_starttls_is_refused_before_the_password_is_sent(self):
        box, seen = Mailbox(), []

        def authenticator(server, session, envelope, mechanism, data):
            seen.append(data)
            return AuthResult(success=True)
        agent = self.start(self.server(box, auth_require_tls=False, authenticator=authenticator))
        self.fail_loader(agent)
        self.assertIn("starttls", self.error_in_log(agent))
        self.assertEqual((seen, box.attempts), ([], 0))


if __name__ == "__main__":
    # A refused handshake and an AUTH without TLS are what the tests are about;
    # the server's remarks on them are not.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    main()
