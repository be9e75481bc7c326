"""What is only booked was made before: docs/semantics.md, 'What is only booked', case by case."""

from typing import Any

import pytest

from domain import events as ev
from domain.answers import Way
from domain.exposure import Circumstance
from domain.genealogy import trace
from domain.moments import Moment
from domain.record import Found, Need, answer
from domain.walk import CERTAIN
from tests.domain.telling import History, at, both_ways, item, named_map, us
from tests.domain.test_exposure import found
from tests.domain.test_line_loading import mount, unmount
from tests.domain.test_postings import Order

ON_P1 = ev.Circumstances(equipment=("P1",))
LATER = "booked_later"


def line() -> Order:
    """Reels Q, R and S one after the other on one feeder of P1, at 8, 32 and 36 (hours)."""
    h = History()
    mount(h, "lot:CAP/Q", 8)
    mount(h, "lot:CAP/R", 32)
    mount(h, "lot:CAP/S", 36)
    return Order(h)


def booked(order: Order, name: str = "BOARD/1", *, hour: float = 44, **more: Any) -> str:
    return order.output(name, hour=hour, circumstances=ON_P1, **more)


def exposed(h: History, since: float | None = None, until: float | None = None) -> dict[str, str]:
    """What P1 made between two hours, and why only possibly."""
    window = {"since_us": us(since) if since else None, "until_us": us(until) if until else None}
    told = found(h, Circumstance(dimensions=(("equipment", "P1"),), **window))
    return {seed.item: ",".join(sorted(seed.reasons)) or CERTAIN for seed in told}


def reels(order: Order, name: str = "BOARD/1") -> dict[str, str]:
    """Which of the three reels may be in it, and why only possibly."""
    found = {reel: both_ways(order.h, f"lot:CAP/{reel}").get(item(name)) for reel in "QRS"}
    return {reel: why for reel, why in found.items() if why is not None}


def test_what_came_off_before_the_booking_may_be_in_it() -> None:
    order = line()
    order.issue("lot:PCB/1", hour=57)  # a backflush by its time: work began before it
    booked(order)
    assert reels(order) == dict.fromkeys("QRS", LATER)


def test_an_order_was_not_worked_on_more_than_a_day_before_it_was_first_issued_to() -> None:
    order = line()
    order.issue("lot:PCB/1", hour=31 + 24.5)
    order.issue("lot:PCB/1", hour=58)
    booked(order, hour=59)
    assert reels(order) == dict.fromkeys("QRS", LATER)
    other = line()
    other.issue("lot:PCB/1", hour=57)
    booked(other, hour=59)
    assert reels(other) == dict.fromkeys("RS", LATER)
    assert "no_making" not in {g.code for g in other.h.trace(Way.BACKWARD, "BOARD/1").gaps}


@pytest.mark.parametrize(
    "unsafe",
    [
        lambda o: o.issue("lot:PCB/1", hour=57, basis=ev.Basis.BACKFLUSHED),
        lambda o: (booked(o, "BOARD/0", hour=56), o.issue("lot:PCB/1", hour=57)),
        lambda o: o.h.tell(
            ev.Voided(occurred_at=at(60), target=o.issue("lot:PCB/1", hour=57), replaced_by=("never",)), source="erp"
        ),
    ],
    ids=["backflushed", "something was booked before", "may yet be void"],
)
def test_what_says_nothing_of_when_work_began_bounds_nothing(unsafe: Any) -> None:
    order = line()
    unsafe(order)
    booked(order, hour=59)
    assert reels(order) == dict.fromkeys("QRS", LATER)
    gaps = [g for g in order.h.trace(Way.BACKWARD, "BOARD/1").gaps if g.code == "no_making"]
    assert [g.items for g in gaps] == [(item("BOARD/1"),)]
    assert "31 days" in gaps[0].detail


def test_no_further_back_than_a_month() -> None:
    order = line()
    booked(order, hour=31 + 24 * 31)
    assert reels(order) == dict.fromkeys("QRS", LATER)
    other = line()
    booked(other, hour=33 + 24 * 31)
    assert reels(other) == dict.fromkeys("RS", LATER)


def test_a_booking_that_tells_its_start_reaches_back_to_it() -> None:
    order = line()
    booked(order, started_at=at(35))
    assert reels(order) == dict.fromkeys("RS", LATER)


