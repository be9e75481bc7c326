"""Alerts are raised in the transaction that brings the event, and cost nothing where nothing is watched."""

from typing import Any

import asyncpg
import pytest

from domain import events as ev
from domain.cases.acts import AnyAct, Approved, ChangedMember, Closed, Member, Opened, SetFrozen, Stood, UnitsChanged
from domain.events import CaseRecorded
from domain.events.casework import act_id, chunk_id
from tests.domain.telling import History, at, item, q
from tests.projections.viewing import given

Alert = tuple[str, str, str, bool]


def member(name: str, **more: Any) -> Member:
    return Member(**{"item": item(name), "kind": "unit", "level": 1, "certainty": "certain", "top": True, **more})


class Case:
    """A recall told in acts."""

    def __init__(self, h: History, case_id: str = "RC") -> None:
        self.h, self.case_id, self.sequence = h, case_id, 0

    def act(self, act: AnyAct, *, at_hour: float, chunk: str | None = None, partition: int = 0) -> None:
        if chunk is None:
            self.sequence += 1
        self.h.tell(
            CaseRecorded(
                occurred_at=at(at_hour),
                event_id=chunk or act_id(self.case_id, self.sequence),
                case_id=self.case_id,
                case_type="recall",
                sequence=self.sequence if chunk is None else None,
                actor="wang",
                act=act,
            ),
            partition=partition,
        )

    def approved(self, *members: str, at_hour: float, mode: str = "live", partition: int = 0) -> None:
        self.act(Opened(mode=mode, title="t"), at_hour=at_hour)  # type: ignore[arg-type]
        frozen = SetFrozen(freeze=1, chunk=0, members=tuple(member(m) for m in members))
        name = chunk_id(self.case_id, "frozen", number=1, chunk=0)
        self.act(frozen, at_hour=at_hour, chunk=name, partition=partition)
        self.act(Approved(freeze=1), at_hour=at_hour, partition=partition)


def sold(h: History, name: str, *, at_hour: float, **more: Any) -> str:
    event = ev.Sold(occurred_at=at(at_hour), items=(q(name),), **more)
    return h.tell(event)


def shipped(h: History, name: str, *, at_hour: float) -> str:
    return h.tell(ev.Shipped(occurred_at=at(at_hour), items=(q(name),)))


def alerts(tables: dict[str, list[dict[str, Any]]]) -> list[Alert]:
    return sorted((r["case_id"], r["item_no"], r["alert"], r["late"]) for r in tables["case_alerts"])


async def test_what_happens_to_a_held_unit_is_told_with_the_event_itself(empty_views: asyncpg.Pool) -> None:
    h = History()
    Case(h).approved("B/1", "B/2", "B/3", at_hour=5)
    sold(h, "B/1", at_hour=6)
    h.fit("V/1", "B/2", at_hour=7)
    h.made(["X/1"], of=["B/3"], at_hour=8)
    shipped(h, "B/9", at_hour=8)  # not affected
    tables = await given(empty_views, h).when_delivered(1)
    assert alerts(tables) == [
        ("RC", item("B/1"), "sold", False),
        ("RC", item("B/2"), "installed", False),
        ("RC", item("B/3"), "used", False),
    ]
    assert sorted(r["noticed_no"] for r in tables["case_alerts"]) == [1, 2, 3]


async def test_coming_back_going_nowhere_and_being_scrapped_are_no_alerts(empty_views: asyncpg.Pool) -> None:
    h = History()
    Case(h).approved("B/1", at_hour=5)
    for kind in (ev.Returned, ev.Received, ev.Scrapped, ev.Stored):
        h.tell(kind(occurred_at=at(6), items=(q("B/1"),)))
    h.remove("V/1", "B/1", at_hour=6)
    assert alerts(await given(empty_views, h).when_delivered()) == []


async def test_what_was_before_is_known_and_what_is_told_late_is_an_alert(empty_views: asyncpg.Pool) -> None:
    h = History()
    sold(h, "B/1", at_hour=3)
    Case(h).approved("B/1", "B/2", at_hour=5)
    sold(h, "B/2", at_hour=4)  # it happened before, and nobody knew when the recall was approved
    assert alerts(await given(empty_views, h).when_delivered()) == [("RC", item("B/2"), "sold", True)]


@pytest.mark.parametrize("mode", ["mock", "draft"])
async def test_an_exercise_raises_none(empty_views: asyncpg.Pool, mode: str) -> None:
    h = History()
    Case(h).approved("B/1", at_hour=5, mode=mode)
    sold(h, "B/1", at_hour=6)
    assert alerts(await given(empty_views, h).when_delivered(1)) == []


