"""Backward traces of units: one at a time beside the least a request can be, thousands at once beside one."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from bench.asked import Asked
from bench.building import SEED
from bench.measuring import middle, over, percentile
from bench.reference import answer_csv
from bench.results import Row, at_least, at_most
from bench.rows import RowSet, of_csv
from bench.wire import Connection, connected
from bench.world import World
from services.factory.names import BIKES_PER_RUN, Names
from services.factory.story import runs_of

CASE = "backward trace of one unit"
_COMPARED = 20
_PERCENTILES = (("p50", 0.5, 3.0), ("p99", 0.99, 8.0))


def some_bikes(units: int, count: int) -> list[str]:
    """Bikes from anywhere in the factory, the same in every run."""
    every = runs_of(units) * BIKES_PER_RUN
    chosen = random.Random(SEED).sample(range(every), min(count, every))
    return [Names(n // BIKES_PER_RUN).bike_link(n % BIKES_PER_RUN) for n in chosen]


async def compared(world: World, asked: Asked) -> bool:
    """Whether the domain says the same of some of them."""
    bikes = some_bikes(world.size.units, world.size.asked)
    return all([await _same(asked, bike) for bike in bikes[:_COMPARED]])


async def backward(
    world: World, asked: Asked, *, equal: bool, where: str = "", barred: bool = True
) -> AsyncIterator[Row]:
    """Percentiles of each round over those of a bare request in the same round, asked alternately."""
    bikes = some_bikes(world.size.units, world.size.asked)
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    async with world.bare(world.url) as bare, connected(bare.url, asked.key) as barely:
        for _ in range(world.size.rounds + 1):
            one, other = await alternately(
                bikes,
                lambda bike: ask(asked.quick, bike),
                lambda _: barely.get("/bare"),
                within_seconds=world.size.budget_seconds / (world.size.rounds + 1),
            )
            ours.append(one)
            theirs.append(other)
    for word, share, most in _PERCENTILES:
        mine, bares = ([percentile(times, share) for times in all_times[1:]] for all_times in (ours, theirs))
        yield Row(
            case=f"{CASE} over HTTP, {word}{where}",
            size=f"{len(ours[-1])} units",
            against="who asks, BEGIN, set_config, SELECT 1, COMMIT",
            ratios=over(mine, bares),
            bar=at_most(most) if barred else None,
            equal=equal,
            ours=middle(mine),
            theirs=middle(bares),
        )


async def ask(connection: Connection, item: str) -> object:
    """A backward trace as JSON."""
    return await connection.get("/v1/trace/backward", item=item)


async def alternately(
    items: Sequence[str],
    one: Callable[[str], Awaitable[object]],
    other: Callable[[str], Awaitable[object]],
    *,
    within_seconds: float,
) -> tuple[list[float], list[float]]:
    """Seconds of each call of both, as many as there is time for."""
    ends = time.perf_counter() + within_seconds
    ones: list[float] = []
    others: list[float] = []
    for item in items:
        if ones and time.perf_counter() > ends:
            break
        for times, call in ((ones, one), (others, other)):
            began = time.perf_counter()
            await call(item)
            times.append(time.perf_counter() - began)
    return ones, others


async def _same(asked: Asked, bike: str) -> bool:
    told = await asyncio.gather(*(answer_csv(c, bike, way="backward") for c in (asked.quick, asked.domain)))
    quick, domain = map(of_csv, told)
    return quick.same_as(domain)


async def many(world: World, asked: Asked) -> AsyncIterator[Row]:
    """Thousands of serials in one question, beside one of them as often."""
    bikes = some_bikes(world.size.units, world.size.serials)
    few = bikes[: world.size.serials // 100 + 20]
    equal = (await _all(asked.quick, few)).same_as(await _all(asked.domain, few))
    await _read(asked.quick, bikes)  # warms up
    ones: list[float] = []
    alls: list[float] = []
    ends = time.perf_counter() + world.size.budget_seconds
    for number in range(world.size.rounds):
        if number and time.perf_counter() > ends:
            break
        began = time.perf_counter()
        for bike in few[:20]:
            await ask(asked.quick, bike)
        ones.append((time.perf_counter() - began) / len(few[:20]) * len(bikes))
        began = time.perf_counter()
        await _read(asked.quick, bikes)
        alls.append(time.perf_counter() - began)
    yield Row(
        case="backward trace of many serials at once, CSV",
        size=f"{len(bikes):,} units",
        against="one of them, times their number",
        ratios=over(ones, alls),
        bar=at_least(50.0) if len(bikes) >= 5_000 else None,
        equal=equal,
        ours=middle(alls),
        theirs=middle(ones),
        note="times cheaper",
    )


async def _read(connection: Connection, items: Sequence[str]) -> None:
    """As it came, and thrown away as forward traces are: to take it apart would measure the client."""
    await _answer(connection, items, lambda piece: None)


async def _answer(
    connection: Connection, items: Sequence[str], taken: Callable[[bytes], object] | None = None
) -> bytes:
    body = json.dumps({"items": list(items)}).encode()
    return (await connection.post("/v1/trace/backward", body, accept="text/csv", taken=taken)).body


async def _all(connection: Connection, items: Sequence[str]) -> RowSet:
    return of_csv(await _answer(connection, items))
