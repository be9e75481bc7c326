"""A factory with reels on feeders, tanks and testers: what was in what is worked out of times, not of scans."""

from collections.abc import AsyncIterator
from dataclasses import replace

from bench import reference
from bench.asked import asking
from bench.cases.backward import backward
from bench.cases.forward import forward
from bench.questions import Question
from bench.results import Row
from bench.world import World, another

_UNITS_MOST, _ROUNDS_MOST = 12_500, 2
_WHERE = ", with reels and tanks"


async def line(world: World) -> AsyncIterator[Row]:
    """A lot of reels forward, a class that is booked everywhere without its lot, bikes backward. Reported, no bars."""
    few = {"units": min(world.size.units, _UNITS_MOST), "rounds": min(world.size.rounds, _ROUNDS_MOST)}
    size = replace(world.size, name=f"{world.size.name}-line", line=True, **few)
    beside = await another(world, size)
    questions = [
        Question(0, "urn:zhuisu:lot:own:MOSFET-80V:TR000000", 0, "a lot of reels"),
        Question(1, "urn:zhuisu:class:own:ADHESIVE", 0, "a class"),
    ]
    async with asking(beside, beside.url) as asked:
        references = await reference.written(beside, questions, quick=asked.quick, domain=asked.domain)
        copies = await reference.copies(beside)
        async for row in forward(asked, copies, references, where=_WHERE):
            yield row
        await copies.close()
        async for row in backward(beside, asked, where=_WHERE, barred=False):
            yield row
