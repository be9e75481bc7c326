"""Forward traces as CSV over HTTP, beside copying the finished rows, and their totals alone."""

import io
import time
from collections.abc import AsyncIterator

from bench.asked import Asked
from bench.measuring import Work, in_turn, middle, over
from bench.reference import Copies, Reference, answer_csv, totals_digest, totals_of
from bench.results import Row, at_most
from bench.rows import of_csv

_FROM = 10_000
CASE, _TOTALS = "forward trace, all columns, CSV over HTTP", "forward trace, totals only"


async def forward(asked: Asked, copies: Copies, references: list[Reference], *, where: str = "") -> AsyncIterator[Row]:
    """All columns, streamed; then without nodes. g is the faster of two COPYs in the same round. `where`: they are."""
    for reference in references:
        question, began = reference.question, time.perf_counter()
        equal = of_csv(await answer_csv(asked.quick, question.lot)).same_as(reference.rows)
        took = time.perf_counter() - began
        totals_equal = await totals_digest(asked.quick, question.lot, reference.by) == reference.totals
        await _check_g(copies, reference)
        works: list[Work] = [
            lambda lot=question.lot: asked.stream(lot),  # type: ignore[misc]
            lambda lot=question.lot: totals_of(asked.quick, lot),  # type: ignore[misc]
            lambda r=reference: copies.by_ids(r),  # type: ignore[misc]
            lambda r=reference: copies.by_ranges(r),  # type: ignore[misc]
        ]
        if took > asked.size.budget_seconds:
            asked.once[question.lot] = took
        measured = await in_turn(
            asked.size.rounds, works, warm_up=False, budget_seconds=max(0.0, asked.size.budget_seconds - took)
        )
        ours, totals, by_ids, by_ranges = measured
        g = tuple(min(pair) for pair in zip(by_ids, by_ranges, strict=True))
        yield _row(reference, ours, g, equal=equal, case=f"{CASE}{where}")
        yield _row(reference, totals, g, equal=totals_equal, case=f"{_TOTALS}{where}")


async def _check_g(copies: Copies, reference: Reference) -> None:
    for copy in (copies.by_ids, copies.by_ranges):
        taken = io.BytesIO()
        await copy(reference, taken)
        if not of_csv(taken.getvalue(), header=False).same_as(reference.rows):
            raise ValueError(f"g of {reference.question.lot} copies other rows than the reference's")


def _row(reference: Reference, ours: tuple[float, ...], g: tuple[float, ...], *, equal: bool, case: str) -> Row:
    large = reference.question.nodes >= _FROM
    return Row(
        case=case,
        size=reference.question.size,
        against="g: COPY of the finished rows",
        ratios=over(ours, g),
        bar=at_most(0.5 if case == _TOTALS else 3.0) if large else None,
        equal=equal,
        ours=middle(ours),
        theirs=middle(g),
        note=f"{reference.rows.count} nodes",
    )
