"""docs/recall.md, 'Consignees': who got what, whom they passed it to, and how each unit stands."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import events as ev
from domain.cases.buckets import Bucket, place
from domain.cases.consignees import Consignees
from domain.cases.custody import Custody, custody
from domain.cases.handing import Ours
from domain.cases.lines import lot_lines
from domain.cases.population import Flags, Population
from domain.ids import ItemId
from domain.memory import MemoryRecord
from domain.record import answer
from domain.state import states
from tests.domain.telling import History, at, item, q, us

OURS = Ours(
    "own",
    {"PLANT": None, "WAREHOUSE": "own", "DOCK-Z": "DEALER-Z"},
    {"own": "CN", "DEALER-X": "CN", "DEALER-DE": "DE"},
)


def ship(h: History, name: str | ev.ItemQuantity, hour: float, **to: Any) -> None:
    things = (name if isinstance(name, ev.ItemQuantity) else q(name),)
    h.tell(ev.Shipped(occurred_at=at(hour), items=things, **{"site": "PLANT", **to}))


def receive(h: History, name: str, hour: float, *, site: str) -> None:
    h.tell(ev.Received(occurred_at=at(hour), site=site, items=(q(name),)))


def sell(h: History, name: str, hour: float, **to: Any) -> None:
    h.tell(ev.Sold(occurred_at=at(hour), items=(q(name),), **to))


def found(h: History, *names: str) -> dict[str, Custody]:
    items = [item(n) for n in names]
    told = answer(custody(items, ours=OURS, at_us=us(40), case_id="R-1"), h.view().look_up)
    return {n: told[item(n)] for n in names}


def hands(one: Custody) -> list[tuple[str, str | None]]:
    return [(hand.party, hand.came_from) for hand in one.hands]


def bucket(one: Custody) -> str:
    return str(place(one.standing, (), opened_us=us(20)).bucket)


def test_a_pallet_ships_its_contents_and_what_left_it_before_does_not_go_along() -> None:
    h = History()
    h.made(["B/1", "B/2", "B/3"], at_hour=1, site="PLANT")
    h.pack("box:C", "B/1", "B/2", "B/3", at_hour=2)
    h.unpack("box:C", "B/3", at_hour=3)
    h.pack("box:P", "box:C", at_hour=4)
    ship(h, "box:P", 5, to_possessor="DEALER-X", to_place="SHOP-X")
    receive(h, "box:P", 6, site="SHOP-X")
    h.unpack("box:P", at_hour=7, site="SHOP-X")
    h.unpack("box:C", "B/1", at_hour=8, site="SHOP-X")
    sell(h, "B/1", 9, holder="CUSTOMER-1", site="SHOP-X")
    told = found(h, "B/1", "B/2", "B/3")
    assert hands(told["B/1"]) == [("DEALER-X", None), ("CUSTOMER-1", "DEALER-X")]
    assert hands(told["B/2"]) == [("DEALER-X", None)]
    assert told["B/2"].hands[0].via == item("box:P")
    assert hands(told["B/3"]) == []
    assert [bucket(one) for one in told.values()] == ["sold", "with_consignee", "in_stock"]
    tree = Consignees("DEALER-X")
    for one in told.values():
        tree.add(one)
    dealer, owner = tree.ordered()
    assert (dealer.party, dealer.direct, dealer.owner, dealer.items, dealer.has) == ("DEALER-X", True, False, 2, 1)
    assert dealer.passed_to == {"CUSTOMER-1": 1}
    assert (owner.party, owner.direct, owner.owner, owner.came_from) == ("CUSTOMER-1", False, True, {"DEALER-X": 1})
    assert {g.item for g in tree.got} == {item("B/1"), item("B/2")}, "only theirs"


def test_a_pallet_used_before_did_not_carry_it_then() -> None:
    h = History()
    h.made(["B/1"], at_hour=1, site="PLANT")
    ship(h, "box:P", 2, to_possessor="DEALER-Y")
    h.pack("box:P", "B/1", at_hour=4)
    ship(h, "box:P", 5, to_possessor="DEALER-X")
    h.unpack("box:P", at_hour=7)
    ship(h, "box:P", 8, to_possessor="DEALER-Z")
    assert hands(found(h, "B/1")["B/1"]) == [("DEALER-X", None)]


def test_who_passed_it_on_is_told() -> None:
    """A wholesaler's shipment to a shop: sub-recall."""
    h = History()
    h.made(["B/1"], at_hour=1, site="PLANT")
    ship(h, "B/1", 5, to_possessor="WHOLESALE", to_place="HUB")
    receive(h, "B/1", 6, site="HUB")
    ship(h, "B/1", 7, site="HUB", to_possessor="SHOP")
    assert hands(found(h, "B/1")["B/1"]) == [("WHOLESALE", None), ("SHOP", "WHOLESALE")]


