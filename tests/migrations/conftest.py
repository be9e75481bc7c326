"""Databases that a test migrates itself."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from services.database import ensure_database
from tests.conftest import TestServer


@pytest_asyncio.fixture(loop_scope="session")
async def empty_database(postgres_server: TestServer, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A database that was never migrated."""
    name = f"empty_{abs(hash(request.node.name))}"
    await ensure_database(postgres_server.admin_url, name)
    yield postgres_server.url(name)
    connection = await asyncpg.connect(postgres_server.admin_url)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()
