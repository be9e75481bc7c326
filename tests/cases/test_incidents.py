"""Major quality incidents over HTTP: reported with their clocks, the batch and the known flow read from the trace."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.cases.conftest import People
from tests.waiting import eventually

UNIT = "urn:zhuisu:unit:own:PACK-I:P-1"
PACK_LOT = "urn:zhuisu:lot:own:PACK-I:PL-1"
CELL_LOT = "urn:zhuisu:lot:own:CELL-I:L-9"


def ago(**delta: float) -> str:
    return (datetime.now(UTC) - timedelta(**delta)).isoformat()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def record(service: httpx.AsyncClient) -> str:
    """Cell lot L-9 went into packs P-1 and P-2 of lot PL-1; P-1 was sold, P-2 shipped to a dealer. The position."""
    packs = [{"item": {"product": "PACK-I", "serial": n}, "lot": PACK_LOT} for n in ("P-1", "P-2")]
    events = [
        {
            "kind": "transformed",
            "occurred_at": "2026-03-02T08:30:00+08:00",
            "site": "PLANT-I",
            "inputs": [{"item": {"product": "CELL-I", "lot": "L-9"}, "quantity": 40}],
            "outputs": packs,
        },
        {
            "kind": "sold",
            "occurred_at": "2026-03-06T10:00:00+08:00",
            "site": "SHOP-I",
            "holder": "h-1",
            "items": [{"item": UNIT}],
        },
        {
            "kind": "shipped",
            "occurred_at": "2026-03-06T10:00:00+08:00",
            "site": "PLANT-I",
            "to_possessor": "dealer-i",
            "items": [{"item": "urn:zhuisu:unit:own:PACK-I:P-2"}],
        },
    ]
    answer = await service.post("/v1/events", json=events)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["position"])


async def incident(service: httpx.AsyncClient, people: People, case_id: str, **more: Any) -> dict[str, Any]:
    body = {"id": case_id, "title": "Pack fire", "known_at": ago(minutes=30), "items": [UNIT], **more}
    answer = await service.post("/v1/incidents", json=body, headers=people.wang)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/incidents/{case_id}"
    told: dict[str, Any] = answer.json()
    return told


def statuses(told: dict[str, Any]) -> dict[str, str]:
    return {c["clock"].removeprefix("incident-cn."): c["status"] for c in told["clocks"]}


async def test_an_incident_runs_from_its_first_report_to_its_end(
    service: httpx.AsyncClient, people: People, record: str
) -> None:
    told = await incident(service, people, "IN-1", place="Hefei", harm="one burnt", cases=["RC-9"])
    assert (told["state"], told["mode"], told["place"], told["items"]) == ("known", "live", "Hefei", [UNIT])
    assert statuses(told) == {"first": "due", "province": "due", "summary": "due"}
    first = await service.post(
        "/v1/incidents/IN-1/reports", json={"stage": "first", "reference": "fax 1"}, headers=people.wang
    )
    assert (first.json()["state"], statuses(first.json())["first"]) == ("reported", "met")
    more = {"harm": "two burnt", "first_judgement": "cells", "control_status": "in hand", "reason": "the hospital"}
    told = (await service.post("/v1/incidents/IN-1/facts", json=more, headers=people.li)).json()
    assert (told["harm"], told["place"], told["first_judgement"]) == ("two burnt", "Hefei", "cells")
    final = {"stage": "final", "text": "cells of L-9", "at": ago(minutes=1)}
    told = (await service.post("/v1/incidents/IN-1/reports", json=final, headers=people.wang)).json()
    assert (told["state"], statuses(told)) == ("final_reported", {"first": "met", "province": "due", "summary": "met"})
    assert [r["stage"] for r in told["reports"]] == ["first", "final"]
    closed = await service.post("/v1/incidents/IN-1/close", json={"reason": "done"}, headers=people.wang)
    assert closed.json()["state"] == "closed"
    refused = await service.post("/v1/incidents/IN-1/facts", json={"harm": "none"}, headers=people.wang)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/case-closed")
    read = (await service.get("/v1/incidents/IN-1", headers=people.reader)).json()
    assert [a["act"] for a in read["history"] if a["sequence"] is not None] == [
        "opened",
        "stage_reported",
        "incident_reported",
        "stage_reported",
        "closed",
    ]
    assert read["linked_cases"] == [{"case": "RC-9", "case_type": None}]


async def test_batch_and_known_flow_are_read_from_the_trace_and_kept_as_they_were_reported(
    service: httpx.AsyncClient, people: People, record: str
) -> None:
    await incident(service, people, "IN-2", items=[UNIT, "urn:zhuisu:unit:own:PACK-I:NOBODY-KNOWS"])
    asked = {"wait_for": record}
    report = (await service.get("/v1/incidents/IN-2/report", params=asked, headers=people.reader)).json()
    assert report["batch"]["lots"] == [{"lot": PACK_LOT, "certainty": "certain"}]
    assert report["batch"]["component_lots"] == [{"lot": CELL_LOT, "certainty": "certain"}]
    assert report["unknown_items"] == ["urn:zhuisu:unit:own:PACK-I:NOBODY-KNOWS"]
    flow = report["known_flow"]
    assert flow["totals"]["by_holder"] == {"dealer-i": 1, "h-1": 1}
    assert flow["totals"]["by_status"] == {"in_transit": 1, "sold": 1}
    assert flow["complete"] is True
    assert flow["of"] == [PACK_LOT]
    assert flow["items"] == [
        {"item": UNIT, "status": "sold", "site": "SHOP-I", "holder": "h-1", "on_hold": False},
    ]
    assert [g["code"] for g in flow["gaps"]] == ["shipped_out"]
    await service.post("/v1/incidents/IN-2/reports", json={"stage": "first"}, headers=people.wang)
    received = {
        "kind": "received",
        "occurred_at": "2026-03-09T10:00:00+08:00",
        "site": "DEALER-I",
        "items": [{"item": "urn:zhuisu:unit:own:PACK-I:P-2"}],
    }
    position = (await service.post("/v1/events", json=received)).json()["position"]
    kept = (await service.get("/v1/incidents/IN-2", params={"wait_for": position})).json()["history"][-1]["report"]
    now = (await service.get("/v1/incidents/IN-2/report")).json()
    assert kept["known_flow"]["totals"]["by_status"] == {"in_transit": 1, "sold": 1}
    assert now["known_flow"]["totals"]["by_status"] == {"in_stock": 1, "sold": 1}


async def test_an_incident_that_is_reported_late_says_so_and_is_reminded_of(
    service: httpx.AsyncClient, people: People
) -> None:
    told = await incident(service, people, "IN-3", known_at=ago(hours=3), items=[])
    assert statuses(told) == {"first": "overdue", "province": "overdue", "summary": "due"}

    async def reminded() -> bool:
        clocks = (await service.get("/v1/incidents/IN-3/clocks")).json()["clocks"]
        return [c["reminded"] for c in clocks] == [["1"], ["1"], []]

    await eventually(reminded)
    report = (await service.get("/v1/incidents/IN-3/report")).json()
    assert (report["known_flow"]["complete"], report["known_flow"]["incomplete_because"]) == (False, ["no_items"])


async def test_incidents_are_found_by_item_case_and_state(service: httpx.AsyncClient, people: People) -> None:
    await incident(service, people, "IN-4", items=["urn:x:fire"], cases=["RC-4"])

    async def found(**params: str) -> list[str]:
        answer = await service.get("/v1/incidents", params=params, headers=people.reader)
        assert answer.json()["complete"] is True
        return [i["incident"] for i in answer.json()["incidents"]]

    assert await found(item="urn:x:fire") == ["IN-4"]
    assert await found(case="RC-4") == ["IN-4"]
    assert "IN-4" in await found(state="known")
    assert "IN-4" not in await found(state="closed")


async def test_a_recall_names_the_incidents_that_are_linked_to_it(service: httpx.AsyncClient, people: People) -> None:
    await service.post("/v1/recalls", json={"id": "RC-IN", "title": "packs"}, headers=people.wang)

    async def linked() -> list[str]:
        recall = (await service.get("/v1/recalls/RC-IN", headers=people.reader)).json()
        return [i["incident"] for i in recall["incidents"]]

    assert await linked() == []
    await incident(service, people, "IN-8", cases=["RC-IN"])
    await incident(service, people, "IN-9")
    link = {"reason": "the same packs", "cases": ["RC-IN", "RC-OTHER"]}
    assert (await service.post("/v1/incidents/IN-9/describe", json=link, headers=people.wang)).status_code == 200
    assert await linked() == ["IN-8", "IN-9"]
    apart = {"reason": "another cause", "cases": []}
    assert (await service.post("/v1/incidents/IN-8/describe", json=apart, headers=people.wang)).status_code == 200
    assert await linked() == ["IN-9"]


async def test_the_same_incident_opened_again_is_one_and_another_of_its_id_is_refused(
    service: httpx.AsyncClient, people: People
) -> None:
    at = ago(minutes=5)
    first = await incident(service, people, "IN-5", known_at=at)
    assert await incident(service, people, "IN-5", known_at=at) == first | {"clocks": ANY_CLOCKS}
    body = {"id": "IN-5", "title": "Another", "known_at": at}
    refused = await service.post("/v1/incidents", json=body, headers=people.wang)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/case-exists")


class _Any:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


ANY_CLOCKS = _Any()


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("", {"title": "x"}, 422, "invalid-command"),
        ("", {"title": "x", "known_at": "2999-01-01T00:00:00Z"}, 422, "in-the-future"),
        ("", {"title": "x", "known_at": "2026-01-01T00:00:00Z", "item": "urn:x:1"}, 422, "invalid-command"),
        ("", {"known_at": "2026-01-01T00:00:00Z"}, 422, "invalid-command"),
        ("/IN-6/reports", {"stage": "second"}, 422, "invalid-command"),
        ("/IN-6/reports", {"stage": "first", "report": {}}, 422, "invalid-command"),
        ("/IN-6/reports", {"stage": "first", "at": "2999-01-01T00:00:00Z"}, 422, "in-the-future"),
        ("/IN-6/facts", {"harms": "none"}, 422, "invalid-command"),
        ("/IN-6/close", {}, 422, "invalid-command"),
        ("/IN-6/reopen", {"reason": "x"}, 409, "case-open"),
        ("/IN-6/describe", {"reason": "x", "mode": "mock"}, 409, "mode-fixed"),
        ("/IN-NONE/close", {"reason": "x"}, 404, "unknown-case"),
        ("/IN-NONE/reports", {"stage": "first"}, 404, "unknown-case"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    service: httpx.AsyncClient, people: People, *, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    await service.post(
        "/v1/incidents",
        json={"id": "IN-6", "title": "x", "known_at": "2026-01-01T00:00:00Z"},
        headers=people.wang,
    )
    refused = await service.post(f"/v1/incidents{path}", json=body, headers=people.wang)
    assert (refused.status_code, refused.json()["type"]) == (status, f"/problems/{code}"), refused.text


async def test_only_the_role_recall_changes_an_incident_and_only_unlimited_keys_see_one(
    service: httpx.AsyncClient, people: People
) -> None:
    await incident(service, people, "IN-7")
    for path in ("", "/IN-7/facts", "/IN-7/reports", "/IN-7/describe", "/IN-7/close", "/IN-7/reopen"):
        refused = await service.post(f"/v1/incidents{path}", json={}, headers=people.reader)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden"), path
        limited = await service.post(f"/v1/incidents{path}", json={}, headers=people.limited)
        assert limited.json()["type"] == "/problems/site-scope", path
    for path in ("", "/IN-7", "/IN-7/report", "/IN-7/clocks"):
        assert (await service.get(f"/v1/incidents{path}", headers=people.reader)).status_code == 200
        assert (await service.get(f"/v1/incidents{path}", headers=people.limited)).status_code == 403
    for path in ("/v1/incidents/IN-NONE", "/v1/incidents/IN-NONE/report", "/v1/recalls/IN-7"):
        missing = await service.get(path)
        assert (missing.status_code, missing.json()["type"]) == (404, "/problems/unknown-case"), path


async def test_the_report_is_a_sheet_too_the_same_at_the_same_point(
    service: httpx.AsyncClient, people: People, record: str
) -> None:
    await incident(service, people, "IN-sheet", items=[UNIT], harm="=cmd|' /C calc'!A1")
    asked = {"wait_for": record, "format": "json"}
    path = "/v1/incidents/IN-sheet/report"
    first = await service.get(path, params=asked, headers=people.reader)
    assert first.status_code == 200, first.text
    tables = {t["name"]: t["rows"] for t in first.json()["tables"]}
    fields = {r["field"]: r["value"] for r in tables["fields"]}
    assert (fields["Batch"], fields["Harm"]) == (PACK_LOT, "=cmd|' /C calc'!A1")
    assert {r["lot"] for r in tables["batch"]} == {PACK_LOT, CELL_LOT}
    assert {r["by"].split()[0] for r in tables["flow"]} == {"status", "site", "holder"}
    assert tables["items"][0]["item"] == UNIT
    sheet = {**asked, "format": "csv", "as_of": first.json()["as_of"]}
    before = await service.get(path, params=sheet, headers=people.reader)
    assert "'=cmd" in before.text
    late = {"kind": "returned", "occurred_at": "2026-03-12T10:00:00+08:00", "items": [{"item": UNIT}], "site": "SHOP-I"}
    position = (await service.post("/v1/events", json=late)).json()["position"]
    again = await service.get(path, params={**sheet, "wait_for": position}, headers=people.reader)
    assert again.content == before.content
    now = await service.get(path, params={**asked, "wait_for": position}, headers=people.reader)
    assert now.json()["tables"] != first.json()["tables"]
