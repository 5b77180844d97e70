#!/usr/bin/env python3
"""Alertmanager's API on the real agent: amtool and a real Prometheus use it, its answers have the vendor's shapes where
the contract is at hand, and nothing that was answered 200 is lost by kill -9."""
import json
import re
import random
import shutil
import signal
import subprocess
import threading
import time
import unittest
import urllib.parse
from datetime import datetime, timedelta, timezone

from world import FULL, SHARED, Case, call, free_port, main, until

ROUNDS = 20 if FULL else 4
CONFIG = """
[source.alertmanager]
[notifier.hook]
plugin = "webhook"
url = "%s/hook"
[route]
group_by = ["alertname"]
group_wait = "0s"
group_interval = "1s"
notify = ["hook"]
[[route.routes]]
name = "team-x"
matchers = ['team="x"']
"""
ALERTS = "/api/v2/alerts"


def stamp(offset=0.0):
    return (datetime.now(timezone.utc) + timedelta(seconds=offset)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def fingerprint(labels):
    value = 14695981039346656037
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            value = (value ^ byte) * 1099511628211 % 2**64
    return f"{value:016x}"


class Contract:
    """The vendor's document, where it is at hand: an answer of a path has the shape it promises."""

    def __init__(self):
        path = SHARED / "contracts/alertmanager/api-v2.openapi.yaml"
        if not path.exists():
            raise unittest.SkipTest(f"the vendor's contract is not at hand: {path}")
        import jsonschema
        import yaml
        self.document = yaml.safe_load(path.read_text())
        self.jsonschema = jsonschema

    def schema(self, path, method, status):
        response = self.document["paths"][path][method]["responses"][str(status)]
        if "$ref" in response:
            response = self.document["responses"][response["$ref"].rsplit("/", 1)[1]]
        return response.get("schema")

    def check(self, answer, path, method="get"):
        schema = self.schema(path, method, answer.status)
        if schema is None:
            assert answer.body in (b"",), answer.body
            return
        resolver = self.jsonschema.RefResolver.from_schema(self.document)
        formats = self.jsonschema.FormatChecker(())  # Debian's knows no date-time by itself
        formats.checks("date-time")(lambda text: re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", text) is not None)
        formats.checks("uuid")(lambda text: re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text) is not None)
        self.jsonschema.Draft4Validator(schema, resolver=resolver, format_checker=formats).validate(answer.json)


class Alertmanager(Case):
    def start(self, config=CONFIG):
        self.receiver = self.hook()
        self.am = self.agent(config % self.receiver.url)
        self.am.start()
        return self.am

    def post(self, *alerts, status=200):
        answer = call("POST", self.am.url + ALERTS, list(alerts))
        self.assertEqual(answer.status, status, answer.body)
        return answer

    def alerts(self, query=""):
        answer = self.am.get(ALERTS + query)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def amtool(self, *args, check=0, input=None):
        tool = shutil.which("amtool")
        self.assertIsNotNone(tool, "amtool is not installed: scripts/packages test")
        done = subprocess.run([tool, "--alertmanager.url", self.am.url, *args], capture_output=True, text=True, timeout=60, input=input)
        self.assertEqual(done.returncode, check, done.stdout + done.stderr)
        return done.stdout

    def told(self):
        return [(b["receiver"], b["status"], sorted(a["labels"]["alertname"] for a in b["alerts"])) for b in self.receiver.messages()]

    def test_amtool_adds_and_queries_alerts(self):
        self.start()
        self.amtool("alert", "add", "Manual", "node=n1", "severity=warning", "--annotation=summary=by hand")
        found = json.loads(self.amtool("alert", "query", "-o", "json", "Manual"))
        self.assertEqual([a["fingerprint"] for a in found], ["172e140873e2d000"])
        self.assertEqual(found[0]["annotations"], {"summary": "by hand"})
        self.assertEqual(found[0]["status"]["state"], "active")
        self.assertEqual(found[0]["receivers"], [{"name": "root"}])
        self.assertIn("Manual", self.amtool("alert", "query", "node=~n.*"))
        self.assertEqual(json.loads(self.amtool("alert", "query", "-o", "json", "node=n2")), [])
        until(lambda: ("root", "firing", ["Manual"]) in self.told(), what="a webhook")
        incidents = self.am.incidents()
        self.assertEqual([(i["title"], i["severity"]) for i in incidents], [("Manual node=n1", "MEDIUM")])

    def test_amtool_reads_the_configuration(self):
        self.start()
        self.assertIn('receiver: "root"', self.amtool("config", "show"))
        self.assertEqual(self.amtool("config", "routes", "test", "team=x").strip(), "team-x")
        self.assertEqual(self.amtool("config", "routes", "test", "team=y").strip(), "root")
        self.assertIn("team-x", self.amtool("config", "routes", "show"))
        self.assertIn("ready", self.amtool("cluster", "show"))

    def silences(self, *args):
        return json.loads(self.amtool("silence", "query", "-o", "json", *args))

    def test_amtool_sets_changes_ends_and_imports_silences(self):
        self.start()
        if self.am.get("/api/v2/silences").status == 501:
            raise unittest.SkipTest("this build has no silences")
        self.post({"labels": {"alertname": "A", "node": "n1"}}, {"labels": {"alertname": "A", "node": "n2"}})
        first = self.amtool("silence", "add", "node=~n1|n3", "-a", "amal", "-c", "work", "-d", "1h").strip()
        self.assertEqual([(s["id"], s["comment"], s["createdBy"], s["status"]["state"]) for s in self.silences()], [(first, "work", "amal", "active")])
        self.assertEqual([(a["labels"]["node"], a["status"]["silencedBy"]) for a in self.alerts("?active=false")], [("n1", [first])])
        self.assertEqual([a["labels"]["node"] for a in self.alerts("?silenced=false")], ["n2"])
        self.assertIn("suppressed", self.amtool("alert", "query", "--silenced", "alertname=A"))
        self.amtool("silence", "update", "-d", "2h", "-c", "more work", first)
        self.assertEqual([(s["id"], s["comment"]) for s in self.silences()], [(first, "more work")], "end and comment change in place")
        exported = self.amtool("silence", "query", "-o", "json")
        self.am.kill()
        self.am.start()
        self.assertEqual([s["id"] for s in self.silences()], [first], "a silence survives kill -9")
        self.amtool("silence", "expire", first)
        self.assertEqual(self.silences(), [])
        self.assertEqual([s["id"] for s in self.silences("--expired")], [first])
        self.assertEqual(call("DELETE", f"{self.am.url}/api/v2/silence/{first}").status, 200)
        self.amtool("silence", "import", input=exported)
        again = self.silences()
        self.assertEqual([s["matchers"] for s in again], [[{"isEqual": True, "isRegex": True, "name": "node", "value": "n1|n3"}]])
        self.assertNotEqual(again[0]["id"], first, "an expired silence does not come back, another is made")
        self.assertEqual(self.alerts("?silenced=false")[0]["labels"]["node"], "n2")

    def test_an_alert_lives_from_its_start_to_its_end(self):
        self.start()
        labels = {"alertname": "Down", "instance": "a"}
        begin = stamp(-60)
        self.post({"labels": labels, "startsAt": begin, "generatorURL": "http://prom/g"})
        until(lambda: ("root", "firing", ["Down"]) in self.told(), what="firing")
        first = self.receiver.messages()[0]["alerts"][0]
        self.assertEqual(first["generatorURL"], "http://prom/g")
        self.assertEqual(first["fingerprint"], fingerprint(labels))
        self.assertEqual(first["startsAt"][:23], begin[:23])
        self.post({"labels": labels, "startsAt": begin, "endsAt": stamp()})
        self.assertEqual(self.alerts(), [])
        until(lambda: ("root", "resolved", ["Down"]) in self.told(), what="resolved")
        self.assertEqual([i["status"] for i in self.am.incidents()], ["RESOLVED"])

    def test_an_alert_that_nobody_repeats_ends_at_its_end(self):
        self.start()
        self.post({"labels": {"alertname": "Short"}, "endsAt": stamp(1.5), "startsAt": stamp()})
        self.assertEqual(len(self.alerts()), 1)
        until(lambda: ("root", "resolved", ["Short"]) in self.told(), what="resolved by itself")
        self.assertEqual(self.alerts(), [])

    def test_alerts_are_filtered_sorted_and_grouped(self):
        self.start()
        self.post(*[{"labels": {"alertname": f"A{i % 3}", "n": str(i), **({"team": "x"} if i % 2 else {})}} for i in range(30)])
        prints = [a["fingerprint"] for a in self.alerts()]
        self.assertEqual(len(prints), 30)
        self.assertEqual(prints, sorted(prints))
        self.assertEqual(len(self.alerts("?receiver=team")), 0)
        self.assertEqual(len(self.alerts("?receiver=team-.*")), 15)
        self.assertEqual(len(self.alerts("?" + urllib.parse.urlencode({"filter": 'alertname=~"A0|A1"'}))), 20)
        self.assertEqual(len(self.alerts("?active=false")), 0)
        groups = self.am.get("/api/v2/alerts/groups").json
        self.assertEqual([(g["labels"]["alertname"], g["receiver"]["name"], len(g["alerts"])) for g in groups],
                         [(f"A{i}", name, 5) for i in range(3) for name in ("root", "team-x")])

    def test_an_invalid_alert_does_not_keep_the_valid_ones_out(self):
        self.start()
        answer = self.post({"labels": {"alertname": "Good"}}, {"labels": {"1bad": "x"}}, {"labels": {"alertname": ""}}, status=400)
        self.assertIn("alert 1", answer.json)
        self.assertIn("alert 2", answer.json)
        self.assertEqual([a["labels"]["alertname"] for a in self.alerts()], ["Good"])
        for body, status in ((b"", 422), (b"{", 400), (b"[null]", 400), (b'[{"labels":{"a":1}}]', 400), (b"\xff\xfe", 400), (b"[" * 100000, 400)):
            self.assertEqual(call("POST", self.am.url + ALERTS, body).status, status, body[:20])
        self.assertEqual(len(self.alerts()), 1)

    def test_answers_have_the_vendors_shapes(self):
        contract = Contract()
        self.start()
        self.post({"labels": {"alertname": "A", "team": "x"}, "annotations": {"s": "t"}, "generatorURL": "http://x/y"}, {"labels": {"alertname": "B"}})
        for path in ("/status", "/receivers", "/alerts", "/alerts/groups"):
            contract.check(self.am.get("/api/v2" + path), path)
        for query in ("?filter=%7B", "?receiver=("):
            for path in ("/alerts", "/alerts/groups"):
                answer = self.am.get("/api/v2" + path + query)
                self.assertEqual(answer.status, 400)
                contract.check(answer, path)
        contract.check(self.post({"labels": {"alertname": "C"}}), "/alerts", "post")
        contract.check(self.post({"labels": {}}, status=400), "/alerts", "post")
        silence = {"matchers": [{"name": "alertname", "value": "A", "isRegex": False}], "startsAt": stamp(), "endsAt": stamp(60), "createdBy": "x", "comment": "c"}
        made = call("POST", self.am.url + "/api/v2/silences", silence)
        if made.status == 501:
            return
        contract.check(made, "/silences", "post")
        contract.check(self.am.get("/api/v2/silences"), "/silences")
        contract.check(self.am.get("/api/v2/alerts"), "/alerts")
        contract.check(self.am.get(f"/api/v2/silence/{made.json['silenceID']}"), "/silence/{silenceID}")
        self.assertEqual(self.am.get("/api/v2/silence/11111111-1111-4111-8111-111111111111").status, 404)

    def test_pages_answer_and_a_reload_changes_nothing_that_fires(self):
        self.start()
        self.post({"labels": {"alertname": "A"}})
        until(lambda: len(self.told()) == 1, what="told")
        self.assertEqual(self.am.get("/-/ready").body, b"OK")
        self.assertEqual(self.am.get("/-/healthy").body, b"OK")
        self.assertEqual(call("POST", self.am.url + "/-/reload").status, 200)
        self.assertEqual(len(self.alerts()), 1)
        self.post({"labels": {"alertname": "B"}})
        until(lambda: len(self.told()) == 2, what="the second alert")
        self.assertEqual([names for _, _, names in self.told()], [["A"], ["B"]])
        self.assertIn(b'tocsin_alerts_received_total{status="firing"} 2', self.am.get("/metrics").body)

    def test_without_the_section_it_says_how_to_enable_it(self):
        self.am = self.agent("").start()
        answer = self.am.get("/api/v2/alerts")
        self.assertEqual(answer.status, 404)
        self.assertIn("[source.alertmanager]", answer.json["detail"])
        self.assertEqual(call("POST", self.am.url + ALERTS, [{"labels": {"a": "b"}}]).status, 404)
        self.am.write_config("[source.alertmanager]\n")
        self.assertEqual(call("POST", self.am.url + "/api/v1/reload").status, 200)
        self.post({"labels": {"a": "b"}})

    def test_what_was_answered_survives_kill_9(self):
        agent = self.start()
        random.seed(11)
        kept, lock = {}, threading.Lock()

        def traffic(stop, worker, round_):
            count = 0
            while not stop.is_set():
                count += 1
                batch = [{"alertname": f"K{random.randint(0, 5)}", "id": f"{round_}-{worker}-{count}-{i}"} for i in range(random.randint(1, 20))]
                version = f"{round_}.{count}"
                try:
                    answer = call("POST", agent.url + ALERTS, [{"labels": l, "annotations": {"v": version}} for l in batch], timeout=5)
                except OSError:
                    return
                if answer.status == 200:
                    with lock:
                        kept.update({fingerprint(l): version for l in batch})

        for round_ in range(ROUNDS):
            if round_:
                agent.start()
            stop = threading.Event()
            workers = [threading.Thread(target=traffic, args=(stop, w, round_)) for w in range(3)]
            goal = len(kept) + random.randint(100, 600)
            for w in workers:
                w.start()
            until(lambda: len(kept) >= goal, 60, "traffic")
            agent.kill()
            stop.set()
            for w in workers:
                w.join()
        agent.start()
        found = {a["fingerprint"]: a["annotations"]["v"] for a in self.alerts()}
        self.assertEqual({f: v for f, v in kept.items() if found.get(f) != v}, {}, "answered 200 and not there")
        groups = [i["group_key"] for i in agent.incidents("?status=OPEN")]
        self.assertEqual(len(groups), len(set(groups)), "one incident for each group")

    def test_thousands_of_alerts_are_listed_in_time(self):
        self.start()
        for start in range(0, 13000, 500):
            self.post(*[{"labels": {"alertname": f"A{i % 86}", "instance": f"host-{i}.example:9100", "job": "node", "severity": "warning"},
                         "annotations": {"summary": "something is not as it should be"}} for i in range(start, start + 500)])
        best = 9.0
        for _ in range(5):
            begin = time.monotonic()
            body = self.am.get(ALERTS).body
            best = min(best, time.monotonic() - begin)
        self.assertEqual(len(json.loads(body)), 13000)
        print(f"GET {ALERTS} with 13000 alerts, {len(body) >> 20} MiB: {best * 1000:.0f} ms", flush=True)
        self.assertLess(best, 1.0)


class RealPrometheus(Case):
    def test_its_alerts_become_incidents_whoever_is_killed_meanwhile(self):
        program = shutil.which("prometheus")
        self.assertIsNotNone(program, "prometheus is not installed: scripts/packages test")
        receiver = self.hook()
        agent = self.agent(CONFIG % receiver.url)
        agent.start()
        port = free_port()
        (agent.dir / "rules.yml").write_text("""groups:
- name: g
  interval: 1s
  rules:
  - {alert: SelfDown, expr: 'up{job="gone"} == 0', labels: {severity: critical, team: x}, annotations: {summary: 'down: {{ $labels.instance }}'}}
""")
        (agent.dir / "prometheus.yml").write_text(f"""global: {{scrape_interval: 1s, evaluation_interval: 1s}}
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{agent.port}']}}]}}]}}
rule_files: [{agent.dir}/rules.yml]
scrape_configs: [{{job_name: gone, static_configs: [{{targets: ['127.0.0.1:{free_port()}']}}]}}]
""")

        def prometheus():
            out = open(agent.dir / "prometheus.log", "ab")
            process = subprocess.Popen([program, f"--config.file={agent.dir}/prometheus.yml", f"--storage.tsdb.path={agent.dir}/tsdb",
                                        f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=1s"], stdout=out, stderr=out)
            out.close()
            self.addCleanup(lambda: process.poll() is None and (process.kill(), process.wait()))
            return process

        first = prometheus()

        def fires():
            try:
                return agent.get(ALERTS).json
            except OSError:
                return []
        alert = until(fires, 30, "Prometheus' alert")[0]
        self.assertEqual(alert["labels"]["alertname"], "SelfDown")
        self.assertEqual(alert["receivers"], [{"name": "team-x"}])
        until(lambda: len(receiver.messages()) == 1, what="told")
        first.send_signal(signal.SIGKILL)
        first.wait()
        agent.kill()
        agent.start()
        self.assertEqual(len(agent.get(ALERTS).json), 1, "it still fires after the restart")
        updated = agent.get(ALERTS).json[0]["updatedAt"]
        second = prometheus()
        until(lambda: agent.get(ALERTS).json[0]["updatedAt"] > updated, 30, "sent again")
        self.assertEqual([(i["title"].split()[0], i["severity"], i["status"]) for i in agent.incidents()], [("SelfDown", "CRITICAL", "OPEN")])
        self.assertEqual(len(receiver.messages()), 1, "nobody is told twice")
        second.terminate()
        second.wait()


if __name__ == "__main__":
    main()
