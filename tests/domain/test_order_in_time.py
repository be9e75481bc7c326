"""What is known to a date only: docs/semantics.md, 'Order in time', row by row."""

import pytest

from domain import events as ev
from domain.genealogy import Way
from domain.moments import Moment
from domain.walk import Mode
from tests.domain.oracle import Oracle
from tests.domain.telling import History, at, both_ways, item, named_map, q, us

DATE = Moment.parse("2026-03-01Z")
CERTAIN, UNCERTAIN = "certain", "order_uncertain"


def fit(h: History, part: str, whole: str, when: Moment) -> None:  # noqa: PLR0917
    h.tell(ev.Assembled(occurred_at=when, parent=item(whole), components=(q(part),)))


def remove(h: History, part: str, whole: str, when: Moment) -> None:  # noqa: PLR0917
    h.tell(ev.Disassembled(occurred_at=when, parent=item(whole), components=(q(part),)))


def rework(h: History, lot: str, unit: str, when: Moment) -> None:  # noqa: PLR0917
    h.tell(ev.Reworked(occurred_at=when, item=item(unit), materials=(ev.Input(item=item(lot)),)))


def made(h: History, out: str, of: str, when: Moment) -> None:  # noqa: PLR0917
    h.tell(ev.Transformed(occurred_at=when, inputs=(ev.Input(item=item(of)),), outputs=(ev.Output(item=item(out)),)))


def test_reworked_on_the_day_a_part_was_removed() -> None:
    h = History()
    fit(h, "C", "U", at(-20))
    remove(h, "C", "U", DATE)
    rework(h, "lot:G/1", "C", at(15))
    assert both_ways(h, "lot:G/1") == named_map({"C": CERTAIN, "U": UNCERTAIN})


def test_reworked_on_a_date_on_which_the_part_came_and_went() -> None:
    h = History()
    fit(h, "C", "U", at(8))
    remove(h, "C", "U", at(12))
    rework(h, "lot:G/1", "C", DATE)
    assert both_ways(h, "lot:G/1") == named_map({"C": CERTAIN, "U": UNCERTAIN})


def test_made_once_more_on_a_date_on_which_the_part_came_and_went() -> None:
    h = History()
    fit(h, "C", "U", at(-20))
    remove(h, "C", "U", at(12))
    made(h, "C", "lot:G/1", DATE)
    assert both_ways(h, "lot:G/1") == named_map({"C": CERTAIN, "U": UNCERTAIN})


def test_a_removal_that_may_have_been_after_the_fitting_of_that_date() -> None:
    h = History()
    fit(h, "C", "U", DATE)
    remove(h, "C", "U", at(15))
    rework(h, "lot:G/1", "C", at(30))
    assert both_ways(h, "lot:G/1") == named_map({"C": CERTAIN, "U": UNCERTAIN})


def test_fitted_again_perhaps_after_the_removal_of_that_date() -> None:
    h = History()
    fit(h, "C", "U", at(-20))
    fit(h, "C", "U", at(10))
    remove(h, "C", "U", DATE)
    rework(h, "lot:G/1", "C", at(30))
    assert both_ways(h, "lot:G/1") == named_map({"C": CERTAIN, "U": UNCERTAIN})
    assert h.forward("lot:G/1", mode=Mode.AS_MAINTAINED) == named_map({"C": CERTAIN, "U": UNCERTAIN})
    remove(h, "C", "U", at(26))
    assert h.forward("lot:G/1", mode=Mode.AS_MAINTAINED) == named_map({"C": CERTAIN})


def test_drained_on_the_day_the_part_was_removed() -> None:
    h = History()
    fit(h, "C", "U", at(-20))
    remove(h, "C", "U", DATE)
    made(h, "lot:W/1", "U", at(10))
    assert both_ways(h, "C") == named_map({"U": CERTAIN, "lot:W/1": UNCERTAIN})


def test_what_was_made_on_a_date_was_used_after_that() -> None:
    h = History()
    made(h, "C", "lot:G/1", DATE)
    made(h, "D", "C", at(10))
    fit(h, "D", "U", DATE)
    remove(h, "D", "U", at(20))
    assert both_ways(h, "lot:G/1") == named_map({"C": CERTAIN, "D": CERTAIN, "U": CERTAIN})


def test_parts_that_may_never_have_been_in_each_other() -> None:
    h = History()
    fit(h, "M", "P", at(8))
    remove(h, "M", "P", at(12))
    fit(h, "C", "M", DATE)
    assert both_ways(h, "C") == named_map({"M": CERTAIN, "P": UNCERTAIN})


