"""What a large answer costs others: memory of the process, and the wait of small questions beside it."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

from bench.asked import Asked, stream
from bench.cases.backward import ask, some_bikes
from bench.measuring import percentile
from bench.reference import Reference
from bench.results import Row, at_most
from bench.wire import connected
from bench.world import World


async def memory(asked: Asked, references: list[Reference]) -> AsyncIterator[Row]:
    """The most the process held while it sent the smallest answer, and while it sent the largest."""
    small, large = references[0].question, references[-1].question
    if small is large:
        return
    peaks = []
    for question in (small, large):
        _forget_peak(asked.process.pid)
        await asked.stream(question.lot)
        peaks.append(_peak_bytes(asked.process.pid))
    yield Row(
        case=f"memory while {large.size} rows are streamed",
        size=large.size,
        against=f"while {small.size} are",
        ratios=(peaks[1] / peaks[0],),
        bar=at_most(1.2),
        ours=peaks[1] / 2**20,
        theirs=peaks[0] / 2**20,
        unit="MiB",
    )


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak_bytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


async def starving(world: World, asked: Asked, references: list[Reference]) -> AsyncIterator[Row]:
    """p99 of backward traces while the largest trace streams, again and again, beside none."""
    largest, bikes = references[-1].question, some_bikes(world.size.units, world.size.asked)
    within = world.size.budget_seconds / 2
    idle = [await _times(asked, bikes, until=None, within_seconds=within) for _ in range(2)][1]
    busy: list[float] = []
    async with connected(asked.process.url, asked.key) as other:
        deadline = time.monotonic() + within
        streaming = asyncio.create_task(stream(other, largest.lot))
        while len(busy) < len(bikes) and time.monotonic() < deadline:
            rest = bikes[: len(bikes) - len(busy)]
            busy += await _times(asked, rest, until=streaming, within_seconds=deadline - time.monotonic())
            if streaming.done():
                streaming = asyncio.create_task(stream(other, largest.lot))
        streaming.cancel()
        await asyncio.gather(streaming, return_exceptions=True)
    yield Row(
        case="backward trace of one unit, p99, while the largest trace streams",
        size=f"{len(busy)} units beside {largest.size}",
        against="the same while nothing else is asked",
        ratios=(percentile(busy, 0.99) / percentile(idle, 0.99),),
        bar=at_most(3.0),
        ours=percentile(busy, 0.99),
        theirs=percentile(idle, 0.99),
    )


async def _times(
    asked: Asked, bikes: list[str], *, until: "asyncio.Task[int] | None", within_seconds: float
) -> list[float]:
    """Seconds of each, until the task ends or the time is over."""
    times: list[float] = []
    ends = time.perf_counter() + within_seconds
    for bike in bikes:
        if times and (time.perf_counter() > ends or (until is not None and until.done())):
            break
        began = time.perf_counter()
        await ask(asked.quick, bike)
        times.append(time.perf_counter() - began)
    return times
