#!/usr/bin/env python3
"""Rules that users insert into the database: evaluated, told, written back, read-only, and by one agent of several."""
import contextlib
import sqlite3
import unittest

from postgres_test import BIN, Postgres
from world import Case, main, signal_of, until

STORAGE = """
[storage]
url = "postgres://postgres@127.0.0.1:%d/postgres"
password = "file:{dir}/db_password"
"""
CONFIG = """
[source.http]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname", "client_ip"]
group_wait = "0s"
group_interval = "1s"
notify = ["hook"]
"""
LOGINS = """insert into incident_detection_rules (rule_name, rule_type, description, metric_query, query_type, threshold_value, threshold_operator,
  severity, alert_message_template, suggestion_template, evaluation_interval_seconds, cooldown_period_seconds) values
  ('authentication_failure_cluster', 'LOG', 'Failed logins', $q$SELECT client_ip, COUNT(*) AS failed FROM login_attempts WHERE success = false
  AND attempted_at > NOW() - INTERVAL '5 minutes' GROUP BY client_ip HAVING COUNT(*) >= 5$q$, 'SQL', 5, 'GTE', 'HIGH',
  'Multiple authentication failures from {{client_ip}} ({{value}} attempts, limit {{threshold}})', 'Consider blocking {{client_ip}}', 1, 300)"""


