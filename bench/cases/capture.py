"""Capture, acknowledged durably, on both logs, beside a server that parses and validates the same bytes and no more."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import asyncpg
from aiokafka import AIOKafkaProducer

from bench.load import CONNECTIONS, Events, post_batches, post_singles, records_of
from bench.measuring import middle, over, rates_in_turn
from bench.results import Row, at_least
from bench.world import Database, World
from services.embedded.kafka_broker import KafkaBroker, KafkaBrokerFailed, KafkaToolMissing, fetch_jars

_SINGLE_CONNECTIONS = 64
_PARSED = "parsing and validating the same bytes"


@dataclass(slots=True)
class Log:
    """A log to capture into: its name, what an ingest process must be told, and what writes to it barely."""

    name: str
    settings: dict[str, object]
    bare: str
    servers: str = ""
    topics: int = field(default=0)


async def capture(world: World) -> AsyncIterator[Row]:
    """On Postgres, then, where Java and Maven are, on Kafka. All processes are up before anything is measured."""
    database = await world.empty_database()
    async with contextlib.AsyncExitStack() as stack:
        postgres = Log("Postgres", {}, "COPY of the same records")
        async with asyncio.TaskGroup() as starting:
            least = starting.create_task(stack.enter_async_context(world.bare(database.url)))
            here = starting.create_task(stack.enter_async_context(_taking(world, database, postgres)))
            there = starting.create_task(_on_kafka(world, database, stack))
        bare = least.result().url
        for taking in (here.result(), there.result()):
            if isinstance(taking, Row):
                yield taking
                continue
            log, urls = taking
            async for row in _on(world, database, log, urls=urls, bare=bare):
                yield row
    await database.drop()


Taking = tuple[Log, list[str]]
"""A log, and where the two ingest processes listen that write it."""


@contextlib.asynccontextmanager
async def _taking(world: World, database: Database, log: Log) -> AsyncIterator[Taking]:
    wanted = {f"ingest-{log.name}-{number}": log.settings for number in (1, 2)}
    async with world.processes(database.url, wanted) as processes:
        yield log, [process.url for process in processes]


async def _on_kafka(world: World, database: Database, stack: contextlib.AsyncExitStack) -> Taking | Row:
    """Or the row that says why not."""
    try:
        log = await stack.enter_async_context(broker(world))
    except (KafkaToolMissing, KafkaBrokerFailed) as missing:
        return Row(case="capture on Kafka", size="", against=_PARSED, note=f"not run: {missing}")
    return await stack.enter_async_context(_taking(world, database, log))


@contextlib.asynccontextmanager
async def broker(world: World) -> AsyncIterator[Log]:
    """One broker of our own. Raises KafkaToolMissing."""
    jars = await asyncio.to_thread(fetch_jars)
    one = KafkaBroker(data_dir=world.folder / "kafka", jars=jars)
    await one.start()
    settings: dict[str, object] = {
        "log": "kafka",
        "kafka_bootstrap_servers": one.bootstrap_servers,
        "kafka_replication_factor": 1,
        "kafka_min_insync_replicas": 1,
    }
    try:
        yield Log("Kafka", settings, "a bare producer of the same records", one.bootstrap_servers)
    finally:
        await one.stop()


async def _on(world: World, database: Database, log: Log, *, urls: list[str], bare: str) -> AsyncIterator[Row]:
    events, key = Events(world.size.events), world.tenant.key
    await post_batches(urls, key, path="/v1/events", bodies=events.batches()[:2])  # warm
    one, two, parsed, barely = await rates_in_turn(
        world.size.rate_rounds,
        [
            lambda: _batches(events, urls[:1], key, path="/v1/events"),
            lambda: _batches(events, urls, key, path="/v1/events"),
            lambda: _batches(events, [bare], key, path="/parsed"),
            lambda: _barely(world, database, log, events=events),
        ],
    )
    case, size = f"capture, NDJSON batches, {log.name}, one process", f"{len(events):,} events"
    yield _row(case, size, _PARSED, ours=one, theirs=parsed, bar=0.6)
    yield _row(case, size, log.bare, ours=one, theirs=barely)
    case = f"capture, NDJSON batches, {log.name}, two processes"
    yield _row(case, size, "one process", ours=two, theirs=one, bar=1.0)
    single, alone = await rates_in_turn(
        world.size.rate_rounds,
        [
            lambda: _singles(world, events, urls[0], path="/v1/events"),
            lambda: _singles(world, events, bare, path="/parsed"),
        ],
    )
    case = f"capture, single events, {_SINGLE_CONNECTIONS} connections, {log.name}"
    yield _row(case, f"{world.size.singles:,} events", _PARSED, ours=single, theirs=alone, bar=0.6)


def _row(
    case: str, size: str, against: str, *, ours: Sequence[float], theirs: Sequence[float], bar: float | None = None
) -> Row:
    return Row(
        case=case,
        size=size,
        against=against,
        ratios=over(ours, theirs),
        bar=at_least(bar) if bar is not None else None,
        ours=middle(ours),
        theirs=middle(theirs),
        unit="events/s",
    )


async def _batches(events: Events, urls: Sequence[str], key: str, *, path: str) -> float:
    return len(events) / await post_batches(urls, key, path=path, bodies=events.batches())


async def _singles(world: World, events: Events, url: str, *, path: str) -> float:
    lines = events.lines(world.size.singles)
    took = await post_singles(url, world.tenant.key, path=path, lines=lines, connections=_SINGLE_CONNECTIONS)
    return len(lines) / took


async def _barely(world: World, database: Database, log: Log, *, events: Events) -> float:
    """The records that ingest would make of them, made before, written by the fastest means there is."""
    records = list(records_of(world.tenant, events.lines()))
    chunks = [records[n : n + 1_000] for n in range(0, len(records), 1_000)]
    if log.servers:
        return len(records) / await _produced(log.servers, chunks)
    return len(records) / await _copied(database.url, chunks)


async def _copied(url: str, chunks: Sequence[Sequence[object]]) -> float:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS copied (place bigint PRIMARY KEY, key bytea, value bytea)")
        await connection.execute("TRUNCATE copied")
        began, place = time.perf_counter(), 0
        for chunk in chunks:
            rows = [(place + n, r.key, r.value) for n, r in enumerate(chunk)]  # type: ignore[attr-defined]
            await connection.copy_records_to_table("copied", records=rows)
            place += len(rows)
        return time.perf_counter() - began
    finally:
        await connection.close()


async def _produced(servers: str, chunks: Sequence[Sequence[object]]) -> float:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        began, sent = time.perf_counter(), []
        for chunk in chunks:
            for record in chunk:
                sent.append(await producer.send("zhuisu.events", record.value, key=record.key))  # type: ignore[attr-defined]
        for one in sent:
            await one
        return time.perf_counter() - began
    finally:
        await producer.stop()


__all__ = ["CONNECTIONS", "Log", "broker", "capture"]
