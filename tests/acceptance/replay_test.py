#!/usr/bin/env python3
"""`tocsin replay`: log files through the real binary raise the same first alerts, at the same lines, as a recount here."""
import csv
import json
import random
import re
import shutil
import tempfile
from collections import defaultdict, deque
from datetime import datetime, timedelta
from pathlib import Path

from world import SHARED, Case, main, tocsin

RULES = {"guesses_5_in_60s": (5, 60), "guesses_10_in_300s": (10, 300), "guesses_20_in_600s": (20, 600)}
CONFIG = """[agent]
name = "replay-test"
data_dir = "%s/data"
[source.auth]
plugin = "logtail"
paths = ["/var/log/auth.log"]
timestamp = { format = "rfc3164", zone = "UTC" }
[[source.auth.match]]
signal = "auth.failure"
pattern = 'Failed password for (?:invalid user )?(?<user>.*?) from (?<client_ip>\\S+) port'
[route]
group_by = ["alertname", "client_ip"]
group_wait = "0s"
""" + "".join(f"""
[[rule]]
name = "{name}"
severity = "HIGH"
signal = "auth.failure"
by = ["client_ip"]
aggregate = "count"
over = "{over}s"
op = ">="
threshold = {count}
message = "{{{{value}}}} wrong passwords from {{{{client_ip}}}}"
""" for name, (count, over) in RULES.items())
FAILURE = re.compile(r"Failed password for .* from (\S+) port")
STAMP = re.compile(r"^(\w{3} [ \d]\d [\d:]{8}) ")
DAY = datetime(2001, 12, 10, 6, 0, 0)  # logs have no year; any does for differences


def line_at(at, text):
    return f"{at:%b} {at.day:2d} {at:%H:%M:%S} gate sshd[{4000 + at.minute}]: {text}"


def failure(at, address, user="root"):
    return line_at(at, f"Failed password for {user} from {address} port {20000 + at.second} ssh2")


