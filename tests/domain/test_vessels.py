"""What comes out of a vessel derives from all that went in since it was clean: the examples of docs/semantics.md."""

from decimal import Decimal

import pytest

from domain import events as ev
from domain.genealogy import Way
from domain.moments import Moment
from tests.domain.telling import History, at, both_ways, item, named_map

CERTAIN = "certain"
FIFO, MIXED, SEGREGATED, UNKNOWN = (
    ev.VesselMode.FIFO,
    ev.VesselMode.MIXED,
    ev.VesselMode.SEGREGATED,
    ev.VesselMode.UNKNOWN,
)


def charge(h: History, what: str, hour: float, *, vessel: str = "V", kg: int | None = None, **more: object) -> str:
    one = ev.Input(item=item(what), quantity=Decimal(kg) if kg else None, uom="KGM" if kg else None)
    return h.tell(ev.Charged(occurred_at=at(hour), vessel=vessel, inputs=(one,), **more))


def discharge(
    h: History, what: str | None, hour: float, *, vessel: str = "V", kg: int | None = None, **more: object
) -> str:
    out = (ev.Output(item=item(what)),) if what else ()
    amount = {"quantity": Decimal(kg), "uom": "KGM"} if kg else {}
    return h.tell(ev.Discharged(occurred_at=at(hour), vessel=vessel, outputs=out, **amount, **more))


def clean(h: History, hour: float, *, vessel: str = "V", **more: object) -> str:
    return h.tell(ev.Cleaned(occurred_at=at(hour), vessel=vessel, **more))


def empty(h: History, hour: float, *, heel: int | None = None) -> str:
    left = Decimal(heel) if heel is not None else None
    return h.tell(ev.Emptied(occurred_at=at(hour), vessel="V", heel=left, uom="KGM"))


def two_charges(**more: object) -> History:
    h = History()
    charge(h, "lot:ELY/K1", 8)
    charge(h, "lot:ELY/K2", 9)
    discharge(h, "lot:FILL/W", 10, **more)
    charge(h, "lot:ELY/K3", 11)
    return h


def test_a_discharge_derives_from_every_charge_before_it_and_from_none_after() -> None:
    h = two_charges()
    assert both_ways(h, "lot:ELY/K1") == named_map({"lot:FILL/W": "several_inputs"})
    assert both_ways(h, "lot:ELY/K3") == {}


@pytest.mark.parametrize("mode", [FIFO, UNKNOWN, SEGREGATED])
def test_not_mixed_and_several_items_is_possible(mode: ev.VesselMode) -> None:
    assert both_ways(two_charges(mode=mode), "lot:ELY/K2") == named_map({"lot:FILL/W": "several_inputs"})


def test_declared_mixed_is_certain() -> None:
    assert both_ways(two_charges(mode=MIXED), "lot:ELY/K1") == named_map({"lot:FILL/W": CERTAIN})


def test_another_material_leaves_no_doubt_unless_the_mode_does() -> None:
    for mode, expected in ((None, CERTAIN), (FIFO, "several_inputs"), (UNKNOWN, "several_inputs")):
        h = History()
        charge(h, "lot:ELY/K1", 8)
        charge(h, "lot:SALT/S", 9)
        discharge(h, "lot:FILL/W", 10, mode=mode)
        assert both_ways(h, "lot:ELY/K1") == named_map({"lot:FILL/W": expected})


def test_a_heel_counts_and_a_clean_break_does_not() -> None:
    for make_break, kept in (
        (lambda h: empty(h, 8.5), True),
        (lambda h: empty(h, 8.5, heel=3), True),
        (lambda h: empty(h, 8.5, heel=0), False),
        (lambda h: clean(h, 8.5), False),
    ):
        h = two_charges(mode=MIXED)
        make_break(h)
        assert both_ways(h, "lot:ELY/K1") == (named_map({"lot:FILL/W": CERTAIN}) if kept else {})
        assert both_ways(h, "lot:ELY/K2") == named_map({"lot:FILL/W": CERTAIN})


