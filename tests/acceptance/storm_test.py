#!/usr/bin/env python3
"""A storm: many alerts within a minute (10,000 under full counts). Nobody gets more messages than the limit, CRITICAL ones go
first, memory does not grow with time, and every incident is accounted for: told, told in a digest, or held with a reason."""
import json
import re
import statistics
import threading
import time
import urllib.parse
from pathlib import Path

from world import FULL, Case, main, signal_of, until

ALERTS = 10_000 if FULL else 600
SECONDS = 60 if FULL else 4
CRITICAL = 12
LIMIT, WINDOW = 3, 4.0

CONFIG = """
[source.http]
[notifier.sms]
limits = ["%(limit)d/%(window)ds"]
[notifier.sms.send]
url = "%(sms)s/send"
body = '{"to": "{{recipient}}", "text": "{{text}}"}'
[notifier.hook]
plugin = "webhook"
url = "%(hook)s/hook"
[contact.first]
phone = "+966500000001"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
storm_after = 10
storm_every = "3s"
notify = ["hook", "sms:contact.first"]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = "etl.failed"
by = ["loader"]
op = ">"
threshold = 0
[[rule]]
name = "core_down"
severity = "CRITICAL"
signal = "core.down"
by = ["loader"]
op = ">"
threshold = 0
"""


class Storm(Case):
    def setUp(self):
        self.sms, self.receiver = self.hook(), self.hook()
        self.a = self.agent(CONFIG % {"sms": self.sms.url, "hook": self.receiver.url, "limit": LIMIT, "window": WINDOW}).start()

    def rss(self):
        for line in Path(f"/proc/{self.a.worker()}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])

    def blow(self):
        """Pushes everything, evenly over the time; CRITICAL ones in the middle."""
        self.highs = [f"L{n}" for n in range(ALERTS - CRITICAL)]
        self.criticals = [f"C{n}" for n in range(CRITICAL)]
        batch, begin, pace = max(1, ALERTS // 100), time.monotonic(), threading.Event()
        for at in range(0, len(self.highs), batch):
            signals = [signal_of("etl.failed", loader=name) for name in self.highs[at:at + batch]]
            if at <= len(self.highs) // 2 < at + batch:
                signals += [signal_of("core.down", loader=name) for name in self.criticals]
            self.assertEqual(self.a.push(signals).status, 202)
            pace.wait(max(0, begin + SECONDS * at / len(self.highs) - time.monotonic()))

    def told(self):
        return {a["labels"]["loader"] for b in self.receiver.json_bodies() for a in b["alerts"]}

    def texts(self):
        with self.sms.lock:
            return [(r["at"], json.loads(r["body"])["text"]) for r in self.sms.requests]

    def test_a_storm(self):
        before = self.rss()
        self.blow()
        everything = set(self.highs) | set(self.criticals)
        until(lambda: len(self.a.incidents()) == len(everything), limit=120, what="an incident for each alert")
        until(lambda: self.told() == everything, limit=120, what="each alert told to the receiver without a limit")
        growth = (self.rss() - before) / ALERTS
        critical = lambda: [text for _, text in self.texts() if text.startswith("[CRITICAL]")]
        samples = []

        def drained():
            samples.append(self.rss())
            return len(critical()) == CRITICAL and any(not t.startswith("[CRITICAL]") for _, t in self.texts()[-2:])
        until(drained, limit=90, what="the CRITICAL messages, then others")
        self.within_the_limit()
        self.critical_first()
        self.accounted_for()
        third = max(1, len(samples) // 3)
        first, last = statistics.median(samples[:third]), statistics.median(samples[-third:])
        print(f"{ALERTS} alerts in {SECONDS} s: {len(self.receiver.requests)} messages to the webhook, {len(self.texts())} SMS, "
              f"{growth:.1f} KiB an alert, then {first:.0f} and {last:.0f} KiB")
        self.assertLess(growth, 48 if FULL else 128)
        self.assertLess(last, first * 1.1)
        self.assertLess(len(self.receiver.requests), 10 + CRITICAL + (SECONDS + 120) / 3)

    def within_the_limit(self):
        times = [at for at, _ in self.texts()]
        for n, at in enumerate(times):
            inside = [t for t in times[n:] if t < at + WINDOW - 0.3]
            self.assertLessEqual(len(inside), LIMIT, "messages to one phone within the limit's time")

    def critical_first(self):
        """Once a CRITICAL message waits, no other goes before it."""
        texts = [text for _, text in self.texts()]
        marks = [text.startswith("[CRITICAL]") for text in texts]
        first, last = marks.index(True), len(marks) - 1 - marks[::-1].index(True)
        self.assertTrue(all(marks[first:last + 1]), texts[first:last + 1])

    def accounted_for(self):
        """A hundred incidents and more: explain names the phone with told, storm or another reason; and what was
        decided for the phone has gone out or waits in its queue."""
        for loader in (self.highs + self.criticals)[::ALERTS // 100]:
            match = f'loader="{loader}"'
            said = self.a.get(f"/api/v1/explain?who=first&match={urllib.parse.quote(match)}").json
            kinds = {e["kind"] for e in said["entries"] if e["target"] == "sms:contact.first" or e["who"] == "first"}
            self.assertTrue(kinds, (loader, said["verdict"]))
        metrics = self.a.get("/metrics").body.decode()
        queued = int(re.search(r'tocsin_outbox_queued\{instance="sms"\} (\d+)', metrics)[1])
        self.assertGreaterEqual(len(self.texts()) + queued, 10 + CRITICAL)  # storm_after, and what is never gathered
        self.assertEqual(self.a.items("/api/v1/dead-letters"), [])


if __name__ == "__main__":
    main()
