"""Views are never continued on another log: they say so, and skip nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from domain.clock import SystemClock
from domain.envelope import Envelope, partition_key
from domain.ports import Record
from services.access import ensure_bootstrap
from services.codec import EVENT, content_hash, encode
from services.database import api_pool, owner_pool, projector_pool
from services.eventlog.memory import MemoryEventLog
from services.projector.runner import Pace, Projector
from services.query.freshness import Freshness, freshness
from tests.conftest import NewDatabase
from tests.waiting import eventually

QUICK = Pace(heartbeat_seconds=0.05, lease_seconds=5)


def record(name: str) -> Record:
    document = {"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z", "items": [{"item": f"urn:test:{name}"}]}
    event = EVENT.validate_python(document)
    envelope = Envelope(
        tenant_id=1,
        event_id=name,
        source="mes",
        may_correct=False,
        accepted_at_us=1,
        index=0,
        content_hash=content_hash(event),
        event=event,
    )
    return Record(partition_key(1, event, name), encode(envelope))


async def log_of(name: str, count: int) -> MemoryEventLog:
    log = MemoryEventLog(partitions=1, clock=SystemClock())
    await log.start()
    await log.append([record(f"{name}-{n}") for n in range(count)], deadline_seconds=5)
    return log


@asynccontextmanager
async def projecting(log: MemoryEventLog, pool: asyncpg.Pool) -> AsyncIterator[Projector]:
    stop = asyncio.Event()
    projector = Projector(log=log, pool=pool, name="p", pace=QUICK)
    running = asyncio.create_task(projector.run(stop))
    try:
        yield projector
    finally:
        stop.set()
        await running


async def fresh(api: asyncpg.Pool) -> Freshness:
    async with api.acquire() as connection:
        return await freshness(connection, stale_after_seconds=60)


@pytest.mark.parametrize("count", [4, 10, 25])
async def test_another_log_is_refused_whatever_its_length(new_database: NewDatabase, count: int) -> None:
    """Shorter, as long, longer: only the record itself tells a longer one apart. Nothing is skipped or complete."""
    url = await new_database()
    owner, views, api = await owner_pool(url), await projector_pool(url), await api_pool(url)
    try:
        await ensure_bootstrap(owner, tenant_name="default", own_party="urn:test:me", key="a-key-for-this-test")
        first = await log_of("first", 10)
        async with projecting(first, views):

            async def all_in() -> bool:
                return (await fresh(api)).vector == {0: 9} and not (await fresh(api)).codes

            await eventually(all_in)
        async with projecting(await log_of("other", count), views) as projector:

            async def refused() -> bool:
                return projector.trouble is not None

            await eventually(refused)
            assert "zhuisu rebuild" in (projector.trouble or "")
            now = await fresh(api)
            assert "stale" in now.codes
            assert (now.behind, now.vector) == (None, {0: 9})
            assert await views.fetchval("SELECT count(*) FROM views.events") == 10
        await first.append([record("first-again")], deadline_seconds=5)
        async with projecting(first, views) as projector:  # the log they were built from: on it goes

            async def caught_up() -> bool:
                return (await fresh(api)).vector == {0: 10} and not (await fresh(api)).codes

            await eventually(caught_up)
            assert projector.trouble is None
    finally:
        for pool in (owner, views, api):
            await pool.close()
