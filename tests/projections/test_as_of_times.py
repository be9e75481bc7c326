"""A time as `as_of`: resolved once, only when settled, and kept."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from domain import events as ev
from domain.corrections import Copy
from domain.moments import iso
from services.database import api_pool
from services.problems import Problem
from services.query.past import as_of
from services.readmodel.changes import ViewWriter
from tests.domain.telling import History, at, q
from tests.projections.viewing import batch_of

SECOND = 1_000_000


@pytest_asyncio.fixture(loop_scope="session")
async def api(fresh_database_url: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await api_pool(fresh_database_url)
    yield pool
    await pool.close()


async def applied(views: asyncpg.Pool, *times: tuple[int, int, int]) -> None:
    """One event each at (partition, offset, append time)."""
    for partition, offset, appended_us in times:
        h = History()
        h.tell(ev.Sold(occurred_at=at(1), event_id=f"{partition}-{offset}", items=(q("P"),)))
        await ViewWriter(views).apply(batch_of([(Copy(appended_us, partition, offset), h.log[0][1])]))


async def looked(views: asyncpg.Pool, *partitions: int, at_us: int) -> None:
    await views.execute(
        "UPDATE views.checkpoints SET measured_us = $1 WHERE log_partition = ANY($2)", at_us, partitions
    )


async def test_a_time_is_settled_when_every_partition_is_past_it_and_the_skew(
    empty_views: asyncpg.Pool, api: asyncpg.Pool
) -> None:
    await applied(empty_views, (0, 0, 10 * SECOND), (0, 1, 20 * SECOND), (1, 0, 12 * SECOND))
    asked = iso(15 * SECOND)
    await looked(empty_views, 2, at_us=30 * SECOND)  # empty, and seen to be so
    with pytest.raises(Problem, match="not been applied past"):
        await as_of(api, 1, asked, skew_seconds=0)  # partition 1 may still get a record of that time
    await looked(empty_views, 1, at_us=18 * SECOND)
    with pytest.raises(Problem, match="not been applied past"):
        await as_of(api, 1, asked, skew_seconds=5)
    assert await as_of(api, 1, asked, skew_seconds=2) == {0: 0, 1: 0}


async def test_what_was_found_once_stands(empty_views: asyncpg.Pool, api: asyncpg.Pool) -> None:
    await applied(empty_views, (0, 0, 10 * SECOND))
    await looked(empty_views, 0, 1, 2, at_us=30 * SECOND)
    asked = iso(15 * SECOND)
    assert await as_of(api, 1, asked, skew_seconds=0) == {0: 0}
    await applied(empty_views, (0, 1, 14 * SECOND))  # a clock that was further off than the bound
    assert await as_of(api, 1, asked, skew_seconds=0) == {0: 0}
    assert await as_of(api, 2, asked, skew_seconds=0) == {}  # another tenant's, of its own events
    assert await as_of(api, 1, "0-1", skew_seconds=0) == {0: 1}
    assert await as_of(api, 1, None, skew_seconds=0) is None
