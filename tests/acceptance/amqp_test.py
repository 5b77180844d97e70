#!/usr/bin/env python3
"""The notifier amqp and a real RabbitMQ: routing keys, ids, confirms, and a broker that is killed before it could confirm."""
import json
import unittest

import rabbit
from world import Case, main, signal_of, until

CONFIG = """
[source.http]
[notifier.amqp]
url = "amqp://guest@127.0.0.1:%d/"
password = "guest"
timeout = "%s"
[route]
group_by = ["alertname", "loader"]
group_wait = "0s"
group_interval = "1s"
%s
[policy.ops]
steps = [ { notify = ["amqp"] } ]
[[rule]]
name = "loader_failed"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "5m"
"""


@unittest.skipIf(rabbit.why_not(), rabbit.why_not())
class Amqp(Case):
    def setUp(self):
        self.broker = rabbit.Rabbit()
        self.addCleanup(self.broker.cleanup)
        self.broker.start()

    def listen(self):
        """A consumer's channel with a durable queue that takes everything."""
        connection = self.broker.connect()
        self.addCleanup(rabbit.hang_up, connection)
        channel = connection.channel()
        channel.exchange_declare("tocsin", "topic", durable=True)  # as the plugin declares it, or either is refused
        channel.queue_declare("all", durable=True)
        channel.queue_bind("all", "tocsin", "#")
        return channel

    def start(self, route, port=None, timeout="10s"):
        self.a = self.agent(CONFIG % (port or self.broker.port, timeout, route)).start()

    def fail_loader(self, *loaders):
        self.assertEqual(self.a.push([signal_of("etl.run", loader=loader, status="FAILED") for loader in loaders]).status, 202)

    def next(self, channel, limit=20):
        """(routing key, properties, body) of the next message."""
        def got():
            method, properties, body = channel.basic_get("all", auto_ack=True)
            return method and (method.routing_key, properties, json.loads(body))
        key, properties, body = until(got, limit, "a message")
        self.assertEqual(properties.delivery_mode, 2)
        self.assertEqual(properties.content_type, "application/json")
        self.assertTrue(properties.message_id)
        return key, properties, body

    def test_an_incidents_life_is_published(self):
        channel = self.listen()
        self.start('policy = "ops"')
        self.fail_loader("DAILY_SALES")
        key, first, body = self.next(channel)
        self.assertEqual((key, body["status"], body["severity"]), ("incident.created", "OPEN", "HIGH"))
        self.assertEqual(body["alerts"][0]["labels"]["loader"], "DAILY_SALES")
        number = self.a.incidents()[0]["number"]
        until(lambda: "SENT" in {r["status"] for r in self.a.items("/api/v1/notifications/log")}, what="a SENT row")
        self.a.cli("incident", "ack", number, check=0)
        key, second, body = self.next(channel)
        self.assertEqual((key, body["status"], body["number"]), ("incident.updated", "ACKNOWLEDGED", number))
        self.a.cli("incident", "resolve", number, "--notes", "done", check=0)
        key, third, body = self.next(channel)
        self.assertEqual((key, body["status"], body["resolution_notes"]), ("incident.updated", "RESOLVED", "done"))
        self.assertEqual(len({p.message_id for p in (first, second, third)}), 3)

    def test_a_groups_flush_is_published_as_alertmanagers_payload(self):
        channel = self.listen()
        self.start('notify = ["amqp"]')
        self.fail_loader("DAILY_SALES")
        key, _, body = self.next(channel)
        self.assertEqual((key, body["version"], body["status"]), ("alert.triggered", "4", "firing"))

    def test_what_no_queue_takes_is_sent_counted_and_said(self):
        self.start('notify = ["amqp"]')
        self.fail_loader("DAILY_SALES")
        until(lambda: "SENT" in {r["status"] for r in self.a.items("/api/v1/notifications/log")}, what="a SENT row")
        until(lambda: "no queue takes" in self.a.text(), what="the warning")
        self.assertRegex(self.a.get("/metrics").body.decode(), r"amqp_unroutable\S* 1")

    def test_a_wrong_password_is_said(self):
        self.a = self.agent((CONFIG % (self.broker.port, "10s", 'notify = ["amqp"]')).replace('"guest"', '"s3cret"')).start()
        self.fail_loader("DAILY_SALES")
        error = until(lambda: next((r["error"] for r in self.a.items("/api/v1/notifications/log") if r["error"]), None), what="a failed attempt")
        self.assertIn("ACCESS_REFUSED", error)
        self.assertNotIn("s3cret", error)

    def test_a_broker_killed_before_its_confirm_gets_every_message_again_with_its_id(self):
        line = rabbit.Line(self.broker.port)
        self.addCleanup(line.close)
        channel = self.listen()
        self.start('notify = ["amqp"]', line.port, "60s")
        self.fail_loader("warm")
        _, warm, _ = self.next(channel)
        until(lambda: "SENT" in {r["status"] for r in self.a.items("/api/v1/notifications/log")}, what="a SENT row")
        line.deaf.set()  # the confirm does not arrive
        loaders = {f"L{i}" for i in range(20)}
        self.fail_loader(*loaders)
        _, first, _ = self.next(channel)
        self.broker.kill()
        line.deaf.clear()
        self.broker.start()
        channel = self.listen()
        seen, ids = set(), []
        while seen != loaders:
            _, properties, body = self.next(channel, 60)
            ids.append((properties.message_id, body["groupKey"]))
            seen |= {a["labels"]["loader"] for a in body["alerts"]} - {"warm"}
        self.assertIn(first.message_id, [i for i, _ in ids], "the unconfirmed message came again under its id")
        self.assertEqual(len({i for i, _ in ids}), len(set(ids)), "one id, one message")
        self.assertNotIn(warm.message_id, [i for i, _ in ids], "what was confirmed is not sent again")


if __name__ == "__main__":
    if rabbit.why_not():
        print(f"amqp: skipped, {rabbit.why_not()}")
    main()
