#!/usr/bin/env python3
"""Action links of messages on the real binary: a mail arrives, scanners open its link as often as they like and nothing
happens, the page's button acknowledges, the ladder stops and the timeline says who and how. Used, forged, altered and
expired links do nothing, over a kill -9 and in a fleet. And callbacks by a client's certificate."""
import base64
import email
import email.policy
import hashlib
import hmac
import http.client
import json
import logging
import re
import shutil
import sqlite3
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import uuid
from pathlib import Path

from aiosmtpd.controller import Controller
from postgres_test import BIN, Postgres
from world import Case, call, free_port, main, signal_of, until

HOUR = 3600
CONFIG = """external_url = "http://127.0.0.1:{port}"
%(more)s
[source.http]
[notifier.mail]
plugin = "email"
url = "%(url)s"
starttls = "never"
from = "Tocsin <tocsin@corp.example>"
%(isolation)s
[contact.first]
email = "first@corp.example"
[contact.second]
email = "second@corp.example"
[policy.people]
steps = [
  { notify = ["mail:contact.first"], escalate_after = "1h" },
  { notify = ["mail:contact.second"], escalate_after = "1h" },
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
message = "{{loader}} failed: <b>disk</b>"
"""


SMS = """external_url = "http://127.0.0.1:{port}"
[source.http]
[notifier.sms.send]
url = "%s/send"
body = '{"text": "{{text}}", "button": "{{ack_url}}"}'
[contact.first]
phone = "+966500000001"
[policy.people]
steps = [ { notify = ["sms:contact.first"] } ]
""" + CONFIG[CONFIG.index("[route]"):]


