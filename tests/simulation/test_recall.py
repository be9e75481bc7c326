"""A factory that knows the truth: nothing truly affected is missing from an answer, and what is certain is true."""

from collections import Counter
from dataclasses import dataclass

import pytest

from domain.answers import Trace
from domain.genealogy import Way, trace
from domain.ids import ItemId
from domain.record import answer
from tests.domain.telling import us
from tests.simulation.acts import run
from tests.simulation.plant import Plant, Thing

SCENARIOS, ACTS = 250, 22


@dataclass
class Judged:
    """How an answer stands to the truth."""

    missing: set[ItemId]
    wrongly_certain: set[ItemId]
    extra: int
    right: int


def truly_affected(plant: Plant, by: Thing) -> set[Thing]:
    return {t for t in plant.things if by in t.has}


def judge(plant: Plant, by: Thing, found: Trace) -> Judged:
    """Things are compared by any of their ids; containers and other names of what was asked about say nothing."""
    thing_of = {i: t for t in plant.things for i in t.ids}
    truly = truly_affected(plant, by)
    told = {thing_of[n.item] for n in found.nodes if n.item in thing_of} - {by}
    certain = {thing_of[n.item] for n in found.nodes if n.item in thing_of and n.certainty == "certain"} - {by}
    missing = {t.id for t in truly - told}
    return Judged(missing, {t.id for t in certain - truly}, len(told - truly), len(told & truly))


@pytest.mark.parametrize("start", range(0, SCENARIOS, 25))
def test_nothing_truly_affected_is_missing_and_nothing_certain_is_untrue(start: int) -> None:
    told: Counter[str] = Counter()
    for seed in range(start, start + 25):
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
    assert told["right"] > 100
