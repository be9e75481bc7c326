"""Fixtures for all rooms: one real PostgreSQL a session, and fresh migrated databases on it."""

import asyncio
import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from migrations.run import upgrade
from services import logs
from services.database import ensure_database
from services.embedded import postgres
from services.settings import load_settings

_TEMPLATE = f"zhuisu_template_{os.getpid()}"


@dataclass(frozen=True, slots=True)
class TestServer:
    """A PostgreSQL that tests may make databases on. `server` is None for one that was named, not started."""

    __test__ = False

    admin_url: str
    server: postgres.PostgresServer | None = None

    def url(self, database: str) -> str:
        parts = urlsplit(self.admin_url)
        return urlunsplit(parts._replace(path=f"/{database}"))


@pytest.fixture(scope="session", autouse=True)
def quiet_log() -> None:
    """Warnings only, on standard error: services that run inside the tests must not write where answers are read."""
    logs.configure(load_settings(), quietly=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TestServer]:
    """An embedded server without fsync, or the one `ZHUISU_TEST_DATABASE_URL` names (a superuser's URL)."""
    named = os.environ.get("ZHUISU_TEST_DATABASE_URL")
    if named:
        yield TestServer(named)
        return
    folder = Path(tempfile.mkdtemp(prefix="zhuisu-test-"))
    server = postgres.start(folder, durable=False)
    try:
        yield TestServer(server.dsn, server)
    finally:
        server.supervisor.kill()
        if server.pid is not None:
            os.kill(server.pid, signal.SIGQUIT)  # with no last checkpoint: nobody wants its files any more
        server.stop()
        shutil.rmtree(folder)


NewDatabase = Callable[[], Awaitable[str]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def new_database(postgres_server: TestServer) -> AsyncIterator[NewDatabase]:
    """Call it for the URL of a fresh database at the newest revision: a copy of one that was migrated once."""
    numbers = itertools.count()
    made = [_TEMPLATE]
    await ensure_database(postgres_server.admin_url, _TEMPLATE)
    await upgrade(postgres_server.url(_TEMPLATE))
    one_at_a_time = asyncio.Lock()

    async def create() -> str:
        name = f"zhuisu_test_{os.getpid()}_{next(numbers)}"
        async with one_at_a_time:
            await ensure_database(postgres_server.admin_url, name, template=_TEMPLATE)
        made.append(name)
        return postgres_server.url(name)

    yield create
    if postgres_server.server is None:
        await _drop(postgres_server, made)


async def _drop(server: TestServer, names: list[str]) -> None:
    connection = await asyncpg.connect(server.admin_url)
    try:
        for name in names:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(new_database: NewDatabase) -> str:
    """A migrated database of this test module's own."""
    return await new_database()


@pytest_asyncio.fixture(loop_scope="session")
async def fresh_database_url(new_database: NewDatabase) -> str:
    """A migrated database of this test's own."""
    return await new_database()
