"""A database with views, and a log in memory: what tests of one projector need."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from domain.clock import SystemClock
from domain.envelope import Envelope, partition_key
from domain.ports import EventLog, Record
from services.codec import EVENT, content_hash, encode
from services.eventlog.memory import MemoryEventLog
from services.projector.runner import Pace, Projector
from services.query.freshness import Freshness, freshness
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


def named(name: str, count: int) -> list[Record]:
    return [record(f"{name}-{n}") for n in range(count)]


async def log_of(name: str, count: int) -> MemoryEventLog:
    log = MemoryEventLog(partitions=1, clock=SystemClock())
    await log.start()
    await log.append(named(name, count), deadline_seconds=5)
    return log


@asynccontextmanager
async def projecting(log: EventLog, pool: asyncpg.Pool, *, name: str = "p") -> AsyncIterator[Projector]:
    stop = asyncio.Event()
    projector = Projector(log=log, pool=pool, name=name, pace=QUICK)
    running = asyncio.create_task(projector.run(stop))
    try:
        yield projector
    finally:
        stop.set()
        await running


@dataclass(frozen=True, slots=True)
class Site:
    """One database: its URL, the projector's pool, the requests' pool."""

    url: str
    views: asyncpg.Pool
    api: asyncpg.Pool

    async def fresh(self) -> Freshness:
        async with self.api.acquire() as connection:
            return await freshness(connection, stale_after_seconds=60)

    async def until_applied(self, offset: int) -> None:
        """Until that offset is the newest applied one, and answers are complete."""

        async def so() -> bool:
            now = await self.fresh()
            return now.vector == {0: offset} and not now.codes

        await eventually(so)

    async def beats(self, count: int) -> None:
        """Until the projector has beaten that often."""
        for _ in range(count):
            last = (await self.fresh()).measured_us

            async def beaten(last: int | None = last) -> bool:
                return (await self.fresh()).measured_us != last

            await eventually(beaten)

    async def event_ids(self) -> set[str]:
        rows = await self.views.fetch("SELECT event_id FROM views.events JOIN views.event_keys USING (key_no)")
        return {row[0] for row in rows}
