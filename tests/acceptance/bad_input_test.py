#!/usr/bin/env python3
"""Bad input gets a clear error that names the place, and costs nothing else: the agent goes on."""
import os
import shutil
import socket
import subprocess

from world import BUILD, TOCSIN, Case, call, main, signal_of, until

CONFIG = """
[source.http]
"""
RULE = """
[[rule]]
name = "any_failure"
severity = "HIGH"
signal = 'etl.run{status="FAILED"}'
by = ["loader"]
op = "EXISTS"
over = "1m"
"""


class BadInput(Case):
    def works(self, agent, loader):
        self.assertEqual(agent.push([signal_of("etl.run", loader=loader, status="FAILED")]).status, 202)
        until(lambda: [i for i in agent.incidents() if loader in i["title"]], what=f"incident of {loader}")

    def test_bad_toml_names_the_place_and_the_nearest_key(self):
        agent = self.agent('[source.auth]\nplugin = "logtail"\npathes = ["/x"]\n')
        done = agent.cli("check", "--config", agent.config, check=1)
        out = done.stdout + done.stderr
        self.assertRegex(out, r"agent\.toml:\d+:\d+: .*pathes")
        self.assertIn('"paths"', out)

    def test_a_syntax_error_names_line_and_column(self):
        agent = self.agent('[source.auth\n')
        done = agent.cli("check", "--config", agent.config, check=1)
        self.assertRegex(done.stdout + done.stderr, r"agent\.toml:\d+:\d+: ")
        self.assertNotEqual(subprocess.run([TOCSIN, "run", "--config", agent.config], capture_output=True, timeout=20).returncode, 0)

    def test_a_bad_reload_changes_nothing(self):
        agent = self.agent(CONFIG + RULE).start()
        agent.write_config(CONFIG + RULE + "\n[http2]\nx = 1\n")
        refused = agent.cli("reload", check=1)
        self.assertIn("http2", refused.stderr + refused.stdout)
        self.works(agent, "STILL")
        agent.write_config(CONFIG + RULE.replace("any_failure", "renamed_failure"))
        agent.cli("reload", check=0)
        self.assertIn("renamed_failure", agent.cli("rule", "list", check=0).stdout)

    def test_a_bad_lua_rule_names_file_and_line_and_the_others_run(self):
        agent = self.agent(CONFIG + '[rules]\npaths = ["rules.d/*.lua"]\n' + RULE, files={
            "rules.d/bad.lua": 'rule "x" {\n  severity = "HIGH",\n  check = function(s) return nope( end,\n}\n',
            "rules.d/good.lua": 'rule "lua_failures" {\n  severity = "HIGH", signals = { failed = \'etl.run{status="FAILED"}\' }, by = { "loader" },\n'
                                '  check = function(s) local n = s.failed:count("5m") or 0; if n >= 1 then return { value = n } end end,\n}\n'})
        done = agent.cli("check", "--config", agent.config, check=1)
        self.assertRegex(done.stdout + done.stderr, r"bad\.lua:3")
        agent.start()
        self.works(agent, "LUA")
        until(lambda: [i for i in agent.incidents() if "lua_failures" in i["title"]], what="incident of the Lua rule")

    def test_bad_plugins_are_named_and_the_agent_goes_on(self):
        agent = self.agent(CONFIG + RULE).start()
        good = (BUILD / "plugins" / "http.so").read_bytes()
        (agent.plugins / "truncated.so").write_bytes(good[: len(good) // 3])
        other = bytearray(good)
        other[18:20] = (183).to_bytes(2, "little")  # e_machine: aarch64
        (agent.plugins / "arch.so").write_bytes(other)
        (agent.plugins / "text.so").write_text("not a library")
        (agent.plugins / "empty.so").write_bytes(b"")
        os.symlink(BUILD / "plugins" / "http.so", agent.plugins / "link.so")
        shutil.copy("/lib/x86_64-linux-gnu/libm.so.6", agent.plugins / "foreign.so")

        def failed():
            lines = {os.path.basename(p["path"]): p["error"] for p in agent.items("/api/v1/plugins") if p["state"] == "failed"}
            return lines if len(lines) == 6 else None
        errors = until(failed, what="six refused plugins")
        self.assertIn("aarch64", errors["arch.so"])
        self.assertRegex(errors["foreign.so"], "note|not a Tocsin plugin")
        self.assertRegex(errors["link.so"], "link")
        self.works(agent, "GOES_ON")

    def test_malformed_http_costs_only_its_connection(self):
        agent = self.agent(CONFIG + RULE).start()
        for raw in (b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /api/v1/signals/bulk HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"):
            with socket.create_connection(("127.0.0.1", agent.port), timeout=10) as line:
                try:
                    line.sendall(raw)
                    first = line.recv(4096)
                except OSError:
                    first = b""
                self.assertTrue(first == b"" or first.startswith(b"HTTP/1.1 4") or first.startswith(b"HTTP/1.1 5"), first[:80])
        for body, status in ((b"{", 400), (b"[]", 400), (b'{"signals": 5}', 400), (b"", 400)):
            answer = call("POST", agent.url + "/api/v1/signals/bulk", body)
            self.assertEqual(answer.status, status, body)
            self.assertTrue(answer.json["detail"])
        self.works(agent, "HTTP")

    def test_an_oversized_body_is_refused(self):
        agent = self.agent(CONFIG + RULE).start()
        with socket.create_connection(("127.0.0.1", agent.port), timeout=10) as line:
            line.sendall(b"POST /api/v1/signals/bulk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
            self.assertIn(b" 413 ", line.recv(4096))
        self.works(agent, "SIZE")


if __name__ == "__main__":
    main()
