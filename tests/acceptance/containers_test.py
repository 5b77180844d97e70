#!/usr/bin/env python3
"""Logs of containers as containerd, the kubelet and Docker write them, under load: lines split into partial ones, two streams in one
file, rotation by renaming and compressing, the agent killed with kill -9 again and again. Every line counts once."""
import gzip
import json
import os
import random
import threading
from datetime import datetime, timezone

from world import FULL, Case, main, now, until

KILLS = 12 if FULL else 4
CONFIG = """
[source.http]
[source.pods]
plugin = "logtail"
paths = ["{dir}/pods/*/*/*.log"]
parser = "json"
[[source.pods.match]]
signal = "line.seq"
value = "n"
labels = { writer = "{w}" }
[source.docker]
plugin = "logtail"
paths = ["{dir}/docker/*/*-json.log"]
multiline = { preset = "java", timeout = "300ms" }
[[source.docker.match]]
signal = "trace"
pattern = '(?s)^ERROR (?<n>\\d+) .*Caused by: java.io.IOException: (?<why>\\w+)\\n\\tat x.Y.z'
value = "n"
"""


def stamp():
    return datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "000Z")


class Pod:
    """One container's log: a runtime that writes whole lines of its format, and a kubelet that rotates between two of them."""

    def __init__(self, root, name, seed):
        self.dir = root / "pods" / f"shop_{name}_6f1c3ad2-{seed}" / "app"
        self.dir.mkdir(parents=True)
        self.name, self.random = name, random.Random(seed)
        self.path = self.dir / "0.log"
        self.file = open(self.path, "ab", buffering=0)
        self.count = {"stdout": 0, "stderr": 0}
        self.left = {"stdout": [], "stderr": []}  # pieces of the line that is being written
        self.rotations = self.since = self.crossed = 0

    def step(self):
        stream = self.random.choice(("stdout", "stderr"))
        pieces = self.left[stream]
        if not pieces:
            text = json.dumps({"w": f"{self.name}-{stream}", "n": self.count[stream], "pad": "x" * self.random.randrange(200)})
            self.count[stream] += 1
            cuts = sorted(self.random.sample(range(1, len(text)), self.random.choice((0, 0, 0, 1, 2))))
            pieces += [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]
        piece = pieces.pop(0)
        self.file.write(f"{stamp()} {stream} {'P' if pieces else 'F'} {piece}\n".encode())
        self.since += 1

    def rotate(self):
        """As the kubelet does: rename, let the runtime open anew, compress all rotated ones but the newest, keep twelve."""
        self.crossed += any(self.left.values())
        self.rotations += 1
        self.since = 0
        rotated = sorted(self.dir.glob("0.log.*"))
        self.path.rename(self.dir / f"0.log.20261120-{self.rotations:06}")
        self.file.close()
        self.file = open(self.path, "ab", buffering=0)
        for old in rotated:
            if old.suffix != ".gz":
                with gzip.open(f"{old}.tmp", "wb") as out:
                    out.write(old.read_bytes())
                os.rename(f"{old}.tmp", f"{old}.gz")
                old.unlink()
        for old in sorted(self.dir.glob("0.log.*"))[:-12]:
            old.unlink()

    def finish(self):
        while any(self.left.values()):
            self.step()

    def close(self):
        self.file.close()


