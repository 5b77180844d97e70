#!/usr/bin/env python3
"""The source kubernetes on the real agent, over TLS: against an API server of the tests' own, and the same against kube-apiserver on etcd
where it is found."""
import json
import unittest
import urllib.parse

from small_kubernetes import Real, Small, missing
from world import SHARED, SOURCE, Case, main, now, until

CONTRACT = SHARED / "contracts/kubernetes/k8s-1.36.trimmed.swagger.json"
RULES = """
[[rule]]
name = "container_waits"
severity = "HIGH"
signal = 'kubernetes.container.waiting{reason="CrashLoopBackOff"}'
by = ["namespace", "pod", "container"]
op = "=="
threshold = 1
cooldown = "0s"
[[rule]]
name = "job_failed"
severity = "CRITICAL"
signal = 'kubernetes.job.status{status="Failed"}'
by = ["namespace", "job", "reason"]
op = "=="
threshold = 1
[[rule]]
name = "claim_full"
severity = "HIGH"
signal = "kubernetes.pvc.used_percent"
by = ["namespace", "pvc"]
op = ">"
threshold = 90
[route]
"""


def rules_of_readme():
    """The ClusterRole that the README tells to make."""
    import yaml
    text = (SOURCE / "plugins/sources/kubernetes/README.md").read_text()
    documents = list(yaml.safe_load_all(text.split("```yaml\n")[1].split("```")[0]))
    return next(d["rules"] for d in documents if d["kind"] == "ClusterRole")


def rights_of(rules):
    return {(verb, resource) for rule in rules for verb in rule["verbs"] for resource in rule["resources"]}


def pod(name, restarts=0, waiting=None):
    state = {"waiting": {"reason": waiting, "message": "back-off 5m0s restarting failed container"}} if waiting else {"running": {"startedAt": "2026-11-27T10:00:00Z"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "shop:1"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False" if waiting else "True"}],
                       "containerStatuses": [{"name": "app", "image": "shop:1", "imageID": "", "ready": not waiting, "restartCount": restarts, "state": state}]}}


def event(name, count=1, kind="Warning"):
    import datetime
    at = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "default"}, "involvedObject": {"kind": "Pod", "namespace": "default", "name": "shop"},
            "type": kind, "reason": "BackOff", "message": "Back-off restarting failed container", "count": count, "firstTimestamp": at, "lastTimestamp": at, "source": {"component": "kubelet"}}


def node(name):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}]}}


