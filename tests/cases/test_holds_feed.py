"""The stop-ship feed: whose holds changed since, and how they stand now."""

import asyncio
import base64
import itertools
import json
from typing import Any

import httpx
import pytest
import pytest_asyncio

from domain.positions import parse_vector, vector_token
from tests.cases.conftest import People
from tests.http.telling import Example

numbers = itertools.count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def tell(service: httpx.AsyncClient) -> Example:
    return Example(service, f"s{next(numbers)}")


async def ask(tell: Example, since: str | None = None, **params: Any) -> dict[str, Any]:
    asked = {"wait_for": tell.position, **({"since": since} if since is not None else {}), **params}
    answer = await tell.service.get("/v1/holds", params={k: v for k, v in asked.items() if v != ""})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def here(tell: Example) -> str:
    """Where a follower stands who has heard everything."""
    found = await ask(tell)
    while found["more"]:
        found = await ask(tell, found["next"])
    return str(found["next"])


def stand(tell: Example, found: dict[str, Any]) -> dict[str, tuple[bool, list[str]]]:
    return {h["item"].rpartition(f"{tell.name}-")[2]: (h["on_hold"], h["holds"]) for h in found["holds"] if h["item"]}


async def test_holds_and_releases_are_told_as_they_stand_now(tell: Example) -> None:
    await tell.made(1, [], ["B/1", "B/2", "B/3"])
    since = await here(tell)
    await tell.post("held", 2, hold_id=f"H-{tell.name}", items=tell.lines("B/1", "B/2"), reason="weld")
    await tell.post("held", 2, hold_id=f"J-{tell.name}", items=tell.lines("B/1"))
    first = await ask(tell, since)
    both, one = [f"H-{tell.name}", f"J-{tell.name}"], [f"H-{tell.name}"]
    assert stand(tell, first) == {"B:1": (True, both), "B:2": (True, one)}
    assert (await ask(tell, first["next"]))["holds"] == []
    await tell.post("hold_released", 3, hold_id=f"H-{tell.name}", items=tell.lines("B/2"))
    then = await ask(tell, first["next"])
    assert stand(tell, then) == {"B:2": (False, [])}
    # Who begins anew hears of every item once, as it stands.
    assert stand(tell, await ask(tell, since)) == {"B:1": (True, both), "B:2": (False, [])}


async def test_a_hold_that_is_voided_and_one_that_ends_for_all_are_told(tell: Example) -> None:
    await tell.made(1, [], ["B/1", "B/2"])
    wrong = await tell.post("held", 2, hold_id=f"W-{tell.name}", items=tell.lines("B/1"))
    await tell.post("held", 2, hold_id=f"A-{tell.name}", items=tell.lines("B/2"))
    since = await here(tell)
    await tell.post("voided", 3, target=wrong, reason="typo")
    await tell.post("hold_released", 4, hold_id=f"A-{tell.name}")
    found = await ask(tell, since)
    assert stand(tell, found) == {"B:1": (False, [])}
    assert [h["ended"] for h in found["holds"] if h["item"] is None] == [f"A-{tell.name}"]
    other = await tell.post("inspected", 5, items=tell.lines("B/1"))
    await tell.post("voided", 6, target=other, reason="a void of something else is no news")
    assert (await ask(tell, found["next"]))["holds"] == []


async def test_it_is_waited_for_and_paged_and_comes_as_lines(tell: Example) -> None:
    await tell.made(1, [], [f"B/{n}" for n in range(6)])
    since = await here(tell)
    waiting = asyncio.create_task(ask(tell, since, wait=20))
    await tell.post("held", 2, hold_id=f"H-{tell.name}", items=tell.lines("B/1"))
    assert set(stand(tell, await waiting)) == {"B:1"}
    for n in range(2, 6):
        await tell.post("held", 2, hold_id=f"H-{tell.name}", items=tell.lines(f"B/{n}"))
    lines = await tell.service.get("/v1/holds", params={"since": since, "format": "ndjson", "wait_for": tell.position})
    assert lines.headers["content-type"] == "application/x-ndjson"
    records = [json.loads(line) for line in lines.text.splitlines()]
    assert [r["type"] for r in records] == ["hold"] * 5 + ["trailer"]
    assert records[-1]["next"]


async def test_a_key_limited_to_sites_hears_of_its_own(tell: Example, people: People) -> None:
    await tell.post("commissioned", 1, items=tell.lines("B/1"), site="urn:site:1")
    await tell.post("commissioned", 1, items=tell.lines("B/2"), site="urn:site:2")
    since = await here(tell)
    await tell.post("held", 2, hold_id=f"H-{tell.name}", items=tell.lines("B/1", "B/2"))
    asked = {"since": since, "wait_for": tell.position}
    answer = await tell.service.get("/v1/holds", params=asked, headers=people.limited)
    found = answer.json()
    assert [h["item"] for h in found["holds"]] == [tell.uri("B/1")]
    assert (found["holds"][0]["on_hold"], found["holds"][0]["event_id"]) == (True, None)


@pytest.mark.parametrize("wrong", [{"since": "lately"}, {"format": "pdf"}, {"wait": "99"}, {"limit": "-1"}, {"x": "1"}])
async def test_what_cannot_be_asked_is_refused(service: httpx.AsyncClient, wrong: dict[str, str]) -> None:
    refused = await service.get("/v1/holds", params=wrong)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


