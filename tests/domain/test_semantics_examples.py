"""SEMANTICS §9: every example is a test of the reference (E14: test_postings.py)."""

from domain import events as ev
from domain.facts import Status
from domain.genealogy import Way
from domain.moments import Moment
from domain.walk import Mode
from tests.domain.telling import History, at, item, named_map, q, us

CERTAIN = "certain"


def test_e1_a_lot_goes_up_into_module_pack_and_bike() -> None:
    h = History()
    h.made(["M"], ["lot:CELL/L-9"], at_hour=8)
    h.fit("P", "M", at_hour=9)
    h.fit("B", "P", at_hour=10)
    assert h.forward("lot:CELL/L-9") == named_map({"M": CERTAIN, "P": CERTAIN, "B": CERTAIN})
    levels = {n.item: n.level for n in h.trace(Way.FORWARD, "lot:CELL/L-9").nodes}
    assert levels == {item("M"): 1, item("P"): 2, item("B"): 3}


def test_e2_a_component_that_came_after_the_module_left() -> None:
    h = History()
    h.fit("B1", "M", at_hour=1)
    h.remove("B1", "M", at_hour=3)
    h.fit("M", "C", at_hour=5)
    assert h.forward("C") == named_map({"M": CERTAIN, "B1": "against_time"})
    assert h.forward("C", mode=Mode.AS_MAINTAINED, at_hour=6) == named_map({"M": CERTAIN})


def test_e3_fluid_drained_while_the_part_was_in() -> None:
    h = History()
    h.fit("U", "C", at_hour=1)
    h.made(["lot:F/W"], ["U"], at_hour=3)
    h.remove("U", "C", at_hour=5)
    assert h.forward("C", mode=Mode.AS_MAINTAINED, at_hour=10) == named_map({"lot:F/W": CERTAIN})


def test_e4_fluid_drained_before_the_part_came() -> None:
    h = History()
    h.made(["lot:F/W"], ["U"], at_hour=3)
    h.fit("U", "C", at_hour=6)
    assert h.forward("C", mode=Mode.AS_MAINTAINED, at_hour=10) == named_map({"U": CERTAIN})
    assert h.forward("C") == named_map({"U": CERTAIN, "lot:F/W": "against_time"})


def test_e5_two_lots_of_one_material_and_another_material() -> None:
    h = History()
    serials = [f"S/{n}" for n in range(100)]
    h.made(serials, ["lot:CELL/A", "lot:CELL/B", "lot:ELY/K"], at_hour=1)
    assert h.forward("lot:CELL/A") == named_map(dict.fromkeys(serials, "several_inputs"))
    assert h.forward("lot:ELY/K") == named_map(dict.fromkeys(serials, CERTAIN))


def test_e6_a_tray_stands_for_what_it_held_then() -> None:
    h = History()
    h.tell(ev.Commissioned(occurred_at=at(1), items=(ev.Output(item=item("C/1"), lot=item("lot:CELL/L")),)))
    h.tell(ev.Commissioned(occurred_at=at(1), items=(ev.Output(item=item("C/2"), lot=item("lot:CELL/L2")),)))
    h.pack("tray:T", "C/1", at_hour=2)
    h.made(["M"], ["tray:T"], at_hour=3)
    h.pack("tray:T", "C/2", at_hour=4)
    h.made(["M2"], ["tray:T"], at_hour=5)
    assert h.forward("lot:CELL/L") == named_map({"C/1": CERTAIN, "M": CERTAIN})
    assert h.backward("M2") == named_map({"C/2": CERTAIN, "lot:CELL/L2": CERTAIN})


def test_e7_a_lot_is_in_several_places_and_adds_up() -> None:
    h = History()
    lot = "lot:CELL/L"
    h.tell(ev.MaterialReceived(occurred_at=at(1), site="HOME", **_what(q(lot, 1000))))
    h.tell(ev.Shipped(occurred_at=at(2), site="HOME", items=(q(lot, 400),), to_place="X"))
    h.tell(ev.Shipped(occurred_at=at(3), site="HOME", items=(q(lot, 300),), to_place="Y"))
    h.pack("sscc:1", q(lot, 10), at_hour=4, site="HOME")
    h.unpack("sscc:1", q(lot, 4), at_hour=5, site="HOME")
    state = h.state(lot)
    rows = {(w.site, w.container): w.quantity for w in state.where}
    assert rows == {("HOME", None): 294, ("HOME", item("sscc:1")): 6, ("X", None): 400, ("Y", None): 300}
    assert sum(rows.values()) == 1000
    assert state.holder is None


def test_e8_a_release_names_its_hold() -> None:
    h = History()
    h.tell(ev.Held(occurred_at=at(1), hold_id="H1", items=(q("U"),)))
    h.tell(ev.Held(occurred_at=at(2), hold_id="H2", items=(q("U"),)))
    h.tell(ev.HoldReleased(occurred_at=at(3), hold_id="H1"))
    assert h.state("U").on_hold
    assert h.state("U").holds == ("H2",)


def test_e9_a_voided_sale_uncovers_the_shipment() -> None:
    h = History()
    h.tell(ev.Shipped(occurred_at=at(10), items=(q("U"),)))
    sale = h.tell(ev.Sold(occurred_at=at(11), items=(q("U"),)))
    before = {0: len(h.log) - 1}
    h.tell(ev.Voided(occurred_at=at(12), target=sale))
    assert h.state("U").status is Status.IN_TRANSIT
    assert h.state("U", vector=before).status is Status.SOLD


