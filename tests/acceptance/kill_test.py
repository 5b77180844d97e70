#!/usr/bin/env python3
"""kill -9 in a loop during traffic: everything answered 2xx is there once, alerts due from it are raised, every
incident is notified at least once."""
import random
import threading

from world import FULL, Case, main, now, signal_of, until

ROUNDS = 30 if FULL else 6
CONFIG = """
[source.http]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
storm_after = 0
group_by = ["alertname", "loader"]
group_wait = "0s"
notify = ["hook"]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "1h"
"""


class Kill(Case):
    def test_what_was_answered_survives_kill_9(self):
        receiver = self.hook()
        agent = self.agent(CONFIG % receiver.url)
        random.seed(7)
        accepted, failed_loaders, sent = [], set(), 0
        lock = threading.Lock()
        started = now() - 1

        def traffic(stop, worker, round_):
            count = 0
            while not stop.is_set():
                count += 1
                loader = f"L{round_}_{worker}_{count}" if count % 7 == 0 else "OK"
                status = "FAILED" if loader != "OK" else "SUCCESS"
                value = round_ * 1_000_000 + worker * 100_000 + count
                try:
                    answer = agent.push([signal_of("etl.run", value=value, loader=loader, status=status),
                                         signal_of("etl.seq", value=value, worker=str(worker))], timeout=5)
                except OSError:
                    return
                if answer.status == 202:
                    with lock:
                        accepted.append(value)
                        if status == "FAILED":
                            failed_loaders.add(loader)

        for round_ in range(1, ROUNDS + 1):
            agent.start()
            stop = threading.Event()
            workers = [threading.Thread(target=traffic, args=(stop, w, round_)) for w in range(3)]
            before = len(accepted)
            for w in workers:
                w.start()
            goal = before + random.randint(20, 200)
            until(lambda: len(accepted) >= goal, 60, "traffic")
            agent.kill()
            stop.set()
            for w in workers:
                w.join()
        agent.start()
        until(lambda: {i["title"].split("loader=")[-1].split()[0].strip('",') for i in agent.incidents()} >= failed_loaders, 60,
              "an incident for every accepted failure")
        found = []
        answer = agent.get(f"/api/v1/signals/query?name=etl.seq&fromEpoch={int(started)}&toEpoch={int(now()) + 2}&limit=100000").json
        for series in answer.get("series", [answer]):
            found += [int(p["value"]) for p in series["dataPoints"]]
        self.assertEqual(sorted(v for v in found if v in set(accepted)), sorted(accepted), "accepted signals, each once")
        titles = [i["title"] for i in agent.incidents()]
        self.assertEqual(len(titles), len(set(titles)), "no incident twice")

        def told():
            return {a["labels"]["loader"] for b in receiver.json_bodies() for a in b["alerts"]} >= failed_loaders
        until(told, 60, "every incident notified")


if __name__ == "__main__":
    main()
