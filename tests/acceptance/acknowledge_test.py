#!/usr/bin/env python3
"""Each way to acknowledge stops the ladder at once, names the person and says how. A further way is a line of WAYS and a function
that answers the message it is given; its configuration goes into MORE."""

from telephone import FIRST, NOTIFIERS, RULE, Provider, tell
from world import Case, call, main, signal_of, until

MORE = """
[route]
group_by = ["alertname", "loader"]
policy = "ops"
[policy.ops]
steps = [
  { notify = ["sms:contact.first", "ivr:contact.first"], escalate_after = "1h" },
  { notify = ["ivr:contact.manager"] },
]
"""


def by_api(test):
    body = {"status": "ACKNOWLEDGED", "by": "first"}
    return call("PUT", f"{test.a.url}/api/v1/incidents/{test.number()}/status", body).status in (200, 409)  # 409: it is so already


def by_sms_reply(test):
    test.provider.wait_for("sms", FIRST)
    return tell(test.a, "sms/inbound", {"from": FIRST, "text": f"{test.number()}a", "id": "r-1"})


def by_digit(test):
    placed = test.provider.wait_for("calls", FIRST)
    return tell(test.a, "ivr", {"id": placed["id"], "status": "completed", "digits": "1"})


# way as the timeline says it: what a person does
WAYS = {
    "": by_api,
    "SMS reply": by_sms_reply,
    "call": by_digit,
}


class Acknowledge(Case):
    def begin(self):
        self.provider = Provider(self)
        self.a = self.agent(NOTIFIERS % {"url": self.provider.url} + MORE + RULE).start()
        self.a.push([signal_of("etl.run", loader="L1", status="FAILED")])
        self.provider.wait_for("sms", FIRST)
        self.provider.wait_for("calls", FIRST)

    def number(self):
        return until(lambda: self.a.incidents(), what="an incident")[0]["number"]

    def entries(self):
        timeline = self.a.get(f"/api/v1/incidents/{self.number()}/timeline?limit=1000").json["items"]
        return [e for e in timeline if e["what"] == "status" and e["to"] == "ACKNOWLEDGED"]

    def coming(self):
        next = self.a.get(f"/api/v1/explain?incident={self.number()}").json["next"]
        return [d["what"] for d in next if d["what"].startswith("ladder")]

    def check(self, way, answer):
        self.begin()
        self.assertEqual(self.coming(), ["ladder step 2"])
        until(lambda: answer(self), what=f"the answer by {way or 'the API'}")
        incident = until(lambda: (i := self.a.incidents()[0])["acknowledged_at"] and i, what="acknowledged")
        self.assertEqual((incident["status"], incident["acknowledged_by"]), ("ACKNOWLEDGED", "first"))
        self.assertEqual([e["actor"] for e in self.entries()], ["first by " + way if way else "first"])
        self.assertEqual(self.coming(), [], "the ladder has stopped")
        until(lambda: answer(self), what="the same answer again")
        self.assertEqual(len(self.entries()), 1, "the same answer again changes nothing")
        self.a.kill()
        self.a.start()
        self.assertEqual(self.coming(), [], "stopped over a kill -9 too")
        self.assertEqual(self.a.incidents()[0]["acknowledged_by"], "first")


def add(name, way, answer):
    setattr(Acknowledge, "test_by_" + name, lambda self: self.check(way, answer))


for way, answer in WAYS.items():
    add(answer.__name__.removeprefix("by_"), way, answer)

if __name__ == "__main__":
    main()
