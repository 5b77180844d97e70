#!/usr/bin/env python3
"""Signal history of the real agent: buckets are the samples' own, over restarts and kill -9; rollups outlive the samples;
what is asked for wrongly is named."""
import math
import sqlite3
import urllib.parse
from collections import defaultdict

from world import Case, main, now, signal_of, until

CONFIG = """
[storage]
retention = { raw = "%s" }
[source.http]
"""
HOUR = 3600


class History(Case):
    def ask(self, agent, **query):
        return agent.get("/api/v1/signals/query?" + urllib.parse.urlencode(query))

    def points(self, agent, **query):
        answer = self.ask(agent, **query)
        self.assertEqual(answer.status, 200, answer.text if hasattr(answer, "text") else answer.body)
        return {p["timestamp"]: p["value"] for p in answer.json["dataPoints"]}

    def pushed(self, agent, name, begin, seconds, step=15):
        """Pushes a series with two decimals and returns it."""
        samples = [(begin + i * step, round(50 + 40 * math.sin(i / 20) + (i % 7) / 100, 2)) for i in range(seconds // step)]
        for i in range(0, len(samples), 500):
            answer = agent.push([signal_of(name, v, ts, host="n1") for ts, v in samples[i:i + 500]])
            self.assertEqual(answer.status, 202)
            self.assertEqual(answer.json["rejected"], [])
        return samples

    def expected(self, samples, width, fold):
        buckets = defaultdict(list)
        for ts, value in samples:
            buckets[ts // width * width].append(value)
        return {start: fold(values) for start, values in buckets.items()}

    def check_all(self, agent, name, samples):
        folds = {"sum": math.fsum, "min": min, "max": max, "count": len, "avg": lambda v: math.fsum(v) / len(v)}
        begin, end = samples[0][0], samples[-1][0]
        for bucket, width in (("1m", 60), ("5m", 300), ("15m", 900), ("1h", HOUR), ("1d", 24 * HOUR)):
            for aggregation, fold in folds.items():
                got = self.points(agent, name=name, fromEpoch=begin, toEpoch=end, aggregation=aggregation, bucket=bucket)
                self.assertEqual(got, self.expected(samples, width, fold), f"{aggregation} {bucket}")

    def rollups(self, agent):
        with sqlite3.connect(f"file:{agent.dir}/data/tocsin.db?mode=ro", uri=True) as db:
            return db.execute("SELECT coalesce(sum(buckets), 0) FROM rollups").fetchone()[0]

    def test_buckets_are_exact_before_and_after_a_restart_and_a_kill(self):
        agent = self.agent(CONFIG % "7d").start()
        begin = int(now()) - 5 * HOUR
        samples = self.pushed(agent, "disk.used", begin, 5 * HOUR - 60)
        self.check_all(agent, "disk.used", samples)
        self.assertEqual(agent.stop(), 0)
        self.assertGreater(self.rollups(agent), 50)
        agent.start()
        self.check_all(agent, "disk.used", samples)
        # Late ones reach the rollups that are there; some of them only by the journal.
        late = [(begin + 7 + i * 900, float(i)) for i in range(12)]
        self.assertEqual(agent.push([signal_of("disk.used", v, ts, host="n1") for ts, v in late]).status, 202)
        agent.kill()
        agent.start()
        samples = sorted(samples + late)
        self.check_all(agent, "disk.used", samples)
        self.assertEqual(agent.stop(), 0)
        agent.start()
        self.check_all(agent, "disk.used", samples)

    def test_rollups_outlive_the_samples_and_disk_use_is_told(self):
        agent = self.agent(CONFIG % "1h").start()
        begin = (int(now()) - 5 * HOUR) // 300 * 300
        samples = self.pushed(agent, "old", begin, 2 * HOUR)
        new = self.pushed(agent, "new", int(now()) - 600, 500)
        before = self.points(agent, name="old", fromEpoch=begin, toEpoch=begin + 2 * HOUR, aggregation="avg", bucket="5m")
        self.assertEqual(len(before), 24)
        # The first expiry comes half a minute after the start.
        until(lambda: not self.points(agent, name="old", fromEpoch=begin, toEpoch=begin + 2 * HOUR, aggregation="raw"), 90, "expiry")
        self.assertEqual(self.points(agent, name="old", fromEpoch=begin, toEpoch=begin + 2 * HOUR, aggregation="avg", bucket="5m"), before)
        self.assertEqual(len(self.points(agent, name="old", fromEpoch=begin, toEpoch=begin + 2 * HOUR, aggregation="p95", bucket="5m")), 0)
        self.assertEqual(len(self.points(agent, name="new", fromEpoch=begin, aggregation="raw")), len(new))
        metrics = agent.get("/metrics").body.decode()
        self.assertIn(f'tocsin_history_expired_total{{kind="sample"}} {len(samples)}', metrics)
        self.assertIn("tocsin_history_bytes ", metrics)
        self.assertIn('tocsin_history_rows{kind="rollup"}', metrics)

    def test_what_is_asked_for_wrongly_is_named(self):
        agent = self.agent(CONFIG % "7d").start()
        begin = int(now()) - HOUR
        samples = self.pushed(agent, "cpu", begin, HOUR - 60, step=3)
        for query, parameter in (({"name": "cpu", "bucket": "five"}, "bucket"), ({"name": "cpu", "aggregation": "mean"}, "aggregation"),
                                 ({"name": "cpu", "fromEpoch": 9, "toEpoch": 8}, "fromEpoch"), ({}, "name"), ({"name": "cpu", "limit": 0}, "limit")):
            answer = self.ask(agent, **query)
            self.assertEqual(answer.status, 400, query)
            self.assertIn(parameter, answer.body.decode())
        answer = self.ask(agent, name="cpu", aggregation="avg")
        self.assertEqual(answer.status, 400)
        self.assertIn("bucket", answer.body.decode())
        few = self.points(agent, name="cpu", fromEpoch=begin, limit=100)
        self.assertEqual(len(few), 100)
        self.assertEqual((min(few), max(few)), (samples[0][0], samples[-1][0]))
        self.assertLessEqual(set(few.items()), set((float(t), v) for t, v in samples))


if __name__ == "__main__":
    main()
