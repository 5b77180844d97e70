#!/usr/bin/env python3
"""StatsD clients and the real agent: what is sent is what the history says, a rule over it opens an incident, what is refused is counted."""
import re
import socket

import npm_packages
from world import Case, free_port, main, now, until

CONFIG = """
[source.app]
plugin = "statsd"
listen = ["udp://127.0.0.1:%d", "tcp://127.0.0.1:%d"]
every  = "200ms"
[[rule]]
name = "checkout_slow"
severity = "HIGH"
signal = "checkout.time"
by = ["env"]
aggregate = "max"
over = "1m"
op = ">"
threshold = 500
[route]
"""


class Statsd(Case):
    def setUp(self):
        self.udp, self.tcp = free_port(), free_port()
        self.a = self.agent(CONFIG % (self.udp, self.tcp)).start()
        until(lambda: f"listening on udp://127.0.0.1:{self.udp}" in self.a.text(), what="the socket")

    def send(self, *lines):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for line in lines:
                s.sendto(line.encode(), ("127.0.0.1", self.udp))

    def history(self, name, aggregation="sum", match=""):
        at = int(now())
        answer = self.a.get(f"/api/v1/signals/query?name={name}&fromEpoch={at - 300}&toEpoch={at + 60}&aggregation={aggregation}&bucket=1d{match}").json
        return sum(p["value"] for p in answer.get("dataPoints", []))

    def metric(self, name):
        found = re.findall(rf"^tocsin_plugin_{name}(?:_total)?{{[^}}]*}} (\S+)", self.a.get("/metrics").body.decode(), re.M)
        return sum(map(float, found))

    def test_every_count_arrives_once_over_udp_and_tcp(self):
        for _ in range(50):
            self.send(*["orders:1|c"] * 10)
        with socket.create_connection(("127.0.0.1", self.tcp)) as stream:
            stream.sendall(b"orders:250|c\norders:25|c|@0.1\n")
        until(lambda: self.history("orders") + self.metric("datagrams_dropped") == 1000, what="1000 orders")

    def test_a_client_from_npm_is_understood(self):
        home, why_not = npm_packages.installed("statsd", "hot-shots")
        if why_not:
            self.skipTest(f"skipped: {why_not}")
        script = self.a.dir / "send.js"
        script.write_text("""
const StatsD = require('hot-shots');
const client = new StatsD({ host: '127.0.0.1', port: Number(process.argv[2]), globalTags: { env: 'prod' }, errorHandler: e => { throw e; } });
for (let i = 0; i < 20; ++i) client.increment('client.orders');
client.gauge('client.queue', 7);
client.timing('client.time', 120);
client.histogram('client.size', 512);
client.set('client.users', 'a');
client.close();
""")
        self.assertEqual(npm_packages.run(home, script, str(self.udp)), (0, ""))
        until(lambda: self.history("client.orders", match='&match=env="prod"') == 20, what="20 counts")
        until(lambda: self.history("client.queue", "max") == 7, what="the gauge")
        until(lambda: self.history("client.time", "count") == 1, what="the timer")

    def test_a_timer_over_its_threshold_opens_an_incident(self):
        self.send("checkout.time:120|ms|#env:test", "checkout.time:80:900|ms|#env:prod")
        incident = until(self.a.incidents, what="incident")[0]
        self.assertIn("prod", incident["title"])
        until(lambda: self.history("checkout.time", "count", '&match=env="prod"') == 2, what="two observations")
        self.assertEqual(len(self.a.incidents()), 1)

    def test_what_is_refused_is_counted_and_the_rest_is_taken(self):
        self.send("nonsense\ngood:1|c\nbad:x|c", "_e{1,1}:a|b")
        until(lambda: self.metric("lines_refused") == 2 and self.metric("events_ignored") == 1, what="counters")
        until(lambda: self.history("good") == 1, what="the good line")
        self.assertIn('signals_validation_failures_total', self.a.get("/metrics").body.decode())

    def test_in_a_process_of_its_own_it_reads_the_same(self):
        port = free_port()
        a = self.agent(f'[source.app]\nplugin = "statsd"\nisolation = "process"\nlisten = ["udp://127.0.0.1:{port}"]\nevery = "200ms"\n').start()
        self.a, self.udp = a, port
        until(lambda: f"listening on udp://127.0.0.1:{port}" in a.text(), what="the socket")
        self.send("apart:3|c", "apart:4|c")
        until(lambda: self.history("apart") == 7, what="the count from the other process")

    def test_what_was_added_up_is_kept_when_the_agent_stops(self):
        self.send("last:7|c")
        until(lambda: self.metric("lines_read") >= 1 or self.history("last") == 7, what="the line")
        self.assertEqual(self.a.stop(), 0)
        self.a.start()
        until(lambda: self.history("last") == 7, what="the last count after a restart")


if __name__ == "__main__":
    main()
