"""Relabelled things: the worked examples of docs/semantics.md 'Identity over time'."""

import pytest

from domain import events as ev
from domain.genealogy import Mode, Way
from tests.domain.telling import History, at, item, named, named_map, q


def relabel(h: History, old: str, new: str, *, at_hour: float) -> str:
    return h.tell(ev.Reidentified(occurred_at=at(at_hour), old_id=item(old), new_id=item(new)))


def test_what_a_thing_became_is_reached_and_its_old_id_too() -> None:
    h = History()
    h.made(["A"], of=["lot:C/9"], at_hour=1)
    relabel(h, "A", "B", at_hour=2)
    h.tell(ev.Sold(occurred_at=at(3), items=(q("B"),), holder="h-1"))
    assert h.forward("lot:C/9") == named(A="certain", B="certain")
    assert h.backward("B") == named_map({"A": "certain", "lot:C/9": "certain"})
    assert h.backward("A") == named_map({"B": "certain", "lot:C/9": "certain"})
    old, new = h.state("A"), h.state("B")
    assert (old.status, old.holder, old.goes_by, old.ids) == ("sold", "h-1", item("B"), (item("A"), item("B")))
    assert (new.status, new.event_count) == (old.status, old.event_count) == ("sold", 3)
    assert h.state("B", at_hour=1.5).goes_by == item("A")


def test_a_box_relabelled_while_full_keeps_its_contents() -> None:
    h = History()
    h.pack("box:O", "C", at_hour=1)
    relabel(h, "box:O", "box:N", at_hour=2)
    h.made(["Q"], of=["box:N"], at_hour=3)
    assert h.forward("C") == named(Q="certain")
    assert h.backward("Q") == named(C="certain")


def test_a_part_taken_out_under_the_new_id_had_gone_in_under_the_old() -> None:
    h = History()
    h.fit("U", "P", at_hour=1)
    relabel(h, "P", "P2", at_hour=2)
    relabel(h, "U", "U2", at_hour=2)
    h.remove("U2", "P2", at_hour=3)
    assert h.state("P").status == "in_stock"
    assert h.trace(Way.FORWARD, "P", mode=Mode.AS_MAINTAINED, at_hour=4).nodes[0].item == item("P2")
    assert item("U") not in h.forward("P", mode=Mode.AS_MAINTAINED, at_hour=4)


def test_holds_and_recalls_follow() -> None:
    h = History()
    relabel(h, "A", "B", at_hour=1)
    h.tell(ev.Held(occurred_at=at(2), hold_id="H", items=(q("A"),)))
    h.tell(ev.RecallDeclared(occurred_at=at(2), recall_id="R", items=(q("B"),)))
    for name in ("A", "B"):
        assert (h.state(name).holds, h.state(name).recalls) == (("H",), ("R",))


def test_a_chain_is_one_thing_in_whatever_order_it_was_told() -> None:
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        h = History()
        steps = [("A", "B", 1), ("B", "C", 2), ("C", "D", 3)]
        for i in order:
            relabel(h, steps[i][0], steps[i][1], at_hour=steps[i][2])
        assert h.state("A").goes_by == item("D")
        assert h.state("A").ids == h.state("D").ids == tuple(item(x) for x in "ABCD")
        assert h.state("A", at_hour=2.5).goes_by == item("C")
        assert h.state("A").conflicts == ()


def test_a_label_put_back_is_no_conflict() -> None:
    h = History()
    relabel(h, "A", "B", at_hour=3)
    relabel(h, "B", "A", at_hour=5)
    assert (h.state("A").goes_by, h.state("B").goes_by, h.state("A").conflicts) == (item("A"), item("A"), ())
    assert h.state("A", at_hour=4).goes_by == item("B")


@pytest.mark.parametrize("pairs", [[("A", "N"), ("B", "N")], [("N", "A"), ("N", "B")]])
def test_one_id_for_two_things_is_a_conflict_that_names_both(pairs: list[tuple[str, str]]) -> None:
    h = History()
    first, second = (relabel(h, old, new, at_hour=2 + i) for i, (old, new) in enumerate(pairs))
    h.made(["A"], of=["lot:C/9"], at_hour=1)
    [conflict] = h.state("A").conflicts
    assert (conflict.code, conflict.event_ids) == ("reidentified_twice", (first, second))
    assert h.forward("lot:C/9") == dict.fromkeys((item("A"), item("B"), item("N")), "identity_conflict")
    assert h.forward("A") == dict.fromkeys((item("B"), item("N")), "identity_conflict")


def test_a_relabelling_whose_replacement_is_still_to_come_leaves_doubt_and_loses_nothing() -> None:
    h = History()
    h.pack("box:O", "C", at_hour=1)
    told = relabel(h, "box:O", "box:N", at_hour=2)
    h.made(["Q"], of=["box:N"], at_hour=3)
    h.tell(ev.Voided(occurred_at=at(4), target=told, replaced_by=("later",)))
    assert h.forward("C") == named(Q="replacement_pending")
    h.tell(ev.Observed(occurred_at=at(5), event_id="later", items=(q("X"),)))
    assert h.forward("C") == {}
    assert h.state("box:O").ids == (item("box:O"),)


def test_a_second_commissioning_names_both_events() -> None:
    h = History()
    events = [h.tell(ev.Commissioned(occurred_at=at(hour), items=(ev.Output(item=item("S")),))) for hour in (1, 2)]
    [conflict] = h.state("S").conflicts
    assert (conflict.code, conflict.event_ids, conflict.items) == ("commissioned_twice", tuple(events), (item("S"),))


def test_the_new_label_may_be_commissioned_too() -> None:
    h = History()
    for hour, serial in ((1, "A"), (2, "B")):
        h.tell(ev.Commissioned(occurred_at=at(hour), items=(ev.Output(item=item(serial)),)))
    relabel(h, "A", "B", at_hour=2)
    assert h.state("A").conflicts == ()


@pytest.mark.parametrize(("old", "new"), [("A", "A"), ("A", "lot:C/1"), ("class:A", "class:B")])
def test_what_is_no_relabelling_is_refused(old: str, new: str) -> None:
    with pytest.raises(ValueError, match="new_id"):
        ev.Reidentified(occurred_at=at(1), old_id=item(old), new_id=item(new))
