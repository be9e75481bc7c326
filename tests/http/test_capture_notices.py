"""What an accepted event leaves open is said in its outcome and counted: accepted, flagged and counted."""

from typing import Any

import httpx
import pytest

RECEIPT = {
    "kind": "material_received",
    "occurred_at": "2026-03-01T08:00:00Z",
    "item": {"product": "CELL", "lot": "N-1"},
    "supplier": "urn:party:cells",
    "supplier_lot": "240512",
    "certificate": "CoC-1",
    "inspected": True,
}
CASES = [
    ({}, []),
    ({"inspected": None}, ["no_inspection"]),
    ({"inspected": False}, ["no_inspection"]),
    ({"certificate": None}, ["no_certificate"]),
    ({"certificate": None, "documents": [{"type": "cert", "id": "CoC-1"}]}, []),
    ({"supplier_lot": None}, ["no_supplier_lot"]),
    ({"supplier_lot": None, "item": {"issuer": "urn:party:cells", "product": "CELL", "lot": "240512"}}, []),
    ({"supplier_lot": None, "item": {"issuer": "urn:party:cells", "product": "CELL"}}, ["no_supplier_lot"]),
    (
        {"inspected": None, "certificate": None, "supplier_lot": None},
        ["no_inspection", "no_certificate", "no_supplier_lot"],
    ),
]


async def flagged(service: httpx.AsyncClient, code: str) -> float:
    lines = (await service.get("/metrics")).text.splitlines()
    name = f'zhuisu_events_flagged_total{{notice="{code}"}} '
    return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)


@pytest.mark.parametrize(("change", "codes"), CASES)
async def test_a_receipt_that_leaves_something_open_is_accepted_and_says_so(
    service: httpx.AsyncClient, change: dict[str, Any], *, codes: list[str], request: pytest.FixtureRequest
) -> None:
    before = {code: await flagged(service, code) for code in codes}
    event = {**RECEIPT, **change, "event_id": request.node.name}
    answer = await service.post("/v1/events", json=event)
    assert answer.status_code == 202, answer.text
    [outcome] = answer.json()["outcomes"]
    assert outcome["outcome"] == "accepted"
    assert [n["code"] for n in outcome.get("notices", [])] == codes
    assert all(n["field"] in event or n["field"] in RECEIPT for n in outcome.get("notices", []))
    assert all(n["detail"] for n in outcome.get("notices", []))
    for code in codes:
        assert await flagged(service, code) == before[code] + 1
    again = (await service.post("/v1/events", json=event)).json()["outcomes"][0]
    assert again["outcome"] == "duplicate"
    assert [n["code"] for n in again.get("notices", [])] == codes
    for code in codes:
        assert await flagged(service, code) == before[code] + 1, "a duplicate is not counted again"


async def test_an_inspection_without_a_result_is_accepted_and_says_so(service: httpx.AsyncClient) -> None:
    seen = {"kind": "inspected", "occurred_at": "2026-03-01T08:00:00Z", "items": [{"item": "urn:x:n1"}]}
    outcomes = (await service.post("/v1/events", json=[seen, {**seen, "verdict": "pass"}])).json()["outcomes"]
    assert [[n["code"] for n in o.get("notices", [])] for o in outcomes] == [["no_verdict"], []]


async def test_the_timeline_says_so_too(service: httpx.AsyncClient) -> None:
    lot = {"product": "CELL", "lot": "N-TIMELINE"}
    receipt = {**RECEIPT, "item": lot, "inspected": None}
    seen = {"kind": "inspected", "occurred_at": "2026-03-02T08:00:00Z", "items": [{"item": lot}]}
    kept = {**seen, "kind": "stored", "occurred_at": "2026-03-03T08:00:00Z"}
    position = (await service.post("/v1/events", json=[receipt, seen, kept])).json()["position"]
    asked = {"item": "urn:zhuisu:lot:own:CELL:N-TIMELINE", "wait_for": position}
    events = (await service.get("/v1/items/timeline", params=asked)).json()["events"]
    assert [e["notices"] for e in events] == [["no_inspection"], ["no_verdict"], []]


async def test_an_output_that_was_only_booked_says_that_its_making_is_not_known(service: httpx.AsyncClient) -> None:
    """A reel that came off before the booking may be in it, and no answer can tell."""
    booked = {
        "kind": "output_reported",
        "occurred_at": "2026-03-01T20:00:00Z",
        "site": "PLANT-N",
        "order": "N-4711",
        "document": "N-1",
        "outputs": [{"item": {"product": "BOARD", "serial": "N-B1"}}],
    }
    on_line = {**booked, "document": "N-2", "circumstances": {"line": "SMT-N"}}
    answer = await service.post("/v1/events", json=[booked, on_line])
    assert answer.status_code == 202, answer.text
    codes = [[n["code"] for n in o.get("notices", [])] for o in answer.json()["outcomes"]]
    assert codes == [[], ["no_making"]]
