#!/usr/bin/env python3
"""The source amqp and a real RabbitMQ: formats, dead letters, and every message once over a kill of the agent and of the broker."""
import gzip
import json
import os
import re
import signal
import subprocess
import unittest

import rabbit
from world import Case, free_port, main, now, until

CONFIG = """
[source.http]
[source.events]
plugin = "amqp"
url = "amqp://guest@127.0.0.1:%d/"
password = "guest"
queue = "%s"
every = "200ms"
%s
"""
DEAD = """declare = { dead_letter_exchange = "dead", bindings = [ { exchange = "orders", routing_key = "order.#" } ] }
"""


@unittest.skipIf(rabbit.why_not(), rabbit.why_not())
class AmqpSource(Case):
    def setUp(self):
        self.broker = rabbit.Rabbit()
        self.addCleanup(self.broker.cleanup)
        self.broker.start()

    def channel(self):
        """A publisher's channel in confirm mode, with the exchanges and a queue that keeps dead letters."""
        connection = self.broker.connect()
        self.addCleanup(rabbit.hang_up, connection)
        channel = connection.channel()
        channel.confirm_delivery()
        channel.exchange_declare("orders", "topic", durable=True)
        channel.exchange_declare("dead", "fanout", durable=True)
        channel.queue_declare("dead", durable=True)
        channel.queue_bind("dead", "dead", "")
        return channel

    def start(self, options="", queue="work", port=None, wait=True):
        self.a = self.agent(CONFIG % (port or self.broker.port, queue, options)).start()
        if wait:
            self.connected()

    def connected(self, limit=30):
        until(lambda: self.metric("amqp_connected") == 1, limit, "a consumer")

    def metric(self, name):
        """The plugin's metric; None: it has none yet."""
        found = re.findall(rf'^tocsin_plugin_{name}(?:_total)?{{[^}}]*source.events[^}}]*}} (\S+)', self.a.get("/metrics").body.decode(), re.M)
        return float(found[0]) if found else None

    def kept(self, name):
        """Every series of that name."""
        at = int(now())
        answer = self.a.get(f"/api/v1/signals/query?name={name}&fromEpoch={at - 7200}&toEpoch={at + 60}&aggregation=raw&limit=100000")
        return answer.json.get("series", [answer.json]) if answer.status == 200 else []

    def counted(self, name):
        """How many signals of that name are kept, and the sum of their values."""
        points = [p for s in self.kept(name) for p in s.get("dataPoints", [])]
        return len(points), sum(p["value"] for p in points)

    def down(self, part, limit=30):
        """The source is down and says so."""
        return until(lambda: next((p for p in self.a.items("/api/v1/plugins") if p["instance"] == "source.events" and part in (p["error"] or "")), None) or
                     part in self.a.text(), limit, part)

    def publish(self, channel, body, key="order.paid", exchange="orders", **properties):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        channel.basic_publish(exchange, key, body, rabbit.pika.BasicProperties(delivery_mode=2, **properties), mandatory=True)

    def dead_letters(self, channel, count):
        found = []

        def got():
            method, properties, body = channel.basic_get("dead", auto_ack=True)
            if method:
                found.append((properties.headers["x-death"][0]["reason"], body))
            return len(found) >= count
        until(got, 20, f"{count} dead letters, got {found}")
        return found

    def test_signals_and_dead_letters(self):
        channel = self.channel()
        self.start(DEAD)
        ts = int(now()) - 5
        self.publish(channel, {"name": "t.one", "value": 1, "ts": ts, "labels": {"loader": "A"}})
        self.publish(channel, [{"name": "t.two", "value": 2, "ts": ts}, {"name": "t.two", "value": "x"}])
        self.publish(channel, gzip.compress(json.dumps({"signals": [{"name": "t.three", "value": 3, "ts": ts}]}).encode()), content_encoding="gzip")
        garbage = [b"garbage", b"", b'{"name": "half', b'[{"value": 1}]', b"\xff\xfe\x00", b"x" * 2_000_000]
        for body in garbage:
            self.publish(channel, body)
        self.publish(channel, b"{}", content_encoding="br")
        letters = self.dead_letters(channel, len(garbage) + 1)
        self.assertEqual({reason for reason, _ in letters}, {"rejected"})
        self.assertEqual(sorted(body for _, body in letters), sorted(garbage + [b"{}"]))
        for name, want in (("t.one", (1, 1)), ("t.two", (1, 2)), ("t.three", (1, 3))):
            until(lambda: self.counted(name) == want, what=f"{name}: {want}")
        until(lambda: self.metric("amqp_acknowledged") == 3 and self.metric("amqp_rejected") == 7, what="the counts")
        until(lambda: self.metric("amqp_queue_messages") == 0, what="the queue's depth")
        self.assertEqual(channel.queue_declare("work", passive=True).method.message_count, 0)

    def test_an_event_raises_an_alert(self):
        channel = self.channel()
        self.start(DEAD + """format = "event"
signal = "order.event"
[source.events.event]
value = "/amount"
text = "/words"
labels = { status = "/state" }
[[rule]]
name = "order_failed"
severity = "HIGH"
signal = 'order.event{status="FAILED",routing_key="order.done"}'
by = ["status"]
aggregate = "last"
op = ">"
threshold = 5
over = "5m"
""")
        self.publish(channel, {"state": "FAILED", "amount": 17, "words": "card refused"}, "order.done", timestamp=int(now()))
        found = until(lambda: self.a.items("/api/v1/alerts"), what="an alert")
        self.assertEqual((found[0]["labels"]["alertname"], found[0]["labels"]["status"], found[0]["value"]), ("order_failed", "FAILED", 17))

    def test_texts_become_signals_by_patterns_in_a_process_of_its_own(self):
        channel = self.channel()
        self.start(DEAD + """isolation = "process"
format = "text"
fields = ["header:x-host"]
[[source.events.match]]
signal = "job.seconds"
pattern = 'job (?<job>\\w+) took (?<s>\\S+)s'
value = "s"
""")
        self.publish(channel, b"job nightly took 12.5s", headers={"x-host": "db-1"})
        self.publish(channel, b"all is well")
        until(lambda: self.counted("job.seconds") == (1, 12.5), what="the signal")
        labels = self.kept("job.seconds")[0]["labels"]
        self.assertEqual((labels["job"], labels["x_host"]), ("nightly", "db-1"))
        until(lambda: self.metric("amqp_unmatched") == 1 and self.metric("amqp_acknowledged") == 2, what="the counts")

    def test_every_message_counts_once_over_kills_of_the_agent(self):
        channel = self.channel()
        self.start(DEAD + "prefetch = 50\n")
        total, ts = 3000, int(now()) - 600
        for i in range(total):
            self.publish(channel, {"name": "t.once", "value": 1, "ts": ts + i / 10}, message_id=str(i))
            if i in (700, 1500, 2300):
                self.a.kill()
                self.a.start()
        until(lambda: channel.queue_declare("work", passive=True).method.message_count == 0 and self.counted("t.once")[0] >= total, 60, "every signal")
        self.connected()
        self.assertEqual(self.counted("t.once"), (total, total))
        self.assertEqual(self.a.stop(), 0)

    def test_what_was_not_acknowledged_comes_again_and_is_known(self):
        line = rabbit.Line(self.broker.port)
        self.addCleanup(line.close)
        channel = self.channel()
        channel.queue_declare("work", durable=True, arguments={"x-dead-letter-exchange": "dead"})
        channel.queue_bind("work", "orders", "#")
        self.start(port=line.port)
        line.mute.set()  # acknowledgements do not arrive
        for i in range(40):
            self.publish(channel, {"name": "t.again", "value": 1, "ts": int(now()) - 60 + i}, message_id=str(i))
        until(lambda: self.counted("t.again") == (40, 40), what="the signals")
        line.cut()
        line.mute.clear()
        until(lambda: self.metric("amqp_duplicates") == 40, 60, "every message known again")
        self.assertEqual(self.metric("amqp_redelivered"), 40)
        self.assertEqual(self.counted("t.again"), (40, 40))
        until(lambda: channel.queue_declare("work", passive=True).method.message_count == 0, what="an empty queue")

    def test_a_broker_that_stops_is_told_and_comes_back(self):
        channel = self.channel()
        self.start(DEAD)
        self.publish(channel, {"name": "t.back", "value": 1}, message_id="1")
        until(lambda: self.counted("t.back") == (1, 1), what="the first signal")
        self.broker.kill()
        until(lambda: self.metric("amqp_connected") == 0, what="the loss")
        self.down("amqp: ")
        self.broker.start()
        self.connected(60)
        channel = self.channel()
        self.publish(channel, {"name": "t.back", "value": 1}, message_id="2")
        until(lambda: self.counted("t.back") == (2, 2), what="the second signal")

    def test_a_broker_that_stands_still_holds_up_nothing_else(self):
        channel = self.channel()
        self.start(DEAD)
        os.killpg(self.broker.process.pid, signal.SIGSTOP)
        try:
            self.assertEqual(self.a.push([{"name": "t.else", "value": 1}]).status, 202)
            self.assertEqual(self.a.get("/readyz").status, 200)
            self.assertEqual(self.a.stop(limit=20), 0)
        finally:
            os.killpg(self.broker.process.pid, signal.SIGCONT)
        self.a.start()
        self.connected(60)
        self.publish(self.channel(), {"name": "t.still", "value": 1})
        until(lambda: self.counted("t.still") == (1, 1), what="the signal")
        del channel

    def test_a_queue_that_is_missing_or_deleted_is_explained(self):
        channel = self.channel()
        self.start(queue="nowhere", wait=False)
        self.down("no queue 'nowhere'")
        self.down("declare = {}")
        channel.queue_declare("nowhere", durable=True)
        self.connected(60)
        channel.queue_delete("nowhere")
        self.down("was deleted")
        self.assertNotIn("guest@", self.a.text())

    def test_a_wrong_password_and_other_properties_are_explained(self):
        channel = self.channel()
        channel.queue_declare("work", durable=False)
        self.start(DEAD, wait=False)
        self.down("the queue is there with other properties")
        self.a.stop()
        a = self.agent((CONFIG % (self.broker.port, "work", "")).replace('"guest"', '"s3cret"')).start()
        until(lambda: "ACCESS_REFUSED" in a.text(), 30, "the refusal")
        self.assertNotIn("s3cret", a.text())

    def test_check_online_looks_at_the_queue(self):
        channel = self.channel()
        channel.queue_declare("work", durable=True)
        self.publish(channel, b"x", "work", "")
        a = self.agent(CONFIG % (self.broker.port, "work", ""))
        self.assertIn('has the queue "work": 1 messages', a.cli("check", "--online", "--config", a.config, check=0).stdout)
        self.assertEqual(channel.queue_declare("work", passive=True).method.message_count, 1)

    def test_a_trial_takes_nothing_out_of_the_queue(self):
        channel = self.channel()
        channel.queue_declare("work", durable=True)
        for body in (b'{"name": "t.one", "value": 1}', b"garbage"):
            channel.basic_publish("", "work", body)
        a = self.agent(CONFIG % (self.broker.port, "work", ""))
        found = json.loads(a.cli("--json", "source", "test", "events", "--config", a.config, check=0).stdout)
        self.assertIn("a trial leaves it there", " ".join(found["report"]))
        self.assertEqual(found["signals"], 0)
        self.assertEqual(channel.queue_declare("work", passive=True).method.message_count, 2)

    def test_source_and_notifier_have_one_id(self):
        channel = self.channel()
        channel.exchange_declare("tocsin", "topic", durable=True)
        channel.queue_declare("alerts", durable=True)
        channel.queue_bind("alerts", "tocsin", "#")
        self.start(DEAD + """[notifier.amqp]
url = "amqp://guest@127.0.0.1:%d/"
password = "guest"
[route]
notify = ["amqp"]
group_wait = "0s"
[[rule]]
name = "seen"
severity = "HIGH"
signal = "t.both"
op = "EXISTS"
over = "5m"
""" % self.broker.port)
        self.publish(channel, {"name": "t.both", "value": 1})
        got = until(lambda: channel.basic_get("alerts", auto_ack=True)[2], what="an alert")
        self.assertEqual(json.loads(got)["commonLabels"]["alertname"], "seen")


