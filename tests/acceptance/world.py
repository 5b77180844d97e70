"""A small language for acceptance tests: the real agent in a directory of its own, and the servers it talks to, all on
free loopback ports, stopped by process id. Waiting is for a condition with a deadline, never for a time."""
import http.server
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

BUILD = Path(os.environ.get("TOCSIN_BUILD", Path(__file__).parents[2] / "build")).resolve()
SOURCE = Path(os.environ.get("TOCSIN_SOURCE", Path(__file__).parents[2])).resolve()
TOCSIN = BUILD / "bin" / "tocsin"
SHARED = Path(os.environ.get("TOCSIN_SHARED", SOURCE.parent / "shared")).resolve()
FULL = os.environ.get("TOCSIN_TEST_COUNT") == "full"


def free_port():
    """A port of loopback for a server that is started next. From below those that the system gives to clients, or a connection of another suite
    might take it before the server does."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(12000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port of loopback is free")


def until(condition, limit=20, what="condition"):
    """Waits until condition() is true and returns its value; fails after `limit` seconds."""
    tick = threading.Event()
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {limit} s")
        tick.wait(0.02)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


def call(method, url, body=None, headers=None, timeout=20):
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.headers, error.read())


class Agent:
    """`tocsin run` with a config text in a temporary directory. {port} and {dir} in the text are replaced. `bundled`
    stands in for the build's plugin directory."""

    def __init__(self, config="", files=None, plugins=None, bundled=None):
        self.bundled = bundled or BUILD / "plugins"
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-test-"))
        self.port = free_port()
        self.plugins = self.dir / "plugins.d"
        self.plugins.mkdir()
        self.log = self.dir / "agent.log"
        for name, text in (files or {}).items():
            path = self.dir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.config = self.dir / "agent.toml"
        self.write_config(config)
        self.process = None

    def write_config(self, text):
        head = f"""[agent]
name = "test-agent"
data_dir = "{self.dir}/data"
plugin_dirs = ["{self.bundled}", "{self.plugins}"]
[http]
listen = "127.0.0.1:{self.port}"
"""
        text = text.replace("{port}", str(self.port)).replace("{dir}", str(self.dir))
        self.config.write_text(head + text)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self, wait=True, arguments=()):
        out = open(self.log, "ab")
        self.process = subprocess.Popen([TOCSIN, "run", "--config", self.config, *arguments], stdout=out, stderr=out, cwd=self.dir, env=self.env())
        out.close()
        if wait:
            self.wait_ready()
        return self

    def env(self):
        return {**os.environ, "TOCSIN_URL": self.url}

    def wait_ready(self, limit=20):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"the agent ended with {self.process.returncode}:\n{self.text()}")
            try:
                return call("GET", self.url + "/readyz", timeout=2).status == 200
            except OSError:
                return False
        until(ready, limit, "agent ready")

    def text(self):
        return self.log.read_text(errors="replace")[-8000:]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def worker(self):
        """The process that is the agent, a child of the one that was started; None while there is none."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return int(children[0]) if children else None

    def stop(self, limit=20):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the agent did not stop within {limit} s of SIGTERM:\n{self.text()}")
        return self.process.returncode if self.process else None

    def cleanup(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def get(self, path, **kw):
        return call("GET", self.url + path, **kw)

    def items(self, path):
        """Every item of a list, page by page."""
        items, after = [], None
        while True:
            page = self.get(path + ("&" if "?" in path else "?") + "limit=1000" + (f"&after={urllib.parse.quote(after)}" if after else "")).json
            items += page["items"]
            after = page.get("next")
            if not after:
                return items

    def push(self, signals, **kw):
        return call("POST", self.url + "/api/v1/signals/bulk", {"signals": signals}, **kw)

    def incidents(self, query=""):
        return self.items("/api/v1/incidents" + query)

    def cli(self, *args, check=None, input=None, timeout=60):
        done = subprocess.run([TOCSIN, *map(str, args)], capture_output=True, text=True, env=self.env(), cwd=self.dir, input=input, timeout=timeout)
        if check is not None and done.returncode != check:
            raise AssertionError(f"tocsin {' '.join(map(str, args))} ended with {done.returncode}, expected {check}:\n{done.stdout}\n{done.stderr}")
        return done


def tocsin(*args, timeout=120, cwd=None, env=None):
    return subprocess.run([TOCSIN, *map(str, args)], capture_output=True, text=True, timeout=timeout, cwd=cwd, env={**os.environ, **(env or {})})


class Hook:
    """An HTTP server that records requests; `answer(request)` gives (status, headers, body), or None to drop the line."""

    def __init__(self, answer=None):
        self.requests = []
        self.answer = answer or (lambda request: (200, {}, b""))
        self.lock = threading.Lock()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body, "at": time.time()}
                with hook.lock:
                    hook.requests.append(request)
                answer = hook.answer(request)
                if answer is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, out = answer
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(out)))
                self.end_headers()
                self.wfile.write(out)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def json_bodies(self):
        with self.lock:
            return [json.loads(r["body"]) for r in self.requests if r["body"]]

    def messages(self):
        """The bodies, each once: a kill between an answer and its record in the store repeats a message under its key."""
        with self.lock:
            requests = [r for r in self.requests if r["body"]]
        keys = [r["headers"].get("Idempotency-Key") for r in requests]
        return [json.loads(r["body"]) for i, r in enumerate(requests) if keys[i] is None or keys[i] not in keys[:i]]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Case(unittest.TestCase):
    """Agents and servers made through it are stopped and removed at the end of each test."""

    def agent(self, config="", **kw):
        agent = Agent(config, **kw)
        self.addCleanup(agent.cleanup)
        self.last_agent = agent
        return agent

    def hook(self, answer=None):
        hook = Hook(answer)
        self.addCleanup(hook.close)
        return hook


def now():
    return time.time()


def signal_of(name, value=1, ts=None, **labels):
    return {"name": name, "value": value, "ts": ts if ts is not None else now(), "labels": labels}


def main():
    if not TOCSIN.exists():
        print(f"{TOCSIN} is not built", file=sys.stderr)
        sys.exit(1)
    unittest.main(verbosity=2)