def test_a_return_to_the_dealer_is_not_one_to_us() -> None:
    h = History()
    h.made(["B/1", "B/2"], at_hour=1, site="PLANT")
    for name in ("B/1", "B/2"):
        ship(h, name, 5, to_possessor="DEALER-X", to_place="SHOP-X")
        sell(h, name, 9, holder="CUSTOMER-1", site="SHOP-X")
    h.tell(ev.Returned(occurred_at=at(21), site="SHOP-X", items=(q("B/1"),)))
    h.tell(ev.Returned(occurred_at=at(21), site="WAREHOUSE", items=(q("B/2"),)))
    told = found(h, "B/1", "B/2")
    assert [bucket(one) for one in told.values()] == ["with_consignee", "returned"]
    assert told["B/1"].standing.holder == "DEALER-X"
    assert (told["B/2"].standing.holder, told["B/2"].standing.account) == (None, "CUSTOMER-1")


def test_between_our_own_places_nobody_outside_gets_it() -> None:
    h = History()
    h.made(["B/1", "B/2", "B/3"], at_hour=1, site="PLANT")
    ship(h, "B/1", 5, to_place="WAREHOUSE")
    ship(h, "B/2", 5, to_place="DOCK-Z")
    ship(h, "B/3", 5, to_place="NOBODY-SAYS-WHOSE")
    receive(h, "B/1", 6, site="WAREHOUSE")
    told = found(h, "B/1", "B/2", "B/3")
    assert [hands(one) for one in told.values()] == [[], [("DEALER-Z", None)], [("NOBODY-SAYS-WHOSE", None)]]
    assert [bucket(one) for one in told.values()] == ["in_stock", "in_transit", "in_transit"]


def test_sold_or_shipped_to_nobody_named_is_told_as_such() -> None:
    h = History()
    h.made(["B/1", "B/2"], at_hour=1, site="PLANT")
    sell(h, "B/1", 5, site="PLANT")
    ship(h, "B/2", 5)
    told = found(h, "B/1", "B/2")
    assert [hands(one) for one in told.values()] == [[("", None)], [("", None)]]
    assert [one.standing.left for one in told.values()] == [True, True]


def test_what_comes_back_to_where_it_left_from_is_with_us() -> None:
    """A shipment back to a place that nobody described: it was ours when it left from there."""
    h = History()
    h.made(["B/1"], at_hour=1, site="LINE-9")
    ship(h, "B/1", 5, site="LINE-9", to_possessor="DEALER-X", to_place="SHOP-X")
    ship(h, "B/1", 21, site="SHOP-X", to_place="LINE-9")
    receive(h, "B/1", 22, site="LINE-9")
    one = found(h, "B/1")["B/1"]
    assert (hands(one), bucket(one)) == ([("DEALER-X", None)], "returned")


def test_abroad_is_where_master_data_say_so() -> None:
    h = History()
    h.made(["B/1", "B/2"], at_hour=1, site="PLANT")
    for name, dealer in (("B/1", "DEALER-DE"), ("B/2", "DEALER-X")):
        ship(h, name, 5, to_possessor=dealer, to_place=f"SHOP-{dealer}")
        receive(h, name, 6, site=f"SHOP-{dealer}")
    assert [bucket(one) for one in found(h, "B/1", "B/2").values()] == ["exported", "with_consignee"]


def test_a_voided_shipment_went_to_nobody() -> None:
    h = History()
    h.made(["B/1"], at_hour=1, site="PLANT")
    ship(h, "B/1", 5, to_possessor="DEALER-X")
    h.tell(ev.Voided(occurred_at=at(6), target=h.log[-1][1].event_id))
    assert hands(found(h, "B/1")["B/1"]) == []


