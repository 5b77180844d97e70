#!/usr/bin/env python3
"""A provider that fails: the other takes over, across restarts, and nobody is woken for what somebody has answered."""
import json

from world import Case, main, signal_of, until

CONFIG = """
[source.http]
[notifier.first]
plugin = "webhook"
url = "%s/first"
fallback = "second"
timeout = "2s"
%s
[notifier.second]
plugin = "webhook"
url = "%s/second"
[route]
group_by = ["alertname", "loader"]
policy = "duty"
[policy.duty]
steps = [ { notify = ["first"], escalate_after = "1h" } ]
[[rule]]
name = "failed"
severity = "HIGH"
signal = "etl.run"
by = ["loader"]
op = ">"
threshold = 0
"""


class FailOver(Case):
    def begin(self, first, second=None, limits=""):
        self.first, self.second = self.hook(first), self.hook(second)
        self.a = self.agent(CONFIG % (self.first.url, limits, self.second.url)).start()

    def fail(self, loader):
        self.a.push([signal_of("etl.run", value=1, loader=loader)])

    def log(self, instance):
        return [row for row in self.a.items("/api/v1/notifications/log") if row["instance"] == instance]

    def test_what_the_first_refuses_the_second_tells_under_the_same_key(self):
        self.begin(lambda _: (422, {}, b"no such subscriber"))
        self.fail("SALES")
        told = until(lambda: self.second.requests, what="the second's message")
        refused = self.first.requests
        self.assertEqual(len(refused), 1)
        self.assertEqual(told[0]["headers"]["Idempotency-Key"], refused[0]["headers"]["Idempotency-Key"])
        until(lambda: self.log("second"), what="its row in the log")
        self.assertIn('"second" takes over', self.log("first")[0]["error"])
        self.assertEqual(self.a.items("/api/v1/dead-letters"), [])

    def test_a_provider_that_is_down_is_passed_by_once_its_breaker_is_open(self):
        self.begin(lambda _: (503, {}, b"down"))
        for n in range(5):
            self.fail(f"L{n}")
        until(lambda: len(self.first.requests) >= 5, what="five failures")
        before = len(self.first.requests)
        self.fail("LATE")
        until(lambda: any(b["alerts"][0]["labels"]["loader"] == "LATE" for b in self.second.json_bodies()),
              what="the second tells at once")
        self.assertLessEqual(len(self.first.requests), before + 1)  # the trial of a half-open breaker at most
        until(lambda: len({b["alerts"][0]["labels"]["loader"] for b in self.second.json_bodies()}) == 6,
              what="what waited at the first goes there too")

    def test_a_message_taken_over_is_the_seconds_after_kill_9_too(self):
        down = {"second": True}
        self.begin(lambda _: (422, {}, b"no"), lambda _: (503, {}, b"down") if down["second"] else (200, {}, b""))
        self.fail("SALES")
        until(lambda: self.second.requests, what="the second is tried")
        until(lambda: self.log("second"), what="and that is kept")
        self.a.kill()
        down["second"] = False
        count = len(self.second.requests)
        self.a.start()
        until(lambda: len(self.second.requests) > count, what="the second is tried again")
        until(lambda: [r for r in self.log("second") if r["status"] == "SENT"], what="and has it")
        self.assertEqual(len(self.first.requests), 1)

    def test_nobody_is_told_by_the_ladder_what_somebody_has_answered(self):
        state = {"down": True}
        self.begin(lambda _: (503, {}, b"down") if state["down"] else (200, {}, b""),
                   lambda _: (503, {}, b"down") if state["down"] else (200, {}, b""))
        self.fail("SALES")
        until(lambda: self.first.requests, what="the first attempt")
        self.a.cli("incident", "ack", self.a.incidents()[0]["number"], check=0)
        loader = lambda request: json.loads(request["body"])["alerts"][0]["labels"]["loader"]
        failed = {r["headers"]["Idempotency-Key"] for r in self.first.requests}
        self.fail("CARDS")  # once this one is tried, what was on its way before is over
        until(lambda: "CARDS" in {loader(r) for r in self.first.requests + self.second.requests}, what="another is tried")
        before = len(self.first.requests), len(self.second.requests)
        state["down"] = False
        until(lambda: [r for r in self.log("first") + self.log("second") if r["status"] == "SENT"], what="and told")
        self.fail("LOANS")
        until(lambda: "LOANS" in {loader(r) for r in self.first.requests + self.second.requests}, what="and one more")
        after = self.first.requests[before[0]:] + self.second.requests[before[1]:]
        self.assertEqual([r for r in after if r["headers"]["Idempotency-Key"] in failed], [])

    def test_a_recipient_gets_no_more_than_the_limit_and_the_rest_waits(self):
        self.begin(None, limits='limits = ["2/1h"]')
        for n in range(5):
            self.fail(f"L{n}")
        until(lambda: len(self.a.incidents()) == 5, what="five incidents")
        until(lambda: len(self.first.requests) == 2, what="two messages")
        until(lambda: 'tocsin_outbox_queued{instance="first"} 3' in self.a.get("/metrics").body.decode(), what="three wait")
        self.assertEqual(len(self.first.requests), 2)


if __name__ == "__main__":
    main()
