#!/usr/bin/env python3
"""The watchdog out: pings while the path is proven, none while the store is away; and agents of one database that miss
each other."""
import os
import signal
import threading
import unittest
from pathlib import Path

from postgres_test import BIN, Postgres
from world import Case, main, until

WATCHDOG = """
[watchdog]
url = "%s/ping/riyadh-1?a=b"
every = "1s"
method = "POST"
headers = { X-Token = "${file:{dir}/token}" }
"""
STORAGE = """
[storage]
url = "postgres://postgres@127.0.0.1:%d/postgres"
password = "file:{dir}/db_password"
"""
HOOK = """
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname", "agent"]
group_wait = "0s"
notify = ["hook"]
"""


def metric(agent, line):
    """The value of a metric's line, or None."""
    for each in agent.get("/metrics").body.decode().splitlines():
        if each.startswith(line + " "):
            return float(each.rsplit(" ", 1)[1])
    return None


class Alone(Case):
    def test_pings_come_every_period_with_their_headers_and_leave_no_trace(self):
        receiver = self.hook()
        agent = self.agent(WATCHDOG % receiver.url, files={"token": "s3cret-token\n"}).start()
        until(lambda: len(receiver.requests) >= 3, 20, "pings")
        request = receiver.requests[0]
        self.assertEqual((request["method"], request["path"]), ("POST", "/ping/riyadh-1?a=b"))
        self.assertEqual(request["headers"]["X-Token"], "s3cret-token")
        gap = receiver.requests[2]["at"] - receiver.requests[1]["at"]
        self.assertGreater(gap, 0.5)
        self.assertGreater(metric(agent, "tocsin_watchdog_last_proof_timestamp_seconds"), 1.7e9)
        self.assertGreaterEqual(metric(agent, 'tocsin_watchdog_pings_total{result="sent"}'), 2)
        self.assertEqual(agent.incidents(), [])
        self.assertEqual(agent.items("/api/v1/notifications/log"), [])
        self.assertEqual(agent.items("/api/v1/alerts/history"), [])
        self.assertEqual([s["name"] for s in agent.items("/api/v1/series") if "watchdog" in s["name"]], [])
        self.assertNotIn("tocsin.watchdog", [r["name"] for r in agent.items("/api/v1/rules")])
        self.assertNotIn("s3cret-token", agent.text())
        agent.kill()
        before = len(receiver.requests)
        agent.start()
        until(lambda: len(receiver.requests) > before, 20, "pings after kill -9")

    def test_a_url_that_refuses_is_an_alert(self):
        good = threading.Event()
        receiver = self.hook(lambda request: (200, {}, b"") if good.is_set() else (500, {}, b""))
        agent = self.agent(WATCHDOG % receiver.url, files={"token": "s3cret-token\n"}).start()
        until(lambda: [i for i in agent.incidents("?status=OPEN") if "WatchdogFailing" in i["title"]], 20, "alert")
        good.set()
        until(lambda: agent.incidents("?status=RESOLVED"), 20, "resolved")


@unittest.skipUnless(BIN, "skipped: PostgreSQL's server is not installed (package postgresql)")
class OnPostgres(Case):
    def setUp(self):
        self.db = Postgres()
        self.addCleanup(self.db.cleanup)
        self.db.start()
        self.receiver = self.hook()

    def member(self, name, more=""):
        agent = self.agent(files={"db_password": "database password\n", "token": "t\n"})
        agent.write_config(STORAGE % self.db.port + HOOK % self.receiver.url + more)
        agent.config.write_text(agent.config.read_text().replace('"test-agent"', f'"{name}"'))
        return agent.start()

    def test_without_its_store_the_agent_sends_no_pings_and_with_it_again(self):
        receiver = self.hook()
        agent = self.member("agent-a", WATCHDOG % receiver.url)
        until(lambda: len(receiver.requests) >= 2, 20, "pings")
        self.db.stop()
        until(lambda: (metric(agent, 'tocsin_watchdog_pings_total{result="withheld"}') or 0) >= 1, 30, "withheld")
        before = len(receiver.requests)
        until(lambda: metric(agent, 'tocsin_watchdog_pings_total{result="withheld"}') >= 3, 30, "withheld on")
        self.assertEqual(len(receiver.requests), before)
        self.db.start()
        until(lambda: len(receiver.requests) > before + 1, 60, "pings again")
        until(lambda: [i for i in agent.incidents("?status=RESOLVED") if "WatchdogFailing" in i["title"]], 60, "the alert came and went")
        self.assertEqual(self.db.query("select count(*) from signals"), "0")

    def test_a_member_that_is_killed_is_missed_by_one_of_the_others_and_not_when_it_stops_in_order(self):
        a, b, c = self.member("agent-a"), self.member("agent-b"), self.member("agent-c")
        until(lambda: self.db.query("select count(*) from agents") == "3", 20, "members")
        c.stop()
        self.assertEqual(self.db.query("select string_agg(name, ',' order by name) from agents"), "agent-a,agent-b")
        c.start()
        until(lambda: self.db.query("select count(*) from agents") == "3", 20, "members")
        c.kill()
        down = lambda: [(x["labels"].get("agent"), x["status"]) for body in self.receiver.messages() for x in body["alerts"]
                        if x["labels"]["alertname"] == "AgentDown"]
        until(lambda: down() == [("agent-c", "firing")], 80, f"told once, was {down()}")
        self.assertEqual(self.db.query("select told_by from agents where name = 'agent-c'"), "agent-a")
        c.start()
        until(lambda: ("agent-c", "resolved") in down() or a.incidents("?status=RESOLVED"), 60, "resolved")
        self.assertEqual([x for x in down() if x[1] == "firing"], [("agent-c", "firing")])


if __name__ == "__main__":
    main()
