"""A RabbitMQ broker of its own for a test: in a temporary directory, on free loopback ports, as another user than root, with an
epmd of its own that is ended with it. And a line between agent and broker that can be told to swallow what the broker says."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from world import free_port, until

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
try:
    import pika
except ImportError:
    pika = None


def why_not():
    """Why there can be no broker here; None where there can."""
    if not SERVER.exists():
        return "rabbitmq-server is not installed (scripts/packages test installs it)"
    if pika is None:
        return "python3-pika is not installed (scripts/packages test installs it)"
    return None


def hang_up(connection):
    """Closes a consumer's connection, also when its broker was killed."""
    try:
        connection.close()
    except (pika.exceptions.AMQPError, OSError):
        pass


class Rabbit:
    def __init__(self, lines=""):
        self.dir = Path(tempfile.mkdtemp(prefix="tocsin-mq-"))
        self.port, self.dist, self.epmd = free_port(), free_port(), free_port()
        self.user = ["setpriv", "--reuid=nobody", "--clear-groups"] if os.geteuid() == 0 else []
        (self.dir / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\n{lines}".replace("{dir}", str(self.dir)))
        (self.dir / "plugins").write_text("[].\n")
        self.process = self.name_server = None

    def start(self):
        if self.user:
            subprocess.run(["chown", "-R", "nobody", self.dir], check=True)
        self.start_name_server()
        env = {**os.environ, "RABBITMQ_NODENAME": f"tocsin{self.port}@localhost", "RABBITMQ_DIST_PORT": str(self.dist), "ERL_EPMD_PORT": str(self.epmd),
               "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_CONFIG_FILE": f"{self.dir}/rabbitmq", "RABBITMQ_MNESIA_BASE": f"{self.dir}/mnesia",
               "RABBITMQ_LOG_BASE": f"{self.dir}/log", "RABBITMQ_CONF_ENV_FILE": "/dev/null", "RABBITMQ_ENABLED_PLUGINS_FILE": f"{self.dir}/plugins",
               "HOME": str(self.dir)}
        with open(self.dir / "out", "ab") as out:
            # A session of its own: the script starts the machine as a child, and both are ended together.
            self.process = subprocess.Popen([*self.user, SERVER], stdout=out, stderr=out, cwd="/", env=env, start_new_session=True)
        until(self.answers, 120, "RabbitMQ")
        return self

    def start_name_server(self):
        if self.name_server:
            return
        program = shutil.which("epmd") or "/usr/bin/epmd"
        self.name_server = subprocess.Popen([*self.user, program, "-port", str(self.epmd), "-address", "127.0.0.1"], cwd="/",
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the broker ended with {self.process.returncode}:\n{(self.dir / 'out').read_text()[-3000:]}")
        try:
            self.connect().close()
            return True
        except (pika.exceptions.AMQPError, OSError):
            return False

    def connect(self):
        return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self.port, credentials=pika.PlainCredentials("guest", "guest"),
                                                                 socket_timeout=5, blocked_connection_timeout=20, heartbeat=0))

    def kill(self):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)  # the group that was started above
            self.process.wait()

    def cleanup(self):
        self.kill()
        if self.name_server and self.name_server.poll() is None:
            self.name_server.kill()
            self.name_server.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Line:
    """Carries bytes between the agent and the broker. While `deaf` is set, what the broker says is swallowed; while `mute` is set, what
    the agent says."""

    def __init__(self, port):
        self.to, self.deaf, self.mute = port, threading.Event(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.to), 5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            self.open += [near, far]
            threading.Thread(target=self.carry, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.carry, args=(far, near, True), daemon=True).start()

    def carry(self, source, sink, from_broker):
        try:
            while data := source.recv(65536):
                if not (self.deaf if from_broker else self.mute).is_set():
                    sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        """Ends every connection; new ones are carried."""
        for end in self.open:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        for end in self.open:
            end.close()
