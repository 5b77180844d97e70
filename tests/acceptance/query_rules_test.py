#!/usr/bin/env python3
"""Rules that ask a source: judged row by row, told once over kills of the agent and the server, asked once where several ask the same, and
by one agent of several. The shipped rules that ask the agent's own PostgreSQL run as they are written."""
import unittest

from postgres_test import BIN, Postgres
from world import Case, main, until

HOOK = """
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["..."]
group_wait = "0s"
group_interval = "1s"
notify = ["hook"]
"""
ORDERS = """
[source.orders]
plugin   = "sql"
url      = "postgres://reader@127.0.0.1:%d/postgres"
password = "file:{dir}/password"
every    = "1s"
require_read_only = true
[[rule]]
name      = "orders_stuck"
query     = { source = "orders", sql = "SELECT shop, count(*) AS value FROM orders GROUP BY shop" }
op        = ">"
tiers     = [ { threshold = 1, severity = "HIGH" }, { threshold = 4, severity = "CRITICAL" } ]
every     = "1s"
message   = "{{value}} orders of {{shop}} are stuck"
[[rule]]
name      = "orders_of_a_shop"
severity  = "LOW"
query     = { source = "orders", sql = "SELECT shop, count(*) AS value FROM orders GROUP BY shop" }
op        = "EXISTS"
every     = "1s"
[[rule]]
name      = "no_orders"
severity  = "LOW"
query     = { source = "orders", sql = "SELECT 1 AS value FROM orders LIMIT 1" }
op        = "ABSENT"
every     = "1s"
[[rule]]
name      = "broken"
severity  = "LOW"
query     = { source = "orders", sql = "SELECT nothing FROM nowhere" }
op        = "EXISTS"
every     = "1s"
"""
STORE = """
[[rule]]
name      = "open_incidents"
severity  = "LOW"
query     = { source = "store", sql = "SELECT severity AS of_severity, count(*) AS value FROM incidents WHERE severity = 'CRITICAL' GROUP BY severity" }
op        = ">="
threshold = 1
every     = "1s"
"""


def told(receiver):
    """(rule, shop or address, status) of each alert of each message, in order."""
    return [(a["labels"]["alertname"], a["labels"].get("shop") or a["labels"].get("client_ip"), a["status"]) for b in receiver.messages()
            for a in b["alerts"]]


def asked(agent, source):
    """How often a source was asked, by the agent's own count."""
    lines = agent.get("/metrics").body.decode().splitlines()
    return sum(float(l.split()[-1]) for l in lines if l.startswith(f'tocsin_query_seconds_count{{source="{source}"'))


@unittest.skipUnless(BIN, "skipped: PostgreSQL's server is not installed (package postgresql)")
class Asking(Case):
    def setUp(self):
        self.db = Postgres()
        self.addCleanup(self.db.cleanup)
        self.db.start()
        self.receiver = self.hook()

    def rule(self, agent, name):
        return next((r for r in agent.items("/api/v1/rules") if r["name"] == name), {})


