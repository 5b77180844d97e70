#!/usr/bin/env python3
"""The source sql against a real PostgreSQL: rows raise an alert, and each row is taken once, whatever is killed."""
import json
import unittest

from postgres_test import BIN, Postgres
from world import Case, main, now, until

CONFIG = """
[source.orders]
plugin   = "sql"
url      = "postgres://reader@127.0.0.1:%d/postgres"
password = "file:{dir}/password"
every    = "200ms"
timeout  = "5s"
require_read_only = true
[[source.orders.loader]]
name   = "failures"
query  = "SELECT id, loader_code, id AS value, at AS ts FROM failures WHERE id > {{cursor}}"
signal = "etl.failure"
cursor = "id"
max_rows = 7
[[source.orders.loader]]
name   = "broken"
query  = "SELECT * FROM nowhere"
signal = "none"
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_wait = "0s"
notify = ["hook"]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = "etl.failure"
by = ["loader"]
op = "EXISTS"
over = "5m"
"""


@unittest.skipUnless(BIN, "skipped: PostgreSQL's server is not installed (package postgresql)")
class Sql(Case):
    def setUp(self):
        self.db = Postgres()
        self.addCleanup(self.db.cleanup)
        self.db.start()
        self.db.query("create table failures(id bigserial primary key, loader_code text, at timestamptz default now())")
        self.db.query("create role reader login password 'secret of the reader'")
        self.db.query("grant select on failures to reader")
        self.receiver = self.hook()
        self.begun = now()

    def begin(self):
        self.a = self.agent(CONFIG % (self.db.port, self.receiver.url), files={"password": "secret of the reader\n"}).start()

    def add(self, count, loader="DAILY"):
        self.db.query(f"insert into failures(loader_code) select '{loader}' from generate_series(1, {count})")

    def ids(self):
        answer = self.a.get(f"/api/v1/signals/query?name=etl.failure&fromEpoch={int(self.begun) - 5}&toEpoch={int(now()) + 5}&limit=100000").json
        return sorted(int(p["value"]) for s in answer.get("series", [answer]) for p in s.get("dataPoints", ()))

    def test_rows_raise_an_alert_and_a_failing_loader_costs_only_itself(self):
        self.begin()
        self.add(1, "DAILY_SALES")
        bodies = until(self.receiver.json_bodies, what="message")
        self.assertEqual(bodies[0]["alerts"][0]["labels"]["loader"], "DAILY_SALES")
        until(lambda: "nowhere" in self.a.text(), what="the log names the loader that fails")
        self.assertNotIn("secret of the reader", self.a.text())
        counted = [l for l in self.a.get("/metrics").body.decode().splitlines() if l.startswith("loader_execution_duration_seconds_bucket{")]
        self.assertTrue([l for l in counted if 'le="+Inf"' in l and 'loader_code="failures"' in l], "how long the loader took")
        self.assertNotIn("SourceDown", json.dumps(self.a.incidents()))

    def test_each_row_is_taken_once_over_kills_of_the_agent_and_of_the_server(self):
        self.begin()
        self.add(50)
        until(lambda: len(self.ids()) >= 14, what="some rows")
        self.a.kill()
        self.add(50)
        self.a.start()
        until(lambda: len(self.ids()) >= 60, what="more rows")
        self.db.stop()
        self.db.start()
        self.add(20)
        until(lambda: len(self.ids()) >= 120, 40, "all rows")
        # A server that crashed leaves a gap in what it numbers: the table itself says which rows there are.
        self.assertEqual(self.ids(), [int(id) for id in self.db.query("select id from failures order by id").split()])

    def test_an_account_that_may_write_is_refused(self):
        self.db.query("grant insert on failures to reader")
        self.begin()
        until(lambda: "INSERT on failures" in self.a.text(), what="the right is named")
        self.add(1)
        done = self.a.cli("check", "--online", "--config", self.a.config)
        self.assertIn("INSERT on failures", done.stdout + done.stderr)
        self.assertEqual(self.ids(), [])


if __name__ == "__main__":
    main()
