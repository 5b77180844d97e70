#!/usr/bin/env python3
"""The source probe against real servers: a target goes down, the rule fires, it comes back, the incident is resolved."""
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.parse
from pathlib import Path

from postgres_test import BIN as POSTGRES, Postgres
from world import Case, free_port, main, now, until

REDIS = shutil.which("redis-server")
RULE = """
[[rule]]
name = "target_down"
severity = "CRITICAL"
signal = "probe.up"
by = ["target"]
op = "=="
threshold = 0
for = "0s"
cooldown = "0s"
[route]
group_wait = "0s"
notify = ["hook"]
"""


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Redis:
    """A server of its own in a temporary directory."""

    def __init__(self, *arguments, port=None):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-redis-"))
        self.port, self.arguments, self.process = port or free_port(), arguments, None

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen([REDIS, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.dir, "--save", "", "--requirepass", "hunter2",
                                             "--masterauth", "hunter2", "--repl-ping-replica-period", "1", *self.arguments], stdout=log, stderr=log)
        until(lambda: answers(self.port), what="Redis")
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def cleanup(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)


class Probe(Case):
    def last(self, name, target):
        at = int(now())
        match = urllib.parse.quote(f'target="{target}"')
        answer = self.a.get(f"/api/v1/signals/query?name={name}&match={match}&fromEpoch={at - 300}&toEpoch={at + 60}&aggregation=raw").json
        points = answer.get("dataPoints") or []
        return points[-1]["value"] if points else None

    def goes_down_and_comes_back(self, target, stop, start):
        until(lambda: self.last("probe.up", target) == 1, 30, f"{target} is up:\n{self.a.text()}")
        self.assertEqual(self.a.incidents(), [])
        stop()
        until(lambda: self.last("probe.up", target) == 0, 30, f"{target} is down")
        incident = until(self.a.incidents, 30, "an incident")[0]
        self.assertIn(target, incident["title"])
        self.assertIn(f'target \\"{target}\\" (', self.a.text())
        start()
        until(lambda: self.last("probe.up", target) == 1, 30, f"{target} is up again")
        until(lambda: all(i["status"] == "RESOLVED" for i in self.a.incidents()), 30, "it is resolved")

    def test_a_service_that_goes_down_and_comes_back_opens_and_resolves_an_incident(self):
        port = free_port()
        served = {}

        def start():
            served["process"] = subprocess.Popen(["python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                                 cwd=tempfile.gettempdir())

        def stop():
            served["process"].kill()
            served["process"].wait()
        start()
        self.addCleanup(lambda: stop())
        until(lambda: answers(port), what="the service")
        hook = self.hook()
        self.a = self.agent(f"""
[source.net]
plugin = "probe"
every = "300ms"
spread = "0s"
[[source.net.target]]
name = "shop"
url = "http://127.0.0.1:{port}/"
service = "checkout"
dc = "riyadh"
[notifier.hook]
plugin = "webhook"
url = "{hook.url}/hook"
{RULE}""")
        self.a.start()
        self.goes_down_and_comes_back("shop", stop, start)
        self.assertEqual(self.last("probe.http.status", "shop"), 200)

    def test_it_looks_at_names_from_a_process_of_its_own_too(self):
        service = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(service.close)
        self.a = self.agent(f"""
[source.net]
plugin = "probe"
isolation = "process"
every = "300ms"
spread = "0s"
[[source.net.target]]
name = "shop"
url = "tcp://localhost:{service.getsockname()[1]}"
[[source.net.target]]
name = "gone"
url = "https://localhost:1/"
[route]
""").start()
        until(lambda: self.last("probe.up", "shop") == 1, 30, "the service is up")
        until(lambda: self.last("probe.up", "gone") == 0, 30, "the other is down")

    @unittest.skipIf(not REDIS, "redis-server is not installed (scripts/packages test installs it)")
    def test_a_redis_and_its_replica_are_watched(self):
        primary = Redis().start()
        self.addCleanup(primary.cleanup)
        replica = Redis("--replicaof", "127.0.0.1", str(primary.port)).start()
        self.addCleanup(replica.cleanup)
        hook = self.hook()
        self.a = self.agent(f"""
[source.net]
plugin = "probe"
every = "300ms"
spread = "0s"
[[source.net.target]]
name = "cache"
url = "redis://127.0.0.1:{primary.port}"
password = "hunter2"
role = "primary"
[[source.net.target]]
name = "cache copy"
url = "redis://default@127.0.0.1:{replica.port}"
password = "hunter2"
role = "replica"
[[source.net.target]]
name = "wrong word"
url = "redis://127.0.0.1:{primary.port}"
password = "hunter3"
every = "1h"
[notifier.hook]
plugin = "webhook"
url = "{hook.url}/hook"
{RULE.replace('"probe.up"', chr(39) + 'probe.up{target="cache"}' + chr(39))}""")
        self.a.start()
        until(lambda: self.last("probe.up", "cache copy") == 1, 30, "the replica is up")
        until(lambda: self.last("probe.replication.lag_seconds", "cache copy") is not None, 30, "the replica's lag")
        self.assertLessEqual(self.last("probe.replication.lag_seconds", "cache copy"), 5)
        until(lambda: (self.last("probe.replication.lag_seconds", "cache") or 9) <= 5 or self.last("probe.replication.lag_seconds", "cache") == 0, 30, "the primary's lag")
        self.assertEqual(self.last("probe.up", "wrong word"), 0)
        self.assertIn("WRONGPASS", self.a.text())
        self.assertNotIn("hunter", self.a.text())
        self.goes_down_and_comes_back("cache", primary.stop, primary.start)

    @unittest.skipUnless(POSTGRES, "PostgreSQL's server is not installed (package postgresql)")
    def test_a_postgresql_and_its_standby_are_watched(self):
        primary = Postgres().start()
        self.addCleanup(primary.cleanup)
        standby = Postgres()
        self.addCleanup(standby.cleanup)
        shutil.rmtree(standby.dir / "pg")
        subprocess.run([*standby.user, POSTGRES / "pg_basebackup", "-h", primary.dir, "-p", str(primary.port), "-U", "postgres", "-D", standby.dir / "pg", "-R", "-c", "fast"],
                       check=True, capture_output=True, cwd="/")
        standby.start()
        hook = self.hook()
        self.a = self.agent(f"""
[source.net]
plugin = "probe"
every = "500ms"
spread = "0s"
[[source.net.target]]
name = "orders"
url = "postgres://postgres@127.0.0.1:{primary.port}/postgres"
password = "file:{{dir}}/db_password"
role = "primary"
[[source.net.target]]
name = "orders copy"
url = "postgres://postgres@127.0.0.1:{standby.port}/postgres"
password = "file:{{dir}}/db_password"
role = "replica"
[[source.net.target]]
name = "orders misplaced"
url = "postgres://postgres@127.0.0.1:{standby.port}/postgres"
password = "file:{{dir}}/db_password"
role = "primary"
[notifier.hook]
plugin = "webhook"
url = "{hook.url}/hook"
{RULE.replace('"probe.up"', chr(39) + 'probe.up{target="orders copy"}' + chr(39))}""", files={"db_password": "database password\n"})
        self.a.start()
        until(lambda: self.last("probe.up", "orders") == 1, 30, f"the primary is up:\n{self.a.text()}")
        until(lambda: self.last("probe.replication.lag_seconds", "orders copy") == 0, 30, "the standby has all")
        until(lambda: self.last("probe.replication.lag_seconds", "orders") is not None, 30, "the primary's lag")
        self.assertEqual(self.last("probe.up", "orders misplaced"), 0)
        # What is sent and not replayed is lag.
        standby.query("select pg_wal_replay_pause()")
        primary.query("create table t (x int)")
        until(lambda: (self.last("probe.replication.lag_seconds", "orders copy") or 0) > 0.5, 30, "the standby lags")
        standby.query("select pg_wal_replay_resume()")
        until(lambda: self.last("probe.replication.lag_seconds", "orders copy") == 0, 30, "the standby has all again")
        self.goes_down_and_comes_back("orders copy", standby.stop, standby.start)


if __name__ == "__main__":
    main()
