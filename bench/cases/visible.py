"""From the acknowledgement of an event to its being in answers, while events come at half of what can be captured."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from itertools import count
from statistics import mean

from bench.load import Events, post_singles
from bench.measuring import percentile
from bench.results import Row
from bench.wire import Connection, connected
from bench.world import World

_CONNECTIONS = 16
_LAG_EVERY_SECONDS = 0.2


async def visible(world: World) -> AsyncIterator[Row]:
    """Single events at half the rate that one ingest process took with the projector at work beside it."""
    database, key = await world.empty_database(), world.tenant.key
    events = Events(max(world.size.singles, 300))
    wanted: dict[str, dict[str, object]] = {
        "projector-live": {},
        "ingest-live": {},
        "query-live": {"trace_graph": "off"},
    }
    async with world.processes(database.url, wanted) as (_, ingest, query):
        lines = events.lines()
        took = await post_singles(ingest.url, key, path="/v1/events", lines=lines, connections=_CONNECTIONS)
        half = len(lines) / took / 2
        async with connected(query.url, key) as asking:
            await _caught_up(asking)
        waits, lags = await _steady(world, ingest.url, query.url, events=events, rate=half)
    await database.drop()
    growing = mean(lags[len(lags) // 2 :]) - mean(lags[: len(lags) // 2 + 1])
    for word, share in (("p50", 0.5), ("p99", 0.99)):
        yield Row(
            case=f"acknowledged to visible, {word}",
            size=f"{half:,.0f} events/s",
            against="half the measured capacity",
            ours=percentile(waits, share),
            note=f"{len(waits)} waits; the queue grew by {growing:.0f} events between the halves of the run",
        )


async def _steady(
    world: World, ingest: str, query: str, *, events: Events, rate: float
) -> tuple[list[float], list[int]]:
    """Waits in seconds, and how many events the views were behind, from time to time."""
    key, ends = world.tenant.key, time.monotonic() + world.size.seconds
    waits: list[float] = []
    lags: list[int] = []
    lines, turns, began = iter(_endless(events)), count(), time.monotonic()

    async def post() -> None:
        async with connected(ingest, key) as posting, connected(query, key) as asking:
            while (due := began + next(turns) / rate) < ends:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                answer = json.loads((await posting.post("/v1/events", next(lines))).body)
                acked = time.perf_counter()
                await asking.get(f"/v1/events/{answer['outcomes'][0]['event_id']}", wait_for=answer["position"])
                waits.append(time.perf_counter() - acked)

    async def look() -> None:
        async with connected(query, key) as asking:
            while time.monotonic() < ends:
                lags.append(await _behind(asking))
                await asyncio.sleep(_LAG_EVERY_SECONDS)

    async with asyncio.TaskGroup() as group:
        group.create_task(look())
        for _ in range(_CONNECTIONS):
            group.create_task(post())
    return waits, lags


def _endless(events: Events) -> list[bytes]:
    return [line for _ in range(40) for line in events.lines()]


async def _behind(asking: Connection) -> int:
    told = json.loads((await asking.get("/readyz")).body)
    return int(told["lag"]["events"] or 0)


async def _caught_up(asking: Connection) -> None:
    async with asyncio.timeout(120):
        while await _behind(asking):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
