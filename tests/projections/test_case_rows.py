"""What is done in cases is rows: the acts, and the members they list."""

import asyncpg

from domain.cases.acts import Approved, ChangedMember, Member, SetFrozen, Stood, UnitsChanged
from domain.events import CaseRecorded
from domain.events.casework import act_id, chunk_id
from tests.domain.telling import History, at, item
from tests.projections.viewing import given


def member(name: str, **more: object) -> Member:
    return Member(item=item(name), kind="unit", level=1, certainty="certain", **more)  # type: ignore[arg-type]


def turned(name: str) -> ChangedMember:
    was = Stood(level=1, certainty="certain", reasons=())
    return ChangedMember(
        item=item(name), kind="unit", level=1, certainty="possible", reasons=("several_inputs",), was=was
    )


async def test_an_act_is_one_row_and_what_it_lists_are_others(empty_views: asyncpg.Pool) -> None:
    h = History()
    h.made(["M/1"], [], at_hour=1)
    acts = (
        (act_id("RC", 3), Approved(freeze=1), 3),
        (
            chunk_id("RC", "frozen", number=1, chunk=0),
            SetFrozen(freeze=1, chunk=0, members=(member("M/1", top=True),)),
            None,
        ),
        (
            chunk_id("RC", "delta", number=2, chunk=5),
            UnitsChanged(
                evaluation=2, chunk=5, added=(member("M/2"),), withdrawn=(member("M/1"),), changed=(turned("M/3"),)
            ),
            None,
        ),
    )
    for event_id, act, sequence in acts:
        recorded = CaseRecorded(
            occurred_at=at(9),
            event_id=event_id,
            case_id="RC",
            case_type="recall",
            sequence=sequence,
            actor="wang",
            act=act,
        )
        h.tell(recorded)
    tables = await given(empty_views, h).when_delivered()
    told = [(r["act"], r["sequence"], r["actor"], r["body"]) for r in tables["case_acts"]]
    assert sorted(told, key=str) == [
        ("approved", 3, "wang", {"act": "approved", "freeze": 1}),
        ("set_frozen", None, "wang", {"act": "set_frozen", "freeze": 1, "chunk": 0}),
        ("units_changed", None, "wang", {"act": "units_changed", "evaluation": 2, "chunk": 5}),
    ]
    listed = {(r["change"], r["number"], r["chunk"], r["line"], r["item_no"], r["top"]) for r in tables["case_members"]}
    assert listed == {
        ("frozen", 1, 0, 0, item("M/1"), True),
        ("added", 2, 5, 0, item("M/2"), False),
        ("withdrawn", 2, 5, 0, item("M/1"), False),
        ("changed", 2, 5, 0, item("M/3"), False),
    }
    assert {r["item_no"]: r["reasons"] for r in tables["case_members"]}[item("M/3")] == ["several_inputs"]
    # Nothing happened to the items: a drill adds nothing to a unit's timeline.
    assert not [r for r in tables["event_items"] if r["item_no"] == item("M/2")]
