#!/usr/bin/env python3
"""`tocsin alertmanager` and `tocsin import` on the real binary: flags, exit codes, signals, reloads; and beside the real
Alertmanager where it is installed: what it refuses is refused, what it takes is taken."""
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from world import SOURCE, TOCSIN, Case, call, free_port, main, tocsin, until

GOOD = """route: {receiver: hook, group_wait: 0s}
receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:%d/'}]}]
"""
SHOP = SOURCE / "host/app/alertmanager/testdata/shop.yml"
WRONG = {
    "unknown key": "route: {receiver: a}\nreceivers: [{name: a}]\nrecievers: []\n",
    "undefined receiver": "route: {receiver: b}\nreceivers: [{name: a}]\n",
    "two receivers of a name": "route: {receiver: a}\nreceivers: [{name: a}, {name: a}]\n",
    "root with matchers": "route: {receiver: a, matchers: [a=b]}\nreceivers: [{name: a}]\n",
    "root with continue": "route: {receiver: a, continue: true}\nreceivers: [{name: a}]\n",
    "root without receiver": "route: {group_by: [a]}\nreceivers: [{name: a}]\n",
    "no route": "receivers: [{name: a}]\n",
    "empty": "",
    "duration": "route: {receiver: a, group_wait: 5}\nreceivers: [{name: a}]\n",
    "zero interval": "route: {receiver: a, group_interval: 0s}\nreceivers: [{name: a}]\n",
    "group_by twice": "route: {receiver: a, group_by: [x, x]}\nreceivers: [{name: a}]\n",
    "group_by all and more": "route: {receiver: a, group_by: ['...', x]}\nreceivers: [{name: a}]\n",
    "matcher": "route: {receiver: a, routes: [{matchers: ['a']}]}\nreceivers: [{name: a}]\n",
    "regular expression": "route: {receiver: a, routes: [{match_re: {a: '('}}]}\nreceivers: [{name: a}]\n",
    "label name": "route: {receiver: a, routes: [{match: {a-b: c}}]}\nreceivers: [{name: a}]\n",
    "undefined interval": "route: {receiver: a, routes: [{mute_time_intervals: [x]}]}\nreceivers: [{name: a}]\n",
    "interval twice": "route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: x}, {name: x}]\n",
    "times": "route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: x, time_intervals: [{times: [{start_time: '9:00', end_time: '10:00'}]}]}]\n",
    "weekday": "route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: x, time_intervals: [{weekdays: [funday]}]}]\n",
    "days of the month": "route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: x, time_intervals: [{days_of_month: ['5:1']}]}]\n",
    "zone": "route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: x, time_intervals: [{location: No/Where}]}]\n",
    "webhook without url": "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{send_resolved: true}]}]\n",
    "webhook scheme": "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'ftp://x/'}]}]\n",
    "mail without smarthost": "route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: a@b, from: c@d}]}]\n",
    "slack without url": "route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{channel: x}]}]\n",
    "slack with two urls": "route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{api_url: 'http://x/', api_url_file: /x}]}]\n",
    "pagerduty without key": "route: {receiver: a}\nreceivers: [{name: a, pagerduty_configs: [{}]}]\n",
    "opsgenie without key": "route: {receiver: a}\nreceivers: [{name: a, opsgenie_configs: [{}]}]\n",
    "victorops without routing key": "route: {receiver: a}\nreceivers: [{name: a, victorops_configs: [{api_key: x}]}]\n",
    "pushover without token": "route: {receiver: a}\nreceivers: [{name: a, pushover_configs: [{user_key: x}]}]\n",
    "telegram without chat": "route: {receiver: a}\nreceivers: [{name: a, telegram_configs: [{bot_token: x}]}]\n",
    "webex without authorization": "route: {receiver: a}\nreceivers: [{name: a, webex_configs: [{room_id: x}]}]\n",
    "sns without target": "route: {receiver: a}\nreceivers: [{name: a, sns_configs: [{sigv4: {region: x}}]}]\n",
    "both password and file": "global: {smtp_auth_password: x, smtp_auth_password_file: y}\nroute: {receiver: a}\nreceivers: [{name: a}]\n",
    "port": "global: {smtp_smarthost: mail}\nroute: {receiver: a}\nreceivers: [{name: a}]\n",
    "flag": "global: {smtp_require_tls: maybe}\nroute: {receiver: a}\nreceivers: [{name: a}]\n",
    "key twice": "route: {receiver: a}\nroute: {receiver: a}\nreceivers: [{name: a}]\n",
    "two ways to authenticate": "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x/', http_config: {bearer_token: x, bearer_token_file: y}}]}]\n",
}
RIGHT = {
    "least": "route: {receiver: a}\nreceivers: [{name: a}]\n",
    "nulls": "global:\nroute: {receiver: a, routes: }\nreceivers: [{name: a, webhook_configs: }]\n",
    "anchors": "route: {receiver: a, routes: [&r {match: {a: b}}, {<<: *r, continue: true}]}\nreceivers: [{name: a}]\n",
    "numbers for texts": "route: {receiver: 1, routes: [{match: {a: 5, b: true}}]}\nreceivers: [{name: 1}]\n",
    "yes and no": "global: {smtp_require_tls: no}\nroute: {receiver: a, routes: [{continue: yes}]}\nreceivers: [{name: a}]\n",
    "a list of matchers in one": "route: {receiver: a, routes: [{matchers: ['{a=b, c=~\"d,e\"}']}]}\nreceivers: [{name: a}]\n",
    "months by name": "route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals: [{name: x, time_intervals: [{months: ['january:march', 5], years: [2024]}]}]\n",
}