async def test_a_recall_that_is_closed_raises_none_and_one_not_approved_neither(empty_views: asyncpg.Pool) -> None:
    h = History()
    done, begun = Case(h, "DONE"), Case(h, "BEGUN")
    done.approved("B/1", at_hour=5)
    done.act(Closed(), at_hour=6)
    begun.act(Opened(mode="live", title="t"), at_hour=5)
    name = chunk_id("BEGUN", "frozen", number=1, chunk=0)
    begun.act(SetFrozen(freeze=1, chunk=0, members=(member("B/1"),)), at_hour=5, chunk=name)
    sold(h, "B/1", at_hour=7)
    assert alerts(await given(empty_views, h).when_delivered(1)) == []


async def test_units_that_come_to_the_set_are_told_once_those_a_regulator_counts(empty_views: asyncpg.Pool) -> None:
    h = History()
    case = Case(h)
    case.approved("B/1", at_hour=5)
    added = (member("B/2"), member("M/1", top=False), member("S/1", top=False, loose_spare=True))
    name = chunk_id("RC", "delta", number=1, chunk=0)
    case.act(UnitsChanged(evaluation=1, chunk=0, added=added), at_hour=6, chunk=name)
    sold(h, "B/2", at_hour=7)
    assert alerts(await given(empty_views, h).when_delivered(1, times=3)) == [
        ("RC", item("B/2"), "sold", False),
        ("RC", item("B/2"), "unit_added", False),
        ("RC", item("S/1"), "unit_added", False),
    ]


def turned(name: str, *, certain: bool, was_certain: bool, top: bool = True) -> ChangedMember:
    was = Stood(level=1, certainty="certain" if was_certain else "possible", reasons=())
    return ChangedMember(
        item=item(name), kind="unit", level=2, certainty="certain" if certain else "possible", top=top, was=was
    )


async def test_a_unit_that_becomes_certain_is_told_and_one_that_becomes_possible_is_not(
    empty_views: asyncpg.Pool,
) -> None:
    h = History()
    case = Case(h)
    case.approved("B/1", at_hour=5)
    changed = (
        turned("B/1", certain=True, was_certain=False),
        turned("B/2", certain=False, was_certain=True),
        turned("B/3", certain=True, was_certain=True),
        turned("M/1", certain=True, was_certain=False, top=False),
    )
    name = chunk_id("RC", "delta", number=1, chunk=0)
    case.act(UnitsChanged(evaluation=1, chunk=0, changed=changed), at_hour=6, chunk=name)
    assert alerts(await given(empty_views, h).when_delivered(1, times=3)) == [
        ("RC", item("B/1"), "unit_certain", False)
    ]


async def test_units_that_come_to_the_set_of_an_exercise_are_told_in_its_delta_alone(empty_views: asyncpg.Pool) -> None:
    h = History()
    case = Case(h)
    case.approved("B/1", at_hour=5, mode="mock")
    name = chunk_id("RC", "delta", number=1, chunk=0)
    case.act(UnitsChanged(evaluation=1, chunk=0, added=(member("B/2"),)), at_hour=6, chunk=name)
    assert alerts(await given(empty_views, h).when_delivered(1)) == []


async def watch_box(pool: asyncpg.Pool, name: str) -> None:
    """As the cases service does once a member was packed in it."""
    await pool.execute(
        "INSERT INTO views.watched_items (tenant_id, item_no, case_id, holds_members) "
        "SELECT 1, item_no, 'RC', true FROM views.items WHERE uri = $1",
        item(name),
    )


async def test_a_container_counts_for_what_it_holds_and_no_longer(empty_views: asyncpg.Pool) -> None:
    before, after = History(), History()
    Case(before).approved("B/1", "B/2", at_hour=5)
    before.pack("sscc:1", "B/1", "X/1", at_hour=2)
    before.pack("sscc:2", "B/2", at_hour=2)
    before.pack("sscc:9", "sscc:1", at_hour=3)
    before.unpack("sscc:2", "B/2", at_hour=6)
    projection = given(empty_views, before)
    await projection.when_delivered()
    for box in ("sscc:1", "sscc:2", "sscc:9"):
        await watch_box(empty_views, box)
    after.log = list(before.log)
    for box in ("sscc:2", "sscc:9"):
        shipped(after, box, at_hour=7)
    tables = await given(empty_views, after).when_delivered()
    assert alerts(tables) == [("RC", item("sscc:9"), "shipped", False)]


async def test_voided_and_disputed_events_touch_what_they_named(empty_views: asyncpg.Pool) -> None:
    h = History()
    made = h.made(["B/1"], of=["lot:L/1"], at_hour=1, event_id="urn:made")
    Case(h).approved("lot:L/1", "B/1", at_hour=5)
    h.tell(ev.Voided(occurred_at=at(6), target=made), correct=True)
    h.made(["B/7"], of=["lot:L/7"], at_hour=1, event_id="urn:made")  # another content of the same id, later in the log
    h.made(["B/8"], of=["lot:L/8"], at_hour=1)
    tables = await given(empty_views, h).when_delivered(1)
    touching = {r["event_no"][0] for r in tables["case_touches"]}
    assert touching == {h.log[4][1].event_id, "urn:made"}
