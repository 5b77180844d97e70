#!/usr/bin/env python3
"""Alertmanager's own acceptance tests, as Debian ships them, against `tocsin alertmanager`: once with the embedded store and
once on PostgreSQL. Each of their tests is a case here; its output is shown when it fails.

TOCSIN_JUDGED=/usr/bin/prometheus-alertmanager judges that program instead, which shows that this runner works."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from postgres_test import BIN, Postgres
from world import BUILD, SOURCE, TOCSIN, main

PACKAGES = ("golang-1.19-go", "golang-github-prometheus-alertmanager-dev", "prometheus-alertmanager")
GO = Path("/usr/lib/go-1.19/bin/go")
GOCODE = Path("/usr/share/gocode")
SUITES = {"api": "github.com/prometheus/alertmanager/test/with_api_v2/acceptance", "amtool": "github.com/prometheus/alertmanager/test/cli/acceptance"}
JUDGED = os.environ.get("TOCSIN_JUDGED")
# Two instances are one only where they share a store.
NEEDS_SHARED_STORE = {"TestClusterDeduplication", "TestClusterVSInstance"}
WORK = BUILD / "alertmanager-judge"


def installed():
    return all(subprocess.run(["dpkg", "-s", p], capture_output=True).returncode == 0 for p in PACKAGES)


def install():
    """The packages, where they can be had. Why not, or None."""
    if installed():
        return None
    done = subprocess.run([SOURCE / "scripts/packages", "judges"], capture_output=True, text=True)
    return None if installed() else f"cannot install {' '.join(PACKAGES)}: {done.stderr.strip()[-300:]}"


def tests_of(package):
    names = []
    for file in sorted((GOCODE / "src" / package).glob("*_test.go")):
        names += re.findall(r"^func (Test\w+)\(t \*testing\.T\)", file.read_text(), re.M)
    return names


def go_environment():
    return {**os.environ, "GOROOT": str(GO.parent.parent), "GOPATH": str(GOCODE), "GO111MODULE": "off", "GOPROXY": "off", "GOFLAGS": "",
            "GOTOOLCHAIN": "local", "GOCACHE": str(WORK / "cache"), "CGO_ENABLED": "0"}


def compiled(suite):
    """The suite's program; made once for a build directory."""
    program = WORK / f"{suite}.test"
    if not program.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        done = subprocess.run([GO, "test", "-c", "-o", program, SUITES[suite]], env=go_environment(), capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise AssertionError(f"the suite {suite} does not build:\n{done.stdout}{done.stderr}")
    return program


class Judged:
    """A folder that the suites take for their GOPATH: in its bin/ what they start."""

    def __init__(self, environment):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-judge-"))
        self.environment = environment
        (self.dir / "bin").mkdir()
        (self.dir / "src").symlink_to(GOCODE / "src")
        (self.dir / "bin/amtool").symlink_to(shutil.which("amtool"))
        command = JUDGED or f'"{TOCSIN}" alertmanager'
        starter = self.dir / "bin/prometheus-alertmanager"
        # The suites name a template file by a flag that the program they were made for does not have.
        starter.write_text(f"""#!/bin/bash
given=()
while [ $# -gt 0 ]; do
  if [ "$1" = --template.default ]; then shift 2; else given+=("$1"); shift; fi
done
exec {command} "${{given[@]}}"
""")
        starter.chmod(0o755)

    def run(self, suite, only=None):
        """Outcomes by name, and the whole output; of all of a suite's tests, or of one."""
        env = {**{k: v for k, v in os.environ.items() if not k.startswith("TOCSIN_")}, "GOPATH": str(self.dir), **self.environment}
        # Their server is started in the folder of the suite's sources.
        chosen = ["-test.run", f"^{only}$"] if only else []
        done = subprocess.run([compiled(suite), "-test.v", "-test.timeout", "300s", *chosen], env=env, capture_output=True, text=True, errors="replace",
                              cwd=GOCODE / "src" / SUITES[suite], timeout=330)
        output = done.stdout + done.stderr
        return {name: outcome for outcome, name in re.findall(r"^\s*--- (PASS|FAIL|SKIP): (Test\w+)", output, re.M)}, output

    def cleanup(self):
        shutil.rmtree(self.dir, ignore_errors=True)


def part_of(output, name):
    """What the suite printed of one test: its tests run side by side, and a line says whose turn it is."""
    kept, current = [], None
    for line in output.splitlines():
        if turn := re.match(r"\s*(?:=== (?:RUN|CONT|NAME|PAUSE)\s+|--- \w+: )(Test\w+)", line):
            current = turn[1]
        if current == name:
            kept.append(line)
    return "\n".join(kept)[-12000:] or output[-6000:]


class Suite(unittest.TestCase):
    suite = None

    @classmethod
    def environment(cls):
        return {}

    @classmethod
    def setUpClass(cls):
        if cls.suite is None:
            raise unittest.SkipTest("no suite of its own")
        cls.judged = Judged(cls.environment())
        cls.addClassCleanup(cls.judged.cleanup)
        cls.outcomes, cls.output = cls.judged.run(cls.suite)

    def check(self, name):
        outcome = self.outcomes.get(name, "did not run")
        if outcome == "FAIL":
            # Their tests run side by side and end by the wall clock, starts of programs included: on a machine that is busy a message may
            # come when nobody waits any more. Whoever is at fault by itself fails alone as well.
            print(f"{name} failed beside the others and is asked once more, alone:\n{part_of(self.output, name)}", file=sys.stderr)
            outcomes, type(self).output = self.judged.run(self.suite, name)
            outcome = outcomes.get(name, "did not run")
        if outcome == "SKIP":
            self.skipTest(f"{name} skips itself")
        self.assertEqual(outcome, "PASS", f"{name}:\n{part_of(self.output, name)}")


class OnPostgres(Suite):
    @classmethod
    def environment(cls):
        db = Postgres()
        cls.addClassCleanup(db.cleanup)
        db.start()
        return {"TOCSIN_STORAGE_URL": f"postgres://postgres@127.0.0.1:{db.port}/postgres", "TOCSIN_STORAGE_PASSWORD": "database password"}


def case_for(name):
    return lambda self: self.check(name)


def make_cases():
    """A class for each suite and store, a method for each of the suite's tests."""
    missing = install()
    stores = {"Judged": Suite} if JUDGED else {"Embedded": Suite, "Postgres": OnPostgres}
    for store, base in stores.items():
        for suite, package in SUITES.items():
            names = [] if missing else tests_of(package)
            if store == "Embedded":
                names = [n for n in names if n not in NEEDS_SHARED_STORE]
            body = {f"test_{n.removeprefix('Test')}": case_for(n) for n in names} or {"test_suite": lambda self: self.fail("the suite has no tests")}
            made = type(f"{suite.capitalize()}{store}", (base,), {"suite": suite, "__doc__": f"{package} on {store}", **body})
            if missing:
                made = unittest.skip(f"skipped: {missing}")(made)
            elif base is OnPostgres and not BIN:
                made = unittest.skip("skipped: PostgreSQL's server is not installed (package postgresql)")(made)
            globals()[made.__name__] = made


make_cases()
del OnPostgres, Suite

if __name__ == "__main__":
    unittest.main(verbosity=2) if JUDGED else main()