def test_e10_received_in_its_pallet_and_unpacked_in_the_same_second() -> None:
    h = History()
    h.tell(ev.Stored(occurred_at=at(1), items=(q("u"),), site="A"))
    h.pack("pallet:P", "u", at_hour=2)
    h.tell(ev.Received(occurred_at=at(3), items=(q("pallet:P"),), site="B"))
    h.unpack("pallet:P", "u", at_hour=3)
    assert h.state("u").site == "B"


def test_e11_packed_elsewhere_without_unpacking() -> None:
    h = History()
    h.pack("box:C1", "u", at_hour=1)
    h.pack("box:C2", "u", at_hour=2)
    h.unpack("box:C1", at_hour=3)
    assert h.state("u").container == item("box:C2")


def test_e12_a_void_that_waits_for_its_replacement() -> None:
    h = History()
    wrong = h.made(["M"], ["lot:CELL/A"], at_hour=1)
    h.tell(ev.Voided(occurred_at=at(2), target=wrong, replaced_by=("right",)))
    assert h.forward("lot:CELL/A") == named_map({"M": "replacement_pending"})
    h.made(["M"], ["lot:CELL/B"], at_hour=1, event_id="right")
    assert h.forward("lot:CELL/A") == {}
    assert h.forward("lot:CELL/B") == named_map({"M": CERTAIN})


def test_e13_the_first_copy_counts() -> None:
    h = History()
    h.made(["M"], ["lot:CELL/A"], at_hour=1, event_id="x")
    h.made(["M"], ["lot:CELL/B"], at_hour=1, event_id="x")
    h.log.reverse()
    assert h.backward("M") == named_map({"lot:CELL/A": CERTAIN})


def test_e15_a_lot_that_was_there_may_be_what_was_used() -> None:
    h = History()
    for lot, site in (("lot:M/1", "S"), ("lot:M/2", "T")):
        h.tell(ev.MaterialReceived(occurred_at=at(1), site=site, **_what(q(lot, 5))))
    used = ev.Input(item=item("class:M"), quantity=q("x", 2).quantity)
    h.tell(ev.Transformed(occurred_at=at(2), site="S", inputs=(used,), outputs=(ev.Output(item=item("P")),)))
    assert h.forward("lot:M/1") == named_map({"P": "class_level"})
    assert h.forward("lot:M/2") == {}
    assert h.forward("class:M")[item("P")] == CERTAIN


def test_e16_a_date_means_the_whole_day() -> None:
    h = History()
    h.tell(ev.Sold(occurred_at=Moment.parse("2026-03-01Z"), items=(q("U"),)))
    h.tell(ev.Shipped(occurred_at=at(9), items=(q("U"),)))
    assert h.state("U").status is Status.SOLD
    assert h.state("U").order_uncertain


def test_e17_void_and_event_in_any_order() -> None:
    h = History()
    h.tell(ev.Voided(occurred_at=at(2), target="x"))
    h.made(["M"], ["lot:CELL/A"], at_hour=1, event_id="x")
    assert h.forward("lot:CELL/A") == {}


def test_e18_pairwise_they_meet_all_three_never() -> None:
    h = History()
    h.fit("M", "C", at_hour=1)
    h.remove("M", "C", at_hour=3)
    h.fit("P", "M", at_hour=2)
    h.remove("P", "M", at_hour=6)
    h.fit("B", "P", at_hour=4)
    h.remove("B", "P", at_hour=9)
    assert h.forward("C") == named_map({"M": CERTAIN, "P": CERTAIN, "B": "against_time"})


def test_e19_certain_by_a_second_path() -> None:
    h = History()
    h.made(["M", "N"], ["lot:CELL/L", "lot:CELL/L2"], at_hour=3)
    h.made(["lot:PASTE/K"], ["lot:CELL/L"], at_hour=1)
    h.made(["M"], ["lot:PASTE/K"], at_hour=2)
    found = {n.item: n for n in h.trace(Way.FORWARD, "lot:CELL/L").nodes}
    assert (found[item("M")].level, found[item("M")].certainty) == (1, CERTAIN)
    assert found[item("N")].reasons == ("several_inputs",)


def test_e20_drained_after_the_part_left() -> None:
    h = History()
    h.fit("U", "C", at_hour=1)
    h.remove("U", "C", at_hour=5)
    h.made(["lot:F/W"], ["U"], at_hour=7)
    assert h.forward("C") == named_map({"U": CERTAIN, "lot:F/W": "touched"})
    assert h.forward("C", mode=Mode.AS_MAINTAINED, at_hour=10) == {}


def test_e21_a_container_that_was_an_output() -> None:
    h = History()
    h.made(["sscc:P"], ["lot:CELL/L"], at_hour=1)
    h.pack("sscc:P", "c", at_hour=2)
    h.made(["Q"], ["sscc:P"], at_hour=3)
    assert h.forward("lot:CELL/L") == named_map({"sscc:P": CERTAIN, "Q": CERTAIN})
    assert h.forward("c") == named_map({"Q": CERTAIN})
    assert us(3) > us(1)


def _what(quantity: ev.ItemQuantity) -> dict[str, object]:
    return {"item": quantity.item, "quantity": quantity.quantity, "uom": quantity.uom}