@unittest.skipUnless(BIN, "skipped: PostgreSQL's server is not installed (package postgresql)")
class RuleRows(Case):
    def setUp(self):
        self.db = Postgres()
        self.addCleanup(self.db.cleanup)
        self.db.start()
        self.receiver = self.hook()
        self.a = self.member("agent-a")

    def member(self, name):
        agent = self.agent(files={"db_password": "database password\n"})
        agent.write_config(STORAGE % self.db.port + CONFIG % self.receiver.url)
        agent.config.write_text(agent.config.read_text().replace('"test-agent"', f'"{name}"'))
        return agent.start()

    def sql(self, text):
        answer = self.db.query(text)
        self.assertIsNotNone(answer, text)
        return answer

    def fail_logins(self, address="10.0.0.9", times=6):
        self.sql(f"insert into login_attempts (client_ip, username, success, attempted_at) select '{address}', 'root', false, now() "
                 f"from generate_series(1, {times})")

    def told(self):
        return [(a["labels"]["alertname"], a["labels"].get("client_ip"), a["status"]) for b in self.receiver.messages() for a in b["alerts"]]

    def rule(self, name, agent=None):
        return next((r for r in (agent or self.a).items("/api/v1/rules") if r["name"] == name), None)

    def add(self, name, query, operator="GT", threshold="5", **more):
        columns = {"rule_name": name, "rule_type": "LOG", "metric_query": query, "query_type": "SQL", "threshold_operator": operator,
                   "severity": "HIGH", "evaluation_interval_seconds": 1, **more}
        names = ", ".join([*columns, "threshold_value"])
        values = ", ".join([f"$v${v}$v$" for v in columns.values()] + [threshold])
        self.sql(f"insert into incident_detection_rules ({names}) values ({values})")

    def test_an_inserted_rule_fires_for_each_address_and_resolves(self):
        self.sql(LOGINS)
        self.fail_logins()
        self.fail_logins("10.0.0.1", 2)
        until(lambda: self.told() == [("authentication_failure_cluster", "10.0.0.9", "firing")], 30, "told")
        alert = self.receiver.messages()[0]["alerts"][0]
        self.assertEqual(alert["annotations"]["message"], "Multiple authentication failures from 10.0.0.9 (6 attempts, limit 5)")
        self.assertEqual(alert["annotations"]["suggestion"], "Consider blocking 10.0.0.9")
        self.assertEqual((alert["labels"]["severity"], alert["labels"]["category"]), ("HIGH", "LOG"))
        until(lambda: self.sql("select trigger_count from incident_detection_rules") == "1", 20, "trigger_count")
        self.assertEqual(self.sql("select last_triggered_at > now() - interval '1 min' from incident_detection_rules"), "t")
        self.assertEqual(self.sql("select metric_value, threshold_value from alert_evaluations where fired limit 1"), "6|5")
        self.assertEqual(self.rule("authentication_failure_cluster")["health"], "ok")
        self.sql("delete from login_attempts")
        until(lambda: ("authentication_failure_cluster", "10.0.0.9", "resolved") in self.told(), 30, "resolved")
        self.assertEqual(self.sql("select status from incidents"), "RESOLVED")

    def test_edits_are_noticed(self):
        self.add("many", "select count(*) as value from login_attempts", threshold="100")
        self.fail_logins(times=6)
        until(lambda: (self.rule("many") or {}).get("health") == "ok", 30, "evaluated")
        self.sql("update incident_detection_rules set threshold_value = 3, updated_at = now()")
        until(lambda: ("many", None, "firing") in self.told(), 30, "told by the new threshold")
        self.sql("update incident_detection_rules set enabled = false, updated_at = now()")
        until(lambda: ("many", None, "resolved") in self.told(), 30, "resolved")
        self.assertEqual(self.rule("many")["health"], "disabled")

    def test_a_bad_query_fails_its_own_rule_only(self):
        self.add("broken", "select nothing from nowhere")
        self.add("sound", "select count(*) as value from login_attempts")
        self.fail_logins()
        until(lambda: ("sound", None, "firing") in self.told(), 30, "the sound one fires")
        until(lambda: ("RuleFailing", None, "firing") in self.told(), 30, "RuleFailing")
        self.assertIn("nowhere", self.rule("broken")["last_error"])
        self.sql("update incident_detection_rules set metric_query = 'select 1 as value' where rule_name = 'broken'")
        until(lambda: ("RuleFailing", None, "resolved") in self.told(), 30, "mended")

    def test_a_rules_query_changes_nothing(self):
        self.add("evil", "with gone as (delete from login_attempts returning 1) select count(*) as value from gone")
        self.add("slow", "select pg_sleep(60), 1 as value", threshold="0")
        self.fail_logins()
        until(lambda: (self.rule("evil") or {}).get("health") == "failing", 30, "refused")
        until(lambda: (self.rule("slow") or {}).get("health") == "failing", 30, "ended")
        self.assertEqual(self.sql("select count(*) from login_attempts"), "6")

    def test_rows_for_other_systems_wait(self):
        self.add("prom", "up == 0", operator="EXISTS", threshold="null", query_type="PROMETHEUS")
        self.add("elastic", "level:ERROR", query_type="ELASTICSEARCH")
        until(lambda: self.rule("elastic"), 30, "listed")
        for name in ("prom", "elastic"):
            self.assertEqual(self.rule(name)["health"], "waiting")
        self.assertIn("waiting", self.a.cli("rule", "list", check=0).stdout)

    def test_signals_of_the_agents_own_can_be_asked(self):
        self.add("failed_share", "SELECT loader_code, avg((labels->>'status' = 'FAILED')::int) AS value FROM signals "
                                 "WHERE captured_at > now() - interval '5 min' GROUP BY loader_code", threshold="0.5")
        self.a.push([signal_of("etl.run", loader="DAILY", status="FAILED"), signal_of("etl.run", loader="OK", status="SUCCESS")])
        until(lambda: self.told(), 40, "told")
        self.assertEqual(self.receiver.messages()[0]["alerts"][0]["labels"]["loader"], "DAILY")

    def test_what_fires_is_told_once_over_kill_9(self):
        self.sql(LOGINS)
        self.fail_logins()
        until(lambda: len(self.told()) == 1, 30, "told")
        for _ in range(3):
            self.a.kill()
            self.a.start()
            count = int(self.sql("select count(*) from alert_evaluations"))
            until(lambda: int(self.sql("select count(*) from alert_evaluations")) >= count + 2, 40, "evaluated on")
        self.assertEqual([t for t in self.told() if t[2] == "firing"], [("authentication_failure_cluster", "10.0.0.9", "firing")])
        self.assertEqual(self.sql("select count(*) from incidents"), "1")
        self.assertEqual(self.sql("select trigger_count from incident_detection_rules"), "1")

    def test_of_two_agents_one_asks_and_the_other_takes_over(self):
        b = self.member("agent-b")
        self.sql(LOGINS)
        until(lambda: {(self.rule("authentication_failure_cluster", x) or {}).get("health") for x in (self.a, b)} == {"ok", "elsewhere"}, 30,
              "one asks")
        count = int(self.sql("select count(*) from alert_evaluations"))
        until(lambda: int(self.sql("select count(*) from alert_evaluations")) >= count + 3, 20, "evaluated on")
        self.assertEqual(self.sql("select count(*) from (select date_trunc('milliseconds', evaluated_at) from alert_evaluations group by 1 having count(*) > 1) t"), "0")
        asks, other = (self.a, b) if self.rule("authentication_failure_cluster", self.a)["health"] == "ok" else (b, self.a)
        asks.kill()
        until(lambda: self.rule("authentication_failure_cluster", other)["health"] == "ok", 40, "the other asks")
        self.fail_logins()
        until(lambda: self.told() == [("authentication_failure_cluster", "10.0.0.9", "firing")], 30, "told")


