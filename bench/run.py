"""One run from the data to the results."""

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import TypeVar

import asyncpg
from rich.console import Console

from bench.cases.backward import backward, many
from bench.cases.bounded import memory
from bench.cases.capture import capture
from bench.cases.exposure import exposure
from bench.cases.forward import forward
from bench.cases.growth import growth
from bench.cases.hopping import hopping
from bench.cases.line import line
from bench.cases.projector import projector
from bench.cases.recalls import recalls
from bench.cases.rivals import rivals
from bench.cases.starved import starved
from bench.cases.visible import visible
from bench.preparing import prepared
from bench.results import Results, Row, about
from bench.rivals import tryton
from bench.sizes import Size
from bench.world import World, world

_OF_QUESTIONS = ("forward", "rivals", "hopping", "backward", "exposure", "bounded", "growth", "recalls", "line")
GROUPS = (*_OF_QUESTIONS, "capture", "visible", "projector")
"""in the order of the table"""

T = TypeVar("T")


async def run(
    size: Size, *, console: Console, began: datetime, only: Sequence[str] = GROUPS, keep: bool = False
) -> Results:
    """Build, measure, and give the results; each row is told when it is there, and what each group took."""
    # While the data are built nothing is measured: what one rival needs is made beside it.
    preparing = asyncio.create_task(asyncio.to_thread(tryton.set_up if "rivals" in only else lambda: None))
    async with world(size, console=console, keep=keep) as this:
        await asyncio.gather(preparing, return_exceptions=True)  # it is told where that rival is loaded
        results = Results(about(began=began, data=this.data, postgres=await _version(this)))
        took: dict[str, float] = {}
        results.about["took_seconds"] = took
        rows: list[tuple[int, Row]] = []
        async for group, row in _rows(this, only, took):
            if row is not None:
                rows.append((GROUPS.index(group), row))
                console.print(_told(row), highlight=False)
            else:
                console.print(f"{group}: {took[group]:.1f} s", highlight=False)
        results.rows += [row for _, row in sorted(rows, key=lambda one: one[0])]
        return results


Told = tuple[str, Row | None]
"""A row of a group; None when the group is done."""


async def _rows(this: World, only: Sequence[str], took: dict[str, float]) -> AsyncIterator[Told]:
    if set(_OF_QUESTIONS) & set(only):
        async for told in _asking(this, only, took):
            yield told
    for name, group in (("capture", capture), ("visible", visible), ("projector", projector)):
        if name in only:
            async for told in timed(name, group(this), took):
                yield told


async def timed(name: str, rows: AsyncIterator[Row], took: dict[str, float]) -> AsyncIterator[Told]:
    """Its rows, and then that it is done. What breaks down is a row that fails the run."""
    began = time.perf_counter()
    try:
        async for row in rows:
            yield name, row
    except Exception as error:  # noqa: BLE001 - told in the table, and fails the run; other groups are measured
        traceback.print_exc()
        yield name, Row(case=name, size="", against="", note=f"failed: {type(error).__name__}: {error}", failed=True)
    took[name] = round(time.perf_counter() - began, 1)
    yield name, None


async def _asking(this: World, only: Sequence[str], took: dict[str, float]) -> AsyncIterator[Told]:
    """Questions about the built data; first those that other factories are asked, whose processes end with them."""
    began = time.perf_counter()
    async with prepared(this, only) as ready:
        took["preparing"] = round(time.perf_counter() - began, 1)
        yield "preparing", None
        asked, copies, references = ready.asked, ready.copies, ready.references
        groups: dict[str, Callable[[], AsyncIterator[Row]]] = {
            "line": lambda: of(ready.line, line),
            "growth": lambda: of(ready.tenth, lambda tenth: growth(this, asked, tenth=tenth)),
            "forward": lambda: forward(asked, copies, references),
            "rivals": lambda: of(ready.rivals, lambda every: rivals(asked, every, references=references)),
            "hopping": lambda: hopping(asked),
            "backward": lambda: of(
                ready.same, lambda equal: _both(backward(this, asked, equal=equal), many(this, asked))
            ),
            "exposure": lambda: exposure(this, asked),
            "bounded": lambda: _both(memory(asked, references), starved(this, asked, references)),
            "recalls": lambda: recalls(this, asked),
        }
        for name, group in groups.items():
            if name in only:
                async for told in timed(name, group(), took):
                    yield told


async def of(made: "asyncio.Task[T] | None", group: Callable[[T], AsyncIterator[Row]]) -> AsyncIterator[Row]:
    """A group of what was prepared for it. Raises what kept it from being made."""
    assert made is not None
    async for row in group(await made):
        yield row


async def _both(one: AsyncIterator[Row], other: AsyncIterator[Row]) -> AsyncIterator[Row]:
    async for row in one:
        yield row
    async for row in other:
        yield row


def _told(row: Row) -> str:
    median = row.document()["median"]
    return f"  {row.case}, {row.size}, against {row.against}: {row.note if median is None else f'{median} ×'}"


async def _version(this: World) -> str:
    connection = await asyncpg.connect(this.url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
