#!/usr/bin/env python3
"""What people do in Jira comes to the incident: by a signed webhook at once, by the poll otherwise, each once."""
import hashlib
import hmac
import json
import time

from jira_test import CONFIG, Jira, ok
from world import Case, call, main, signal_of, until

HOOK = "/api/v1/integrations/jira/webhook"
WAY_BACK = CONFIG.replace("search_settle", f'poll = "5s"\nwebhook = {{ path = "{HOOK}", secret = "hook-s3cret" }}\nsearch_settle')
NORA = {"accountId": "nora", "displayName": "Nora N.", "emailAddress": "nora@corp.example"}
CATEGORY = {"To Do": "new", "Done": "done"}


def stamp():
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".000+0000"


class PeoplesJira(Jira):
    """A Jira in which people work too, and which keeps its history."""
    last = 10000

    def of_issue(self, method, issue, what, body):
        if what == "" and method == "GET":
            comments = [c for c in issue["comments"] if "id" in c]
            return ok({**issue, "fields": {**issue["fields"], "comment": {"comments": comments, "total": len(comments)}},
                       "changelog": {"histories": issue.get("histories", []), "total": len(issue.get("histories", []))}})
        before = issue["fields"]["status"]["name"]
        answer = super().of_issue(method, issue, what, body)
        if issue["fields"]["status"]["name"] != before:
            self.entry(issue, before, {"accountId": "bot"})
        return answer

    def entry(self, issue, before, who):
        self.last += 1
        items = [{"field": "status", "fieldtype": "jira", "fromString": before, "toString": issue["fields"]["status"]["name"]}]
        entry = {"id": str(self.last), "created": stamp(), "author": who, "items": items}
        issue.setdefault("histories", []).append(entry)
        issue["version"] = self.last
        return entry

    def move(self, to, key="OPS-1"):
        with self.lock:
            issue = self.issues[key]
            before = issue["fields"]["status"]["name"]
            issue["fields"]["status"] = {"name": to, "statusCategory": {"key": CATEGORY.get(to, "indeterminate")}}
            issue["fields"]["resolution"] = {"name": "Fixed"} if to == "Done" else None
            entry = self.entry(issue, before, NORA)
            return {"timestamp": int(time.time() * 1000), "webhookEvent": "jira:issue_updated", "user": NORA,
                    "issue": {"key": key, "fields": issue["fields"]}, "changelog": {"id": entry["id"], "items": entry["items"]}}

    def comment(self, text, key="OPS-1"):
        with self.lock:
            self.last += 1
            self.issues[key]["comments"].append({"id": str(self.last), "body": text, "author": NORA, "created": stamp(), "updated": stamp()})
            self.issues[key]["version"] = self.last


class BothWays(Case):
    def begin(self):
        self.jira = PeoplesJira(self)
        self.a = self.agent(WAY_BACK % (self.jira.url, "cloud", "bot@corp")).start()
        self.a.push([signal_of("etl.run", loader="DAILY", status="FAILED")])
        number = until(self.a.incidents, what="incident")[0]["number"]
        until(lambda: [m for m in self.a.items("/api/v1/integrations/jira/mappings") if m["jira_key"]], 60, "ticket")
        return number

    def post(self, body, secret="hook-s3cret"):
        text = json.dumps(body)
        signature = "sha256=" + hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return call("POST", self.a.url + HOOK, text.encode(), {"X-Hub-Signature": signature}).status

    def incident(self, number):
        return self.a.get(f"/api/v1/incidents/{number}").json

    def timeline(self, number):
        return json.dumps(self.a.items(f"/api/v1/incidents/{number}/timeline"), ensure_ascii=False)

    def test_a_signed_webhook_resolves_and_another_changes_nothing(self):
        number = self.begin()
        hook = self.jira.move("Done")
        with self.jira.lock:
            self.jira.issues["OPS-1"]["histories"].clear()  # the webhook alone tells of it
        self.assertEqual(self.post(hook, "other"), 401)
        self.assertEqual(self.incident(number)["status"], "OPEN")
        self.assertEqual(self.post(hook), 200)
        until(lambda: self.incident(number)["status"] == "RESOLVED", what="resolved")
        self.assertIn("Jira: Fixed by Nora N.", self.timeline(number))

    def test_the_poll_brings_moves_and_comments_once_and_sends_nothing_back(self):
        number = self.begin()
        sent = len(self.jira.sent("POST", "/comment")) + len(self.jira.sent("POST", "/transitions"))
        self.jira.comment("the disk is full")
        self.jira.move("In Progress")
        until(lambda: self.incident(number)["status"] == "ACKNOWLEDGED", 40, "the status that the table has for it")
        until(lambda: "the disk is full" in self.timeline(number), 40, "note")
        polls = len(self.jira.sent("POST", "/search/jql"))
        until(lambda: len(self.jira.sent("POST", "/search/jql")) >= polls + 2, 40, "two more polls")
        self.assertEqual(self.timeline(number).count("the disk is full"), 1)
        self.assertEqual(len(self.jira.sent("POST", "/comment")) + len(self.jira.sent("POST", "/transitions")), sent)

    def test_what_happened_while_it_was_down_is_taken_after_the_start(self):
        number = self.begin()
        polls = len(self.jira.sent("POST", "/search/jql"))
        until(lambda: len(self.jira.sent("POST", "/search/jql")) > polls, 40, "a poll")
        self.a.kill()
        self.jira.move("Done")
        self.a.start()
        until(lambda: self.incident(number)["status"] == "RESOLVED", 40, "resolved")


if __name__ == "__main__":
    main()
