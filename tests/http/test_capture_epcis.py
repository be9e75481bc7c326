"""EPCIS documents: what each event becomes, what is kept of it, and how it is refused, by its own member's path."""

import json
from typing import Any

import asyncpg
import httpx
import pytest

GTIN = "urn:epc:id:sgtin:9521234.000010"
LOT = "urn:epc:class:lgtin:9521234.000010"
HEAD = {"eventTime": "2026-03-01T08:00:00+08:00", "eventTimeZoneOffset": "+08:00"}
OBJECT = {**HEAD, "type": "ObjectEvent", "action": "OBSERVE"}


def document(*events: dict[str, Any]) -> dict[str, Any]:
    return {"@context": [], "type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": list(events)}}


async def captured(service: httpx.AsyncClient, *events: dict[str, Any], **headers: str) -> str:
    """Capture events; returns the position to wait for."""
    answer = await service.post("/epcis/v2/capture", json=document(*events), headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["captureID"].rsplit("~", 1)[1])


async def body_of(service: httpx.AsyncClient, event_id: str, position: str) -> dict[str, Any]:
    answer = await service.get(f"/v1/events/{event_id}", params={"wait_for": position})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()["body"]
    return told


async def forward(service: httpx.AsyncClient, item: str, position: str) -> set[str]:
    answer = await service.get("/v1/trace/forward", params={"item": item, "wait_for": position})
    assert answer.status_code == 200, answer.text
    return {n["item"] for n in answer.json()["nodes"]}


async def canonical(service: httpx.AsyncClient, item: str) -> str:
    return str((await service.get("/v1/items/state", params={"item": item})).json()["item"])


@pytest.mark.parametrize(
    ("name", "event", "expected"),
    [
        ("v-pass", {"bizStep": "inspecting", "disposition": "conformant"}, {"kind": "inspected", "verdict": "pass"}),
        ("v-fail", {"bizStep": "inspecting", "disposition": "non_conformant"}, {"verdict": "fail"}),
        ("v-none", {"bizStep": "inspecting", "disposition": "in_progress"}, {"kind": "inspected"}),
        ("born", {"action": "ADD", "bizStep": "urn:example:hatching"}, {"kind": "commissioned"}),
        ("encoded", {"action": "ADD", "bizStep": "encoding"}, {"kind": "commissioned"}),
        ("add-rcv", {"action": "ADD", "bizStep": "receiving"}, {"kind": "received"}),
        ("back", {"bizStep": "receiving", "disposition": "returned"}, {"kind": "returned"}),
        ("gone", {"action": "DELETE", "bizStep": "destroying"}, {"kind": "destroyed"}),
        ("held", {"bizStep": "holding", "disposition": "recalled"}, {"kind": "observed", "disposition": "recalled"}),
        ("curie", {"bizStep": "cbv:BizStep-shipping"}, {"kind": "shipped", "biz_step": "shipping"}),
        ("utc", {"eventTime": "2026-03-01T00:00:00.123456789Z"}, {"occurred_at": "2026-03-01T08:00:00.123456+08:00"}),
        ("bare", {"eventTime": "2026-03-01T08:00:00"}, {"occurred_at": "2026-03-01T08:00:00+08:00"}),
    ],
)
async def test_what_an_object_event_becomes(
    service: httpx.AsyncClient, name: str, *, event: dict[str, Any], expected: dict[str, Any]
) -> None:
    sent = {**OBJECT, "eventID": f"urn:ev:{name}", "epcList": [f"{GTIN}.{name}"], **event}
    told = await body_of(service, f"urn:ev:{name}", await captured(service, sent))
    assert {key: told.get(key) for key in expected} == expected
    if name == "v-none":
        assert "verdict" not in told


@pytest.mark.parametrize("step", ["commissioning", "urn:example:hatching", "receiving", "inspecting"])
@pytest.mark.parametrize("number", ["L-77", 77])
async def test_a_serial_born_with_a_lot_number_is_of_that_lot(
    service: httpx.AsyncClient, step: str, number: object
) -> None:
    """Whatever step the sender wrote: were the membership lost, the lot's recall would miss the serial."""
    serial, lot = f"{GTIN}.{step[-9:]}-{number}", f"{LOT}.{number}"
    sent = {**OBJECT, "action": "ADD", "bizStep": step, "epcList": [serial], "ilmd": {"cbvmda:lotNumber": number}}
    position = await captured(service, sent)
    assert await canonical(service, serial) in await forward(service, lot, position)
    state = (await service.get("/v1/items/state", params={"item": lot})).json()
    assert (state["kind"], state["event_count"]) == ("lot", 0)
    found = (await service.get("/v1/items", params={"q": state["item"]})).json()["items"]
    assert [i["item"] for i in found] == [state["item"]]


