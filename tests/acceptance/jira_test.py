#!/usr/bin/env python3
"""Tickets on the real binary, against a Jira that really keeps issues: one issue per incident, whatever is lost in
between; comments and transitions; and every request held to Jira's published contracts where these are at hand."""
import base64
import collections
import json
import random
import re
import threading
import unittest
import urllib.parse

from world import FULL, SHARED, Case, main, signal_of, until

try:
    import jsonschema
except ImportError:
    jsonschema = None

CONFIG = """
[source.http]
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
[tracker.jira]
api_url = "%s"
api_type = "%s"
username = "%s"
token = "s3cret-t0ken"
project = "OPS"
issue_type = "Incident"
priority = { HIGH = "High" }
resolve_transition = "Done"
search_settle = "1s"
fields = { "Correlation ID" = "{{incident.correlation_id}}", customfield_10050 = { value = "{{labels.loader}}" } }
status = { ACKNOWLEDGED = "in progress" }
users = { nora = "n-1" }
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "1h"
message = "{{loader}} failed: \\"quoted\\" {code} التحميل"
suggestion = "Look at the log"
runbook_url = "https://wiki.corp/rb/loader"
"""
TRANSITIONS = [{"id": "11", "name": "Start work", "to": {"name": "In Progress", "statusCategory": {"key": "indeterminate"}}},
               {"id": "31", "name": "Done", "to": {"name": "Done", "statusCategory": {"key": "done"}}}]


def fault(status, *messages, **errors):
    return status, {}, json.dumps({"errorMessages": list(messages), "errors": errors}).encode()


def ok(body, status=200):
    return status, {"Content-Type": "application/json"}, b"" if body is None else json.dumps(body).encode()


class Jira:
    """Keeps issues as Jira does: v3 wants documents, v2 text. `on_create(jira, keep)` may take a create over: it calls
    keep() to have the issue made, and answers (status, headers, body), or None to drop the line."""

    def __init__(self, case, version=3, username="bot@corp"):
        self.version, self.case = version, case
        token = "s3cret-t0ken"
        self.auth = "Basic " + base64.b64encode(f"{username}:{token}".encode()).decode() if username else "Bearer " + token
        self.lock = threading.RLock()
        self.issues, self.requests, self.hidden_searches = {}, [], 0
        self.on_create = None
        self.hook = case.hook(self.answer)
        self.url = self.hook.url

    def answer(self, request):
        path, _, query = request["path"].partition("?")
        body = json.loads(request["body"]) if request["body"] else None
        with self.lock:
            self.requests.append((request["method"], path, urllib.parse.parse_qs(query), body))
        if request["headers"].get("Authorization") != self.auth:
            return fault(401, "Client must be authenticated to access this resource.")
        route = request["method"] + " " + path.removeprefix(f"/rest/api/{self.version}")
        if route == "POST /issue":
            return self.create(body)
        with self.lock:
            if route == ("POST /search/jql" if self.version == 3 else "POST /search"):
                return self.search(body)
            if route == "GET /myself":
                return ok({"accountId": "bot", "name": "bot", "displayName": "Tocsin"})
            if route == "GET /field":
                return ok([{"id": "summary", "name": "Summary"}, {"id": "customfield_10042", "name": "Correlation ID"}])
            found = re.fullmatch(r"(GET|POST|PUT) /issue/(OPS-\d+)(/comment|/transitions|/assignee|)", route)
            if not found or found[2] not in self.issues:
                return fault(404, "Issue does not exist or you do not have permission to see it.")
            return self.of_issue(found[1], self.issues[found[2]], found[3], body)

    def create(self, body):
        fields = body["fields"]
        wrong = self.wrong_in(fields)
        if wrong:
            return fault(400, **wrong)

        def keep():
            with self.lock:
                key = f"OPS-{len(self.issues) + 1}"
                status = {"name": "To Do", "statusCategory": {"key": "new"}}
                self.issues[key] = {"id": str(10000 + len(self.issues)), "key": key, "fields": {**fields, "status": status}, "comments": []}
                return ok({"id": self.issues[key]["id"], "key": key, "self": self.url}, 201)
        return self.on_create(self, keep) if self.on_create else keep()

    def wrong_in(self, fields):
        wrong = {}
        for name, fine in (("project", lambda v: v == {"key": "OPS"}), ("issuetype", lambda v: v == {"name": "Incident"}),
                           ("summary", lambda v: 0 < len(v) < 255 and "\n" not in v), ("labels", lambda v: all(" " not in label for label in v)),
                           ("description", self.is_text), ("priority", lambda v: v in ({"name": "High"}, {"name": "Highest"}))):
            if name not in fields or not fine(fields[name]):
                wrong[name] = f"{name}: {fields.get(name)!r} is not right"
        for name in set(fields) - {"project", "issuetype", "summary", "labels", "description", "priority", "customfield_10042", "customfield_10050"}:
            wrong[name] = f"Field '{name}' cannot be set. It is not on the appropriate screen, or unknown."
        return wrong

    def is_text(self, value):
        if self.version == 2:
            return isinstance(value, str)
        return isinstance(value, dict) and (value.get("type"), value.get("version")) == ("doc", 1)

    def search(self, body):
        if "updated >= -" in body["jql"]:
            found = [{"key": i["key"], "fields": {"updated": str(i.get("version"))}} for i in self.issues.values()]
            return ok({"issues": found, "isLast": True, "total": len(found)})
        wanted = re.fullmatch(r'project = "OPS" AND labels = "(tocsin-[^"]+)"', body["jql"])
        if not wanted:
            return fault(400, "Error in the JQL Query")
        if self.hidden_searches:
            self.hidden_searches -= 1
            return ok({"issues": [], "isLast": True})
        return ok({"issues": [i for i in self.issues.values() if wanted[1] in i["fields"]["labels"]], "isLast": True})

    def of_issue(self, method, issue, what, body):
        if what == "/assignee":
            issue["fields"]["assignee"] = body
            return ok(None, 204)
        if what == "" and method == "PUT":
            issue["fields"].update(body["fields"])
            return ok(None, 204)
        if what == "":
            return ok(issue)
        if what == "/comment" and method == "GET":
            return ok({"comments": issue["comments"]})
        if what == "/comment":
            if not self.is_text(body["body"]):
                return fault(400, comment="Comment body is not valid!")
            issue["comments"].append(body)
            return ok(body, 201)
        if method == "GET":
            return ok({"transitions": TRANSITIONS})
        for each in TRANSITIONS:
            if each["id"] == body["transition"]["id"]:
                issue["fields"]["status"] = each["to"]
                return ok(None, 204)
        return fault(400, "Transition id is not valid for this issue.")

    def status(self, key="OPS-1"):
        with self.lock:
            return self.issues[key]["fields"]["status"]["name"]

    def sent(self, method, ending):
        with self.lock:
            return [r for r in self.requests if r[0] == method and r[1].endswith(ending)]


