"""While there is much to do, the next batch is decoded while the one before is written; never with little."""

import asyncio

from domain.clock import SystemClock
from domain.ports import Position
from services.eventlog.memory import MemoryEventLog
from services.projector.ahead import BREATH_RECORDS, WORTH_RECORDS, Ahead
from services.projector.continuity import LogNow
from services.projector.leases import Lease, Leases
from services.projector.partition import project
from services.readmodel.changes import Batch, ViewWriter
from tests.projector.sites import Site, log_of, named
from tests.waiting import eventually

BATCH = 50


class Told(MemoryEventLog):
    """Notes how many batches were read: each is followed by a look at which log it is."""

    batches = 0

    async def identity(self) -> str:
        self.batches += 1
        return await super().identity()


class Held(ViewWriter):
    """Writes nothing until it may."""

    def __init__(self, site: Site) -> None:
        super().__init__(site.views)
        self.may, self.waiting = asyncio.Event(), asyncio.Event()
        self.sizes: list[int] = []

    async def apply(self, batch: Batch) -> int:
        self.sizes.append(len(batch.events))
        self.waiting.set()
        await self.may.wait()
        return await super().apply(batch)


async def begun(site: Site, count: int, max_records: int = BATCH) -> tuple[Told, Held, "asyncio.Task[None]"]:
    log = await log_of("first", count)
    log.__class__ = Told
    assert isinstance(log, Told)
    leases = Leases(site.views, schema="views", name="p", seconds=60)
    await leases.beat(LogNow(await log.identity(), await log.end()), {})
    [lease] = await leases.take(1)
    log.batches = 0
    writer = Held(site)
    return log, writer, asyncio.create_task(_project(lease, log, writer, max_records=max_records))


async def _project(lease: Lease, log: Told, writer: Held, *, max_records: int) -> None:
    async def tenants(_: frozenset[int]) -> frozenset[int]:
        return frozenset({1})

    await project(
        lease,
        log=log,
        writer=writer,
        tenants=tenants,
        max_records=max_records,
        told=lambda _: None,
        turn=asyncio.Lock(),
    )


async def test_the_next_batch_is_read_while_one_is_written(site: Site) -> None:
    log, writer, task = await begun(site, 3 * BATCH)
    try:
        await asyncio.wait_for(writer.waiting.wait(), 5)

        async def two() -> bool:
            return log.batches == 2

        await eventually(two)
        writer.may.set()
        await site.until_applied(3 * BATCH - 1)
        assert len(await site.event_ids()) == 3 * BATCH
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_is_decoded_while_a_batch_is_written_is_the_next_one(site: Site) -> None:
    """Of one read, some are written as soon as they are worth it, the rest together, in order."""
    count = 3 * WORTH_RECORDS
    _, writer, task = await begun(site, count, max_records=count)
    try:
        await asyncio.wait_for(writer.waiting.wait(), 5)
        for _ in range(10 * count // BREATH_RECORDS):  # whoever decodes has its turns
            await asyncio.sleep(0)
        writer.may.set()
        await site.until_applied(count - 1)
        assert writer.sizes == [WORTH_RECORDS, count - WORTH_RECORDS]
        rows = await site.views.fetch(
            "SELECT event_id FROM views.events JOIN views.event_keys USING (key_no) ORDER BY log_offset"
        )
        assert [row[0] for row in rows] == [f"first-{n}" for n in range(count)]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_with_little_to_do_what_came_meanwhile_is_one_batch(site: Site) -> None:
    log, writer, task = await begun(site, 1)
    try:
        await asyncio.wait_for(writer.waiting.wait(), 5)
        for name in ("second", "third"):
            await log.append(named(name, 3), deadline_seconds=5)
            for _ in range(100):  # who waits for the log has its turn
                await asyncio.sleep(0)
        writer.may.set()
        await site.until_applied(6)
        assert log.batches == 2
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_batch_read_ahead_is_dropped_with_the_lease(site: Site) -> None:
    """It was read before the one that failed: nothing of it is written."""
    log, writer, task = await begun(site, 3 * BATCH)
    await asyncio.wait_for(writer.waiting.wait(), 5)
    await site.views.execute("UPDATE views.checkpoints SET epoch = epoch + 1")
    writer.may.set()
    [error] = await asyncio.gather(task, return_exceptions=True)
    assert type(error).__name__ == "LeaseLost"
    assert await site.event_ids() == set()
    assert (await site.fresh()).vector.get(0, -1) == -1
    assert (await log.append(named("later", 1), deadline_seconds=5)) == [Position(0, 3 * BATCH)]


async def test_with_much_to_do_partitions_are_decoded_in_turn() -> None:
    """One is ready to be written while others are decoded."""
    count, turn = 4 * BREATH_RECORDS, asyncio.Lock()
    log = MemoryEventLog(partitions=2, clock=SystemClock())
    await log.start()
    await log.append(named("first", 3 * count), deadline_seconds=5)
    assert min((await log.end()).values()) > count
    ready: list[tuple[int, int]] = []

    async def tenants(_: frozenset[int]) -> frozenset[int]:
        return frozenset({1})

    def ahead(partition: int) -> Ahead:
        return Ahead(log, partition, after=-1, max_records=count, tenants=tenants, turn=turn)

    one, other = ahead(0), ahead(1)

    async def first_of(partition: int, its: Ahead) -> None:
        read = await its.next()
        assert read is not None
        ready.append((partition, len(other._ready.records if partition == 0 else one._ready.records)))

    try:
        await asyncio.wait_for(asyncio.gather(first_of(0, one), first_of(1, other)), 10)
        assert ready[0][1] <= BREATH_RECORDS  # of the other next to nothing was decoded by then
    finally:
        await asyncio.gather(one.close(), other.close())


async def test_who_has_little_to_do_does_not_wait_for_the_turn() -> None:
    log, turn = await log_of("first", 1), asyncio.Lock()

    async def tenants(_: frozenset[int]) -> frozenset[int]:
        return frozenset({1})

    async with turn:
        ahead = Ahead(log, 0, after=-1, max_records=BATCH, tenants=tenants, turn=turn)
        try:
            read = await asyncio.wait_for(ahead.next(), 5)
            assert read is not None
            assert len(read.records) == 1
        finally:
            await ahead.close()
