#!/usr/bin/env python3
"""A maintenance pause on the real binary: nobody is told while it lasts, also over kill -9, everybody can see it, and at its
end what is still true is told."""
import json
import unittest

from postgres_test import BIN, Postgres
from world import Case, main, signal_of, until

CONFIG = """
[source.http]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname", "loader"]
policy = "ops"
[policy.ops]
steps = [ { notify = ["hook"], escalate_after = "1h" }, { notify = ["hook"] } ]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "1h"
[[rule]]
name = "loader_down"
severity = "CRITICAL"
signal = 'etl.run{status="DOWN"}'
by = ["loader"]
op = "EXISTS"
over = "1h"
"""


class Pause(Case):
    def setUp(self):
        self.receiver = self.hook()
        self.a = self.agent(CONFIG % self.receiver.url).start()

    def fire(self, loader, status="FAILED"):
        self.a.push([signal_of("etl.run", loader=loader, status=status)])
        until(lambda: any(loader in json.dumps(i) for i in self.a.incidents()), what=f"an incident of {loader}")

    def told_of(self, loader):
        return [m for m in self.receiver.messages() if loader in json.dumps(m)]

    def pause(self, *args):
        return self.a.cli("notify", "pause", *args, check=0).stdout

    def gauge(self):
        return "\ntocsin_notifications_paused 1\n" in self.a.get("/metrics").body.decode()

    def test_nobody_is_told_until_it_is_over(self):
        said = self.pause("--for", "30m", "--reason", "core upgrade")
        self.assertIn("notifications are PAUSED until ", said)
        self.assertIn(": core upgrade", said)
        self.fire("L1")
        explained = until(lambda: (e := self.a.get("/api/v1/explain").json) and e["next"] and e, what="what comes next")
        self.assertEqual(explained["next"][0]["held"]["kind"], "paused")
        self.assertIn("core upgrade", explained["next"][0]["held"]["by"])
        self.assertIn("notifications are paused by ", explained["verdict"])
        self.assertIn("notifications are PAUSED", self.a.cli("status", check=0).stdout)
        self.assertTrue(json.loads(self.a.cli("status", "--json", check=0).stdout)["pause"]["paused"])
        until(self.gauge, what="the metric")
        self.assertEqual(self.told_of("L1"), [])
        self.assertEqual(self.a.cli("notify", "resume", check=0).stdout.strip(), "notifications are not paused")
        until(lambda: self.told_of("L1"), what="told after the pause")
        until(lambda: not self.gauge(), what="the metric again")
        self.assertEqual(self.a.cli("notify", "resume").returncode, 1)

    def test_it_lasts_over_a_kill_and_is_warned_of(self):
        self.pause("--for", "30m", "--reason", "core upgrade")
        self.fire("L1")
        self.a.kill()
        self.a.start()
        self.assertIn("notifications are paused; `tocsin notify resume` ends that", self.a.text())
        self.fire("L2")
        self.assertEqual(self.receiver.messages(), [])
        self.a.cli("notify", "resume", check=0)
        until(lambda: self.told_of("L1") and self.told_of("L2"), what="both told")

    def test_it_ends_by_itself(self):
        self.pause("--for", "3s")
        self.fire("L1")
        until(lambda: self.told_of("L1"), what="told when it is over")
        self.assertFalse(self.a.get("/api/v1/notifications/pause").json["paused"])

    def test_what_is_critical_can_be_exempt(self):
        self.pause("--for", "30m", "--except-critical")
        self.fire("L1")
        self.fire("L2", "DOWN")
        until(lambda: self.told_of("L2"), what="the critical one")
        self.assertEqual(self.told_of("L1"), [])

    def test_it_cannot_be_forgotten(self):
        refused = self.a.cli("notify", "pause", "--for", "25h")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("up to \"24h\"", refused.stdout + refused.stderr)
        self.assertEqual(self.a.cli("notify", "pause").returncode, 2)


@unittest.skipUnless(BIN, "skipped: PostgreSQL's server is not installed (package postgresql)")
class PauseInAFleet(Case):
    def member(self, name):
        storage = f"""
[storage]
url = "postgres://postgres@127.0.0.1:{self.db.port}/postgres"
password = "file:{{dir}}/db_password"
"""
        agent = self.agent(storage + CONFIG % self.receiver.url, files={"db_password": "database password\n"})
        agent.config.write_text(agent.config.read_text().replace('"test-agent"', f'"{name}"'))
        return agent.start()

    def paused(self, agent):
        answer = agent.get("/api/v1/notifications/pause")
        return answer.status == 200 and answer.json["paused"]

    def test_it_holds_for_all_and_outlives_the_agent_that_decides(self):
        self.receiver, self.db = self.hook(), Postgres()
        self.addCleanup(self.db.cleanup)
        self.db.start()
        a, b = self.member("agent-a"), self.member("agent-b")
        b.cli("notify", "pause", "--for", "30m", "--reason", "core upgrade", check=0)
        self.assertTrue(self.paused(a) and self.paused(b))
        a.kill()
        b.push([signal_of("etl.run", loader="L1", status="FAILED")])
        until(lambda: self.paused(b), 40, "the other one decides and is paused")
        until(lambda: b.incidents(), 40, "an incident")
        self.assertEqual(self.receiver.messages(), [])
        b.cli("notify", "resume", check=0)
        until(lambda: self.receiver.messages(), what="told after the pause")


if __name__ == "__main__":
    main()
