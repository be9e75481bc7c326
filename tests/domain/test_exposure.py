"""Who was exposed: the window, what lies beside it, and containers that stand for what they held."""

from domain import events as ev
from domain.answers import Way
from domain.events.common import Circumstances
from domain.exposure import DURATION_UNKNOWN, Circumstance, Seed, seeds
from domain.flatten import facts_of
from domain.genealogy import trace
from domain.record import Happened, answer
from tests.domain.telling import History, at, item, us

WELDER = Circumstance(dimensions=(("equipment", "W"),), since_us=us(8), until_us=us(9))


def made(h: History, name: str, hour: float, *, started: float | None = None) -> None:
    h.made(
        [name],
        ["lot:IN/1"],
        at_hour=hour,
        circumstances=Circumstances(equipment=("W",)),
        started_at=at(started) if started is not None else None,
    )


def found(h: History, circumstance: Circumstance) -> list[Seed]:
    facts = [facts_of(envelope) for _, envelope in h.log]
    matching = [(Happened(no, f), f.mentions) for no, f in enumerate(facts) if circumstance.matches(f)]
    return seeds(circumstance, matching)


def test_neighbours_of_unknown_duration_are_possible_on_either_side() -> None:
    h = History()
    for name, hour in (("far", 6), ("before", 7.5), ("in", 8.5), ("after", 9), ("later", 9.5)):
        made(h, name, hour)
    made(h, "over", 8.2, started=7)
    made(h, "done", 7.9, started=7)
    told = {s.item: s.reasons for s in found(h, WELDER)}
    doubt = frozenset({DURATION_UNKNOWN})
    sure: frozenset[str] = frozenset()
    assert told == {item("before"): doubt, item("in"): sure, item("after"): doubt, item("over"): sure}


def test_seeds_are_nodes_of_level_1_and_doubt_goes_with_the_path() -> None:
    h = History()
    made(h, "sure", 8.5)
    made(h, "doubtful", 7.5)
    h.fit("bike", "doubtful", at_hour=10)
    h.fit("car", "sure", at_hour=10)
    question = trace([], way=Way.FORWARD, now_us=us(100), seeds=found(h, WELDER))
    nodes = {n.item: (n.level, n.certainty, n.reasons) for n in answer(question, h.view().look_up).nodes}
    assert nodes == {
        item("sure"): (1, "certain", ()),
        item("car"): (2, "certain", ()),
        item("doubtful"): (1, "possible", (DURATION_UNKNOWN,)),
        item("bike"): (2, "possible", (DURATION_UNKNOWN,)),
    }


def test_an_inspected_box_stands_for_what_it_held_then() -> None:
    h = History()
    h.pack("box:1", "a", "b", at_hour=1)
    h.unpack("box:1", "b", at_hour=2)
    here = Circumstances(instrument="G")
    h.tell(ev.Inspected(occurred_at=at(3), items=(ev.ItemQuantity(item=item("box:1")),), circumstances=here))
    h.pack("box:1", "c", at_hour=4)
    question = trace(
        [], way=Way.FORWARD, now_us=us(100), seeds=found(h, Circumstance(dimensions=(("instrument", "G"),)))
    )
    assert [n.item for n in answer(question, h.view().look_up).nodes] == [item("a")]


def test_what_contents_of_a_container_went_into_is_one_level_further() -> None:
    h = History()
    h.pack("box:1", "a", at_hour=1)
    h.fit("bike", "a", at_hour=3)
    found = h.trace(Way.FORWARD, "box:1", at_hour=2)
    assert [(n.item, n.level, n.came_from) for n in found.nodes] == [
        (item("a"), 1, (item("box:1"),)),
        (item("bike"), 2, (item("a"),)),
    ]