class Mailbox:
    def __init__(self):
        self.mails, self.lock = [], threading.Lock()

    async def handle_DATA(self, server, session, envelope):
        with self.lock:
            self.mails.append((envelope.rcpt_tos[0], email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return "250 taken"


class LinkCase(Case):
    def mailbox(self):
        box = Mailbox()
        controller = Controller(box, hostname="127.0.0.1", port=free_port())
        controller.start()
        self.addCleanup(controller.stop)
        return box, f"smtp://127.0.0.1:{controller.port}"

    def fail_loader(self, agent, loader="DAILY_SALES"):
        self.assertEqual(agent.push([signal_of("etl.run", loader=loader, status="FAILED")]).status, 202)

    def mail_to(self, box, who, count=1):
        mails = lambda: [m for to, m in box.mails if to == f"{who}@corp.example"]
        return until(lambda: len(mails()) >= count and mails(), what=f"mail {count} to {who}")[count - 1]

    def link(self, mail, what="Acknowledge"):
        text = mail.get_body(("plain",)).get_content()
        found = re.search(rf"^{what}: (http://\S+)\s*$", text, re.M)
        self.assertTrue(found, text)
        self.assertIn(f'<a href="{found[1]}"', mail.get_body(("html",)).get_content())
        return found[1]

    def timeline(self, agent, number=None):
        number = number or agent.incidents()[0]["number"]
        return agent.items(f"/api/v1/incidents/{number}/timeline")

    def due(self, agent, number):
        return [d for d in agent.get(f"/api/v1/explain?incident={number}").json["next"] if "ladder" in d["what"]]


class Links(LinkCase):
    def begin(self, more="", isolation=""):
        self.box, url = self.mailbox()
        self.a = self.agent(CONFIG % {"url": url, "more": more, "isolation": isolation}).start()
        self.fail_loader(self.a)
        self.mail = self.mail_to(self.box, "first")

    def incident(self):
        return self.a.incidents()[0]

    def key(self):
        def read():
            with sqlite3.connect(f"file:{self.a.dir}/data/tocsin.db?mode=ro", uri=True) as db:
                return db.execute("SELECT value FROM kv WHERE agent = '' AND key = 'fleet/action_link_key'").fetchone()
        return until(read, what="the key")[0]

    def sign(self, kind, incident, expires, name=b"first", key=None):
        body = bytes([0x10 | kind, 1]) + uuid.UUID(incident).bytes + struct.pack(">I", int(expires)) + b"\1\2\3\4\5\6" + name
        seal = hmac.new(key or self.key(), b"tocsin action link\n" + body, hashlib.sha256).digest()[:16]
        return f"{self.a.url}/a/" + base64.urlsafe_b64encode(body + seal).decode().rstrip("=")

    def acknowledges_once(self):
        link, incident = self.link(self.mail), self.incident()
        self.assertLess(len(link) - len(self.a.url), 90)
        for method in ["GET"] * 10 + ["HEAD", "OPTIONS"]:
            self.assertLess(call(method, link).status, 300)
        page = call("GET", link)
        self.assertIn(f"#{incident['number']} ".encode(), page.body)
        self.assertIn(b'<form method="post">', page.body)
        self.assertNotIn(b"<script", page.body)
        self.assertEqual((page.headers["Cache-Control"], page.headers["Referrer-Policy"]), ("no-store", "no-referrer"))
        self.assertEqual(self.incident()["status"], "OPEN")
        self.assertTrue(self.due(self.a, incident["number"]))
        done = call("POST", link, b"", {"Content-Type": "application/x-www-form-urlencoded", "Origin": "null"})
        self.assertEqual((done.status, f"{incident['number']} acknowledged by first" in done.body.decode()), (200, True), done.body)
        now = self.incident()
        self.assertEqual((now["status"], now["acknowledged_by"]), ("ACKNOWLEDGED", "first"))
        self.assertEqual(self.due(self.a, incident["number"]), [])
        self.assertIn("first by mail link", {e["actor"] for e in self.timeline(self.a)})
        return link

    def test_a_mails_link_acknowledges_once_and_only_by_its_button(self):
        self.begin()
        link = self.acknowledges_once()
        entries = len(self.timeline(self.a))
        again = call("POST", link, b"")
        self.assertEqual(again.status, 200)
        self.assertIn("first", again.body.decode())
        self.assertIn("Nothing was changed", again.body.decode())
        self.assertIn(b"first has this incident in hand already", call("GET", link).body)
        self.a.kill()
        self.a.start()
        self.assertIn(b"Nothing was changed", call("POST", link, b"").body)
        self.assertEqual(len(self.timeline(self.a)), entries)
        self.assertEqual([to for to, _ in self.box.mails if to.startswith("second")], [])
        metrics = self.a.get("/metrics").body.decode()
        self.assertIn('tocsin_action_links_total{result="unchanged"} 1', metrics)
        secrets = (link.rsplit("/", 1)[1], self.key().hex(), base64.b64encode(self.key()).decode())
        log = self.a.log.read_text() + metrics + self.a.cli("config", "show").stdout
        for secret in secrets:
            self.assertNotIn(secret, log)

    def test_an_isolated_plugin_has_links_too(self):
        self.begin(isolation='isolation = "process"')
        self.acknowledges_once()

    def test_escalating_takes_the_next_step_once(self):
        self.begin()
        link = self.link(self.mail, "Escalate")
        self.assertEqual(call("GET", link).status, 200)
        self.assertEqual(call("POST", link, b"").status, 200)
        self.mail_to(self.box, "second")
        self.assertIn("first by mail link", {e["actor"] for e in self.timeline(self.a)})
        self.assertIn(b"Nothing was changed", call("POST", link, b"").body)
        self.assertEqual(sum(e["what"] == "escalated" for e in self.timeline(self.a)), 1)

    def test_forged_altered_and_expired_links_do_nothing(self):
        self.begin()
        link, incident = self.link(self.mail), self.incident()
        id, soon = incident["correlation_id"], time.time() + HOUR
        self.assertEqual(call("GET", self.sign(1, id, soon)).status, 200, "this test signs as the agent does")
        token = link.rsplit("/", 1)[1]
        altered = [token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1:] for i in range(0, len(token), 7)]
        wrong = {
            403: [f"{self.a.url}/a/{t}" for t in (*altered, "x", token + "A", token[:-1])] + [self.sign(1, id, soon, key=b"k" * 32)],
            404: [self.sign(1, str(uuid.uuid4()), soon)],
            410: [self.sign(1, id, time.time() - 1)],
        }
        for status, links in wrong.items():
            for each in links:
                for method, body in (("GET", None), ("POST", b"")):
                    answer = call(method, each, body)
                    self.assertIn(answer.status, (status, 429) if status == 403 else (status,), each)
                    self.assertIn("text/html", answer.headers["Content-Type"])
        self.assertEqual(self.incident()["status"], "OPEN")
        self.assertEqual(call("GET", link).status, 200, "a good link is not held up by guesses")
        self.assertEqual(call("POST", link, b"x" * 5000).status, 413)
        self.assertIn("not made here, or was altered", self.a.log.read_text())
        self.assertIn('tocsin_action_links_total{result="expired"} 2', self.a.get("/metrics").body.decode())

    def test_an_sms_has_its_link_in_the_text_and_for_the_provider(self):
        provider = self.hook(lambda request: (200, {}, b"{}"))
        agent = self.agent(SMS % provider.url).start()
        self.fail_loader(agent)
        message = until(lambda: provider.json_bodies(), what="an SMS")[0]
        link = re.search(r"^Ack: (http://\S+)$", message["text"], re.M)[1]
        self.assertEqual(message["button"], link)
        self.assertEqual(call("POST", link, b"").status, 200)
        self.assertEqual(agent.incidents()[0]["acknowledged_by"], "first")
        self.assertIn("first by SMS link", {e["actor"] for e in self.timeline(agent)})

    def test_what_is_over_has_no_links(self):
        self.begin()
        link = self.link(self.mail)
        self.a.cli("incident", "resolve", self.incident()["number"], "--notes", "restarted", check=0)
        text = self.mail_to(self.box, "first", 2).get_body(("plain",)).get_content()
        self.assertIn("RESOLVED", text)
        self.assertNotIn("/a/", text)
        self.assertIn(b"This incident is over", call("GET", link).body)
        self.assertEqual(call("POST", link, b"").status, 409)

    def test_without_an_external_url_messages_have_no_links(self):
        box, url = self.mailbox()
        config = (CONFIG % {"url": url, "more": "", "isolation": ""}).split("\n", 1)[1]
        agent = self.agent(config).start()
        self.fail_loader(agent)
        self.assertNotIn("/a/", self.mail_to(box, "first").get_body(("plain",)).get_content())


@unittest.skipUnless(BIN, "skipped: PostgreSQL's server is not installed (package postgresql)")
class LinksInAFleet(LinkCase):
    def member(self, db, name, url):
        storage = f"""
[storage]
url = "postgres://postgres@127.0.0.1:{db.port}/postgres"
password = "file:{{dir}}/db_password"
"""
        agent = self.agent((CONFIG % {"url": url, "more": "", "isolation": ""}) + storage, files={"db_password": "database password\n"})
        agent.config.write_text(agent.config.read_text().replace('"test-agent"', f'"{name}"'))
        return agent.start()

    def test_any_agent_takes_a_link_also_the_one_that_takes_over(self):
        db = Postgres()
        self.addCleanup(db.cleanup)
        db.start()
        box, url = self.mailbox()
        a, b = self.member(db, "agent-a", url), self.member(db, "agent-b", url)
        for loader in ("L1", "L2"):
            self.fail_loader(a, loader)
        self.mail_to(box, "first", 2)
        by_loader = {m: self.link(self.mail_of(box, m)).replace(a.url, b.url) for m in ("L1", "L2")}
        self.assertEqual(call("GET", by_loader["L1"]).status, 200)
        done = call("POST", by_loader["L1"], b"")
        self.assertEqual(done.status, 200, done.body)
        self.assertIn("acknowledged by first", done.body.decode())
        self.assertEqual(done.headers["Referrer-Policy"], "no-referrer")
        a.kill()
        decided = lambda: (answer := call("POST", by_loader["L2"], b"")).status == 200 and answer
        self.assertIn("acknowledged by first", until(decided, 40, "the other agent decides").body.decode())
        self.assertIn(b"Nothing was changed", call("POST", by_loader["L1"], b"").body)
        self.assertEqual({i["acknowledged_by"] for i in b.incidents()}, {"first"})

    def mail_of(self, box, loader):
        return next(m for _, m in box.mails if loader in m["Subject"] + m.get_body(("plain",)).get_content())


MTLS = """health_listen = "127.0.0.1:%(health)d"
tls = { cert = "%(pki)s/agent.pem", key = "%(pki)s/agent.key", client_ca = "%(pki)s/ca.pem" }
[source.http]
[notifier.sms.send]
url = "%(url)s/send"
body = '{"to": "{{recipient}}", "text": "{{text}}"}'
id = "/id"
[notifier.sms.callback]
path = "/callbacks/sms"
auth = { type = "mtls"%(subject)s }
id = "/id"
state = "/status"
[contact.first]
phone = "+966500000001"
[route]
notify = ["sms:contact.first"]
"""


class CallbacksByCertificate(Case):
    @classmethod
    def setUpClass(cls):
        cls.pki = Path(tempfile.mkdtemp(prefix="tocsin-pki-"))
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        cls.openssl("req", "-x509", *ec, "-days", "2", "-subj", "/CN=Corp CA", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", "ca.key", "-out", "ca.pem")
        for name, subject in (("agent", "/CN=127.0.0.1"), ("gateway", "/O=Corp/CN=sms-gateway"), ("other", "/O=Corp/CN=other")):
            (cls.pki / "extra").write_text("subjectAltName=IP:127.0.0.1\n")
            cls.openssl("req", *ec, "-subj", subject, "-keyout", f"{name}.key", "-out", "request")
            cls.openssl("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extra", "-out", f"{name}.pem")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.pki)

    @classmethod
    def openssl(cls, *args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=cls.pki)

    def begin(self, subject=""):
        health = free_port()
        self.a = self.agent(MTLS % {"health": health, "pki": self.pki, "url": self.hook().url, "subject": subject}).start(wait=False)

        def ready():
            try:
                return call("GET", f"http://127.0.0.1:{health}/readyz", timeout=2).status == 200
            except OSError:
                return False
        until(ready, what="agent ready")

    def call_back(self, client):
        context = ssl.create_default_context(cafile=self.pki / "ca.pem")
        if client:
            context.load_cert_chain(self.pki / f"{client}.pem", self.pki / f"{client}.key")
        line = http.client.HTTPSConnection("127.0.0.1", self.a.port, context=context, timeout=10)
        self.addCleanup(line.close)
        line.request("POST", "/callbacks/sms", json.dumps({"id": "m-1", "status": "DELIVRD"}), {"Content-Type": "application/json"})
        return line.getresponse().status

    def test_whoever_shows_a_certificate_of_the_authority_may_call_back(self):
        self.begin()
        self.assertEqual((self.call_back("gateway"), self.call_back("other")), (202, 202))
        self.assertRaises(OSError, self.call_back, None)

    def test_one_subject_may_be_named(self):
        self.begin(', subject = "CN=sms-gateway,O=Corp"')
        self.assertEqual((self.call_back("gateway"), self.call_back("other")), (202, 401))


if __name__ == "__main__":
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    main()
