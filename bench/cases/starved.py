"""What small questions and captures wait for while the largest trace streams, again and again."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from itertools import count

from bench.asked import Asked
from bench.cases.backward import ask, some_bikes
from bench.load import Events
from bench.measuring import percentile
from bench.reference import Reference
from bench.results import Row, at_most
from bench.streaming import streaming
from bench.wire import connected
from bench.world import World

_MOST = 3.0
_WARM = 20
Call = Callable[[], Awaitable[object]]


async def starved(world: World, asked: Asked, references: list[Reference]) -> AsyncIterator[Row]:
    """p99 of backward traces, and of events acknowledged one by one by a process beside, over p99 of the same alone."""
    bikes = some_bikes(world.size.units, world.size.asked)
    traces = [partial(ask, asked.quick, bike) for bike in bikes]
    yield await _row(asked, references, "backward trace of one unit", calls=traces)
    yield await _captured(world, asked, references)


async def _captured(world: World, asked: Asked, references: list[Reference]) -> Row:
    database, events = await world.empty_database(), Events(max(300, world.size.asked))
    async with (
        world.process("ingest-beside", database.url) as ingest,
        connected(ingest.url, world.tenant.key) as posting,
    ):
        # Each taking of the lines has ids of its own.
        every = (line for _ in count() for line in events.lines())

        async def post() -> None:
            await posting.post("/v1/events", next(every))

        row = await _row(asked, references, "capture of one event", calls=[post] * world.size.asked)
    await database.drop()
    return row


async def _row(asked: Asked, references: list[Reference], name: str, *, calls: Sequence[Call]) -> Row:
    """In turn alone and beside the stream, as often as a case has rounds; percentiles are of all of them together."""
    largest = references[-1].question
    within = asked.size.budget_seconds / asked.size.rounds
    alone: list[float] = []
    beside: list[float] = []
    streamed = 0
    await _times(calls, within_seconds=within)
    for _ in range(asked.size.rounds):
        await _times(calls[:_WARM], within_seconds=within)  # what the stream left behind is over
        alone += await _times(calls, within_seconds=within)
        async with streaming(asked.process.url, asked.key, largest.lot) as streams:
            beside += await _times(calls, within_seconds=within)
        streamed += streams.read
    return Row(
        case=f"{name}, p99, while the largest trace streams",
        size=f"{len(beside):,} beside {largest.size}",
        against="the same while nothing else is asked",
        ratios=(percentile(beside, 0.99) / percentile(alone, 0.99),),
        bar=at_most(_MOST),
        ours=percentile(beside, 0.99),
        theirs=percentile(alone, 0.99),
        note=f"p50 {percentile(beside, 0.5) / percentile(alone, 0.5):.1f} ×; {streamed} were read beside",
    )


async def _times(calls: Sequence[Call], *, within_seconds: float) -> list[float]:
    """Seconds of each, until the time is over."""
    times: list[float] = []
    ends = time.perf_counter() + within_seconds
    for call in calls:
        if times and time.perf_counter() > ends:
            break
        began = time.perf_counter()
        await call()
        times.append(time.perf_counter() - began)
    return times
