#!/usr/bin/env python3
"""Several agents on one PostgreSQL behave as one: each takes signals and alerts, one decides and sends, another takes
over when it dies or is paused, and a database that goes away costs nothing that was answered. Reproducible:
TOCSIN_SEED=N."""
import os
import random
import signal
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone

from postgres_test import BIN, Postgres
from world import FULL, Case, call, main, signal_of, until

SEED = int(os.environ.get("TOCSIN_SEED", 20261126))
ROUNDS = int(os.environ.get("TOCSIN_ROUNDS", 12 if FULL else 3))
LEASE = 15  # s: the longest that nobody decides after one was killed, and a little more
CONFIG = """
[storage]
url = "postgres://postgres@127.0.0.1:%d/postgres"
password = "file:{dir}/db_password"
[source.http]
[source.alertmanager]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["..."]
group_wait = "0s"
group_interval = "1s"
repeat_interval = "4h"
notify = ["hook"]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "10m"
"""


def rfc3339(seconds=0):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def alert_of(aid, ends=7200):
    return {"labels": {"alertname": "Fleet", "aid": aid, "severity": "warning"}, "startsAt": rfc3339(), "endsAt": rfc3339(ends)}


@unittest.skipUnless(BIN, "skipped: PostgreSQL's server is not installed (package postgresql)")
class Fleet(Case):
    def setUp(self):
        self.db = Postgres()
        self.addCleanup(self.db.cleanup)
        self.db.start()
        self.receiver = self.hook()

    def member(self, name):
        agent = self.agent(files={"db_password": "database password\n"})
        agent.write_config(CONFIG % (self.db.port, self.receiver.url))
        agent.config.write_text(agent.config.read_text().replace('"test-agent"', f'"{name}"'))
        return agent.start()

    def holder(self):
        return self.db.query("select holder from leases where name = 'decisions' and expires_at > clock_timestamp()")

    def told(self, label="aid"):
        """Labels of what was told as firing, each message once."""
        return [a["labels"].get(label) for b in self.receiver.messages() for a in b["alerts"] if a["status"] == "firing"]

    def post(self, agent, *aids, timeout=30):
        try:
            return call("POST", agent.url + "/api/v2/alerts", [alert_of(aid) for aid in aids], timeout=timeout).status
        except OSError:
            return 0

    def test_one_decides_and_all_take_signals(self):
        a, b, c = (self.member(f"agent-{n}") for n in "abc")
        self.assertEqual(self.holder(), "agent-a")
        for n, agent in enumerate((a, b, c)):
            self.assertEqual(agent.push([signal_of("etl.run", loader=f"L{n}", status="FAILED")]).status, 202)
        until(lambda: sorted(x for x in self.told("loader") if x) == ["L0", "L1", "L2"], 20, "told once each")
        self.assertEqual(len(b.incidents()), 3)
        self.assertEqual({r["headers"]["User-Agent"] for r in self.receiver.requests}, {self.receiver.requests[0]["headers"]["User-Agent"]})
        self.assertEqual(self.db.query("select string_agg(distinct agent, ',') from notification_log"), "agent-a")

    def test_any_agent_answers_for_all(self):
        a, b = self.member("agent-a"), self.member("agent-b")
        self.assertEqual(self.post(b, "one"), 200)
        self.assertEqual([x["labels"]["aid"] for x in a.get("/api/v2/alerts").json], ["one"])
        self.assertEqual([x["labels"]["aid"] for x in b.get("/api/v2/alerts").json], ["one"])
        body = {"matchers": [{"name": "aid", "value": "two", "isRegex": False, "isEqual": True}], "startsAt": rfc3339(), "endsAt": rfc3339(3600),
                "createdBy": "test", "comment": "at the other agent"}
        made = call("POST", b.url + "/api/v2/silences", body)
        self.assertEqual(made.status, 200)
        self.assertEqual([s["id"] for s in a.get("/api/v2/silences").json], [made.json["silenceID"]])
        [incident] = until(b.incidents, what="incident")
        done = call("PUT", b.url + f"/api/v1/incidents/{incident['number']}/status", {"status": "ACKNOWLEDGED", "by": "test"})
        self.assertEqual((done.status, a.incidents()[0]["status"]), (200, "ACKNOWLEDGED"))
        b.cli("incident", "note", incident["number"], "seen at b", check=0)
        self.assertIn("seen at b", a.get(f"/api/v1/incidents/{incident['number']}").body.decode())

    def test_another_takes_over_within_the_lease_when_one_is_killed(self):
        a, b = self.member("agent-a"), self.member("agent-b")
        self.assertEqual(self.post(a, "before"), 200)
        until(lambda: self.told() == ["before"], 20, "told")
        died = time.monotonic()
        a.kill()
        self.assertEqual(b.push([signal_of("etl.run", loader="MEANWHILE", status="FAILED")]).status, 202)
        self.assertEqual(self.post(b, "meanwhile"), 200)  # waits for the one that takes over
        until(lambda: "MEANWHILE" in self.told("loader") and "meanwhile" in self.told(), LEASE + 10, "told by the other")
        self.assertLess(time.monotonic() - died, LEASE + 10)
        self.assertEqual(self.told().count("before"), 1)
        self.assertEqual(self.holder(), "agent-b")
        # It comes back, and decides nothing: what it has is the other's now.
        a.start()
        self.assertEqual(self.post(a, "after"), 200)
        until(lambda: "after" in self.told(), 20, "told")
        self.assertEqual((self.holder(), self.told().count("before"), len(a.incidents())), ("agent-b", 1, 4))

    def test_one_that_stops_in_order_hands_over_at_once(self):
        a, b = self.member("agent-a"), self.member("agent-b")
        a.stop()
        until(lambda: self.holder() == "agent-b", 5, "handed over")
        self.assertEqual(self.post(b, "one"), 200)
        until(lambda: self.told() == ["one"], 10, "told")

    def test_one_that_was_paused_sends_and_decides_nothing_when_it_goes_on(self):
        a, b = self.member("agent-a"), self.member("agent-b")
        self.assertEqual(self.post(a, "before"), 200)
        until(lambda: self.told() == ["before"], 20, "told")
        worker = a.worker()
        os.kill(worker, signal.SIGSTOP)
        self.assertEqual(self.post(b, *[f"m{n}" for n in range(20)], timeout=40), 200)
        until(lambda: self.holder() == "agent-b", LEASE + 5, "taken over")
        until(lambda: sorted(self.told()) == sorted(["before", *[f"m{n}" for n in range(20)]]), 30, "told by the other")
        os.kill(worker, signal.SIGCONT)
        self.assertEqual(a.push([signal_of("etl.run", loader="AFTER", status="FAILED")]).status, 202)
        self.assertEqual(self.post(a, "after"), 200)
        until(lambda: "AFTER" in self.told("loader") and "after" in self.told(), 20, "what the paused one takes is told")
        self.assertEqual(self.holder(), "agent-b")
        self.assertEqual(len([x for x in self.told() if x]), 22)
        self.assertEqual(self.db.query("select count(*) from incidents"), "23")

    def test_an_agents_alert_ends_after_another_decides(self):
        a, b = self.member("agent-a"), self.member("agent-b")
        config = b.config.read_text()
        self.assertEqual(b.push([signal_of("etl.run", loader="X", status="FAILED")]).status, 202)
        until(lambda: "X" in self.told("loader"), 20, "told")
        a.stop()
        until(lambda: self.holder() == "agent-b", 5, "handed over")
        b.config.write_text(config[:config.index("[[rule]]")])
        b.cli("reload", check=0)
        until(lambda: b.incidents("?status=RESOLVED"), 20, "the rule is gone, and with it its alert")
        self.assertEqual(self.told("loader").count("X"), 1)

    def test_a_database_that_was_away_changes_nothing(self):
        a, b = self.member("agent-a"), self.member("agent-b")
        self.assertEqual(self.post(b, "before"), 200)
        until(lambda: self.told() == ["before"], 20, "told")
        self.db.stop()
        self.assertEqual(b.push([signal_of("etl.run", loader="DURING", status="FAILED")]).status, 202)
        self.assertEqual(a.push([signal_of("etl.run", loader="DURING2", status="FAILED")]).status, 202)
        self.db.start()
        until(lambda: {"DURING", "DURING2"} <= set(self.told("loader")), 60, "told")
        self.assertEqual(self.post(a, "after"), 200)
        until(lambda: "after" in self.told(), 30, "told")
        self.assertEqual((self.told().count("before"), self.db.query("select count(*) from incidents")), (1, "4"))

    def test_killed_and_paused_at_random_nothing_is_lost_or_told_twice(self):
        dice = random.Random(SEED)
        print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
        for size in (2, 3):
            with self.subTest(agents=size):
                self.churn(dice, [self.member(f"agent-{size}{n}") for n in range(size)], f"{size}_")

    def churn(self, dice, agents, prefix):
        stop, kept, lock = threading.Event(), set(), threading.Lock()
        away = set()  # agents that are killed or paused just now

        def traffic(number, seed):
            own, count = random.Random(seed), 0
            while not stop.is_set():
                agent = own.choice(agents)
                if agent in away:
                    stop.wait(0.02)
                    continue
                count += 1
                aid = f"{prefix}{number}_{count}"
                if self.post(agent, aid, timeout=60) == 200:
                    with lock:
                        kept.add(aid)
                stop.wait(own.random() * 0.05)

        threads = [threading.Thread(target=traffic, args=(n, dice.random())) for n in range(4)]
        for thread in threads:
            thread.start()
        longest = 0.0
        for _ in range(ROUNDS):
            victim = dice.choice(agents)
            what = dice.choice(["kill", "pause", "database"])
            before = len(kept)
            until(lambda: len(kept) >= before + dice.randint(5, 60), 90, "traffic")
            began = time.monotonic()
            if what == "database":
                self.db.stop()
                self.db.start()
            else:
                away.add(victim)
                worker = victim.worker()
                victim.kill() if what == "kill" else os.kill(worker, signal.SIGSTOP)
            now = len(kept)
            until(lambda: len(kept) > now + 4, 2 * LEASE + 30, f"the others go on after {what}")
            longest = max(longest, time.monotonic() - began)
            if what == "kill":
                victim.start()
            elif what == "pause":
                os.kill(worker, signal.SIGCONT)
            away.discard(victim)
        stop.set()
        for thread in threads:
            thread.join()
        until(lambda: kept <= set(self.told()), 60, "all that was accepted is told")
        told = [x for x in self.told() if x and x.startswith(prefix)]
        twice = {x for x in told if told.count(x) > 1}
        repeats = len(self.receiver.json_bodies()) - len(self.receiver.messages())
        print(f"{len(agents)} agents: {len(kept)} accepted, {len(told)} told, {repeats} repeated under their key, "
              f"longest without an answer {longest:.1f} s", flush=True)
        self.assertEqual(twice, set(), "told under two keys")
        self.assertLess(longest, LEASE + 15)
        for agent in agents:
            agent.stop()


if __name__ == "__main__":
    main()
