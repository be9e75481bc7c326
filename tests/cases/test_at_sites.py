"""What a key limited to sites is told of a recall: its own items and what to do, and that the rest is left out."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from domain.cases import acts
from domain.ids import ItemId
from tests.cases.conftest import People
from tests.cases.frozen import Recall

HERE, THERE = {"site": "urn:site:1"}, {"site": "urn:site:2"}


@pytest_asyncio.fixture(loop_scope="session")
async def recall(service: httpx.AsyncClient, people: People, service_url: str, *, request: Any) -> Recall:
    return Recall(service, people, url=service_url, name=request.node.name.removeprefix("test_")[:30].replace("_", "-"))


async def asked(recall: Recall, **params: Any) -> dict[str, Any]:
    return await recall.get("at-sites", by=recall.people.limited, **params)


async def test_a_site_sees_what_is_or_was_there_and_what_to_do_with_it(recall: Recall) -> None:
    tell = recall.tell
    await tell.post("commissioned", 1, items=tell.lines("B/1", "B/2"), **HERE)
    await tell.post("commissioned", 1, items=tell.lines("B/3"), **THERE)
    await tell.post("received", 4, items=tell.lines("B/1"), **THERE)
    await recall.opened(notice={"what_to_do": "take it off the shelf"}, hazard="fire")
    await recall.frozen("B/1", "B/2", "B/3")
    told = await asked(recall)
    assert [(m["item"], m["on_hold"]) for m in told["members"]] == [(tell.uri("B/1"), True), (tell.uri("B/2"), True)]
    assert [m["site"] for m in told["members"]] == [None, "urn:site:1"], "where it is elsewhere is not told"
    assert (told["hazard"], told["what_to_do"], told["closed"]) == ("fire", "take it off the shelf", False)
    assert "left out" in told["left_out"]["en"]
    assert (told["complete"], told["incomplete_because"]) == (False, ["scope"])
    assert tell.uri("B/3") not in str(told)
    first = await asked(recall, limit=1)
    assert [m["item"] for m in first["members"]] == [tell.uri("B/1")]
    then = await asked(recall, limit=5, cursor=first["next"])
    assert ([m["item"] for m in then["members"]], then["next"]) == ([tell.uri("B/2")], None)
    everything = await recall.get("at-sites")
    assert (len(everything["members"]), everything["left_out"]) == (3, None)


async def test_a_draft_an_exercise_and_what_is_not_approved_are_not_told_of(recall: Recall) -> None:
    tell = recall.tell
    await tell.post("commissioned", 1, items=tell.lines("B/1"), **HERE)
    await recall.opened(mode="mock")
    await recall.frozen("B/1")
    url = f"/v1/recalls/{recall.id}/at-sites"
    refused = await recall.service.get(url, headers=recall.people.limited)
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/unknown-case")
    for path in ("units", "delta", "accounting"):  # the rest of a case stays with keys that are not limited
        other = await recall.service.get(f"/v1/recalls/{recall.id}/{path}", headers=recall.people.limited)
        assert (other.status_code, other.json()["type"]) == (403, "/problems/site-scope"), path


async def test_where_a_page_goes_on_tells_nothing_of_what_is_elsewhere(
    recall: Recall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.query.questions.recall_at_sites._AT_ONCE", 1)
    tell = recall.tell
    await tell.post("commissioned", 1, items=tell.lines("B/1", "B/4"), **HERE)
    await tell.post("commissioned", 1, items=tell.lines("B/2", "B/3", "B/5"), **THERE)
    await recall.opened()
    await recall.frozen(*(f"B/{n}" for n in range(1, 6)))
    told: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = await asked(recall, limit=1, **cursor)
        told.append(([m["item"] for m in page["members"]], page["next"]))
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert [(items, following is None) for items, following in told] == [
        ([tell.uri("B/1")], False),
        ([tell.uri("B/4")], True),
    ]


async def test_a_wider_set_is_told_of_once_a_second_person_approved_it(recall: Recall) -> None:
    tell = recall.tell
    await tell.post("commissioned", 1, items=tell.lines("B/1", "B/2"), **HERE)
    await recall.opened()
    await recall.frozen("B/1")
    await recall.frozen("B/1", "B/2", number=2, approve=False)
    assert [m["item"] for m in (await asked(recall))["members"]] == [tell.uri("B/1")]
    await recall.approved(2)
    assert [m["item"] for m in (await asked(recall))["members"]] == [tell.uri("B/1"), tell.uri("B/2")]


async def pages(recall: Recall, **params: Any) -> list[dict[str, Any]]:
    found = [await asked(recall, **params)]
    while found[-1]["next"] is not None:
        found.append(await asked(recall, **params, cursor=found[-1]["next"]))
    return found


async def test_a_page_looks_at_so_many_members_and_no_more(recall: Recall, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told once: also what is in the set twice, what was removed and came anew, and what came since."""
    tell = recall.tell
    here, there = ["B/1", "B/4", "B/7", "B/8"], ["B/2", "B/3", "B/5", "B/6"]
    await tell.post("commissioned", 1, items=tell.lines(*here), **HERE)
    await tell.post("commissioned", 1, items=tell.lines(*there), **THERE)
    await recall.opened()
    await recall.frozen("B/5", "B/2", "B/4", "B/1", "B/8", "B/3")
    for gone in ("B/4", "B/8"):
        assert (await recall.post("removals", decision="remove", items=[tell.uri(gone)])).status_code == 200
    late = tuple(
        acts.Member(item=ItemId(tell.uri(short)), kind="unit", level=1, certainty="certain", top=True)
        for short in ("B/6", "B/7", "B/1", "B/4")
    )
    await recall.append([acts.UnitsChanged(evaluation=7, chunk=0, added=late)], tag="late")
    for look_at in (1, 2, 3, 100):
        monkeypatch.setattr("services.query.questions.recall_at_sites.LOOK_AT", look_at)
        found = await pages(recall, limit=3)
        listed = [m["item"] for page in found for m in page["members"]]
        assert sorted(listed) == [tell.uri(short) for short in ("B/1", "B/4", "B/7")], "B/8 was removed"
        assert len(found) >= 10 // look_at
        assert not any(tell.uri(short) in str(page["next"]) for page in found for short in (*here, *there))
    assert len((await recall.get("at-sites", limit=100))["members"]) == 7


async def test_a_cursor_is_of_one_key_one_recall_and_one_set(recall: Recall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.query.questions.recall_at_sites.LOOK_AT", 1)
    tell = recall.tell
    await tell.post("commissioned", 1, items=tell.lines("B/1", "B/2"), **HERE)
    await recall.opened()
    await recall.frozen("B/1", "B/2")
    url, theirs = f"/v1/recalls/{recall.id}/at-sites", (await recall.get("at-sites"))["next"]
    own = (await asked(recall))["next"]
    for cursor in (theirs, tell.uri("B/1"), "x", own[:-2] + "AA", own + "AAAA"):
        refused = await recall.service.get(url, headers=recall.people.limited, params={"cursor": cursor})
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-cursor"), cursor
    await recall.frozen("B/1", number=2)
    refused = await recall.service.get(url, headers=recall.people.limited, params={"cursor": own})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/foreign-cursor")
