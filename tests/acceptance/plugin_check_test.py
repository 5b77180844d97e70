#!/usr/bin/env python3
"""`tocsin plugin check` on the real binary: what holds, what does not, and that options of a configuration reach the plugin."""
import json
import shutil
import tempfile
from pathlib import Path

from world import BUILD, Case, main, tocsin

HOLDS, BROKEN, USAGE = 0, 1, 2
ZOO = BUILD / "tests" / "zoo"


class PluginCheck(Case):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-check-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def check(self, file, *args, code, config=None):
        if config:
            (self.dir / "sample.toml").write_text(config)
            args = (*args, "--config", self.dir / "sample.toml")
        done = tocsin("plugin", "check", file, "--json", *args, cwd=self.dir)
        self.assertEqual(done.returncode, code, f"{done.stdout}\n{done.stderr}")
        return json.loads(done.stdout) if code != USAGE else done.stderr

    def test_a_sound_plugin_holds(self):
        result = self.check(ZOO / "well_behaved.so", code=HOLDS)
        self.assertTrue(result["holds"])
        self.assertEqual(result["findings"], [])
        self.assertGreater(len(result["checks"]), 10)

    def test_a_finding_says_where_what_why_and_what_to_do(self):
        finding = self.check(ZOO / "completes_twice.so", code=BROKEN)["findings"][0]
        self.assertEqual(finding["defect"], "completes_twice")
        for key in ("where", "what", "why", "remedy"):
            self.assertTrue(finding[key], key)

    def test_a_crash_is_found_in_whatever_call_it_happens(self):
        kinds = {"create": "source", "start": "source", "stop": "source", "destroy": "source", "pull": "source", "timer": "source",
                 "deliver": "notifier", "compile": "detector", "evaluate": "detector"}
        for phase, kind in kinds.items():
            with self.subTest(phase):
                plugin = "crash_segv" if kind == "source" else f"crash_segv_{kind}"
                all_kinds = {"crash_segv": "source", "crash_segv_notifier": "notifier", "crash_segv_detector": "detector"}
                quiet = [(k, p) for p, k in all_kinds.items() if p != plugin]
                config = f'[{kind}.x]\nplugin = "{plugin}"\nwhen = "{phase}"\nevery = "1s"\n'
                config += "".join(f'[{k}.q{i}]\nplugin = "{p}"\nwhen = "start"\nafter = 1000000\n' for i, (k, p) in enumerate(quiet))
                findings = self.check(ZOO / "crash_segv.so", code=BROKEN, config=config)["findings"]
                self.assertIn("crash_segv", {f["defect"] for f in findings})
                self.assertTrue(any(f["where"] == f"{plugin}: {phase}()" for f in findings if f["defect"] == "crash_segv"), findings)

    def test_an_exception_is_found_in_whatever_call_it_crosses(self):
        for phase in ("create", "start", "stop", "destroy", "pull", "timer", "handle"):
            with self.subTest(phase):
                config = f'[source.x]\nplugin = "throws"\nwhen = "{phase}"\n'
                findings = self.check(ZOO / "throws.so", code=BROKEN, config=config)["findings"]
                self.assertTrue(any(f["defect"] == "throws" and f["where"].startswith("throws: ") for f in findings), findings)

    def test_the_ceiling_of_glibc_can_be_moved(self):
        self.assertNotIn("newer_glibc", {f["defect"] for f in self.check(ZOO / "newer_glibc.so", "--glibc", "2.99", code=BROKEN)["findings"]})
        self.assertEqual({f["defect"] for f in self.check(ZOO / "well_behaved.so", "--glibc", "2.1", code=BROKEN)["findings"]}, {"newer_glibc"})

    def test_what_is_no_plugin_is_said(self):
        self.assertIn("nowhere.so", self.check("/nowhere.so", code=USAGE))
        text = self.dir / "text.so"
        text.write_text("no library")
        self.assertEqual(self.check(text, code=BROKEN)["findings"][0]["defect"], "not_a_plugin")
        self.assertIn("sample.toml", self.check(ZOO / "well_behaved.so", code=USAGE, config="when = \n"))


if __name__ == "__main__":
    main()