@unittest.skipIf(rabbit.why_not(), rabbit.why_not())
class AmqpsSource(Case):
    def test_tls_is_verified(self):
        port = free_port()
        broker = rabbit.Rabbit(f"listeners.ssl.1 = 127.0.0.1:{port}\n" + "".join(
            f"ssl_options.{key} = {{dir}}/{file}\n" for key, file in (("cacertfile", "broker.pem"), ("certfile", "broker.pem"), ("keyfile", "broker.key"))))
        self.addCleanup(broker.cleanup)
        for name in ("broker", "other"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
                            "subjectAltName=DNS:localhost", "-keyout", broker.dir / f"{name}.key", "-out", broker.dir / f"{name}.pem"],
                           check=True, capture_output=True)
        broker.start()
        connection = broker.connect()
        self.addCleanup(rabbit.hang_up, connection)
        channel = connection.channel()
        channel.queue_declare("work", durable=True)
        channel.basic_publish("", "work", json.dumps({"name": "t.tls", "value": 1}))
        config = (CONFIG % (port, "work", f'ca_file = "{broker.dir}/%s"')).replace("amqp://guest@127.0.0.1", "amqps://guest@localhost")
        stranger = self.agent(config % "other.pem").start()
        until(lambda: "check the broker's certificate and ca_file" in stranger.text(), 30, "the refusal")
        stranger.stop()
        self.assertEqual(channel.queue_declare("work", passive=True).method.message_count, 1)
        agent = self.agent(config % "broker.pem").start()
        until(lambda: channel.queue_declare("work", passive=True).method.message_count == 0 and
              re.search(r"amqp_acknowledged(?:_total)?\{.*\} 1", agent.get("/metrics").body.decode()), 30, "the message")


if __name__ == "__main__":
    if rabbit.why_not():
        print(f"amqp_source: skipped, {rabbit.why_not()}")
    main()
