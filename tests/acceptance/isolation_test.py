#!/usr/bin/env python3
"""Plugins with every defect of the zoo, isolated in a running agent: each leaves the agent and the other plugins running,
and not a signal of others is lost or doubled, which sequence numbers prove."""
import os
import random
import shutil
import threading
import time
from pathlib import Path

from world import BUILD, FULL, Case, main, now, signal_of, until

ZOO = BUILD / "tests" / "zoo"
# What kills its runner (once it has come up), and what lives with its defect.
DEADLY = ["crash_segv", "crash_abort", "throws"]
HANGING = ["endless_loop", "waits_for_ever"]
OTHERS = ["eats_memory", "never_completes", "forks", "uses_network", "closes_descriptors", "garbage_handles", "lying_columns", "lying_bytes", "lying_lengths",
          "writes_past_batch", "overruns_buffers", "completes_twice", "zero_sizes", "leaks_thread", "leaks_descriptors", "leaks_memory",
          "prints_secret"]
# Right code in a wrong file: loaded, or refused with a reason.
BUILT_WRONG = ["two_exports", "gnu_unique", "static_tls", "exec_stack", "text_relocations", "build_rpath", "newer_glibc",
               "missing_library", "no_note", "note_differs"]


def sections(names, extra=""):
    """Every zoo plugin as a source that is pulled often; one whose file is not there waits."""
    return "".join(f'[source.{name}]\nevery = "50ms"\ntimeout = "300ms"\n{extra}\n' for name in names)


