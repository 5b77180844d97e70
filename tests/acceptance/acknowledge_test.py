#!/usr/bin/env python3
"""Each way to acknowledge stops the ladder at once, names the person and says how. A further way is a line of WAYS and a function
that answers the message it is given; its configuration goes into MORE."""

import hashlib
import hmac
import json
import re
import threading
import time
import urllib.parse

from aiosmtpd.controller import Controller
from links_test import Mailbox
from telephone import FIRST, NOTIFIERS, RULE, Provider, tell
from world import Case, call, free_port, main, signal_of, until

HEAD = """external_url = "http://127.0.0.1:{port}"
"""
MORE = """
[notifier.mail]
plugin = "email"
url = "smtp://127.0.0.1:%(mail)s"
starttls = "never"
from = "Tocsin <tocsin@corp.example>"
[notifier.slack]
token = "xoxb-t"
api_url = "%(url)s/slack"
interactions = { path = "/callbacks/slack", signing_secret = "cb-s3cret" }
[tracker.jira]
api_url = "%(url)s"
token = "t"
project = "OPS"
poll = "0s"
status = { ACKNOWLEDGED = "In Review" }
users = { first = "acc-first" }
webhook = { path = "/api/v1/integrations/jira/webhook", secret = "cb-s3cret" }
[route]
group_by = ["alertname", "loader"]
policy = "ops"
[policy.ops]
steps = [
  { notify = ["sms:contact.first", "ivr:contact.first", "mail:contact.first", "slack:#ops"], escalate_after = "1h" },
  { notify = ["ivr:contact.manager"] },
]
"""


class Others:
    """The ends of Slack and Jira that this needs: a channel that keeps what is posted, and one issue."""

    def __init__(self, case):
        self.posted, self.lock = [], threading.Lock()
        self.hook = case.hook(self.answer)
        self.url = self.hook.url

    def answer(self, request):
        path, body = request["path"].partition("?")[0], {}
        if path.startswith("/slack/"):
            with self.lock:
                self.posted.append(json.loads(request["body"]))
            body = {"ok": True, "channel": "C024BE91L", "ts": "1503435956.000247"}
        elif path.endswith("/myself"):
            body = {"accountId": "acc-tocsin", "displayName": "Tocsin"}
        elif path.endswith("/search/jql"):
            body = {"issues": [], "isLast": True}
        elif request["method"] == "POST" and path.endswith("/issue"):
            return 201, {"Content-Type": "application/json"}, b'{"id": "10001", "key": "OPS-1"}'
        elif path.endswith("/transitions"):
            body = {"transitions": []}
        elif path.endswith("/issue/OPS-1"):
            body = {"id": "10001", "key": "OPS-1", "fields": {"status": {"name": "To Do", "statusCategory": {"key": "new"}}}}
        return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()


def follow(link):
    """Opens the link, as scanners do too, and presses the button of its page."""
    page = call("GET", link)
    if page.status != 200:
        return False
    return call("POST", link, b"", {"Content-Type": "application/x-www-form-urlencoded"}).status == 200


def by_mail_link(test):
    mails = until(lambda: [m for to, m in test.box.mails if to == "first@corp.example"], what="a mail")
    return follow(re.search(r"^Acknowledge: (http://\S+)", mails[0].get_body(("plain",)).get_content(), re.M)[1])


def by_sms_link(test):
    return follow(re.search(r"Ack: (http://\S+)", test.provider.wait_for("sms", FIRST)["text"])[1])


def by_slack_button(test):
    blocks = until(lambda: [m["blocks"] for m in test.others.posted if "blocks" in m], what="a message in Slack")[0]
    button = next(e for b in blocks if b["type"] == "actions" for e in b["elements"] if e["action_id"] == "tocsin.acknowledge")
    payload = {"type": "block_actions", "user": {"id": "U0000001", "name": "first.of.slack"}, "trigger_id": "1.2.3",
               "actions": [{"type": "button", "action_id": button["action_id"], "value": button["value"], "action_ts": "1503435960.1"}],
               "container": {"channel_id": "C024BE91L", "message_ts": "1503435956.000247"},
               "message": {"ts": "1503435956.000247", "blocks": blocks}, "response_url": test.others.url + "/slack/response"}
    form, at = urllib.parse.urlencode({"payload": json.dumps(payload)}).encode(), str(int(time.time()))
    seal = hmac.new(b"cb-s3cret", b"v0:" + at.encode() + b":" + form, hashlib.sha256).hexdigest()
    return call("POST", test.a.url + "/callbacks/slack", form, {
        "Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": at, "X-Slack-Signature": "v0=" + seal}).status == 200


