"""Zhuisu as several processes on this machine, on real Kafka: what `zhuisu demo --log kafka` runs.

Two of ingest, two of projector, one of query and one of cases, each a `zhuisu` command of its own with settings in
its environment, as they would run in production. They share one PostgreSQL and one Kafka: embedded ones, where settings
name none.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx

from services.embedded.app import database, prepare
from services.embedded.kafka_broker import KafkaBroker, die_with_parent, fetch_jars, free_ports
from services.settings import Settings

INGESTS, PROJECTORS = 2, 2
_READY_SECONDS = 60.0
_STOP_SECONDS = 30.0
_LOG_END_CHARS = 2_000


class ProcessFailed(RuntimeError):
    """One of the processes ended or did not get ready; the message has the end of its output."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Processes that are up: where to post, where to ask, and the admin key."""

    ingest_urls: tuple[str, ...]
    query_url: str
    cases_url: str
    key: str
    processes: Mapping[str, int]
    """name -> process id"""
    failed: asyncio.Future[str]
    """done, with the reason, when one of them ends before it is asked to"""


@contextlib.asynccontextmanager
async def several_processes(settings: Settings, *, told: Callable[[str], None]) -> AsyncIterator[Cluster]:
    """Everything up, in processes of its own, until the body ends. `told` hears what is being waited for.

    `settings.port` is the query process's. Raises ProcessFailed, and KafkaToolMissing without Java or Maven.
    """
    async with contextlib.AsyncExitStack() as stack:
        # A folder of its own: views built from one log must never be continued from another.
        settings = settings.model_copy(update={"data_dir": (settings.data_dir / "on-kafka").resolve()})
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database_url = await stack.enter_async_context(database(settings))
        key = await prepare(settings, database_url)
        shared = {"ZHUISU_DATABASE_URL": database_url, "ZHUISU_LOG": "kafka"}
        if settings.kafka_bootstrap_servers is None:
            shared |= await _own_broker(settings, database_url, stack=stack, told=told)
        ports = free_ports(INGESTS + PROJECTORS + 2)
        names = [f"ingest-{n + 1}" for n in range(INGESTS)] + [f"projector-{n + 1}" for n in range(PROJECTORS)]
        plan = dict(zip([*names, "query", "cases"], ports, strict=True))
        plan["query"] = settings.port or plan["query"]
        failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        children: dict[str, Child] = {}
        for name, port in plan.items():
            told(f"zhuisu {name.partition('-')[0]}: http://{settings.host}:{port}")
            mine = {"ZHUISU_HOST": settings.host, "ZHUISU_PORT": str(port), "ZHUISU_DATA_DIR": str(settings.data_dir)}
            child = Child(name, port, settings.data_dir / "logs" / f"{name}.log", failed)
            await child.start({**os.environ, **shared, **mine})
            stack.push_async_callback(child.stop)
            children[name] = child
        await asyncio.gather(*(child.until_up(settings.host) for child in children.values()))
        urls = {name: f"http://{settings.host}:{port}" for name, port in plan.items()}
        ingests = tuple(url for name, url in urls.items() if name.startswith("ingest"))
        yield Cluster(
            ingest_urls=ingests,
            query_url=urls["query"],
            cases_url=urls["cases"],
            key=key,
            processes={name: c.pid for name, c in children.items()},
            failed=failed,
        )
        failed.cancel()


async def _own_broker(
    settings: Settings, database_url: str, *, stack: contextlib.AsyncExitStack, told: Callable[[str], None]
) -> dict[str, str]:
    """A broker of our own, started now: the variables that name it."""
    folder = settings.data_dir / "kafka"
    if not folder.exists():
        await _refuse_views_of_another_log(database_url)
    told("Apache Kafka: jars by Maven (once), then one broker")
    jars = await asyncio.to_thread(fetch_jars)
    broker = KafkaBroker(data_dir=folder, jars=jars)
    await broker.start()
    stack.push_async_callback(broker.stop)
    told(f"Apache Kafka: {broker.bootstrap_servers}")
    return {
        "ZHUISU_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "ZHUISU_KAFKA_REPLICATION_FACTOR": "1",
        "ZHUISU_KAFKA_MIN_INSYNC_REPLICAS": "1",
    }


async def _refuse_views_of_another_log(database_url: str) -> None:
    """The broker will be new and empty: views that hold anything came from elsewhere. Raises ProcessFailed."""
    connection = await asyncpg.connect(database_url)
    try:
        applied = await connection.fetchval("SELECT max(applied_offset) FROM views.checkpoints")
    finally:
        await connection.close()
    if applied is not None and applied >= 0:
        raise ProcessFailed(
            "the views in ZHUISU_DATABASE_URL were built from another log: name an empty database, "
            "or the log they came from (ZHUISU_KAFKA_BOOTSTRAP_SERVERS)"
        )


class Child:
    """One `zhuisu` process, its output in a file. `name` begins with its role; `failed` is done if it ends."""

    def __init__(self, name: str, port: int, log: Path, failed: asyncio.Future[str]) -> None:  # noqa: PLR0917
        self._name, self._port, self._log, self._failed = name, port, log, failed
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, environment: Mapping[str, str]) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "services.cli", self._name.partition("-")[0]),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,  # the terminal's Ctrl-C is for us, who then stop the children in order
                preexec_fn=die_with_parent(),
            )
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        assert self._process is not None
        code = await self._process.wait()
        if not self._failed.done():
            self._failed.set_result(f"{self._name} ended with {code}; the end of {self._log}:\n{self._log_end()}")

    async def until_up(self, host: str) -> None:
        """Until it answers. Raises ProcessFailed when it ended, or took too long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _READY_SECONDS
        async with httpx.AsyncClient(base_url=f"http://{host}:{self._port}", timeout=5, trust_env=False) as client:
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get("/healthz")).status_code == 200:
                        return
                if self._failed.done():
                    raise ProcessFailed(self._failed.result())
                if loop.time() > deadline:
                    raise ProcessFailed(f"{self._name} is not up after {_READY_SECONDS:.0f} s; see {self._log}")
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not end: what it acknowledged is in the log either way."""
        if self._watching is None or self._process is None:
            return
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    def _log_end(self) -> str:
        return self._log.read_text(errors="replace")[-_LOG_END_CHARS:] if self._log.exists() else "(no output)"
