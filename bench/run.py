"""One run from the data to the results."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

import asyncpg
from rich.console import Console

from bench import reference
from bench.asked import Asked, asking
from bench.cases.backward import backward, many
from bench.cases.bounded import memory, starving
from bench.cases.capture import capture
from bench.cases.exposure import exposure
from bench.cases.forward import forward
from bench.cases.growth import growth
from bench.cases.hopping import hopping
from bench.cases.projector import projector
from bench.cases.rivals import rivals
from bench.cases.visible import visible
from bench.questions import forward_questions
from bench.reference import Reference
from bench.results import Results, Row, about
from bench.rivals import tables
from bench.sizes import Size
from bench.world import World, world

_OF_QUESTIONS = ("forward", "rivals", "hopping", "backward", "exposure", "bounded", "growth")
GROUPS = (*_OF_QUESTIONS, "capture", "visible", "projector")


async def run(
    size: Size, *, console: Console, began: datetime, only: Sequence[str] = GROUPS, keep: bool = False
) -> Results:
    """Build, measure, and give the results; each row is told when it is there."""
    async with world(size, console=console, keep=keep) as this:
        results = Results(about(began=began, data=this.data, postgres=await _version(this)))
        async for row in _rows(this, only):
            results.rows.append(row)
            console.print(_told(row), highlight=False)
        return results


async def _rows(this: World, only: Sequence[str]) -> AsyncIterator[Row]:
    if set(_OF_QUESTIONS) & set(only):
        async for row in _asking(this, only):
            yield row
    for name, group in (("capture", capture), ("visible", visible), ("projector", projector)):
        if name in only:
            async for row in group(this):
                yield row


async def _asking(this: World, only: Sequence[str]) -> AsyncIterator[Row]:
    """Questions about the built data."""
    async with asking(this, this.url) as asked:
        copies = await reference.copies(this)
        references: list[Reference] = []
        if {"forward", "rivals", "bounded"} & set(only):
            questions = forward_questions(this.size.units)
            references = await reference.written(this, questions, quick=asked.quick, domain=asked.domain)
        groups: dict[str, Callable[[], AsyncIterator[Row]]] = {
            "forward": lambda: forward(asked, copies, references),
            "rivals": lambda: _rivals(this, asked, references),
            "hopping": lambda: hopping(asked),
            "backward": lambda: _both(backward(this, asked), many(this, asked)),
            "exposure": lambda: exposure(this, asked),
            "bounded": lambda: _both(memory(asked, references), starving(this, asked, references)),
            "growth": lambda: growth(this, asked),
        }
        for name, group in groups.items():
            if name in only:
                async for row in group():
                    yield row
        await copies.close()


async def _both(one: AsyncIterator[Row], other: AsyncIterator[Row]) -> AsyncIterator[Row]:
    async for row in one:
        yield row
    async for row in other:
        yield row


async def _rivals(this: World, asked: Asked, references: list[Reference]) -> AsyncIterator[Row]:
    exported = await tables.export(this, references)
    async for row in rivals(asked, exported, references):
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