class Zoo(Case):
    def agent_with(self, config, *present):
        agent = self.agent(config)
        for name in present:
            self.drop(agent, name)
        return agent.start()

    def drop(self, agent, name):
        """As a release tool does: written beside, then renamed."""
        beside = agent.dir / name
        shutil.copy(ZOO / f"{name}.so", beside)
        os.rename(beside, agent.plugins / f"{name}.so")

    def line(self, agent, instance):
        return next((p for p in agent.get("/api/v1/plugins?limit=1000").json["items"] if p.get("instance") == instance), {})

    def counted(self, agent, name="zoo.seq", **labels):
        """What is kept of a sequence: how many values, the lowest and the highest."""
        match = "".join(f"&match={key}%3D%22{value}%22" for key, value in labels.items())
        out = {}
        for aggregation in ("count", "min", "max"):
            answer = agent.get(f"/api/v1/signals/query?name={name}{match}&aggregation={aggregation}&bucket=1d&fromEpoch={int(now()) - 86400 * 2}"
                               f"&toEpoch={int(now()) + 86400}").json
            series = answer.get("series", [answer])
            points = [p["value"] for s in series for p in s.get("dataPoints", [])]
            if not points:
                return None
            out[aggregation] = sum(points) if aggregation == "count" else min(points) if aggregation == "min" else max(points)
        return out

    def assert_whole(self, agent, name="zoo.seq", highest=None, **labels):
        """None lost, none doubled. It may still be counting between the questions, or be on its way into the history: what is
        lost or doubled stays so."""
        def whole():
            kept = self.counted(agent, name, **labels)
            return kept and kept["count"] == kept["max"] - kept["min"] + 1 and highest in (None, kept["max"])
        until(whole, 20, f"{name}{labels}: none lost, none doubled")

    def test_each_defect_leaves_the_agent_and_the_others_running(self):
        names = DEADLY + HANGING + OTHERS + BUILT_WRONG
        agent = self.agent_with(sections(["well_behaved", *names], 'memory = "256MiB"'), "well_behaved")
        until(lambda: self.line(agent, "source.well_behaved").get("signals"), what="the sound plugin counts")
        worker = agent.worker()
        pushed = 0
        for name in names:
            self.drop(agent, name)

            def shown():
                nonlocal pushed
                pushed += 1
                answer = agent.push([signal_of("pushed.seq", pushed)])
                self.assertEqual((answer.status, answer.json["rejected"]), (202, []), f"beside {name}")
                line = self.line(agent, f"source.{name}")
                if name in BUILT_WRONG and any(p["state"] == "failed" and p["path"].endswith(f"/{name}.so") and p["error"]
                                               for p in agent.items("/api/v1/plugins")):
                    return True  # refused, with a reason
                self.assertLess(line.get("memory_bytes", 0), 280 << 20, f"{name} has no more memory than it may have")
                if name in DEADLY + HANGING:
                    return line.get("restarts", 0) >= 1
                return line.get("calls", 0) >= 5 or line.get("errors", 0) >= 2 or line.get("restarts", 0) >= 1 or line.get("state") == "failed"
            until(shown, 30, f"{name} shows its defect: {self.line(agent, f'source.{name}')}")
            (agent.plugins / f"{name}.so").unlink()
            until(lambda: self.line(agent, f"source.{name}").get("state") == "waiting", 40, f"{name} is taken out")
            self.assertEqual(agent.worker(), worker, f"{name}: the agent was not started again")
        before = self.line(agent, "source.well_behaved")["signals"]
        until(lambda: self.line(agent, "source.well_behaved")["signals"] > before, what="the sound plugin still counts")
        self.assertEqual(self.line(agent, "source.well_behaved")["restarts"], 0)
        self.assert_whole(agent, zoo="well_behaved")
        self.assert_whole(agent, "pushed.seq", pushed)
        # What crashed counts on from its cursor: nothing of its own is lost either.
        self.assert_whole(agent, zoo="crash_segv")

    def test_a_notifier_that_dies_of_a_message_costs_that_message_alone(self):
        hook = self.hook()
        agent = self.agent_with(f"""
[source.well_behaved]
every = "1d"
[notifier.bad]
plugin = "crash_segv_notifier"
[notifier.hook]
plugin = "webhook"
url = "{hook.url}"
[route]
notify = ["bad", "hook"]
group_wait = "0s"
[rules]
paths = ["rules.toml"]
""", "crash_segv")
        (agent.dir / "rules.toml").write_text('[[rule]]\nname = "seen"\nseverity = "HIGH"\nsignal = "s"\nop = ">"\nthreshold = 0\n')
        agent.cli("reload", check=0)
        agent.push([signal_of("s", 1)])
        until(lambda: hook.requests, what="the other notifier tells")
        letter = until(lambda: next(iter(agent.items("/api/v1/dead-letters")), None), 60, "the message is given up")
        self.assertEqual(letter["instance"], "bad")
        self.assertIn("SIGSEGV", letter["cause"])

    def test_a_detector_that_dies_of_its_rows_costs_its_rule_alone(self):
        agent = self.agent_with('[rules]\npaths = ["rules.toml"]\n', "crash_segv")
        (agent.dir / "rules.toml").write_text("""
[[rule]]
name = "deadly"
detector = "crash_segv_detector"
severity = "HIGH"
signal = "s"
[[rule]]
name = "sound"
severity = "HIGH"
signal = "s"
op = ">"
threshold = 0
""")
        agent.cli("reload", check=0)
        worker = agent.worker()
        for value in range(1, 4):
            agent.push([signal_of("s", value)])
        until(lambda: [a for a in agent.items("/api/v1/alerts") if a["rule"] == "sound"], what="the sound rule fires")
        letter = until(lambda: next((d for d in agent.items("/api/v1/dead-letters") if d["what"] == "rows"), None), 30, "the rows are given up")
        self.assertIn("deadly", letter["key"])
        self.assertEqual(agent.worker(), worker)

    def test_an_isolated_plugin_may_do_what_it_declares_and_the_configuration_adds(self):
        agent = self.agent_with('[source.uses_network]\nevery = "50ms"\n', "uses_network")
        until(lambda: self.line(agent, "source.uses_network").get("calls", 0) > 3, what="it is called")
        self.assertTrue(self.line(agent, "source.uses_network")["isolated"])
        status = (f"/proc/{self.line(agent, 'source.uses_network')['pid']}/status")
        lines = dict(line.split(":", 1) for line in Path(status).read_text().splitlines() if ":" in line)
        self.assertEqual(lines["Seccomp"].strip(), "2")
        self.assertEqual(lines["NoNewPrivs"].strip(), "1")
        self.assertEqual(int(lines["CapEff"].strip(), 16), 0)

    def test_bundled_plugins_run_inside_unless_configured_and_isolated_ones_end_with_the_agent(self):
        agent = self.agent_with('[source.host]\nisolation = "process"\nneeds = ["files:/"]\nstandby = true\n[source.generator]\n')
        host = until(lambda: (lambda line: line if line.get("pid") else None)(self.line(agent, "source.host")), what="host runs isolated")
        self.assertTrue(host["isolated"])
        self.assertFalse(self.line(agent, "source.generator")["isolated"])
        until(lambda: self.line(agent, "source.host")["signals"], what="host reports")
        agent.kill()
        until(lambda: not os.path.exists(f"/proc/{host['pid']}"), what="the runner ended with the agent")

    def test_soak(self):
        """Plugins crash, hang and are exchanged at random under load: flat memory, flat descriptors, nothing lost."""
        names = ["crash_segv", "endless_loop", "never_completes", "crash_abort"]
        agent = self.agent_with(sections(["well_behaved", *names]), "well_behaved", *names)
        until(lambda: self.line(agent, "source.well_behaved").get("signals"), what="the sound plugin counts")
        worker, stop, pushed = agent.worker(), threading.Event(), [0]

        def push():
            while not stop.is_set():
                batch = [signal_of("pushed.seq", pushed[0] + 1 + i) for i in range(200)]
                answer = agent.push(batch)
                if answer.status == 202:
                    pushed[0] += len(batch)
                if FULL:
                    stop.wait(0.02)  # what is kept of 20 minutes is read back in one query

        def use():
            memory = int(next(line for line in Path(f"/proc/{worker}/status").read_text().splitlines() if line.startswith("VmRSS")).split()[1])
            return memory, len(os.listdir(f"/proc/{worker}/fd")), len(os.listdir(f"/proc/{worker}/task"))
        thread = threading.Thread(target=push)
        thread.start()
        length, dice, samples = (1200 if FULL else 12), random.Random(7), []
        end = time.monotonic() + length
        try:
            while time.monotonic() < end:
                name = dice.choice(["well_behaved", *names])
                if name != "well_behaved" and dice.random() < 0.3:
                    (agent.plugins / f"{name}.so").unlink(missing_ok=True)
                else:
                    self.drop(agent, name)
                stop.wait(dice.random() * 0.5)
                samples.append(use())
                self.assertEqual(agent.worker(), worker)
        finally:
            stop.set()
            thread.join()
        third = len(samples) // 3
        middle = [sorted(column)[len(column) // 2] for column in zip(*samples[third:2 * third])]
        last = [sorted(column)[len(column) // 2] for column in zip(*samples[-third:])]
        print(f"soak of {length} s: {pushed[0]} signals pushed; median of the middle and the last third: "
              f"memory {middle[0]} → {last[0]} KiB, descriptors {middle[1]} → {last[1]}, threads {middle[2]} → {last[2]}", flush=True)
        for name in names:
            (agent.plugins / f"{name}.so").unlink(missing_ok=True)
        until(lambda: all(self.line(agent, f"source.{name}").get("state") == "waiting" for name in names), 60, "all are taken out")
        self.assert_whole(agent, "pushed.seq", pushed[0])
        self.assert_whole(agent, zoo="well_behaved")
        self.assertLess(last[1], middle[1] + 20, "descriptors stay flat")
        self.assertLess(last[2], middle[2] + 20, "threads stay flat")
        if FULL:
            self.assertLess(last[0], middle[0] * 1.2 + 4096, "memory stays flat")


if __name__ == "__main__":
    main()
