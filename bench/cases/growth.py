"""What an affected unit costs in a factory, and in one a tenth as large: the rest of the graph must not matter."""

from collections.abc import AsyncIterator
from dataclasses import replace

from bench.asked import LIMITS, Asked, graph_built, stream
from bench.measuring import in_turn, middle, over
from bench.questions import Question, forward_questions
from bench.results import Row, at_most
from bench.wire import connected
from bench.world import World, another


async def growth(world: World, asked: Asked) -> AsyncIterator[Row]:
    """The largest question that both have, in turn."""
    tenth = replace(world.size, name=f"{world.size.name}-tenth", units=world.size.units // 10)
    mine = {q.lot: q for q in forward_questions(world.size.units)}
    both = [(q, mine[q.lot]) for q in forward_questions(tenth.units) if q.lot in mine]
    if not both:
        return
    url = (await another(world, tenth)).url
    small, large = both[-1]
    async with (
        world.process("query-tenth", url, log_level="info", **LIMITS) as process,
        connected(process.url, asked.key) as other,
    ):
        await graph_built(world, process, other)
        measured = await in_turn(
            world.size.rounds,
            [lambda: asked.stream(large.lot), lambda: stream(other, small.lot)],
            budget_seconds=world.size.budget_seconds,
        )
    yield _row(large, small, *measured)


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