def test_a_booking_by_date_alone_is_all_of_it() -> None:
    order = line()
    order.issue("lot:PCB/1", hour=57)
    booked(order, occurred_at=Moment.parse("2026-03-03Z"))
    mount(order.h, "lot:CAP/T", 24 * 2 + 23)
    assert both_ways(order.h, "lot:CAP/T") == named_map({"BOARD/1": LATER})


def test_a_making_that_is_told_too_is_certain() -> None:
    order = line()
    booked(order)
    order.h.made(["BOARD/1"], at_hour=34, circumstances=ON_P1)
    assert reels(order) == {"Q": LATER, "R": CERTAIN, "S": LATER}


def test_a_booking_counts_no_units_of_a_splice() -> None:
    h = History()
    mount(h, "lot:CAP/R", 8)
    mount(h, "lot:CAP/S", 10, spliced=True, doubt_units=2)
    outputs = tuple(ev.Output(item=item(f"OLD/{n}")) for n in range(5))
    posting = {"site": "S", "order": "7", "circumstances": ON_P1}
    h.tell(ev.OutputReported(occurred_at=at(10.2), outputs=outputs, **posting))
    h.made(["BOARD/1"], at_hour=10.5, circumstances=ON_P1)
    assert both_ways(h, "lot:CAP/R")[item("BOARD/1")] == "edge"
    assert both_ways(h, "lot:CAP/S")[item("BOARD/1")] == "edge"


def test_a_reel_nobody_mounted_may_be_in_what_is_booked() -> None:
    h = History()
    unmount(h, "lot:CAP/R", 12)
    h.tell(
        ev.OutputReported(
            occurred_at=at(20), site="S", order="7", outputs=(ev.Output(item=item("B/1")),), circumstances=ON_P1
        )
    )
    assert both_ways(h, "lot:CAP/R") == named_map({"B/1": "booked_later,inferred"})


def test_an_exposed_machine_may_have_made_what_was_booked_after_the_window() -> None:
    order = line()
    booked(order, "BOARD/1", hour=50)
    booked(order, "BOARD/2", hour=60)
    assert exposed(order.h, 32, 36) == named_map({"BOARD/1": LATER, "BOARD/2": LATER})
    assert exposed(order.h, 51, 90) == named_map({"BOARD/2": LATER})
    assert exposed(order.h) == named_map({"BOARD/1": CERTAIN, "BOARD/2": CERTAIN})


def test_glue_booked_after_the_output_was_used_when_that_was_made() -> None:
    order = Order()
    order.h.tell(ev.MaterialReceived(occurred_at=at(1), site="S", item=item("lot:GLUE/1")))
    order.h.tell(ev.Scrapped(occurred_at=at(12), site="S", items=(ev.ItemQuantity(item=item("lot:GLUE/1")),)))
    order.output("BOARD/1", hour=20)
    order.issue("class:GLUE", 2, hour=21)
    assert order.h.forward("lot:GLUE/1") == named_map({"BOARD/1": "against_time,class_level"})
    assert order.h.backward("BOARD/1")[item("lot:GLUE/1")] == "against_time,class_level"
    gone = History()
    gone.tell(ev.MaterialReceived(occurred_at=at(1), site="S", item=item("lot:GLUE/1")))
    gone.tell(ev.Scrapped(occurred_at=at(12), site="S", items=(ev.ItemQuantity(item=item("lot:GLUE/1")),)))
    after = Order(gone)
    after.issue("lot:PCB/1", hour=40)
    after.output("BOARD/1", hour=50)
    after.issue("class:GLUE", 2, hour=51)
    assert gone.forward("lot:GLUE/1") == {}


def test_links_to_two_bookings_of_one_lot_are_told_in_one_order() -> None:
    """Alike but for when the booking was: in whatever order they are found."""
    order = Order()
    order.issue("lot:PCB/1", hour=1)
    order.output("lot:PCBA/1", hour=54, started_at=at(34))
    order.output("lot:PCBA/1", hour=34)
    view = order.h.view()

    def turned(need: Need) -> Found:
        found = view.look_up(need)
        found.transformations = {key: namings[::-1] for key, namings in found.transformations.items()}
        return found

    asked = {"way": Way.FORWARD, "now_us": us(100)}
    [one], [other] = (answer(trace([item("lot:PCB/1")], **asked), look).nodes for look in (view.look_up, turned))
    assert (len(one.links), one.links) == (2, other.links)
