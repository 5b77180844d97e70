"""Two clusters for tests, with one face: Small, an API server of the tests' own (TLS, tokens with rights, resourceVersions, pages, bookmarks,
410), and Real, kube-apiserver on etcd, where they are found: scripts/kube-apiserver builds it."""
import http.server
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from world import free_port, until

GROUPS = {"pods": "/api/v1", "events": "/api/v1", "nodes": "/api/v1", "jobs": "/apis/batch/v1", "deployments": "/apis/apps/v1"}


def api_server():
    """kube-apiserver: TOCSIN_KUBE_APISERVER, the PATH, or what scripts/kube-apiserver built."""
    cache = os.environ.get("TOCSIN_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tocsin"
    for place in (os.environ.get("TOCSIN_KUBE_APISERVER"), shutil.which("kube-apiserver"), Path(cache) / "kube-apiserver"):
        if place and os.access(place, os.X_OK):
            return str(place)
    return None


def missing():
    """Why there is no Real, or nothing."""
    if not shutil.which("etcd"):
        return "there is no etcd (package etcd-server)"
    return "" if api_server() else "there is no kube-apiserver: scripts/kube-apiserver builds it, or TOCSIN_KUBE_APISERVER names one"


def make_pki(directory):
    """A CA, and a certificate of 127.0.0.1 by it: ca.pem, server.pem, server.key; another CA that signed nothing: other.pem."""
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=directory)
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for name in ("ca", "other"):
        openssl("req", "-x509", *key, "-days", "2", "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    (directory / "extra").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    openssl("req", *key, "-subj", "/CN=server", "-keyout", "server.key", "-out", "request")
    openssl("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extra", "-out", "server.pem")


def collection(kind, namespace="default"):
    return f"{GROUPS[kind]}/{kind}" if kind == "nodes" else f"{GROUPS[kind]}/namespaces/{namespace}/{kind}"


def field(item, path):
    for key in path.split("."):
        item = item.get(key, {}) if isinstance(item, dict) else {}
    return item if isinstance(item, str) else ""


class Small:
    """Clusterwide and namespaced lists of one store. `rights` maps a token to its set of (verb, resource)."""
    real = False

    def __init__(self, rights):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-kube-"))
        make_pki(self.dir)
        self.rights, self.lock = rights, threading.Condition()
        self.store, self.log, self.version, self.compacted = {}, [], 1000, 0
        self.requests, self.summaries, self.page, self.epoch = [], {}, 0, 0
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                cluster.answer(self)

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, address):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.dir / "server.pem", self.dir / "server.key")
        # The handshake belongs to the connection's thread: a client that leaves in it must not stop the others.
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self):
        with self.lock:
            self.epoch += 1
            self.lock.notify_all()
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- the cluster ---
    def apply(self, kind, item):
        with self.lock:
            item = json.loads(json.dumps(item))
            metadata = item["metadata"]
            if kind != "nodes":
                metadata.setdefault("namespace", "default")
            metadata.setdefault("uid", f"uid-{kind}-{metadata['name']}")
            self.version += 1
            metadata["resourceVersion"] = str(self.version)
            key = (kind, metadata.get("namespace", ""), metadata["name"])
            self.log.append((self.version, kind, "MODIFIED" if key in self.store else "ADDED", item))
            self.store[key] = item
            self.lock.notify_all()

    def delete(self, kind, name, namespace="default"):
        with self.lock:
            item = dict(self.store.pop((kind, "" if kind == "nodes" else namespace, name)))
            self.version += 1
            item["metadata"] = {**item["metadata"], "resourceVersion": str(self.version)}
            self.log.append((self.version, kind, "DELETED", item))
            self.lock.notify_all()

    def compact(self):
        """What was is forgotten: watches end, and cannot go on."""
        with self.lock:
            self.compacted = self.version
            self.version += 1
            self.log = []
            self.epoch += 1
            self.lock.notify_all()

    # --- the server ---
    def answer(self, handler):
        parts = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        with self.lock:
            self.requests.append((parts.path, query))
        token = (handler.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token not in self.rights:
            return self.refuse(handler, 401, "Unauthorized")
        steps = parts.path.strip("/").split("/")
        if steps[-2:] == ["stats", "summary"]:
            if ("get", "nodes/proxy") not in self.rights[token]:
                return self.refuse(handler, 403, 'nodes "n" is forbidden: cannot get resource "nodes/proxy"')
            summary = self.summaries.get(steps[3])
            return self.say(handler, summary) if summary else self.refuse(handler, 404, f'nodes "{steps[3]}" not found')
        kind, namespace = steps[-1], steps[steps.index("namespaces") + 1] if "namespaces" in steps else ""
        if GROUPS.get(kind) is None or not parts.path.startswith(GROUPS[kind] + "/"):
            return self.refuse(handler, 404, "the server could not find the requested resource")
        verb = "watch" if query.get("watch") == "true" else "list"
        if (verb, kind) not in self.rights[token]:
            return self.refuse(handler, 403, f'{kind} is forbidden: User "tocsin" cannot {verb} resource "{kind}" in API group ""')
        wanted = [pair.split("=", 1) for pair in query.get("fieldSelector", "").split(",") if pair]

        def fits(of, item):
            return of == kind and namespace in ("", item["metadata"].get("namespace")) and all(field(item, k) == v for k, v in wanted)
        (self.watch if verb == "watch" else self.list)(handler, query, fits)

    def list(self, handler, query, fits):
        with self.lock:
            version, start = self.version, 0
            if query.get("continue"):
                version, start = map(int, query["continue"].split("."))
                if version <= self.compacted:
                    return self.refuse(handler, 410, "The provided continue parameter is too old")
            items = [item for key, item in sorted(self.store.items()) if fits(key[0], item)]
        limit = min(int(query.get("limit", 0)) or len(items), self.page or len(items))
        metadata = {"resourceVersion": str(version)}
        if start + limit < len(items):
            metadata["continue"] = f"{version}.{start + limit}"
        self.say(handler, {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items[start:start + limit]})

    def watch(self, handler, query, fits):
        end = time.monotonic() + int(query.get("timeoutSeconds", 300))
        with self.lock:
            last, epoch = int(query.get("resourceVersion", 0)), self.epoch
            if last <= self.compacted:
                return self.refuse(handler, 410, f"too old resource version: {last} ({self.version})")
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()

        def send(kind, item):
            line = json.dumps({"type": kind, "object": item}).encode() + b"\n"
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            handler.wfile.flush()
        while time.monotonic() < end:
            with self.lock:
                if self.epoch != epoch:
                    break
                fresh = [(v, word, item) for v, kind, word, item in self.log if v > last and fits(kind, item)]
                if not fresh:
                    if not self.lock.wait(1) and query.get("allowWatchBookmarks") == "true" and self.version > last:
                        last = self.version
                        fresh = [(last, "BOOKMARK", {"kind": "Pod", "apiVersion": "v1", "metadata": {"resourceVersion": str(last)}})]
            for version, word, item in fresh:
                send(word, item)
                last = version
        handler.wfile.write(b"0\r\n\r\n")

    def refuse(self, handler, code, message):
        self.say(handler, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code}, code)

    def say(self, handler, body, code=200):
        text = json.dumps(body).encode()
        handler.send_response(code)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)


