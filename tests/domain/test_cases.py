"""Small cases that once were answered wrongly, each with the sentence of docs/semantics.md that decides it."""

from collections.abc import Generator
from decimal import Decimal

import pytest

from domain import events as ev
from domain.genealogy import Way
from domain.ids import ItemId
from domain.linking import Linked, Linker
from domain.moments import Moment
from domain.record import Found, Need, answer
from domain.state import states
from domain.walk import Mode
from tests.domain.telling import History, at, item, named, named_map, q, us

CERTAIN = "certain"
NOW = {"mode": Mode.AS_MAINTAINED}


def test_backward_through_the_item_asked_about() -> None:
    """V was in U when U was made into W, and W is in U now: forward and backward must both say so."""
    h = History()
    h.fit("U", "V", at_hour=1)
    h.made(["W"], ["U"], at_hour=2)
    h.remove("U", "V", at_hour=3)
    h.fit("U", "W", at_hour=4)
    assert h.forward("V", **NOW) == named_map({"U": CERTAIN, "W": CERTAIN})
    assert h.backward("U", **NOW) == named_map({"V": CERTAIN, "W": CERTAIN})


def test_one_start_hides_nothing_behind_another() -> None:
    """Asked together, W still comes from V by way of U, though U holds V no longer."""
    h = History()
    h.fit("U", "V", at_hour=1)
    h.made(["W"], ["U"], at_hour=2)
    h.remove("U", "V", at_hour=3)
    assert h.backward("W", "U", **NOW) == named_map({"V": CERTAIN})


def test_a_later_copy_that_says_void_voids_nothing() -> None:
    """Only the first copy of an id counts: one that turns up later as a void is a conflict, not a void."""
    h = History()
    h.made(["M"], ["lot:CELL/A"], at_hour=1, event_id="x")
    h.fit("B", "M", at_hour=2, event_id="y")
    h.tell(ev.Voided(occurred_at=at(3), target="x", event_id="y"))
    assert h.forward("lot:CELL/A") == named_map({"M": CERTAIN, "B": CERTAIN})


def test_levels_from_a_container_and_from_a_class_count_its_contents_as_one() -> None:
    h = History()
    h.pack("box:1", "c", at_hour=1)
    h.made(["M"], ["c"], at_hour=2)
    h.pack("box:1", "c", at_hour=3)
    assert {n.item: n.level for n in h.trace(Way.FORWARD, "box:1").nodes} == {item("c"): 1, item("M"): 2}
    h.made(["N"], ["lot:CELL/A"], at_hour=4)
    levels = {n.item: n.level for n in h.trace(Way.FORWARD, "class:CELL").nodes}
    assert levels == {item("lot:CELL/A"): 1, item("N"): 2}


def test_level_counts_paths_that_the_mode_walks() -> None:
    """C is in U now by way of W only: two hops, though it once was in U itself."""
    h = History()
    h.fit("U", "C", at_hour=1)
    h.remove("U", "C", at_hour=2)
    h.fit("W", "C", at_hour=3)
    h.fit("U", "W", at_hour=4)
    found = {n.item: n for n in h.trace(Way.FORWARD, "C", **NOW).nodes}
    assert (found[item("U")].level, found[item("U")].came_from) == (2, (item("W"),))
    assert [link.source for link in found[item("U")].links] == [item("W")]


def test_a_lot_taken_through_one_box_stays_in_the_other() -> None:
    h = History()
    h.pack("box:1", q("lot:CELL/A", 5), at_hour=1)
    h.pack("box:2", q("lot:CELL/A", 5), at_hour=1)
    h.made(["M"], ["box:1"], at_hour=2)
    h.made(["N"], ["box:2"], at_hour=3)
    assert h.forward("lot:CELL/A") == named_map({"M": CERTAIN, "N": CERTAIN})


def test_what_left_the_box_during_a_long_taking_is_not_certain() -> None:
    """Out and in again while it lasted: it may have been out when the box was emptied into M."""
    h = History()
    h.pack("box:1", "c", "d", at_hour=1)
    h.unpack("box:1", "c", at_hour=3)
    h.pack("box:1", "c", at_hour=4)
    h.made(["M"], ["box:1"], at_hour=5, started_at=at(2))
    assert h.forward("c") == named_map({"M": "inferred"})
    assert h.forward("d") == named_map({"M": CERTAIN})


