#!/usr/bin/env python3
"""The source `host` on this machine: a process that starts, works, and ends is seen; a real control group is read; what the shipped rules
on `host.*` ask for is there."""
import os
import re
import subprocess
import sys
import time
import unittest
from pathlib import Path

from world import SOURCE, Case, main, until

CGROUP = next((p for p in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")) if (p / "cgroup.controllers").exists()), None)


class Host(Case):
    def last(self, a, name, **labels):
        """The newest value of the one series, or None."""
        match = "".join(f"&match={key}%3D%22{value}%22" for key, value in labels.items())
        answer = a.get(f"/api/v1/signals/query?name={name}{match}&aggregation=raw").json
        points = [p for s in answer.get("series", [answer]) for p in s["dataPoints"]]
        return points[-1]["value"] if points else None

    def test_a_named_process_is_seen_from_start_to_end(self):
        mark = f"tocsin-busy-{os.getpid()}"
        a = self.agent('[source.host]\nevery = "200ms"\nprocesses = [ { name = "busy", match = "%s" } ]\n'
                       '[[rule]]\nname = "busy_gone"\nseverity = "HIGH"\nsignal = "host.process.count{process=\\"busy\\"}"\n'
                       'op = "<"\nthreshold = 1\ncooldown = "0s"\n[route]\n' % mark)
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass", mark, "--password=hunter2"])
        self.addCleanup(busy.wait)
        self.addCleanup(busy.kill)
        a.start()
        until(lambda: self.last(a, "host.process.count", process="busy") == 1, what="the process")
        until(lambda: (self.last(a, "host.process.cpu_percent", process="busy") or 0) > 5, what="its work")
        self.assertGreater(self.last(a, "host.process.memory_rss_bytes", process="busy"), 1 << 20)
        self.assertGreaterEqual(self.last(a, "host.process.threads", process="busy"), 1)
        self.assertGreaterEqual(self.last(a, "host.process.open_files", process="busy"), 3)
        self.assertEqual(a.incidents(), [])
        busy.kill()
        busy.wait()
        until(lambda: self.last(a, "host.process.count", process="busy") == 0, what="its end")
        until(lambda: a.incidents(), what="the incident")
        self.assertNotIn(b"hunter2", a.get("/api/v1/series?limit=1000").body)

    def test_the_largest_programs_are_named(self):
        a = self.agent('[source.host]\nevery = "200ms"\ntop = 3\n').start()
        top = until(lambda: [s for s in a.items("/api/v1/series") if s["name"] == "host.top.memory_rss_bytes"], what="programs")
        self.assertLessEqual(len(top), 200)

    @unittest.skipIf(CGROUP is None, "no control groups of version 2 are mounted here")
    def test_a_real_control_group_is_read(self):
        group = CGROUP / f"tocsin-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError as error:
            self.skipTest(f"no control group can be made here: {error}")
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        def gone():
            busy.kill()
            busy.wait()
            until(lambda: not (group / "cgroup.procs").read_text().strip(), what="an empty group")
            group.rmdir()
        self.addCleanup(gone)
        (group / "cgroup.procs").write_text(str(busy.pid))
        a = self.agent(f'[source.host]\nevery = "200ms"\ncgroups = ["/tocsin-test-*"]\n').start()
        until(lambda: (self.last(a, "host.cgroup.cpu_percent", cgroup="/" + group.name) or 0) > 5, what="its CPU time")
        gone_at = time.time()
        busy.kill()
        busy.wait()
        until(lambda: self.last(a, "host.cgroup.cpu_percent", cgroup="/" + group.name) == 0, what=f"rest after {gone_at}")

    def test_every_signal_of_the_shipped_rules_on_this_machine_is_declared_and_none_is_warned_of(self):
        rules = (SOURCE / "scripts/rules/default.toml").read_text()
        wanted = set(re.findall(r'^signal\s*=\s*["\'](host\.[a-z_.0-9]+)', rules, re.M))
        self.assertIn("host.memory.used_percent", wanted)
        self.assertIn("host.cpu.used_percent", wanted)
        a = self.agent('[source.host]\n[rules]\npack = "default"\n[route]\n')
        declared = a.cli("--json", "plugin", "doc", "host", check=0).stdout
        for name in wanted:
            self.assertIn(f'"{name}"', declared)
        said = a.cli("check", "--config", a.config, check=0).stdout
        self.assertNotIn("has no label", said)
        for name in wanted:
            self.assertNotIn(f'emits "{name}"', said)


if __name__ == "__main__":
    main()
