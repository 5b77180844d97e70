#!/usr/bin/env python3
"""`tocsin signal tail` and the API below it: signals as they come, selected, from the last ones on, and how many a slow reader lost."""
import json
import subprocess
import urllib.parse

from world import TOCSIN, Case, main, now, signal_of, until


class SignalTail(Case):
    def setUp(self):
        self.a = self.agent("[source.http]\n").start()

    def tail(self, *args):
        """A running `tocsin signal tail`, and its standard output and error as files."""
        out, err = open(self.a.dir / "out", "wb"), open(self.a.dir / "err", "wb")
        process = subprocess.Popen([TOCSIN, "signal", "tail", *args], stdout=out, stderr=err, env=self.a.env())
        out.close(), err.close()
        def end():
            if process.poll() is None:
                process.terminate()
            return process.wait(20)
        self.addCleanup(end)
        return end

    def out(self):
        return (self.a.dir / "out").read_text()

    def ask(self, **parameters):
        answer = self.a.get("/api/v1/signals/tail?" + urllib.parse.urlencode(parameters))
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def names(self, page):
        return [one["name"] for one in page["items"]]

    def test_what_comes_is_printed_and_an_interruption_ends_it(self):
        self.a.push([signal_of("before", 1), signal_of("etl.run", 7, loader="OLD")])
        end = self.tail("etl.*")
        until(lambda: "OLD" in self.out(), what="the last ones")
        self.a.push([signal_of("etl.run", 1, loader="DAILY"), signal_of("host.cpu", 2)])
        until(lambda: "DAILY" in self.out(), what="what came since")
        self.assertEqual(end(), 0)
        lines = self.out().splitlines()
        self.assertEqual(len(lines), 2, lines)
        self.assertRegex(lines[1], r'^\S+Z  etl\.run  1  \{loader="DAILY"\}$')

    def test_json_is_an_object_a_line(self):
        end = self.tail("--json", "-n", "0", 'etl.run{status="FAILED"}')
        def pushed():
            self.a.push([signal_of("etl.run", 1, status="FAILED"), signal_of("etl.run", 1, status="OK")])
            return self.out()
        until(pushed, what="a line")
        self.assertEqual(end(), 0)
        for line in self.out().splitlines():
            one = json.loads(line)
            self.assertEqual((one["name"], one["value"], one["labels"], one["source"]), ("etl.run", 1, {"status": "FAILED"}, "source.http"))

    def test_an_answer_waits_for_what_comes(self):
        cursor = self.ask()["next"]
        process = subprocess.Popen(["curl", "-sS", f"{self.a.url}/api/v1/signals/tail?wait=30s&after={cursor}"], stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        began = now()
        # It asks before it waits; what is pushed before it has asked answers at once, which is as good.
        self.a.push([signal_of("x")])
        answer = json.loads(process.communicate(timeout=20)[0])
        self.assertEqual(self.names(answer), ["x"])
        self.assertLess(now() - began, 15)

    def test_the_last_and_those_since(self):
        self.a.push([signal_of(f"n{i}", ts=now() - 600 + i) for i in range(50)])
        self.a.push([signal_of("fresh")])
        self.assertEqual(self.names(self.ask(last=3)), ["n48", "n49", "fresh"])
        self.assertEqual(self.names(self.ask(since="-1m")), ["fresh"])
        self.assertEqual(self.names(self.ask(selector="n1*", last=2)), ["n18", "n19"])
        self.assertEqual(self.ask()["items"], [], "none without being asked for")

    def test_the_last_survive_a_restart(self):
        self.a.push([signal_of("kept", 5)])
        self.a.kill()
        self.a.start()
        self.assertEqual(self.names(self.ask(selector="kept", last=5)), ["kept"])

    def test_a_slow_reader_is_told_how_many_it_lost_and_the_intake_does_not_wait(self):
        cursor = self.ask()["next"]
        for _ in range(8):
            answer = self.a.push([signal_of("flood", i) for i in range(10_000)])
            self.assertEqual((answer.status, answer.json["accepted"]), (202, 10_000))
        page = self.ask(after=cursor, limit=1000)
        self.assertEqual(len(page["items"]), 1000)
        self.assertGreaterEqual(page["lost"], 30_000)
        seen = len(page["items"])
        lost = page["lost"]
        while page["items"]:
            page = self.ask(after=page["next"], limit=1000)
            seen, lost = seen + len(page["items"]), lost + page["lost"]
        self.assertEqual(seen + lost, 80_000, "each is either shown or told to be lost")
        self.assertIn("tocsin_signal_tail_lost_total", self.a.get("/metrics").body.decode())

    def test_a_wrong_selector_or_cursor_is_named(self):
        for query, part in (("selector=a{b", "selector"), ("after=nonsense", "after"), ("wait=2h", "wait"), ("last=5000", "last"), ("x=1", "x")):
            answer = self.a.get("/api/v1/signals/tail?" + query)
            self.assertEqual(answer.status, 400, query)
            self.assertIn(part, answer.json["detail"])
        done = self.a.cli("signal", "tail", "a{b", check=1)
        self.assertIn("selector", done.stderr)
        self.assertEqual(self.a.cli("signal", "tail", "--since", "yesterdayish").returncode, 2)
        self.assertEqual(self.a.cli("--url", "http://127.0.0.1:1", "signal", "tail").returncode, 3)


if __name__ == "__main__":
    main()
