#!/usr/bin/env python3
"""The command line on the real binary: exit codes, JSON on every reader, and what an operator does in a day."""
import json
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from world import BUILD, TOCSIN, Case, free_port, main, now, signal_of, tocsin, until

DONE, NO, USAGE, UNREACHABLE = 0, 1, 2, 3
CONFIG = """
[source.http]
[notifier.terminal]
stream = "stdout"
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
notify = ["hook"]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
aggregate = "count"
over = "5m"
op = ">="
threshold = 1
message = "{{loader}} failed {{value}} times"
"""
READERS = (("status",), ("series",), ("signal", "query", "etl.run"), ("rule", "list"), ("rule", "show", "loader_failed"), ("alert", "list"),
           ("alert", "history"), ("incident", "list"), ("notify", "log"), ("dead-letter", "list"), ("jira", "list"), ("plugin", "list"),
           ("plugin", "list", "--offline"), ("version",))


class Alone(Case):
    """Commands that need no agent."""

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-cli-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def run_it(self, *args, code, **kw):
        done = tocsin(*args, cwd=self.dir, **kw)
        self.assertEqual(done.returncode, code, f"tocsin {' '.join(map(str, args))}\n{done.stdout}\n{done.stderr}")
        return done

    def test_wrong_usage_is_two_and_says_what_is_wrong(self):
        for args, says in ((("frobnicate",), "frobnicate"), (("incidents",), 'did you mean "incident"'), (("rule", "lst"), 'did you mean "list"'),
                           ((), "subcommand"), (("incident", "show"), "incident"), (("replay",), "files"), (("status", "--frob"), "--frob"),
                           (("check", "--config", "/nowhere/agent.toml"), "/nowhere/agent.toml"), (("plugin", "new", "sorce", "x"), '"source"'),
                           (("plugin", "new", "source", "Bad-Name"), "Bad-Name"), (("demo", "--for", "soon"), "soon"), (("demo", "--for", "1s"), "5s"),
                           (("signal", "push"), "name"), (("signal", "push", "x", "1", "-l", "nolabel"), "nolabel")):
            with self.subTest(args):
                done = self.run_it(*args, code=USAGE)
                self.assertIn(says, done.stderr)
                self.assertEqual(done.stdout, "")

    def test_help_is_no_error_and_names_the_exit_codes(self):
        for args in (("--help",), ("incident", "--help"), ("plugin", "new", "--help"), ("--version",)):
            self.assertTrue(self.run_it(*args, code=DONE).stdout)
        self.assertIn("Exit codes", self.run_it("--help", code=DONE).stdout)

    def test_an_unreachable_agent_is_three_and_names_the_address(self):
        url = f"http://127.0.0.1:{free_port()}"
        for args in (("status",), ("incident", "list"), ("signal", "push", "x", "1"), ("reload",), ("notify", "test", "hook"), ("plugin", "list")):
            self.assertIn(url, self.run_it(*args, "--url", url, code=UNREACHABLE).stderr)
        self.assertIn(url, self.run_it("status", env={"TOCSIN_URL": url}, code=UNREACHABLE).stderr)

    def test_init_writes_what_check_accepts_and_run_starts_with(self):
        self.run_it("init", "fresh", code=DONE)
        config = self.dir / "fresh" / "agent.toml"
        self.assertTrue(json.loads(self.run_it("check", "--config", config, "--json", code=DONE).stdout)["ok"])
        self.assertIn("there already", self.run_it("init", "fresh", code=NO).stderr)
        agent = self.agent()
        text = config.read_text()
        self.assertIn('listen = "127.0.0.1:7676"', text)
        self.assertIn("[agent]\n", text)
        agent.config.write_text(text.replace("127.0.0.1:7676", f"127.0.0.1:{agent.port}").replace("[agent]\n", f'[agent]\ndata_dir = "{agent.dir}/data"\n'))
        agent.start()
        running = {p["instance"] for p in agent.items("/api/v1/plugins") if p["state"] == "running"}
        self.assertLessEqual({"source.host", "source.http", "notifier.terminal"}, running)
        self.assertEqual(agent.stop(), 0)

    def test_the_embedded_default_is_a_configuration(self):
        text = self.run_it("config", "default", code=DONE).stdout
        (self.dir / "agent.toml").write_text(text)
        self.run_it("check", "--config", self.dir / "agent.toml", code=DONE)
        self.assertIn("data_dir", self.run_it("config", "reference", code=DONE).stdout)

    def test_plugin_new_writes_the_files_of_every_kind(self):
        for kind in ("source", "detector", "notifier", "tracker"):
            out = self.run_it("plugin", "new", kind, f"my_{kind}", code=DONE).stdout
            folder = self.dir / f"my_{kind}"
            files = {p.name for p in folder.rglob("*") if p.is_file()}
            self.assertEqual(files, {"CMakeLists.txt", f"my_{kind}.cpp", f"my_{kind}_test.cpp", "README.md", "config.example.toml"})
            self.assertIn(f"tocsin_add_plugin(my_{kind}", (folder / "CMakeLists.txt").read_text())
            self.assertIn("TOCSIN_PLUGIN(", (folder / f"my_{kind}.cpp").read_text())
            self.assertIn("cmake", out)
            self.assertIn("there already", self.run_it("plugin", "new", kind, f"my_{kind}", code=NO).stderr)

    def test_plugins_are_inspected_documented_and_listed_without_running(self):
        path = BUILD / "plugins" / "generator.so"
        told = json.loads(self.run_it("plugin", "inspect", path, "--json", code=DONE).stdout)
        self.assertEqual((told["abi"], told["types"][0]["id"], told["types"][0]["kind"]), (1, "generator", "source"))
        self.assertIn("ABI 1", self.run_it("plugin", "inspect", path, code=DONE).stdout)
        self.assertIn("not an ELF file", self.run_it("plugin", "inspect", "/etc/passwd", code=NO).stderr)
        doc = self.run_it("plugin", "doc", "webhook", code=DONE).stdout
        for part in ("## Options", "`url`", "## Sample", "[notifier.webhook]"):
            self.assertIn(part, doc)
        self.assertIn('did you mean "webhook"', self.run_it("plugin", "doc", "webhok", code=NO).stderr)
        listed = {p["id"] for p in json.loads(self.run_it("plugin", "list", "--offline", "--json", code=DONE).stdout)}
        self.assertLessEqual({"http", "host", "generator", "threshold", "terminal", "webhook"}, listed)