def test_an_inner_box_is_looked_into_all_the_while() -> None:
    h = History()
    h.pack("box:1", "box:2", at_hour=1)
    h.pack("box:2", "c", at_hour=3)
    h.unpack("box:2", "c", at_hour=4)
    h.made(["M"], ["box:1"], at_hour=5, started_at=at(2))
    assert h.forward("c") == named_map({"M": "inferred"})


def test_a_box_of_its_own_is_certain_though_it_was_empty_for_a_while() -> None:
    h = History()
    h.made(["sscc:P"], ["lot:CELL/L"], at_hour=1)
    h.pack("sscc:P", "c", at_hour=3)
    h.made(["Q"], ["sscc:P"], at_hour=4, started_at=at(2))
    assert h.forward("lot:CELL/L") == named_map({"sscc:P": CERTAIN, "Q": CERTAIN})


def test_what_was_fitted_in_the_instant_of_taking_all_out_stays() -> None:
    """All is taken out of a unit that held something: what is fitted at that same instant is the new content."""
    h = History()
    h.fit("U", "C", at_hour=1)
    h.remove("U", "C", at_hour=2)
    h.remove("U", at_hour=2)
    h.fit("U", "D", at_hour=2)
    assert h.forward("D", **NOW) == named_map({"U": CERTAIN})


def test_a_lot_used_up_during_a_backflush_is_possible() -> None:
    """Backflushed over a day: a lot that was there in the morning and gone in the evening may be what it used."""
    h = History()
    h.tell(ev.MaterialReceived(occurred_at=at(1), site="S", item=item("lot:M/1"), quantity=q("x", 5).quantity))
    used = ev.Input(item=item("lot:M/1"), quantity=q("x", 5).quantity)
    h.tell(ev.Transformed(occurred_at=at(9), site="S", inputs=(used,), outputs=(ev.Output(item=item("P")),)))
    backflush = ev.Input(item=item("class:M"), basis=ev.Basis.BACKFLUSHED)
    day = Moment.parse("2026-03-01Z")
    h.tell(ev.Transformed(occurred_at=day, site="S", inputs=(backflush,), outputs=(ev.Output(item=item("Q")),)))
    assert h.forward("lot:M/1") == named_map({"P": CERTAIN, "Q": "basis,class_level"})


def test_names_of_names_are_one_thing() -> None:
    """A is B and B is C: A and C are not two lots that could be mixed up."""
    h = History()
    for one, other in (("lot:M/A", "lot:M/B"), ("lot:M/B", "lot:M/C")):
        h.tell(ev.Identified(occurred_at=at(1), item=item(one), same_as=item(other)))
    h.made(["S/1", "S/2"], ["lot:M/A", "lot:M/C"], at_hour=2)
    assert h.forward("lot:M/A")[item("S/1")] == CERTAIN


def test_a_lot_is_told_by_rework_but_begins_with_the_unit() -> None:
    """Rework is not birth: a module of the lot that was fitted before its rework is certain."""
    h = History()
    h.tell(ev.Stored(occurred_at=at(1), items=(q("M"),)))
    h.fit("B", "M", at_hour=2)
    h.tell(ev.Reworked(occurred_at=at(3), item=item("M"), materials=(ev.Input(item=item("lot:GLUE/1")),)))
    h.tell(ev.Observed(occurred_at=at(4), items=(q("M"),)), printed=[("M", "lot:MOD/1")])
    h.made(["X"], ["M"], at_hour=2)
    assert h.forward("lot:MOD/1")[item("X")] == CERTAIN


def test_as_built_is_when_the_bike_left_with_the_module_in_it() -> None:
    """A cell swapped after the sale was in the module when the bike was sold: it is as built."""
    h = History()
    h.fit("M", "C", at_hour=1)
    h.fit("B", "M", at_hour=2)
    h.tell(ev.Sold(occurred_at=at(3), items=(q("B"),)))
    h.remove("M", "C", at_hour=4)
    h.fit("M", "D", at_hour=5)
    assert h.backward("B", mode=Mode.AS_BUILT) == named_map({"M": CERTAIN, "C": CERTAIN})


