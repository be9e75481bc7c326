"""Empty views, one set a test."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from services.database import projector_pool
from tests.projections.viewing import open_partitions


@pytest_asyncio.fixture(loop_scope="session")
async def empty_views(fresh_database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """As the projector; three partitions are leased at epoch 1."""
    pool = await projector_pool(fresh_database_url)
    await open_partitions(pool, 3)
    yield pool
    await pool.close()