def test_a_voided_cleaning_breaks_nothing_and_a_pending_one_leaves_doubt() -> None:
    h = two_charges(mode=MIXED)
    cleaning = clean(h, 8.5)
    h.tell(ev.Voided(occurred_at=at(20), target=cleaning, replaced_by=("never",)))
    assert both_ways(h, "lot:ELY/K1") == named_map({"lot:FILL/W": "replacement_pending"})
    h.tell(ev.Voided(occurred_at=at(20), target=cleaning))
    assert both_ways(h, "lot:ELY/K1") == named_map({"lot:FILL/W": CERTAIN})


def test_a_cleaning_by_date_alone_leaves_that_day_in_doubt() -> None:
    h = two_charges(mode=MIXED)
    h.tell(ev.Cleaned(occurred_at=Moment.parse("2026-03-01Z"), vessel="V"))
    discharge(h, "lot:FILL/X", 30, mode=MIXED)
    for lot in ("lot:ELY/K1", "lot:ELY/K2"):
        assert both_ways(h, lot) == named_map({"lot:FILL/W": "edge", "lot:FILL/X": "edge"})
    charge(h, "lot:ELY/K0", -30)
    assert both_ways(h, "lot:ELY/K0") == named_map({"lot:FILL/W": "edge"})


def test_at_one_instant_nothing_is_missing() -> None:
    h = History()
    charge(h, "lot:ELY/K1", 9)
    clean(h, 9)
    discharge(h, "lot:FILL/W", 9, mode=MIXED)
    assert both_ways(h, "lot:ELY/K1") == named_map({"lot:FILL/W": "edge"})


def test_a_charge_of_that_instant_or_day_may_be_in_it() -> None:
    h = History()
    charge(h, "lot:ELY/K1", 10)
    day = Moment.parse("2026-03-01Z")
    h.tell(ev.Charged(occurred_at=day, vessel="V", inputs=(ev.Input(item=item("lot:ELY/K2")),)))
    discharge(h, "lot:FILL/W", 10, mode=MIXED)
    for lot in ("lot:ELY/K1", "lot:ELY/K2"):
        assert both_ways(h, lot) == named_map({"lot:FILL/W": "edge"})


def shares_of(h: History, target: str) -> dict[str, Decimal | None]:
    nodes = h.trace(Way.BACKWARD, target).nodes
    return {n.item.rsplit(":", 1)[1]: n.links[0].share for n in nodes}


def test_fifo_gives_shares_and_takes_no_link_away() -> None:
    h = History()
    charge(h, "lot:ELY/K1", 8, kg=100)
    charge(h, "lot:ELY/K2", 9, kg=100)
    discharge(h, "lot:FILL/W", 10, kg=150, mode=FIFO)
    discharge(h, "lot:FILL/X", 11, kg=50, mode=FIFO)
    assert shares_of(h, "lot:FILL/W") == {"K1": Decimal("0.666667"), "K2": Decimal("0.333333")}
    assert shares_of(h, "lot:FILL/X") == {"K1": None, "K2": Decimal(1)}
    charge(h, "lot:ELY/K3", 9.5)
    assert shares_of(h, "lot:FILL/W") == {"K1": None, "K2": None, "K3": None}


def test_fifo_shares_start_again_after_a_heel_that_was_measured() -> None:
    h = History()
    charge(h, "lot:ELY/K1", 7, kg=100)
    empty(h, 8, heel=10)
    charge(h, "lot:ELY/K2", 9, kg=30)
    discharge(h, "lot:FILL/W", 10, kg=40, mode=FIFO)
    assert shares_of(h, "lot:FILL/W") == {"K1": Decimal("0.25"), "K2": Decimal("0.75")}


def test_segregated_by_compartment_and_as_unknown_where_none_is_named() -> None:
    h = History()
    charge(h, "lot:ELY/K1", 8, compartment="A")
    charge(h, "lot:ELY/K2", 8, compartment="B")
    discharge(h, "lot:FILL/W", 10, compartment="A", mode=SEGREGATED)
    discharge(h, "lot:FILL/X", 10, mode=SEGREGATED)
    discharge(h, "lot:FILL/Y", 10, compartment="A")
    assert both_ways(h, "lot:ELY/K1") == named_map(
        {"lot:FILL/W": CERTAIN, "lot:FILL/X": "several_inputs", "lot:FILL/Y": "several_inputs"}
    )
    assert both_ways(h, "lot:ELY/K2") == named_map(
        {"lot:FILL/X": "several_inputs", "lot:FILL/Y": "inferred,several_inputs"}
    )
    clean(h, 9, compartment="B")
    assert both_ways(h, "lot:ELY/K2") == {}
    assert both_ways(h, "lot:ELY/K1") == named_map(dict.fromkeys(("lot:FILL/W", "lot:FILL/X", "lot:FILL/Y"), CERTAIN))


