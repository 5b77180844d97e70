#!/usr/bin/env python3
"""Plugins dropped into, exchanged in and taken out of a running agent, built outside of the tree against an installed
SDK, while other signals come in: none is lost or doubled, nothing else restarts, and what is broken says why."""
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from world import BUILD, Case, main, now, signal_of, until

# The SDK's sample, with its version given by the build and each release told apart by a label.
LOADAVG = """
#include <tocsin/plugin.hpp>
#include <fstream>
#include <stdexcept>

struct LoadAverage {
  static constexpr auto id = "loadavg", version = RELEASE, doc = "1-minute load average";
  tsn::Context ctx;
  tsn::Series load1 = ctx.series("node.load1", {{"release", RELEASE}});

  tsn::Status poll(tsn::Batch& out, tsn::Deadline) {
    double value;
    if (!(std::ifstream("/proc/loadavg") >> value)) throw std::runtime_error("cannot read /proc/loadavg");
    out.push(tsn::now(), load1, value);
    return tsn::ok;
  }
};
TOCSIN_PLUGIN(LoadAverage)
"""
THROWS = """
#include <tocsin/plugin.hpp>
#include <stdexcept>

struct Making {
  static constexpr auto id = "throws_making", version = "1.0.0", doc = "Throws when it is made";
  tsn::Context ctx;
  Making() { throw std::runtime_error("made to fail"); }
  tsn::Status poll(tsn::Batch&) { return tsn::ok; }
};
struct Starting {
  static constexpr auto id = "throws_starting", version = "1.0.0", doc = "Throws when it starts and stops";
  tsn::Context ctx;
  void start() { throw std::runtime_error("no start today"); }
  void stop() { throw std::runtime_error("no stop today"); }
  tsn::Status poll(tsn::Batch&) { throw std::runtime_error("no poll today"); }
};
struct Serving {
  static constexpr auto id = "throws_serving", version = "1.0.0", doc = "Throws in everything but start";
  static constexpr tsn::Route routes[] = {{.method = "GET", .path = "/throws", .doc = "Throws"}};
  tsn::Context ctx;
  void start() {
    ctx.timer(std::chrono::milliseconds(50), [] { throw std::runtime_error("a timer that throws"); });
  }
  void stop() { throw std::runtime_error("no stop today"); }
  void reconfigure(const tsn::Config&) { throw std::runtime_error("no new configuration"); }
  tsn::Status poll(tsn::Batch&) { throw 42; }
  void handle(const tsn::Request&, tsn::Response&) { throw std::runtime_error("no answer today"); }
};
TOCSIN_PLUGIN(Making, Starting, Serving)
"""
MISSING = """
#include <tocsin/plugin.hpp>
extern "C" int a_library_that_is_not_linked();

struct Missing {
  static constexpr auto id = "missing_symbol", version = "1.0.0", doc = "Needs what nothing provides";
  tsn::Context ctx;
  tsn::Status poll(tsn::Batch&) { return a_library_that_is_not_linked() ? tsn::ok : tsn::ok; }
};
TOCSIN_PLUGIN(Missing)
"""
BUILD_LIST = """
cmake_minimum_required(VERSION 3.25)
project(dropped LANGUAGES CXX)
find_package(TocsinSDK REQUIRED)
foreach(release 1 2)
  tocsin_add_plugin(loadavg${release} loadavg.cpp NO_INSTALL)
  target_compile_definitions(loadavg${release}_objects PRIVATE RELEASE="${release}.0.0")
endforeach()
tocsin_add_plugin(throws throws.cpp NO_INSTALL)
tocsin_add_plugin(missing missing.cpp NO_INSTALL)
target_link_options(missing PRIVATE LINKER:-z,undefs)
"""
CONFIG = """
[source.http]
[source.host]
every = "1s"
"""
EVERY_SECOND = '[source.loadavg]\nevery = "1s"\n'


def build_outside(files=None):
    """The SDK installed to a prefix of its own, and the plugins built against it, with no sight of the tree."""
    work = Path(tempfile.mkdtemp(prefix="tocsin-outside-"))
    env = {k: v for k, v in os.environ.items() if k != "DESTDIR"}
    launcher = os.environ.get("TOCSIN_LAUNCHER")
    steps = [["cmake", f"-DCMAKE_INSTALL_PREFIX={work}/prefix", "-P", f"{BUILD}/sdk/cmake_install.cmake"],
             ["cmake", "-S", work / "src", "-B", work / "build", f"-DCMAKE_PREFIX_PATH={work}/prefix",
              "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror"] + ([f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}"] if launcher else []),
             ["cmake", "--build", work / "build", "-j", "2"]]
    (work / "src").mkdir()
    files = files or {"loadavg.cpp": LOADAVG, "throws.cpp": THROWS, "missing.cpp": MISSING, "CMakeLists.txt": BUILD_LIST}
    for name, text in files.items():
        (work / "src" / name).write_text(text)
    for step in steps:
        done = subprocess.run(list(map(str, step)), capture_output=True, text=True, env=env, timeout=500)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, step))}:\n{done.stdout}\n{done.stderr}")
    return work