def test_a_remedy_of_the_shop_floor_is_told_for_its_case_only() -> None:
    h = History()
    h.made(["B/1"], at_hour=1, site="PLANT")
    for case, remedy in (("R-1", "repair"), ("R-2", "refund")):
        h.tell(ev.Remedied(occurred_at=at(8), recall_id=case, items=(q("B/1"),), remedy=remedy))
    assert [done.remedy for done in found(h, "B/1")["B/1"].remedies] == ["repair"]


def counted(h: History, *members: str, **loose: bool) -> dict[str, bool]:
    """name of each that counts -> whether it is a loose spare."""
    flags = {item(n): Flags("unit", not loose.get(n.replace("/", "_"), False), False) for n in members}
    population = Population(flags)
    units = [population.unit(one) for one in found(h, *members).values()]
    return {n: u.loose_spare for n in members for u in units if u is not None and u.item == item(n)}


def test_top_units_as_things_stand() -> None:
    h = History()
    h.made(["M/1", "M/2"], at_hour=1)
    h.made(["B/1", "B/2"], at_hour=1)
    h.fit("B/1", "M/1", at_hour=2)
    h.fit("B/2", "M/2", at_hour=2)
    assert counted(h, "M/1", "M/2", "B/1", "B/2", M_1=True, M_2=True) == {"B/1": False, "B/2": False}
    h.remove("B/2", "M/2", at_hour=21)
    assert counted(h, "M/1", "M/2", "B/1", "B/2", M_1=True, M_2=True) == {"B/1": False, "B/2": False, "M/2": True}


def test_what_is_used_up_counts_unless_something_came_of_it() -> None:
    h = History()
    h.made(["C/1", "C/2"], at_hour=1)
    h.made(["B/1"], ["C/1"], at_hour=2)
    h.tell(
        ev.IssuedToOrder(occurred_at=at(3), site="PLANT", order="4711", items=(ev.Input(item=item("C/2")),)),
    )
    assert counted(h, "C/1", "C/2", "B/1") == {"C/2": False, "B/1": False}
    assert bucket(found(h, "C/2")["C/2"]) == "in_process"


def test_two_names_of_one_unit_count_once() -> None:
    h = History()
    h.made(["B/1"], at_hour=1)
    h.tell(ev.Identified(occurred_at=at(2), item=item("B/1"), same_as=item("B/1000")))
    h.made(["B/2"], at_hour=1)
    h.tell(ev.Reidentified(occurred_at=at(2), old_id=item("B/2"), new_id=item("B/2000")))
    assert set(counted(h, "B/1", "B/1000", "B/2", "B/2000", B_1=True)) == {"B/1000", "B/2"}


# -- lots


def lines(h: History, name: str, *, serials: int = 0) -> dict[tuple[str | None, str | None], Decimal]:
    """(bucket, party) -> quantity, of a lot in one unit of measure."""
    lot = item(name)
    now, before = (answer(states([lot], at_us=us(hour)), h.view().look_up)[lot] for hour in (40, 20))
    told = lot_lines(found(h, name)[name], now, before, ours=OURS, serials=serials)
    assert len(told) == 1
    return {(str(p.bucket), p.party): p.quantity for p in told[0].portions}


def test_a_lot_by_quantity_wherever_it_went() -> None:
    h = History()
    h.tell(
        ev.MaterialReceived(occurred_at=at(1), site="PLANT", item=item("lot:F/1"), quantity=Decimal(1000), uom="KGM")
    )
    ship(h, q("lot:F/1", 400, "KGM"), 2, to_possessor="DEALER-X", to_place="SHOP-X")
    receive(h, "lot:F/1", 3, site="SHOP-X")
    h.pack("box:P", q("lot:F/1", 100, "KGM"), at_hour=4, site="PLANT")
    ship(h, "box:P", 5, to_possessor="DEALER-Y")
    h.tell(ev.Scrapped(occurred_at=at(6), site="PLANT", items=(q("lot:F/1", 30, "KGM"),)))
    h.tell(ev.Scrapped(occurred_at=at(21), site="PLANT", items=(q("lot:F/1", 20, "KGM"),)))
    h.tell(ev.StockAdjusted(occurred_at=at(22), site="PLANT", item=item("lot:F/1"), change=Decimal(-50), uom="KGM"))
    used = ev.Input(item=item("lot:F/1"), quantity=Decimal(90), uom="KGM")
    h.tell(ev.Transformed(occurred_at=at(8), site="PLANT", inputs=(used,), outputs=(ev.Output(item=item("W/1")),)))
    issued = ev.Input(item=item("lot:F/1"), quantity=Decimal(60), uom="KGM")
    h.tell(ev.IssuedToOrder(occurred_at=at(9), site="PLANT", order="4711", items=(issued,)))
    told = lines(h, "lot:F/1")
    assert told == {
        ("with_consignee", "DEALER-X"): 400,
        ("in_transit", "DEALER-Y"): 100,
        ("scrapped_before_recall", None): 30,
        ("destroyed", None): 20,
        ("lost", None): 50,
        ("in_process", None): 60,
        ("in_stock", None): 250,
    }
    assert sum(told.values()) == 1000 - 90, "what went into something is counted with that"
    tree = Consignees()
    tree.add(found(h, "lot:F/1")["lot:F/1"])
    assert {c.party: c.quantities for c in tree.ordered()} == {"DEALER-X": {"KGM": 400}, "DEALER-Y": {"KGM": 100}}


