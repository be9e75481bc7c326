"""GET /v1/events/{id}: what became of an event."""

import json
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx

from domain.ports import Record
from services.eventlog.postgres import PostgresEventLog
from tests.http.test_service import HOUR, capture, post, unit
from tests.shared_data import shared_dir


async def became(service: httpx.AsyncClient, event_id: str, **params: Any) -> httpx.Response:
    return await service.get(f"/v1/events/{quote(event_id, safe='')}", params=params)


def stored(event_id: str, hour: int = 8, **more: Any) -> dict[str, Any]:
    items = [{"item": unit(f"EV/{event_id}")}]
    return {"kind": "stored", "event_id": event_id, "occurred_at": HOUR.format(hour), "items": items, **more}


async def test_an_applied_event_is_told_as_it_is_stored(service: httpx.AsyncClient) -> None:
    event = stored("https://mes.example/events/1?x=1", site="PLANT-1")
    position = await post(service, event)
    told = (await became(service, event["event_id"], wait_for=position)).json()
    assert (told["state"], told["standing"], told["kind"]) == ("applied", "counts", "stored")
    assert (told["position"], told["positions"]) == (position, [position])
    assert told["body"]["site"] == "PLANT-1"
    assert told["occurred_at"] == event["occurred_at"]
    assert told["recorded_at"] <= told["as_of"]["recorded_at"]
    assert (told["voided_by"], told["corrects"], told["conflicting_copies"], told["dead_letters"]) == ([], None, [], [])


async def test_corrections_and_copies_are_told(service: httpx.AsyncClient) -> None:
    await post(service, stored("cc-1", hour=8), stored("cc-1", hour=9), stored("cc-2"), stored("cc-3"))
    void = {"kind": "voided", "occurred_at": HOUR.format(10), "reason": "typo"}
    position = await post(
        service,
        {**void, "event_id": "cc-void-2", "target": "cc-2"},
        {**void, "event_id": "cc-void-3", "target": "cc-3", "replaced_by": ["cc-4"]},
    )
    copied = (await became(service, "cc-1", wait_for=position)).json()
    assert copied["occurred_at"] == HOUR.format(8)
    assert [c["body"]["occurred_at"] for c in copied["conflicting_copies"]] == [HOUR.format(9)]
    voided = (await became(service, "cc-2")).json()
    assert voided["standing"] == "voided"
    assert voided["voided_by"] == [{"event_id": "cc-void-2", "reason": "typo", "replaced_by": [], "counts": True}]
    assert (await became(service, "cc-2", as_of=copied["position"])).status_code == 404
    assert (await became(service, "cc-3")).json()["standing"] == "replacement_pending"
    position = await post(service, stored("cc-4"))
    assert (await became(service, "cc-3", wait_for=position)).json()["standing"] == "voided"
    corrects = (await became(service, "cc-void-3")).json()["corrects"]
    assert corrects == {"target": "cc-3", "replaced_by": ["cc-4"], "reason": "typo"}


async def test_a_void_without_the_right_is_shown_as_not_counting(service: httpx.AsyncClient) -> None:
    await post(service, stored("rv-1"))
    made = (await service.post("/v1/keys", json={"name": "rv", "roles": ["capture"]})).json()
    void = {"kind": "voided", "occurred_at": HOUR.format(9), "target": "rv-1", "event_id": "rv-void"}
    headers = {"Authorization": f"Bearer {made['key']}"}
    position = (await service.post("/v1/events", json=void, headers=headers)).json()["position"]
    told = (await became(service, "rv-1", wait_for=position)).json()
    assert (told["standing"], [(v["event_id"], v["counts"]) for v in told["voided_by"]]) == (
        "counts",
        [("rv-void", False)],
    )


async def test_an_epcis_event_keeps_its_original(service: httpx.AsyncClient) -> None:
    file = "derived/hard/H01_1.epcis.json"
    document = json.loads((shared_dir() / "fixtures" / file).read_text())
    [sent] = document["epcisBody"]["eventList"]
    token = (await capture(service, file)).headers["location"].rsplit("~", 1)[1]
    told = (await became(service, sent["eventID"], wait_for=token)).json()
    assert told["original"]["eventID"] == sent["eventID"]
    assert told["original"]["type"] == sent["type"]


async def test_unknown_and_not_yet_are_told_apart(service: httpx.AsyncClient) -> None:
    position = await post(service, stored("seen"))
    far = f"0-{int(position.split('-')[1]) + 1_000}"
    assert (await became(service, "nobody")).json()["type"] == "/problems/unknown-event"
    passed = await became(service, "nobody", position=position, wait_for=position)
    assert passed.status_code == 404
    assert "everything up to that position" in passed.json()["detail"]
    pending = await became(service, "nobody", position=far)
    assert (pending.status_code, pending.json()["state"], pending.json()["position"]) == (200, "pending", far)
    assert (await became(service, "x", position="abc")).status_code == 422
    assert (await became(service, "x", wrong="abc")).status_code == 422


async def test_a_parked_event_says_why_and_what_to_do(service: httpx.AsyncClient, service_url: str) -> None:
    log = PostgresEventLog(dsn=service_url, partitions=1)
    await log.start()
    [position] = await log.append([Record(b"1:broken", b"{oops")], deadline_seconds=5)
    await log.stop()
    told = (await became(service, "whatever", position=position.token, wait_for=position.token)).json()
    assert (told["state"], told["code"], told["position"]) == ("parked", "not_json", position.token)
    assert "replay" in told["advice"]
    owner = await asyncpg.connect(service_url)
    await owner.execute("SET ROLE zhuisu_projector")
    await owner.execute("UPDATE views.dead_letters SET event_id = 'parked-1'")
    by_id = (await became(service, "parked-1")).json()
    assert (by_id["state"], by_id["replayed_as"], by_id["settled"]) == ("parked", None, None)
    assert by_id["incomplete_because"] == ["parked"]
    await owner.execute("UPDATE views.dead_letters SET settled = 'sent anew as parked-2'")
    settled = (await became(service, "parked-1")).json()
    assert (settled["state"], settled["settled"], settled["complete"]) == ("parked", "sent anew as parked-2", True)
    await owner.execute("UPDATE views.dead_letters SET replayed_as = '0-999'")
    await owner.close()
    sent_again = (await became(service, "parked-1")).json()
    assert (sent_again["state"], sent_again["replayed_as"]) == ("pending", "0-999")


async def test_only_readers_ask_and_only_of_their_own_tenant(
    service: httpx.AsyncClient, other_tenant: dict[str, str]
) -> None:
    position = await post(service, stored("own"))
    made = (await service.post("/v1/keys", json={"name": "x", "roles": ["capture"]})).json()
    answer = await service.get("/v1/events/own", headers={"Authorization": f"Bearer {made['key']}"})
    assert answer.status_code == 403
    assert (await became(service, "own", wait_for=position)).status_code == 200
    assert (await service.get("/v1/events/own", headers=other_tenant)).status_code == 404
