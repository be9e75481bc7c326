"""The same forward traces asked of other software over the same rows."""

import gc
import importlib
import time
from collections.abc import AsyncIterator, Callable

from bench.asked import Asked
from bench.cases.forward import CASE
from bench.measuring import in_turn, middle, over, seconds_of
from bench.questions import Question
from bench.reference import Reference
from bench.results import Bar, Row, at_least
from bench.rivals.cte import Cte
from bench.rivals.from_events import FromEvents
from bench.rivals.rival import CannotRun, Exported, Rival

_FROM = 10_000
_STEP, _PATIENCE = 10, 3
"""Each question is about ten times the one before; one that would take more than so many budgets is not asked."""
_MODULES = (
    ("from_events", "FromEvents"),
    ("cte", "Cte"),
    ("duck", "Duck"),
    ("lady", "Ladybug"),
    ("nx", "Networkx"),
    ("tryton", "Tryton"),
)


Loaded = Rival | Row
"""A rival with the rows taken in, or the row that says why there is none."""


async def load_all(exported: Exported) -> list[Loaded]:
    """One after the other, not measured: factories are built meanwhile, and who waits for them is here, too."""
    gc.disable()  # while millions of objects are made none is garbage
    try:
        return [await _loaded(module, name, exported) for module, name in _MODULES]
    finally:
        gc.freeze()  # to look through them again would be in everybody's time
        gc.enable()


async def rivals(asked: Asked, every: list[Loaded], *, references: list[Reference]) -> AsyncIterator[Row]:
    """Each asked in turn with us, and closed, one after the other."""
    for loaded in every:
        if isinstance(loaded, Row):
            yield loaded
            continue
        rival = loaded
        try:
            seconds = 0.0
            for reference in references:
                if seconds * _STEP > asked.size.budget_seconds * _PATIENCE:
                    yield _too_slow(rival, reference, seconds)
                    continue
                row = await asked_of(asked, rival, reference)
                seconds = row.theirs or 0.0
                yield row
        except Exception as error:  # noqa: BLE001 - told in the table, and fails the run; the others are asked
            yield _failed(rival, error)
        finally:
            await rival.close()


async def _loaded(module: str, name: str, exported: Exported) -> Loaded:
    try:
        made: Callable[[], Rival] = getattr(importlib.import_module(f"bench.rivals.{module}"), name)
        rival = made()
    except ImportError as error:
        return Row(case=CASE, size="", against=name, note=f"not run: {error}; make bench installs it")
    try:
        await rival.load(exported)
    except CannotRun as error:
        await rival.close()
        return Row(case=CASE, size="", against=rival.name, note=f"not run: {error}")
    except Exception as error:  # noqa: BLE001 - as in `rivals`
        await rival.close()
        return _failed(rival, error)
    return rival


def _failed(rival: Rival, error: Exception) -> Row:
    note = f"failed: {type(error).__name__}: {error}"
    return Row(case=CASE, size="", against=rival.name, note=note, failed=True)


async def asked_of(asked: Asked, rival: Rival, reference: Reference) -> Row:
    """One rival's answer to one question, compared and timed."""
    question = reference.question
    began = time.perf_counter()
    answer = await rival.ask(question.lot)
    took = time.perf_counter() - began
    equal = rival.rows(answer).same_as(reference.rows)
    once = asked.once.get(question.lot)
    if once is not None or took > asked.size.budget_seconds / 2:
        ours: tuple[float, ...] = (once or await seconds_of(lambda: asked.stream(question.lot)),)
        theirs: tuple[float, ...] = (took,)
    else:
        ours, theirs = await in_turn(
            asked.size.rounds,
            [lambda: asked.stream(question.lot), lambda: rival.ask(question.lot)],
            warm_up=False,  # both have been asked just now
            budget_seconds=asked.size.budget_seconds / 2,
        )
    return Row(
        case=CASE,
        size=question.size,
        against=rival.name,
        ratios=over(theirs, ours),
        bar=_bar(rival, question),
        equal=equal,
        ours=middle(ours),
        theirs=middle(theirs),
        note="times faster than it",
        handicap=rival.handicap,
    )


def _bar(rival: Rival, question: Question) -> Bar | None:
    """Ahead of each from ten thousand on, of recursive SQL twelve times at a hundred thousand; of what is handed the
    answer nothing is asked.
    """
    if question.nodes < _FROM or rival.name == Cte.name:
        return None
    return at_least(12.0 if rival.name == FromEvents.name and question.size == "100 k" else 1.0)


def _too_slow(rival: Rival, reference: Reference, seconds: float) -> Row:
    note = f"not run: a smaller question took it {seconds:.1f} s"
    return Row(case=CASE, size=reference.question.size, against=rival.name, note=note)
