"""A provider of SMS and calls as such behave: it takes messages with an id, may be slow, in trouble or too busy, and calls
back once, twice, late, or before it has answered. And the configuration that leads the agent to it."""
import hashlib
import hmac
import json
import threading

from world import call, until

SECRET = "cb-s3cret"
NOTIFIERS = """
[source.http]
[notifier.sms.send]
url = "%(url)s/sms"
body = '{"to": "{{recipient}}", "text": "{{text}}", "ref": "{{key}}"}'
id = "/id"
permanent = [400, 422]
[notifier.sms.callback]
path = "/callbacks/sms"
auth = { type = "hmac", secret = "cb-s3cret" }
id = "/id"
state = "/status"
[notifier.sms.reply]
path = "/callbacks/sms/inbound"
auth = { type = "hmac", secret = "cb-s3cret" }
from = "/from"
text = "/text"
id = "/id"
[notifier.ivr]
retries = 2
retry_after = "3s"
timeout = "5s"
[notifier.ivr.send]
url = "%(url)s/calls"
body = '{"to": "{{recipient}}", "text": "{{text}}", "ref": "{{key}}"}'
id = "/id"
[notifier.ivr.callback]
path = "/callbacks/ivr"
auth = { type = "hmac", secret = "cb-s3cret" }
id = "/id"
state = "/status"
digits = "/digits"
[contact.first]
phone = "+966500000001"
email = "first@corp.example"
[contact.manager]
phone = "+966500000009"
"""
RULE = """
[[rule]]
name = "loader_failed"
severity = "CRITICAL"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "1h"
message = "{{loader}} failed"
"""
FIRST, MANAGER = "+966500000001", "+966500000009"


class Provider:
    """`answers[kind]`: what sends of "sms" and "calls" are answered with before they are taken: (status, headers), None to
    drop the line, or a function of the request that may wait and returns either, or True to take it."""

    def __init__(self, case):
        self.answers = {"sms": [], "calls": []}
        self.taken, self.lock = [], threading.Lock()
        self.hook = case.hook(self.answer)
        self.url = self.hook.url

    def answer(self, request):
        kind, body = request["path"].strip("/"), json.loads(request["body"])
        with self.lock:
            given = self.answers[kind].pop(0) if self.answers[kind] else True
        given = given(body) if callable(given) else given
        if given is None:
            return None
        if given is not True:
            return given[0], given[1] if len(given) > 1 else {}, b"not now"
        with self.lock:
            id = f"{kind}-{len(self.taken) + 1}"
            self.taken.append({"kind": kind, "id": id, **body})
        return 202, {"Content-Type": "application/json"}, json.dumps({"id": id}).encode()

    def requests(self, kind):
        return [json.loads(r["body"]) for r in list(self.hook.requests) if r["path"] == "/" + kind]

    def all_taken(self, kind, to=None):
        with self.lock:
            return [m for m in self.taken if m["kind"] == kind and to in (None, m["to"])]

    def wait_for(self, kind, to=None, count=1, limit=20):
        """The newest of `count` messages."""
        return until(lambda: len(t := self.all_taken(kind, to)) >= count and t, limit, f"{count} of {kind} to {to}")[-1]


def say(agent, path, body):
    """The provider calls back; its status."""
    text = json.dumps(body)
    signature = "sha256=" + hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return call("POST", agent.url + "/callbacks/" + path, text.encode(), {"X-Hub-Signature": signature}).status


def tell(agent, path, body):
    """The same until it is taken: the agent may not have noted the message yet."""
    return until(lambda: (status := say(agent, path, body)) in (200, 202) and status, what=f"{path} taken")
