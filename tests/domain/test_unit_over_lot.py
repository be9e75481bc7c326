"""Scans of serials over lots, parts that were taken out, packaging levels: docs/semantics.md 'Unit over lot'."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.genealogy import Way, trace
from domain.gs1 import check_digit
from domain.ids import ItemId
from domain.moments import Moment
from domain.record import answer
from tests.domain.histories import LOTS, UNITS, build, steps
from tests.domain.scans import scan_steps
from tests.domain.telling import History, at, item, q, us


def module(h: History, lot: str, quantity: str | None, *, at_hour: float = 2, outs: tuple[str, ...] = ("M",)) -> str:
    """A module made of so many cells of a lot."""
    amount = Decimal(quantity) if quantity is not None else None
    return h.made(outs, of=[ev.Input(item=item(lot), quantity=amount)], at_hour=at_hour)


def cells(h: History, lot: str | None, *numbers: int) -> list[str]:
    for n in numbers:
        of = item(lot) if lot is not None else None
        h.tell(ev.Commissioned(occurred_at=at(1), items=(ev.Output(item=item(f"C/{n}"), lot=of),)))
    return [f"C/{n}" for n in numbers]


def test_a_scan_that_covers_the_quantity_is_walked_and_the_lot_is_shown() -> None:
    h = History()
    made = module(h, "lot:C/K", "2")
    scan = h.fit("M", *cells(h, "lot:C/K", 1), *cells(h, "lot:C/K2", 2), at_hour=3)
    found = h.trace(Way.FORWARD, "lot:C/K")
    assert {n.item: n.certainty for n in found.nodes} == {item("C/1"): "certain", item("M"): "certain"}
    [shown] = found.superseded
    assert (shown.link.source, shown.link.target, shown.link.event_id) == (item("lot:C/K"), item("M"), made)
    assert shown.event_ids == (scan,)
    assert {link.source for n in found.nodes if n.item == item("M") for link in n.links} == {item("C/1")}
    assert h.trace(Way.BACKWARD, "M").superseded == found.superseded


def test_serials_of_another_lot_alone_supersede_too() -> None:
    h = History()
    module(h, "lot:C/K", "2")
    h.fit("M", *cells(h, "lot:C/K2", 1, 2), at_hour=3)
    assert h.forward("lot:C/K") == {}
    assert len(h.trace(Way.FORWARD, "lot:C/K").superseded) == 1
    assert item("M") in h.forward("lot:C/K2")


def scanned(h: History, numbers: tuple[int, ...] = (1, 2), lot: str | None = "lot:C/K2", **more: float) -> str:
    return h.fit("M", *cells(h, lot, *numbers), at_hour=more.get("at_hour", 3))


@pytest.mark.parametrize(
    "case", ["part", "lot_unknown", "no_quantity", "kilograms", "two_outputs", "opened", "shipped", "rework", "pending"]
)
def test_where_the_scan_may_not_cover_everything_the_lot_stays(case: str) -> None:
    """Never lose a unit: each of these leaves it open that cells of the lot are in the module."""
    h = History()
    match case:
        case "kilograms":
            h.made(["M"], of=[ev.Input(item=item("lot:C/K"), quantity=Decimal(2), uom="KGM")], at_hour=2)
        case "two_outputs":
            module(h, "lot:C/K", "2", outs=("M", "M2"))
        case "no_quantity":
            module(h, "lot:C/K", None)
        case _:
            module(h, "lot:C/K", "2")
    match case:
        case "part":
            scanned(h, (1,))
        case "lot_unknown":
            scanned(h, (1,))
            scanned(h, (2,), None)
        case "opened":
            h.remove("M", "C/9", at_hour=3)
            scanned(h, at_hour=4)
        case "shipped":
            h.tell(ev.Shipped(occurred_at=at(3), items=(q("M"),)))
            scanned(h, at_hour=4)
        case "rework":
            parts = tuple(q(c) for c in cells(h, "lot:C/K2", 1, 2))
            h.tell(ev.Reworked(occurred_at=at(3), item=item("M"), parts=parts))
        case "pending":
            target = scanned(h)
            h.tell(ev.Voided(occurred_at=at(5), target=target, replaced_by=("later",)))
        case _:
            scanned(h)
    assert item("M") in h.forward("lot:C/K")
    assert h.trace(Way.FORWARD, "lot:C/K").superseded == []


def test_what_all_lots_gave_must_be_covered() -> None:
    h = History()
    module(h, "lot:C/K", "2")
    h.tell(
        ev.Assembled(
            occurred_at=at(2), parent=item("M"), components=(q("lot:C/K3", 1), *map(q, cells(h, "lot:C/K2", 1)))
        )
    )
    h.fit("M", *cells(h, "lot:C/K2", 2), at_hour=3)
    assert item("M") in h.forward("lot:C/K")
    assert item("M") in h.forward("lot:C/K3")
    h.fit("M", *cells(h, "lot:C/K2", 3), at_hour=3)
    assert h.forward("lot:C/K") == h.forward("lot:C/K3") == {}


def test_a_scan_that_is_voided_supersedes_nothing() -> None:
    h = History()
    module(h, "lot:C/K", "2")
    target = scanned(h)
    assert h.forward("lot:C/K") == {}
    h.tell(ev.Voided(occurred_at=at(5), target=target))
    assert item("M") in h.forward("lot:C/K")


def test_parts_of_a_remedy_are_components() -> None:
    h = History()
    h.fit("B", "P/old", at_hour=1)
    h.tell(
        ev.Remedied(
            occurred_at=at(3),
            recall_id="R",
            items=(q("B"),),
            remedy="repair",
            parts=(q("P/new"),),
            removed=(q("P/old"),),
        )
    )
    assert h.forward("P/new") == {item("B"): "certain"}
    assert h.state("P/old").status == "in_stock"
    with pytest.raises(ValueError, match="items: parts"):
        ev.Remedied(occurred_at=at(3), recall_id="R", items=(q("B"), q("B2")), remedy="repair", parts=(q("P/new"),))


def test_removed_parts_and_where_they_went() -> None:
    h = History()
    h.fit("PACK", "CELLS", at_hour=1)
    h.fit("BIKE", "PACK", "LAMP", "MOTOR", at_hour=2)
    h.fit("EARLIER", "LAMP", at_hour=1)
    h.remove("EARLIER", "LAMP", at_hour=1.5)
    h.remove("BIKE", "PACK", "LAMP", at_hour=4)
    h.remove("PACK", "CELLS", at_hour=5)
    h.fit("BIKE2", "PACK", "FRAME", at_hour=6)
    h.fit("PACK2", "CELLS", at_hour=7)
    h.remove("BIKE2", "FRAME", at_hour=8)
    found = h.trace(Way.FORWARD, "BIKE", follow_removed=True)
    assert {n.item: (n.level, n.certainty) for n in found.nodes} == {
        item("PACK"): (1, "certain"),
        item("LAMP"): (1, "certain"),
        item("CELLS"): (1, "certain"),
        item("BIKE2"): (2, "certain"),
        item("PACK2"): (2, "certain"),
    }
    assert {(link.relation, link.source) for n in found.nodes[:3] for link in n.links} >= {
        ("removed_from", item("BIKE")),
    }
    assert {n.item for n in h.trace(Way.FORWARD, "BIKE", follow_removed=True, at_hour=3).nodes} == set()


def test_only_parts_that_were_in_it_left_it() -> None:
    h = History()
    h.fit("PACK", "BEFORE", at_hour=1)
    h.remove("PACK", "BEFORE", at_hour=2)
    h.fit("BIKE", "PACK", at_hour=3)
    h.remove("BIKE", "PACK", at_hour=4)
    h.fit("PACK", "AFTER", at_hour=5)
    h.remove("PACK", "AFTER", at_hour=6)
    assert h.forward("BIKE", follow_removed=True) == {item("PACK"): "certain"}


def gtin_lot(indicator: int, lot: str) -> ItemId:
    body = f"{indicator}061414112345"
    return ItemId.parse(f"https://id.gs1.org/01/{body}{check_digit(body)}/10/{lot}")


def test_the_same_lot_number_at_another_packaging_level_is_possibly_the_same() -> None:
    h = History()
    case, piece, other = gtin_lot(1, "L7"), gtin_lot(0, "L7"), gtin_lot(0, "L8")
    h.tell(ev.Observed(occurred_at=at(1), items=(ev.ItemQuantity(item=case),)))
    h.tell(ev.Observed(occurred_at=at(1), items=(ev.ItemQuantity(item=other),)))
    h.made(["SET"], of=[ev.Input(item=piece)], at_hour=2)
    question = trace([case], way=Way.FORWARD, now_us=us(100))
    found = {n.item: n.reasons for n in answer(question, h.view().look_up).nodes}
    assert found == {piece: ("packaging_level",), item("SET"): ("packaging_level",)}
    assert case in h.backward("SET")


@given(h=st.lists(scan_steps() | steps(), min_size=3, max_size=12).map(build))
@settings(max_examples=150, deadline=None)
def test_forward_and_backward_are_one_relation_with_scans(h: History) -> None:
    view, names = h.view(), UNITS + LOTS

    def ask(way: Way, name: str) -> dict[ItemId, str]:
        nodes = answer(trace([item(name)], way=way, now_us=us(100)), view.look_up).nodes
        return {n.item: n.certainty for n in nodes}

    known = {item(n) for n in names}
    forward = {(item(x), y): sure for x in names for y, sure in ask(Way.FORWARD, x).items() if y in known}
    backward = {(x, item(y)): sure for y in names for x, sure in ask(Way.BACKWARD, y).items() if x in known}
    assert forward == backward


def test_a_spare_of_the_day_it_was_packed_on_does_not_cover_what_was_in_before() -> None:
    """Packed on a date alone: it may have been packed before the spares were scanned."""
    h = History()
    module(h, "lot:C/K", "2", at_hour=-20)
    h.tell(ev.Packed(occurred_at=Moment.parse("2026-03-01Z"), container=item("box:1"), contents=(q("M"),)))
    scanned(h, at_hour=15)
    assert item("M") in h.forward("lot:C/K")
    assert not h.trace(Way.FORWARD, "lot:C/K").superseded
