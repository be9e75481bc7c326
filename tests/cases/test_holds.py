"""Approval holds what is affected, by events of kinds that exist; closing, narrowing and removing let go of it."""

import itertools
from typing import Any

import httpx
import pytest
import pytest_asyncio

from domain.cases import acts
from domain.ids import ItemId
from tests.cases.conftest import People
from tests.cases.frozen import Recall
from tests.waiting import eventually

numbers = itertools.count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def recall(service: httpx.AsyncClient, service_url: str, people: People) -> Recall:
    return Recall(service, people, url=service_url, name=f"h{next(numbers)}")


async def until_placed(recall: Recall, *series: str, act: str = "holds_placed") -> dict[str, Any]:
    """Until the job has done these; the recall then."""

    async def placed() -> dict[str, Any] | None:
        shown = (await recall.service.get(f"/v1/recalls/{recall.id}", headers=recall.people.reader)).json()
        done = {a["series"] for a in shown["history"] if a["act"] == act}
        return shown if set(series) <= done else None

    found = await eventually(placed)
    assert found is not None
    return found


async def held(recall: Recall, short: str) -> tuple[bool, list[str], list[str]]:
    state = await recall.tell.state(short)
    return state["on_hold"], state["holds"], state["recalls"]


async def test_approval_holds_every_member_and_closing_releases_them(recall: Recall) -> None:
    await recall.tell.made(1, ["lot:CELL/L-9"], ["B/1", "B/2"])
    await recall.opened()
    await recall.frozen("lot:CELL/L-9", "B/1")
    shown = await until_placed(recall, "f1")
    [placed] = [a for a in shown["history"] if a["act"] == "holds_placed"]
    assert (placed["items"], placed["events"]) == (2, 2)
    assert shown["freeze"]["holds_placed"] is True
    theirs = (True, [f"recall:{recall.id}"], [recall.id])
    assert await held(recall, "B/1") == theirs
    assert await held(recall, "lot:CELL/L-9") == theirs
    assert (await held(recall, "B/2"))[0] is False
    assert (await recall.post("close", outstanding_reason="a test")).status_code == 200
    await until_placed(recall, "c3", act="holds_released")
    assert await held(recall, "B/1") == (False, [], [])
    assert (await recall.post("reopen")).status_code == 200
    await until_placed(recall, "r4")
    assert (await held(recall, "B/1"))[0] is True


@pytest.mark.parametrize("mode", ["mock", "draft"])
async def test_an_exercise_holds_nothing(recall: Recall, mode: str) -> None:
    await recall.tell.made(1, [], ["B/1"])
    await recall.opened(mode=mode)
    await recall.frozen("B/1")
    live = Recall(recall.service, recall.people, url=recall.url, name=f"h{next(numbers)}")
    await live.tell.made(1, [], ["B/1"])
    await live.opened()
    await live.frozen("B/1")
    await until_placed(live, "f1")  # so the job has looked at both
    assert (await held(recall, "B/1"))[0] is False


async def test_what_came_since_is_held_too_and_what_was_decided_to_go_is_released(recall: Recall) -> None:
    await recall.tell.made(1, [], ["B/1", "B/2", "B/3"])
    await recall.opened()
    await recall.frozen("B/1", "B/2")
    added = acts.Member(item=ItemId(recall.tell.uri("B/3")), kind="unit", level=1, certainty="certain", top=True)
    await recall.append(
        [
            acts.UnitsChanged(evaluation=1, chunk=0, added=(added,)),
            acts.Evaluated(evaluation=1, vector="0-1", chunks=1, added=1, withdrawn=0),
        ],
        tag="d",
    )
    await until_placed(recall, "f1", "d1")
    assert (await held(recall, "B/3"))[0] is True
    gone = await recall.post("removals", decision="remove", items=[recall.tell.uri("B/2")])
    assert gone.status_code == 200, gone.text
    await until_placed(recall, f"m{gone.json()['sequence']}", act="holds_released")
    assert (await held(recall, "B/2"))[0] is False
    assert (await held(recall, "B/1"))[0] is True


async def _came_anew(recall: Recall, short: str, *, evaluation: int = 1) -> None:
    """An evaluation that began before everything else, and was told now, added it."""
    added = acts.Member(item=ItemId(recall.tell.uri(short)), kind="unit", level=1, certainty="certain", top=True)
    await recall.append(
        [
            acts.UnitsChanged(evaluation=evaluation, chunk=0, added=(added,)),
            acts.Evaluated(evaluation=evaluation, vector="0-1", chunks=1, added=1, withdrawn=0),
        ],
        tag=f"anew{evaluation}.",
    )


async def _removed(recall: Recall, *shorts: str) -> None:
    items = [recall.tell.uri(short) for short in shorts]
    gone = await recall.post("removals", decision="remove", items=items)
    assert gone.status_code == 200, gone.text
    await until_placed(recall, f"m{gone.json()['sequence']}", act="holds_released")


