"""Complaints as they are posted: on units, without places and without people."""

from typing import Any

import httpx
import pytest

COMPLAINT = {
    "kind": "complained",
    "occurred_at": "2026-04-02T11:20:00+08:00",
    "items": [{"item": {"product": "BIKE-C", "serial": "B-1"}}],
    "channel": "12315",
    "symptom": "battery gets hot while charging",
    "complainant": "h-5f1c",
}


async def test_a_complaint_is_in_the_timeline_and_changes_nothing_of_where_the_unit_is(
    service: httpx.AsyncClient,
) -> None:
    sold = {
        "kind": "sold",
        "occurred_at": "2026-03-02T11:20:00+08:00",
        "site": "SHOP-1",
        "items": COMPLAINT["items"],
        "holder": "h-5f1c",
    }
    position = (await service.post("/v1/events", json=[sold, COMPLAINT])).json()["position"]
    asked = {"item": "urn:zhuisu:unit:own:BIKE-C:B-1", "wait_for": position}
    state = (await service.get("/v1/items/state", params=asked)).json()
    assert (state["status"], state["site"], state["holder"]) == ("sold", "SHOP-1", "h-5f1c")
    events = (await service.get("/v1/items/timeline", params=asked)).json()["events"]
    assert [e["kind"] for e in events] == ["sold", "complained"]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"site": "SHOP-1"}, "invalid-event", "site"),
        ({"items": []}, "invalid-event", "items"),
        ({"channel": None}, "invalid-event", "channel"),
        ({"complainant": "Wang Xiaoming"}, "personal-data", "complainant"),
        ({"symptom": "hot, call 13812345678"}, "personal-data", "symptom"),
        ({"symptom": "hot, write to wang@example.com"}, "personal-data", "symptom"),
        ({"symptom": "says 11010519491231002X"}, "personal-data", "symptom"),
    ],
)
async def test_a_complaint_that_tells_too_much_or_too_little_is_refused(
    service: httpx.AsyncClient, change: dict[str, Any], *, code: str, field: str
) -> None:
    answer = await service.post("/v1/events", json={**COMPLAINT, **change})
    assert answer.status_code == 422, answer.text
    error = answer.json()["outcomes"][0]["error"]
    assert (error["type"], error["field"]) == (f"/problems/{code}", field)


async def test_a_symptom_may_name_voltages_and_part_numbers(service: httpx.AsyncClient) -> None:
    told = {**COMPLAINT, "symptom": "41.5 V, pack 09521234543213 swollen 3 mm, order 20260402-77"}
    assert (await service.post("/v1/events", json=told)).status_code == 202
