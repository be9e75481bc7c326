"""What is made while something is mounted derives from it: the worked examples of docs/semantics.md, Line loading."""

from decimal import Decimal

import pytest

from domain import events as ev
from domain.genealogy import Way
from domain.moments import Moment
from tests.domain.telling import History, at, both_ways, item, named_map

CERTAIN = "certain"
ON_P1 = ev.Circumstances(equipment=("P1",))


def mount(h: History, what: str, hour: float, *, slot: str = "F1", **more: object) -> str:
    on = {"equipment": "P1", **more}
    return h.tell(ev.Mounted(occurred_at=at(hour), item=item(what), position=slot, **on))


def unmount(h: History, what: str | None, hour: float, *, slot: str = "F1", **more: object) -> str:
    named = item(what) if what else None
    return h.tell(ev.Unmounted(occurred_at=at(hour), item=named, equipment="P1", position=slot, **more))


def board(h: History, serial: str, hour: float, *, started: float | None = None, of: tuple[str, ...] = ()) -> str:
    inputs = tuple(ev.Input(item=item(i)) for i in of)
    start = at(started) if started is not None else None
    outputs = (ev.Output(item=item(f"BOARD/{serial}")),)
    return h.tell(
        ev.Transformed(occurred_at=at(hour), started_at=start, inputs=inputs, outputs=outputs, circumstances=ON_P1)
    )


@pytest.mark.parametrize("late", [False, True])
def test_what_is_made_while_a_reel_is_mounted_derives_from_it(late: bool) -> None:
    h = History()
    if late:
        board(h, "1", 9)
    mount(h, "lot:CAP/R", 8)
    unmount(h, "lot:CAP/R", 12)
    if not late:
        board(h, "1", 9)
    board(h, "2", 13)
    board(h, "3", 12.1, started=11.9)
    board(h, "0", 7)
    assert both_ways(h, "lot:CAP/R") == named_map({"BOARD/1": CERTAIN, "BOARD/3": "edge"})
    assert h.backward("BOARD/1") == named_map({"lot:CAP/R": CERTAIN})


def test_a_mount_never_ended_lasts_until_the_next_at_its_position() -> None:
    h = History()
    mount(h, "lot:CAP/R", 8)
    mount(h, "lot:RES/T", 9, slot="F2")
    mount(h, "lot:CAP/S", 10)
    for serial, hour in (("1", 9), ("2", 10), ("3", 11)):
        board(h, serial, hour)
    assert both_ways(h, "lot:CAP/R") == named_map({"BOARD/1": CERTAIN, "BOARD/2": "edge"})
    assert both_ways(h, "lot:CAP/S") == named_map({"BOARD/2": "edge", "BOARD/3": CERTAIN})
    assert both_ways(h, "lot:RES/T") == named_map({"BOARD/1": "edge", "BOARD/2": CERTAIN, "BOARD/3": CERTAIN})


def test_a_splice_is_in_doubt_for_its_units_on_both_sides() -> None:
    h = History()
    mount(h, "lot:CAP/R", 8)
    mount(h, "lot:CAP/S", 10, spliced=True, doubt_units=2)
    for n in range(20):
        board(h, str(n), 9.05 + n / 10)
    r, s = both_ways(h, "lot:CAP/R"), both_ways(h, "lot:CAP/S")
    doubtful = {item(f"BOARD/{n}"): "edge" for n in (8, 9, 10, 11)}
    assert r == {item(f"BOARD/{n}"): CERTAIN for n in range(8)} | doubtful
    assert s == {item(f"BOARD/{n}"): CERTAIN for n in range(12, 20)} | doubtful


def test_a_doubt_counts_the_units_of_lots_and_a_lot_without_quantity_as_one() -> None:
    h = History()
    mount(h, "lot:CAP/R", 8)
    mount(h, "lot:CAP/S", 10, doubt_units=5)
    for n, amount in enumerate((3, None, 4, 1)):
        made = ev.Output(item=item(f"lot:PANEL/{n}"), quantity=Decimal(amount) if amount else None)
        h.tell(ev.Transformed(occurred_at=at(11 + n), outputs=(made,), circumstances=ON_P1))
    assert both_ways(h, "lot:CAP/R") == named_map(dict.fromkeys(("lot:PANEL/0", "lot:PANEL/1", "lot:PANEL/2"), "edge"))
    assert both_ways(h, "lot:CAP/S")[item("lot:PANEL/3")] == CERTAIN


def test_an_unmount_without_mount_tells_of_one_and_both_stand() -> None:
    h = History()
    mount(h, "lot:CAP/S", 8)
    board(h, "1", 9)
    unmount(h, "lot:CAP/R", 12)
    board(h, "2", 13)
    assert both_ways(h, "lot:CAP/R") == named_map({"BOARD/1": "inferred"})
    assert both_ways(h, "lot:CAP/S") == named_map({"BOARD/1": "edge", "BOARD/2": "edge"})
    found = h.trace(Way.BACKWARD, "BOARD/1")
    assert [(c.code, set(c.items)) for c in found.conflicts] == [
        ("two_at_position", {item("lot:CAP/R"), item("lot:CAP/S")})
    ]
    assert not h.trace(Way.BACKWARD, "BOARD/2").conflicts


def test_an_unmount_without_any_sign_before_it_reaches_back_for_ever() -> None:
    h = History()
    board(h, "1", 1)
    unmount(h, "lot:CAP/R", 12)
    assert both_ways(h, "lot:CAP/R") == named_map({"BOARD/1": "inferred"})


