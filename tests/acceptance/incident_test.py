#!/usr/bin/env python3
"""Incidents as people work on them, with the real binary: the command line and its exit codes, files, export, watch,
and a kill -9 in the middle of it all."""
import csv
import io
import json
import os
import pty
import signal
import subprocess
import threading

from world import TOCSIN, Case, call, main, signal_of, until

CONFIG = """
[source.http]
[notifier.hook]
plugin = "webhook"
url = "%(hook)s/hook"
[notifier.other]
plugin = "webhook"
url = "%(hook)s/other"
[notifier.third]
plugin = "webhook"
url = "%(hook)s/third"
[contact.ana]
email = "ana@corp"
[policy.people]
steps = [
  { notify = ["hook"], escalate_after = "%(wait)s" },
  { notify = ["other"], escalate_after = "1h" },
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
labels = { team = "data" }
"""
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40


class Incidents(Case):
    def start(self, wait="1h"):
        self.receiver = self.hook()
        self.a = self.agent(CONFIG % {"hook": self.receiver.url, "wait": wait})
        self.a.start()

    def open(self, loader="L1"):
        before = len(self.a.incidents())
        self.a.push([signal_of("etl.run", loader=loader, status="FAILED")])
        until(lambda: len(self.a.incidents()) > before, what="an incident")
        return self.a.incidents()[0]["number"]

    def told(self, path):
        with self.receiver.lock:
            return [json.loads(r["body"]) for r in self.receiver.requests if r["path"] == path]

    def show(self, number):
        return json.loads(self.a.cli("incident", "show", number, "--json", check=0).stdout)

    def test_a_day_in_the_life_of_an_incident(self):
        self.start()
        cli = self.a.cli
        number = self.open()
        until(lambda: self.told("/hook"), what="the first step")
        self.assertIn("OPEN", cli("incident", "list", check=0).stdout)
        self.assertIn("loader_failed", cli("incident", "list", "--match", 'team="data"', "--rule", "loader_failed", check=0).stdout)
        self.assertNotIn("loader_failed", cli("incident", "list", "--match", 'team!="data"', check=0).stdout)

        cli("incident", "escalate", number, check=0)
        until(lambda: self.told("/other"), what="the next step at once")
        cli("incident", "page", number, "--to", "third", "--text", "please look", check=0)
        until(lambda: self.told("/third"), what="the page")
        refused = cli("incident", "page", number, "--to", "nobody", check=1)
        self.assertIn("leads to nobody", refused.stderr)

        cli("incident", "snooze", number, "30m", check=0)
        self.assertIsNotNone(self.show(number)["snoozed_until"])
        cli("incident", "unsnooze", number, check=0)
        cli("incident", "unsnooze", number, check=1)
        cli("incident", "ack", number, "--for", "1h", check=0)
        self.assertIsNotNone(self.show(number)["ack_expires_at"])
        cli("incident", "start", number, check=0)
        cli("incident", "assign", number, "ana", check=0)
        cli("incident", "note", number, "ordered a new disk", check=0)
        cli("incident", "tag", number, "night", "etl", check=0)
        cli("incident", "tag", number, "--remove", "etl", check=0)
        cli("incident", "link", number, "https://grafana.corp/d/1", "--text", "Board", check=0)
        refused = cli("incident", "close", number, "--reason", "done", check=1)
        self.assertIn("from here it can become RESOLVED", refused.stderr)
        cli("incident", "resolve", number, "--notes", "disk replaced", check=0)
        cli("incident", "reopen", number, check=0)
        cli("incident", "resolve", number, "--notes", "disk replaced again", check=0)
        cli("incident", "close", number, "--reason", "verified", check=0)

        incident = self.show(number)
        self.assertEqual((incident["status"], incident["owner"], incident["tags"]), ("CLOSED", "ana", ["night"]))
        self.assertEqual(incident["links"], [{"text": "Board", "href": "https://grafana.corp/d/1"}])
        whats = [e["what"] for e in incident["timeline"]]
        for what in ("opened", "escalated", "paged", "snoozed", "acknowledgement", "status", "owner", "note", "tags", "link"):
            self.assertIn(what, whats)
        moves = [(e["from"], e["to"]) for e in incident["timeline"] if e["what"] == "status"]
        self.assertEqual(moves, [("OPEN", "ACKNOWLEDGED"), ("ACKNOWLEDGED", "IN_PROGRESS"), ("IN_PROGRESS", "RESOLVED"),
                                 ("RESOLVED", "OPEN"), ("OPEN", "RESOLVED"), ("RESOLVED", "CLOSED")])
        self.assertIn("night", cli("incident", "show", number, check=0).stdout)
        self.assertIn(str(number), cli("incident", "list", "-q", "ordered a new", check=0).stdout)

    def test_several_at_once_and_what_is_refused(self):
        self.start()
        one, two = self.open("L1"), self.open("L2")
        self.assertEqual(self.a.cli("incident", "ack", one, two, check=0).stdout.count("ACKNOWLEDGED"), 2)
        three = self.open("L3")
        mixed = self.a.cli("incident", "ack", one, three, check=1)
        self.assertIn("cannot become ACKNOWLEDGED", mixed.stderr)
        self.assertEqual(self.show(three)["status"], "ACKNOWLEDGED", "the others go on")
        self.assertEqual([i["number"] for i in json.loads(self.a.cli("incident", "list", "--json", check=0).stdout)], [three, two, one])
        self.a.cli("incident", "show", 9999, check=1)
        self.a.cli("incident", "snooze", one, "soon", check=1)
        self.a.cli("incident", "ack", "--nonsense", check=2)
        self.a.cli("incident", "ack", one, "--url", "http://127.0.0.1:1", check=3)

    def test_what_is_missing_is_asked_for_on_a_terminal_only(self):
        self.start()
        number = self.open()
        for arguments in (("resolve", number), ("ack",), ("note", number), ("merge", number), ("snooze", number), ("page", number), ("create",)):
            done = self.a.cli("incident", *arguments, check=2, input="")
            self.assertIn("missing", done.stderr, arguments)
        parent, child = pty.openpty()
        process = subprocess.Popen([TOCSIN, "incident", "resolve", str(number)], stdin=child, stdout=child, stderr=child,
                                   env=self.a.env(), close_fds=True)
        os.close(child)
        seen = b""
        while b"--notes" not in seen:
            seen += os.read(parent, 1000)
        os.write(parent, b"mended by hand\n")
        self.assertEqual(process.wait(20), 0)
        os.close(parent)
        self.assertEqual(self.show(number)["resolution_notes"], "mended by hand")

    def test_two_become_one(self):
        self.start()
        one, two = self.open("L1"), self.open("L2")
        self.a.cli("incident", "merge", two, one, check=0)
        merged = self.show(two)
        self.assertEqual((merged["status"], merged["merged_into"]), ("CLOSED", self.show(one)["correlation_id"]))
        self.assertEqual(len(self.show(one)["alerts"]), 2)
        self.a.cli("incident", "reopen", two, check=1)
        self.a.cli("incident", "merge", one, one, check=1)
        self.a.kill()
        self.a.start()
        self.assertEqual(len(self.show(one)["alerts"]), 2)

    def test_files(self):
        self.start()
        number = self.open()
        path = self.a.dir / "report.pdf"
        path.write_bytes(PDF)
        self.a.cli("incident", "attach", number, path, check=0)
        (self.a.dir / "fake.pdf").write_text("<html>")
        self.assertIn("does not hold what its name says", self.a.cli("incident", "attach", number, self.a.dir / "fake.pdf", check=1).stderr)
        self.a.kill()
        self.a.start()
        listed = json.loads(self.a.cli("incident", "attachments", number, "--json", check=0).stdout)
        self.assertEqual([(f["name"], f["size"]) for f in listed], [("report.pdf", len(PDF))])
        self.a.cli("incident", "download", number, listed[0]["id"], "-o", self.a.dir / "back.pdf", check=0)
        self.assertEqual((self.a.dir / "back.pdf").read_bytes(), PDF)
        large = call("POST", f"{self.a.url}/api/v1/incidents/{number}/attachments?name=big.log", b"x" * (10 * 2**20 + 1))
        self.assertEqual(large.status, 413)
        self.assertEqual(call("POST", f"{self.a.url}/api/v1/incidents/{number}/attachments?name=..%2Fbig.log", b"x").status, 422)
        self.assertEqual(call("POST", f"{self.a.url}/api/v1/incidents/{number}/attachments?name=a.exe", b"MZ").status, 415)

    def test_export(self):
        self.start()
        for i in range(1203):
            title = "=cmd|' /C calc'!A0" if i == 7 else f'incident "{i}", with, commas\nand lines'
            made = call("POST", self.a.url + "/api/v1/incidents", {"title": title, "severity": "LOW", "tags": ["bulk"] if i % 2 else []})
            self.assertEqual(made.status, 201)
        rows = list(csv.DictReader(io.StringIO(self.a.cli("incident", "list", "--format", "csv", check=0).stdout, newline="")))
        self.assertEqual(len(rows), 1203)
        self.assertIn("'=cmd|' /C calc'!A0", [r["title"] for r in rows])
        self.assertEqual(rows[0]["title"], 'incident "1202", with, commas\nand lines')
        tagged = json.loads(self.a.cli("incident", "list", "--format", "json", "--tag", "bulk", check=0).stdout)
        self.assertEqual((len(tagged["items"]), tagged["next"]), (601, None))

    def test_who_waits_for_changes_is_answered_when_one_is_committed(self):
        self.start()
        number = self.open()
        cursor = self.a.get("/api/v1/incidents/changes").json["next"]
        answers = []
        waiter = threading.Thread(target=lambda: answers.append(self.a.get(f"/api/v1/incidents/changes?after={cursor}&wait=60s", timeout=70).json))
        waiter.start()
        self.a.cli("incident", "note", number, "looking", check=0)
        waiter.join(30)
        self.assertEqual(len(answers), 1)
        self.assertGreater(len(answers[0]["items"]), 0)

    def test_watch_follows_changes_across_a_kill(self):
        self.start()
        number = self.open()
        watch = subprocess.Popen([TOCSIN, "incident", "watch", "--json"], stdout=subprocess.PIPE, text=True, env=self.a.env())
        self.addCleanup(lambda: watch.poll() is None and watch.kill())
        lines = []
        def read():
            for line in watch.stdout:
                lines.append(json.loads(line))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        count = 0

        def seen():
            nonlocal count
            count += 1
            self.a.cli("incident", "note", number, f"hello {count}", check=0)
            return any(line["what"] == "note" for line in lines)
        until(seen, what="a change")
        self.a.kill()
        self.a.start()
        self.a.cli("incident", "ack", number, check=0)
        until(lambda: any(line["to"] == "ACKNOWLEDGED" for line in lines), what="changes after a restart")
        ids = [line["id"] for line in lines]
        self.assertEqual(ids, sorted(set(ids)), "each once, in order")
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(20), 0)

    def test_pace_survives_kill_9(self):
        self.start(wait="4s")
        number = self.open()
        until(lambda: self.told("/hook"), what="the first step")
        self.a.cli("incident", "snooze", number, "3s", check=0)
        self.a.kill()
        self.a.start()
        self.assertEqual(self.told("/other"), [])
        until(lambda: self.show(number)["snoozed_until"] is None, what="it wakes")
        until(lambda: self.told("/other"), what="the ladder goes on")
        self.a.cli("incident", "ack", number, "--for", "3s", check=0)
        self.a.kill()
        self.a.start()
        until(lambda: self.show(number)["status"] == "OPEN", what="the acknowledgement expires")
        entry = [e for e in self.show(number)["timeline"] if (e["from"], e["to"]) == ("ACKNOWLEDGED", "OPEN")]
        self.assertIn("expired", entry[0]["text"])

    def test_kill_9_in_the_middle_loses_nothing_that_was_answered(self):
        self.start()
        number = self.open()
        for round_ in range(4):
            tags, notes = [], []
            stop = threading.Event()

            def work():
                count = 0
                while not stop.is_set():
                    count += 1
                    word = f"r{round_}n{count}"
                    try:
                        if count % 5 == 0:
                            if call("POST", f"{self.a.url}/api/v1/incidents/{number}/tags", {"add": [word]}, timeout=5).status == 200:
                                tags.append(word)
                            call("POST", f"{self.a.url}/api/v1/incidents/{number}/tags", {"remove": [word]}, timeout=5)
                        elif call("POST", f"{self.a.url}/api/v1/incidents/{number}/notes", {"text": word}, timeout=5).status == 200:
                            notes.append(word)
                    except OSError:
                        return
            worker = threading.Thread(target=work)
            worker.start()
            until(lambda: len(notes) > 20, what="some work")
            self.a.kill()
            stop.set()
            worker.join()
            self.a.start()
            timeline = self.show(number)["timeline"]
            texts = [e["text"] for e in timeline if e["what"] == "note"]
            for word in notes:
                self.assertEqual(texts.count(word), 1, word)
            added = " ".join(e["to"] for e in timeline if e["what"] == "tags")
            for word in tags:
                self.assertIn(word, added)


if __name__ == "__main__":
    main()
