#!/usr/bin/env python3
"""kill -9 at random points of the life of alerts, silences, acknowledgements and notifications. Reproducible:
TOCSIN_SEED=N. What was answered with success is there; a message may come twice only if it was under way at a kill, and
then with the same idempotency key."""
import json
import os
import random
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone

from world import FULL, Case, call, main, until

KILLS = int(os.environ.get("TOCSIN_KILLS", 200 if FULL else 12))
SEED = int(os.environ.get("TOCSIN_SEED", 20261126))
CONFIG = """
[source.alertmanager]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
storm_after = 0
group_by = ["..."]
group_wait = "0s"
group_interval = "1h"
notify = ["hook"]
"""


def rfc3339(seconds):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Kept:
    """What the agent answered with success, by what it was asked."""

    def __init__(self):
        self.lock = threading.Lock()
        self.alerts, self.silences, self.acknowledged, self.tried = set(), {}, set(), set()


class KillPoints(Case):
    def test_what_was_answered_survives_and_nothing_is_told_twice(self):
        dice = random.Random(SEED)
        print(f"seed {SEED}, {KILLS} kills", flush=True)
        under_way, lock = {}, threading.Lock()

        def slowly(request):
            key = request["headers"]["Idempotency-Key"]
            with lock:
                under_way[key] = under_way.get(key, 0) + 1
            threading.Event().wait(0.002 * (len(request["body"]) % 5))  # the receiver's own pace: the answer is on its way at some kills
            return 200, {}, b""

        receiver = self.hook(slowly)
        agent = self.agent(CONFIG % receiver.url)
        kept = Kept()
        killed_at = []

        def alerts(stop, round_, worker, seed):
            own, count = random.Random(seed), 0
            while not stop.is_set():
                names = [f"a{round_}_{worker}_{count + n}" for n in range(own.randint(1, 4))]
                count += len(names)
                body = [{"labels": {"alertname": "Killed", "aid": name, "severity": "warning"}, "startsAt": rfc3339(0), "endsAt": rfc3339(7200)} for name in names]
                with kept.lock:
                    kept.tried.update(names)
                if self.ask("POST", agent, "/api/v2/alerts", body) == 200:
                    with kept.lock:
                        kept.alerts.update(names)

        def silences(stop, round_, worker, seed):
            count = 0
            while not stop.is_set():
                count += 1
                comment = f"s{round_}_{count}"
                body = {"matchers": [{"name": "aid", "value": comment, "isRegex": False, "isEqual": True}], "startsAt": rfc3339(0), "endsAt": rfc3339(7200),
                        "createdBy": "test", "comment": comment}
                try:
                    answer = call("POST", agent.url + "/api/v2/silences", body, timeout=5)
                except OSError:
                    return
                if answer.status == 200:
                    with kept.lock:
                        kept.silences[answer.json["silenceID"]] = comment

        def people(stop, round_, worker, seed):
            own = random.Random(seed)
            while not stop.is_set():
                try:
                    items = call("GET", agent.url + "/api/v1/incidents?status=OPEN&limit=20", timeout=5).json["items"]
                except (OSError, ValueError, KeyError):
                    return
                for incident in own.sample(items, min(3, len(items))):
                    if self.ask("PUT", agent, f"/api/v1/incidents/{incident['number']}/status", {"status": "ACKNOWLEDGED", "by": "test"}) == 200:
                        with kept.lock:
                            kept.acknowledged.add(incident["number"])

        for round_ in range(KILLS):
            agent.start()
            stop = threading.Event()
            threads = [threading.Thread(target=what, args=(stop, round_, n, dice.random())) for n, what in enumerate((alerts, alerts, silences, people))]
            for thread in threads:
                thread.start()
            before, goal, extra = len(kept.alerts), dice.randint(1, 40), dice.random() * 0.02
            until(lambda: len(kept.alerts) >= before + goal, 60, "traffic")
            threading.Event().wait(extra)  # the random point itself
            agent.kill()
            killed_at.append(time.time())
            stop.set()
            for thread in threads:
                thread.join()
        agent.start()

        def told():
            return {a["labels"]["aid"] for body in receiver.json_bodies() for a in body["alerts"]}
        until(lambda: told() >= kept.alerts, 120, "every accepted alert told")
        found = {a["labels"]["aid"] for a in agent.get("/api/v2/alerts", timeout=60).json}
        self.assertEqual(kept.alerts - found, set(), "accepted alerts that are not there")
        self.assertEqual(found - kept.tried, set(), "alerts nobody sent")
        there = {s["id"]: s["comment"] for s in agent.get("/api/v2/silences", timeout=60).json}
        self.assertEqual({id_ for id_, comment in kept.silences.items() if there.get(id_) != comment}, set(), "accepted silences that are not there")
        status = {i["number"]: i["status"] for i in agent.incidents()}
        self.assertEqual({n for n in kept.acknowledged if status.get(n) != "ACKNOWLEDGED"}, set(), "acknowledgements that were lost")
        self.assertGreaterEqual(len(status), len(kept.alerts))

        keys_of, sends = {}, {}
        for request in list(receiver.requests):
            key = request["headers"]["Idempotency-Key"]
            sends.setdefault(key, []).append(request["at"])
            for alert in json.loads(request["body"])["alerts"]:
                keys_of.setdefault(alert["labels"]["aid"], set()).add(key)
        twice = {aid: keys for aid, keys in keys_of.items() if len(keys) > 1}
        self.assertEqual(twice, {}, "alerts told under more than one key")
        for key, times in sends.items():
            # Every further sending of a key follows a kill that came after the one before it.
            for first, again in zip(times, times[1:]):
                self.assertTrue(any(first <= at + 0.05 and at <= again for at in killed_at), f"{key} was sent again without a kill between")
        doubled = sum(len(times) - 1 for times in sends.values())
        print(f"{len(kept.alerts)} alerts, {len(kept.silences)} silences, {len(kept.acknowledged)} acknowledgements accepted; "
              f"{len(sends)} messages, {doubled} of them sent again after a kill", flush=True)

    @staticmethod
    def ask(method, agent, path, body):
        try:
            return call(method, agent.url + path, body, timeout=5).status
        except OSError:
            return None


if __name__ == "__main__":
    main()
