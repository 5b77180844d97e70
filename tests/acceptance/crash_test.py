#!/usr/bin/env python3
"""Plugins in the agent's own process that crash or hang: the supervisor starts the agent again, what was accepted is
there once, the operator is told who it was, and other plugins go on."""
import json
import os
import shutil
import signal
import tempfile
import threading
from pathlib import Path

from world import BUILD, Agent, Case, call, main, now, signal_of, tocsin, until

BUNDLED = ("http.so", "webhook.so", "threshold.so")
CONFIG = """
[plugin.crasher]
isolation = "none"
[plugin.crashteller]
isolation = "none"
[source.http]
[source.bad]
plugin = "crasher"
every = "50ms"
order = "{dir}/order"
fifo = "{dir}/fifo"
needs = ["files:{dir}"]
[notifier.hook]
plugin = "webhook"
url = "HOOK/hook"
[route]
storm_after = 0
group_by = ["alertname", "loader"]
group_wait = "0s"
notify = ["hook"]
[[rule]]
name = "failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "1h"
"""
TELLER = """
[notifier.stuck]
plugin = "crashteller"
timeout = "1s"
order = "{dir}/teller-order"
fifo = "{dir}/fifo"
"""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Crash(Case):
    def start(self, teller=False):
        """An agent with the crasher in its own process."""
        bundled = Path(tempfile.mkdtemp(prefix="tocsin-bundled-"))
        self.addCleanup(shutil.rmtree, bundled, ignore_errors=True)
        for name in BUNDLED:
            shutil.copy(BUILD / "plugins" / name, bundled)
        shutil.copy(BUILD / "tests" / "crash" / "crasher.so", bundled)
        self.bundled = bundled
        self.receiver = self.hook()
        config = CONFIG.replace("HOOK", self.receiver.url)
        if teller:
            config = config.replace('notify = ["hook"]', 'notify = ["hook", "stuck"]') + TELLER
        agent = self.agent(config, bundled=bundled)
        os.mkfifo(agent.dir / "fifo")
        return agent.start()

    def order(self, agent, word, name="order"):
        fresh = agent.dir / (name + ".new")
        fresh.write_text(word)
        fresh.rename(agent.dir / name)

    def new_worker(self, agent, old):
        """The worker that came after `old`, ready."""
        pid = until(lambda: (w := agent.worker()) and w != old and w, 30, "a new worker")
        agent.wait_ready()
        return pid

    def exchange(self):
        """The same plugin in another file: what the file before it did is forgotten."""
        shutil.copy(BUILD / "tests" / "crash" / "crasher.so", self.bundled / "crasher.new")
        os.rename(self.bundled / "crasher.new", self.bundled / "crasher.so")

    def line_of(self, agent, instance):
        return next((p for p in agent.items("/api/v1/plugins") if p["instance"] == instance), {"error": "", "state": ""})

    def told_of(self, title):
        return [b for b in self.receiver.json_bodies() if any(a["labels"].get("alertname") == title for a in b["alerts"])]

    def test_each_crash_is_survived_and_put_down_to_its_plugin(self):
        agent = self.start()
        accepted, stop, lock, begun = [], threading.Event(), threading.Lock(), now() - 1

        def traffic(worker):
            value = worker * 1_000_000
            while not stop.is_set():
                value += 1
                try:
                    if agent.push([signal_of("etl.seq", value=value)], timeout=5).status == 202:
                        with lock:
                            accepted.append(value)
                except OSError:
                    stop.wait(0.01)

        threads = [threading.Thread(target=traffic, args=(w,)) for w in range(1, 4)]
        for each in threads:
            each.start()
        self.addCleanup(stop.set)
        kinds = {"segv": "SIGSEGV in pull", "abort": "SIGABRT in pull", "stack": "SIGSEGV in pull",
                 "spawned": "SIGSEGV in thread"}
        worker = agent.worker()
        for word, text in kinds.items():
            before = len(accepted)
            until(lambda: len(accepted) > before + 20, 60, "traffic")
            self.order(agent, word)
            worker = self.new_worker(agent, worker)
            line = until(lambda: (found := self.line_of(agent, "source.bad"))["error"] and found, 20, "the crash in plugin list")
            self.assertIn("crashed " + text, line["error"])
            metric = f'tocsin_plugin_crashes_total{{instance="source.bad",plugin="crasher",signal="{text.split()[0]}"}} 1'
            self.assertTrue(metric in agent.get("/metrics").body.decode(), metric)
            # It is back in a process of its own: the same again costs a runner and not the agent.
            until(lambda: self.line_of(agent, "source.bad").get("isolated"), 20, "it comes back isolated")
            until(lambda: self.line_of(agent, "source.bad")["calls"] > 2, 20, "it is called there")
            self.order(agent, word)
            until(lambda: self.line_of(agent, "source.bad")["restarts"] > 0, 20, "its runner is started again")
            self.assertEqual(agent.worker(), worker)
            self.exchange()
            until(lambda: not self.line_of(agent, "source.bad").get("isolated", True), 20, "another file runs inside again")
        # A thread the plugin made by itself: its code tells the file, not which of the file's instances it was.
        self.order(agent, "inner")
        worker = self.new_worker(agent, worker)
        self.assertIsNone(agent.process.poll(), "the supervisor is the process that was started")
        before = len(accepted)
        until(lambda: len(accepted) > before + 20, 60, "traffic after the last crash")
        stop.set()
        for each in threads:
            each.join()
        answer = agent.get(f"/api/v1/signals/query?name=etl.seq&fromEpoch={int(begun)}&toEpoch={int(now()) + 2}&limit=100000").json
        found = [int(p["value"]) for series in answer.get("series", [answer]) for p in series["dataPoints"]]
        self.assertEqual(sorted(v for v in found if v in set(accepted)), sorted(accepted), "accepted signals, each once")
        until(lambda: [i for i in agent.incidents() if i["title"].startswith("PluginCrashed")], 20, "an incident")
        until(lambda: self.told_of("PluginCrashed"), 20, "a notification of it")
        titles = [i["title"] for i in agent.incidents() if i["title"].startswith("PluginCrashed")]
        self.assertEqual(len(titles), len(set(titles)), "an incident for each instance, not for each crash")
        book = json.loads((agent.dir / "data" / "crashes.json").read_text())
        self.assertEqual(sum(c["count"] for c in book["crashes"]), 1, "what exchanged files did is forgotten")
        self.assertEqual(len({c["identity"] for c in book["crashes"]}), 1)
        self.assertEqual(agent.stop(), 0)

    def test_exit_and_kill_of_the_worker_are_survived_too(self):
        agent = self.start()
        worker = agent.worker()
        for word in ("exit", "kill"):
            self.order(agent, word)
            worker = self.new_worker(agent, worker)
        self.assertIn("started again", agent.text())
        self.assertEqual(agent.stop(), 0)

    def test_kill_9_of_the_supervisor_takes_the_worker(self):
        agent = self.start()
        worker = agent.worker()
        agent.kill()
        until(lambda: not alive(worker), 5, "the worker gone")
        agent.start()
        self.assertNotEqual(agent.worker(), worker)

    def test_signals_and_exit_codes_pass_through(self):
        agent = self.start()
        agent.process.send_signal(signal.SIGHUP)
        until(lambda: "configuration reloaded" in agent.log.read_text(), 20, "the reload")
        worker = agent.worker()
        self.assertEqual(agent.stop(), 0)
        self.assertFalse(alive(worker))
        agent.config.write_text(agent.config.read_text() + "\n[notifier.x]\nplugin = \"nobody\"\nnonsense = {\n")
        self.assertEqual(tocsin("run", "--config", agent.config).returncode, 2)

    def test_no_supervisor_means_one_process(self):
        agent = self.start()
        agent.stop()
        agent.start(arguments=["--no-supervisor"])
        self.assertIsNone(agent.worker())
        self.order(agent, "segv")
        self.assertEqual(agent.process.wait(20), -signal.SIGSEGV)

    def test_a_notifier_that_hangs_is_quarantined_and_another_goes_on(self):
        agent = self.start(teller=True)
        self.order(agent, "hang", "teller-order")
        agent.push([signal_of("etl.run", loader="A", status="FAILED")])
        line = until(lambda: (found := self.line_of(agent, "notifier.stuck"))["state"] == "quarantined" and found, 60, "quarantine")
        self.assertIn("deliver hangs since", line["error"])
        agent.push([signal_of("etl.run", loader="B", status="FAILED")])
        until(lambda: len(self.told_of("failed")) >= 2, 20, "the other notifier goes on")
        until(lambda: self.told_of("PluginQuarantined"), 20, "the quarantine is told")
        self.assertIn('tocsin_plugin_quarantines_total{call="deliver",instance="notifier.stuck",plugin="crashteller"} 1',
                      agent.get("/metrics").body.decode())
        worker = agent.worker()
        agent.cli("reload", check=0)
        self.assertEqual(self.line_of(agent, "notifier.stuck")["state"], "running")
        self.assertEqual(agent.worker(), worker, "a hanging notifier costs no restart")
        self.assertEqual(agent.stop(), 0)

    def test_a_hang_on_the_listeners_thread_starts_the_agent_again(self):
        agent = self.start()
        worker = agent.worker()
        with self.assertRaises(OSError):
            call("POST", agent.url + "/crasher", b"hang", timeout=90)
        self.new_worker(agent, worker)
        self.assertIn("crashed hang in handle", self.line_of(agent, "source.bad")["error"])


if __name__ == "__main__":
    main()