def test_a_lot_in_two_boxes_of_a_pallet_goes_with_all_that_is_in_them() -> None:
    """One box alone would let the dealer keep the other."""
    h = History()
    for box, kg in (("box:A", 5), ("box:B", 7)):
        h.pack(box, q("lot:F/1", kg, "KGM"), at_hour=1, site="PLANT")
    h.pack("box:P", "box:A", "box:B", at_hour=2)
    ship(h, "box:P", 3, to_possessor="DEALER-X", to_place="SHOP-X")
    (hand,) = found(h, "lot:F/1")["lot:F/1"].hands
    assert (hand.party, hand.amounts) == ("DEALER-X", (("KGM", 12),))


@pytest.mark.timeout(20)
def test_lots_in_two_lots_each_are_looked_at_once() -> None:
    """Thirty deep: a thousand million ways to what was shipped; each gives the same kilograms once."""
    h = History()
    h.pack("lot:A/0", q("lot:F/1", 5, "KGM"), at_hour=1)
    for n in range(30):
        for side in "AB":
            h.pack(f"lot:{side}/{n + 1}", f"lot:A/{n}", f"lot:B/{n}", at_hour=1 + n / 1_000)
    ship(h, "lot:A/30", 3, to_possessor="DEALER-X", to_place="SHOP-X")
    (hand,) = found(h, "lot:F/1")["lot:F/1"].hands
    assert (hand.party, hand.amounts) == ("DEALER-X", (("KGM", 5),))


def test_pieces_with_serials_are_told_of_by_serial() -> None:
    h = History()
    h.made([ev.Output(item=item("lot:B/1"), quantity=Decimal(10))], at_hour=1, site="PLANT")
    assert lines(h, "lot:B/1", serials=7) == {("in_stock", None): 3}


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["ship", "receive", "sell", "return", "pack", "unpack"]), st.integers(1, 3)), max_size=8
)


@given(steps=ACTIONS, data=st.data())
def test_the_order_in_which_the_record_came_about_changes_nothing(
    steps: Sequence[tuple[str, int]], data: st.DataObject
) -> None:
    h = History()
    h.made(["B/1", "B/2"], at_hour=1, site="PLANT")
    for hour, (what, n) in enumerate(steps, 2):
        thing = "box:P" if n == 3 else f"B/{n}"
        match what:
            case "ship":
                ship(h, thing, hour, to_possessor=f"DEALER-{n}", to_place=f"SHOP-{n}")
            case "receive":
                receive(h, thing, hour, site=f"SHOP-{n}")
            case "sell":
                sell(h, thing, hour, holder=f"CUSTOMER-{n}")
            case "return":
                h.tell(ev.Returned(occurred_at=at(hour), site="PLANT", items=(q(thing),)))
            case "pack":
                h.pack("box:P", "B/1", at_hour=hour)
            case _:
                h.unpack("box:P", at_hour=hour)
    shuffled = data.draw(st.permutations(h.log))
    items: list[ItemId] = [item("B/1"), item("B/2")]
    question = {"ours": OURS, "at_us": us(40)}
    one = answer(custody(items, **question), MemoryRecord(h.log).as_of().look_up)
    assert one == answer(custody(items, **question), MemoryRecord([*shuffled, *shuffled[:2]]).as_of().look_up)
    for told in one.values():
        assert told.standing.holder in (None, told.standing.account)
        assert place(told.standing, (), opened_us=us(20)).bucket in Bucket
