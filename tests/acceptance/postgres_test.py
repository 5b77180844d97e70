#!/usr/bin/env python3
"""The agent on PostgreSQL: the same path, users' tables, and a database that goes away and comes back."""
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from world import Case, free_port, main, signal_of, until

BIN = next((p for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True) if (p / "postgres").exists()), None)
CONFIG = """
[storage]
url = "postgres://postgres@127.0.0.1:%d/postgres"
password = "file:{dir}/db_password"
[source.http]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
notify = ["hook"]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "5m"
"""


class Postgres:
    """A server of its own in a temporary directory, as another user than root."""

    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
        self.port = free_port()
        self.user = ["setpriv", "--reuid=nobody", "--clear-groups"] if os.geteuid() == 0 else []
        (self.dir / "pw").write_text("database password\n")
        if self.user:
            subprocess.run(["chown", "-R", "nobody", self.dir], check=True)
        subprocess.run([*self.user, BIN / "initdb", "-D", self.dir / "pg", "-U", "postgres", "--auth-host=scram-sha-256", "--auth-local=trust",
                        f"--pwfile={self.dir}/pw"], check=True, capture_output=True, cwd="/")
        self.process = None

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen([*self.user, BIN / "postgres", "-D", self.dir / "pg", "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
                                             "-c", f"unix_socket_directories={self.dir}", "-c", "fsync=off"], stdout=log, stderr=log, cwd="/")
        until(lambda: self.query("select 1") == "1", 30, "PostgreSQL")
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(3)  # SIGQUIT: at once, as a crash would
            self.process.wait()

    def query(self, sql):
        done = subprocess.run([*self.user, BIN / "psql", "-h", self.dir, "-p", str(self.port), "-U", "postgres", "-Atc", sql], capture_output=True, text=True, cwd="/")
        return done.stdout.strip() if done.returncode == 0 else None

    def cleanup(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


@unittest.skipUnless(BIN, "skipped: PostgreSQL's server is not installed (package postgresql)")
class OnPostgres(Case):
    def setUp(self):
        self.db = Postgres()
        self.addCleanup(self.db.cleanup)
        self.db.start()
        self.receiver = self.hook()
        self.a = self.agent(CONFIG % (self.db.port, self.receiver.url), files={"db_password": "database password\n"}).start()

    def fail_loader(self, loader):
        return self.a.push([signal_of("etl.run", loader=loader, status="FAILED")])

    def test_users_find_incidents_and_signals_in_their_tables(self):
        self.fail_loader("DAILY_SALES")
        until(self.receiver.json_bodies, what="message")
        row = until(lambda: self.db.query("select severity, status, title from incidents"), what="incident row")
        self.assertIn("HIGH|OPEN|", row)
        row = until(lambda: self.db.query("select loader_code, signal_key, signal_value, validation_status from signals"), 30, "signal row")
        self.assertEqual(row.split("|")[:2] + row.split("|")[3:], ["DAILY_SALES", "etl.run", "VALID"])
        self.assertEqual(len(self.a.incidents()), 1)

    def test_the_password_is_in_no_log(self):
        self.fail_loader("A")
        until(self.a.incidents)
        self.assertNotIn("database password", self.a.text())

    def test_what_was_accepted_while_the_database_was_away_is_kept_and_told(self):
        self.fail_loader("BEFORE")
        until(lambda: len(self.receiver.json_bodies()) == 1)
        self.db.stop()
        self.assertEqual(self.fail_loader("DURING").status, 202)
        until(lambda: self.a.get("/readyz").status != 200, 30, "the agent says that the store is away")
        self.db.start()
        until(lambda: {b["alerts"][0]["labels"]["loader"] for b in self.receiver.json_bodies()} == {"BEFORE", "DURING"}, 60, "both told")
        until(lambda: len(self.a.incidents()) == 2, 30, "both incidents")
        until(lambda: self.db.query("select count(*) from signals") == "2", 40, "both signals in history")


if __name__ == "__main__":
    main()