def job(name):
    # A job is made with its pod's template; the status is the controller's.
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "load", "image": "load:1"}]}}},
            "status": {"failed": 1, "startTime": "2026-11-27T10:00:00Z", "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}]}}


class Promises:
    """What holds against either cluster. `begin()` gives the agent its source."""

    def begin(self, watch=("pods", "events", "jobs", "nodes"), token="good", ca="ca.pem", wait=True, extra=""):
        config = f"""
[source.cluster]
plugin = "kubernetes"
url = "{self.cluster.url}"
token_file = "{{dir}}/token"
ca_file = "{self.cluster.dir}/{ca}"
watch = {json.dumps(list(watch))}
every = "1s"
{extra}
"""
        self.a = self.agent(config + RULES, files={"token": token + "\n"}).start()
        if wait:
            until(lambda: self.counter("lists") >= len([w for w in watch if w != "volumes"]), 30, "every list was read")

    def log(self):
        """The agent's log, with the quotes of its JSON lines as they were."""
        return self.a.text().replace('\\"', '"')

    def counter(self, name):
        lines = [l for l in self.a.get("/metrics").body.decode().splitlines() if l.startswith(f"tocsin_plugin_{name}") and "#" not in l]
        return sum(float(l.rsplit(" ", 1)[1]) for l in lines)

    def points(self, signal, /, **labels):
        at = int(now())
        match = "".join("&match=" + urllib.parse.quote(f'{k}="{v}"') for k, v in labels.items())
        answer = self.a.get(f"/api/v1/signals/query?name={signal}&fromEpoch={at - 600}&toEpoch={at + 60}&aggregation=raw{match}").json
        return [p["value"] for s in answer.get("series", [answer]) for p in s["dataPoints"]]

    def firing(self, rule):
        return [a for a in self.a.items("/api/v1/alerts") if a.get("rule", a.get("ruleName")) == rule and a.get("state", "firing").lower() == "firing"]

    def test_a_pod_in_back_off_raises_an_alert_and_ends_it(self):
        self.cluster.apply("pods", pod("shop"))
        self.begin()
        until(lambda: self.points("kubernetes.container.restarts", pod="shop"), what="the list")
        self.cluster.apply("pods", pod("shop", 4, "CrashLoopBackOff"))
        until(lambda: self.firing("container_waits"), what="an alert")
        self.assertEqual(self.points("kubernetes.container.restarts", pod="shop")[-1], 4)
        self.cluster.apply("pods", pod("shop", 5))
        until(lambda: not self.firing("container_waits"), what="its end")

    def test_a_pod_that_is_deleted_ends_its_alert(self):
        self.cluster.apply("pods", pod("gone", 9, "CrashLoopBackOff"))
        self.begin()
        until(lambda: self.firing("container_waits"), what="an alert")
        self.cluster.delete("pods", "gone")
        until(lambda: not self.firing("container_waits"), what="its end")

    def test_a_failed_job_raises_an_incident(self):
        self.begin()
        self.cluster.apply("jobs", job("nightly"))
        incident = until(self.a.incidents, what="an incident")[0]
        self.assertIn("nightly", json.dumps(incident))

    def test_events_are_told_once_across_kill_and_forgetting(self):
        self.cluster.apply("events", event("before", 9))
        self.begin()
        self.cluster.apply("events", event("e", 1))
        until(lambda: sum(self.points("kubernetes.event", name="shop")) == 1, what="the first")
        self.cluster.apply("events", event("e", 4))
        until(lambda: sum(self.points("kubernetes.event", name="shop")) == 4, what="its rise")
        self.a.kill()
        self.cluster.apply("events", event("f", 1))
        self.a.start()
        until(lambda: sum(self.points("kubernetes.event", name="shop")) == 5, what="what came meanwhile")
        self.cluster.apply("events", event("g", 2))
        until(lambda: sum(self.points("kubernetes.event", name="shop")) == 7, what="the next")
        self.a.kill()
        told = int(now())
        until(lambda: int(now()) > told, what="the next second, as events have no finer times")
        self.cluster.apply("events", event("h", 1))
        self.cluster.compact()
        self.a.start()
        until(lambda: sum(self.points("kubernetes.event", name="shop")) == 8, 60, "after the version was forgotten")
        self.assertEqual(sorted(self.points("kubernetes.event", name="shop")), [1, 1, 1, 2, 3])

    def test_what_a_token_may_not_is_told_with_the_rule_to_add(self):
        self.begin(watch=("pods", "jobs"), token="poor", wait=False)
        until(lambda: 'resources: ["jobs"], verbs: ["list", "watch"]' in self.log(), what="the refusal")
        self.assertIn("list jobs: HTTP 403", self.a.text())
        self.cluster.apply("pods", pod("shop", 2))
        until(lambda: self.points("kubernetes.container.restarts", pod="shop"), what="what it may goes on")
        done = self.a.cli("check", "--config", self.a.config, "--online")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("may list /api/v1/pods", done.stdout + done.stderr)
        self.assertIn("list jobs: HTTP 403", done.stdout + done.stderr)

    def test_a_wrong_token_is_told_and_a_replaced_one_is_taken(self):
        self.begin(watch=("pods",), token="stolen", wait=False)
        until(lambda: "HTTP 401" in self.a.text(), what="the refusal")
        self.assertNotIn("stolen", self.a.text())
        (self.a.dir / "token").write_text("good\n")
        until(lambda: self.counter("lists"), 30, "the list, once the token is good")

    def test_another_ca_is_not_trusted(self):
        self.begin(watch=("pods",), ca="other.pem", wait=False)
        until(lambda: "set ca_file to the cluster's CA" in self.a.text(), what="the refusal")
        self.assertEqual(self.counter("lists"), 0)

    def test_the_rights_of_the_readme_are_enough(self):
        self.cluster.apply("nodes", node("n1"))
        self.begin(watch=("pods", "events", "nodes", "jobs", "deployments"))
        until(lambda: self.points("kubernetes.node.condition", node="n1", condition="Ready"), what="the node")
        self.assertNotIn("HTTP 403", self.a.text())


class AgainstTheTestsOwnServer(Promises, Case):
    def setUp(self):
        self.cluster = Small({"good": rights_of(rules_of_readme()), "poor": {("list", "pods"), ("watch", "pods")}})
        self.addCleanup(self.cluster.close)

    def test_pages_a_claim_and_its_alert(self):
        self.cluster.page = 3
        for n in range(10):
            self.cluster.apply("pods", pod(f"p{n}", n))
        self.cluster.apply("nodes", node("n1"))
        self.cluster.summaries["n1"] = {"node": {"nodeName": "n1"}, "pods": [{"podRef": {"name": "db-0", "namespace": "default"}, "volume": [
            {"name": "data", "pvcRef": {"name": "data", "namespace": "default"}, "capacityBytes": 1000, "usedBytes": 950, "availableBytes": 50}]}]}
        self.begin(watch=("pods", "nodes", "volumes"))
        for n in range(10):
            until(lambda: self.points("kubernetes.container.restarts", pod=f"p{n}"), what=f"p{n}")
        until(lambda: self.firing("claim_full"), what="the alert")
        self.assertEqual(self.points("kubernetes.pvc.used_percent", pvc="data")[-1], 95)

    @unittest.skipUnless(CONTRACT.exists(), f"skipped: there is no {CONTRACT}")
    def test_what_is_asked_and_what_the_test_serves_are_as_the_contract_says(self):
        import jsonschema
        document = json.loads(CONTRACT.read_text())
        for kind, item in (("pods", pod("shop", 1, "CrashLoopBackOff")), ("events", event("e")), ("nodes", node("n1"))):
            self.cluster.apply(kind, item)
        self.begin(watch=("pods", "events", "nodes"))
        until(lambda: sum(q.get("watch") == "true" for _, q in self.cluster.requests) >= 3, what="the watches")
        for path, query in list(self.cluster.requests):
            described = document["paths"].get(path)
            self.assertIsNotNone(described, f"{path} is in the contract")
            parameters = described.get("parameters", []) + described["get"].get("parameters", [])
            names = {p.get("name") or document["parameters"][p["$ref"].rsplit("/", 1)[1]]["name"] for p in parameters}
            self.assertLessEqual(set(query), names, path)
        definitions = {"pods": "Pod", "events": "Event", "nodes": "Node"}
        resolver = jsonschema.RefResolver.from_schema(document)
        for (kind, _, _), item in self.cluster.store.items():
            schema = document["definitions"][f"io.k8s.api.core.v1.{definitions[kind]}"]
            jsonschema.Draft4Validator(schema, resolver=resolver).validate(item)


@unittest.skipIf(missing(), f"skipped: {missing()}")
class AgainstKubeApiserver(Promises, Case):
    @classmethod
    def setUpClass(cls):
        poor = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]}]
        cls.cluster = Real({"good": "tocsin", "poor": "poor"}, {"tocsin": rules_of_readme(), "poor": poor})
        cls.addClassCleanup(cls.cluster.close)

    def setUp(self):
        for kind in ("pods", "events", "jobs", "nodes"):
            place = f"/apis/batch/v1/{kind}" if kind == "jobs" else f"/api/v1/{kind}"
            for item in self.cluster.call("GET", place)["items"]:
                self.cluster.delete(kind, item["metadata"]["name"], item["metadata"].get("namespace", "default"))


if __name__ == "__main__":
    main()
