#!/usr/bin/env python3
"""Real senders: rsyslog forwards what util-linux' logger said, in each of its formats, and its own JSON view of the same messages is
the judge; logger sends to the agent itself; TLS from a client with and without a certificate."""
import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest
from datetime import datetime
from pathlib import Path

from world import Case, free_port, main, now, until

RSYSLOG, LOGGER = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/usr/bin"), shutil.which("logger")
SOURCE = """
[source.{way}]
plugin = "syslog"
listen = ["{listen}"]
labels = {{ way = "{way}" }}
fields = ["facility", "severity", "app", "host", "procid"]
{more}
[[source.{way}.match]]
signal = "record"
pattern = '(?s)^(?<text>.*)$'
"""
RSYSLOG_CONF = """
global(workDirectory="{dir}")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="{port}")
template(name="view" type="list") {{
  constant(value="{{") property(name="syslogfacility-text" outname="facility" format="jsonf")
  constant(value=",") property(name="syslogseverity-text" outname="severity" format="jsonf")
  constant(value=",") property(name="programname" outname="app" format="jsonf")
  constant(value=",") property(name="hostname" outname="host" format="jsonf")
  constant(value=",") property(name="procid" outname="procid" format="jsonf")
  constant(value=",") property(name="timereported" dateFormat="rfc3339" outname="at" format="jsonf")
  constant(value=",") property(name="msg" outname="text" format="jsonf")
  constant(value="}}\\n") }}
action(type="omfile" file="{dir}/view" template="view")
action(type="omfwd" target="127.0.0.1" port="{bsd}" protocol="udp" template="RSYSLOG_TraditionalForwardFormat")
action(type="omfwd" target="127.0.0.1" port="{iso}" protocol="tcp" template="RSYSLOG_ForwardFormat")
action(type="omfwd" target="127.0.0.1" port="{octets}" protocol="tcp" template="RSYSLOG_SyslogProtocol23Format" TCP_Framing="octet-counted")
"""
MESSAGES = [
    ("auth.err", "sshd", "Failed password for root from 10.0.0.9 port 22 ssh2"),
    ("local4.debug", "my-app.service", "brackets [x] and: colons <34> inside"),
    ("daemon.crit", "db_1", 'quotes " and \\ and مرحبا'),
    ("cron.info", "a", "x"),
]


class Rsyslog:
    def __init__(self, **ports):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-syslog-"))
        self.port = free_port()
        conf = self.dir / "conf"
        conf.write_text(RSYSLOG_CONF.format(dir=self.dir, port=self.port, **ports))
        with open(self.dir / "out", "wb") as out:
            self.process = subprocess.Popen([RSYSLOG, "-n", "-f", conf, "-i", self.dir / "pid"], stdout=out, stderr=out)

    def view(self):
        path = self.dir / "view"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def source(way, listen, more=""):
    return SOURCE.format(way=way, listen=listen, more=more)