class Containers(Case):
    def points(self, agent, name, started):
        answer = agent.get(f"/api/v1/signals/query?name={name}&fromEpoch={int(started)}&toEpoch={int(now()) + 2}&limit=100000").json
        return {s["labels"].get("writer", ""): [int(p["value"]) for p in s["dataPoints"]] for s in answer.get("series", [answer]) if s.get("labels") is not None}

    def test_every_line_counts_once_through_rotation_and_kill_9(self):
        started = now() - 1
        agent = self.agent(CONFIG)
        pods = [Pod(agent.dir, f"api-{i}", i) for i in range(3)]
        for pod in pods:
            self.addCleanup(pod.close)
        agent.start()
        rng = random.Random(5)
        stop = threading.Event()

        def write():
            tick = threading.Event()
            while not stop.is_set():
                for pod in pods:
                    for _ in range(rng.randrange(30)):
                        pod.step()
                    if pod.since > 1200 or (pod.since > 400 and rng.random() < 0.02):
                        pod.rotate()
                tick.wait(0.01)

        def written():
            return sum(sum(pod.count.values()) for pod in pods)

        def more(least, most):
            goal = written() + rng.randrange(least, most)
            until(lambda: written() > goal, 60, "lines")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(KILLS):
                more(1500, 6000)
                agent.kill()
                more(300, 4000)  # rotated twice in it, and compressed, a file still counts
                agent.start()
            more(500, 1000)
        finally:
            stop.set()
            writer.join()
        for pod in pods:
            pod.finish()
        expected = {f"{p.name}-{s}": list(range(p.count[s])) for p in pods for s in p.count}
        found = {}

        def all_there():
            found.clear()
            found.update(self.points(agent, "line.seq", started))
            return {k: len(v) for k, v in found.items()} == {k: len(v) for k, v in expected.items()}
        try:
            until(all_there, 30)
        except AssertionError:
            pass
        for name, numbers in expected.items():
            got = sorted(found.get(name, []))
            self.assertEqual(got, numbers, f"{name}: lost {sorted(set(numbers) - set(got))[:5]}, twice "
                             f"{sorted(n for n in set(got) if got.count(n) > 1)[:5] if len(got) < 50000 else '?'}\n{agent.text()[-1500:]}")
        self.assertGreater(sum(p.rotations for p in pods), 3 * KILLS)
        self.assertGreater(sum(p.crossed for p in pods), KILLS, "rotations within a partial line")
        labels = [s["labels"] for s in agent.get(f"/api/v1/signals/query?name=line.seq&fromEpoch={int(started)}&toEpoch={int(now()) + 2}").json["series"]]
        self.assertEqual({(l["namespace"], l["pod"], l["container"], l["stream"]) for l in labels},
                         {("shop", p.name, "app", s) for p in pods for s in p.count})

    def test_traces_in_dockers_files_are_one_record_each(self):
        agent = self.agent(CONFIG)
        started = now() - 1
        folder = agent.dir / "docker" / "0123456789ab"
        folder.mkdir(parents=True)
        path = folder / "0123456789ab-json.log"

        def write(text):
            with open(path, "a") as out:
                for line in text.splitlines(keepends=True):
                    for at in range(0, len(line), 50):  # Docker cuts at 16 KiB; here at 50 bytes
                        out.write(json.dumps({"log": line[at:at + 50], "stream": "stderr", "time": stamp()}) + "\n")

        agent.start()
        for n in range(200):
            write(f"INFO {n}\nERROR {n} failed\njava.lang.IllegalStateException: {'y' * 70}\n\tat a.B.c(B.java:1)\n"
                  f"Caused by: java.io.IOException: disk{n % 3}\n\tat x.Y.z(Y.java:2)\n")
            if n in (60, 120):
                agent.kill()
            if n in (80, 140):
                agent.start()
            if n == 100:
                path.rename(f"{path}.1")
        until(lambda: sum(map(len, self.traces(agent, started))) == 200, 30, "every trace")
        self.assertEqual(sorted(sum(self.traces(agent, started), [])), list(range(200)))
        self.assertEqual(len(self.traces(agent, started)), 3, "one series for each cause")

    def traces(self, agent, started):
        answer = agent.get(f"/api/v1/signals/query?name=trace&fromEpoch={int(started)}&toEpoch={int(now()) + 2}&limit=100000").json
        return [[int(p["value"]) for p in s["dataPoints"]] for s in answer.get("series", [answer])]


if __name__ == "__main__":
    main()