class Asking(Case):
    """Commands that ask a running agent."""

    def setUp(self):
        self.broken = True
        self.receiver = self.hook(lambda request: (400, {}, b"no such room") if self.broken else (200, {}, b""))
        self.a = self.agent(CONFIG % self.receiver.url)

    def fail_loader(self, loader):
        self.a.cli("signal", "push", "etl.run", 1, "-l", f"loader={loader}", "-l", "status=FAILED", check=DONE)
        return until(lambda: [i for i in self.a.incidents() if loader in i["title"]], what="incident")[0]

    def test_every_reader_answers_in_json_and_in_words(self):
        self.a.start()
        self.fail_loader("READ")
        for args in READERS:
            with self.subTest(args):
                where = ("--config", self.a.config) if "--offline" in args else ()
                json.loads(self.a.cli(*args, *where, "--json", check=DONE).stdout)
                self.assertTrue(self.a.cli(*args, *where, check=DONE).stdout)
        number = self.a.incidents()[0]["number"]
        self.assertEqual(json.loads(self.a.cli("incident", "show", number, "--json", check=DONE).stdout)["number"], number)

    def test_what_the_agent_refuses_is_one_with_its_reason(self):
        self.a.start()
        for args, says in ((("incident", "show", 999999), "999999"), (("incident", "ack", 999999), "999999"), (("rule", "show", "nope"), "nope"),
                           (("notify", "test", "hok"), 'did you mean "hook"'), (("dead-letter", "replay", 424242), "424242"),
                           (("dead-letter", "show", 424242), "424242"), (("incident", "create", "x", "--severity", "LOUD"), "LOUD")):
            with self.subTest(args):
                self.assertIn(says, self.a.cli(*args, check=NO).stderr)

    def test_signals_are_pushed_and_queried(self):
        self.a.start()
        self.assertIn("accepted 1", self.a.cli("signal", "push", "etl.rows", 12.5, "-l", "loader=Q", check=DONE).stdout)
        body = json.dumps({"signals": [signal_of("etl.rows", value=v, loader="Q") for v in (1, 2)]})
        self.assertEqual(json.loads(self.a.cli("signal", "push", "--file", "-", "--json", input=body, check=DONE).stdout)["accepted"], 2)
        found = json.loads(self.a.cli("signal", "query", "etl.rows", "--match", 'loader="Q"', "--json", check=DONE).stdout)
        series = found.get("series", [found])
        self.assertEqual(sorted(p["value"] for s in series for p in s["dataPoints"]), [1, 2, 12.5])
        self.assertIn("12.5", self.a.cli("signal", "query", "etl.rows", check=DONE).stdout)
        bad = self.a.cli("signal", "push", "--file", "-", input=json.dumps({"signals": [signal_of("etl.rows", ts=now() + 3600), signal_of("etl.rows")]}), check=NO)
        self.assertIn("accepted 1", bad.stdout)
        self.assertIn("future", bad.stdout)
        self.assertIn("etl.rows", self.a.cli("series", "etl.*", "--labels", check=DONE).stdout)

    def test_an_incident_is_opened_by_hand(self):
        self.a.start()
        made = json.loads(self.a.cli("incident", "create", "The vault door is open", "--severity", "CRITICAL", "--service", "vault",
                                     "--description", "seen by the guard", "--json", check=DONE).stdout)
        shown = self.a.cli("incident", "show", made["number"], check=DONE).stdout
        for part in ("The vault door is open", "CRITICAL", "vault", "seen by the guard"):
            self.assertIn(part, shown)
        self.assertIn("The vault door is open", self.a.cli("incident", "list", "--severity", "CRITICAL", "-q", "vault", check=DONE).stdout)
        self.assertNotIn("The vault door is open", self.a.cli("incident", "list", "--status", "CLOSED", check=DONE).stdout)

    def test_a_trial_message_reaches_the_terminal(self):
        self.a.start()
        self.assertIn("SENT", self.a.cli("notify", "test", "terminal", check=DONE).stdout)
        until(lambda: "Trial message from Tocsin" in self.a.log.read_text(errors="replace"), what="the message on the agent's output")
        refused = self.a.cli("notify", "test", "hook", check=NO)
        self.assertIn("FAILED", refused.stdout)
        self.assertIn("400", refused.stdout)

    def test_a_dead_letter_is_seen_and_delivered_once_mended(self):
        self.a.start()
        self.fail_loader("LOST")
        letter = until(lambda: json.loads(self.a.cli("dead-letter", "list", "--json", check=DONE).stdout), what="dead letter")[0]
        self.assertIn("400", letter["cause"])
        self.assertIn("400", self.a.cli("dead-letter", "show", letter["id"], check=DONE).stdout)
        tried = len(self.receiver.requests)
        self.broken = False
        self.a.cli("dead-letter", "replay", letter["id"], check=DONE)
        until(lambda: len(self.receiver.requests) > tried, what="the replayed message")
        self.assertEqual(self.receiver.json_bodies()[-1]["alerts"][0]["labels"]["loader"], "LOST")
        until(lambda: json.loads(self.a.cli("dead-letter", "list", "--json", check=DONE).stdout) == [], what="no dead letter left")
        until(lambda: any(row["status"] == "SENT" for row in self.a.items("/api/v1/notifications/log")), what="its row in the log")

    def test_sighup_reloads_and_sigterm_ends_with_zero(self):
        self.a.start()
        self.a.write_config((CONFIG % self.receiver.url).replace("loader_failed", "loader_broke"))
        self.a.process.send_signal(signal.SIGHUP)
        until(lambda: "loader_broke" in self.a.cli("rule", "list", check=DONE).stdout, what="the new rule")
        self.a.write_config("[nonsense]\nx = 1\n")
        self.a.process.send_signal(signal.SIGHUP)
        until(lambda: "nothing was changed" in self.a.log.read_text(errors="replace"), what="the refused reload in the log")
        self.assertIn("loader_broke", self.a.cli("rule", "list", check=DONE).stdout)
        self.assertIsNone(self.a.process.poll())
        self.assertEqual(self.a.stop(), 0)

    def test_sigint_ends_with_zero(self):
        self.a.start()
        self.a.process.send_signal(signal.SIGINT)
        self.assertEqual(self.a.process.wait(20), 0)

    def test_a_second_agent_on_the_same_data_is_refused(self):
        self.a.start()
        second = self.a.dir / "second.toml"
        second.write_text(self.a.config.read_text().replace(f"127.0.0.1:{self.a.port}", f"127.0.0.1:{free_port()}"))
        done = subprocess.run([TOCSIN, "run", "--config", second], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, NO)
        self.assertIn("another agent is running on", done.stderr)
        self.assertIn(str(self.a.dir / "data"), done.stderr)
        self.assertEqual(self.a.get("/readyz").status, 200)

    def test_a_taken_port_is_named(self):
        self.a.start()
        other = self.agent()
        other.config.write_text(other.config.read_text().replace(f"127.0.0.1:{other.port}", f"127.0.0.1:{self.a.port}"))
        done = subprocess.run([TOCSIN, "run", "--config", other.config], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, NO)
        self.assertIn(str(self.a.port), done.stderr)

    def test_promtool_accepts_the_metrics(self):
        promtool = shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool is not installed")
        self.a.start()
        self.fail_loader("METRICS")
        until(lambda: self.a.items("/api/v1/dead-letters"), what="an ended delivery")
        self.a.get("/nowhere")
        text = self.a.get("/metrics").body
        done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr.decode()), (0, ""))


if __name__ == "__main__":
    main()
