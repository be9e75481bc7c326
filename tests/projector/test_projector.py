"""Projectors at work on a real log: poison, taking over, losing the database."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from domain import events as ev
from domain.envelope import Envelope
from domain.ports import Record
from migrations.run import upgrade
from services.codec import content_hash, encode
from services.database import projector_pool
from services.embedded import postgres
from services.eventlog.postgres import PostgresEventLog
from services.projector.continuity import LogNow
from services.projector.leases import Leases
from services.projector.runner import Pace, Projector
from tests.domain.telling import at, q
from tests.waiting import eventually

PACE = Pace(batch_records=50, lease_seconds=1.0, heartbeat_seconds=0.05, retry_seconds=0.05)


class Stack:
    """A log of two partitions, the views, and one tenant."""

    def __init__(self, log: PostgresEventLog, pool: asyncpg.Pool, tenant: int) -> None:
        self.log, self.pool, self.tenant = log, pool, tenant

    async def append(self, *events: ev.LifecycleEvent, tenant: int | None = None) -> None:
        records = [Record(f"{self.tenant}:{n}".encode(), self.encoded(e, tenant)) for n, e in enumerate(events)]
        await self.log.append(records, deadline_seconds=10)

    def encoded(self, event: ev.LifecycleEvent, tenant: int | None = None) -> bytes:
        digest = content_hash(event)
        return encode(
            Envelope(
                tenant_id=self.tenant if tenant is None else tenant,
                event_id=event.event_id or digest,
                source="mes",
                may_correct=False,
                accepted_at_us=0,
                index=0,
                content_hash=digest,
                event=event,
            )
        )

    async def applied(self) -> bool:
        """Whether the views have everything the log holds."""
        ends = await self.log.end()
        rows = await self.pool.fetch("SELECT log_partition, applied_offset FROM views.checkpoints")
        return {r[0]: r[1] + 1 for r in rows} == dict(ends)

    async def event_ids(self) -> set[str]:
        rows = await self.pool.fetch("SELECT event_id FROM views.events JOIN views.event_keys USING (key_no)")
        return {r[0] for r in rows}


async def stack_on(url: str) -> Stack:
    log, pool = PostgresEventLog(dsn=url, partitions=2, patience_seconds=0.5), await projector_pool(url)
    await log.start()
    owner = await asyncpg.connect(url)
    tenant = await owner.fetchval("INSERT INTO tenants (name, own_party) VALUES ('t', 'urn:t') RETURNING tenant_id")
    await owner.close()
    return Stack(log, pool, tenant)


@pytest_asyncio.fixture(loop_scope="session")
async def stack(fresh_database_url: str) -> AsyncIterator[Stack]:
    made = await stack_on(fresh_database_url)
    yield made
    await made.log.stop()
    await made.pool.close()


@asynccontextmanager
async def projecting(stack: Stack, name: str = "one") -> AsyncIterator[Projector]:
    stop = asyncio.Event()
    projector = Projector(log=stack.log, pool=stack.pool, name=name, pace=PACE)
    running = asyncio.create_task(projector.run(stop))
    try:
        yield projector
    finally:
        stop.set()
        await running


def sold(event_id: str, hour: float = 1, **more: object) -> ev.Sold:
    return ev.Sold(occurred_at=at(hour), event_id=event_id, items=(q("P"),), **more)  # type: ignore[arg-type]


async def test_bad_records_are_put_aside_with_their_reasons_and_block_no_other(stack: Stack) -> None:
    bad = {
        "not_json": b"{",
        "unknown_version": stack.encoded(sold("v")).replace(b'"schema_version":1', b'"schema_version":99'),
        "not_an_envelope": b'{"schema_version":1}',
        "unknown_tenant": stack.encoded(sold("t"), tenant=1 << 40),
        "unwritable_event": stack.encoded(sold("index")).replace(b'"index":0', b'"index":1099511627776'),
    }
    good = [sold(f"good-{n}") for n in range(40)]
    await stack.append(*good[:20])
    await stack.log.append(
        [Record(f"{stack.tenant}:bad".encode(), value) for value in bad.values()], deadline_seconds=10
    )
    await stack.append(*good[20:])
    async with projecting(stack):
        await eventually(stack.applied)
    assert await stack.event_ids() >= {f"good-{n}" for n in range(40)}
    rows = await stack.pool.fetch("SELECT * FROM views.dead_letters ORDER BY log_offset")
    assert [(r["code"], r["value"]) for r in rows] == list(bad.items())
    assert all(r["detail"] for r in rows)
    # Whose it is comes from the key where the record cannot be read; a tenant that cannot be is nobody's.
    assert [r["tenant_id"] for r in rows] == [stack.tenant] * 3 + [None, stack.tenant]


async def test_a_dead_projectors_partitions_are_taken_over_when_its_leases_end(stack: Stack) -> None:
    await stack.append(*(sold(f"e{n}") for n in range(20)))
    dead = Leases(stack.pool, schema="views", name="dead", seconds=0.5)
    await dead.beat(LogNow(await stack.log.identity(), await stack.log.end()), {})
    assert len(await dead.take(2)) == 2  # and it is heard of no more
    async with projecting(stack):
        await eventually(stack.applied)
    assert len(await stack.event_ids()) == 20


async def test_two_projectors_share_the_partitions_and_one_takes_all_when_the_other_stops(stack: Stack) -> None:
    async def holders() -> list[str | None]:
        rows = await stack.pool.fetch("SELECT leased_by FROM views.checkpoints ORDER BY leased_by NULLS LAST")
        return [r[0] for r in rows]

    async def held_by(*names: str) -> None:
        async def so() -> bool:
            return await holders() == list(names)

        await eventually(so)

    async with projecting(stack, "one"):
        async with projecting(stack, "two"):
            await held_by("one", "two")
            await stack.append(*(sold(f"e{n}") for n in range(30)))
            await eventually(stack.applied)
        await held_by("one", "one")  # released, not run out
        await stack.append(sold("later"))
        await eventually(stack.applied)
    assert len(await stack.event_ids()) == 31
    assert await holders() == [None, None]


async def test_the_heartbeat_goes_on_when_nothing_happens_and_stops_with_the_projector(stack: Stack) -> None:
    async def measured() -> int | None:
        found: int | None = await stack.pool.fetchval("SELECT min(measured_us) FROM views.checkpoints")
        return found

    async with projecting(stack):
        first = await eventually(measured)

        async def later() -> bool:
            return (await measured() or 0) > first

        await eventually(later)
    last = await measured()
    assert await measured() == last


async def test_a_log_that_lost_what_comes_next_is_told_and_never_skipped(stack: Stack, fresh_database_url: str) -> None:
    await stack.append(*(sold(f"e{n}") for n in range(10)))
    async with projecting(stack):
        await eventually(stack.applied)
    before = await stack.event_ids()
    await stack.append(*(sold(f"lost-{n}") for n in range(10)))
    owner = await asyncpg.connect(fresh_database_url)
    await owner.execute("SET session_replication_role = replica")  # past the triggers that keep the log append-only
    await owner.execute(
        "DELETE FROM log_records r USING views.checkpoints c WHERE r.log_partition = c.log_partition"
        " AND r.log_offset = c.applied_offset + 1"
    )
    await owner.close()
    async with projecting(stack) as projector:

        async def told() -> str | None:
            return projector.trouble

        assert "no longer in the log" in await eventually(told)
        assert await stack.event_ids() == before


async def test_a_batch_that_the_database_holds_up_is_told_and_written_when_it_may_be(
    stack: Stack, fresh_database_url: str
) -> None:
    """Its heartbeat goes on, so nobody else would see that the partition does not."""
    holding = await asyncpg.connect(fresh_database_url)
    stop = asyncio.Event()
    projector = Projector(log=stack.log, pool=stack.pool, name="one", pace=replace(PACE, batch_seconds=0.3))
    async with holding.transaction():
        await holding.execute("LOCK TABLE views.events IN EXCLUSIVE MODE")
        await stack.append(sold("held"))
        running = asyncio.create_task(projector.run(stop))

        async def told() -> bool:
            return "BatchOverdue" in (projector.trouble or "")

        await eventually(told)
    await holding.close()
    await eventually(stack.applied)

    async def well() -> bool:
        return projector.trouble is None

    await eventually(well)
    assert await stack.event_ids() == {"held"}
    stop.set()
    await running


class Silent(PostgresEventLog):
    """A log that takes questions and never answers."""

    async def end(self) -> Mapping[int, int]:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_heartbeat_that_hangs_is_told_when_its_lease_is_over(stack: Stack, fresh_database_url: str) -> None:
    log = Silent(dsn=fresh_database_url, partitions=2)
    await log.start()
    async with projecting(Stack(log, stack.pool, stack.tenant)) as projector:

        async def told() -> bool:
            return "TimeoutError" in (projector.trouble or "")

        await eventually(told)
    await log.stop()


@pytest.mark.slow
async def test_it_waits_while_postgres_is_away_and_goes_on_by_itself() -> None:
    folder = Path(tempfile.mkdtemp(prefix="zhuisu-test-"))
    server = postgres.start(folder, durable=False)
    try:
        await upgrade(server.dsn)
        stack = await stack_on(server.dsn)
        await stack.append(*(sold(f"e{n}") for n in range(5)))
        async with projecting(stack) as projector:
            await eventually(stack.applied)
            await asyncio.to_thread(server.stop)

            async def in_trouble() -> bool:
                return projector.trouble is not None

            await eventually(in_trouble)
            server = await asyncio.to_thread(postgres.start, folder, durable=False)

            async def out_of_it() -> bool:
                return projector.trouble is None

            await eventually(out_of_it, within_seconds=20)
            await stack.append(sold("after"))
            await eventually(stack.applied, within_seconds=20)
        assert await stack.event_ids() == {"after", *(f"e{n}" for n in range(5))}
        await stack.log.stop()
        await stack.pool.close()
    finally:
        server.stop()
        shutil.rmtree(folder)
