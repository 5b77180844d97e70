#!/usr/bin/env python3
"""The source elasticsearch and a real OpenSearch: counts, groups and buckets are those of the documents, each bucket is taken once
whatever is killed, a rule asks, and a server that is stopped, stalled, overloaded or talks nonsense is told of. What the agent asks is
held against the vendor's schema of requests where that is at hand."""
import collections
import datetime
import json
import shutil
import ssl
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from opensearch_node import OpenSearch, make
from world import SHARED, SOURCE, Case, call, main, now, until

SCHEMA = SHARED / "contracts" / "elasticsearch" / "es-requests.strict.schema.json"
REQUESTS = SOURCE / "plugins" / "sources" / "elasticsearch" / "testdata" / "requests.json"
CLASSPATH, WHY_NOT = make()
FIELDS = {"@timestamp": {"type": "date"}, "service": {"type": "keyword"}, "level": {"type": "keyword"}, "ms": {"type": "double"}, "user": {"type": "long"},
          "msg": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}}
SOURCE_SECTION = """
[source.logs]
plugin  = "elasticsearch"
url     = "%s"
index   = "logs-*"
every   = "300ms"
timeout = "3s"
delay   = "0s"
over    = "2h"
"""


def validator(request):
    """A check by the vendor's schema for one kind of request, or the reason why there is none."""
    if not SCHEMA.exists():
        return None, f"{SCHEMA} is not there"
    try:
        import jsonschema
    except ImportError:
        return None, "python3-jsonschema is not installed"
    schema = {**json.loads(SCHEMA.read_text()), "$ref": f"#/definitions/request.{request}"}
    schema.pop("$id", None)
    checker = jsonschema.Draft201909Validator(schema)
    return lambda body: [f"{list(e.absolute_path)}: {e.message[:200]}" for e in checker.iter_errors(body)], None


def kind_of(path):
    return "count" if "/_count?" in path else "search"