def made_log(seed=20261120):
    """Some hours of a login log: guessers of several speeds, some that stay just below a rule, and honest noise."""
    rng = random.Random(seed)
    events = []
    for address, count, gap in (("203.0.113.5", 60, 3), ("203.0.113.9", 14, 9), ("198.51.100.2", 40, 25), ("198.51.100.77", 30, 58), ("192.0.2.44", 9, 31)):
        at = DAY + timedelta(seconds=rng.randrange(3600))
        for _ in range(count):
            at += timedelta(seconds=rng.randrange(max(1, gap - gap // 3), gap + gap // 3 + 1))
            events.append((at, failure(at, address, rng.choice(["root", "admin", "invalid user oracle", "invalid user test user"]))))
    # The fifth exactly 60 s after the first: the window is (t - 60 s, t], so these four never are five.
    events += [(at, failure(at, "192.0.2.60")) for at in (DAY + timedelta(seconds=7200 + 15 * i) for i in range(5))]
    events += [(at, failure(at, "192.0.2.59")) for at in (DAY + timedelta(seconds=s) for s in (7800, 7815, 7830, 7845, 7859))]
    # Five within one second.
    events += [(DAY + timedelta(seconds=9000), failure(DAY + timedelta(seconds=9000), "192.0.2.1")) for _ in range(6)]
    for _ in range(400):
        at = DAY + timedelta(seconds=rng.randrange(4 * 3600))
        events.append((at, line_at(at, rng.choice(["Accepted password for nora from 10.0.0.7 port 50022 ssh2", "Connection closed by 203.0.113.5 [preauth]",
                                                   "pam_unix(sshd:auth): authentication failure; logname= uid=0 rhost=203.0.113.5", "Invalid user oracle from 203.0.113.9"]))))
    return [text for _, text in sorted(events, key=lambda e: e[0])]


def rows_of(logs):
    """Every row as (second, file index, line number, text), a line without a timestamp at its predecessor's."""
    rows = []
    for index, lines in enumerate(logs):
        at = None
        for number, text in enumerate(lines, 1):
            if stamp := STAMP.match(text):
                at = datetime.strptime("2001 " + stamp[1], "%Y %b %d %H:%M:%S")
            rows.append((at, index, number, text))
    return sorted(rows, key=lambda r: r[:2])


def recount(rows):
    """The first row per (rule, address) at which `count` failures lie in (t - over, t]."""
    first = {}
    windows = {rule: defaultdict(deque) for rule in RULES}
    for at, index, number, text in rows:
        if not (found := FAILURE.search(text)):
            continue
        for rule, (count, over) in RULES.items():
            window = windows[rule][found[1]]
            window.append(at)
            while at - window[0] >= timedelta(seconds=over):
                window.popleft()
            if len(window) >= count:
                first.setdefault((rule, found[1]), (index, number, at))
    return first


class Replay(Case):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-replay-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.config = self.dir / "agent.toml"
        self.config.write_text(CONFIG % self.dir)

    def write(self, name, lines):
        (self.dir / name).write_text("\n".join(lines) + "\n")
        return self.dir / name

    def replay(self, *files):
        done = tocsin("replay", "--config", self.config, *files, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def first_alerts(self, report, files):
        names = [str(f) for f in files]
        first = {}
        for alert in report["alerts"]:
            at = datetime.strptime(alert["at"][5:19], "%m-%dT%H:%M:%S").replace(year=2001)
            first.setdefault((alert["rule"], alert["labels"]["client_ip"]), (names.index(alert["file"]), alert["line"], at))
        return first

    def compare(self, *logs):
        files = [self.write(f"auth{i}.log", lines) for i, lines in enumerate(logs)]
        wanted = recount(rows_of(logs))
        report = self.replay(*files)
        self.assertEqual(self.first_alerts(report, files), wanted)
        return report, wanted

    def test_first_alerts_stand_at_the_lines_of_a_recount(self):
        report, wanted = self.compare(made_log())
        self.assertIn(("guesses_5_in_60s", "192.0.2.59"), wanted)
        self.assertNotIn(("guesses_5_in_60s", "192.0.2.60"), wanted)
        self.assertEqual({rule for rule, _ in wanted}, set(RULES))
        print(f"{len(report['alerts'])} alerts, {len(wanted)} of them first of their rule and address", flush=True)

    def test_the_report_names_all_it_promises(self):
        report, wanted = self.compare(made_log(7))
        for alert in report["alerts"]:
            self.assertLessEqual({"rule", "labels", "line", "file", "at", "value", "severity", "message"}, set(alert))
            self.assertGreaterEqual(alert["value"], RULES[alert["rule"]][0])
        titles = [i["title"] for i in report["incidents"]]
        for rule, address in wanted:
            self.assertTrue([t for t in titles if address in t], f"no incident of {rule} for {address} in {titles}")
        self.assertEqual(len({i["number"] for i in report["incidents"]}), len(titles))

    def test_the_same_files_give_the_same_report(self):
        file = self.write("auth.log", made_log())
        strip = lambda report: [(a["rule"], a["labels"], a["line"], a["at"], a["value"]) for a in report["alerts"]]
        self.assertEqual(strip(self.replay(file)), strip(self.replay(file)))

    def test_files_are_merged_by_time(self):
        lines = made_log()
        rng = random.Random(3)
        parts = [[], []]
        for text in lines:
            parts[rng.randrange(2)].append(text)
        _, wanted = self.compare(*parts)
        self.assertEqual({file for file, _, _ in wanted.values()}, {0, 1})
        self.assertNotEqual(wanted.keys(), recount(rows_of(parts[:1])).keys())

    def test_a_line_without_a_timestamp_inherits_the_last(self):
        at = DAY + timedelta(seconds=77)
        bare = "  Failed password for root from 192.0.2.200 port 4022 ssh2"
        lines = [failure(DAY, "192.0.2.200"), line_at(at, "what follows came from another program"), bare, bare, bare, bare, bare,
                 line_at(at + timedelta(hours=1), "Server listening on 0.0.0.0 port 22")]
        _, wanted = self.compare(lines)
        self.assertEqual(wanted, {("guesses_5_in_60s", "192.0.2.200"): (0, 7, at)})

    def test_words_for_people_too(self):
        done = tocsin("replay", "--config", self.config, self.write("auth.log", made_log()))
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"auth\.log:\d+")
        self.assertRegex(done.stdout, r"\d+ signals, \d+ alerts, \d+ incidents")

    def test_a_log_without_failures_raises_nothing(self):
        report = self.replay(self.write("auth.log", [line_at(DAY, "Accepted password for nora from 10.0.0.7 port 50022 ssh2")] * 50))
        self.assertEqual((report["alerts"], report["incidents"]), ([], []))

    def test_exit_codes(self):
        file = self.write("auth.log", made_log())
        self.assertEqual(tocsin("replay", "--config", self.config).returncode, 2)
        missing = tocsin("replay", "--config", self.config, self.dir / "none.log")
        self.assertEqual(missing.returncode, 2)
        self.assertIn("none.log", missing.stderr)
        self.assertEqual(tocsin("replay", "--config", self.dir / "none.toml", file).returncode, 2)
        self.config.write_text(CONFIG % self.dir + "\n[nonsense]\n")
        bad = tocsin("replay", "--config", self.config, file)
        self.assertEqual(bad.returncode, 1)
        self.assertRegex(bad.stderr, r"agent\.toml:\d+:\d+: .*nonsense")
        self.config.write_text(f'[agent]\ndata_dir = "{self.dir}/data"\n')
        none = tocsin("replay", "--config", self.config, file)
        self.assertEqual(none.returncode, 1)
        self.assertIn("logtail", none.stderr)

    def test_the_public_log_alerts_exactly_where_its_truth_says(self):
        log, truth = SHARED / "data/loghub/raw/OpenSSH.log", SHARED / "data/incidents/openssh_bruteforce.csv"
        if not log.exists() or not truth.exists():
            print(f"skipped: {log} or its truth is not on this machine", flush=True)
            self.skipTest(f"no {log}")
        columns = {"guesses_5_in_60s": "fires_5_in_60s_line", "guesses_10_in_300s": "fires_10_in_300s_line", "guesses_20_in_600s": "fires_20_in_600s_line"}
        with open(truth, newline="") as rows:
            wanted = {(rule, row["ip"]): int(row[column]) for row in csv.DictReader(rows) for rule, column in columns.items() if row[column]}
        self.assertGreater(len(wanted), 10)
        found = self.first_alerts(self.replay(log), [log])
        self.assertEqual({key: line for key, (_, line, _) in found.items()}, wanted)
        print(f"{len(wanted)} first alerts of the public log, each at its line", flush=True)


if __name__ == "__main__":
    main()