class Real:
    """etcd and kube-apiserver with RBAC. There is no kubelet and no controller: the test writes what they would."""
    real = True

    def __init__(self, tokens, roles):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-kube-"))
        make_pki(self.dir)
        # Of service accounts it takes RSA keys, in the form of their own.
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", "accounts.key", "2048"], check=True, capture_output=True, cwd=self.dir)
        self.processes, self.summaries = [], {}
        etcd, peer, port = free_port(), free_port(), free_port()
        self.etcd, self.url = f"http://127.0.0.1:{etcd}", f"https://127.0.0.1:{port}"
        self.context = ssl.create_default_context(cafile=self.dir / "ca.pem")
        self.run(shutil.which("etcd"), f"--data-dir={self.dir}/etcd", f"--listen-client-urls={self.etcd}", f"--advertise-client-urls={self.etcd}",
                 f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}", f"--initial-cluster=default=http://127.0.0.1:{peer}")
        lines = ["admin-token,admin,1,system:masters"] + [f"{token},{user},{n + 2}" for n, (token, user) in enumerate(tokens.items())]
        (self.dir / "tokens.csv").write_text("\n".join(lines) + "\n")
        self.run(api_server(), f"--etcd-servers={self.etcd}", "--bind-address=127.0.0.1", f"--secure-port={port}", "--endpoint-reconciler-type=none",
                 f"--tls-cert-file={self.dir}/server.pem", f"--tls-private-key-file={self.dir}/server.key", f"--client-ca-file={self.dir}/ca.pem",
                 f"--service-account-key-file={self.dir}/accounts.key", f"--service-account-signing-key-file={self.dir}/accounts.key",
                 "--service-account-issuer=https://kubernetes.default.svc", f"--token-auth-file={self.dir}/tokens.csv", "--authorization-mode=RBAC",
                 "--disable-admission-plugins=ServiceAccount", "--service-cluster-ip-range=10.96.0.0/24", "--watch-cache=false", f"--cert-dir={self.dir}/certs")
        until(self.ready, 120, "kube-apiserver")
        for user, rules in roles.items():
            rbac = "/apis/rbac.authorization.k8s.io/v1"
            head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": user}}
            self.call("POST", f"{rbac}/clusterroles", {**head, "kind": "ClusterRole", "rules": rules})
            self.call("POST", f"{rbac}/clusterrolebindings", {**head, "kind": "ClusterRoleBinding", "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": user},
                                                             "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]})

    def run(self, *command):
        with open(self.dir / (Path(command[0]).name + ".log"), "wb") as out:
            self.processes.append(subprocess.Popen(command, stdout=out, stderr=out, cwd=self.dir))

    def ready(self):
        try:
            return self.call("GET", "/readyz") is not None and self.call("GET", "/api/v1/namespaces/default")
        except OSError:
            return False

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": "Bearer admin-token", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20, context=self.context) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else text

    def apply(self, kind, item):
        """Creates or replaces; the status goes to its own subresource, as a controller writes it."""
        place = collection(kind, item["metadata"].get("namespace", "default"))
        name = item["metadata"]["name"]
        try:
            there = self.call("GET", f"{place}/{name}")
        except urllib.error.HTTPError:
            there = self.call("POST", place, {k: v for k, v in item.items() if k != "status" or kind == "events"})
        if kind == "events":
            self.call("PUT", f"{place}/{name}", {**there, **item, "metadata": there["metadata"]})
        elif "status" in item:
            self.call("PUT", f"{place}/{name}/status", {**there, "status": item["status"]})

    def delete(self, kind, name, namespace="default"):
        self.call("DELETE", f"{collection(kind, namespace)}/{name}?gracePeriodSeconds=0&propagationPolicy=Background")

    def compact(self):
        """Forgets every version but the newest, by etcd's own compaction."""
        def ask(path, body):
            request = urllib.request.Request(self.etcd + path, data=json.dumps(body).encode(), method="POST")
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read())
        revision = ask("/v3/kv/range", {"key": "YQ=="})["header"]["revision"]
        ask("/v3/kv/compaction", {"revision": revision, "physical": True})

    def close(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
