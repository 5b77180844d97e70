#!/usr/bin/env python3
"""Slack by the real agent, against a server that answers as Slack does: a plain `ok`, 429 with Retry-After, plain words
with a 4xx, HTTP 200 with ok:false, a lost answer; and presses on buttons as Slack hands them over. Every body that arrives is checked; where the contract folder lies
beside the project, also against Slack's schema, with wrong twins that the schema must refuse."""
import copy
import hashlib
import hmac
import json
import threading
import time
import urllib.parse

from world import SHARED, Case, call, main, signal_of, until

CONFIG = """
[source.http]
[notifier.slack]
%s
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
policy = "ops"
[policy.ops]
steps = [ { notify = ["%s"] } ]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "5m"
message = "{{loader}} failed: <!channel> & فشل"
suggestion = "Look at the loader's log"
runbook_url = "https://wiki.corp.example/rb/etl"
links = [ { text = "Grafana", href = "https://grafana.corp.example/d/etl?var-loader={{loader}}" } ]
"""
SCHEMA = SHARED / "contracts" / "slack" / "slack-requests.schema.json"
LIMITS = {"header": 150, "section": 3000}
SIGNING = "8f742231b10e8888abcd99"
INTERACTIONS = 'interactions = { path = "/callbacks/slack", signing_secret = "%s" }' % SIGNING
POSTED = {"ok": True, "channel": "C024BE91L", "ts": "1503435956.000247"}


def validator(request):
    """A check by the contract for one kind of request, or the reason why there is none."""
    if not SCHEMA.exists():
        return None, f"{SCHEMA} is not there"
    try:
        import jsonschema
    except ImportError:
        return None, "python3-jsonschema is not installed"
    schema = {**json.loads(SCHEMA.read_text()), "$ref": f"#/definitions/request.{request}"}
    schema.pop("$id", None)
    # The schema puts its limits beside "$ref", where draft 7 by the letter would not look.
    checker = jsonschema.Draft201909Validator(schema)
    return lambda body: [f"{list(e.absolute_path)}: {e.message[:200]}" for e in checker.iter_errors(body)], None


def wrong_twins(body):
    """The same request with one thing wrong, by what is wrong."""
    def twin(change):
        out = copy.deepcopy(body)
        change(out)
        return out
    section = next(i for i, b in enumerate(body["blocks"]) if b["type"] == "section" and "text" in b)
    fields = next(i for i, b in enumerate(body["blocks"]) if "fields" in b)
    yield "a header in mrkdwn", twin(lambda b: b["blocks"][0]["text"].update(type="mrkdwn"))
    yield "a header of 151 characters", twin(lambda b: b["blocks"][0]["text"].update(text="x" * 151))
    yield "a section of 3001 characters", twin(lambda b: b["blocks"][section]["text"].update(text="x" * 3001))
    yield "a section without text", twin(lambda b: b["blocks"][section].pop("text"))
    yield "eleven fields", twin(lambda b: b["blocks"][fields].update(fields=[{"type": "mrkdwn", "text": "x"}] * 11))
    yield "51 blocks", twin(lambda b: b.update(blocks=[{"type": "divider"}] * 51))
    yield "an unknown block", twin(lambda b: b["blocks"].append({"type": "marquee"}))
    yield "an unknown key", twin(lambda b: b.update(colour="red"))


