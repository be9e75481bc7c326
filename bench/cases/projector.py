"""The projector, live and rebuilding, beside key resolution and COPY of the same rows, and no more."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial

import asyncpg

from bench.load import Events, records_of
from bench.measuring import middle, over, rates_in_turn
from bench.results import Row, at_least
from bench.world import Database, World
from domain.ports import Record, StoredRecord
from services.cli.running import YOUNG_OBJECTS_PROJECTING, collect_seldom
from services.codec import canonical_records
from services.database import projector_pool
from services.eventlog.postgres import PostgresEventLog
from services.projector.batches import sort_out
from services.projector.rebuild import rebuild
from services.projector.runner import Pace, Projector
from services.readmodel.changes import Batch, ViewWriter
from services.readmodel.rows import COLUMNS, Applied, Rows, write_rows

_CACHED_SHARE = 10
"""The key cache holds one in so many of the items."""
_BARELY = "key resolution and COPY of the same rows"
_PARTITIONS = 2
Log = Sequence[Record]
"""What a log is filled with: the same for every run, since each has a database of its own."""
_NOT_YET = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.InsufficientPrivilegeError)
"""What is said of tables that are being made."""


async def projector(world: World) -> AsyncIterator[Row]:
    """Each run begins with empty views and the same log. One process; then two beside one."""
    events = list(records_of(world.tenant, Events(world.size.projected or world.size.events).lines()))
    # As a projector process does; what other groups left behind is never looked at.
    collect_seldom(YOUNG_OBJECTS_PROJECTING)
    live, rebuilt, barely = await rates_in_turn(
        world.size.rate_rounds,
        [partial(_live, world, events), partial(_rebuilt, world, events), partial(_barely, world, events)],
    )
    size = f"{len(events):,} events"
    for case, ours in (("projector, live", live), ("projector, rebuild", rebuilt)):
        yield _row(case, size, _BARELY, ours=ours, theirs=barely, bar=0.6)
    one, two = await rates_in_turn(
        max(1, world.size.rate_rounds - 1),
        [partial(_processes, world, events, 1), partial(_processes, world, events, 2)],
    )
    yield _row("projector, two processes", size, "one process", ours=two, theirs=one, bar=1.0)


def _row(case: str, size: str, against: str, *, ours: Sequence[float], theirs: Sequence[float], bar: float) -> Row:
    return Row(
        case=case,
        size=size,
        against=against,
        ratios=over(ours, theirs),
        bar=at_least(bar),
        ours=middle(ours),
        theirs=middle(theirs),
        unit="events/s",
    )


@contextlib.asynccontextmanager
async def _filled(world: World, events: Log) -> AsyncIterator[tuple[Database, PostgresEventLog, asyncpg.Pool]]:
    """A database whose log holds the events and whose views are empty; no id is remembered from another run."""
    canonical_records.cache_clear()
    database = await world.empty_database(log_partitions=_PARTITIONS)
    log = PostgresEventLog(dsn=database.url, partitions=_PARTITIONS)
    await log.start()
    for start in range(0, len(events), 2_000):
        await log.append(events[start : start + 2_000], deadline_seconds=60)
    views = await projector_pool(database.url)
    try:
        yield database, log, views
    finally:
        await views.close()
        await log.stop()
        await database.drop()


def _cache_size(events: Log) -> int:
    """A factory names about nine items for ten events."""
    return max(10, len(events) * 9 // 10 // _CACHED_SHARE)


def _pace(events: Log) -> Pace:
    return Pace(batch_records=2_000, heartbeat_seconds=0.2, items_remembered=_cache_size(events))


async def _live(world: World, events: Log) -> float:
    async with _filled(world, events) as (database, log, views), _looking(database) as looking:
        running = Projector(log=log, pool=views, name="bench", pace=_pace(events))
        stop, began = asyncio.Event(), time.perf_counter()
        task = asyncio.create_task(running.run(stop))
        await _applied(looking, len(events))
        took = time.perf_counter() - began
        stop.set()
        await task
        return len(events) / took


@contextlib.asynccontextmanager
async def _looking(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """Who looks how far it is has a connection of its own: none of the projector's, and none that is cleaned."""
    connection = await asyncpg.connect(database.url)
    try:
        yield connection
    finally:
        await connection.close()


async def _applied(looking: asyncpg.Connection, records: int, *, schema: str = "views") -> float:
    """The time when that many records are in the views of `schema`, which may not be there yet."""
    statement = f"SELECT coalesce(sum(applied_offset + 1), 0)::bigint FROM {schema}.checkpoints"
    while True:
        with contextlib.suppress(*_NOT_YET):
            if await looking.fetchval(statement) >= records:
                return time.perf_counter()
        await asyncio.sleep(0.01)


