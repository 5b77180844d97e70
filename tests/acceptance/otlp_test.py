#!/usr/bin/env python3
"""Programs send metrics, logs and traces by OTLP/HTTP, in protobuf and JSON, to a real agent: rules fire on what they say, and what was
answered 200 survives kill -9. The official exporters do the same where node and their packages are at hand."""
import gzip
import os
import struct
import unittest

import npm_packages
from world import Case, call, main, now, until

CONFIG = """
[source.otlp]
[[source.otlp.match]]
signal = "payment.failed"
pattern = 'payment (?<order>\\d+) failed'

[[rule]]
name = "queue_long"
severity = "HIGH"
signal = "queue.depth"
by = ["service"]
op = ">"
threshold = 5
cooldown = "0s"

[[rule]]
name = "payments_fail"
severity = "HIGH"
signal = "payment.failed"
by = ["service"]
aggregate = "count"
over = "1m"
op = ">="
threshold = 2
cooldown = "0s"

[[rule]]
name = "requests_fail"
severity = "CRITICAL"
signal = "span.errors"
by = ["service", "operation"]
aggregate = "sum"
over = "1m"
op = ">="
threshold = 2
cooldown = "0s"

[[rule]]
name = "slow"
severity = "MEDIUM"
signal = "span.duration"
by = ["service"]
aggregate = "p95"
over = "1m"
op = ">"
threshold = 2
cooldown = "0s"
[route]
"""


# --- a small encoder of protobuf ---
def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def sub(number, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(content)) + content


def num(number, value):
    return varint(number << 3) + varint(value)


def fix(number, value):
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def real(number, value):
    return varint(number << 3 | 1) + struct.pack("<d", value)


def attribute(number, key, text):
    return sub(number, sub(1, key) + sub(2, sub(1, text)))


def request(service, items):
    return sub(1, sub(1, attribute(1, "service.name", service)) + sub(2, items))


def nanos():
    return int(now() * 1e9)


def gauge(value):
    return request("shop", sub(2, sub(1, "queue.depth") + sub(5, sub(1, fix(3, nanos()) + real(4, value)))))


def span(name, seconds, failed):
    end = nanos()
    return sub(2, sub(1, os.urandom(16)) + sub(2, os.urandom(8)) + sub(5, name) + num(6, 2) + fix(7, end - int(seconds * 1e9)) + fix(8, end) +
               (sub(15, num(3, 2)) if failed else b""))