def test_what_is_used_without_its_box_was_loose() -> None:
    """Some of a lot is packed; a use that names no box takes from what stands loose, and contradicts nothing."""
    h = History()
    lot = item("lot:CELL/L")
    h.tell(ev.MaterialReceived(occurred_at=at(1), site="HOME", item=lot, quantity=q("x", 10).quantity))
    h.pack("box:1", q("lot:CELL/L", 4), at_hour=2, site="HOME")
    used = ev.Input(item=lot, quantity=q("x", 5).quantity)
    h.tell(ev.Transformed(occurred_at=at(3), site="HOME", inputs=(used,), outputs=(ev.Output(item=item("P")),)))
    state = h.state("lot:CELL/L")
    assert {w.container: w.quantity for w in state.where} == {None: 1, item("box:1"): 4}
    assert state.conflicts == ()


def test_touched_counts_from_when_the_chain_broke() -> None:
    """Touched counts from when the chain of parts broke, not from when its last part left."""
    h = History()
    h.fit("M", "C", at_hour=1)
    h.remove("M", "C", at_hour=3)
    h.fit("P", "M", at_hour=2)
    h.made(["lot:F/W"], ["P"], at_hour=4)
    assert h.forward("C") == named_map({"M": CERTAIN, "P": CERTAIN, "lot:F/W": "touched"})


def test_two_units_recorded_in_each_other_are_where_either_was_seen() -> None:
    """A contradiction, but not one that hides where the last event put them."""
    h = History()
    h.fit("U", "V", at_hour=1)
    h.fit("V", "U", at_hour=1)
    h.tell(ev.Stored(occurred_at=at(2), site="HERE", items=(q("U"),)))
    found = answer(states([item("U"), item("V")], at_us=us(3)), h.view().look_up)
    assert {i: s.site for i, s in found.items()} == {item("U"): "HERE", item("V"): "HERE"}


def test_a_part_in_two_units_at_once_is_a_conflict_both_ways() -> None:
    h = History()
    first, second = h.fit("A", "C", at_hour=1), h.fit("B", "C", at_hour=2)
    for way, name in ((Way.FORWARD, "C"), (Way.BACKWARD, "A")):
        (conflict,) = h.trace(way, name).conflicts
        assert (conflict.code, conflict.event_ids) == ("two_parents", tuple(sorted((first, second))))
        assert conflict.items == (item("C"), item("A"), item("B"))
    h.remove("A", "C", at_hour=2)
    assert h.trace(Way.FORWARD, "C").conflicts == []


@pytest.mark.parametrize("again", [False, True], ids=["one box in both", "packed again"])
def test_what_its_boxes_brought_into_two_units_is_a_conflict_both_ways(*, again: bool) -> None:
    """C itself is named by no fitting, and recorded in both."""
    h = History()
    h.pack("box:T", "C", at_hour=1)
    first = h.fit("A", "box:T", at_hour=2)
    if again:
        h.pack("box:S", "C", at_hour=3)
    second = h.fit("B", "box:S", at_hour=4) if again else h.fit("B", "box:T", at_hour=2)
    for way, name in ((Way.FORWARD, "C"), (Way.BACKWARD, "A"), (Way.BACKWARD, "B")):
        (conflict,) = h.trace(way, name).conflicts
        assert (conflict.code, conflict.event_ids) == ("two_parents", tuple(sorted((first, second))))
        assert conflict.items == (item("C"), item("A"), item("B"))


def test_a_lot_of_screws_in_many_units_is_no_conflict() -> None:
    """A lot may be in many at once; each two of its units would be one, millions of a lot in some thousands."""
    h = History()
    for unit in "ABC":
        h.fit(unit, "lot:L/1", at_hour=1)
    for way, name in ((Way.FORWARD, "lot:L/1"), (Way.BACKWARD, "A")):
        assert h.trace(way, name).conflicts == []