class Slack(Case):
    """`answers`: what the server says, in order; the last for ever. A number with a text is a webhook's answer, a dict the
    Web API's, None drops the line."""

    def start(self, answers, options, target="slack"):
        self.answers, lock = list(answers), threading.Lock()

        def answer(request):
            with lock:
                now = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(now, dict):
                return 200, {"Content-Type": "application/json"}, json.dumps(now).encode()
            return now
        self.slack = self.hook(answer)
        self.a = self.agent(CONFIG % (options.replace("{url}", self.slack.url), target)).start()

    def start_webhook(self, *answers):
        self.start(answers, 'webhook_url = "{url}/services/T0/B0/s3cret"')

    def start_api(self, *answers, target="slack:#ops", more=""):
        self.start(answers, 'token = "xoxb-s3cret"\napi_url = "{url}/api"\n' + more, target)

    def fail_loader(self, loader="DAILY_SALES"):
        self.assertEqual(self.a.push([signal_of("etl.run", loader=loader, status="FAILED")]).status, 202)

    def bodies(self, count=1):
        bodies = until(lambda: len(b := self.slack.json_bodies()) >= count and b, what=f"{count} requests")
        for body in bodies:
            self.check(body)
        return bodies

    def check(self, body):
        self.assertTrue(body["text"])
        self.assertNotIn("<!", body["text"])
        if "blocks" not in body:  # a reply in a thread, or an answer to a press
            return
        self.assertTrue(1 <= len(body["blocks"]) <= 50)
        self.assertEqual((body["blocks"][0]["type"], body["blocks"][0]["text"]["type"]), ("header", "plain_text"))
        for block in body["blocks"]:
            if block["type"] == "actions":
                self.assertTrue(1 <= len(block["elements"]) <= 25)
                continue
            texts = [block["text"]] if "text" in block else block.get("fields") or block.get("elements") or []
            self.assertLessEqual(len(texts), 10)
            self.assertEqual(bool(texts), block["type"] != "divider")
            for text in texts:
                self.assertTrue(0 < len(text["text"]) <= LIMITS.get(block["type"], 3000), block)
                self.assertTrue(text["type"] == "plain_text" or "<!" not in text["text"], text)

    def log_rows(self, condition, what):
        rows = until(lambda: (r := self.a.items("/api/v1/notifications/log")) and condition(r) and r, what=what)
        self.assertNotIn("s3cret", json.dumps(rows) + self.a.log.read_text())
        return rows

    def sent(self):
        return self.log_rows(lambda rows: "SENT" in {r["status"] for r in rows}, "a SENT row")

    def error(self):
        return self.log_rows(lambda rows: any(r["error"] for r in rows), "a failed attempt in the log")[0]["error"]

    def check_contract(self, kind, body):
        violations, why = validator(kind)
        if not violations:
            print(f"slack contract ({kind}): skipped, {why}")
            self.skipTest(why)
        self.assertEqual(violations(body), [])
        for wrong, twin in wrong_twins(body):
            self.assertTrue(violations(twin), f"the contract lets {wrong} pass")

    def test_a_message_reaches_the_webhook(self):
        self.start_webhook((200, {}, b"ok"))
        self.fail_loader()
        body = self.bodies()[0]
        self.assertEqual(self.slack.requests[0]["path"], "/services/T0/B0/s3cret")
        self.assertIn("DAILY_SALES", body["blocks"][0]["text"]["text"])
        everything = json.dumps(body, ensure_ascii=False)
        for part in ("[HIGH]", "*Status*\\nOPEN", "loader=DAILY_SALES", "&lt;!channel&gt; &amp; فشل", "<https://wiki.corp.example/rb/etl|Runbook>",
                     "<https://grafana.corp.example/d/etl?var-loader=DAILY_SALES|Grafana>"):
            self.assertIn(part, everything)
        self.sent()

    def test_the_webhooks_body_keeps_the_contract(self):
        self.start_webhook((200, {}, b"ok"))
        self.fail_loader()
        self.check_contract("incoming-webhook", self.bodies()[0])

    def test_being_too_fast_waits_and_sends_again(self):
        self.start_webhook((429, {"Retry-After": "1"}, b""), (200, {}, b"ok"))
        self.fail_loader()
        bodies = self.bodies(2)
        self.assertEqual(bodies[0]["blocks"][0], bodies[1]["blocks"][0])
        first, second = (r["at"] for r in self.slack.requests[:2])
        self.assertGreaterEqual(second - first, 0.9)
        self.assertTrue(any("429" in (r["error"] or "") or "rate limited" in (r["error"] or "") for r in self.sent()))

    def test_a_payload_that_slack_refuses_is_given_up_with_its_word(self):
        self.start_webhook((400, {}, b"invalid_payload"), (200, {}, b"ok"))
        self.fail_loader()
        self.assertIn("invalid_payload", self.error())
        self.fail_loader("OTHER")  # goes the same way later, so a retry of the first would have come before
        bodies = self.bodies(2)
        self.assertIn("OTHER", bodies[1]["text"])

    def test_a_webhook_that_is_gone_is_named(self):
        self.start_webhook((404, {}, b"no_service"))
        self.fail_loader()
        error = self.error()
        self.assertIn("no_service", error)
        self.assertIn("[notifier.slack]", error)

    def test_a_lost_answer_is_sent_again(self):
        self.start_webhook(None, (200, {}, b"ok"))
        self.fail_loader()
        self.bodies(2)
        self.sent()

    def test_an_incident_is_one_message_that_changes_with_a_reply_for_each_change(self):
        self.start_api(POSTED, POSTED, {**POSTED, "ts": "1503435957.000001"})
        self.fail_loader()
        first = self.bodies()[0]
        self.assertEqual((first["channel"], first.get("thread_ts")), ("#ops", None))
        self.assertEqual(self.slack.requests[0]["headers"]["Authorization"], "Bearer xoxb-s3cret")
        self.assertEqual(self.slack.requests[0]["path"], "/api/chat.postMessage")
        self.sent()
        self.a.cli("incident", "resolve", self.a.incidents()[0]["number"], "--notes", "done", check=0)
        update, reply = self.bodies(3)[1:]
        self.assertEqual([r["path"] for r in self.slack.requests[1:]], ["/api/chat.update", "/api/chat.postMessage"])
        self.assertEqual((update["channel"], update["ts"]), ("C024BE91L", "1503435956.000247"))
        self.assertTrue(update["text"].startswith("[RESOLVED]"))
        self.assertIn("*RESOLVED*", json.dumps(update))
        self.assertEqual((reply["channel"], reply["thread_ts"]), ("C024BE91L", "1503435956.000247"))
        self.assertIn("done", reply["text"])
        self.check_schema("chat.update", update)
        self.check_schema("chat.postMessage", reply)

    def check_schema(self, kind, body):
        violations, why = validator(kind)
        if not violations:
            return print(f"slack contract ({kind}): skipped, {why}")
        self.assertEqual(violations(body), [])
        self.assertTrue(violations({k: v for k, v in body.items() if k != "channel"}), "the contract lets a body without channel pass")

    def press(self, action, body, secret=SIGNING, user="U0000001", at=None, channel="C024BE91L"):
        """The button of that action in `body`, pressed."""
        elements = next(b["elements"] for b in body["blocks"] if b["type"] == "actions")
        button = next(e for e in elements if e["action_id"] == action)
        pressed = {"type": button["type"], "action_id": action, "action_ts": "1503435960.1"}
        if "options" in button:
            pressed["selected_option"] = button["options"][0]
        else:
            pressed["value"] = button["value"]
        payload = {"type": "block_actions", "user": {"id": user, "name": "first.of.slack"}, "actions": [pressed],
                   "trigger_id": f"1.{user}.{action}", "container": {"channel_id": channel, "message_ts": POSTED["ts"]},
                   "message": {"ts": POSTED["ts"], "blocks": body["blocks"]}, "response_url": self.slack.url + "/actions/x"}
        return self.hand_over({"payload": json.dumps(payload)}, secret, at)

    def hand_over(self, form, secret=SIGNING, at=None):
        form = urllib.parse.urlencode(form).encode()
        at = str(int(time.time() if at is None else at))
        signature = "v0=" + hmac.new(secret.encode(), b"v0:" + at.encode() + b":" + form, hashlib.sha256).hexdigest()
        return call("POST", self.a.url + "/callbacks/slack", form, {
            "Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": at, "X-Slack-Signature": signature}).status

    def to(self, path):
        return [json.loads(r["body"]) for r in self.slack.requests if r["path"] == path]

    def test_a_press_acknowledges_in_the_name_of_the_contact_and_changes_the_message(self):
        self.start_api(POSTED, target='slack:#ops"] } ]\n[contact.first]\nslack = "U0000001"\n#', more=INTERACTIONS)
        self.fail_loader()
        body = self.bodies()[0]
        self.sent()
        self.check_contract_quietly("chat.postMessage", body)
        self.assertEqual(self.press("tocsin.acknowledge", body), 200)
        incident = self.a.incidents()[0]
        self.assertEqual((incident["status"], incident.get("acknowledged_by")), ("ACKNOWLEDGED", "first"))
        answer = until(lambda: self.to("/actions/x"), what="an answer to the one who pressed")[0]
        self.assertEqual(answer["response_type"], "ephemeral")
        self.assertIn("acknowledged by first", answer["text"])
        self.check_contract_quietly("incoming-webhook", answer)
        update = until(lambda: self.to("/api/chat.update"), what="an update of the message")[0]
        self.assertIn("*ACKNOWLEDGED*", json.dumps(update))
        self.assertNotIn("tocsin.acknowledge", json.dumps(update))
        self.check_contract_quietly("chat.update", update)
        self.assertEqual(self.press("tocsin.acknowledge", body), 200)  # the same press, handed over twice
        until(lambda: len(self.to("/actions/x")) == 2, what="a second answer")
        self.assertIn("taken before", self.to("/actions/x")[1]["text"])
        self.assertNotIn(SIGNING, self.a.log.read_text())

    def check_contract_quietly(self, kind, body):
        violations, _ = validator(kind)
        self.assertEqual(violations(body) if violations else [], [])

    def test_a_stranger_is_shown_by_name_and_a_resolved_incident_has_no_buttons(self):
        self.start_api(POSTED, more=INTERACTIONS)
        self.fail_loader()
        body = self.bodies()[0]
        self.sent()
        self.assertEqual(self.press("tocsin.resolve", body, user="U9"), 200)
        incident = self.a.incidents()[0]
        self.assertEqual(incident["status"], "RESOLVED")
        update = until(lambda: self.to("/api/chat.update"), what="an update of the message")[0]
        self.assertNotIn('"actions"', json.dumps(update))
        timeline = json.dumps(self.a.get(f"/api/v1/incidents/{incident['number']}/timeline").json)
        self.assertIn("first.of.slack by Slack button", timeline)

    def test_a_press_that_slack_did_not_sign_changes_nothing(self):
        self.start_api(POSTED, more=INTERACTIONS)
        self.fail_loader()
        body = self.bodies()[0]
        self.sent()
        self.assertEqual(self.press("tocsin.resolve", body, secret="guessed"), 401)
        self.assertEqual(self.press("tocsin.resolve", body, at=time.time() - 400), 401)
        self.assertEqual(self.a.incidents()[0]["status"], "OPEN")

    def test_a_command_does_the_same_by_the_number(self):
        self.start_api(POSTED, more=INTERACTIONS)
        self.fail_loader()
        self.bodies()
        number = self.a.incidents()[0]["number"]
        self.assertEqual(self.hand_over({"command": "/tocsin", "text": f"resolve #{number} disk replaced", "user_id": "U1", "user_name": "second",
                                         "trigger_id": "1.2", "channel_id": "C1", "response_url": self.slack.url + "/actions/x"}), 200)
        self.assertEqual(self.a.incidents()[0]["status"], "RESOLVED")
        self.assertIn("resolved by second", until(lambda: self.to("/actions/x"), what="an answer")[0]["text"])

    def test_hostile_texts_keep_the_contract(self):
        self.start_api(POSTED, more=INTERACTIONS)
        for loader in ("<!here>@channel&" * 50, "\u202eفشل 😀" * 60, "`*_~|>\n" * 100):
            self.fail_loader(loader)
        for body in self.bodies(3):
            self.check_contract_quietly("chat.postMessage", body)

    def test_a_person_who_presses_in_a_direct_message_sees_it_change(self):
        self.start_api({**POSTED, "channel": "D1"}, target='slack:contact.first"] } ]\n[contact.first]\nslack = "U0000001"\n#', more=INTERACTIONS)
        self.fail_loader()
        body = self.bodies()[0]
        self.sent()
        self.assertEqual(self.press("tocsin.acknowledge", body, channel="D1"), 200)
        answer = until(lambda: self.to("/actions/x"), what="the message changed")[0]
        self.assertTrue(answer["replace_original"])
        self.assertIn("*ACKNOWLEDGED*", json.dumps(answer["blocks"]))
        self.check_contract_quietly("incoming-webhook", answer)

    def test_the_web_apis_body_keeps_the_contract(self):
        self.start_api({"ok": True, "channel": "C1", "ts": "1503435956.000247"})
        self.fail_loader()
        body = self.bodies()[0]
        violations, _ = validator("chat.postMessage")
        if violations:
            self.assertTrue(violations({k: v for k, v in body.items() if k != "channel"}), "the contract lets a body without channel pass")
            self.assertTrue(violations({**body, "thread_ts": "yesterday"}), "the contract lets any thread_ts pass")
        self.check_contract("chat.postMessage", body)

    def test_a_person_is_told_by_a_direct_message(self):
        self.start_api({"ok": True, "channel": "D1", "ts": "1503435956.000247"}, target='slack:contact.first"] } ]\n[contact.first]\nslack = "U0000001"\n#')
        self.fail_loader()
        self.assertEqual(self.bodies()[0]["channel"], "U0000001")

    def test_errors_that_come_with_200_are_errors(self):
        self.start_api({"ok": False, "error": "invalid_auth"})
        self.fail_loader()
        error = self.error()
        self.assertIn("invalid_auth", error)
        self.assertIn("[notifier.slack] token", error)
        self.assertNotIn("SENT", {r["status"] for r in self.a.items("/api/v1/notifications/log")})


if __name__ == "__main__":
    main()
