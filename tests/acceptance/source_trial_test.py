#!/usr/bin/env python3
"""`tocsin source test`: what each kind of source would bring, read once and kept nowhere."""
import json
import socket
import threading

from scrape_test import Pages, TEXT
from world import Case, free_port, main, signal_of

AUTH = """
[source.auth]
plugin = "logtail"
paths = ["{dir}/logs/*.log"]
exclude = ["*-old.log"]
timestamp = { format = "rfc3164", zone = "UTC" }
[[source.auth.match]]
signal = "auth.failure"
pattern = 'Failed password for (?<user>\\S+) from (?<client_ip>\\S+) port'
"""


def line(i, text="Failed password for root from 10.0.0.{} port 22"):
    return f"Jan  2 03:04:{i % 60:02} h sshd[1]: " + text.format(i % 3) + "\n"


class SourceTest(Case):
    def trial(self, config, instance, *args, code=0, files=None):
        a = self.agent(config, files=files)
        done = a.cli("--json", "source", "test", instance, "--config", a.config, *args)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_the_ends_of_log_files_are_matched_and_nothing_is_kept(self):
        files = {"logs/a.log": "".join(line(i, "noise") for i in range(500)) + "".join(line(i) for i in range(90)) + line(0, "noise") * 10,
                 "logs/b-old.log": line(1) * 50}
        a = self.agent(AUTH, files=files)
        done = a.cli("source", "test", "auth", "--config", a.config, "--lines", "100", check=0)
        self.assertIn("90 signals, 10 unmatched", done.stdout)
        self.assertIn("series it would make: 3", done.stdout)
        self.assertIn("Failed password for root from 10.0.0.1 port 22", done.stdout)
        self.assertFalse((a.dir / "data").exists(), "no agent's data was made")
        found = json.loads(a.cli("--json", "source", "test", "source.auth", "--config", a.config, "--lines", "100", check=0).stdout)
        self.assertTrue(found["ok"])
        self.assertEqual((found["signals"], found["unmatched"], found["series_total"]), (90, 10, 3))
        self.assertEqual([one["labels"]["client_ip"] for one in found["examples"]], ["10.0.0.0", "10.0.0.1", "10.0.0.2"])
        self.assertEqual(found["counters"]["lines_read"], 100)

    def test_patterns_that_fit_nothing_are_the_answer_no(self):
        found = self.trial(AUTH, "auth", code=1, files={"logs/a.log": line(0, "noise") * 5})
        self.assertEqual((found["ok"], found["signals"], found["unmatched"]), (False, 0, 5))

    def test_files_that_are_not_there_are_named(self):
        found = self.trial(AUTH, "auth", code=1)
        self.assertIn("/logs/*.log", found["errors"][0])

    def test_a_page_is_scraped_once(self):
        pages = Pages({"shop": (TEXT, 'queue{lane="a"} 3\nqueue{lane="b"} 4\n')})
        self.addCleanup(pages.close)
        found = self.trial(f'[source.shop]\nplugin = "scrape"\nurls = ["http://127.0.0.1:{pages.port}/shop"]\n', "shop")
        queues = [one for one in found["series"] if one["name"] == "queue"]
        self.assertEqual(len(queues), 2)
        self.assertTrue(any(text.startswith("ok: ") for text in found["report"]), found["report"])

    def test_a_server_that_is_not_there_is_an_error(self):
        found = self.trial(f'[source.shop]\nplugin = "scrape"\nurls = ["http://127.0.0.1:{free_port()}/x"]\n', "shop", code=1)
        self.assertIn("connect", found["errors"][0].lower())
        self.assertEqual(len(found["errors"]), len(set(found["errors"])))

    def test_with_wait_a_polled_source_is_asked_again(self):
        found = self.trial('[source.host]\nevery = "200ms"\n', "host", "--wait", "1s")
        self.assertIn("host.cpu.used_percent", [one["name"] for one in found["series"]], "a rate, which needs two readings")
        self.assertIn("host.memory.used_percent", [one["name"] for one in found["series"]])

    def test_a_push_source_says_where_to_send(self):
        found = self.trial('[source.remote_write]\nauth = { bearer = "file:t" }\n', "remote_write", files={"t": "secret-token"})
        self.assertEqual(found["send_to"], [f"POST {self.last_agent.url}/api/v1/write"])
        self.assertEqual(found["auth"], "bearer")
        self.assertNotIn("secret-token", json.dumps(found))

    def test_alertmanagers_api_says_where_to_send_too(self):
        found = self.trial("[source.alertmanager]\n[route]\n", "alertmanager")
        self.assertEqual((found["send_to"], found["auth"]), ([f"POST {self.last_agent.url}/api/v2/alerts"], None))
        self.trial("", "http")
        done = self.last_agent.cli("source", "test", "alertmanager", "--config", self.last_agent.config)
        self.assertEqual(done.returncode, 2, "it is not configured")

    def test_with_wait_a_listener_takes_what_is_sent(self):
        port = free_port()
        a = self.agent(f'[source.statsd]\nlisten = ["udp://127.0.0.1:{port}"]\nevery = "200ms"\n')
        stop = threading.Event()
        def send():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                while not stop.wait(0.05):
                    s.sendto(b"jobs:1|c\n", ("127.0.0.1", port))
        sender = threading.Thread(target=send)
        sender.start()
        self.addCleanup(sender.join)
        self.addCleanup(stop.set)
        done = a.cli("--json", "source", "test", "statsd", "--config", a.config, "--wait", "2s", check=0)
        found = json.loads(done.stdout)
        self.assertGreater(found["signals"], 0, found)
        self.assertIn("jobs", [one["name"] for one in found["series"]])

    def test_with_wait_what_is_pushed_over_http_is_watched_at_the_agent(self):
        a = self.agent("[source.http]\n").start()
        stop = threading.Event()
        def send():
            while not stop.wait(0.1):
                a.push([signal_of("etl.run", loader="X")])
        sender = threading.Thread(target=send)
        sender.start()
        self.addCleanup(sender.join)
        self.addCleanup(stop.set)
        found = json.loads(a.cli("--json", "source", "test", "http", "--config", a.config, "--wait", "2s", check=0).stdout)
        self.assertGreater(found["signals"], 0)
        self.assertEqual(found["series"][0]["labels"], {"loader": "X"})
        stop.set()
        a.stop()
        done = a.cli("source", "test", "http", "--config", a.config, "--wait", "1s")
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)

    def test_a_source_that_hangs_costs_its_own_time_only(self):
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen()
            found = self.trial(f'[source.shop]\nplugin = "scrape"\ntimeout = "1s"\nurls = ["http://127.0.0.1:{deaf.getsockname()[1]}/x"]\n',
                               "shop", code=1)
        self.assertTrue(found["errors"])

    def test_a_name_that_is_no_source_and_a_wrong_configuration_are_said(self):
        a = self.agent("[source.host]\n")
        done = a.cli("source", "test", "hots", "--config", a.config, check=2)
        self.assertIn('did you mean "host"?', done.stderr)
        a.write_config("[source.host]\nrot = '/'\n")
        done = a.cli("source", "test", "host", "--config", a.config, check=1)
        self.assertIn('did you mean "root"?', done.stderr)
        self.assertEqual(a.cli("source", "test").returncode, 2)


if __name__ == "__main__":
    main()