def at(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(timespec="milliseconds")


class Contract(unittest.TestCase):
    def test_the_requests_of_the_unit_tests_are_those_of_the_vendor(self):
        for kind in ("count", "search"):
            check, why = validator(kind)
            if not check:
                self.skipTest(why)
            self.assertTrue(check({"query": {"terms": 1}}), "the schema refuses what is wrong")
            for name, each in json.loads(REQUESTS.read_text()).items():
                if kind_of(each["path"]) == kind:
                    with self.subTest(name):
                        self.assertEqual(check(each["body"]), [])


@unittest.skipIf(not CLASSPATH, f"skipped: there is no OpenSearch here: {WHY_NOT}")
class Elasticsearch(Case):
    @classmethod
    def setUpClass(cls):
        cls.server = OpenSearch(CLASSPATH).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.cleanup()

    def setUp(self):
        call("DELETE", self.server.url + "/logs-*")
        self.server.create("logs-1", **FIELDS)
        self.begun = now()

    def front(self, answer=None):
        """A line to the server that can be told to answer itself: `answer(request)`, None passes on."""
        def forward(request):
            own = front.own(request) if front.own else None
            if own == "drop":
                return None
            if own:
                return own
            headers = {k: v for k, v in request["headers"].items() if k in ("Content-Type", "X-Opaque-Id")}
            try:
                got = call(request["method"], self.server.url + request["path"], request["body"] or None, headers)
            except OSError:
                return None
            return got.status, {"Content-Type": got.headers.get("Content-Type", "")}, got.body
        front = self.hook(forward)
        front.own = answer
        return front

    def begin(self, url, queries="", more=""):
        self.a = self.agent(SOURCE_SECTION % url + more + queries).start()

    def points(self, name, **labels):
        """{labels as a sorted tuple: [(time, value)]} of a signal."""
        match = "".join(f"&match={k}%3D%22{v}%22" for k, v in labels.items())
        answer = self.a.get(f"/api/v1/signals/query?name={name}&fromEpoch={int(self.begun) - 7300}&toEpoch={int(now()) + 60}&aggregation=raw&limit=100000{match}").json
        return {tuple(sorted(s["labels"].items())): [(p["timestamp"], p["value"]) for p in s["dataPoints"]]
                for s in answer.get("series", [answer]) if s.get("dataPoints")}

    def last(self, name, **labels):
        return {key: points[-1][1] for key, points in self.points(name, **labels).items()}

    def up(self, query):
        return list(self.last("elasticsearch.up", query=query).values())

    def documents(self, count, age=600):
        """Over the `age` seconds before now, the newest 20 s old."""
        first = self.begun - age
        step = (age - 20) / count
        return [{"@timestamp": at(first + i * step), "service": ("pay", "shop", "auth")[i % 3], "level": "ERROR" if i % 4 == 0 else "INFO",
                 "ms": i * 1.5, "user": i % 17, "msg": "it failed"} for i in range(count)]

    def test_what_is_told_is_what_the_documents_say(self):
        documents = self.documents(300)
        self.server.index("logs-1", documents)
        front = self.front()
        self.begin(front.url, """
[[source.logs.query]]
signal = "errors"
query  = { term = { level = "ERROR" } }
labels = { team = "data" }
[[source.logs.query]]
signal   = "by_service"
group_by = ["service", "level"]
[[source.logs.query]]
signal   = "slowness"
lucene   = "level:INFO AND service:(pay OR shop)"
group_by = { who = "service" }
metric   = "avg"
field    = "ms"
[[source.logs.query]]
signal = "p90"
metric = "p90"
field  = "ms"
[[source.logs.query]]
signal = "users"
metric = "cardinality"
field  = "user"
[[source.logs.query]]
signal = "spread"
metric = "stats"
field  = "ms"
[[source.logs.query]]
signal     = "greatest"
group_by   = ["user"]
max_groups = 3
[[source.logs.query]]
signal = "own"
aggs   = '{"slow": {"filter": {"range": {"ms": {"gte": 300}}}, "aggs": {"worst": {"max": {"field": "ms"}}}}}'
[[source.logs.query]]
signal   = "per_minute"
bucket   = "1m"
since    = "20m"
group_by = ["service"]
[[source.logs.query]]
signal = "minutes"
bucket = "1m"
since  = "20m"
""")
        until(lambda: self.points("minutes") and self.points("own"), 30, "rows of all queries")
        # The index has two shards, which hold a part of each group: greatest groups of each are not those of all.
        self.assertEqual(self.last("errors"), {(("team", "data"),): 75})
        counts = collections.Counter((("level", d["level"]), ("service", d["service"])) for d in documents)
        self.assertEqual(self.last("by_service"), dict(counts))
        for who in ("pay", "shop"):
            ms = [d["ms"] for d in documents if d["level"] == "INFO" and d["service"] == who]
            self.assertAlmostEqual(self.last("slowness")[(("who", who),)], sum(ms) / len(ms), places=6)
        self.assertAlmostEqual(self.last("p90")[()], 300 * 1.5 * 0.9, delta=5)
        self.assertEqual(self.last("users"), {(): 17})
        self.assertEqual(len(self.last("greatest")), 3)
        told = sum(self.last("greatest").values()) + self.last("elasticsearch.other", query="greatest")[(("query", "greatest"),)]
        self.assertEqual(told, 300)
        self.assertEqual(self.last("own"), {(("agg", "worst"),): 299 * 1.5})
        minute = lambda d: (int(datetime.datetime.fromisoformat(d["@timestamp"]).timestamp()) // 60 + 1) * 60
        over = max(t for t, _ in self.points("minutes")[()])
        want = collections.Counter((d["service"], minute(d)) for d in documents if minute(d) <= over)
        got = {(dict(labels)["service"], t): v for labels, points in self.points("per_minute").items() for t, v in points if t <= over}
        self.assertEqual(got, dict(want))
        plain = self.points("minutes")[()]
        self.assertEqual([t for t, _ in plain], list(range(int(plain[0][0]), int(plain[-1][0]) + 60, 60)), "each minute once, also of 0")
        self.assertEqual(sum(v for _, v in plain), sum(want.values()))
        with front.lock:
            asked = [r for r in front.requests if r["method"] == "POST"]
        self.assertTrue(all(r["headers"]["X-Opaque-Id"] == "tocsin-logs" for r in asked))
        for kind in ("count", "search"):
            check, why = validator(kind)
            if not check:
                print(f"the requests were not held against the vendor's schema: {why}")
                continue
            for body in {r["body"] for r in asked if kind_of(r["path"]) == kind}:
                self.assertEqual(check(json.loads(body)), [], body)

    def test_each_bucket_is_taken_once_over_kills_of_the_agent_and_of_the_server(self):
        stop, written, writing = threading.Event(), [], threading.Lock()

        def write():
            while not stop.wait(0.1):
                with writing:  # a server that starts would take a document much later than its time, which is not promised
                    document = {"@timestamp": at(now()), "service": "pay"}
                    self.server.index("logs-1", [document])
                    written.append(document)
        writer = threading.Thread(target=write)
        self.addCleanup(stop.set)
        writer.start()
        self.begin(self.server.url, '[[source.logs.query]]\nsignal = "pay"\nbucket = "1s"\nsince = "1m"\ndelay = "3s"\ngroup_by = ["service"]\n')
        taken = lambda: sum(v for points in self.points("pay").values() for _, v in points)
        until(lambda: taken() > 10, 30, "the first buckets")
        self.a.kill()
        self.a.start()
        so_far = taken()
        until(lambda: taken() > so_far, 30, "buckets after the agent's kill")
        with writing:
            self.server.stop()
            until(lambda: self.up("pay") == [0], 30, "the source says that its server is down")
            self.server.start()
        until(lambda: self.up("pay") == [1], 60, "the server is there again")
        stop.set()
        writer.join()
        self.assertGreater(len(written), 30)
        self.assertEqual(self.server.count("logs-1"), len(written))
        until(lambda: taken() >= len(written), 60, "all documents")
        self.assertEqual(taken(), len(written))
        times = [t for points in self.points("pay").values() for t, _ in points]
        self.assertEqual(len(times), len(set(times)), "no bucket twice")

    def test_a_rule_asks_and_raises_an_alert_for_each_group(self):
        self.server.index("logs-1", self.documents(300))
        self.begin(self.server.url, """
[[rule]]
name      = "many_errors"
severity  = "HIGH"
every     = "1s"
op        = ">"
threshold = 20
message   = "{{value}} errors of {{service}}"
query     = { source = "logs", query = "level:ERROR", group_by = ["service"], over = "1h" }
[[rule]]
name      = "on_text"
severity  = "LOW"
every     = "1s"
op        = ">"
threshold = 0
query     = { source = "logs", group_by = ["msg"] }
[route]
group_by = ["service"]
""")
        alerts = lambda: [a for a in self.a.items("/api/v1/alerts") if a["labels"].get("alertname") == "many_errors"]
        until(lambda: len(alerts()) == 3, 30, "an alert for each service")
        self.assertEqual({a["labels"]["service"] for a in alerts()}, {"pay", "shop", "auth"})
        failing = lambda: [r for r in self.a.items("/api/v1/rules") if r["name"] == "on_text" and "msg.keyword" in json.dumps(r)]
        until(lambda: failing() or "msg.keyword" in self.a.text(), 30, "the remedy is named")

    def test_the_shipped_rule_and_the_shipped_statistic_ask_it_as_they_are_written(self):
        self.server.index("logs-1", self.documents(300, age=150))
        receiver = self.hook()
        self.begin(self.server.url, f"""
[rules]
pack = "default"
[pack.default.rule.error_log_spike]
every = "1s"
[statistics]
every = "10s"
[notifier.hook]
plugin = "webhook"
url = "{receiver.url}/hook"
[route]
group_wait = "0s"
notify = ["hook"]
""")
        told = lambda: [a for b in receiver.messages() for a in b["alerts"] if a["labels"]["alertname"] == "error_log_spike"]
        until(told, 60, "the rule fires")
        self.assertIn("75 error records in 5 minutes, above 50", told()[0]["annotations"]["message"])
        until(lambda: self.points("ERROR_COUNT_5MIN"), 60, "the statistic")
        (labels, points), = self.points("ERROR_COUNT_5MIN").items()
        self.assertEqual((dict(labels)["loader"], dict(labels)["metric_source"]), ("STATS-ERROR-RATE", "ELASTICSEARCH"))
        self.assertEqual(points[0][1], 75)

    def test_a_source_in_a_process_of_its_own_tells_and_answers_the_same(self):
        self.server.index("logs-1", self.documents(300))
        self.begin(self.server.url, """
[[source.logs.query]]
signal = "errors"
lucene = "level:ERROR"
[[rule]]
name      = "errors_of_service"
severity  = "HIGH"
every     = "1s"
op        = ">"
threshold = 0
query     = { source = "logs", query = { term = { level = "ERROR" } }, group_by = ["service"] }
[route]
""", 'isolation = "process"\n')
        until(lambda: self.last("errors") == {(): 75}, what="the count")
        alerts = lambda: {a["labels"]["service"] for a in self.a.items("/api/v1/alerts") if a["labels"].get("alertname") == "errors_of_service"}
        until(lambda: alerts() == {"pay", "shop", "auth"}, 30, "an alert for each service")

    def test_a_server_that_fails_is_told_of_and_asked_again(self):
        self.server.index("logs-1", self.documents(30))
        front = self.front()
        self.begin(front.url, '[[source.logs.query]]\nsignal = "all"\n')
        until(lambda: self.up("all") == [1], what="up")
        ways = {
            "a page of a proxy": lambda r: (200, {"Content-Type": "text/html"}, b"<html>welcome</html>"),
            "half an answer": lambda r: (200, {}, b'{"count": 30, "_sh'),
            "a partial answer": lambda r: (200, {}, b'{"count": 7, "_shards": {"total": 2, "successful": 1, "failed": 1}}'),
            "too much to do": lambda r: (429, {}, b'{"error":{"root_cause":[{"type":"es_rejected_execution_exception","reason":"queue full"}]}}'),
            "a dropped line": lambda r: "drop",
        }
        for way, answer in ways.items():
            with self.subTest(way):
                front.own = answer
                until(lambda: self.up("all") == [0], 30, way)
                front.own = None
                until(lambda: self.up("all") == [1], 90, "up again")
        self.assertEqual(set(v for _, v in self.points("all")[()]), {30}, "nothing partial was told")
        metrics = self.a.get("/metrics").body.decode()
        for counter in ("queries", "query_failures", "overloaded", "rows"):
            self.assertRegex(metrics, rf'(?m)^tocsin_plugin_{counter}_total{{[^}}]*query="all"[^}}]*}} [1-9]')
        self.assertIn("1 of 2 shards failed", self.a.text())
        self.assertIn("queue full", self.a.text())

    def test_a_server_that_hangs_costs_the_timeout_and_no_more(self):
        self.server.index("logs-1", self.documents(30))
        self.begin(self.server.url, '[[source.logs.query]]\nsignal = "all"\n[route]\n')
        until(lambda: self.up("all") == [1], what="up")
        self.server.stall()
        self.addCleanup(self.server.stall, False)
        until(lambda: self.up("all") == [0], 30, "down")
        until(lambda: "SourceDown" in json.dumps(self.a.incidents()), 60, "the source is down")
        self.assertEqual(self.a.get("/readyz").status, 200)
        self.assertNotIn("PluginQuarantined", json.dumps(self.a.incidents()))
        self.server.stall(False)
        until(lambda: self.up("all") == [1], 60, "up again")

    def test_the_next_address_is_asked_when_one_is_down(self):
        self.server.index("logs-1", self.documents(30))
        one, other = self.front(), self.front()
        section = (SOURCE_SECTION % "URL").replace('"URL"', f'["{one.url}", "{other.url}"]')
        self.a = self.agent(section + '[[source.logs.query]]\nsignal = "all"\n').start()
        until(lambda: self.up("all") == [1], what="up")
        self.assertEqual(other.requests, [])
        one.own = lambda r: "drop"
        until(lambda: len(other.requests) > 3, 30, "the other is asked")
        self.assertEqual(self.up("all"), [1])

    def test_a_check_online_names_the_server_and_what_is_wrong_with_fields(self):
        self.server.index("logs-1", self.documents(30))
        self.begin(self.server.url, """
[[source.logs.query]]
signal = "good"
[[source.logs.query]]
signal   = "text"
group_by = ["msg"]
[[source.logs.query]]
signal = "gone"
index  = "gone-*"
[[source.logs.query]]
signal = "wrong"
query  = { nope = {} }
[[source.logs.query]]
signal     = "timeless"
time_field = "when"
""")
        said = self.a.cli("check", "--online", "--config", self.a.config)
        said = said.stdout + said.stderr
        for part in ("is OpenSearch 2.19.6", 'query "good": 1 row, 30\n', 'use "msg.keyword"', "there is no index gone-*", "unknown field [nope]",
                     'no field "when"'):
            self.assertIn(part, said)

    def test_who_asks_signs_in_over_tls_with_a_certificate_of_its_own(self):
        self.server.index("logs-1", self.documents(30))
        pki = Path(tempfile.mkdtemp(prefix="tocsin-pki-"))
        self.addCleanup(shutil.rmtree, pki)
        openssl = lambda *args: subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=pki)
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        openssl("req", "-x509", *ec, "-days", "2", "-subj", "/CN=Corp CA", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", "ca.key", "-out", "ca.pem")
        (pki / "extra").write_text("subjectAltName=IP:127.0.0.1\n")
        for name in ("server", "agent"):
            openssl("req", *ec, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", "request")
            openssl("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extra", "-out", f"{name}.pem")
        front = self.front(lambda r: None if r["headers"].get("Authorization") == "Basic cmVhZGVyOnRoZS1zZWNyZXQ=" else (401, {}, b"{}"))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=pki / "ca.pem")
        context.load_cert_chain(pki / "server.pem", pki / "server.key")
        context.verify_mode = ssl.CERT_REQUIRED
        front.server.socket = context.wrap_socket(front.server.socket, server_side=True)
        url = f"https://127.0.0.1:{front.port}"
        query = '[[source.logs.query]]\nsignal = "all"\n'
        account = 'username = "reader"\npassword = "the-secret"\n'
        both = account + f'ca_file = "{pki}/ca.pem"\ncert_file = "{pki}/agent.pem"\nkey_file = "{pki}/agent.key"\n'
        self.begin(url, query, both)
        until(lambda: self.up("all") == [1], what="up")
        self.assertEqual(set(self.last("all").values()), {30})
        self.assertNotIn("the-secret", self.a.text())
        self.begin(url, query, account)
        until(lambda: "ca_file" in self.a.text(), what="the remedy for a certificate that is not trusted")
        self.begin(url, query, both.replace("the-secret", "another-secret"))
        until(lambda: "check username and password" in self.a.text(), what="the remedy for a wrong password")
        self.assertNotIn("another-secret", self.a.text())


if __name__ == "__main__":
    main()