class OfADatabase(Asking):
    def setUp(self):
        super().setUp()
        self.db.query("create table orders(shop text)")
        self.db.query("create role reader login password 'secret of the reader'")
        self.db.query("grant select on orders to reader")
        self.a = self.agent(ORDERS % self.db.port + STORE + HOOK % self.receiver.url, files={"password": "secret of the reader\n"}).start()

    def add(self, shop, count):
        self.db.query(f"insert into orders select '{shop}' from generate_series(1, {count})")

    def test_each_row_is_judged_and_resolves_by_itself(self):
        until(lambda: ("no_orders", None, "firing") in told(self.receiver), what="the answer without rows fires ABSENT")
        self.add("riyadh", 2)
        self.add("jeddah", 1)
        until(lambda: ("orders_stuck", "riyadh", "firing") in told(self.receiver), what="the first tier")
        self.assertNotIn(("orders_stuck", "jeddah", "firing"), told(self.receiver))
        until(lambda: ("no_orders", None, "resolved") in told(self.receiver), what="ABSENT is over")
        alert = next(a for b in self.receiver.messages() for a in b["alerts"] if a["labels"]["alertname"] == "orders_stuck")
        self.assertEqual((alert["annotations"]["message"], alert["labels"]["severity"]), ("2 orders of riyadh are stuck", "HIGH"))
        self.add("riyadh", 5)
        until(lambda: any(a["labels"].get("severity") == "CRITICAL" for b in self.receiver.messages() for a in b["alerts"]), what="the second tier")
        until(lambda: ("open_incidents", None, "firing") in told(self.receiver), what="a rule that asks the agent's own store")
        self.db.query("delete from orders where shop = 'riyadh'")
        until(lambda: ("orders_stuck", "riyadh", "resolved") in told(self.receiver), what="a row that is gone resolves")
        self.assertEqual(self.rule(self.a, "orders_stuck")["health"], "ok")

    def test_a_question_that_fails_is_told_and_costs_no_other(self):
        self.add("riyadh", 2)
        until(lambda: ("RuleFailing", None, "firing") in told(self.receiver), what="RuleFailing")
        self.assertIn("nowhere", self.rule(self.a, "broken")["last_error"])
        until(lambda: ("orders_stuck", "riyadh", "firing") in told(self.receiver), what="the sound one")
        self.assertNotIn("secret of the reader", self.a.text())

    def test_a_server_that_is_away_keeps_the_state_and_nothing_is_told_twice(self):
        self.add("riyadh", 2)
        until(lambda: ("orders_stuck", "riyadh", "firing") in told(self.receiver), what="told")
        self.db.stop()
        until(lambda: self.rule(self.a, "orders_stuck").get("health") == "failing", what="failing")
        self.a.kill()
        self.a.start()
        self.db.start()
        until(lambda: self.rule(self.a, "orders_stuck").get("health") == "ok", 40, "asked again")
        self.assertEqual(told(self.receiver).count(("orders_stuck", "riyadh", "firing")), 1)
        self.db.query("delete from orders")
        until(lambda: ("orders_stuck", "riyadh", "resolved") in told(self.receiver), what="resolved after all that")

    def test_equal_questions_of_one_beat_are_asked_once(self):
        self.add("riyadh", 2)
        until(lambda: self.rule(self.a, "orders_of_a_shop").get("evaluations", 0) >= 3, what="a few evaluations")
        shared = [l for l in self.a.get("/metrics").body.decode().splitlines() if l.startswith("tocsin_query_shared_total")]
        self.assertGreaterEqual(float(shared[0].split()[-1]), 2)


class OfAFleet(Asking):
    CONFIG = """
[storage]
url = "postgres://postgres@127.0.0.1:%d/postgres"
password = "file:{dir}/db_password"
[rules]
pack = "default"
[source.http]
[source.generator]
"""

    def member(self, name):
        agent = self.agent(files={"db_password": "database password\n"})
        agent.write_config(self.CONFIG % self.db.port + HOOK % self.receiver.url)
        text = agent.config.read_text().replace('"test-agent"', f'"{name}"')
        agent.config.write_text(text + '\n[pack.default.rule.authentication_failure_cluster]\nevery = "1s"\n')
        return agent.start()

    def test_a_shipped_rule_asks_by_one_agent_and_another_takes_over(self):
        a, b = self.member("agent-a"), self.member("agent-b")
        self.db.query("insert into login_attempts (client_ip, username, success, attempted_at) select '10.0.0.9', 'root', false, now() "
                      "from generate_series(1, 6)")
        fired = ("authentication_failure_cluster", "10.0.0.9", "firing")
        until(lambda: fired in told(self.receiver), 30, "told")
        until(lambda: max(asked(a, "store"), asked(b, "store")) >= 3, what="asked a few times")
        self.assertEqual(min(asked(a, "store"), asked(b, "store")), 0, "one of them asks")
        first, second = (a, b) if asked(a, "store") else (b, a)
        self.assertEqual(self.rule(second, "authentication_failure_cluster")["health"], "elsewhere")
        first.kill()
        until(lambda: asked(second, "store") >= 2, 40, "the other asks")
        self.assertEqual(told(self.receiver).count(fired), 1, "and tells nobody again")
        self.db.query("delete from login_attempts")
        until(lambda: ("authentication_failure_cluster", "10.0.0.9", "resolved") in told(self.receiver), 30, "resolved by the other")


del Asking

if __name__ == "__main__":
    main()