async def test_what_comes_anew_after_its_removal_is_held_whenever_its_evaluation_began(recall: Recall) -> None:
    """It is in the set: a hold from before the removal would have been released by it."""
    await recall.tell.made(1, [], ["B/1", "B/2"])
    await recall.opened()
    await recall.frozen("B/1", "B/2")
    await until_placed(recall, "f1")
    await _removed(recall, "B/2")
    assert (await held(recall, "B/2"))[0] is False
    await _came_anew(recall, "B/2")
    await until_placed(recall, "d1")
    assert await held(recall, "B/2") == (True, [f"recall:{recall.id}"], [recall.id])


async def test_a_reopening_takes_no_persons_removal_back_but_of_what_it_names(recall: Recall) -> None:
    """B/2 was cleared with a reason, B/3 came anew since, B/4 turned up: the reopening says so."""
    units = ["B/1", "B/2", "B/3", "B/4"]
    await recall.tell.made(1, [], units)
    await recall.opened()
    await recall.frozen(*units)
    await until_placed(recall, "f1")
    await _removed(recall, "B/2", "B/3", "B/4")
    await _came_anew(recall, "B/3")
    await until_placed(recall, "d1")
    closed = await recall.post("close", outstanding_reason="a test")
    await until_placed(recall, f"c{closed.json()['sequence']}", act="holds_released")
    assert [(await held(recall, short))[0] for short in units] == [False] * 4
    again = await recall.post("reopen", items=[recall.tell.uri("B/4")])
    await until_placed(recall, f"r{again.json()['sequence']}")
    assert [(await held(recall, short))[0] for short in units] == [True, False, True, True]


async def test_a_narrower_set_that_is_approved_releases_the_rest(recall: Recall) -> None:
    await recall.tell.made(1, [], ["B/1", "B/2"])
    await recall.opened()
    await recall.frozen("B/1", "B/2")
    await recall.frozen("B/1", number=2)
    await until_placed(recall, "f1", "f2")
    await until_placed(recall, "n2", act="holds_released")
    assert (await held(recall, "B/1"))[0] is True
    assert (await held(recall, "B/2"))[0] is False


async def test_what_comes_to_a_wider_set_is_held_before_that_set_is_approved(recall: Recall) -> None:
    """In doubt a thing is held: the recall is approved. Its older units wait for the approval."""
    await recall.tell.made(1, [], ["B/1", "B/2", "B/3"])
    await recall.opened()
    await recall.frozen("B/1")
    await recall.frozen("B/1", "B/2", number=2, approve=False)
    added = acts.Member(item=ItemId(recall.tell.uri("B/3")), kind="unit", level=1, certainty="certain", top=True)
    await recall.append(
        [
            acts.UnitsChanged(evaluation=1, chunk=0, added=(added,)),
            acts.Evaluated(evaluation=1, vector="0-1", chunks=1, added=1, withdrawn=0),
        ],
        tag="d",
    )
    await until_placed(recall, "f1", "d1")
    assert [(await held(recall, short))[0] for short in ("B/1", "B/2", "B/3")] == [True, False, True]
    await recall.approved(2)
    await until_placed(recall, "f2")
    assert (await held(recall, "B/2"))[0] is True


async def test_many_items_are_held_in_events_that_the_log_takes(recall: Recall) -> None:
    units = [f"B/{n}" for n in range(2_500)]
    await recall.tell.made(1, [], units)
    await recall.opened()
    await recall.frozen(*units)
    shown = await until_placed(recall, "f1")
    [placed] = [a for a in shown["history"] if a["act"] == "holds_placed"]
    assert (placed["items"], placed["events"]) == (2_500, 6)
    assert (await held(recall, "B/2499"))[0] is True


async def test_what_was_added_to_a_wider_set_goes_with_it_and_what_is_in_the_narrower_stays(recall: Recall) -> None:
    """B/3 and B/4 came to the wide set late; the narrow one has B/4 as well. What the narrow one gets later is held."""
    await recall.tell.made(1, [], ["B/1", "B/2", "B/3", "B/4"])
    await recall.opened()
    await recall.frozen("B/1", "B/2")
    await until_evaluated(recall, 1)
    late = [
        acts.Member(item=ItemId(recall.tell.uri(short)), kind="unit", level=1, certainty="certain", top=True)
        for short in ("B/3", "B/4")
    ]
    await recall.append(
        [
            acts.UnitsChanged(evaluation=2, chunk=0, added=tuple(late)),
            acts.Evaluated(evaluation=2, vector="0-1", chunks=1, added=2, withdrawn=0),
        ],
        tag="late",
    )
    await until_placed(recall, "d2")
    assert await recall.buckets() == {"in_stock": 4}
    await recall.frozen("B/1", "B/4", number=2)
    await until_placed(recall, "n2", act="holds_released")
    held_now = [(await held(recall, short))[0] for short in ("B/1", "B/2", "B/3", "B/4")]
    assert held_now == [True, False, False, True]
    assert await recall.buckets() == {"in_stock": 2}


async def until_evaluated(recall: Recall, evaluation: int) -> None:
    async def there() -> bool:
        shown = (await recall.service.get(f"/v1/recalls/{recall.id}", headers=recall.people.reader)).json()
        return any(a["act"] == "evaluated" and a["evaluation"] == evaluation for a in shown["history"])

    await eventually(there)
