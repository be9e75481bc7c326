"""A factory with reels on feeders, tanks and testers: what was in what is worked out of times, not of scans."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from bench import reference
from bench.asked import Asked, asking
from bench.cases.backward import backward, compared
from bench.cases.forward import forward
from bench.questions import Question
from bench.reference import Copies, Reference
from bench.results import Row
from bench.world import World, another

_UNITS_MOST, _ROUNDS_MOST = 12_500, 2
_WHERE = ", with reels and tanks"
_QUESTIONS = (
    Question(0, "urn:zhuisu:lot:own:MOSFET-80V:TR000000", 0, "a lot of reels"),
    Question(1, "urn:zhuisu:class:own:ADHESIVE", 0, "a class"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The factory, its processes, its references, and whether bikes were told as the domain tells them."""

    world: World
    asked: Asked
    copies: Copies
    references: list[Reference]
    equal: bool
    up: contextlib.AsyncExitStack
    """closes the processes"""


async def line_of(world: World) -> Line:
    """All that is not measured."""
    few = {"units": min(world.size.units, _UNITS_MOST), "rounds": min(world.size.rounds, _ROUNDS_MOST)}
    size = replace(world.size, name=f"{world.size.name}-line", line=True, **few)
    beside = await another(world, size)
    async with contextlib.AsyncExitStack() as stack:
        asked = await stack.enter_async_context(asking(beside, beside.url))
        copies = await reference.copies(beside)
        stack.push_async_callback(copies.close)
        references = await reference.written(beside, _QUESTIONS, quick=asked.quick, domain=asked.domain)
        equal = await compared(beside, asked)
        up = stack.pop_all()
    return Line(world=beside, asked=asked, copies=copies, references=references, equal=equal, up=up)


async def line(made: Line) -> AsyncIterator[Row]:
    """A lot of reels forward, a class that is booked everywhere without its lot, bikes backward. Reported, no bars.

    Its processes end with it.
    """
    async with made.up:
        async for row in forward(made.asked, made.copies, made.references, where=_WHERE):
            yield row
        async for row in backward(made.world, made.asked, where=_WHERE, barred=False, equal=made.equal):
            yield row
