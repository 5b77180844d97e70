#!/usr/bin/env python3
"""Dampers on the real binary, over kill -9: what a digest owes stays owed, and what flaps is known to flap."""
import time

from world import Case, main, signal_of, until

CONFIG = """
[source.http]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
group_interval = "1s"
notify = ["hook"]
%s
[[rule]]
name = "slow"
severity = "HIGH"
signal = "etl.seconds"
by = ["loader"]
op = ">"
threshold = 5
cooldown = "0s"
"""


class Dampers(Case):
    def begin(self, settings):
        self.receiver = self.hook()
        self.a = self.agent(CONFIG % (self.receiver.url, settings)).start()

    def measure(self, seconds, *loaders):
        self.a.push([signal_of("etl.seconds", value=seconds, loader=loader) for loader in loaders])

    def bodies(self, loader):
        return [b for b in self.receiver.json_bodies() if any(a["labels"]["loader"] == loader for a in b["alerts"])]

    def restart(self):
        self.a.kill()
        self.a.start()

    def test_what_a_digest_owes_stays_owed(self):
        self.begin('storm_after = 3\nstorm_every = "5s"')
        loaders = [f"L{i}" for i in range(10)]
        for loader in loaders:
            self.measure(9, loader)
        until(lambda: len(self.a.incidents()) == 10 and len(self.receiver.json_bodies()) >= 3, what="three told, seven gathered")
        self.restart()
        digest = until(lambda: [b for b in self.receiver.json_bodies() if len(b["alerts"]) > 1], what="the digest")[0]
        self.assertEqual(len(digest["alerts"]), 7)
        told = {a["labels"]["loader"] for b in self.receiver.json_bodies() for a in b["alerts"]}
        self.assertEqual(told, set(loaders))
        # Each counts as told: its end is told, and nothing before it.
        self.restart()
        count = len(self.receiver.json_bodies())
        self.measure(1, "L9")
        until(lambda: self.bodies("L9")[-1]["status"] == "resolved", what="the end of one of the digest")
        fresh = self.receiver.json_bodies()[count:]
        self.assertFalse([b for b in fresh if b["status"] == "firing" and len(b["alerts"]) == 1], "nothing is told again")
        text = self.a.cli("explain", "loader=L9", check=0).stdout
        self.assertIn("told in a digest of 7", text)

    def test_an_alert_that_flaps_is_told_of_once_and_once_when_it_has_settled(self):
        self.begin('flap_detection = { high_flap_threshold = 30, low_flap_threshold = 20 }\nreport_interval = "1s"')
        state = {"value": 1, "at": 0.0}

        def flip():
            if time.monotonic() - state["at"] < 0.4:
                return
            state["value"], state["at"] = 10 - state["value"], time.monotonic()
            self.measure(state["value"], "X")

        def said():
            flip()
            return any(a["annotations"].get("flapping") for b in self.bodies("X") for a in b["alerts"])

        def held():
            flip()
            return "flap_detection" in self.a.cli("explain", "loader=X", check=0).stdout

        def told(loader):
            flip()
            return bool(self.bodies(loader))

        until(said, what="that it flaps")
        self.restart()
        before = len(self.bodies("X"))
        until(held, what="that it is held")
        for other in ("A", "B", "C"):
            self.measure(9, other)
            until(lambda: told(other), what=f"{other}, which does not flap")
        self.assertLessEqual(len(self.bodies("X")), before + 1, "at most the one that was on its way is told again")
        before = len(self.bodies("X"))
        self.measure(9, "X")
        last = until(lambda: self.bodies("X")[before:], limit=60, what="what it is once it has settled")[0]
        self.assertEqual([(a["status"], "flapping" in a["annotations"]) for a in last["alerts"]], [("firing", False)])


if __name__ == "__main__":
    main()