def json_logs(*texts):
    records = [{"timeUnixNano": str(nanos()), "severityNumber": 17, "body": {"stringValue": text}} for text in texts]
    return {"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                              "scopeLogs": [{"scope": {"name": "test"}, "logRecords": records}]}]}


class Sends(Case):
    def setUp(self):
        self.a = self.agent(CONFIG).start()

    def protobuf(self, kind, body, **headers):
        return call("POST", f"{self.a.url}/v1/{kind}", body, {"Content-Type": "application/x-protobuf", **headers})

    def firing(self, rule):
        return [a for a in self.a.items("/api/v1/alerts") if a.get("rule") == rule and a.get("state", "firing").lower() == "firing"]

    def points(self, name):
        at = int(now())
        answer = self.a.get(f"/api/v1/signals/query?name={name}&fromEpoch={at - 300}&toEpoch={at + 60}&aggregation=raw").json
        return [p["value"] for s in answer.get("series", [answer]) for p in s.get("dataPoints", [])]


class Otlp(Sends):
    def test_a_metric_in_protobuf_alerts_and_ends_the_alert(self):
        self.assertEqual(self.protobuf("metrics", gauge(3)).status, 200)
        answer = self.protobuf("metrics", gzip.compress(gauge(9)), **{"Content-Encoding": "gzip"})
        self.assertEqual((answer.status, answer.body, answer.headers["Content-Type"]), (200, b"", "application/x-protobuf"))
        alert = until(lambda: self.firing("queue_long"), what="the alert")[0]
        self.assertEqual(alert["labels"]["service"], "shop")
        self.protobuf("metrics", gauge(1))
        until(lambda: not self.firing("queue_long"), what="the end of the alert")

    def test_log_records_in_json_alert_by_their_pattern(self):
        answer = call("POST", self.a.url + "/v1/logs", json_logs("payment 7 failed", "all is well", "payment 8 failed"))
        self.assertEqual((answer.status, answer.json), (200, {}))
        until(lambda: self.firing("payments_fail"), what="the alert")

    def test_spans_alert_by_their_errors_and_durations(self):
        spans = b"".join(span("POST /pay", 3, failed) for failed in (True, True, False))
        self.assertEqual(self.protobuf("traces", request("shop", spans)).status, 200)
        alert = until(lambda: self.firing("requests_fail"), what="the alert on errors")[0]
        self.assertEqual(alert["labels"]["operation"], "POST /pay")
        until(lambda: self.firing("slow"), what="the alert on durations")

    def test_what_was_answered_200_is_there_after_kill(self):
        for value in range(3):
            self.assertEqual(self.protobuf("metrics", gauge(value)).status, 200)
        self.a.kill()
        self.a.start()
        until(lambda: sorted(self.points("queue.depth")) == [0, 1, 2], what="the points")

    def test_what_cannot_be_taken_is_said_in_the_senders_encoding(self):
        answer = self.protobuf("metrics", b"\x0a\xff")
        self.assertEqual(answer.status, 400)
        self.assertTrue(answer.body.startswith(num(1, 3)))
        answer = call("POST", self.a.url + "/v1/logs", {"resourceLogs": 1})
        self.assertEqual((answer.status, answer.json["code"]), (400, 3))
        self.assertEqual(call("POST", self.a.url + "/v1/logs", b"x", {"Content-Type": "text/plain"}).status, 415)
        ahead = request("shop", sub(2, sub(1, "queue.depth") + sub(5, sub(1, fix(3, nanos() + 3600 * 10**9) + real(4, 1)))))
        answer = self.protobuf("metrics", ahead)
        self.assertEqual(answer.status, 200)
        self.assertIn(b"ahead", answer.body)


PACKAGES = ["@opentelemetry/" + name for name in ("api@1", "exporter-trace-otlp-proto", "exporter-trace-otlp-http", "exporter-metrics-otlp-http",
                                                  "sdk-trace-base", "sdk-metrics", "resources")]
SCRIPT = """
const { OTLPTraceExporter: ProtoTraces } = require('@opentelemetry/exporter-trace-otlp-proto');
const { OTLPTraceExporter: JsonTraces } = require('@opentelemetry/exporter-trace-otlp-http');
const { OTLPMetricExporter } = require('@opentelemetry/exporter-metrics-otlp-http');
const { BasicTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const url = process.argv[2];
const resource = resourceFromAttributes({ 'service.name': 'node-shop' });
(async () => {
  for (const exporter of [new ProtoTraces({ url: url + '/v1/traces' }), new JsonTraces({ url: url + '/v1/traces' })]) {
    const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(exporter)] });
    const span = provider.getTracer('t').startSpan('POST /pay', { kind: 1 });
    span.setStatus({ code: 2, message: 'no funds' });
    span.end();
    await provider.forceFlush();
    await provider.shutdown();
  }
  const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter({ url: url + '/v1/metrics' }), exportIntervalMillis: 60000 });
  const meters = new MeterProvider({ resource, readers: [reader] });
  meters.getMeter('t').createGauge('queue.depth').record(9);
  meters.getMeter('t').createHistogram('pay.duration', { unit: 's' }).record(0.2);
  await meters.forceFlush();
  await meters.shutdown();
})().catch(error => { console.error(error); process.exit(1); });
"""


class Exporters(Sends):
    def test_the_official_exporters_are_understood(self):
        home, why_not = npm_packages.installed("opentelemetry", *PACKAGES)
        if why_not:
            self.skipTest(f"skipped: {why_not}")
        script = self.a.dir / "send.js"
        script.write_text(SCRIPT)
        self.assertEqual(npm_packages.run(home, script, self.a.url), (0, ""))
        alert = until(lambda: self.firing("requests_fail"), what="the alert on two failed spans")[0]
        self.assertEqual(alert["labels"]["service"], "node-shop")
        until(lambda: self.firing("queue_long"), what="the alert on the gauge")
        until(lambda: set(self.points("pay.duration.count")) == {1}, what="the histogram")


if __name__ == "__main__":
    main()
