"""What an affected unit costs in a factory, and in one a tenth as large: the rest of the graph must not matter."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from bench.asked import LIMITS, Asked, graph_built, stream
from bench.measuring import in_turn, middle, over
from bench.questions import Question, forward_questions
from bench.results import Row, at_most
from bench.wire import Connection, connected
from bench.world import World, another


def _both(world: World, units: int) -> list[tuple[Question, Question]]:
    """Questions that a factory of so many units has, too."""
    mine = {q.lot: q for q in forward_questions(world.size.units)}
    return [(q, mine[q.lot]) for q in forward_questions(units) if q.lot in mine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenth:
    """A factory a tenth as large, who answers of it, and the largest question that both have: its own, and ours."""

    answering: Connection
    small: Question
    large: Question
    up: contextlib.AsyncExitStack
    """closes the process"""


async def tenth_of(world: World) -> Tenth | None:
    """All that is not measured; None where they have no question in common."""
    size = replace(world.size, name=f"{world.size.name}-tenth", units=world.size.units // 10)
    both = _both(world, size.units)
    if not both:
        return None
    small, large = both[-1]
    beside = await another(world, size)
    async with contextlib.AsyncExitStack() as stack:
        alone = beside.process("query-tenth", beside.url, log_level="info", **LIMITS)
        process = await stack.enter_async_context(alone)
        answering = await stack.enter_async_context(connected(process.url, world.tenant.key))
        await graph_built(beside, process, answering)
        return Tenth(answering=answering, small=small, large=large, up=stack.pop_all())


async def growth(world: World, asked: Asked, *, tenth: Tenth | None) -> AsyncIterator[Row]:
    """The largest question that both have, in turn. The process of the smaller one ends with it."""
    if tenth is None:
        return
    async with tenth.up:
        measured = await in_turn(
            world.size.rounds,
            [lambda: asked.stream(tenth.large.lot), lambda: stream(tenth.answering, tenth.small.lot)],
            budget_seconds=world.size.budget_seconds,
        )
    yield _row(tenth.large, tenth.small, *measured)


def _row(large: Question, small: Question, ours: tuple[float, ...], theirs: tuple[float, ...]) -> Row:  # noqa: PLR0917
    each, before = tuple(s / large.nodes for s in ours), tuple(s / small.nodes for s in theirs)
    return Row(
        case="cost of one affected unit, graph × 10",
        size=large.size,
        against="itself at × 1",
        ratios=over(each, before),
        bar=at_most(1.3),
        ours=middle(ours),
        theirs=middle(theirs),
    )
