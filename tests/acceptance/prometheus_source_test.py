#!/usr/bin/env python3
"""The source prometheus and a real Prometheus: what comes in is what the server says, each step of a range once over kills of the agent and of
the server; rules ask it; a server that is gone, hangs, comes back or talks nonsense."""
import json
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.parse
from pathlib import Path

from prometheus_test import PROMETHEUS, Prometheus, Values
from world import Case, call, free_port, main, now, until

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
SOURCE = """
[source.metrics]
plugin  = "prometheus"
url     = "%s"
every   = "%s"
timeout = "%s"
headers = { X-Scope-OrgID = "secret-tenant" }
"""
# Asked a little late, so that what the server says of a step does not change any more.
QUERIES = """
[[source.metrics.query]]
expr   = "load"
delay  = "2s"
[[source.metrics.query]]
expr   = 'sum by (job) (load)'
signal = "load.sum"
labels = { tier = "base" }
[[source.metrics.query]]
expr   = "timestamp(load)"
signal = "load.seen"
range  = "20s"
step   = "1s"
delay  = "3s"
"""


# "s3cret-of-the-agent" as Prometheus wants it written: bcrypt.
HASH = "$2b$04$nM6xnQSLDAaUI3yIU9s.KeV7lWaWNWvp9V1eJUYZcLmtT08Om0M4C"


def of(text):
    """Answers `text` with now in the place of NOW."""
    return lambda request: (200, {"Content-Type": "application/json"}, text.replace("NOW", f"{now():.3f}").encode())


class Asking(Case):
    def begin(self, url, queries="", every="1s", timeout="5s", more=""):
        self.receiver = self.hook()
        self.a = self.agent(SOURCE % (url, every, timeout) + queries + more + HOOK % self.receiver.url).start()

    def told(self, rule, status="firing"):
        return [a["labels"] for b in self.receiver.messages() for a in b["alerts"] if a["labels"]["alertname"] == rule and a["status"] == status]

    def is_down(self):
        return [a for a in self.a.items("/api/v1/alerts") if a["labels"].get("alertname", a.get("rule")) == "SourceDown" and a["state"].lower() == "firing"]

    def points(self, name):
        """{series of the label `series`: {time in ms: value}}, each point once; a time that came twice fails the test."""
        query = f"/api/v1/signals/query?name={name}&fromEpoch={int(now()) - 600}&toEpoch={int(now()) + 60}&aggregation=raw&limit=100000"
        answer = self.a.get(query).json
        out = {}
        for series in answer.get("series", [answer]):
            points = [(round(p["timestamp"] * 1000), p["value"]) for p in series.get("dataPoints", ())]
            self.assertEqual(len(points), len(dict(points)), f"{name}: a time came twice")
            if points:
                out[series["labels"].get("series", "")] = dict(points)
        return out

    def metric(self, part):
        return [l for l in self.a.get("/metrics").body.decode().splitlines() if l.startswith(part)]


