#!/usr/bin/env python3
"""`tocsin demo`: the real agent through an ETL day that goes wrong, told on the terminal and by mail."""
import email
import email.policy
import json
import shutil
from pathlib import Path

from world import FULL, Case, main, tocsin

LENGTH = "30s" if FULL else "20s"
FAULTS = {"a failing loader": "failed", "passwords being tried": "authentication failures from", "a filling disk": "% full"}


class Demo(Case):
    @classmethod
    def setUpClass(cls):
        cls.done = tocsin("demo", "--for", LENGTH, "--json", timeout=120)
        if cls.done.returncode not in (0, 1):
            raise AssertionError(f"tocsin demo ended with {cls.done.returncode}:\n{cls.done.stdout}\n{cls.done.stderr}")
        cls.summary = json.loads(cls.done.stdout.strip().splitlines()[-1])
        cls.maildir = Path(cls.summary["maildir"])
        cls.addClassCleanup(shutil.rmtree, cls.maildir.parent, ignore_errors=True)
        cls.mails = [email.message_from_bytes(p.read_bytes(), policy=email.policy.default) for p in sorted((cls.maildir / "new").iterdir())]

    def part(self, mail, subtype):
        return next((p.get_content() for p in mail.walk() if p.get_content_type() == f"text/{subtype}"), "")

    def test_it_ends_well(self):
        self.assertEqual(self.done.returncode, 0, self.done.stderr[-3000:])

    def test_the_last_line_is_the_summary_and_nothing_more(self):
        self.assertEqual(set(self.summary), {"signals", "alerts", "incidents", "notifications", "maildir"})
        print(self.summary, flush=True)

    def test_every_fault_became_an_incident_somebody_was_told_of(self):
        self.assertGreaterEqual(self.summary["incidents"], len(FAULTS))
        self.assertGreaterEqual(self.summary["alerts"], self.summary["incidents"])
        self.assertGreaterEqual(self.summary["notifications"], self.summary["incidents"])
        self.assertGreater(self.summary["signals"], 100)
        for fault, words in FAULTS.items():
            self.assertTrue([m for m in self.mails if words in self.part(m, "plain")], f"no mail tells of {fault}")

    def test_every_incident_has_a_mail(self):
        firing = [m for m in self.mails if "[RESOLVED]" not in (m["Subject"] or "")]
        self.assertGreaterEqual(len(firing), self.summary["incidents"])
        # Mails of one incident are one thread: who begins a thread has no predecessor.
        begun = {m["In-Reply-To"] or m["Message-ID"] for m in self.mails}
        self.assertGreaterEqual(len(begun), self.summary["incidents"])

    def test_each_mail_parses_and_reads_as_text_and_as_a_page(self):
        self.assertTrue(self.mails)
        for mail in self.mails:
            self.assertEqual(mail.defects, [])
            for header in ("From", "To", "Subject", "Date", "Message-ID"):
                self.assertTrue(mail[header], header)
            self.assertIn("you@localhost", mail["To"])
            self.assertTrue(self.part(mail, "plain").strip())
            self.assertIn("<", self.part(mail, "html"))

    def test_the_terminal_told_too(self):
        for words in FAULTS.values():
            self.assertIn(words, self.done.stderr)


if __name__ == "__main__":
    main()
