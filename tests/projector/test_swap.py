"""The moment in which rebuilt views take the live ones' place, and rebuilds that do not get there."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Sequence

import asyncpg
import pytest

from domain.moments import to_us
from domain.ports import Record, StoredRecord
from services.embedded.app import event_log
from services.eventlog.memory import MemoryEventLog
from services.projector.batches import sort_out
from services.projector.continuity import LogNow
from services.projector.dead_letters import parked
from services.projector.leases import Leases
from services.projector.rebuild import BESIDE, RebuildFailed, Rebuilt, rebuild
from services.projector.runner import Pace, Projector
from services.readmodel.changes import Batch
from services.settings import load_settings
from tests.projections.test_two_writers import Stepwise
from tests.projector.sites import QUICK, Site, log_of, named, projecting
from tests.waiting import eventually


class Gated(MemoryEventLog):
    """A log whose reader is held back before offset 10 until the gate is opened."""

    def __init__(self) -> None:
        super().__init__(partitions=1)
        self.gate = asyncio.Event()

    async def read(
        self, partition: int, *, after: int, max_records: int
    ) -> AsyncGenerator[Sequence[StoredRecord], None]:
        async for records in super().read(partition, after=after, max_records=max_records):
            if records[-1].position.offset >= 10:
                await self.gate.wait()
            yield records


async def batch_from(log: MemoryEventLog, *, after: int, epoch: int) -> Batch:
    """What the live projector would write of the records after that offset."""
    reader = log.read(0, after=after, max_records=1_000)
    records = await anext(reader)
    await reader.aclose()
    last, events = records[-1], sort_out(records, tenants=frozenset({1})).events
    stamp = to_us(last.appended_at)
    return Batch(0, epoch, last.position.offset, stamp, events, log_id=await log.identity())


async def waits_for_checkpoints(connection: asyncpg.Connection) -> bool:
    """Whether somebody wants the table of checkpoints for itself, and has to wait."""
    return bool(
        await connection.fetchval(
            "SELECT count(*) FROM pg_locks WHERE mode IN ('ExclusiveLock', 'AccessExclusiveLock') AND NOT granted"
            " AND relation = to_regclass('views.checkpoints')"
        )
    )


async def test_what_a_live_projector_commits_at_the_last_moment_is_in_the_new_views_at_the_swap(site: Site) -> None:
    """It stands still from then on, and the new views catch up with it first: they never go back behind an answer."""
    log = Gated()
    await log.append(named("early", 10), deadline_seconds=5)
    leases = Leases(site.views, schema="views", name="live", seconds=600)
    await leases.beat(LogNow(await log.identity(), await log.end()), {})
    [lease] = await leases.take(1)
    writer = Stepwise(site.views)
    writer.may_commit.set()
    await writer.apply(await batch_from(log, after=-1, epoch=lease.epoch))
    writer.written.clear()
    writer.may_commit.clear()
    later = MemoryEventLog(partitions=1)  # the same records, not yet where the rebuild reads
    await later.append([*named("early", 10), *named("late", 10)], deadline_seconds=5)
    batch = await batch_from(later, after=9, epoch=lease.epoch)
    late = Batch(0, lease.epoch, 19, batch.applied_us, batch.events, log_id=await log.identity())
    committing = asyncio.create_task(writer.apply(late))
    await writer.written.wait()
    rebuilding = asyncio.create_task(rebuild(site.url, log=log, views=site.views, pace=QUICK))
    watching = await asyncpg.connect(site.url)

    async def swap_waits() -> bool:
        return await waits_for_checkpoints(watching)

    await eventually(swap_waits)
    await log.append(named("late", 10), deadline_seconds=5)
    writer.may_commit.set()
    await committing

    async def swap_goes_on() -> bool:
        return rebuilding.done() or not await waits_for_checkpoints(watching)

    await eventually(swap_goes_on)
    log.gate.set()
    await asyncio.wait_for(rebuilding, 30)
    assert await watching.fetchval("SELECT applied_offset FROM views.checkpoints") == 19
    assert len(await site.event_ids()) == 20
    await watching.close()


@pytest.mark.parametrize("act", ["settle", "replay"])
async def test_what_an_operator_says_of_a_dead_letter_meanwhile_is_in_the_new_views(site: Site, act: str) -> None:
    """Said of the old tables only, it would be gone with them although it was confirmed."""
    log = MemoryEventLog(partitions=1)
    [position] = await log.append([Record(b"1:x", b"not an event")], deadline_seconds=5)
    async with projecting(log, site.views):

        async def is_parked() -> bool:
            return bool(await parked(site.views))

        await eventually(is_parked)
    saying, watching = await asyncpg.connect(site.url), await asyncpg.connect(site.url)
    await saying.execute("SET ROLE zhuisu_projector")
    said = saying.transaction()
    await said.start()
    column = "settled" if act == "settle" else "replayed_as"
    await saying.execute(f"UPDATE views.dead_letters SET {column} = '0-9'")
    rebuilding = asyncio.create_task(rebuild(site.url, log=log, views=site.views, pace=QUICK))

    async def rebuild_waits() -> bool:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = $1"
        return bool(await watching.fetchval(waiting, "zhuisu_rebuild"))

    await eventually(rebuild_waits)
    await said.commit()
    await asyncio.wait_for(rebuilding, 30)
    [letter] = await parked(site.views)
    assert (letter.position, letter.settled or letter.replayed_as) == (position, "0-9")
    await saying.close()
    await watching.close()


async def test_progress_is_told_up_to_the_end(site: Site) -> None:
    log = await log_of("e", 100)
    told: list[Rebuilt] = []
    pace = Pace(batch_records=10, heartbeat_seconds=0.05, lease_seconds=5)
    async with projecting(log, site.views):
        await site.until_applied(99)
        done = await rebuild(site.url, log=log, views=site.views, pace=pace, told=told.append)
    assert done == Rebuilt(100, 100)
    assert told == sorted(told, key=lambda t: t.applied)
    assert told[-1] == done


async def test_a_rebuild_that_cannot_read_the_log_gives_up_and_says_why(site: Site) -> None:
    log = await log_of("e", 20)
    async with projecting(log, site.views):
        await site.until_applied(19)
        await log.forget_below(0, 5)
        with pytest.raises(RebuildFailed, match=r"partition 0.*holds 5\.\.19"):
            await asyncio.wait_for(rebuild(site.url, log=log, views=site.views, pace=QUICK, patience_seconds=0.3), 20)
        assert len(await site.event_ids()) == 20


@pytest.mark.slow
async def test_a_rebuild_killed_halfway_leaves_the_live_views_alone_and_can_be_begun_again(site: Site) -> None:
    """A process of its own, kill -9; its half of the tables is in nobody's way."""
    log = event_log(load_settings(log_partitions=1), site.url)
    await log.start()
    await log.append(named("e", 3_000), deadline_seconds=30)
    stop = asyncio.Event()
    running = asyncio.create_task(Projector(log=log, pool=site.views, name="live", pace=QUICK).run(stop))
    await site.until_applied(2_999)
    generation = "SELECT 'views.checkpoints'::regclass::oid"
    before = await site.views.fetchval(generation)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ZHUISU_")}
    environment |= {"ZHUISU_DATABASE_URL": site.url, "ZHUISU_PROJECTOR_BATCH_EVENTS": "10"}
    command = [sys.executable, "-m", "services.cli", "rebuild", "--json"]
    victim = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)

    owner = await asyncpg.connect(site.url)

    async def halfway() -> bool:
        if await owner.fetchval("SELECT to_regclass($1)", f"{BESIDE}.checkpoints") is None:
            return False
        applied = await owner.fetchval(f"SELECT max(applied_offset) FROM {BESIDE}.checkpoints")
        return applied is not None and 100 <= applied <= 2_900

    await eventually(halfway, within_seconds=40, every_seconds=0.005)
    victim.send_signal(signal.SIGKILL)
    await victim.wait()
    assert await site.views.fetchval(generation) == before
    await log.append(named("after", 10), deadline_seconds=10)
    await site.until_applied(3_009)
    again = await asyncio.create_subprocess_exec(
        *command, env=environment | {"ZHUISU_PROJECTOR_BATCH_EVENTS": "2000"}, stdout=asyncio.subprocess.DEVNULL
    )
    assert await asyncio.wait_for(again.wait(), 60) == 0
    assert await site.views.fetchval(generation) != before
    assert len(await site.event_ids()) == 3_010
    stop.set()
    await running
    await log.stop()
    await owner.close()
