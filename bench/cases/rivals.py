"""The same forward traces asked of other software over the same rows."""

import importlib
from collections.abc import AsyncIterator, Callable

from bench.asked import Asked
from bench.cases.forward import CASE
from bench.measuring import in_turn, middle, over, seconds_of
from bench.reference import Reference
from bench.results import Row, at_least
from bench.rivals.rival import CannotRun, Exported, Rival

_FROM = 10_000
_STEP, _PATIENCE = 10, 3
"""Each question is about ten times the one before; one that would take more than so many budgets is not asked."""
_MODULES = (("cte", "Cte"), ("duck", "Duck"), ("lady", "Ladybug"), ("nx", "Networkx"), ("tryton", "Tryton"))


async def rivals(asked: Asked, exported: Exported, references: list[Reference]) -> AsyncIterator[Row]:
    """Each loaded, asked in turn with us, and closed, one after the other."""
    for module, name in _MODULES:
        try:
            made: Callable[[], Rival] = getattr(importlib.import_module(f"bench.rivals.{module}"), name)
            rival = made()
        except ImportError as error:
            yield Row(case=CASE, size="", against=name, note=f"not run: {error}; make bench installs it")
            continue
        try:
            await rival.load(exported)
            seconds = 0.0
            for reference in references:
                if seconds * _STEP > asked.size.budget_seconds * _PATIENCE:
                    yield _too_slow(rival, reference, seconds)
                    continue
                row = await asked_of(asked, rival, reference)
                seconds = row.theirs or 0.0
                yield row
        except CannotRun as error:
            yield Row(case=CASE, size="", against=rival.name, note=f"not run: {error}")
        finally:
            await rival.close()


async def asked_of(asked: Asked, rival: Rival, reference: Reference) -> Row:
    """One rival's answer to one question, compared and timed."""
    question = reference.question
    equal = rival.rows(await rival.ask(question.lot)).same_as(reference.rows)
    once = asked.once.get(question.lot)
    if once is not None:
        ours: tuple[float, ...] = (once,)
        theirs: tuple[float, ...] = (await seconds_of(lambda: rival.ask(question.lot)),)
    else:
        ours, theirs = await in_turn(
            asked.size.rounds,
            [lambda: asked.stream(question.lot), lambda: rival.ask(question.lot)],
            budget_seconds=asked.size.budget_seconds,
        )
    return Row(
        case=CASE,
        size=question.size,
        against=rival.name,
        ratios=over(theirs, ours),
        bar=at_least(1.0) if question.nodes >= _FROM else None,
        equal=equal,
        ours=middle(ours),
        theirs=middle(theirs),
        note="times faster than it",
    )


def _too_slow(rival: Rival, reference: Reference, seconds: float) -> Row:
    note = f"not run: the question a tenth as large took it {seconds:.1f} s"
    return Row(case=CASE, size=reference.question.size, against=rival.name, note=note)