class EmbeddedRuleRows(Case):
    """The same without a server: rows that any program writes into the agent's own database file."""

    def setUp(self):
        self.receiver = self.hook()
        self.a = self.agent(CONFIG % self.receiver.url).start()

    def sql(self, text, *values):
        with contextlib.closing(sqlite3.connect(self.a.dir / "data" / "tocsin.db", timeout=20)) as db, db:
            return db.execute(text, values).fetchall()

    def add(self, name, query, operator="GT", threshold=5, query_type="SQL"):
        self.sql("insert into incident_detection_rules (rule_name, rule_type, metric_query, query_type, threshold_operator, threshold_value, severity, "
                 "evaluation_interval_seconds) values (?, 'LOG', ?, ?, ?, ?, 'HIGH', 1)", name, query, query_type, operator, threshold)

    def fail_logins(self, times):
        for _ in range(times):
            self.sql("insert into login_attempts (client_ip, success) values ('10.0.0.9', 0)")

    def told(self):
        return [(a["labels"]["alertname"], a["labels"].get("client_ip"), a["status"]) for b in self.receiver.messages() for a in b["alerts"]]

    def rule(self, name):
        return next((r for r in self.a.items("/api/v1/rules") if r["name"] == name), None)

    def test_an_inserted_rule_fires_and_resolves(self):
        self.add("logins", "select client_ip, count(*) as value from login_attempts where not success group by client_ip")
        self.fail_logins(6)
        until(lambda: self.told() == [("logins", "10.0.0.9", "firing")], 30, "told")
        self.assertEqual(self.rule("logins")["health"], "ok")
        until(lambda: self.sql("select trigger_count from incident_detection_rules") == [(1,)], 20, "trigger_count")
        self.sql("delete from login_attempts")
        until(lambda: ("logins", "10.0.0.9", "resolved") in self.told(), 30, "resolved")

    def test_what_fires_is_told_once_over_kill_9(self):
        self.add("logins", "select client_ip, count(*) as value from login_attempts group by client_ip")
        self.fail_logins(6)
        until(lambda: self.told(), 30, "told")
        self.a.kill()
        self.a.start()
        count = self.sql("select count(*) from alert_evaluations")[0][0]
        until(lambda: self.sql("select count(*) from alert_evaluations")[0][0] >= count + 2, 40, "evaluated on")
        self.assertEqual(self.told(), [("logins", "10.0.0.9", "firing")])

    def test_a_rules_query_changes_nothing_and_fails_its_own_rule_only(self):
        self.add("evil", "delete from login_attempts")
        self.add("endless", "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) as value from n")
        self.add("sound", "select count(*) as value from login_attempts")
        self.fail_logins(6)
        until(lambda: ("sound", None, "firing") in self.told(), 30, "the sound one fires")
        for name in ("evil", "endless"):
            until(lambda: (self.rule(name) or {}).get("health") == "failing", 40, f"{name} is refused")
        self.assertEqual(self.sql("select count(*) from login_attempts"), [(6,)])

    def test_rows_for_other_systems_wait(self):
        self.add("prom", "up == 0", operator="EXISTS", threshold=None, query_type="PROMETHEUS")
        self.add("elastic", "level:ERROR", query_type="ELASTICSEARCH")
        until(lambda: self.rule("elastic"), 30, "listed")
        for name in ("prom", "elastic"):
            self.assertEqual(self.rule(name)["health"], "waiting")


if __name__ == "__main__":
    main()
