#!/usr/bin/env python3
"""`auth` of a source: what does not show the right token, password or signature is answered 401 and changes nothing; a real Prometheus
shows it; a reload changes tokens on connections that stay open."""
import base64
import hashlib
import hmac
import http.client
import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from scrape_test import Pages, TEXT
from world import Case, call, free_port, main, now, signal_of, until

PROMETHEUS = shutil.which("prometheus")
BULK = "/api/v1/signals/bulk"


def body(name="a"):
    return {"signals": [signal_of(name)]}


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class Tokens(Case):
    CONFIG = """
[source.http]
auth = { tokens = { ci = "file:ci", cron = "env:TOCSIN_TEST_CRON" } }
[source.otlp]
auth = { username = "otel", password = "file:otel" }
[source.alertmanager]
auth = { bearer = "file:am" }
[route]
"""

    def setUp(self):
        self.a = self.agent(self.CONFIG.replace("env:TOCSIN_TEST_CRON", "file:cron"),
                            files={"ci": "token-of-ci\n", "cron": "token-of-cron\n", "otel": "pass-of-otel", "am": "token-of-am"}).start()

    def push(self, headers=None, path=BULK, what=None):
        return call("POST", self.a.url + path, what or body(), headers)

    def series(self):
        return [one["name"] for one in self.a.items("/api/v1/series")]

    def test_a_push_needs_one_of_the_tokens(self):
        refused = self.push()
        self.assertEqual(refused.status, 401)
        self.assertEqual(refused.headers["WWW-Authenticate"], 'Bearer realm="source.http"')
        self.assertEqual(refused.headers["Content-Type"], "application/problem+json")
        self.assertEqual(self.push(bearer("token-of-otel")).status, 401)
        self.assertEqual(self.push(bearer("token-of-ci ")).status, 202, "the space is the header's")
        self.assertEqual(self.push(bearer("token-of-cron"), what=body("b")).status, 202)
        until(lambda: {"a", "b"} <= set(self.series()), what="what was pushed with a token")

    def test_refused_requests_are_counted_and_logged_without_what_they_showed(self):
        for _ in range(5):
            self.push(bearer("hunter2-of-an-intruder"))
        log = until(lambda: "refused" in self.a.log.read_text() and self.a.log.read_text(), what="the log")
        self.assertEqual(log.count("refused 1 request"), 1, "once a minute at most")
        for secret in ("hunter2", "token-of-ci", "token-of-cron"):
            self.assertNotIn(secret, log)
        metrics = self.a.get("/metrics").body.decode()
        self.assertIn('status="401"', metrics)

    def test_the_command_line_pushes_with_a_token_file(self):
        self.assertIn("[source.http] auth asks for", self.a.cli("signal", "push", "x", "1", check=1).stderr)
        self.a.cli("--token-file", "ci", "signal", "push", "x", "1", check=0)

    def test_a_large_body_is_refused_before_it_is_sent(self):
        import socket
        head = f"POST {BULK} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50000000\r\n"
        for extra, status in (("", b"401"), ("Authorization: Bearer wrong\r\n", b"401"), ("Authorization: Bearer token-of-ci\r\n", b"100")):
            with socket.create_connection(("127.0.0.1", self.a.port), timeout=20) as line:
                line.sendall((head + extra + "Expect: 100-continue\r\n\r\n").encode())
                self.assertEqual(line.recv(4096).split(b" ")[1], status, extra)

    def test_otlp_asks_for_name_and_password(self):
        metrics = {"resourceMetrics": []}
        path = "/v1/metrics"
        refused = self.push(path=path, what=metrics)
        self.assertEqual((refused.status, refused.headers["WWW-Authenticate"]), (401, 'Basic realm="source.otlp", charset="UTF-8"'))
        basic = lambda text: {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}
        self.assertEqual(self.push(basic("otel:wrong"), path, metrics).status, 401)
        self.assertEqual(self.push(basic("otel:pass-of-otel"), path, metrics).status, 200)

    def test_alertmanagers_api_asks_on_every_path_and_health_on_none(self):
        alert = [{"labels": {"alertname": "X"}}]
        self.assertEqual(self.push(path="/api/v2/alerts", what=alert).status, 401)
        self.assertEqual(self.a.get("/api/v2/silences").status, 401)
        self.assertEqual(self.push(bearer("token-of-ci"), "/api/v2/alerts", alert).status, 401, "another source's")
        self.assertEqual(self.push(bearer("token-of-am"), "/api/v2/alerts", alert).status, 200)
        self.assertEqual(self.a.get("/-/healthy").status, 200)

    def test_a_reload_changes_tokens_and_keeps_connections(self):
        line = http.client.HTTPConnection("127.0.0.1", self.a.port, timeout=20)
        self.addCleanup(line.close)

        def ask(token):
            line.request("POST", BULK, json.dumps(body()), {"Content-Type": "application/json", **bearer(token)})
            answer = line.getresponse()
            answer.read()
            return answer.status

        self.assertEqual(ask("token-of-ci"), 202)
        socket = line.sock
        text = self.a.config.read_text()
        self.a.config.write_text(text.replace('ci = "file:ci"', 'ci = "file:next"'))
        (self.a.dir / "next").write_text("token-after\n")
        self.a.cli("reload", check=0)
        self.assertEqual(ask("token-of-ci"), 401)
        self.assertEqual(ask("token-after"), 202)
        self.assertIs(line.sock, socket, "the same connection")
        # A file that changes counts without a reload.
        (self.a.dir / "next").write_text("token-at-last\n")
        until(lambda: ask("token-at-last") == 202, what="the changed file")
        self.assertEqual(ask("token-after"), 401)
        # A token that cannot be read any more is no reason to let everybody in.
        (self.a.dir / "next").unlink()
        refused = self.a.cli("reload")
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("next", refused.stderr)
        self.assertEqual(ask("token-at-last"), 202)
        self.assertEqual(ask("anything"), 401)
        self.assertIs(line.sock, socket)


