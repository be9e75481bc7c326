"""What must be there before questions are measured, made at the same time: nothing is measured meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench import reference
from bench.asked import Asked, asking
from bench.cases.backward import compared
from bench.cases.growth import Tenth, tenth_of
from bench.cases.line import Line, line_of
from bench.cases.rivals import Loaded, load_all
from bench.questions import forward_questions
from bench.reference import Copies, Reference
from bench.rivals import tables, text_rows
from bench.world import World

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Prepared:
    """For the groups that ask. Of what failed to be made its own group tells: each is a task that is done.

    `line` and `tenth` are factories beside, with processes that end with their groups; None where the group is not
    asked for.
    """

    asked: Asked
    copies: Copies
    references: list[Reference] = field(default_factory=list)
    rivals: "asyncio.Task[list[Loaded]] | None" = None
    same: "asyncio.Task[bool] | None" = None
    """whether the domain says the same of some bikes, backward"""
    line: "asyncio.Task[Line] | None" = None
    tenth: "asyncio.Task[Tenth | None] | None" = None


@contextlib.asynccontextmanager
async def prepared(this: World, only: Sequence[str]) -> AsyncIterator[Prepared]:
    """All of it, until the body ends."""
    async with contextlib.AsyncExitStack() as stack, _Tasks() as tasks:
        line = tasks.begin(line_of(this)) if "line" in only else None
        tenth = tasks.begin(tenth_of(this)) if "growth" in only else None
        stack.push_async_callback(_closed, line, tenth)
        # Of the rivals' tables those that need no answers; it is told where they are exported.
        rows = tasks.begin(text_rows.make(this)) if "rivals" in only else None
        asked = await stack.enter_async_context(asking(this, this.url))
        copies = await reference.copies(this)
        stack.push_async_callback(copies.close)
        ready = Prepared(asked=asked, copies=copies, line=line, tenth=tenth)
        if {"forward", "rivals", "bounded"} & set(only):
            questions = forward_questions(this.size.units)
            if rows is not None:
                await asyncio.wait([rows])
            ready.references = await reference.written(this, questions, quick=asked.quick, domain=asked.domain)
        if "rivals" in only:
            ready.rivals = tasks.begin(_loaded(this, ready.references))
        if "backward" in only:
            ready.same = tasks.begin(compared(this, asked))
        await tasks.done()
        yield ready


async def _closed(*made: "asyncio.Task[Line] | asyncio.Task[Tenth | None] | None") -> None:
    """Where their groups were not reached."""
    for task in made:
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            beside = task.result()
            if beside is not None:
                await beside.up.aclose()


async def _loaded(this: World, references: list[Reference]) -> list[Loaded]:
    return await load_all(await tables.export(this, references))


class _Tasks:
    """Tasks that end with the body."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    def begin(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    async def done(self) -> None:
        """Until all are, whatever came of them."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> "_Tasks":
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await self.done()