def test_as_maintained_at_an_instant_of_the_date() -> None:
    h = History()
    fit(h, "C", "U", DATE)
    maintained = {"mode": Mode.AS_MAINTAINED, "at_hour": 10}
    assert h.forward("C", **maintained) == named_map({"U": UNCERTAIN})
    assert h.backward("U", **maintained) == named_map({"C": UNCERTAIN})


def test_as_built_by_a_part_of_the_day_it_was_shipped_on() -> None:
    h = History()
    fit(h, "C", "U", DATE)
    h.tell(ev.Shipped(occurred_at=at(10), items=(q("U"),)))
    assert h.forward("C", mode=Mode.AS_BUILT) == named_map({"U": UNCERTAIN})
    assert h.backward("U", mode=Mode.AS_BUILT) == named_map({"C": UNCERTAIN})
    h.tell(ev.Released(occurred_at=at(-30), items=(q("U"),)))
    assert h.forward("C", mode=Mode.AS_BUILT) == {}


def test_where_a_part_went_on_the_day_it_was_removed() -> None:
    h = History()
    fit(h, "C", "U", at(-20))
    remove(h, "C", "U", DATE)
    made(h, "lot:W/1", "C", at(10))
    assert h.forward("U", follow_removed=True) == named_map({"C": CERTAIN, "lot:W/1": UNCERTAIN})


def test_moved_on_one_date_is_no_conflict() -> None:
    h = History()
    fit(h, "C", "U", at(-20))
    remove(h, "C", "U", DATE)
    fit(h, "C", "V", at(10))
    assert not h.trace(Way.FORWARD, "C").conflicts


def test_used_on_the_day_it_was_packed_it_may_still_be_in() -> None:
    h = History()
    made(h, "N", "C", DATE)
    h.tell(ev.Packed(occurred_at=DATE, container=item("tray:T"), contents=(q("C"),)))
    made(h, "M", "tray:T", at(30))
    assert both_ways(h, "C") == named_map({"N": CERTAIN, "M": "inferred"})


@pytest.mark.parametrize("hour", [None, 3, 5])
def test_the_level_of_what_was_in_a_unit_that_was_used_for_itself(hour: float | None) -> None:
    """V came into U and went on one date; U was used then for U and A. Now V is in A by way of U: two steps."""
    h = History()
    fit(h, "V/1", "U/1", DATE)
    h.tell(ev.Disassembled(occurred_at=DATE, parent=item("U/1"), all_components=True))
    outputs = (ev.Output(item=item("U/1")), ev.Output(item=item("lot:A/2")))
    h.tell(ev.Transformed(occurred_at=DATE, inputs=(ev.Input(item=item("U/1")),), outputs=outputs))
    found = h.trace(Way.BACKWARD, "U/1", "lot:A/2", mode=Mode.AS_MAINTAINED, at_hour=hour)
    told = {n.item: (n.certainty, n.reasons, n.level) for n in found.nodes}
    starts, at_us = (item("U/1"), item("lot:A/2")), us(100 if hour is None else hour)
    asked = {"mode": "as_maintained", "at": at_us, "at_given": hour is not None}
    assert told == Oracle(h.log).trace(starts, forward=False, **asked).nodes
    assert told == {item("V/1"): ("possible", (UNCERTAIN,), 2 if hour is None else 1)}


def pack(h: History, box: str, when: Moment) -> None:
    h.tell(ev.Packed(occurred_at=when, container=item(box), contents=(q("u"),)))


def test_unpacked_perhaps_after_it_was_packed_that_day() -> None:
    h = History()
    pack(h, "tray:T", DATE)
    h.tell(ev.Unpacked(occurred_at=at(10), container=item("tray:T"), contents=(q("u"),)))
    made(h, "M", "tray:T", at(30))
    made(h, "N", "tray:T", at(40))
    assert both_ways(h, "u") == named_map({"M": "inferred"})


def test_packed_in_two_boxes_on_one_day() -> None:
    h = History()
    pack(h, "tray:S", at(10))
    pack(h, "tray:T", DATE)
    made(h, "M", "tray:T", at(30))
    made(h, "N", "tray:S", at(31))
    assert both_ways(h, "u") == named_map({"M": "inferred", "N": "inferred"})


def test_packed_once_more_perhaps_after_it_was_unpacked_that_day() -> None:
    h = History()
    pack(h, "tray:T", at(-20))
    pack(h, "tray:T", at(10))
    h.tell(ev.Unpacked(occurred_at=DATE, container=item("tray:T"), contents=(q("u"),)))
    made(h, "M", "tray:T", at(30))
    assert both_ways(h, "u") == named_map({"M": "inferred"})
    later = History()
    later.log = h.log[:-1]
    pack(later, "tray:S", at(26))
    made(later, "M", "tray:T", at(30))
    assert later.forward("u") == {}
