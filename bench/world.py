"""Where a run takes place: a PostgreSQL of its own, the built data, and processes of the service."""

import asyncio
import contextlib
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from rich.console import Console

from bench import building
from bench.building import Tenant, tenants_of
from bench.built import built
from bench.questions import forward_questions
from bench.sizes import Size
from bench.waiting import until
from migrations.run import upgrade
from services.access import ensure_bootstrap
from services.database import ensure_database, owner_pool
from services.embedded import postgres
from services.embedded.kafka_broker import free_ports
from services.embedded.postgres import PostgresServer
from services.embedded.processes import Child
from services.eventlog.postgres import PostgresEventLog

WORK = Path(__file__).parent / "work"
"""Of databases and logs; safe to delete."""
TEMPLATE = "bench_template"
_DATA = "bench_data"


@dataclass(slots=True)
class World:
    """What the cases share. `server` and `url` are its PostgreSQL and the database with the data."""

    size: Size
    folder: Path
    server: PostgresServer
    console: Console
    tenants: list[Tenant] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    database: str = ""
    _numbers: int = 0
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    """who copies the template; shared with worlds beside"""

    @property
    def url(self) -> str:
        return self.server.database_url(self.database or _DATA)

    @property
    def tenant(self) -> Tenant:
        return self.tenants[0]

    @property
    def some_lot(self) -> str:
        """A lot that every factory has."""
        return forward_questions(self.size.units)[0].lot

    async def empty(self, url: str) -> None:
        """See that the database `url` is there, with the newest schema and nothing in it."""
        name = urlsplit(url).path.lstrip("/")
        await Database(self, name).drop()
        async with self._one_at_a_time:
            await ensure_database(self.server.dsn, name, template=TEMPLATE)

    async def empty_database(self, *, log_partitions: int = 1) -> "Database":
        """A migrated database of a case's own, with the same tenants."""
        self._numbers += 1
        name = f"bench_{os.getpid()}_{self._numbers}"
        await ensure_database(self.server.dsn, name, template=TEMPLATE)
        owner = await owner_pool(self.server.database_url(name))
        try:
            log = PostgresEventLog(dsn=self.server.database_url(name), partitions=log_partitions)
            await log.start()
            await log.stop()
        finally:
            await owner.close()
        return Database(self, name)

    @contextlib.asynccontextmanager
    async def process(self, name: str, url: str, **settings: object) -> AsyncIterator["Process"]:
        """A `zhuisu` process of the role that `name` begins with, on the database `url`."""
        async with self.processes(url, {name: settings}) as (one,):
            yield one

    @contextlib.asynccontextmanager
    async def processes(
        self, url: str, wanted: Mapping[str, Mapping[str, object]]
    ) -> AsyncIterator[tuple["Process", ...]]:
        """Several at once, each with settings of its own."""
        loop, clean = asyncio.get_running_loop(), {k: v for k, v in os.environ.items() if not k.startswith("ZHUISU_")}
        async with contextlib.AsyncExitStack() as stack:
            children, told = list[Child](), list[Process]()
            stack.push_async_callback(_stop, children)
            for (name, settings), port in zip(wanted.items(), free_ports(len(wanted)), strict=True):
                log, failed = self.folder / "logs" / self.size.name / f"{name}.log", loop.create_future()
                log.unlink(missing_ok=True)
                child = Child(name, port, log, failed)
                given = {"database_url": url, "port": port, "log_level": "warning", "log_format": "json", **settings}
                await child.start({**clean, **{f"ZHUISU_{k.upper()}": str(v) for k, v in given.items()}})
                stack.callback(failed.cancel)
                children.append(child)
                told.append(Process(f"http://127.0.0.1:{port}", child.pid, log))
            await asyncio.gather(*(child.until_up("127.0.0.1") for child in children))
            yield tuple(told)

    @contextlib.asynccontextmanager
    async def bare(self, url: str) -> AsyncIterator["Process"]:
        """The server that does the least (`bare.py`), on the database `url`."""
        port, log = free_ports(1)[0], self.folder / "logs" / "bare.log"
        command = [sys.executable, "-m", "bench.bare", "--url", url, "--port", str(port)]
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=WORK.parents[1], stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
            )
        try:
            async with asyncio.timeout(120):
                await until(lambda: process.returncode is not None or _listens(port))
            yield Process(f"http://127.0.0.1:{port}", process.pid, log)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _stop(children: list[Child]) -> None:
    await asyncio.gather(*(child.stop() for child in children))


@dataclass(frozen=True, slots=True)
class Process:
    """Where a process listens, its id, and the file of its output."""

    url: str
    pid: int
    log: Path


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, slots=True)
class Database:
    """A database beside the one with the data."""

    world: World
    name: str

    @property
    def url(self) -> str:
        return self.world.server.database_url(self.name)

    async def drop(self) -> None:
        connection = await asyncpg.connect(self.world.server.dsn)
        try:
            await connection.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
        finally:
            await connection.close()


@contextlib.asynccontextmanager
async def world(
    size: Size, *, console: Console, keep: bool = False, on: PostgresServer | None = None
) -> AsyncIterator[World]:
    """The data built, or found as an earlier run with `keep` left it, until the body ends.

    `on`: a server that is there already, and stays.
    """
    folder = WORK / size.name if keep else WORK / f"{size.name}-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    # Not on this event loop's way: it blocks until the server is up.
    server = on if on is not None else await asyncio.to_thread(postgres.start, folder)
    try:
        this = World(size, folder, server, console)
        await _schema(this)
        this.tenants = await tenants_of(server.database_url(TEMPLATE))
        this.data = await built(this, this.url, size)
        yield this
    finally:
        if on is None:
            await asyncio.to_thread(server.stop)
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


async def another(this: World, size: Size) -> World:
    """The same with a database beside, which has the data of another size."""
    beside = replace(this, size=size, database=f"bench_{size.name.replace('-', '_')}")
    beside.data = await built(beside, beside.url, size)
    return beside


async def _schema(this: World) -> None:
    await ensure_database(this.server.dsn, TEMPLATE)
    await upgrade(this.server.database_url(TEMPLATE))
    owner = await owner_pool(this.server.database_url(TEMPLATE))
    for name in building.TENANTS:
        await ensure_bootstrap(owner, tenant_name=name, key=f"bench-key-of-{name}")
    await owner.close()