async def _rebuilt(world: World, events: Log) -> float:
    """From the first statement, which makes the tables, to the last record applied: the swap waits by the clock."""
    async with _filled(world, events) as (database, log, views), _looking(database) as looking:
        await _known(views, log)
        began = time.perf_counter()
        task = asyncio.create_task(rebuild(database.url, log=log, views=views, pace=_pace(events)))
        seeing = asyncio.create_task(_applied(looking, len(events), schema="views_rebuild"))
        await asyncio.wait({seeing, task}, return_when=asyncio.FIRST_COMPLETED)
        await task
        # It may have swapped them in between two looks: then that was the end.
        ended = seeing.result() if seeing.done() else time.perf_counter()
        seeing.cancel()
        return len(events) / (ended - began)


async def _known(views: asyncpg.Pool, log: PostgresEventLog) -> None:
    """Live views that are at the end of the log, so that the rebuild has something to catch up with."""
    for partition, end in (await log.end()).items():
        await views.execute(
            "INSERT INTO views.checkpoints (log_partition, applied_offset, log_end, measured_us, epoch,"
            " leased_until_us, log_id) VALUES ($1, $2, $3, 0, 1, 0, $4)",
            partition,
            end - 1,
            end,
            await log.identity(),
        )


async def _barely(world: World, events: Log) -> float:
    """What no projector can do without: a number for each key, and the rows in the tables."""
    async with _filled(world, events) as (_, log, views):
        writer, seconds = ViewWriter(views, cache_size=_cache_size(events)), 0.0
        for partition in range(_PARTITIONS):
            async for records in _batches(log, partition):
                found = sort_out(records, tenants=frozenset({world.tenant.tenant_id}))
                seconds += await _written(writer, views, found.events)
        return len(events) / seconds


async def _batches(log: PostgresEventLog, partition: int) -> AsyncIterator[Sequence[StoredRecord]]:
    end, reading = (await log.end())[partition], log.read(partition, after=-1, max_records=2_000)
    try:
        async for records in reading:
            yield records
            if records[-1].position.offset >= end - 1:
                return
    finally:
        await reading.aclose()


async def _written(writer: ViewWriter, views: asyncpg.Pool, events: Sequence[Applied]) -> float:
    last = events[-1]
    batch = Batch(last.position.partition, 1, last.position.offset, last.appended_us, events)
    began = time.perf_counter()
    numbered = await writer.number(batch)
    seconds = time.perf_counter() - began
    rows = Rows()
    for one, event_no in zip(events, numbered.event_nos, strict=True):
        tenant = one.envelope.tenant_id
        write_rows(
            rows,
            one,
            event_no,
            item_no=lambda uri, t=tenant: numbered.items[(t, uri)],  # type: ignore[misc]
            key_no=lambda event_id, t=tenant: numbered.keys[(t, event_id)],  # type: ignore[misc]
        )
    began = time.perf_counter()
    async with views.acquire() as connection, connection.transaction():
        for table, records in rows.by_table.items():
            await connection.copy_records_to_table(table, schema_name="views", columns=COLUMNS[table], records=records)
    return seconds + time.perf_counter() - began


async def _processes(world: World, events: Log, count: int) -> float:
    """The log is written at once, faster than it is projected, when all processes are up and hold a partition."""
    database = await world.empty_database(log_partitions=_PARTITIONS)
    log, views = PostgresEventLog(dsn=database.url, partitions=_PARTITIONS), await projector_pool(database.url)
    await log.start()
    async with contextlib.AsyncExitStack() as stack:
        settings = {"heartbeat_seconds": 0.2, "projector_lease_seconds": 5}
        wanted = {f"projector-{number}": settings for number in range(count)}
        await stack.enter_async_context(world.processes(database.url, wanted))
        looking = await stack.enter_async_context(_looking(database))
        await _leased(views, count)
        began = time.perf_counter()
        for start in range(0, len(events), 5_000):
            await log.append(events[start : start + 5_000], deadline_seconds=60)
        rate = len(events) / (await _applied(looking, len(events)) - began)
    await views.close()
    await log.stop()
    await database.drop()
    return rate


async def _leased(views: asyncpg.Pool, count: int) -> None:
    """Until every partition is leased, by so many processes."""
    statement = "SELECT count(leased_by), count(DISTINCT leased_by) FROM views.checkpoints"
    async with asyncio.timeout(30):
        while tuple(await views.fetchrow(statement)) != (_PARTITIONS, count):  # noqa: ASYNC110 - of other processes
            await asyncio.sleep(0.02)
