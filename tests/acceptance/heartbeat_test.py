#!/usr/bin/env python3
"""Heartbeats on the real agent: late, failed and resolved as people are told of it, pings that survive kill -9, and a
restart over the due instant."""
import threading
import time

from world import Case, call, main, until

CONFIG = """
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname", "heartbeat"]
group_wait = "0s"
group_interval = "1s"
notify = ["hook"]
[heartbeat.nightly-close]
every = "%s"
grace = "%s"
severity = "CRITICAL"
labels = { team = "finance" }
"""


class Heartbeats(Case):
    def begin(self, every="1h", grace="5m", more=""):
        self.receiver = self.hook()
        return self.agent(CONFIG % (self.receiver.url, every, grace) + more).start()

    def ping(self, agent, rest="", method="POST", body=b""):
        return call(method, agent.url + "/api/v1/heartbeats/nightly-close" + rest, body if method == "POST" else None)

    def told(self):
        """(alertname, status) of each alert told, in order."""
        return [(a["labels"]["alertname"], a["status"]) for b in self.receiver.messages() for a in b["alerts"]]

    def wait_told(self, *expected):
        until(lambda: self.told() == list(expected), 20, f"{expected}, was {self.told()}")

    def test_one_that_stays_away_is_told_once_and_a_success_resolves(self):
        agent = self.begin("1s", "1s")
        self.assertEqual(self.ping(agent).json["status"], "up")
        self.wait_told(("HeartbeatMissed", "firing"))
        labels = self.receiver.messages()[0]["alerts"][0]["labels"]
        self.assertEqual(labels, {"alertname": "HeartbeatMissed", "heartbeat": "nightly-close", "severity": "CRITICAL",
                                  "category": "INFRASTRUCTURE", "team": "finance"})
        self.assertEqual(len(agent.incidents("?status=OPEN")), 1)
        self.ping(agent)
        until(lambda: ("HeartbeatMissed", "resolved") in self.told(), 20, "resolved")
        until(lambda: agent.incidents("?status=RESOLVED"), 20, "incident resolved")

    def test_a_failure_is_told_at_once_with_its_note(self):
        agent = self.begin()
        self.ping(agent, "/start")
        answer = self.ping(agent, "/3", body=b"disk full")
        self.assertEqual((answer.json["status"], answer.json["exit_status"], answer.json["note"]), ("failed", 3, "disk full"))
        self.wait_told(("HeartbeatFailed", "firing"))
        self.assertIn("exit status 3: disk full", self.receiver.messages()[0]["alerts"][0]["annotations"]["message"])
        self.ping(agent)
        self.wait_told(("HeartbeatFailed", "firing"), ("HeartbeatFailed", "resolved"))

    def test_curl_wget_and_health_checks_ping_with_any_method(self):
        agent = self.begin()
        for method in ("GET", "HEAD", "POST"):
            self.assertEqual(self.ping(agent, method=method).status, 200)
        self.assertEqual(self.ping(agent, "/start", "GET").json["running"], True)
        [row] = agent.items("/api/v1/heartbeats")
        self.assertEqual((row["pings"], row["last_kind"], row["running"]), (4, "start", True))
        self.assertIn("nightly-close", agent.cli("status", check=0).stdout)

    def test_an_unknown_name_is_404_with_the_nearest(self):
        agent = self.begin()
        answer = call("POST", agent.url + "/api/v1/heartbeats/nightly-clsoe", b"")
        self.assertEqual((answer.status, answer.json["nearest"]), (404, "nightly-close"))

    def test_every_answered_ping_survives_kill_9(self):
        agent = self.begin()
        answered = 0
        for _ in range(4):
            stop = threading.Event()
            counts = []

            def traffic(stop=stop, counts=counts):
                count = 0
                while not stop.is_set():
                    try:
                        if call("POST", agent.url + "/api/v1/heartbeats/nightly-close", b"", timeout=5).status == 200:
                            count += 1
                    except OSError:
                        break
                counts.append(count)

            workers = [threading.Thread(target=traffic) for _ in range(3)]
            for worker in workers:
                worker.start()
            until(lambda: agent.items("/api/v1/heartbeats")[0]["pings"] >= answered + 20, 20, "traffic")
            agent.kill()
            stop.set()
            for worker in workers:
                worker.join()
            answered += sum(counts)
            agent.start()
            pings = agent.items("/api/v1/heartbeats")[0]["pings"]
            # A ping that was kept and whose answer was lost counts too: one for each worker at most.
            self.assertGreaterEqual(pings, answered)
            self.assertLessEqual(pings, answered + 3)
            answered = pings

    def test_a_failure_that_was_answered_is_told_after_kill_9(self):
        receiver_up = threading.Event()
        self.receiver = self.hook(lambda request: (200, {}, b"") if receiver_up.is_set() else (503, {}, b""))
        agent = self.agent(CONFIG % (self.receiver.url, "1h", "5m")).start()
        self.assertEqual(self.ping(agent, "/fail", body=b"no space").status, 200)
        agent.kill()
        receiver_up.set()
        agent.start()
        until(lambda: ("HeartbeatFailed", "firing") in self.told(), 30, "told after the restart")
        self.assertEqual(len(agent.incidents()), 1)
        self.assertEqual(agent.items("/api/v1/heartbeats")[0]["status"], "failed")

    def test_what_was_missed_is_not_told_again_after_a_restart(self):
        agent = self.begin("1s", "1s")
        self.wait_told(("HeartbeatMissed", "firing"))
        agent.kill()
        agent.start()
        self.assertEqual(agent.items("/api/v1/heartbeats")[0]["status"], "missed")
        self.ping(agent)
        until(lambda: len(self.told()) > 1, 20, "the next message")
        self.assertEqual(self.told()[:2], [("HeartbeatMissed", "firing"), ("HeartbeatMissed", "resolved")])

    def test_an_agent_that_was_down_over_the_due_instant_waits_one_grace(self):
        agent = self.begin("1s", "3s")
        self.ping(agent)
        late = time.time() + 4.5
        agent.kill()
        until(lambda: time.time() > late, 20, "the due instant passes while nobody can take a ping")
        agent.start()
        up = time.time()
        self.assertIn(agent.items("/api/v1/heartbeats")[0]["status"], ("grace",))
        until(lambda: self.told(), 20, "told")
        self.assertGreater(time.time() - up, 2)

    def test_a_reload_adds_and_removes_heartbeats(self):
        agent = self.begin("1s", "1s")
        self.wait_told(("HeartbeatMissed", "firing"))
        agent.write_config((CONFIG % (self.receiver.url, "1h", "5m")).replace("nightly-close", "weekly"))
        agent.cli("reload", check=0)
        self.assertEqual([h["name"] for h in agent.items("/api/v1/heartbeats")], ["weekly"])
        until(lambda: ("HeartbeatMissed", "resolved") in self.told(), 20, "resolved")


if __name__ == "__main__":
    main()
