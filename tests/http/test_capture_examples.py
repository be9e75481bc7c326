"""The documented example of each kind: posted, accepted, asked for again, and shown in the API description."""

import json
from typing import Any
from urllib.parse import quote

import asyncpg
import httpx
import pytest

from domain.events import KINDS
from domain.ids import ItemId
from services.codec import decode
from services.ingest.examples import epcis_example, examples
from services.ingest.explaining import SENDABLE

EXAMPLES = examples()

DOCUMENTS = [
    {"type": "po", "id": "urn:doc:po:1"},
    {"type": "desadv", "id": "urn:doc:asn:1"},
    {"type": "bol", "id": "urn:doc:bol:1"},
    {"type": "inv", "id": "urn:doc:invoice:1"},
    {"type": "prodorder", "id": "urn:doc:workorder:1"},
    {"type": "rma", "id": "urn:doc:rma:1"},
]
EXTENSIONS = {
    "https://example.com/colour": "红",
    "text": ["", "2026-01-01", "007"],
    "numbers": [1, 2.5, -0.1, 10**15, True, None],
    "empty": {"list": [], "object": {}, "nothing": None},
}


def test_every_kind_has_an_example_and_every_example_a_kind() -> None:
    assert set(EXAMPLES) == SENDABLE == set(KINDS) - {"capture_finished", "case_recorded"}
    assert all(one.event["kind"] == kind for kind, one in EXAMPLES.items())


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
async def test_the_example_is_accepted_and_answered(service: httpx.AsyncClient, kind: str) -> None:
    answer = await service.post("/v1/events", json=EXAMPLES[kind].event)
    assert answer.status_code == 202, answer.text
    [outcome] = answer.json()["outcomes"]
    assert (outcome["outcome"], answer.json()["position"]) == ("accepted", outcome["position"])

    path = f"/v1/events/{quote(outcome['event_id'], safe='')}"
    told = (await service.get(path, params={"wait_for": outcome["position"]})).json()
    assert (told["state"], told["kind"]) == ("applied", kind)
    item = _first_item(EXAMPLES[kind].event)
    if item is not None:
        timeline = await service.get("/v1/items/timeline", params={"item": item})
        assert outcome["event_id"] in [e["event_id"] for e in timeline.json()["events"]], timeline.text


def _first_item(event: Any) -> str | None:
    """The canonical id of an item that the event names."""
    if kind_has_no_item(event["kind"]):
        return None
    for member in ("item", "container", "parent"):
        if member in event:
            return ItemId.parse(event[member])
    listed = event.get("items") or event.get("outputs") or [{"item": event.get("product")}]
    return ItemId.parse(listed[0]["item"]) if listed[0].get("item") else None


def kind_has_no_item(kind: str) -> bool:
    return kind in ("voided", "recall_closed", "party_described", "place_described", "hold_released")


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
async def test_documents_and_extensions_are_kept_as_sent(
    service: httpx.AsyncClient, service_url: str, kind: str
) -> None:
    """Read back from the log itself: what is there is what every view is made of."""
    event = {**EXAMPLES[kind].event, "event_id": f"kept-{kind}", "documents": DOCUMENTS, "extensions": EXTENSIONS}
    answer = await service.post("/v1/events", json=event)
    assert answer.status_code == 202, answer.text
    partition, offset = map(int, answer.json()["position"].split("-"))
    connection = await asyncpg.connect(service_url)
    try:
        value = await connection.fetchval(
            "SELECT value FROM log_records WHERE log_partition = $1 AND log_offset = $2", partition, offset
        )
    finally:
        await connection.close()
    kept = json.loads(value)["event"]
    assert (kept["documents"], kept["extensions"]) == (DOCUMENTS, EXTENSIONS)
    decoded = decode(value).event
    assert [{"type": d.type, "id": d.id} for d in decoded.documents] == DOCUMENTS
    assert decoded.extensions == EXTENSIONS


async def test_the_epcis_example_is_captured(service: httpx.AsyncClient) -> None:
    answer = await service.post("/epcis/v2/capture", json=epcis_example().event)
    assert answer.status_code == 202, answer.text


async def test_the_api_description_shows_every_example_and_refusal(service: httpx.AsyncClient) -> None:
    paths = (await service.get("/openapi.json")).json()["paths"]
    events, capture = paths["/v1/events"]["post"], paths["/epcis/v2/capture"]["post"]
    shown = events["requestBody"]["content"]["application/json"]["examples"]
    assert {kind: one["value"] for kind, one in shown.items()} == {k: e.event for k, e in EXAMPLES.items()}
    assert all(one["summary"] for one in shown.values())
    [document] = capture["requestBody"]["content"]["application/json"]["examples"].values()
    assert document["value"] == epcis_example().event
    for route in (events, capture):
        assert route["description"]
        for status in ("400", "401", "403", "413", "415", "422", "429", "503"):
            assert "application/problem+json" in route["responses"][status]["content"], status
            assert len(route["responses"][status]["description"]) > 20


async def test_the_schema_of_events_holds_together(service: httpx.AsyncClient) -> None:
    """Every reference in it leads somewhere, and it says which kind is which."""
    description = (await service.get("/openapi.json")).json()
    schema = description["paths"]["/v1/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    event = schema["anyOf"][0]
    assert set(event["discriminator"]["mapping"]) == SENDABLE
    for reference in _references(schema):
        place: Any = description
        for step in reference.removeprefix("#/").split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]


def _references(value: Any) -> list[str]:
    if isinstance(value, list):
        return [r for one in value for r in _references(one)]
    if not isinstance(value, dict):
        return []
    here = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
    return here + [r for one in value.values() for r in _references(one)]