class World(Case):
    def begin(self, version=3, username="bot@corp", on_create=None, hidden_searches=0, more=""):
        self.jira = Jira(self, version, username)
        self.jira.on_create, self.jira.hidden_searches = on_create, hidden_searches
        config = CONFIG % (self.jira.url, "cloud" if version == 3 else "datacenter", username)
        self.a = self.agent(config.replace("[[rule]]", more + "\n[[rule]]", 1)).start()
        return self.jira

    def break_loader(self, loader="DAILY SALES"):
        self.a.push([signal_of("etl.run", loader=loader, status="FAILED")])
        return until(self.a.incidents, what="incident")[0]["number"]

    def ticket(self):
        """The agent knows the ticket of its one incident."""
        return until(lambda: [m for m in self.a.items("/api/v1/integrations/jira/mappings") if m["jira_key"]], 60, "ticket")[0]

    def one_issue(self):
        self.ticket()
        self.assertEqual(list(self.jira.issues), ["OPS-1"])
        return self.jira.issues["OPS-1"]


class Tickets(World):
    def test_an_incident_becomes_one_issue_and_is_followed_to_its_end(self):
        jira = self.begin()
        number = self.break_loader()
        mapping = self.ticket()
        self.assertEqual((mapping["jira_key"], mapping["jira_url"]), ("OPS-1", jira.url + "/browse/OPS-1"))
        fields = self.one_issue()["fields"]
        incident = self.a.get(f"/api/v1/incidents/{number}").json
        self.assertEqual(fields["summary"], f"[HIGH] {incident['title']}")
        self.assertEqual(fields["customfield_10042"], incident["correlation_id"])
        self.assertEqual(fields["customfield_10050"], {"value": "DAILY SALES"})
        self.assertLessEqual({"auto-detected", "etl-monitoring", "tocsin-" + incident["correlation_id"]}, set(fields["labels"]))
        for text in ('"quoted" {code} التحميل', "Look at the log", "https://wiki.corp/rb/loader"):
            self.assertIn(text, " ".join(texts(fields["description"])))
        self.a.cli("incident", "note", number, "the disk is full", check=0)
        until(lambda: jira.issues["OPS-1"]["comments"], what="comment")
        self.assertIn("the disk is full", " ".join(texts(jira.issues["OPS-1"]["comments"][0])))
        self.a.cli("incident", "ack", number, check=0)
        until(lambda: jira.status() == "In Progress", what="status in Jira")
        self.a.cli("incident", "resolve", number, "--notes", "made room", check=0)
        until(lambda: jira.status() == "Done", what="resolved in Jira")
        self.assertIn("made room", " ".join(texts(jira.issues["OPS-1"]["comments"])))
        self.one_issue()

    def test_a_lost_answer_makes_no_second_issue(self):
        def create_and_drop(jira, keep):
            jira.on_create = None
            keep()
        self.begin(on_create=create_and_drop)
        self.break_loader()
        self.one_issue()
        self.assertEqual(len(self.jira.sent("POST", "/issue")), 1)

    def test_a_lost_answer_makes_no_second_issue_where_the_search_lags(self):
        def create_and_drop(jira, keep):
            jira.on_create = None
            keep()
        self.begin(on_create=create_and_drop, hidden_searches=1)
        self.break_loader()
        self.one_issue()
        self.assertEqual(len(self.jira.sent("POST", "/issue")), 1)
        self.assertGreaterEqual(len(self.jira.sent("POST", "/search/jql")), 2)

    def test_killed_between_create_and_answer_it_finds_its_issue(self):
        created, killed = threading.Event(), threading.Event()

        def create_and_hang(jira, keep):
            jira.on_create = None
            keep()
            created.set()
            killed.wait(60)
        self.begin(on_create=create_and_hang)
        self.break_loader()
        self.assertTrue(created.wait(30), "create")
        self.a.kill()
        killed.set()
        self.a.start()
        self.one_issue()
        self.assertEqual(len(self.jira.sent("POST", "/issue")), 1)

    def test_a_create_that_never_arrived_is_made_up_for_once(self):
        asked, killed = threading.Event(), threading.Event()

        def hang(jira, keep):
            jira.on_create = None
            asked.set()
            killed.wait(60)
        self.begin(on_create=hang)
        self.break_loader()
        self.assertTrue(asked.wait(30), "create")
        self.a.kill()
        killed.set()
        self.a.start()
        self.one_issue()
        self.assertEqual(len(self.jira.sent("POST", "/issue")), 2)

    def test_killed_again_and_again_every_incident_has_one_issue(self):
        rounds, count = 12 if FULL else 3, [0]

        def some_answers_are_lost(jira, keep):
            with jira.lock:
                count[0] += 1
                lost = count[0] % 3 == 0
            answer = keep()
            return None if lost else answer
        jira = self.begin(on_create=some_answers_are_lost)
        for round_ in range(rounds):
            before = len(jira.sent("POST", "/issue"))
            self.a.push([signal_of("etl.run", loader=f"L{round_}_{i}", status="FAILED") for i in range(5)])
            until(lambda: len(jira.sent("POST", "/issue")) >= before + 1 + round_ % 3, 60, "creates")
            self.a.kill()
            self.a.start()

        def all_known():
            mappings = self.a.items("/api/v1/integrations/jira/mappings")
            return len([m for m in mappings if m["jira_key"]]) == rounds * 5
        until(all_known, 120, "a ticket for every incident")
        labels = [label for issue in jira.issues.values() for label in issue["fields"]["labels"] if label.startswith("tocsin-")]
        self.assertEqual(len(labels), rounds * 5)
        self.assertEqual(sorted(labels), sorted("tocsin-" + i["correlation_id"] for i in self.a.incidents()))

    def test_a_tracker_that_fails_in_every_way_gets_exactly_one_issue_for_each_incident(self):
        """It times out before and after creating, drops the line, answers 429, 500 and 502, while the agent is killed."""
        incidents, kills = (1000, 20) if FULL else (60, 2)
        rng, before_creating = random.Random(20261126), []

        def trouble(jira, keep):
            with jira.lock:
                kind = rng.choice(["fine"] * 12 + ["dropped", "dropped after", "late", "late after", "limit", "500", "502 after", "503"])
                before_creating.append(kind)
            if "after" in kind:
                keep()
            if kind.startswith("late"):
                self.late.wait(3)
            return {"fine": keep, "limit": lambda: (429, {"Retry-After": "1"}, b""), "500": lambda: fault(500, "boom"),
                    "502 after": lambda: (502, {}, b"<html>Bad Gateway</html>"),
                    "503": lambda: (503, {"Retry-After": "1"}, b"")}.get(kind, lambda: None)()
        self.late = threading.Event()
        self.addCleanup(self.late.set)
        jira = self.begin(on_create=trouble, more='timeout = "2s"')
        step = max(1, incidents // (kills + 1))
        for start in range(0, incidents, step):
            self.a.push([signal_of("etl.run", loader=f"L{i}", status="FAILED") for i in range(start, min(start + step, incidents))])
            goal = len(before_creating) + rng.randint(1, max(1, step // 3))
            until(lambda: len(before_creating) >= goal, 120, "creates")
            if kills:
                kills -= 1
                self.a.kill()
                self.a.start()
        until(lambda: len(self.known()) == incidents, 1800 if FULL else 240, "a ticket for every incident")
        labels = [label for issue in jira.issues.values() for label in issue["fields"]["labels"] if label.startswith("tocsin-")]
        self.assertEqual(len(labels), incidents, "issues")
        self.assertEqual(len(set(labels)), incidents, "incidents with an issue")
        self.assertEqual({m["jira_key"] for m in self.known()}, set(jira.issues))
        if FULL:
            print(f"{incidents} incidents, {len(before_creating)} creates asked for, {len(jira.issues)} issues: "
                  f"{collections.Counter(before_creating)}", flush=True)

    def known(self):
        found, after = [], ""
        while True:
            page = self.a.get("/api/v1/integrations/jira/mappings?limit=1000" + after).json
            found += [m for m in page["items"] if m["jira_key"]]
            if not page["next"]:
                return found
            after = "&after=" + urllib.parse.quote(page["next"])

    def test_a_rate_limit_is_waited_out(self):
        def limit(jira, keep):
            jira.on_create = None
            return 429, {"Retry-After": "1"}, b""
        self.begin(on_create=limit)
        self.break_loader()
        self.one_issue()

    def test_an_outage_delays_the_issue_and_doubles_nothing(self):
        left = [2]

        def outage(jira, keep):
            left[0] -= 1
            if left[0] == 0:
                jira.on_create = None
            return fault(502)
        self.begin(on_create=outage)
        self.break_loader()
        self.one_issue()

    def test_a_refusal_is_told_in_jiras_words_and_without_the_token(self):
        self.begin(on_create=lambda jira, keep: fault(400, issuetype="The issue type selected is invalid."))
        self.break_loader()
        row = until(lambda: [r for r in self.a.items("/api/v1/notifications/log") if r["error"]], what="log row")[0]
        self.assertIn("The issue type selected is invalid.", row["error"])
        self.assertNotIn("s3cret", json.dumps(self.a.items("/api/v1/notifications/log")) + self.a.text())
        self.assertEqual(self.jira.issues, {})

    def test_data_center_gets_version_2_and_text(self):
        jira = self.begin(version=2, username="")
        number = self.break_loader()
        description = self.one_issue()["fields"]["description"]
        self.assertIn(r"\{code\}", description)
        self.a.cli("incident", "note", number, "the disk is full", check=0)
        self.a.cli("incident", "resolve", number, "--notes", "made room", check=0)
        until(lambda: jira.status() == "Done", what="resolved in Jira")
        self.assertIn("the disk is full", jira.issues["OPS-1"]["comments"][0]["body"])


def texts(node):
    """Every text of a document, in order."""
    if isinstance(node, list):
        return [text for child in node for text in texts(child)]
    if not isinstance(node, dict):
        return []
    own = [node["text"]] if node.get("type") == "text" else []
    links = [m["attrs"]["href"] for m in node.get("marks", []) if m["type"] == "link"]
    return own + links + texts(node.get("content", [])) + texts(node.get("body", []))


@unittest.skipUnless((SHARED / "contracts" / "jira-cloud").is_dir(), f"no contracts in {SHARED}: requests are checked by the stub alone")
@unittest.skipUnless(jsonschema, "python3-jsonschema is not installed: requests are checked by the stub alone")
class Contracts(World):
    """What the agent really sends, against the published descriptions; each right request beside a wrong twin."""

    OPERATIONS = {"/issue": "/issue", "/comment": "/issue/{issueIdOrKey}/comment", "/transitions": "/issue/{issueIdOrKey}/transitions",
                  "/search/jql": "/search/jql", "/search": "/search", "/assignee": "/issue/{issueIdOrKey}/assignee"}

    @staticmethod
    def load(*path):
        return json.loads(SHARED.joinpath("contracts", *path).read_text())

    @staticmethod
    def method(ending):
        return "PUT" if ending == "/assignee" else "POST"

    def validator(self, spec, version, ending):
        path = f"/rest/api/{version}{self.OPERATIONS[ending]}"
        schema = spec["paths"][path][self.method(ending).lower()]["requestBody"]["content"]["application/json"]["schema"]
        return jsonschema.Draft4Validator({"allOf": [schema], "components": spec["components"]})

    def run_through(self, version, username):
        """One of each request: create, lost; search, also for changes; comment; assignee; transition."""
        def create_and_drop(jira, keep):
            jira.on_create = None
            keep()
        jira = self.begin(version, username, on_create=create_and_drop)
        number = self.break_loader()
        self.ticket()
        self.a.cli("incident", "note", number, "a note\nof two lines", check=0)
        self.a.cli("incident", "assign", number, "nora", check=0)
        until(lambda: jira.sent("PUT", "/assignee"), what="assignee in Jira")
        until(lambda: any("updated >=" in r[3]["jql"] for r in jira.requests if r[1].endswith(("/search", "/jql"))), what="poll")
        self.a.cli("incident", "resolve", number, "--notes", "made room", check=0)
        until(lambda: jira.status() == "Done", what="resolved in Jira")
        self.a.stop()
        return jira

    def check(self, spec, version, jira, twins):
        for ending, wrongs in twins.items():
            validator = self.validator(spec, version, ending)
            requests = jira.sent(self.method(ending), ending)
            self.assertTrue(requests, f"no {self.method(ending)} …{ending} was sent")
            for _, path, _, body in requests:
                self.assertIsNone(next(validator.iter_errors(body), None), f"{path} {body}")
                for wrong in wrongs:
                    twin = wrong(json.loads(json.dumps(body)))
                    self.assertIsNotNone(next(validator.iter_errors(twin), None), f"{path} {twin} should be refused")

    def test_cloud(self):
        spec = self.load("jira-cloud", "jira-cloud-v3.trimmed.openapi.json")
        jira = self.run_through(3, "bot@corp")
        self.check(spec, 3, jira, {
            "/issue": [lambda b: {**b, "fields": list(b["fields"])}],
            "/comment": [lambda b: [b]],
            "/transitions": [lambda b: {"transition": b["transition"]["id"]}],
            "/search/jql": [lambda b: {**b, "maxResults": "many"}, lambda b: {**b, "startAt": 0}],
            "/assignee": [lambda b: {"account": "n-1"}]})
        adf = jsonschema.Draft4Validator(self.load("jira-cloud", "adf-v1.full.schema.json"))
        documents = [jira.sent("POST", "/issue")[0][3]["fields"]["description"]] + [r[3]["body"] for r in jira.sent("POST", "/comment")]
        self.assertGreaterEqual(len(documents), 3)
        for document in documents:
            self.assertIsNone(next(adf.iter_errors(document), None), document)
            empty = json.loads(json.dumps(document))
            empty["content"].append({"type": "paragraph", "content": [{"type": "text", "text": ""}]})
            unknown = {**document, "content": document["content"] + [{"type": "sentence"}]}
            for twin in (empty, unknown, {k: v for k, v in document.items() if k != "version"}, " ".join(texts(document))):
                self.assertIsNotNone(next(adf.iter_errors(twin), None), f"{twin} should be refused")

    def test_data_center(self):
        spec = self.load("jira-dc", "jira-dc-10.3-v2.trimmed.openapi.json")
        self.check(spec, 2, self.run_through(2, ""), {
            "/issue": [lambda b: {**b, "fields": list(b["fields"])}],
            "/comment": [lambda b: {"body": {"type": "doc", "version": 1, "content": []}}],
            "/transitions": [lambda b: {"transition": b["transition"]["id"]}],
            "/search": [lambda b: {**b, "maxResults": "many"}],
            "/assignee": [lambda b: {"name": 1}]})


if __name__ == "__main__":
    main()