def drop(library, to):
    """As an administrator should: copied beside, then renamed."""
    part = to.with_suffix(".part")
    shutil.copy(library, part)
    os.rename(part, to)


class Traffic:
    """Bulk pushes from several threads until it is left; knows what was accepted."""

    def __init__(self, agent, workers=3):
        self.agent, self.accepted, self.refused = agent, [], []
        self.lock, self.ended, self.since = threading.Lock(), threading.Event(), now() - 1
        self.threads = [threading.Thread(target=self.push, args=(w,)) for w in range(workers)]

    def push(self, worker):
        count = 0
        while not self.ended.is_set():
            values = [worker * 10_000_000 + count * 20 + i for i in range(20)]
            labels = {"worker": str(worker), "part": str(count // 1000)}  # a series stays below what one query answers
            count += 1
            answer = self.agent.push([signal_of("drop.seq", value=v, **labels) for v in values])
            with self.lock:
                if answer.status == 202:
                    self.accepted += values
                else:
                    self.refused.append((answer.status, answer.body))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        until(lambda: len(self.accepted) > 100, what="pushes before the drop")
        return self

    def __exit__(self, *failure):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def kept(self):
        return sorted(int(p["value"]) for p in points(self.agent, "drop.seq", self.since))


def points(agent, name, since, **labels):
    answer = agent.get(f"/api/v1/signals/query?name={name}&fromEpoch={int(since)}&toEpoch={int(now()) + 2}&aggregation=raw&limit=100000")
    if answer.status == 404:
        return []
    series = answer.json.get("series", [answer.json])
    return [p for s in series if labels.items() <= s.get("labels", {}).items() for p in s.get("dataPoints", [])]


class PluginDrop(Case):
    @classmethod
    def setUpClass(cls):
        cls.outside = build_outside()
        cls.addClassCleanup(shutil.rmtree, cls.outside, ignore_errors=True)
        cls.built = cls.outside / "build"

    def plugin(self, agent, id):
        return next((p for p in agent.items("/api/v1/plugins") if p["id"] == id), None)

    def state(self, agent, id):
        found = self.plugin(agent, id)
        return (found["state"], found["version"]) if found else None

    def load(self, agent, since=0, **labels):
        return points(agent, "node.load1", since, **labels)

    def started(self, agent, instance):
        return agent.log.read_text(errors="replace").count(f"{instance}: started")

    def test_a_dropped_plugin_runs_within_two_seconds_without_a_section(self):
        agent = self.agent(CONFIG).start()
        since = now() - 1
        with Traffic(agent):
            begin = time.monotonic()
            drop(self.built / "loadavg1.so", agent.plugins / "loadavg.so")
            until(lambda: self.load(agent, since), what="a signal of the dropped plugin")
            took = time.monotonic() - begin
        print(f"first signal {took * 1000:.0f} ms after the drop", flush=True)
        self.assertLess(took, 2)
        self.assertEqual(self.state(agent, "loadavg"), ("running", "1.0.0"))

    def test_dropped_exchanged_and_removed_under_load_nothing_else_notices(self):
        agent = self.agent(CONFIG + EVERY_SECOND).start()
        self.assertEqual(self.plugin(agent, "loadavg")["state"], "waiting")
        target = agent.plugins / "loadavg.so"
        since = now() - 1
        with Traffic(agent) as traffic:
            drop(self.built / "loadavg1.so", target)
            until(lambda: len(self.load(agent, since, release="1.0.0")) >= 2, what="two signals of 1.0.0")
            drop(self.built / "loadavg2.so", target)
            until(lambda: self.state(agent, "loadavg") == ("running", "2.0.0"), what="version 2.0.0")
            until(lambda: len(self.load(agent, since, release="2.0.0")) >= 2, what="two signals of 2.0.0")
            before = len(self.load(agent, since, release="1.0.0"))
            os.unlink(target)
            until(lambda: self.state(agent, "loadavg")[0] == "waiting", what="the removed plugin's end")
            rest = len(self.load(agent, since))
            polls = self.plugin(agent, "host")["calls"]
            until(lambda: self.plugin(agent, "host")["calls"] >= polls + 3, what="three more polls of another source")
            self.assertEqual(len(self.load(agent, since)), rest, "it went on after its removal")
            self.assertEqual(len(self.load(agent, since, release="1.0.0")), before, "1.0.0 went on beside 2.0.0")
        self.assertEqual(traffic.refused, [])
        until(lambda: len(traffic.kept()) >= len(traffic.accepted), what="every accepted signal in the history")
        self.assertEqual(traffic.kept(), sorted(traffic.accepted), "accepted signals, each once")
        # A restarted instance would have begun to count anew.
        self.assertEqual(self.plugin(agent, "http")["signals"], len(traffic.accepted))
        self.assertEqual([self.started(agent, i) for i in ("source.http", "source.host")], [1, 1])
        print(f"{len(traffic.accepted)} signals pushed meanwhile, each kept once", flush=True)

    def test_a_plugin_dropped_while_the_agent_starts_runs(self):
        for round_ in range(12):
            agent = self.agent(CONFIG).start(wait=False)
            until(lambda: self.listens(agent) or agent.process.poll() is not None, what="the listener")
            drop(self.built / "loadavg1.so", agent.plugins / "loadavg.so")
            agent.wait_ready()
            until(lambda: self.state(agent, "loadavg") == ("running", "1.0.0"), 10, f"the plugin, in round {round_}")
            self.assertEqual(agent.stop(), 0)

    def listens(self, agent):
        for _ in range(1000):  # densely: what is to be met is the moment after the listener opened
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", agent.port)) == 0:
                    return True
        return False

    def test_a_plugin_that_comes_back_runs_again(self):
        agent = self.agent(CONFIG + EVERY_SECOND).start()
        target = agent.plugins / "loadavg.so"
        for release in ("1", "2", "1"):
            since = now()
            drop(self.built / f"loadavg{release}.so", target)
            until(lambda: self.state(agent, "loadavg") == ("running", f"{release}.0.0"), what=f"version {release}")
            until(lambda: [p for p in self.load(agent, since, release=f"{release}.0.0") if p["timestamp"] >= int(since)], what="its signals")
            os.unlink(target)
            until(lambda: self.state(agent, "loadavg")[0] == "waiting", what="its end")

    def test_a_slow_copy_is_taken_up_when_it_is_whole(self):
        agent = self.agent(CONFIG).start()
        data = (self.built / "loadavg1.so").read_bytes()
        part = len(data) // 12 + 1
        since = now() - 1
        with open(agent.plugins / "loadavg.so", "wb") as out:
            for at in range(0, len(data), part):
                out.write(data[at:at + part])
                out.flush()
                polls = self.plugin(agent, "host")["calls"]
                if at // part in (3, 8):  # longer than any quiet time that ends a burst
                    until(lambda: self.plugin(agent, "host")["calls"] > polls, what="another source's poll")
                found = self.plugin(agent, "loadavg")
                self.assertIsNone(found, "a half file was taken up")
                self.assertEqual([p for p in agent.items("/api/v1/plugins") if p["state"] == "failed"], [])
        begin = time.monotonic()
        until(lambda: self.load(agent, since), what="a signal of the copied plugin")
        self.assertLess(time.monotonic() - begin, 2)

    def test_a_plugin_that_throws_everywhere_costs_nothing_else(self):
        agent = self.agent(CONFIG + "[source.throws_serving]\nevery = \"100ms\"\n").start()
        with Traffic(agent) as traffic:
            drop(self.built / "throws.so", agent.plugins / "throws.so")
            made = until(lambda: (p := self.plugin(agent, "throws_making")) and p["state"] == "failed" and p, what="the plugin that throws when made")
            self.assertIn("made to fail", made["error"])
            starting = until(lambda: (p := self.plugin(agent, "throws_starting")) and p["state"] == "failed" and p, what="the plugin that throws at start")
            self.assertIn("no start today", starting["error"])
            until(lambda: (p := self.plugin(agent, "throws_serving")) and p["state"] == "running" and p["errors"] >= 3 and p, what="errors counted")
            self.assertGreaterEqual(agent.get("/throws").status, 500)
            os.unlink(agent.plugins / "throws.so")
            until(lambda: self.state(agent, "throws_serving")[0] == "waiting", what="its end, though it throws at stop")
        self.assertEqual(traffic.refused, [])
        until(lambda: len(traffic.kept()) >= len(traffic.accepted), what="every accepted signal in the history")
        self.assertEqual(traffic.kept(), sorted(traffic.accepted))
        self.assertEqual(agent.stop(), 0)

    def test_a_missing_symbol_is_named(self):
        agent = self.agent(CONFIG).start()
        drop(self.built / "missing.so", agent.plugins / "missing.so")
        failed = until(lambda: (p := self.plugin(agent, "missing_symbol")) and p["state"] == "failed" and p, what="its failure")
        self.assertIn("a_library_that_is_not_linked", failed["error"])
        self.assertIn("missing.so", failed["error"])
        self.assertEqual(agent.push([signal_of("x")]).status, 202)

    def test_another_abi_version_is_refused_with_both_numbers(self):
        agent = self.agent(CONFIG).start()
        data = (self.built / "loadavg1.so").read_bytes()
        self.assertIn(b'"abi":1', data)
        (agent.dir / "other.part").write_bytes(data.replace(b'"abi":1', b'"abi":9'))
        os.rename(agent.dir / "other.part", agent.plugins / "other.so")
        failed = until(lambda: [p for p in agent.items("/api/v1/plugins") if p["state"] == "failed" and p["path"].endswith("other.so")], what="its refusal")[0]
        self.assertRegex(failed["error"], r"ABI.*9.*1|ABI.*1.*9")
        self.assertEqual(agent.push([signal_of("x")]).status, 202)
        # Mended in place, it runs.
        drop(self.built / "loadavg1.so", agent.plugins / "other.so")
        until(lambda: self.state(agent, "loadavg") == ("running", "1.0.0"), what="the mended plugin")


if __name__ == "__main__":
    main()
