"""A factory that knows the truth: nothing truly affected is missing from an answer, and what is certain is true."""

from collections import Counter
from dataclasses import dataclass

import pytest

from domain.answers import Trace
from domain.genealogy import Way, trace
from domain.ids import ItemId
from domain.record import answer
from tests.domain.telling import us
from tests.domain.test_circumstances import suspects
from tests.simulation.factory import GAUGE, run
from tests.simulation.plant import Plant, Thing

ACTS = 35
EACH = 25
STARTS = range(0, 250, EACH)


@dataclass
class Judged:
    """How an answer stands to the truth."""

    missing: set[ItemId]
    wrongly_certain: set[ItemId]
    extra: int
    right: int


def judge(plant: Plant, by: Thing, found: Trace) -> Judged:
    """Things are compared by any of their ids; containers and other names of what was asked about say nothing."""
    thing_of = {i: t for t in plant.things for i in t.ids}
    truly = {t for t in plant.things if by in t.has}
    told = {thing_of[n.item] for n in found.nodes if n.item in thing_of} - {by}
    certain = {thing_of[n.item] for n in found.nodes if n.item in thing_of and n.certainty == "certain"} - {by}
    missing = {t.id for t in truly - told}
    return Judged(missing, {t.id for t in certain - truly}, len(told - truly), len(told & truly))


@pytest.mark.parametrize("start", STARTS)
def test_nothing_truly_affected_is_missing_and_nothing_certain_is_untrue(start: int) -> None:
    """Forward from every thing of every scenario: recall 100 %, and nothing wrongly certain."""
    told: Counter[str] = Counter()
    for seed in range(start, start + EACH):
        plant = run(seed, ACTS)
        view = plant.history().view()
        for thing in plant.things:
            question = trace([thing.ids[0]], way=Way.FORWARD, now_us=us(500))
            judged = judge(plant, thing, answer(question, view.look_up))
            assert not judged.missing, (seed, thing.ids, judged.missing)
            assert not judged.wrongly_certain, (seed, thing.ids, judged.wrongly_certain)
            told["right"] += judged.right
            told["extra"] += judged.extra
    print(f"{told['right']} truly affected, all named; {told['extra']} more that the record cannot rule out")
    assert told["right"] > told["extra"], "too many are named to be of use"


@pytest.mark.parametrize("start", STARTS)
def test_what_a_gauge_let_through_while_it_was_wrong_is_suspect(start: int) -> None:
    """All that it measured while it had drifted is named, and what is certain was measured since it was good."""
    found_out = extra = 0
    for seed in range(start, start + EACH):
        plant = run(seed, ACTS, among=GAUGE)
        told = suspects(plant.history())
        names = {t: set(t.ids) for t in plant.gauge.suspect}
        missing = [t.id for t in plant.gauge.found_out if not names[t] & told.keys()]
        assert not missing, (seed, missing)
        sure = {item for item, reasons in told.items() if not reasons}
        untrue = sure - {i for ids in names.values() for i in ids}
        assert not untrue, (seed, untrue)
        found_out += len(plant.gauge.found_out)
        extra += len(told) - len(plant.gauge.found_out)
    print(f"{found_out} let through by a gauge that was wrong, all named; {extra} more that are suspect")
    assert found_out