@pytest.mark.parametrize("link", ["10/DL-{n}/21/S{n}", "21/S{n}/10/DL-{n}", "lot/DL-{n}/ser/S{n}"])
async def test_a_link_that_names_lot_and_serial_tells_both(service: httpx.AsyncClient, link: str) -> None:
    number = str(len(link)) + link[0]
    printed = "https://example.com/01/09521234000105/" + link.format(n=number)
    position = await captured(service, {**OBJECT, "epcList": [printed]})
    lot = f"https://id.gs1.org/01/09521234000105/10/DL-{number}"
    assert f"https://id.gs1.org/01/09521234000105/21/S{number}" in await forward(service, lot, position)


async def test_two_readings_without_ids_are_two_events_and_one_again_is_none(service: httpx.AsyncClient) -> None:
    """They differ in sensor data only, which the native event does not show."""

    def reading(value: float) -> dict[str, Any]:
        sensors = [{"sensorReport": [{"type": "Temperature", "value": value, "uom": "CEL"}]}]
        return {**OBJECT, "bizStep": "sensor_reporting", "epcList": [f"{GTIN}.SENSED"], "sensorElementList": sensors}

    await captured(service, reading(20.5), reading(21.5))
    position = await captured(service, reading(20.5))
    state = await service.get("/v1/items/state", params={"item": f"{GTIN}.SENSED", "wait_for": position})
    assert state.json()["event_count"] == 2


async def test_the_same_id_with_other_sensor_data_is_a_conflict(service: httpx.AsyncClient) -> None:
    sent = {**OBJECT, "eventID": "urn:ev:sensed", "epcList": [f"{GTIN}.SENSED-2"]}
    await captured(service, {**sent, "example:reading": 1})
    position = await captured(service, {**sent, "example:reading": 2})
    state = await service.get("/v1/items/state", params={"item": f"{GTIN}.SENSED-2", "wait_for": position})
    assert [c["code"] for c in state.json()["conflicts"]] == ["conflicting_copies"]


async def test_an_error_declaration_voids_an_event_that_had_no_id(service: httpx.AsyncClient) -> None:
    sold = {**OBJECT, "bizStep": "retail_selling", "disposition": "retail_sold", "epcList": [f"{GTIN}.WRONG"]}
    sold |= {"example:till": 7}
    before = await captured(service, {**OBJECT, "bizStep": "stocking", "epcList": [f"{GTIN}.WRONG"]}, sold)
    declared = {"declarationTime": "2026-03-02T08:00:00Z", "reason": "did_not_occur"}
    item = f"{GTIN}.WRONG"
    state = await service.get("/v1/items/state", params={"item": item, "wait_for": before})
    assert state.json()["status"] == "sold"
    after = await captured(service, {**sold, "errorDeclaration": declared})
    state = await service.get("/v1/items/state", params={"item": item, "wait_for": after})
    assert state.json()["status"] == "in_stock"