class Syslog(Case):
    def records(self, way):
        """Label sets and times of what came this way."""
        at = int(now())
        answer = self.a.get(f'/api/v1/signals/query?name=record&match=way="{way}"&fromEpoch={at - 300}&toEpoch={at + 60}&aggregation=raw').json
        return [(s["labels"], p["timestamp"]) for s in answer.get("series", [answer]) for p in s["dataPoints"]]

    def told(self, way):
        # rsyslog makes the blank behind a tag of RFC 3164 a part of the message when it forwards it as RFC 5424.
        return sorted((*rest, text.removeprefix(" ")) for *rest, text in self.raw(way))

    def raw(self, way):
        return sorted(tuple(labels.get(key, "") for key in ("facility", "severity", "app", "host", "procid", "text")) for labels, _ in self.records(way))

    def logger(self, port, *arguments):
        subprocess.run([LOGGER, "--server", "127.0.0.1", "--port", str(port), "--udp", *arguments], check=True)

    @unittest.skipIf(not RSYSLOG or not LOGGER, "rsyslog and bsdutils are not installed (scripts/packages test installs them)")
    def test_rsyslog_and_the_agent_read_the_same(self):
        ports = {way: free_port() for way in ("bsd", "iso", "octets")}
        self.a = self.agent(source("bsd", f"udp://127.0.0.1:{ports['bsd']}", 'zone = "local"') + source("iso", f"tcp://127.0.0.1:{ports['iso']}")
                            + source("octets", f"tcp://127.0.0.1:{ports['octets']}")).start()
        rsyslog = Rsyslog(**ports)
        self.addCleanup(rsyslog.close)
        sent = 0
        for form in ("--rfc3164", "--rfc5424"):
            for priority, tag, text in MESSAGES:
                sent += 1

                def arrived():
                    self.logger(rsyslog.port, form, "--priority", priority, "--tag", tag, f"--id={4000 + sent}", text)
                    return rsyslog.view()
                until(arrived, what="rsyslog's socket") if sent == 1 else arrived()
        until(lambda: len({(v["procid"], v["text"]) for v in rsyslog.view()}) == sent, what="rsyslog's view")
        for way in ports:
            with self.subTest(way):
                view = lambda: sorted({(v["facility"], v["severity"], v["app"], v["host"], v["procid"], v["text"].removeprefix(" ")) for v in rsyslog.view()})
                until(lambda: len(set(self.told(way))) >= sent, what=f"{sent} messages by {way}")
                self.assertEqual(sorted(set(self.told(way))), view())
                times = {labels["procid"]: at for labels, at in self.records(way)}
                for v in rsyslog.view():
                    self.assertAlmostEqual(times[v["procid"]], datetime.fromisoformat(v["at"]).timestamp(), delta=1.01)

    @unittest.skipIf(not LOGGER, "bsdutils is not installed (scripts/packages test installs it)")
    def test_logger_reaches_the_agent_in_each_of_its_ways(self):
        udp, tcp = free_port(), free_port()
        self.a = self.agent(source("udp", f"udp://127.0.0.1:{udp}") + source("tcp", f"tcp://127.0.0.1:{tcp}")).start()
        until(lambda: self.a.text().count("listening on") == 2, what="both sockets")
        self.logger(udp, "--rfc5424", "-p", "user.warning", "-t", "web", "--id=7", "--sd-id", "shop@32473", "--sd-param", 'order="7"', "slow")
        subprocess.run([LOGGER, "--server", "127.0.0.1", "--port", str(tcp), "--tcp", "--octet-count", "-p", "user.warning", "-t", "web", "--id=8", "two\nlines"], check=True)
        labels = until(lambda: self.records("udp"), what="the datagram")[0][0]
        self.assertEqual((labels["app"], labels["severity"], labels["procid"], labels["shop_order"], labels["text"]), ("web", "warning", "7", "7", "slow"))
        self.assertTrue(until(lambda: self.records("tcp"), what="the counted message"))

    def test_tls_with_a_certificate_of_ours_and_without(self):
        keys = Path(tempfile.mkdtemp(prefix="tocsin-tls-"))
        self.addCleanup(shutil.rmtree, keys)
        for name in ("server", "client", "stranger"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                            f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keys / f"{name}.key", "-out", keys / f"{name}.crt"],
                           check=True, capture_output=True)
        port = free_port()
        self.a = self.agent(source("tls", f"tls://127.0.0.1:{port}", f'tls = {{ cert = "{keys}/server.crt", key = "{keys}/server.key", client_ca = "{keys}/client.crt" }}')).start()
        until(lambda: "listening on tls://" in self.a.text(), what="the socket")

        def send(who, text):
            context = ssl.create_default_context(cafile=str(keys / "server.crt"))
            if who:
                context.load_cert_chain(keys / f"{who}.crt", keys / f"{who}.key")
            with socket.create_connection(("127.0.0.1", port), 10) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as line:
                line.sendall(f"<34>1 - h app - - - {text}\n".encode())
                line.unwrap()

        for who in (None, "stranger"):
            with contextlib.suppress(OSError):  # with TLS 1.3 a client may have said all before it hears that it is refused
                send(who, "unwanted")
        send("client", "welcome")
        until(lambda: self.told("tls"), what="the message over TLS")
        self.assertEqual([t[-1] for t in self.told("tls")], ["welcome"])
        until(lambda: "TLS was not agreed on" in self.a.text(), what="the refusal in the log")


if __name__ == "__main__":
    main()
