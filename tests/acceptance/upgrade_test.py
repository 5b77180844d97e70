#!/usr/bin/env python3
"""Plugins exchanged while they work: a source under load, a notifier and a tracker with deliveries on their way, detectors
in the middle of a `for`. Nothing is lost or doubled; a successor that cannot take over leaves the old one serving."""
import os
import shutil
import threading
import time

import jira_test
import plugin_drop_test
from plugin_drop_test import Traffic, drop, points
from world import BUILD, Case, main, now, signal_of, until

COUNTER = """
#include <tocsin/plugin.hpp>
#include <stdexcept>
#include <string>

struct Counter {
  static constexpr auto id = "counter", version = RELEASE, doc = "Counts, and hands its count on";
  tsn::Context ctx;
  tsn::Series count = ctx.series("upgrade.count", {{"release", RELEASE}});
  long next = 0;

  void start() {
    if (std::string(DEFECT) == "start") throw std::runtime_error("no start today");
  }
  std::string save() { return std::to_string(next); }
  void load(std::string_view state) {
    if (std::string(DEFECT) == "load") throw std::runtime_error("what is " + std::string(state));
    next = std::stol(std::string(state));
  }
  tsn::Status poll(tsn::Batch& out) {
    out.push(tsn::now(), count, static_cast<double>(next++));
    return tsn::ok;
  }
};
TOCSIN_PLUGIN(Counter)
"""
DETECTOR = """
#include <tocsin/plugin.hpp>
#include <memory>
#include <stdexcept>

struct Picky {
  static constexpr auto id = "picky", version = RELEASE, doc = "Fires above ten; 2.0.0 refuses the rule second";
  struct Program {
    std::uint32_t column;
  };
  std::unique_ptr<Program> compile(const tsn::Rule& rule, tsn::Inputs& inputs) {
    if (RELEASE[0] == '2' && rule.name() == "second") throw std::runtime_error("not that one");
    return std::make_unique<Program>(Program{inputs.add({})});
  }
  tsn::Status evaluate(Program& program, const tsn::Rows& rows, tsn::Verdicts& out) {
    for (std::uint32_t row = 0; row < rows.size(); ++row) {
      const double value = rows.cell(row, program.column);
      value > 10 ? out.firing(row, value, 10) : out.ok(row, value, 10);
    }
    return tsn::ok;
  }
};
TOCSIN_PLUGIN(Picky)
"""
BUILD_LIST = """
cmake_minimum_required(VERSION 3.25)
project(upgraded LANGUAGES CXX)
find_package(TocsinSDK REQUIRED)
function(counter name release defect)
  tocsin_add_plugin(${name} counter.cpp NO_INSTALL)
  target_compile_definitions(${name}_objects PRIVATE RELEASE="${release}" DEFECT="${defect}")
endfunction()
counter(counter1 1.0.0 "")
counter(counter2 2.0.0 "")
counter(no_start 3.0.0 start)
counter(no_load 4.0.0 load)
foreach(release 1 2)
  tocsin_add_plugin(picky${release} picky.cpp NO_INSTALL)
  target_compile_definitions(picky${release}_objects PRIVATE RELEASE="${release}.0.0")
endforeach()
"""
HOOK = """
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
FOR = """
[source.http]
[rules]
paths = ["rules.d/*.lua"]
[[rule]]
name = "held"
severity = "HIGH"
signal = "held.value"
by = ["n"]
op = ">"
threshold = 10
for = "3s"
"""
PICKY = """
[source.http]
[[rule]]
name = "first"
detector = "picky"
severity = "HIGH"
signal = "held.value"
[[rule]]
name = "second"
detector = "picky"
severity = "HIGH"
signal = "held.value"
"""
LUA = """
rule "scripted" {
  severity = "HIGH",
  signals = { v = "held.value" },
  by = { "n" },
  ["for"] = "3s",
  check = function(s)
    local v = s.v:last()
    if not v then return NO_DATA end
    return v > 10
  end,
}
"""


class Upgrade(Case):
    @classmethod
    def setUpClass(cls):
        cls.outside = plugin_drop_test.build_outside({"counter.cpp": COUNTER, "picky.cpp": DETECTOR, "CMakeLists.txt": BUILD_LIST})
        cls.addClassCleanup(shutil.rmtree, cls.outside, ignore_errors=True)
        cls.built = cls.outside / "build"

    def line(self, agent, instance):
        return next((p for p in agent.items("/api/v1/plugins") if p["instance"] == instance), None)

    def another_build(self, agent, name, number):
        """The bundled plugin once more with other bytes behind its end: mapped as a library of its own."""
        part = agent.plugins / (name + ".part")
        part.write_bytes((BUILD / "plugins" / (name + ".so")).read_bytes() + bytes([number]) * 8)
        os.chmod(part, 0o644)
        os.rename(part, agent.plugins / (name + ".so"))

    def exchange(self, agent, name, instance, number):
        before = self.line(agent, instance)["upgrades"]
        self.another_build(agent, name, number)
        until(lambda: self.line(agent, instance)["upgrades"] == before + 1, 10, f"upgrade {number} of {instance}")

    def counts(self, agent, since):
        return sorted(int(p["value"]) for p in points(agent, "upgrade.count", since))

    def test_a_source_hands_its_count_on_and_loses_nothing(self):
        self.source_hands_on("process")

    def test_a_source_inside_the_agent_does_too(self):
        self.source_hands_on("none")

    def source_hands_on(self, isolation):
        agent = self.agent(f'[source.http]\nisolation = "{isolation}"\n[source.counter]\nevery = "10ms"\nisolation = "{isolation}"\n').start()
        since = now() - 1
        drop(self.built / "counter1.so", agent.plugins / "counter.so")
        until(lambda: self.counts(agent, since), what="a count")
        with Traffic(agent) as traffic:
            for i in range(6):
                before = self.line(agent, "source.counter")["upgrades"]
                drop(self.built / f"counter{2 - i % 2}.so", agent.plugins / "counter.so")
                until(lambda: self.line(agent, "source.counter")["upgrades"] == before + 1, what=f"upgrade {i}")
                self.exchange(agent, "http", "source.http", i)
        self.assertEqual(traffic.refused, [])
        until(lambda: len(traffic.kept()) >= len(traffic.accepted), what="every accepted signal in the history")
        self.assertEqual(traffic.kept(), sorted(traffic.accepted), "accepted signals, each once")
        self.assertEqual(self.line(agent, "source.http")["signals"], len(traffic.accepted), "counters go on")
        self.assertEqual(self.line(agent, "source.counter")["isolated"], isolation == "process")
        counts = self.counts(agent, since)
        self.assertEqual(counts, list(range(counts[0], counts[0] + len(counts))), "counts, each once")
        print(f"{len(traffic.accepted)} signals pushed and {len(counts)} counted over 6 upgrades each", flush=True)

    def test_a_successor_that_cannot_take_over_leaves_the_old_one_serving(self):
        agent = self.agent('[source.http]\n[source.counter]\nevery = "10ms"\n').start()
        since = now() - 1
        target = agent.plugins / "counter.so"
        drop(self.built / "counter1.so", target)
        until(lambda: self.counts(agent, since), what="a count")
        garbage = agent.dir / "garbage"
        garbage.write_bytes(b"\x7fELF and then nothing")
        missing = agent.dir / "half"
        missing.write_bytes((self.built / "counter2.so").read_bytes()[:6000])
        for library, reason in ((self.built / "no_start.so", "no start today"), (self.built / "no_load.so", "what is "), (garbage, "ELF"), (missing, "counter.so")):
            failed = self.line(agent, "source.counter")["upgrades_failed"]
            drop(library, target)
            until(lambda: self.line(agent, "source.counter")["upgrades_failed"] == failed + 1, what=f"refusal of {library}")
            line = self.line(agent, "source.counter")
            self.assertEqual((line["state"], line["version"]), ("running", "1.0.0"))
            self.assertIn(reason, line["error"])
            self.assertIn("the running one is kept", line["error"])
            self.assertIn(reason, agent.text())
            so_far = len(self.counts(agent, since))
            until(lambda: len(self.counts(agent, since)) > so_far, what="more counts of the old one")
        self.assertIn('tocsin_plugin_upgrades_failed_total{instance="source.counter",plugin="counter"} 4', agent.get("/metrics").body.decode())
        drop(self.built / "counter2.so", target)
        until(lambda: self.line(agent, "source.counter")["version"] == "2.0.0", what="a successor that can")
        self.assertEqual(self.line(agent, "source.counter")["error"], "")
        until(lambda: points(agent, "upgrade.count", since, release="2.0.0"), what="a count of 2.0.0")
        counts = self.counts(agent, since)
        self.assertEqual(counts, list(range(counts[0], counts[0] + len(counts))), "counts, each once")

    def test_a_notifier_ends_its_deliveries_and_new_ones_go_to_the_successor(self):
        slow = threading.Event()
        entered = threading.Event()

        def answer(request):
            if request["path"] == "/hook" and b'"SLOW"' in request["body"]:
                entered.set()
                slow.wait(8)
            return 200, {}, b""
        hook = self.hook(answer)
        agent = self.agent(HOOK % hook.url).start()
        agent.push([signal_of("etl.run", loader="SLOW", status="FAILED")])
        self.assertTrue(entered.wait(20), "the slow delivery has begun")
        self.exchange(agent, "webhook", "notifier.hook", 1)
        for i in range(20):
            agent.push([signal_of("etl.run", loader=f"L{i}", status="FAILED")])
        until(lambda: len(hook.json_bodies()) == 21, what="the deliveries of the successor, while the old one still waits")
        slow.set()
        until(lambda: self.line(agent, "notifier.hook")["functions"] and agent.get("/metrics").status == 200 and
              any(f["name"] == "stop" for f in self.line(agent, "notifier.hook")["functions"]), what="the old one's end")
        log = agent.items("/api/v1/notifications/log")
        self.assertEqual(sorted(e["status"] for e in log), ["SENT"] * 21)
        self.assertEqual(len(hook.json_bodies()), 21, "no message came twice")

    def test_detectors_keep_windows_and_the_time_of_a_for(self):
        agent = self.agent(FOR, files={"rules.d/held.lua": LUA}).start()
        begin = time.time()
        agent.push([signal_of("held.value", value=20, n=str(n)) for n in range(20)])
        until(lambda: len(self.alerts(agent, "pending")) == 40, what="40 alerts pending")
        active = {a["id"]: a["active_at"] for a in self.alerts(agent, "pending")}
        for i, name in enumerate(("threshold", "lua", "threshold", "lua")):
            self.exchange(agent, name, "detector." + name, i)
        self.assertLess(time.time(), begin + 3, "all upgrades fell into the `for`")
        until(lambda: len(self.alerts(agent, "firing")) == 40, what="40 alerts firing")
        self.assertGreater(time.time(), begin + 2.9)
        self.assertEqual({a["id"]: a["active_at"] for a in self.alerts(agent, "firing")}, active, "each fired for what it waited for")
        self.exchange(agent, "threshold", "detector.threshold", 9)
        agent.push([signal_of("held.value", value=1, n=str(n)) for n in range(20)])
        until(lambda: not self.alerts(agent, "firing"), what="the end of all")
        for rule in agent.items("/api/v1/rules"):
            if rule["name"] in ("held", "scripted"):
                self.assertEqual((rule["failures"], rule["health"]), (0, "ok"), rule)

    def alerts(self, agent, state):
        return [a for a in agent.items("/api/v1/alerts") if a["state"] == state and a["rule"] in ("held", "scripted")]

    def test_a_detector_that_cannot_judge_one_rule_is_kept_with_all_of_them(self):
        self.picky_is_kept("process")

    def test_a_detector_inside_the_agent_is_kept_too(self):
        self.picky_is_kept("none")

    def picky_is_kept(self, isolation):
        agent = self.agent(PICKY + f'\n[plugin.picky]\nisolation = "{isolation}"\n')
        target = agent.plugins / "picky.so"
        drop(self.built / "picky1.so", target)
        agent.start()
        until(lambda: self.line(agent, "detector.picky"), what="the detector in use")
        agent.push([signal_of("held.value", value=20, n="1")])
        until(lambda: len(self.firing(agent)) == 2, 20, "both alerts")
        drop(self.built / "picky2.so", target)
        until(lambda: self.line(agent, "detector.picky")["upgrades_failed"] == 1, what="its refusal")
        line = self.line(agent, "detector.picky")
        self.assertEqual((line["state"], line["version"]), ("running", "1.0.0"))
        self.assertRegex(line["error"], "rule second.*not that one.*kept for all of its rules")
        target.with_suffix(".part").write_bytes((self.built / "picky1.so").read_bytes()[:5000])
        os.rename(target.with_suffix(".part"), target)
        until(lambda: self.line(agent, "detector.picky")["upgrades_failed"] == 2, what="the refusal of half a file")
        self.assertEqual(len(self.firing(agent)), 2, "nothing resolved")
        agent.push([signal_of("held.value", value=1, n="1")])
        until(lambda: not self.firing(agent), what="the end of both: the old one judges on")

    def firing(self, agent):
        return [a for a in agent.items("/api/v1/alerts") if a["state"] == "firing" and a["rule"] in ("first", "second")]


class Tracker(jira_test.World):
    def test_a_tracker_is_exchanged_and_every_change_goes_to_the_one_issue(self):
        jira = self.begin()
        number = self.break_loader()
        self.ticket()
        for i in range(2):
            Upgrade.exchange(self, self.a, "jira", "tracker.jira", i)
            self.a.cli("incident", "note", number, f"note {i}", check=0)
        until(lambda: len(jira.issues["OPS-1"]["comments"]) >= 2, what="comments")
        self.a.cli("incident", "resolve", number, "--notes", "made room", check=0)
        until(lambda: jira.status() == "Done", what="resolved in Jira")
        self.assertEqual(list(jira.issues), ["OPS-1"])
        self.assertEqual(len(jira.sent("POST", "/issue")), 1)

    line, another_build = Upgrade.line, Upgrade.another_build


if __name__ == "__main__":
    main()