async def test_a_page_has_as_many_items_as_were_asked_for_also_in_the_middle_of_an_event(tell: Example) -> None:
    names = [f"B/{n}" for n in range(1, 8)]
    await tell.made(1, [], [*names, "C/1"])
    since = await here(tell)
    await tell.post("held", 2, hold_id=f"P-{tell.name}", items=tell.lines(*names), reason="weld")
    await tell.post("held", 2, hold_id=f"Q-{tell.name}", items=tell.lines("C/1"))
    pages, cursor, more = [], since, True
    while more:
        page = await ask(tell, cursor, limit=3)
        pages.append([h["item"] for h in page["holds"]])
        cursor, more = page["next"], page["more"]
        if len(pages) == 1:  # what comes meanwhile is told after what was there
            await tell.post("held", 3, hold_id=f"R-{tell.name}", items=tell.lines("B/1"))
    assert [len(p) for p in pages] == [3, 3, 3]
    assert sorted(i for p in pages for i in p) == sorted([tell.uri(n) for n in (*names, "C/1")] + [tell.uri("B/1")])
    assert (await ask(tell, cursor))["holds"] == []
    assert len((await ask(tell, since, limit=8))["holds"]) == 8
    wrong = await tell.service.get("/v1/holds", params={"since": "0-1~0-x~!"})
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/invalid-parameter")


async def test_a_cursor_inside_an_event_that_these_views_do_not_have_yet_waits_for_it(tell: Example) -> None:
    """Of views that are made anew, say: what they do not have yet is not passed over."""
    await tell.made(1, [], ["B/1", "B/2"])
    vector = parse_vector(await here(tell))
    [(partition, offset)] = vector.items()
    inside = f"{vector_token(vector)}~{partition}-{offset + 1}~"
    early = await ask(tell, inside)
    assert (early["holds"], early["more"]) == ([], False)
    await tell.post("held", 2, hold_id=f"H-{tell.name}", items=tell.lines("B/1", "B/2"))
    assert tell.position == f"{partition}-{offset + 1}"
    assert set(stand(tell, await ask(tell, early["next"]))) == {"B:1", "B:2"}


async def test_where_a_page_of_a_limited_key_goes_on_tells_no_item_of_others(tell: Example, people: People) -> None:
    await tell.post("commissioned", 1, items=tell.lines("B/2", "B/4"), site="urn:site:1")
    await tell.post("commissioned", 1, items=tell.lines("B/1", "B/3", "B/5"), site="urn:site:2")
    cursor, more = await here(tell), True
    await tell.post("held", 2, hold_id=f"H-{tell.name}", items=tell.lines(*(f"B/{n}" for n in range(1, 6))))
    pages, within = [], []
    while more:
        asked = {"since": cursor, "limit": 1, "wait_for": tell.position}
        page = (await tell.service.get("/v1/holds", params=asked, headers=people.limited)).json()
        cursor, more = page["next"], page["more"]
        pages.append([h["item"] for h in page["holds"]])
        within += [base64.urlsafe_b64decode(part + "==").decode() for part in cursor.split("~")[2:]]
    assert pages == [[tell.uri("B/2")], [tell.uri("B/4")]]
    assert within == [tell.uri("B/2")]


async def test_a_limited_key_is_told_that_a_hold_ended_by_its_own_items_alone(tell: Example, people: People) -> None:
    await tell.post("commissioned", 1, items=tell.lines("B/1", "B/2"), site="urn:site:1")
    await tell.post("commissioned", 1, items=tell.lines("B/3"), site="urn:site:2")
    await tell.post("held", 2, hold_id=f"H-{tell.name}", items=tell.lines("B/1", "B/3"))
    await tell.post("held", 2, hold_id=f"H-{tell.name}", items=tell.lines("B/1", "B/2"))
    await tell.post("held", 2, hold_id=f"J-{tell.name}", items=tell.lines("B/2"))
    since = await here(tell)
    ended = await tell.post("hold_released", 3, hold_id=f"H-{tell.name}")

    async def limited(**more: Any) -> httpx.Response:
        asked = {"since": since, "wait_for": tell.position, **more}
        return await tell.service.get("/v1/holds", params=asked, headers=people.limited)

    answer = await limited()
    assert stand(tell, answer.json()) == {"B:1": (False, []), "B:2": (True, [])}
    assert [h["item"] for h in answer.json()["holds"]] == [tell.uri("B/1"), tell.uri("B/2")]
    assert not any(told in answer.text for told in (f"H-{tell.name}", ended, tell.uri("B/3")))
    first = (await limited(limit=1)).json()
    assert (stand(tell, first), first["more"]) == ({"B:1": (False, [])}, True)
    assert set(stand(tell, (await limited(since=first["next"])).json())) == {"B:2"}
    await tell.post("voided", 4, target=ended, reason="too early")
    again = (await limited(since=answer.json()["next"])).json()
    assert {name: on for name, (on, _) in stand(tell, again).items()} == {"B:1": True, "B:2": True}


async def test_a_page_ends_when_much_was_looked_at_though_nothing_was_found(
    tell: Example, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.query.questions.holds.LOOK_AT", 2)
    monkeypatch.setattr("services.query.questions.holds.ENTRIES_AT_ONCE", 1)
    await tell.post("commissioned", 1, items=tell.lines("B/1"), site="urn:site:1")
    await tell.post("commissioned", 1, items=tell.lines("C/1", "C/2", "C/3", "C/4"), site="urn:site:2")
    cursor, pages = await here(tell), []
    await tell.post("held", 2, hold_id=f"H-{tell.name}", items=tell.lines("C/1", "C/2"))
    await tell.post("held", 2, hold_id=f"H-{tell.name}", items=tell.lines("C/3", "C/4"))
    await tell.post("held", 3, hold_id=f"H-{tell.name}", items=tell.lines("B/1"))
    more = True
    while more:
        asked = {"since": cursor, "wait_for": tell.position}
        page = (await tell.service.get("/v1/holds", params=asked, headers=people.limited)).json()
        cursor, more = page["next"], page["more"]
        pages.append(sorted(stand(tell, page)))
    assert pages == [[], [], ["B:1"]]