class Folder(Case):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-am-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def write(self, text, name="alertmanager.yml"):
        (self.dir / name).write_text(text)
        return self.dir / name


class Import(Folder):
    def test_what_is_imported_passes_check_and_keeps_its_secrets_apart(self):
        done = tocsin("import", SHOP, "-o", self.dir / "agent.toml")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("opsgenie", done.stderr)
        checked = tocsin("check", "--config", self.dir / "agent.toml")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        text = (self.dir / "agent.toml").read_text()
        for secret in ("s3cret", "p4ss", "t0ken", "T0/B0/xyz"):
            self.assertNotIn(secret, text)
        for file in (self.dir / "secrets").iterdir():
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file)
        self.assertEqual((self.dir / "secrets/payments-webhook-1-token").read_text(), "t0ken\n")

    def test_it_overwrites_nothing(self):
        (self.dir / "agent.toml").write_text("mine")
        self.assertEqual(tocsin("import", SHOP, "-o", self.dir / "agent.toml").returncode, 1)
        self.assertEqual((self.dir / "agent.toml").read_text(), "mine")

    def test_without_a_file_it_prints_and_says_where_secrets_belong(self):
        done = tocsin("import", SHOP, cwd=self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("[route]", done.stdout)
        self.assertIn("secrets/slack-api-url", done.stderr)
        self.assertFalse((self.dir / "secrets").exists())

    def test_a_file_with_errors_gives_nothing(self):
        done = tocsin("import", self.write(WRONG["undefined receiver"]), "-o", self.dir / "agent.toml")
        self.assertEqual(done.returncode, 1)
        self.assertIn('alertmanager.yml:1:19: error: route: receiver: there is no receiver "b"', done.stderr)
        self.assertFalse((self.dir / "agent.toml").exists())


class Daemon(Folder):
    """The program as a unit file starts it."""

    def launch(self, *flags, program=TOCSIN, lead=("alertmanager",), config=None, wait=True):
        self.port = free_port()
        config = config or self.write(GOOD % self.port)
        self.log = open(self.dir / "log", "w+")
        self.addCleanup(self.log.close)
        self.process = subprocess.Popen([program, *lead, "--config.file", config, f"--web.listen-address=127.0.0.1:{self.port}", "--storage.path",
                                         self.dir / "data", "--cluster.listen-address=", *flags], stdout=self.log, stderr=self.log, cwd=self.dir)
        self.addCleanup(self.end)
        if wait:
            until(self.ready, 20, "ready")

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"it ended with {self.process.returncode}:\n{self.text()}")
        try:
            return call("GET", f"http://127.0.0.1:{self.port}/readyz", timeout=2).status == 200
        except OSError:
            return False

    def text(self):
        return (self.dir / "log").read_text(errors="replace")

    def test_sigterm_ends_it_with_zero(self):
        self.launch()
        self.process.terminate()
        self.assertEqual(self.process.wait(20), 0, self.text())

    def test_a_reload_takes_the_new_file_or_keeps_the_old_one(self):
        self.launch()
        self.write(WRONG["undefined receiver"])
        self.process.send_signal(signal.SIGHUP)
        until(lambda: "nothing was changed" in self.text(), 20, "refused reload")
        self.assertIn('there is no receiver', self.text())
        self.assertTrue(self.ready())
        self.write(GOOD % self.port + "templates: ['x.tmpl']\n")
        before = self.text().count("templates are not rendered")
        self.process.send_signal(signal.SIGHUP)
        until(lambda: self.text().count("templates are not rendered") > before, 20, "new file")

    def test_a_mistake_at_the_start_ends_it_with_one_and_its_place(self):
        self.launch(config=self.write(WRONG["unknown key"]), wait=False)
        self.assertEqual(self.process.wait(20), 1)
        self.assertIn('alertmanager.yml:3:1: error: unknown key "recievers"; did you mean "receivers"?', self.text())

    def test_a_file_that_is_not_there_ends_it_with_one(self):
        self.launch(config=self.dir / "absent.yml", wait=False)
        self.assertEqual(self.process.wait(20), 1)
        self.assertIn("absent.yml", self.text())

    def test_called_by_its_name_it_is_alertmanager(self):
        (self.dir / "prometheus-alertmanager").symlink_to(TOCSIN)
        self.launch(program=self.dir / "prometheus-alertmanager", lead=())
        self.process.terminate()
        self.assertEqual(self.process.wait(20), 0, self.text())

    def test_the_port_serves_under_a_prefix_and_on_every_address(self):
        second = free_port()
        self.launch(f"--web.listen-address=127.0.0.1:{second}")
        self.assertEqual(call("GET", f"http://127.0.0.1:{second}/readyz").status, 200)

    def test_flags_that_change_nothing_are_named(self):
        self.launch("--cluster.gossip-interval=1s", "--web.timeout=5s")
        self.assertIn("--cluster.gossip-interval changes nothing", self.text())


