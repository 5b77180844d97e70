"""A real OpenSearch of one node for a test, in a directory of its own and on free loopback ports, ended by its process id. Maven
fetches it, by whatever repository this machine is set up for, once for a build; nothing else of the build needs it."""
import fcntl
import json
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from world import BUILD, call, free_port, until

HERE = Path(__file__).parent / "opensearch"
MADE = BUILD / "opensearch"


def make():
    """(class path, None), or (None, why there can be no OpenSearch here)."""
    for program in ("java", "javac", "mvn"):
        if not shutil.which(program):
            return None, f"{program} is not installed (scripts/packages test installs it)"
    MADE.mkdir(exist_ok=True)
    with open(MADE / "lock", "w") as lock:  # tests may run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        return make_alone()


def make_alone():
    listed, node = MADE / "classpath", MADE / "TestNode.class"
    newest = max(p.stat().st_mtime for p in (HERE / "pom.xml", HERE / "TestNode.java"))
    if node.exists() and node.stat().st_mtime > newest and all(Path(p).exists() for p in listed.read_text().split(":")):
        return f"{listed.read_text()}:{MADE}", None
    try:
        fetched = subprocess.run(["mvn", "-q", "-B", "-f", HERE / "pom.xml", "dependency:build-classpath", f"-Dmdep.outputFile={listed}"],
                                 capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return None, "Maven did not fetch OpenSearch within 300 s"
    if fetched.returncode != 0:
        return None, "Maven cannot fetch OpenSearch: " + "".join((fetched.stdout + fetched.stderr).strip().splitlines()[:1])[:200]
    subprocess.run(["javac", "-cp", listed.read_text(), "-d", MADE, HERE / "TestNode.java"], check=True, capture_output=True, timeout=120)
    return f"{listed.read_text()}:{MADE}", None


class OpenSearch:
    def __init__(self, classpath):
        self.classpath = classpath
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-os-"))
        self.port, self.transport = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        with open(self.dir / "out", "ab") as out:
            self.process = subprocess.Popen(["java", "-Xms512m", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", self.classpath, "TestNode", self.dir,
                                             str(self.port), str(self.transport)], stdout=out, stderr=out, cwd=self.dir)
        until(self.answers, 120, "OpenSearch")
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError("OpenSearch ended: " + (self.dir / "out").read_text()[-2000:])
        try:
            health = call("GET", self.url + "/_cluster/health", timeout=5)
            # Not yet read what was there before: a count would be partial.
            return health.status == 200 and health.json["status"] != "red"
        except (OSError, ValueError):
            return False

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def stall(self, on=True):
        self.process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def create(self, index, **fields):
        """With two shards, so that answers are put together."""
        made = call("PUT", f"{self.url}/{index}", {"settings": {"number_of_shards": 2, "number_of_replicas": 0}, "mappings": {"properties": fields}})
        assert made.status == 200, made.body

    def index(self, index, documents):
        lines = "".join(json.dumps(line) + "\n" for document in documents for line in ({"index": {"_index": index}}, document))
        done = call("POST", self.url + "/_bulk?refresh=true", lines.encode(), {"Content-Type": "application/x-ndjson"}, timeout=60)
        assert done.status == 200 and not done.json["errors"], done.body[:2000]

    def count(self, index):
        return call("GET", f"{self.url}/{index}/_count").json["count"]

    def cleanup(self):
        if self.process and self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
