"""One run from the data to the results."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import asyncpg
from rich.console import Console

from bench import reference
from bench.asked import asking
from bench.cases.capture import capture
from bench.cases.forward import forward
from bench.cases.projector import projector
from bench.cases.rivals import rivals
from bench.questions import forward_questions
from bench.results import Results, Row, about
from bench.rivals import tables
from bench.sizes import Size
from bench.world import World, world

GROUPS = ("forward", "rivals", "capture", "projector")


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
    if set(only) & {"forward", "rivals"}:
        async for row in _asking(this, only):
            yield row
    if "capture" in only:
        async for row in capture(this):
            yield row
    if "projector" in only:
        async for row in projector(this):
            yield row


async def _asking(this: World, only: Sequence[str]) -> AsyncIterator[Row]:
    async with asking(this, this.url) as asked:
        questions = forward_questions(this.size.units)
        references = await reference.written(this, questions, quick=asked.quick, domain=asked.domain)
        copies = await reference.copies(this)
        if "forward" in only:
            async for row in forward(asked, copies, references):
                yield row
        if "rivals" in only:
            exported = await tables.export(this, references)
            async for row in rivals(asked, exported, references):
                yield row
        await copies.close()


def _told(row: Row) -> str:
    median = row.document()["median"]
    return f"  {row.case}, {row.size}, against {row.against}: {row.note if median is None else f'{median} ×'}"


async def _version(this: World) -> str:
    connection = await asyncpg.connect(this.url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