def test_two_reels_mounted_at_one_instant_both_stand() -> None:
    h = History()
    mount(h, "lot:CAP/R", 8)
    mount(h, "lot:CAP/S", 8)
    board(h, "1", 9)
    for reel in ("lot:CAP/R", "lot:CAP/S"):
        assert both_ways(h, reel) == named_map({"BOARD/1": "edge"})
    assert [c.code for c in h.trace(Way.FORWARD, "lot:CAP/R").conflicts] == ["two_at_position"]


def test_a_date_alone_is_the_whole_day() -> None:
    h = History()
    day = Moment.parse("2026-03-01Z")
    for reel in ("R", "S"):
        h.tell(ev.Mounted(occurred_at=day, item=item(f"lot:CAP/{reel}"), equipment="P1", position="F1"))
    board(h, "1", 9)
    board(h, "2", 30)
    for reel in ("lot:CAP/R", "lot:CAP/S"):
        assert both_ways(h, reel) == named_map({"BOARD/1": "edge", "BOARD/2": "edge"})
    h.tell(ev.Unmounted(occurred_at=Moment.parse("2026-03-03Z"), equipment="P1", position="F1"))
    board(h, "3", 24 * 2 + 9)
    board(h, "4", 24 * 3 + 9)
    assert both_ways(h, "lot:CAP/R") == named_map(dict.fromkeys(("BOARD/1", "BOARD/2", "BOARD/3"), "edge"))


def test_an_unmount_of_that_day_does_not_end_what_was_mounted_on_it() -> None:
    h = History()
    mount(h, "lot:CAP/R", -20)
    h.tell(ev.Unmounted(occurred_at=Moment.parse("2026-03-01Z"), equipment="P1", position="F1"))
    mount(h, "lot:CAP/S", 9)
    board(h, "1", 30)
    assert both_ways(h, "lot:CAP/S") == named_map({"BOARD/1": "edge"})


def test_two_positions_with_one_material_may_both_have_given_it() -> None:
    h = History()
    mount(h, "lot:CAP/R", 8)
    mount(h, "lot:CAP/S", 8, slot="F2")
    mount(h, "lot:RES/T", 8, slot="F3")
    board(h, "1", 9)
    assert both_ways(h, "lot:CAP/R") == named_map({"BOARD/1": "several_inputs"})
    assert both_ways(h, "lot:RES/T") == named_map({"BOARD/1": CERTAIN})
    board(h, "2", 10, of=("lot:RES/Q",))
    assert both_ways(h, "lot:RES/T")[item("BOARD/2")] == "several_inputs"


def test_one_lot_on_two_reels_is_certain_across_the_change() -> None:
    h = History()
    mount(h, "lot:CAP/R", 8)
    mount(h, "lot:CAP/R", 10)
    board(h, "1", 10)
    assert both_ways(h, "lot:CAP/R") == named_map({"BOARD/1": CERTAIN})


def test_a_reel_mounted_elsewhere_and_not_taken_off_here_is_in_doubt_here() -> None:
    h = History()
    mount(h, "CAP/reel-1", 8)
    board(h, "1", 9)
    assert both_ways(h, "CAP/reel-1") == named_map({"BOARD/1": CERTAIN})
    mount(h, "CAP/reel-1", 12, equipment="P2", slot="F9")
    assert both_ways(h, "CAP/reel-1") == named_map({"BOARD/1": "inferred"})
    unmount(h, "CAP/reel-1", 11)
    assert both_ways(h, "CAP/reel-1") == named_map({"BOARD/1": CERTAIN})


def test_a_voided_mount_never_was_and_a_pending_end_leaves_doubt() -> None:
    h = History()
    mount(h, "lot:CAP/R", 8)
    wrong = mount(h, "lot:CAP/S", 9)
    board(h, "1", 10)
    h.tell(ev.Voided(occurred_at=at(20), target=wrong, replaced_by=("never",)))
    assert both_ways(h, "lot:CAP/R") == named_map({"BOARD/1": "edge,replacement_pending"})
    assert both_ways(h, "lot:CAP/S") == named_map({"BOARD/1": "replacement_pending"})
    h.tell(ev.Voided(occurred_at=at(20), target=wrong))
    assert both_ways(h, "lot:CAP/R") == named_map({"BOARD/1": CERTAIN})
    assert both_ways(h, "lot:CAP/S") == {}


def test_a_tray_stands_for_what_it_held_when_it_was_mounted() -> None:
    h = History()
    h.pack("tray:T", "CHIP/1", at_hour=6)
    mount(h, "tray:T", 8)
    h.pack("tray:T", "CHIP/2", at_hour=10)
    board(h, "1", 11)
    assert both_ways(h, "CHIP/1") == named_map({"BOARD/1": CERTAIN})
    assert h.forward("CHIP/2") == {}


def test_line_commissioning_and_assembly_are_makings() -> None:
    h = History()
    mount(h, "lot:CAP/R", 8, equipment="LINE-1")
    on_line = ev.Circumstances(line="LINE-1")
    h.tell(ev.Commissioned(occurred_at=at(9), items=(ev.Output(item=item("B/1")),), circumstances=on_line))
    h.fit("B/2", "C/1", at_hour=9, circumstances=on_line)
    h.remove("B/3", "C/1", at_hour=9.5, circumstances=on_line)
    assert both_ways(h, "lot:CAP/R") == named_map({"B/1": CERTAIN, "B/2": CERTAIN})


def test_a_supplier_lot_reaches_the_boards_through_its_reel() -> None:
    h = History()
    h.made(["CAP/reel-1"], ["lot:CAP/supplied"], at_hour=7)
    mount(h, "CAP/reel-1", 8)
    board(h, "1", 9)
    h.fit("RADIO/1", "BOARD/1", at_hour=10)
    assert h.forward("lot:CAP/supplied") == named_map(dict.fromkeys(("CAP/reel-1", "BOARD/1", "RADIO/1"), CERTAIN))