async def test_the_event_is_kept_beside_as_sent(service: httpx.AsyncClient, service_url: str) -> None:
    sent = {**OBJECT, "eventID": "urn:ev:kept", "epcList": [f"{GTIN}.KEPT"], "ext:a": {"b": [1, 2.5, None, "红"]}}
    await captured(service, sent)
    connection = await asyncpg.connect(service_url)
    try:
        value = await connection.fetchval(
            "SELECT value FROM log_records WHERE position('urn:ev:kept'::bytea IN value) > 0"
        )
    finally:
        await connection.close()
    assert json.loads(value)["original"] == sent


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"epcList": [f"{GTIN}.1", "SN-2"]}, "epcList.1", "EPC URN"),
    ({"epcList": [f"{GTIN}.1"], "quantityList": [{"epcClass": f"{LOT}.1", "quantity": "5"}]},
     "quantityList.0.quantity", "without quotes"),
    ({"epcList": [f"{GTIN}.1"], "quantityList": [{"epcClass": f"{LOT}.1", "quantity": -5}]},
     "quantityList.0.quantity", ""),
    ({"epcList": [f"{GTIN}.1"], "quantityList": [{"quantity": 5}]}, "quantityList.0.epcClass", "text"),
    ({"epcList": f"{GTIN}.1"}, "epcList", "[ ]"),
    ({"epcList": []}, "epcList", "name at least one"),
    ({"epcList": [f"{GTIN}.1"], "bizTransactionList": [{"type": "po"}]}, "bizTransactionList.0.bizTransaction", ""),
    ({"epcList": [f"{GTIN}.1"], "sourceList": [{"type": "owning_party"}]}, "sourceList.0.source", ""),
    ({"epcList": [f"{GTIN}.1"], "bizLocation": {"name": "dock"}}, "bizLocation.id", ""),
    ({"epcList": [f"{GTIN}.1"], "eventTimeZoneOffset": "8"}, "eventTimeZoneOffset", "+08:00"),
    ({"epcList": [f"{GTIN}.1"], "eventTime": 1772323200}, "eventTime", "RFC 3339"),
    ({"epcList": [f"{GTIN}.1"], "eventTime": "2999-03-01T08:00:00Z"}, "eventTime", "clock"),
    ({"epcList": [f"{GTIN}.1"], "eventID": "x" * 300}, "eventID", ""),
    ({"epcList": [f"{GTIN}.1"], "persistentDisposition": {"set": ["recaled"]}}, "persistentDisposition.set.0",
     "recalled"),
    ({"epcList": [f"{GTIN}.1"], "ext:long": "x" * 5_000}, "ext:long", "shorten"),
    ({"epcList": [f"{GTIN}.1"], "action": "ADD", "ilmd": {"cbvmda:lotNumber": 1.5}}, "ilmd.cbvmda:lotNumber", "text"),
    ({"epcList": [f"{GTIN}.1"], "errorDeclaration": {"reason": "x"}}, "errorDeclaration.declarationTime", ""),
    ({"epcList": [f"{GTIN}.1"], "type": "ObjectEvents"}, "type", "ObjectEvent"),
    ({"type": "AggregationEvent", "action": "ADD", "childEPCs": [f"{GTIN}.1"]}, "parentID", "add it"),
    ({"type": "AggregationEvent", "action": "ADD", "parentID": f"{GTIN}.1", "childEPCs": []}, "childEPCs", ""),
    ({"type": "AssociationEvent", "action": "ADD", "parentID": f"{GTIN}.1", "childEPCs": []}, "childEPCs", ""),
    ({"type": "TransformationEvent"}, "inputEPCList", "name at least one"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "field", "fix"), REFUSED)
async def test_refusals_name_the_member_and_the_fix(
    service: httpx.AsyncClient, event: dict[str, Any], *, field: str, fix: str
) -> None:
    answer = await service.post(
        "/epcis/v2/capture", json=document({**OBJECT, "epcList": [f"{GTIN}.0"]}, OBJECT | event)
    )
    assert answer.status_code == 400, answer.text
    told = answer.json()
    [error] = told["errors"]
    assert (told["type"], error["index"], error["field"]) == ("/problems/invalid-events", 1, field), error
    assert error["detail"]
    assert error["fix"]
    assert fix in error["fix"], error
    assert told["detail"].startswith(f"event 1: {field}: ")


async def test_proceed_captures_the_good_and_lists_the_others(service: httpx.AsyncClient) -> None:
    good, bad = {**OBJECT, "epcList": [f"{GTIN}.GOOD"]}, {**OBJECT, "epcList": ["SN-1"]}
    headers = {"GS1-Capture-Error-Behaviour": "proceed"}
    answer = await service.post("/epcis/v2/capture", json=document(bad, good), headers=headers)
    assert answer.status_code == 202
    token = answer.json()["captureID"].rsplit("~", 1)[1]
    job = (await service.get(answer.headers["location"], params={"wait_for": token})).json()
    assert (job["success"], [e["index"] for e in job["errors"]]) == (False, [0])
    assert job["errors"][0]["detail"].startswith("event 0: epcList.0: ")
    assert (await service.get("/v1/items/state", params={"item": f"{GTIN}.GOOD"})).status_code == 200
    refused = await service.post(
        "/epcis/v2/capture", json=document(good), headers={"GS1-Capture-Error-Behaviour": "perhaps"}
    )
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-parameter")
