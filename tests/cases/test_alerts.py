"""Alerts over HTTP: with the event itself, in every order of arrival, by way of containers, and as they stand since."""

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio

from services.database import projector_pool
from services.eventlog.postgres import PostgresEventLog
from services.projector.rebuild import rebuild
from tests.cases.conftest import People, people_of
from tests.cases.following import Live
from tests.http.serving import serving
from tests.waiting import eventually
from tests.webhooks.receiver import Receiver, receiving

numbers = itertools.count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def recall(service: httpx.AsyncClient, people: People) -> Live:
    return Live(service, people, name=f"a{next(numbers)}")


async def sold(recall: Live, short: str, **more: Any) -> str:
    """A sale that happens now: after whatever was approved."""
    return await recall.tell.post("sold", **_now(), items=recall.tell.lines(short), **more)


def _now() -> dict[str, Any]:
    return {"hour": datetime.now(UTC).isoformat()}


async def test_a_sale_of_a_held_unit_is_told_at_once_with_who_and_where(recall: Live) -> None:
    await recall.tell.made(1, ["lot:CELL/L-9"], ["B/1", "B/2"])
    await recall.begun("lot:CELL/L-9")
    event = await sold(recall, "B/1", holder="urn:example:dealer:7", site="urn:test:shop")
    # As known at the position of the sale itself: no job had to come round.
    found = await recall.get("alerts", wait_for=recall.tell.position)
    [alert] = found["alerts"]
    assert (alert["alert"], alert["item"], alert["event_id"]) == ("sold", recall.tell.uri("B/1"), event)
    assert (alert["to"], alert["site"]) == ("urn:example:dealer:7", "urn:test:shop")
    assert (alert["standing"], alert["late"], alert["recall"]) == ("counts", False, recall.id)
    state = await recall.tell.state("B/1")
    assert (state["status"], state["on_hold"]) == ("sold", True)


async def test_an_alert_of_a_sale_that_is_voided_says_so(recall: Live) -> None:
    await recall.tell.made(1, ["lot:CELL/L-9"], ["B/1"])
    await recall.begun("lot:CELL/L-9")
    event = await sold(recall, "B/1")
    await recall.tell.post("voided", **_now(), target=event, reason="wrong serial")
    found = await recall.get("alerts", wait_for=recall.tell.position)
    [alert] = found["alerts"]
    assert (alert["standing"], bool(alert["voided_by"])) == ("void", True)


async def test_what_was_sold_before_is_no_alert_and_what_is_told_late_is(recall: Live) -> None:
    await recall.tell.made(1, ["lot:CELL/L-9"], ["B/1", "B/2"])
    await recall.tell.post("sold", 2, items=recall.tell.lines("B/1"))
    await recall.begun("lot:CELL/L-9")
    await recall.tell.post("sold", 3, items=recall.tell.lines("B/2"))
    found = await recall.get("alerts", wait_for=recall.tell.position)
    assert [(a["item"], a["late"]) for a in found["alerts"]] == [(recall.tell.uri("B/2"), True)]


async def test_a_sale_between_the_freeze_and_the_watch_is_found_by_the_sweep(recall: Live) -> None:
    """The sale is in the views before the approval: its batch could not know. What is told after is looked for."""
    await recall.tell.made(1, ["lot:CELL/L-9"], ["B/1"])
    body = {"id": recall.id, "title": "x", "mode": "live"}
    await recall.service.post("/v1/recalls", json=body, headers=recall.people.wang)
    await recall.scoped("lot:CELL/L-9")
    await recall.tell.post(
        "sold", (datetime.now(UTC) + timedelta(seconds=200)).isoformat(), items=recall.tell.lines("B/1")
    )
    await recall.freeze()
    await recall.until_alerts(("sold", "B/1"))


async def test_a_container_is_watched_whenever_its_packing_is_told(recall: Live) -> None:
    tell = recall.tell
    await tell.made(1, ["lot:CELL/L-9"], ["B/1", "B/2", "B/3"])
    await tell.pack(2, "box:1", *tell.lines("B/1"))
    await tell.pack(3, "box:9", *tell.lines("box:1"))
    await recall.begun("lot:CELL/L-9")
    await tell.post("shipped", **_now(), items=tell.lines("box:9"))
    await recall.until_alerts(("shipped", "box:9"))
    found = await recall.get("alerts")
    assert (found["alerts"][0]["inside"], found["alerts"][0]["inside_count"]) == ([tell.uri("B/1")], 1)
    # The shipment of a box first, its packing later; and a box that a member left before.
    await tell.post("shipped", **_now(), items=tell.lines("box:2"))
    await tell.pack(4, "box:2", *tell.lines("B/2"))
    await tell.pack(4, "box:3", *tell.lines("B/3"))
    await tell.post("unpacked", 5, container=tell.uri("box:3"), contents=tell.lines("B/3"))
    await recall.until_alerts(("shipped", "box:9"), ("shipped", "box:2"))
    await tell.post("shipped", **_now(), items=tell.lines("box:3"))
    await recall.get("alerts", wait_for=tell.position)
    assert await recall.alerts() == {("shipped", "box:9"), ("shipped", "box:2")}