@unittest.skipUnless(PROMETHEUS, "skipped: Prometheus is not installed (scripts/packages test installs it)")
class OfAServer(Asking):
    def setUp(self):
        self.target = Values(3)
        self.addCleanup(self.target.close)
        self.server = Prometheus(self.target.server.server_address[1], free_port())
        self.addCleanup(self.server.close)
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.port}"
        until(lambda: len(self.says("query", query="load")) == 3, 30, "Prometheus has scraped")

    def says(self, path, **form):
        return call("GET", f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(form)}").json["data"]["result"]

    def test_signals_are_what_the_server_says(self):
        self.begin(self.url, QUERIES)
        self.target.values[1] = 7
        until(lambda: 7 in self.points("load").get("s1", {}).values(), what="a new value")
        until(lambda: len(self.points("load")) == 3 and self.points("load.sum"), what="every signal")
        at, value = max(self.points("load")["s1"].items())
        server = self.says("query", query='load{series="s1"}', time=at / 1000)
        self.assertEqual(value, float(server[0]["value"][1]))
        series = self.a.get(f"/api/v1/signals/query?name=load&match=series%3D%22s1%22&fromEpoch={int(now()) - 600}&toEpoch={int(now()) + 60}").json
        theirs = {k: v for k, v in server[0]["metric"].items() if k != "__name__"}
        labels = series.get("series", [series])[0]["labels"]
        self.assertEqual({k: v for k, v in labels.items() if k in theirs}, theirs)
        total = self.a.get(f"/api/v1/signals/query?name=load.sum&fromEpoch={int(now()) - 600}&toEpoch={int(now()) + 60}").json
        labels = total.get("series", [total])[0]["labels"]
        self.assertEqual((labels["job"], labels["tier"]), ("test", "base"))
        self.assertTrue(self.metric('tocsin_plugin_queries_total{'))
        self.assertNotIn("secret-tenant", self.a.text())

    def test_each_step_of_a_range_comes_once_over_kills_of_both(self):
        self.begin(self.url, QUERIES)
        until(lambda: len(self.points("load.seen").get("s0", {})) >= 8, 30, "some steps")
        self.a.kill()
        count = len(self.says("query", query="load[1m]")[0]["values"])
        until(lambda: len(self.says("query", query="load[1m]")[0]["values"]) >= count + 3, 30, "the server goes on without the agent")
        self.a.start()
        before = max(self.points("load.seen")["s0"])
        until(lambda: max(self.points("load.seen")["s0"]) >= before + 5000, 30, "steps after the agent's end")
        self.server.kill()
        until(lambda: "prometheus" in self.a.text() and "check that it is running" in self.a.text(), what="the failure is told")
        self.server.start()
        before = max(self.points("load.seen")["s0"])
        until(lambda: max(self.points("load.seen")["s0"]) >= before + 5000, 60, "steps after the server's end")
        for name, points in self.points("load.seen").items():
            first, last = min(points), max(points)
            theirs = self.says("query_range", query=f'timestamp(load{{series="{name}"}})', start=first / 1000, end=last / 1000, step=1)
            wanted = {round(t * 1000): float(v) for t, v in theirs[0]["values"]}
            self.assertEqual(points, wanted, "every step that the server has, with its value")

    def test_rules_ask_it(self):
        self.begin(self.url, more="""
[[rule]]
name      = "load_high"
severity  = "HIGH"
query     = { source = "metrics", expr = "load" }
op        = ">"
threshold = 95
every     = "1s"
[[rule]]
name      = "broken"
severity  = "LOW"
query     = { source = "metrics", expr = "sum(load" }
op        = "EXISTS"
every     = "1s"
""")
        rule = lambda name: next((r for r in self.a.items("/api/v1/rules") if r["name"] == name), {})
        until(lambda: rule("broken").get("last_error"), what="the mistake")
        self.assertIn("expr, line 1, column", rule("broken")["last_error"])
        self.target.values[2] = 99
        until(lambda: [l["series"] for l in self.told("load_high")] == ["s2"], 30, "one row fires")
        self.target.values[2] = 1
        until(lambda: [l["series"] for l in self.told("load_high", "resolved")] == ["s2"], 30, "it resolves")
        self.assertEqual(rule("load_high")["health"], "ok")
        self.server.kill()
        until(lambda: rule("load_high").get("health") == "failing", 30, "the rule says that it cannot ask")
        until(lambda: self.told("SourceDown"), 30, "and so does the source, although it has no query")
        self.server.start()
        until(lambda: rule("load_high").get("health") == "ok", 60, "asked again")

    def test_a_condition_that_ends_ends_its_alert_at_once(self):
        self.begin(self.url, '[[source.metrics.query]]\nexpr = "load > 95"\nsignal = "load.hot"\n', more="""
[[rule]]
name      = "hot"
severity  = "HIGH"
signal    = "load.hot"
by        = ["series"]
op        = ">"
threshold = 0
""")
        self.target.values[1] = 99
        until(lambda: [l["series"] for l in self.told("hot")] == ["s1"], 30, "it fires")
        self.target.values[1] = 1
        until(lambda: [l["series"] for l in self.told("hot", "resolved")] == ["s1"], 30, "it ends, long before its window does")

    def test_a_server_that_hangs_or_is_gone_is_a_source_that_is_down(self):
        self.begin(self.url, QUERIES, every="500ms", timeout="1s")
        until(lambda: self.points("load.sum"), what="signals")
        self.server.process.send_signal(signal.SIGSTOP)
        until(self.is_down, 30, "down while it hangs")
        until(lambda: self.told("SourceDown"), what="and told")
        self.server.process.send_signal(signal.SIGCONT)
        until(lambda: not self.is_down(), 30, "up when it goes on")
        self.server.kill()
        until(self.is_down, 30, "down when it is gone")
        self.server.start()
        until(lambda: not self.is_down(), 60, "up when it is back")
        since = max(max(p) for p in self.points("load.sum").values())
        until(lambda: max(max(p) for p in self.points("load.sum").values()) > since, 30, "signals again")

    def test_a_check_tells_the_version_and_what_each_query_gives(self):
        self.begin(self.url, QUERIES)
        until(lambda: len(self.points("load")) == 3, what="the server has what is asked for")
        done = self.a.cli("check", "--online", "--config", self.a.config)
        text = done.stdout + done.stderr
        self.assertIn("has version 2.", text)
        self.assertIn('query "load": 3 series, 3 samples', text)
        self.assertNotIn("secret-tenant", text)


