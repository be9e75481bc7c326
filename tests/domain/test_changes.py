"""With an engineering change or without it: docs/semantics.md, 'Circumstances', Changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from domain import events as ev
from domain.changes import BreakIn, Made, makings, seeds_of
from domain.flatten import facts_of
from domain.happened import Happened
from domain.ids import ItemId
from domain.moments import Moment
from domain.serials import counts_from
from tests.domain.telling import History, at, item

CERTAIN = "certain"
P = item("class:P")


def break_in(h: History, **where: Any) -> BreakIn:
    event = ev.ChangeEffective(occurred_at=at(1), change="ECO", product=P, **where)
    h.tell(event)
    facts = facts_of(h.log[-1][1])
    return BreakIn(event=Happened(len(h.log), facts), product=P, **where)


def sides(  # noqa: PLR0917
    h: History, changes: Sequence[BreakIn], names: Sequence[str], lots_of: dict[ItemId, set[ItemId]] | None = None
) -> list[dict[str, str]]:
    """Which of the items have the change, and which have not."""
    items = [item(n) for n in names]
    events = [(Happened(no, f), f.mentions) for no, (_, e) in enumerate(h.log) for f in [facts_of(e)]]
    made = makings(set(items), events)
    short = dict(zip(items, names, strict=True))
    return [
        {
            short[s.item]: ",".join(sorted(s.reasons)) or CERTAIN
            for s in seeds_of(changes, items, made, lots_of=lots_of or {}, without=without)
        }
        for without in (False, True)
    ]


@pytest.mark.parametrize(
    ("serial", "first", "expected"),
    [
        ("A10", "A9", True),
        ("A9", "A10", False),
        ("A9", "A9", True),
        ("B9", "A10", None),
        ("X-1", "Y2", None),
        ("LFP0A", "LFP09", True),
        ("1M8GDM9AXKP042788", "1M8GDM9A1KP042789", False),
    ],
)
def test_serials_count(serial: str, first: str, expected: bool | None) -> None:
    assert counts_from(serial, first) is expected


def test_from_a_serial() -> None:
    h = History()
    change = break_in(h, from_serial="100")
    assert sides(h, [change], ["P/99", "P/100", "P/1000", "P/old", "lot:P/1"]) == [
        {"P/100": CERTAIN, "P/1000": CERTAIN, "P/old": "inferred"},
        {"P/99": CERTAIN, "P/old": "inferred"},
    ]


def test_from_a_lot() -> None:
    """C9: what overlaps the making of the first lot is possible either way, so is what nobody says when it was made."""
    h = History()
    h.made(["lot:P/L"], at_hour=5, started_at=at(3))
    h.made(["lot:P/before"], at_hour=2)
    h.made(["lot:P/over"], at_hour=6, started_at=at(4))
    h.made(["lot:P/after"], at_hour=7)
    h.made(["P/late"], at_hour=8)
    change = break_in(h, from_lot=item("lot:P/L"))
    names = ["lot:P/L", "lot:P/before", "lot:P/over", "lot:P/after", "lot:P/bought", "P/late", "P/of-before"]
    lots_of = {item("P/of-before"): {item("lot:P/before")}}
    assert sides(h, [change], names, lots_of) == [
        {
            "lot:P/L": CERTAIN,
            "lot:P/over": "edge",
            "lot:P/after": CERTAIN,
            "lot:P/bought": "edge",
            "P/late": CERTAIN,
        },
        {"lot:P/before": CERTAIN, "lot:P/over": "edge", "lot:P/bought": "edge", "P/of-before": CERTAIN},
    ]


def test_from_a_date_alone() -> None:
    h = History()
    for name, hour in (("before", -1), ("that day", 9), ("after", 25)):
        h.made([f"P/{name}"], at_hour=hour)
    h.tell(
        ev.OutputReported(occurred_at=at(30), site="S", order="7", outputs=(ev.Output(item=item("P/booked")),))  # type: ignore[arg-type]
    )
    h.tell(ev.Reworked(occurred_at=at(40), item=item("P/before"), materials=(ev.Input(item=item("lot:G/1")),)))
    change = break_in(h, from_time=Moment.parse("2026-03-01Z"))
    assert sides(h, [change], ["P/before", "P/that day", "P/after", "P/booked"]) == [
        {"P/that day": "edge", "P/after": CERTAIN, "P/booked": "booked_later"},
        {"P/before": CERTAIN, "P/that day": "edge", "P/booked": "booked_later"},
    ]


def test_two_break_ins_that_differ() -> None:
    h = History()
    changes = [break_in(h, from_serial="100"), break_in(h, from_serial="200")]
    assert sides(h, changes, ["P/99", "P/150", "P/250"]) == [
        {"P/150": "edge", "P/250": CERTAIN},
        {"P/99": CERTAIN, "P/150": "edge"},
    ]


def test_made_first_counts() -> None:
    h = History()
    h.made(["P/1"], at_hour=5)
    h.made(["P/1"], at_hour=3)
    facts = [(Happened(no, f), f.mentions) for no, (_, e) in enumerate(h.log) for f in [facts_of(e)]]
    first = facts[1][0].facts
    assert makings({item("P/1")}, facts) == {item("P/1"): Made(first.begins_us, first.latest_us)}


def test_a_break_in_that_may_yet_be_void_tells_nothing_for_sure() -> None:
    h = History()
    change = replace(break_in(h, from_serial="100"), event=Happened(1, facts_of(h.log[-1][1]), True))
    doubt = dict.fromkeys(("P/99", "P/100"), "replacement_pending")
    assert sides(h, [change], ["P/99", "P/100"]) == [doubt, doubt]