def test_vessel_into_vessel_into_units() -> None:
    h = History()
    charge(h, "lot:ELY/K1", 8)
    discharge(h, None, 10, into="T", mode=MIXED, event_id="move-1")
    charge(h, "lot:ELY/K2", 10.5)
    h.tell(
        ev.Transformed(
            occurred_at=at(11),
            draws=(ev.Draw(vessel="T"),),
            outputs=(ev.Output(item=item("CELL/1")), ev.Output(item=item("CELL/2"))),
            event_id="filling",
        )
    )
    moved, drawn = "lot:vessel/V/move-1", "lot:vessel/T/filling"
    lots = {m: f"urn:zhuisu:lot:own:vessel/{m.split('/')[1]}:{m.split('/')[2]}" for m in (moved, drawn)}
    expected = dict.fromkeys((*lots.values(), item("CELL/1"), item("CELL/2")), CERTAIN)
    assert both_ways(h, "lot:ELY/K1") == expected
    assert both_ways(h, "lot:ELY/K2") == {}
    clean(h, 10.2, vessel="T")
    assert both_ways(h, "lot:ELY/K1") == {lots[moved]: CERTAIN}


def test_a_discharge_to_waste_and_one_that_is_charged_elsewhere_with_its_own_id() -> None:
    h = History()
    charge(h, "lot:ELY/K1", 8, kg=10)
    discharge(h, None, 9, kg=4)
    discharge(h, "lot:ELY/M", 9, kg=6, into="T", mode=MIXED)
    discharge(h, "lot:FILL/W", 10, vessel="T")
    assert both_ways(h, "lot:ELY/K1") == named_map({"lot:ELY/M": CERTAIN, "lot:FILL/W": CERTAIN})


def test_a_drum_stands_for_what_it_held() -> None:
    h = History()
    h.pack("drum:D", "lot:ELY/K1", at_hour=6)
    charge(h, "drum:D", 8)
    discharge(h, "lot:FILL/W", 10)
    assert both_ways(h, "lot:ELY/K1") == named_map({"lot:FILL/W": CERTAIN})


def test_a_class_charged_without_lot_may_be_any_lot_that_was_there() -> None:
    h = History()
    h.tell(ev.Stored(occurred_at=at(1), items=(ev.ItemQuantity(item=item("lot:WATER/1")),), site="S"))
    h.tell(ev.Charged(occurred_at=at(8), vessel="V", inputs=(ev.Input(item=item("class:WATER")),), site="S"))
    discharge(h, "lot:FILL/W", 10)
    assert h.forward("lot:WATER/1") == named_map({"lot:FILL/W": "class_level"})
    assert h.backward("lot:FILL/W") == named_map({"class:WATER": CERTAIN, "lot:WATER/1": "class_level"})


def test_an_allocated_charge_is_possible() -> None:
    h = History()
    allocated = ev.Input(item=item("lot:ELY/K1"), basis=ev.Basis.ALLOCATED)
    h.tell(ev.Charged(occurred_at=at(8), vessel="V", inputs=(allocated,)))
    discharge(h, "lot:FILL/W", 10)
    assert both_ways(h, "lot:ELY/K1") == named_map({"lot:FILL/W": "basis"})


def test_a_range_of_serials_filled_from_a_vessel() -> None:
    h = History()
    charge(h, "lot:ELY/K1", 8)
    cells = ev.SerialRange(product=item("class:CELL"), first="C001", last="C003")
    h.tell(ev.Discharged(occurred_at=at(10), vessel="V", outputs=(ev.Output(range=cells),), event_id="fill"))
    serials = [item(f"CELL/C00{n}") for n in (1, 2, 3)]
    assert both_ways(h, "lot:ELY/K1") == dict.fromkeys(["urn:zhuisu:lot:own:vessel/V:fill", *serials], CERTAIN)