@unittest.skipUnless(PROMETHEUS, "skipped: Prometheus is not installed (scripts/packages test installs it)")
class OfAGuardedServer(Asking):
    """A real Prometheus that asks for a certificate, a name and a password."""

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self.dir)

    def certificates(self):
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        self.openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=Corp CA", "-keyout", "ca.key", "-out", "ca.pem")
        (self.dir / "extra").write_text("subjectAltName=IP:127.0.0.1\n")
        for name in ("server", "agent"):
            self.openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", "request")
            self.openssl("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                         "-extfile", "extra", "-out", f"{name}.pem")

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-prom-tls-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.certificates()
        (self.dir / "prometheus.yml").write_text("global: {}\n")
        (self.dir / "web.yml").write_text(json.dumps({
            "tls_server_config": {"cert_file": "server.pem", "key_file": "server.key", "client_ca_file": "ca.pem",
                                  "client_auth_type": "RequireAndVerifyClientCert"},
            "basic_auth_users": {"agent": HASH}}))
        self.port = free_port()
        with open(self.dir / "log", "wb") as log:
            server = subprocess.Popen([PROMETHEUS, f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
                                       f"--web.config.file={self.dir}/web.yml", f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        until(lambda: "Server is ready" in (self.dir / "log").read_text(), 30, "Prometheus ready")

    def ask(self, options):
        agent = self.agent(f"""
[source.metrics]
plugin = "prometheus"
url = "https://127.0.0.1:{self.port}"
{options}
[[source.metrics.query]]
expr = "vector(7)"
signal = "seven"
""")
        done = agent.cli("check", "--online", "--config", agent.config)
        self.assertNotIn("s3cret", done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_the_server_is_verified_and_shown_who_asks(self):
        trust = f'ca_file = "{self.dir}/ca.pem"\n'
        certificate = f'cert_file = "{self.dir}/agent.pem"\nkey_file = "{self.dir}/agent.key"\n'
        account = 'username = "agent"\npassword = "s3cret-of-the-agent"\n'
        self.assertIn('ok: query "seven": 1 series, 1 samples', self.ask(trust + certificate + account))
        self.assertIn("set ca_file", self.ask(certificate + account))
        # The server hangs up on whoever shows none; what that looks like depends on who is faster.
        refused = self.ask(trust + account)
        self.assertRegex(refused, f"error: https://127.0.0.1:{self.port}: .+")
        self.assertNotIn("ok: query", refused)
        self.assertIn("HTTP 401; check bearer, username and password", self.ask(trust + certificate))
        self.assertIn("HTTP 401", self.ask(trust + certificate + account.replace("s3cret-of", "not-s3cret-of")))
        self.assertIn("check cert_file and key_file", self.ask(trust + certificate.replace("agent.key", "server.key") + account))


class OfNonsense(Asking):
    def test_garbage_costs_nothing_but_the_query_and_is_named(self):
        good = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"load"},"value":[NOW,"5"]}]}}'
        server = self.hook(of("<html>please log in</html>"))
        self.begin(server.url, '[[source.metrics.query]]\nexpr = "load"\n', every="300ms")
        up = lambda: [v for p in self.points("prometheus.up").values() for _, v in sorted(p.items())]
        for answer, text in (("<html>please log in</html>", "an HTML page"), (good[:-9], "cut short"), ('{"status": 7}', "cannot be read"),
                             (good.replace('"5"', '"five"'), "a value is no number"), ("\x00\x01\x02", "cannot be read")):
            with self.subTest(text):
                server.answer = of(good)
                until(lambda: up()[-1:] == [1], 30, "a good answer counts again")
                server.answer = of(answer)
                until(lambda: up()[-1:] == [0], 30, "a bad one does not")
                until(lambda: text in self.a.text(), what="the log says why")
        server.answer = of(good)
        until(lambda: up()[-1:] == [1], 30, "and again")
        self.assertEqual({v for p in self.points("load").values() for v in p.values()}, {5})
        self.assertEqual(server.requests[0]["headers"].get("X-Scope-OrgID"), "secret-tenant")
        self.assertIsNone(self.a.process.poll(), "the agent lives")


del Asking

if __name__ == "__main__":
    main()