def by_jira_transition(test):
    until(lambda: [m for m in test.a.items("/api/v1/integrations/jira/mappings") if m["jira_key"]], what="a ticket")
    event = {"timestamp": int(time.time() * 1000), "webhookEvent": "jira:issue_updated",
             "user": {"accountId": "acc-first", "displayName": "First of Jira"},
             "issue": {"key": "OPS-1", "fields": {"status": {"name": "In Review", "statusCategory": {"key": "indeterminate"}}}},
             "changelog": {"id": "10700", "items": [{"field": "status", "fieldId": "status", "fromString": "To Do", "toString": "In Review"}]}}
    body = json.dumps(event).encode()
    seal = "sha256=" + hmac.new(b"cb-s3cret", body, hashlib.sha256).hexdigest()
    return call("POST", test.a.url + "/api/v1/integrations/jira/webhook", body, {"X-Hub-Signature": seal}).status == 200


def by_api(test):
    body = {"status": "ACKNOWLEDGED", "by": "first"}
    return call("PUT", f"{test.a.url}/api/v1/incidents/{test.number()}/status", body).status in (200, 409)  # 409: it is so already


def by_sms_reply(test):
    test.provider.wait_for("sms", FIRST)
    return tell(test.a, "sms/inbound", {"from": FIRST, "text": f"{test.number()}a", "id": "r-1"})


def by_digit(test):
    placed = test.provider.wait_for("calls", FIRST)
    return tell(test.a, "ivr", {"id": placed["id"], "status": "completed", "digits": "1"})


# way as the timeline says it: what a person does
WAYS = {
    "": by_api,
    "SMS reply": by_sms_reply,
    "call": by_digit,
    "mail link": by_mail_link,
    "SMS link": by_sms_link,
    "Slack button": by_slack_button,
    "Jira": by_jira_transition,
}


class Acknowledge(Case):
    def begin(self):
        self.provider, self.others, self.box = Provider(self), Others(self), Mailbox()
        mail = Controller(self.box, hostname="127.0.0.1", port=free_port())
        mail.start()
        self.addCleanup(mail.stop)
        people = NOTIFIERS.replace("[contact.first]", '[contact.first]\nslack = "U0000001"')
        self.a = self.agent(HEAD + people % {"url": self.provider.url} + MORE % {"url": self.others.url, "mail": mail.port} + RULE).start()
        self.a.push([signal_of("etl.run", loader="L1", status="FAILED")])
        self.provider.wait_for("sms", FIRST)
        self.provider.wait_for("calls", FIRST)

    def number(self):
        return until(lambda: self.a.incidents(), what="an incident")[0]["number"]

    def entries(self):
        timeline = self.a.get(f"/api/v1/incidents/{self.number()}/timeline?limit=1000").json["items"]
        return [e for e in timeline if e["what"] == "status" and e["to"] == "ACKNOWLEDGED"]

    def coming(self):
        next = self.a.get(f"/api/v1/explain?incident={self.number()}").json["next"]
        return [d["what"] for d in next if d["what"].startswith("ladder")]

    def check(self, way, answer):
        self.begin()
        self.assertEqual(self.coming(), ["ladder step 2"])
        until(lambda: answer(self), what=f"the answer by {way or 'the API'}")
        incident = until(lambda: (i := self.a.incidents()[0])["acknowledged_at"] and i, what="acknowledged")
        self.assertEqual((incident["status"], incident["acknowledged_by"]), ("ACKNOWLEDGED", "first"))
        self.assertEqual([e["actor"] for e in self.entries()], ["first by " + way if way else "first"])
        self.assertEqual(self.coming(), [], "the ladder has stopped")
        until(lambda: answer(self), what="the same answer again")
        self.assertEqual(len(self.entries()), 1, "the same answer again changes nothing")
        self.a.kill()
        self.a.start()
        self.assertEqual(self.coming(), [], "stopped over a kill -9 too")
        self.assertEqual(self.a.incidents()[0]["acknowledged_by"], "first")


def add(name, way, answer):
    setattr(Acknowledge, "test_by_" + name, lambda self: self.check(way, answer))


for way, answer in WAYS.items():
    add(answer.__name__.removeprefix("by_"), way, answer)

if __name__ == "__main__":
    main()
