"""A trace as a naive client would make it over our own API, a hop a request: a small one, a node costs several."""

import time
from collections.abc import AsyncIterator

from bench.asked import Asked
from bench.cases.forward import CASE
from bench.measuring import in_turn, middle, over
from bench.reference import answer_csv
from bench.results import Row, at_least
from bench.rivals.hopping import Hopping
from bench.rows import of_csv
from services.factory.names import Names

_RUN = 2
"""Without a changeover: its modules are reported in the event that took the cells."""


async def hopping(asked: Asked) -> AsyncIterator[Row]:
    """The cells of one run: forty modules, twenty packs, twenty bikes."""
    lot = f"urn:zhuisu:lot:own:CELL-21700:C{Names(_RUN).tag}-A"
    client, truth = Hopping(asked.quick), of_csv(await answer_csv(asked.domain, lot))
    began = time.perf_counter()
    answer = await client.ask(lot)
    took = time.perf_counter() - began
    equal = client.rows(answer).same_as(truth)
    ours, theirs = await in_turn(
        asked.size.rounds,
        [lambda: asked.stream(lot), lambda: client.ask(lot)],
        warm_up=False,
        budget_seconds=max(0.0, asked.size.budget_seconds / 2 - took),
    )
    yield Row(
        case=CASE,
        size=f"{truth.count} nodes",
        against=client.name,
        ratios=over(theirs, ours),
        bar=at_least(1.0),
        equal=equal and of_csv(await answer_csv(asked.quick, lot)).same_as(truth),
        ours=middle(ours),
        theirs=middle(theirs),
        note="times faster than it",
        handicap=client.handicap,
    )