class Flags(Folder):
    def test_unknown_flags_end_it_with_one(self):
        for flags in (["--frobnicate"], ["--frobnicate=1"], ["stray"], ["--log.level=loud"], ["--data.retention=5d"], ["--web.external-url=am"]):
            with self.subTest(flags):
                done = tocsin("alertmanager", "--config.file=/nowhere.yml", "--storage.path", self.dir, *flags)
                self.assertEqual(done.returncode, 1, done.stderr)

    def test_version_and_help_end_it_with_zero(self):
        done = tocsin("alertmanager", "--version")
        self.assertEqual((done.returncode, done.stdout[:28]), (0, "alertmanager, version 0.25.0"))
        self.assertIn("--cluster.peer", tocsin("alertmanager", "--help").stdout)


@unittest.skipUnless(shutil.which("amtool") and shutil.which("prometheus-alertmanager"), "skipped: Alertmanager is not installed (package prometheus-alertmanager)")
class BesideAlertmanager(Folder):
    def takes(self, text):
        file = self.write(text)
        theirs = subprocess.run(["amtool", "check-config", file], capture_output=True, text=True)
        ours = tocsin("import", file)
        return theirs.returncode == 0, ours.returncode == 0, theirs.stdout + theirs.stderr + "\n--\n" + ours.stderr

    def test_what_it_refuses_is_refused(self):
        for name, text in WRONG.items():
            with self.subTest(name):
                theirs, ours, said = self.takes(text)
                self.assertEqual((theirs, ours), (False, False), said)

    def test_what_it_takes_is_taken(self):
        for name, text in {**RIGHT, "shop": SHOP.read_text()}.items():
            with self.subTest(name):
                theirs, ours, said = self.takes(text)
                self.assertEqual((theirs, ours), (True, True), said)

    def test_every_flag_of_its_help_is_taken(self):
        theirs = subprocess.run(["prometheus-alertmanager", "--help"], capture_output=True, text=True)
        named = set(re.findall(r"^ +(?:-\w, )?(--[\w.-]+)", theirs.stdout + theirs.stderr, re.M)) - {"--help-long", "--web.external-url."}
        self.assertGreater(len(named), 25)
        ours = tocsin("alertmanager", "--help").stdout
        for flag in sorted(named):
            with self.subTest(flag):
                self.assertIn(flag, ours)


if __name__ == "__main__":
    main()
