#!/usr/bin/env python3
"""Tickets by hand on the real binary: linked, unlinked, asked for, and what is owed to Jira, over kill -9 too."""
import json

from jira_test import World, fault
from world import call, main, until


class ByHand(World):
    def issue(self, summary="made by hand"):
        """An issue that a person made in Jira."""
        with self.jira.lock:
            key = f"OPS-{len(self.jira.issues) + 1}"
            status = {"name": "To Do", "statusCategory": {"key": "new"}}
            self.jira.issues[key] = {"id": "9", "key": key, "fields": {"summary": summary, "labels": [], "status": status}, "comments": []}
        return key

    def comments(self, key):
        with self.jira.lock:
            return json.dumps(self.jira.issues[key]["comments"], ensure_ascii=False)

    def mapping(self):
        return self.a.items("/api/v1/integrations/jira/mappings")[0]

    def map(self, body):
        return call("POST", self.a.url + "/api/v1/integrations/jira/mappings", body)

    def test_a_linked_issue_gets_what_follows_and_is_the_incidents_after_kill_9(self):
        jira = self.begin()
        number = self.break_loader()
        self.one_issue()
        key = self.issue()
        shown = self.a.cli("jira", "link", number, key, check=0).stdout
        self.assertIn(f"incident {number}: {key} {jira.url}/browse/{key}", shown)
        self.a.kill()
        self.a.start()
        self.assertEqual(self.mapping()["jira_key"], key)
        self.assertEqual(self.a.get(f"/api/v1/incidents/{number}").json["jira_ticket_key"], key)
        self.a.cli("incident", "note", number, "the disk is full", check=0)
        until(lambda: "the disk is full" in self.comments(key), what="comment")
        self.a.cli("incident", "resolve", number, "--notes", "made room", check=0)
        until(lambda: jira.status(key) == "Done", what="resolved in Jira")
        self.assertEqual((jira.status("OPS-1"), self.comments("OPS-1")), ("To Do", "[]"))
        self.assertEqual(len(jira.sent("POST", "/issue")), 1)

    def test_a_link_stands_in_the_timeline_and_twice_is_once(self):
        self.begin()
        number = self.break_loader()
        self.one_issue()
        key = self.issue()
        for _ in range(2):
            answer = self.map({"incident": number, "jira_key": key, "by": "ana"})
            self.assertEqual((answer.status, answer.json["jira_key"]), (200, key))
        rows = [(r["actor"], r["from"], r["to"]) for r in self.a.items(f"/api/v1/incidents/{number}/timeline") if r["what"] == "ticket" and r["actor"] == "ana"]
        self.assertEqual(rows, [("ana", "OPS-1", key)])

    def test_an_issue_of_another_open_incident_is_refused(self):
        self.begin()
        self.break_loader("A")
        self.one_issue()
        self.break_loader("B")
        until(lambda: len(self.a.incidents()) == 2, what="second incident")
        by_title = {i["jira_ticket_key"]: i["number"] for i in until(lambda: self.both_have_tickets(), what="two tickets")}
        refused = self.map({"incident": by_title["OPS-1"], "jira_key": "OPS-2"})
        self.assertEqual(refused.status, 409)
        self.assertIn(f"incident {by_title['OPS-2']}", refused.json["detail"])
        self.a.cli("jira", "link", by_title["OPS-1"], "OPS-2", check=1)

    def both_have_tickets(self):
        all_ = self.a.incidents()
        return all_ if all(i["jira_ticket_key"] for i in all_) else None

    def test_after_an_unlink_none_is_opened_until_asked_for(self):
        jira = self.begin()
        number = self.break_loader()
        self.one_issue()
        self.a.cli("jira", "unlink", number, check=0)
        self.a.kill()
        self.a.start()
        self.a.cli("incident", "note", number, "not for Jira", check=0)
        self.a.cli("incident", "ack", number, check=0)
        self.a.cli("jira", "sync")
        self.assertEqual((self.mapping()["jira_key"], self.mapping()["intent"]), ("", "unlinked"))
        self.a.cli("jira", "link", number, "--new", check=0)
        until(lambda: self.mapping()["jira_key"] == "OPS-2", what="a new issue")
        self.assertEqual((self.comments("OPS-1"), jira.status("OPS-1")), ("[]", "To Do"))

    def test_a_pending_create_goes_to_the_issue_that_is_linked(self):
        jira = self.begin(on_create=lambda jira, keep: fault(502))
        number = self.break_loader()
        until(lambda: jira.sent("POST", "/issue"), what="a create that fails")
        key = self.issue()
        self.a.cli("jira", "link", number, key, check=0)
        self.a.cli("incident", "note", number, "seen", check=0)
        until(lambda: "seen" in self.comments(key), 60, "comment on the linked issue")
        self.assertEqual(list(jira.issues), [key])

    def test_what_was_given_up_is_sent_again_when_asked(self):
        jira = self.begin(on_create=lambda jira, keep: fault(400, issuetype="is invalid"))
        number = self.break_loader()
        until(lambda: self.a.items("/api/v1/dead-letters"), what="dead letter")
        jira.on_create = None
        self.a.cli("jira", "sync")
        self.assertEqual(until(lambda: self.mapping()["jira_key"], what="ticket"), "OPS-1")
        self.assertEqual(self.a.items("/api/v1/dead-letters"), [])
        self.assertEqual(self.a.get(f"/api/v1/incidents/{number}").json["jira_ticket_key"], "OPS-1")

    def test_only_a_dry_run_exists(self):
        self.begin()
        number = self.break_loader()
        refused = self.a.cli("jira", "test", "--incident", number, check=2)
        self.assertIn("--dry-run", refused.stderr)
        self.assertEqual(self.a.cli("jira", "test", "--dry-run", check=2).stdout, "")

    def test_the_log_says_what_became_of_an_issue(self):
        self.begin()
        number = self.break_loader()
        self.one_issue()
        self.a.cli("jira", "unlink", number, check=0)
        rows = json.loads(self.a.cli("jira", "log", "--incident", number, "--json", check=0).stdout)
        mappings = [(r["jira_key"], r["intent"]) for r in rows if r["direction"] == "MAPPING"]
        self.assertEqual(mappings[0], ("", "unlinked"))
        self.assertIn(("OPS-1", ""), mappings)
        self.assertIn("unlinked", self.a.cli("jira", "log", check=0).stdout)
        self.assertNotIn("s3cret", json.dumps(rows))

    def test_wrong_questions_name_what_would_be_right(self):
        self.begin()
        number = self.break_loader()
        self.one_issue()
        for body, word in (({"incident": number, "jira_key": "OPS 1"}, "blanks"), ({"incident": number}, "jira_key"),
                           ({"incident": 9999, "jira_key": "OPS-1"}, "9999"),
                           ({"incident": number, "jira_key": "OPS-9", "instance": "jra"}, "jira")):
            answer = self.map(body)
            self.assertIn(answer.status, (400, 404, 422), answer.body)
            self.assertIn(word, answer.json["detail"])


if __name__ == "__main__":
    main()
