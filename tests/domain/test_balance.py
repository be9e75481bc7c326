"""Mass balance: B1 to B4 of docs/semantics.md, and laws over random movements."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.balance import COMING_IN, GOING_OUT, TOLERANCE, Balance
from domain.facts import Status
from domain.ids import PlaceId
from domain.measures import Measures, decimal_of
from domain.order_balance import OrderBalance, order_balance
from domain.order_facts import order_key
from domain.record import answer
from domain.stock import Term
from tests.domain.histories import LOTS, histories
from tests.domain.telling import History, at, item, q, us
from tests.domain.test_postings import Order

KG = "KGM"
S = PlaceId.parse("S")
COIL = ev.UomFactor(quantity=Decimal(1000), uom=KG, equals=Decimal(4180), in_uom="MTR")
LOT = "lot:L/1"


def received(h: History, quantity: Any = 1000, *, uom: str | None = KG, hour: float = 1, **more: Any) -> str:
    amount = None if quantity is None else Decimal(str(quantity))
    return h.tell(ev.MaterialReceived(occurred_at=at(hour), site=S, item=item(LOT), quantity=amount, uom=uom, **more))


def adjusted(h: History, change: Any, *, cause: Any = None, uom: str | None = KG) -> str:
    fields = {"occurred_at": at(20), "site": S, "item": item(LOT), "change": Decimal(str(change)), "uom": uom}
    return h.tell(ev.StockAdjusted(**fields, cause=cause))


def used(quantity: Any, uom: str | None = KG) -> ev.Input:
    return ev.Input(item=item(LOT), quantity=None if quantity is None else Decimal(str(quantity)), uom=uom)


def balance(h: History, *, at_hour: float = 100) -> Balance:
    (only,) = h.state(LOT, at_hour=at_hour).balances
    return only


def terms(b: Balance) -> dict[str, Decimal]:
    return {str(t): q for t, q in b.terms.items() if q} | {"stock": b.stock, "unaccounted": b.unaccounted}


def gaps(h: History) -> list[tuple[str, Decimal | None, str | None]]:
    return [(g.code, g.quantity, g.uom) for g in h.state(LOT).gaps]


def test_b1_a_coil_received_in_kilograms_and_used_in_metres() -> None:
    h = History()
    received(h, uom_factors=(COIL,))
    for part in (1393, 1393, 1394):  # none of them a whole number of grams
        h.made(["M/1"], [used(part, "MTR")], at_hour=4)
    assert terms(balance(h)) == {"received": 1000, "consumed": 1000, "stock": 0, "unaccounted": 0}
    assert h.state(LOT).where == ()
    assert h.state(LOT).conflicts == ()
    assert gaps(h) == []


def test_without_the_factor_two_units_are_two_balances_and_a_conflict() -> None:
    h = History()
    received(h)
    h.made(["M/1"], [used(4180, "MTR")], at_hour=4)
    by_unit = {b.uom: (b.stock, b.unaccounted) for b in h.state(LOT).balances}
    assert by_unit == {KG: (1000, 0), "MTR": (0, -4180)}
    assert "mixed_units" in [c.code for c in h.state(LOT).conflicts]


def test_a_lots_own_factor_goes_before_its_products_and_a_later_one_before_an_earlier() -> None:
    h = History()
    product = {"product": item("class:L"), "name": "strip"}
    wrong = ev.UomFactor(quantity=Decimal(1), uom=KG, equals=Decimal(4), in_uom="MTR")
    h.tell(ev.ProductDescribed(occurred_at=at(0), **product, uom_factors=(wrong,)))
    received(h)
    h.made(["M/1"], [used(4180, "MTR")], at_hour=4)
    assert balance(h).unaccounted == -45
    received(h, 0, hour=2, uom_factors=(wrong,))
    assert balance(h).unaccounted == -45
    received(h, 0, hour=3, uom_factors=(COIL,))
    assert balance(h).unaccounted == 0


def test_b2_every_term() -> None:
    o = Order()
    received(o.h)
    o.issue(LOT, 600, document="D1")
    o.back(LOT, 100)
    o.reverse("D1", LOT, 200, hour=12)
    o.h.tell(ev.Shipped(occurred_at=at(13), site=S, to_place=PlaceId.parse("X"), items=(q(LOT, 300, KG),)))
    adjusted(o.h, -1, cause="sample")
    adjusted(o.h, -9)
    assert terms(balance(o.h)) == {
        "received": 1000,
        "returned": 100,
        "consumed": 400,
        "shipped": 300,
        "samples": 1,
        "losses": 9,
        "stock": 390,
        "unaccounted": 0,
    }
    assert sum(w.quantity or 0 for w in o.h.state(LOT).where if w.status is Status.IN_STOCK) == 390
    assert balance(o.h, at_hour=11).terms[Term.CONSUMED] == 600


def test_what_was_reversed_in_full_left_no_trace_in_the_books() -> None:
    o = Order()
    o.issue(LOT, 60, document="D1")
    assert o.h.state(LOT).status is Status.CONSUMED
    o.reverse("D1", LOT)
    assert (o.h.state(LOT).status, o.h.state(LOT).balances) == (None, ())


def test_openings_gains_scrap_and_what_is_fitted() -> None:
    h = History()
    adjusted(h, 50, cause="opening", uom=None)
    adjusted(h, 2, uom=None)
    fitted = ev.ItemQuantity(item=item(LOT), quantity=Decimal(8))
    h.tell(ev.Assembled(occurred_at=at(21), site=S, parent=item("U/1"), components=(fitted,)))
    h.tell(ev.Scrapped(occurred_at=at(22), site=S, items=(q(LOT, 4),)))
    wanted = {"opening": 50, "gains": 2, "consumed": 8, "scrapped": 4, "stock": 40, "unaccounted": 0}
    assert terms(balance(h)) == wanted


def test_b3_more_goes_out_than_came_in() -> None:
    o = Order()
    received(o.h, 100)
    o.issue(LOT, 105)
    assert terms(balance(o.h)) == {"received": 100, "consumed": 105, "stock": 0, "unaccounted": -5}
    assert ("unaccounted", Decimal(-5), KG) in gaps(o.h)


def test_a_receipt_that_is_booked_after_the_use() -> None:
    o = Order()
    o.issue(LOT, 60, hour=6)
    received(o.h, 100, hour=20)
    assert terms(balance(o.h)) == {"received": 100, "consumed": 60, "stock": 40, "unaccounted": 0}
    assert o.h.state(LOT).conflicts == ()


def test_a_lot_that_is_only_ever_used_has_no_books() -> None:
    h = History()
    h.made(["M/1"], [used(5)], at_hour=4)
    assert h.state(LOT).where == ()
    assert gaps(h) == []
    assert balance(h).unaccounted == -5


def test_a_difference_within_the_tolerance_is_no_gap() -> None:
    h = History()
    received(h, 1000)
    h.made(["M/1"], [used("1001")], at_hour=4)
    assert balance(h).unaccounted == -1
    assert gaps(h) == []
    h.made(["M/2"], [used("0.01")], at_hour=5)
    assert gaps(h) == [("unaccounted", Decimal("-1.01"), KG)]


def test_an_unknown_quantity_is_never_a_zero() -> None:
    h = History()
    received(h)
    unsure = h.made(["M/1"], [used(5), ev.Input(item=item("lot:X/1"))], at_hour=4)
    assert balance(h).unaccounted == 0
    received(h, None, uom=None, hour=2)
    found = balance(h)
    assert found.unaccounted is None
    assert found.unknown == ("e2",)
    assert unsure == "e1"


def test_a_movement_of_all_there_is_has_a_quantity() -> None:
    h = History()
    received(h)
    h.made(["M/1"], [used(None, None)], at_hour=4)
    assert terms(balance(h)) == {"received": 1000, "consumed": 1000, "stock": 0, "unaccounted": 0}


def test_what_left_in_a_container_was_shipped() -> None:
    h = History()
    received(h, 100)
    h.pack("box:1", q(LOT, 60, KG), at_hour=2, site=S)
    assert terms(balance(h)) == {"received": 100, "stock": 100, "unaccounted": 0}
    h.tell(ev.Shipped(occurred_at=at(3), items=(q("box:1"),)))
    assert terms(balance(h)) == {"received": 100, "shipped": 60, "stock": 40, "unaccounted": 0}


def order(h: History, *, at_hour: float = 100) -> OrderBalance:
    question = order_balance(order_key(S, "4711"), at_us=us(at_hour), tolerance=TOLERANCE)
    return answer(question, h.view().look_up)


def test_b4_an_order_open_and_closed() -> None:
    o = Order()
    o.issue(LOT, 310)
    o.back(LOT, 10)
    out = ev.Output(item=item("lot:H/1"), quantity=Decimal(280), uom=KG)
    o.tell(ev.OutputReported, 22, outputs=(out,))
    found = order(o.h)
    assert [(t.uom, t.consumed, t.produced, t.open, t.unaccounted) for t in found.totals] == [(KG, 300, 280, 20, None)]
    assert [(g.code, g.quantity, g.items) for g in found.gaps] == [("open_wip", 20, (item(LOT),))]
    assert [(line.posted, line.net) for line in found.lines] == [(280, 280), (310, 300)]
    o.close()
    found = order(o.h)
    assert [(g.code, g.quantity) for g in found.gaps] == [("unaccounted", 20)]
    assert order(o.h, at_hour=7).totals[0].open == 310


def test_an_order_that_makes_pieces_of_kilograms_needs_their_weight() -> None:
    o = Order()
    o.issue(LOT, 300)
    out = ev.Output(item=item("lot:H/1"), quantity=Decimal(1200))
    o.tell(ev.OutputReported, 22, outputs=(out,))
    o.close()
    assert [(t.uom, t.unaccounted) for t in order(o.h).totals] == [(None, None), (KG, None)]
    weight = ev.UomFactor(quantity=Decimal(4), equals=Decimal(1), in_uom=KG)
    o.h.tell(ev.ProductDescribed(occurred_at=at(0), product=item("class:H"), name="housing", uom_factors=(weight,)))
    assert [(t.uom, t.consumed, t.produced, t.unaccounted) for t in order(o.h).totals] == [(KG, 300, 300, 0)]


@pytest.mark.parametrize(
    ("quantity", "uom", "to", "expected"),
    [("2500", "GRM", KG, "2.5"), ("3", "TNE", "GRM", "3000000"), ("7", "C62", None, "7"), ("1", KG, "MTR", None)],
)
def test_what_holds_for_everything_needs_no_factor(quantity: str, uom: str, *, to: str, expected: str | None) -> None:
    from fractions import Fraction

    found = Measures().convert(Fraction(quantity), uom, to)
    assert (None if found is None else format(decimal_of(found), "f")) == expected


def test_factors_are_followed_from_unit_to_unit_and_back() -> None:
    from fractions import Fraction

    roll = ev.UomFactor(quantity=Decimal(3), uom="RO", equals=Decimal(1000), in_uom=KG)
    measures = Measures([COIL, roll])
    assert measures.convert(Fraction(1), "RO", "MTR") == Fraction(4180, 3)
    assert measures.convert(Fraction(4180), "MTR", "RO") == 3


@given(h=histories, hour=st.integers(0, 10))
@settings(max_examples=300, deadline=None)
def test_what_came_in_is_what_went_out_is_there_or_unaccounted(h: History, hour: int) -> None:
    """And what is there is what `where` says."""
    for name in LOTS:
        state = h.state(name, at_hour=hour)
        for b in state.balances:
            out = sum(b.terms[t] for t in GOING_OUT)
            if b.unaccounted is not None:
                assert sum(b.terms[t] for t in COMING_IN) == out + b.stock + b.unaccounted
            standing = [w for w in state.where if w.uom == b.uom and w.status in (Status.IN_STOCK, Status.RETURNED)]
            assert b.stock == sum(max(w.quantity or 0, 0) for w in standing)
        units = {b.uom for b in state.balances}
        assert {w.uom for w in state.where if w.quantity and w.status is Status.IN_STOCK and w.quantity > 0} <= units