async def test_all_alerts_are_followed_and_waited_for(recall: Live) -> None:
    await recall.tell.made(1, ["lot:CELL/L-9"], ["B/1", "B/2"])
    await recall.begun("lot:CELL/L-9")

    async def ask(since: str, wait: float = 0) -> dict[str, Any]:
        answer = await recall.service.get("/v1/alerts", params={"since": since, "wait": wait})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    here = (await ask((await ask("2020-01-01"))["next"]))["next"]
    waiting = asyncio.create_task(ask(here, wait=20))
    await sold(recall, "B/2")
    told = await waiting
    assert [(a["alert"], a["recall"]) for a in told["alerts"]] == [("sold", recall.id)]
    assert (await ask(told["next"]))["alerts"] == []


async def test_who_may_and_what_cannot_be_asked(recall: Live) -> None:
    for path in ("/v1/alerts", f"/v1/recalls/{recall.id}/alerts"):
        limited = await recall.service.get(path, headers=recall.people.limited)
        assert (limited.status_code, limited.json()["type"]) == (403, "/problems/site-scope")
    missing = await recall.service.get("/v1/recalls/RD-none/alerts")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/unknown-case")
    for wrong in ({"since": "yesterday"}, {"wait": "forever"}, {"limit": "0"}, {"who": "me"}):
        refused = await recall.service.get("/v1/alerts", params=wrong)
        assert refused.status_code == 422, wrong


async def test_after_a_rebuild_the_same_alerts_are_there(fresh_database_url: str) -> None:
    """What the jobs found is found again: the views were thrown away, and built anew without them."""
    async with serving(fresh_database_url, case_jobs_pace_seconds=0.1) as client:
        people = await people_of(client)
        recall = Live(client, people, name="again")
        tell = recall.tell
        await tell.made(1, ["lot:CELL/L-9"], ["B/1", "B/2"])
        await recall.begun("lot:CELL/L-9")
        await sold(recall, "B/1")
        await tell.post("shipped", **_now(), items=tell.lines("box:2"))
        await tell.pack(4, "box:2", *tell.lines("B/2"))
        wanted = (("sold", "B/1"), ("shipped", "box:2"))
        await recall.until_alerts(*wanted)
        log, views = PostgresEventLog(dsn=fresh_database_url, partitions=1), await projector_pool(fresh_database_url)
        await log.start()
        await asyncio.wait_for(rebuild(fresh_database_url, log=log, views=views), 60)
        await log.stop()
        await views.close()
        await recall.until_alerts(*wanted)


async def test_an_alert_is_told_to_webhooks_once(fresh_database_url: str) -> None:
    networks = {"webhook_networks": "127.0.0.0/8"}
    async with (
        receiving() as receiver,
        serving(fresh_database_url, case_jobs_pace_seconds=0.1, **networks) as client,
    ):
        recall = Live(client, await people_of(client), name="told")
        made = await client.post("/v1/webhooks", json={"url": receiver.url})
        assert made.status_code == 201, made.text
        await recall.tell.made(1, ["lot:CELL/L-9"], ["B/1", "B/2", "B/3"])
        await recall.begun("lot:CELL/L-9")
        items = recall.tell.lines("B/1", "B/2")
        event = await recall.tell.post("sold", **_now(), items=items)
        await sold(recall, "B/3")
        told = await eventually(lambda: _two(receiver))
        assert told[0]["items"] == [i["item"] for i in items]
        assert (told[0]["case_id"], told[0]["alert"], told[0]["event_id"]) == (recall.id, "sold", event)
        once = ("recall.opened", "recall.frozen", "recall.approved", "hold.placed")
        await eventually(lambda: _all_there(receiver, once))
        kinds = [c.document["type"] for c in receiver.calls]
        for kind in once:
            assert kinds.count(kind) == 1, kinds
        assert kinds.count("alert.raised") == 2


async def _all_there(receiver: Receiver, kinds: Sequence[str]) -> bool:
    """Deliveries keep no order among themselves."""
    return set(kinds) <= {c.document["type"] for c in receiver.calls}


async def _two(receiver: Receiver) -> list[dict[str, Any]] | None:
    told = [c.document["data"] for c in receiver.of("alert.raised")]
    return sorted(told, key=lambda d: -d["items_count"]) if len(told) == 2 else None