class Signatures(Case):
    def test_a_body_signed_with_the_key_is_taken(self):
        a = self.agent('[source.http]\nauth = { type = "hmac", secret = "file:key" }\n', files={"key": "k"}).start()
        text = json.dumps(body()).encode()
        sign = lambda key: {"X-Hub-Signature-256": "sha256=" + hmac.new(key, text, hashlib.sha256).hexdigest()}
        self.assertEqual(call("POST", a.url + BULK, text).status, 401)
        self.assertEqual(call("POST", a.url + BULK, text, sign(b"other")).status, 401)
        self.assertEqual(call("POST", a.url + BULK, text, sign(b"k")).status, 202)

    def test_who_is_in_none_of_the_networks_is_refused(self):
        a = self.agent('[source.http]\nauth = { allow_from = ["10.0.0.0/8"] }\n').start()
        self.assertEqual(a.push([signal_of("a")]).status, 403)
        a.config.write_text(a.config.read_text().replace("10.0.0.0/8", "127.0.0.0/8"))
        a.cli("reload", check=0)
        self.assertEqual(a.push([signal_of("a")]).status, 202)


@unittest.skipIf(not PROMETHEUS, "prometheus is not installed (scripts/packages test installs it)")
class FromPrometheus(Case):
    def prometheus(self, target, agent, credentials):
        folder = Path(tempfile.mkdtemp(prefix="tocsin-prom-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        (folder / "p.yml").write_text(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: shop
    metrics_path: /shop
    static_configs: [{{targets: ['127.0.0.1:{target}']}}]
remote_write:
  - url: {agent.url}/api/v1/write
    authorization: {{type: Bearer, credentials: {credentials}}}
    queue_config: {{batch_send_deadline: 200ms, min_backoff: 100ms, max_backoff: 500ms}}
""")
        out = open(folder / "out", "wb")
        self.addCleanup(out.close)
        process = subprocess.Popen([PROMETHEUS, f"--config.file={folder}/p.yml", f"--storage.tsdb.path={folder}/data",
                                    f"--web.listen-address=127.0.0.1:{free_port()}"], stdout=out, stderr=out)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return folder / "out"

    def setUp(self):
        self.pages = Pages({"shop": (TEXT, 'queue{lane="a"} 1\n')})
        self.addCleanup(self.pages.close)
        self.a = self.agent('[source.remote_write]\nauth = { bearer = "file:token" }\n', files={"token": "prom-token"}).start()

    def arrived(self):
        return "queue" in [one["name"] for one in self.a.items("/api/v1/series")]

    def test_the_right_token_writes(self):
        self.prometheus(self.pages.port, self.a, "prom-token")
        until(self.arrived, 40, "samples")

    def test_the_wrong_one_is_told_so(self):
        out = self.prometheus(self.pages.port, self.a, "another")
        until(lambda: "401" in out.read_text(), 40, "Prometheus says that it was refused")
        self.assertFalse(self.arrived())


class ByCertificate(Case):
    def test_only_the_named_client_gets_in(self):
        if not shutil.which("openssl"):
            self.skipTest("openssl is not installed, so there are no certificates")
        a = self.agent("")
        run = lambda *args: subprocess.run(["openssl", *args], cwd=a.dir, check=True, capture_output=True)
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=test ca", "-days", "2")
        (a.dir / "san").write_text("subjectAltName=IP:127.0.0.1\n")
        for name in ("server", "sender", "other"):
            run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
            run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem", "-days", "2",
                "-extfile", "san")
        health = free_port()
        a.write_config(f'health_listen = "127.0.0.1:{health}"\n'
                       'tls = { cert = "{dir}/server.pem", key = "{dir}/server.key", client_ca = "{dir}/ca.pem" }\n'
                       '[source.http]\nauth = { type = "mtls", subject = "CN=sender" }\n')
        a.start(wait=False)
        def ready():
            try:
                return call("GET", f"http://127.0.0.1:{health}/readyz").status == 200
            except OSError:
                return False
        until(ready, what="agent ready")
        import ssl
        def push(name):
            context = ssl.create_default_context(cafile=str(a.dir / "ca.pem"))
            context.load_cert_chain(a.dir / f"{name}.pem", a.dir / f"{name}.key")
            line = http.client.HTTPSConnection("127.0.0.1", a.port, context=context, timeout=20)
            self.addCleanup(line.close)
            line.request("POST", BULK, json.dumps(body()), {"Content-Type": "application/json"})
            answer = line.getresponse()
            return answer.status, answer.read()
        self.assertEqual(push("sender")[0], 202)
        status, text = push("other")
        self.assertEqual(status, 403, text)


if __name__ == "__main__":
    main()
