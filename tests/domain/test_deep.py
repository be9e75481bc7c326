"""Boxes in boxes, and parts in parts, deeper than Python calls may be in one another: a hostile record is answered."""

from collections.abc import Generator

import pytest

from domain import events as ev
from domain.contents import contents
from domain.departure import Departure, first_departures
from domain.ids import ItemId
from domain.record import Found, Known, Need, answer
from tests.domain.telling import History, at, item, us

DEEP = 1_100


def packed_deep() -> History:
    h = History()
    for n in range(DEEP):
        h.pack(f"box:{n + 1}", f"box:{n}" if n else "U/1", at_hour=1 + n / 10_000)
    h.tell(ev.Shipped(occurred_at=at(3), items=(ev.ItemQuantity(item=item(f"box:{DEEP}")),)))
    return h


def test_a_unit_in_a_thousand_boxes_has_its_state() -> None:
    h = packed_deep()
    state = h.state("U/1", at_hour=4)
    assert (state.status, len(state.containers)) == ("in_transit", DEEP)
    held = answer(contents(item(f"box:{DEEP}"), at_us=us(4)), h.view().look_up)
    assert (len(held), held[-1].item) == (DEEP, item("U/1"))


@pytest.mark.timeout(20)
def test_boxes_that_were_in_one_another_again_and_again_are_looked_at_while_it_was_inside() -> None:
    """Sixty times each, six deep: a thousand million ways, of which the unit was inside in one."""
    h = History()
    for again in range(60):
        for n in range(6):
            h.pack(f"box:{n + 1}", f"box:{n}", at_hour=1 + again / 50)
        h.tell(ev.Shipped(occurred_at=at(1.005 + again / 50), items=(ev.ItemQuantity(item=item("box:6")),)))
        for n in range(6) if again < 59 else ():
            h.unpack(f"box:{n + 1}", f"box:{n}", at_hour=1.01 + again / 50)
    h.pack("box:0", "U/1", at_hour=3)
    assert h.state("U/1", at_hour=4).status is None
    assert h.state("box:0", at_hour=4).status == "in_transit"
    h.tell(ev.Received(occurred_at=at(5), items=(ev.ItemQuantity(item=item("box:6")),)))
    assert h.state("U/1", at_hour=6).status == "in_stock"


@pytest.mark.timeout(20)
def test_lots_in_two_lots_each_are_looked_at_once() -> None:
    """Thirty deep: a thousand million ways to what was shipped."""
    h = History()
    for n in range(30):
        for side in "AB":
            h.pack(f"lot:{side}/{n + 1}", f"lot:A/{n}", f"lot:B/{n}", at_hour=1 + n / 1_000)
    h.pack("lot:A/0", "U/1", at_hour=2)
    h.tell(ev.Shipped(occurred_at=at(3), items=(ev.ItemQuantity(item=item("lot:B/30")),)))
    assert h.state("U/1", at_hour=4).status == "in_transit"
    assert h.state("U/1", at_hour=2.5).status is None


def test_what_a_thousand_boxes_stand_for_is_found() -> None:
    h = packed_deep()
    h.tell(
        ev.Transformed(
            occurred_at=at(5),
            inputs=(ev.Input(item=item(f"box:{DEEP}")),),
            outputs=(ev.Output(item=item("W/1")),),
        )
    )
    assert h.state("U/1", at_hour=6).status == "consumed"


def test_a_part_in_a_thousand_parts_left_with_the_outermost() -> None:
    h = History()
    for n in range(DEEP):
        h.fit(f"P/{n + 1}", f"P/{n}", at_hour=1 + n / 10_000)
    h.tell(ev.Shipped(occurred_at=at(3), items=(ev.ItemQuantity(item=item(f"P/{DEEP}")),)))
    known = Known()
    found = answer(_departures(known, item("P/0")), h.view().look_up)
    assert found[item("P/0")].by_us == us(3)


@pytest.mark.timeout(20)
def test_parts_in_two_units_each_are_looked_at_once() -> None:
    """Thirty deep: both stand where it is recorded in two, and the ways to what was shipped are a thousand million."""
    h = History()
    for n in range(30):
        for side in "AB":
            h.fit(f"{side}/{n + 1}", f"A/{n}", f"B/{n}", at_hour=1 + n / 1_000)
    h.tell(ev.Shipped(occurred_at=at(3), items=(ev.ItemQuantity(item=item("B/30")),)))
    found = answer(_departures(Known(), item("A/0")), h.view().look_up)
    assert found[item("A/0")].by_us == us(3)


def _departures(known: Known, unit: ItemId) -> Generator[Need, Found, dict[ItemId, Departure]]:
    yield from known.start([unit])
    return (yield from first_departures(known, [unit]))