def test_of_a_unit_it_is_not_asked_where_else_its_lot_of_screws_went(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be in a hundred thousand units, and none of them is told."""
    asked: list[ItemId] = []
    out_of = Linker.out_of

    def counted(self: Linker, items: frozenset[ItemId]) -> Generator[Need, Found, Linked]:
        asked.extend(items)
        return out_of(self, items)

    monkeypatch.setattr(Linker, "out_of", counted)
    h = History()
    for unit in "ABC":
        h.fit(unit, "lot:L/1", "C/1", at_hour=1)
    assert len(h.trace(Way.BACKWARD, "A").conflicts) == 3  # C/1 is in each two of them
    assert asked == [item("C/1")]


def test_a_box_that_is_empty_now_is_traced_by_its_last_fill_alone() -> None:
    h = History()
    for serial, hour in (("C/1", 1), ("C/2", 3)):
        h.pack("box:T", serial, at_hour=hour)
        h.unpack("box:T", serial, at_hour=hour + 1)
    found = h.trace(Way.FORWARD, "box:T")
    assert [n.item for n in found.nodes] == [item("C/2")]
    assert {g.code: g.items for g in found.gaps} == {
        "last_fill": (item("box:T"), item("C/2")),
        "earlier_fills": (item("C/1"),),
    }


def test_a_release_that_names_another_unit_leaves_the_hold_on_this_one() -> None:
    h = History()
    h.tell(ev.Held(occurred_at=at(1), hold_id="H", items=(q("U/1"), q("U/2"))))
    h.tell(ev.HoldReleased(occurred_at=at(2), hold_id="H", items=(q("U/1"),)))
    assert (h.state("U/1").on_hold, h.state("U/2").on_hold) == (False, True)


def test_the_same_transformation_id_of_two_sources_is_two_transformations() -> None:
    """Unless it is a URI, which means one thing whoever says it."""
    for key, expected in (("7", {}), ("urn:order:7", named_map({"M": CERTAIN}))):
        h = History()
        used = (ev.Input(item=item("lot:CELL/A")),)
        h.tell(ev.Transformed(occurred_at=at(1), inputs=used, transformation_id=key), source="mes")
        made = (ev.Output(item=item("M")),)
        h.tell(ev.Transformed(occurred_at=at(2), outputs=made, transformation_id=key), source="wms")
        assert h.forward("lot:CELL/A") == expected


def test_seen_in_a_box_is_packed_in_it() -> None:
    h = History()
    h.pack("box:1", "c", at_hour=1, observed=True)
    assert h.state("c").container == item("box:1")
    h.made(["M"], ["box:1"], at_hour=2)
    assert h.forward("c") == named_map({"M": CERTAIN})


def test_no_upstream_where_nothing_says_whence_and_no_receipt_from_whom() -> None:
    h = History()
    h.fit("B", "M", at_hour=3)
    h.made(["M"], ["lot:CELL/A"], at_hour=2)
    h.fit("B", "LAMP", at_hour=3)
    h.tell(ev.MaterialReceived(occurred_at=at(1), item=item("lot:CELL/A")))
    (gap,) = h.trace(Way.BACKWARD, "B").gaps
    assert (gap.code, gap.items) == ("no_upstream", (item("LAMP"),))


def test_material_without_lot_may_be_of_a_lot_that_came_that_day() -> None:
    """A receipt on a date alone may have been before the use: found by the simulated factory."""
    h = History()
    glue = ev.Input(item=item("class:G"), basis=ev.Basis.BACKFLUSHED)
    h.tell(ev.MaterialReceived(occurred_at=Moment.parse("2026-03-01Z"), site="S", item=item("lot:G/1")))
    h.made(["U"], [glue], at_hour=8, site="S")
    assert h.forward("lot:G/1") == named(U="basis,class_level")
    h.made(["V"], [glue], at_hour=-1, site="S")
    assert h.forward("lot:G/1") == named(U="basis,class_level")


def test_material_without_lot_may_be_of_a_lot_that_is_just_being_made() -> None:
    h = History()
    glue = ev.Input(item=item("class:G"), basis=ev.Basis.BACKFLUSHED)
    h.made(["lot:G/1"], ["lot:IN/1"], at_hour=10, started_at=at(7), site="S")
    h.made(["U"], [glue], at_hour=8, site="S")
    assert h.forward("lot:G/1") == named(U="basis,class_level")


def test_some_of_a_lot_used_is_not_all_of_it() -> None:
    """A use without quantity says that some went, not that nothing is left; what is scrapped is gone."""
    h = History()
    glue = ev.Input(item=item("class:G"), basis=ev.Basis.BACKFLUSHED)
    hundred = {"quantity": Decimal(100), "uom": "KGM"}
    h.tell(ev.MaterialReceived(occurred_at=at(1), site="S", item=item("lot:G/1"), **hundred))
    h.fit("W", "lot:G/1", at_hour=3)
    h.made(["U"], [glue], at_hour=8, site="S")
    h.tell(ev.Scrapped(occurred_at=at(9), site="S", items=(q("lot:G/1"),)))
    h.made(["V"], [glue], at_hour=10, site="S")
    assert h.forward("lot:G/1") == named(W="certain", U="basis,class_level")


def test_packed_on_a_date_alone_it_may_have_been_in_the_box_at_any_time_of_it() -> None:
    """Found by the simulated factory: the tray was packed on a date, and used at an instant of that date."""
    h = History()
    h.tell(ev.Packed(occurred_at=Moment.parse("2026-03-01Z"), container=item("tray:T"), contents=(q("c"),)))
    h.made(["M"], ["tray:T"], at_hour=8)
    h.made(["N"], ["tray:T"], at_hour=30)
    assert h.forward("c") == named(M="inferred", N="inferred")
    assert h.backward("M")[item("c")] == "inferred"
    h.made(["O"], ["tray:T"], at_hour=-1)
    assert item("O") not in h.forward("c")


def test_what_may_have_been_in_a_box_already_does_not_leave_where_it_was() -> None:
    h = History()
    h.pack("box:1", "c", at_hour=1)
    h.tell(ev.Packed(occurred_at=Moment.parse("2026-03-01Z"), container=item("box:2"), contents=(q("c"),)))
    h.made(["M"], ["box:2"], at_hour=8)
    h.made(["N"], ["box:1"], at_hour=9)
    assert h.forward("c") == named(M="inferred", N="inferred")


def test_used_on_a_date_alone_a_box_is_not_surely_empty_after_it() -> None:
    """What was packed in it that day may have come after the use: it is in there for the next one, if only possibly."""
    h = History()
    h.pack("tray:T", "c", at_hour=20)
    used = (ev.Input(item=item("tray:T")),)
    h.tell(ev.Transformed(occurred_at=Moment.parse("2026-03-01Z"), inputs=used, outputs=(ev.Output(item=item("M")),)))
    h.made(["N"], ["tray:T"], at_hour=30)
    assert h.forward("c") == named(M="inferred", N="inferred")


def test_unpacked_on_a_date_alone_it_may_have_been_gone_before_the_use() -> None:
    h = History()
    h.pack("tray:T", "c", "d", at_hour=-5)
    h.tell(ev.Unpacked(occurred_at=Moment.parse("2026-03-01Z"), container=item("tray:T"), contents=(q("c"),)))
    h.made(["M"], ["tray:T"], at_hour=8)
    assert (h.forward("c"), h.forward("d")) == (named(M="inferred"), named(M=CERTAIN))


def test_a_held_box_holds_what_goes_by_another_name_or_belongs_to_the_lot_in_it() -> None:
    """Whatever else is asked about: a hold that reaches a lot reaches its other names and its units."""
    h = History()
    h.pack("box:1", "lot:A/1", at_hour=1)
    h.tell(ev.Identified(occurred_at=at(2), item=item("lot:A/2"), same_as=item("lot:A/1")))
    h.tell(ev.Commissioned(occurred_at=at(1), items=(ev.Output(item=item("U/1"), lot=item("lot:A/1")),)))
    h.tell(ev.Held(occurred_at=at(3), hold_id="H", items=(q("box:1"),)))
    for name in ("lot:A/1", "lot:A/2", "U/1"):
        assert h.state(name).holds == ("H",), name


LOT_BOX = "lot:B/1"
MAYBE = "inferred"


def test_a_lot_that_something_was_packed_in_stands_for_itself_and_possibly_for_that() -> None:
    """A shop labels its boxes with lot numbers: which of the boxes was used nobody knows, and none is empty by it."""
    h = History()
    h.pack(LOT_BOX, "U/2", at_hour=1)
    h.fit("U/1", LOT_BOX, at_hour=2)
    h.made(["M"], [LOT_BOX], at_hour=3)
    h.made(["N"], [LOT_BOX], at_hour=4)
    users = ("U/1", "M", "N")
    assert h.forward("U/2") == named_map(dict.fromkeys(users, MAYBE))
    assert h.forward(LOT_BOX) == named_map(dict.fromkeys(users, CERTAIN))
    for name in users:
        assert h.backward(name) == named_map({LOT_BOX: CERTAIN, "U/2": MAYBE}), name
    assert h.trace(Way.FORWARD, "U/2").conflicts == []


def test_what_is_in_a_lot_that_is_used_stands_where_it_stood() -> None:
    """Alone or asked about with others: the use of a lot says nothing sure of what is packed in it."""
    h = History()
    h.pack(LOT_BOX, "U/2", at_hour=1)
    h.fit("U/1", LOT_BOX, at_hour=2)
    h.made(["M"], [LOT_BOX], at_hour=3)
    everything = [item(name) for name in (LOT_BOX, "U/1", "U/2")]
    together = answer(states(everything, at_us=us(9)), h.view().look_up)
    assert together[item(LOT_BOX)] == h.state(LOT_BOX, at_hour=9)
    assert together[item("U/2")] == h.state("U/2", at_hour=9)
    assert together[item("U/2")].container == item(LOT_BOX)
    assert together[item("U/2")].status is None


def test_boxes_in_lots_and_lots_in_boxes_are_looked_into() -> None:
    h = History()
    h.pack("box:1", "c", at_hour=1)
    h.pack(LOT_BOX, "box:1", at_hour=1)
    h.pack("box:2", LOT_BOX, at_hour=2)
    h.made(["M"], ["box:2"], at_hour=3)
    assert h.forward("c") == named(M=MAYBE)
    assert h.backward("M") == named_map({"c": MAYBE, LOT_BOX: CERTAIN})
    assert set(h.forward("box:2")) == {item(LOT_BOX), item("c"), item("M")}


def test_what_was_unpacked_from_a_lot_before_its_use_did_not_go_in() -> None:
    h = History()
    h.pack(LOT_BOX, "c", "d", at_hour=1)
    h.unpack(LOT_BOX, "c", at_hour=2)
    h.made(["M"], [LOT_BOX], at_hour=3)
    h.pack(LOT_BOX, "e", at_hour=4)
    assert [h.forward(name) for name in "cde"] == [{}, named(M=MAYBE), {}]
    assert h.backward("M") == named_map({LOT_BOX: CERTAIN, "d": MAYBE})


def test_what_is_packed_in_a_class_possibly_went_where_the_class_did() -> None:
    h = History()
    h.pack("class:B", "c", at_hour=1)
    h.made(["M"], ["class:B"], at_hour=2)
    assert h.forward("c") == named(M=MAYBE)
    assert h.backward("M") == named_map({"class:B": CERTAIN, "c": MAYBE})


def test_lots_that_are_all_in_one_another_are_looked_into_once() -> None:
    """Of each of twenty lots in the others there are more ways into it than can be counted."""
    h = History()
    lots = [f"lot:A/{n}" for n in range(20)]
    for lot in lots:
        h.pack(lot, *(other for other in lots if other != lot), at_hour=1)
    h.pack(lots[-1], "c", at_hour=1)
    h.made(["M"], [lots[0]], at_hour=2)
    assert h.forward("c") == named(M=MAYBE)
    assert h.backward("M") == named_map({lots[0]: CERTAIN, **dict.fromkeys([*lots[1:], "c"], MAYBE)})
