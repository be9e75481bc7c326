"""Mock recalls over HTTP: picked by seed, timed, kept, and nothing follows from them."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.cases.conftest import People
from tests.conftest import NewDatabase
from tests.http.serving import serving
from tests.waiting import eventually

RECORD = [
    {
        "kind": "material_received",
        "occurred_at": "2026-03-01T08:00:00+08:00",
        "site": "PLANT-D",
        "item": {"product": "CELL-D", "lot": "L-1"},
        "quantity": 10,
        "supplier": "cellworks",
        "supplier_lot": "240512",
    },
    {
        "kind": "transformed",
        "occurred_at": "2026-03-02T08:00:00+08:00",
        "site": "PLANT-D",
        "inputs": [{"item": {"product": "CELL-D", "lot": "L-1"}, "quantity": 8}],
        "outputs": [{"item": {"product": "PACK-D", "serial": n}} for n in ("P-1", "P-2")],
    },
    {
        "kind": "sold",
        "occurred_at": "2026-03-05T08:00:00+08:00",
        "site": "SHOP-D",
        "holder": "h-1",
        "items": [{"item": {"product": "PACK-D", "serial": "P-1"}}],
    },
]
LOT = "urn:zhuisu:lot:own:CELL-D:L-1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def record(service: httpx.AsyncClient, people: People) -> None:
    empty = await service.post("/v1/drills", json={"seed": 1}, headers=people.wang)
    assert (empty.status_code, empty.json()["type"]) == (409, "/problems/no-lots")
    position = (await service.post("/v1/events", json=RECORD)).json()["position"]
    await service.get("/v1/items/state", params={"item": LOT, "wait_for": position})


async def test_a_drill_runs_both_traces_and_the_balance_and_keeps_what_it_found(
    service: httpx.AsyncClient, people: People, record: None
) -> None:
    run = await service.post("/v1/drills", json={"id": "D-1", "lot": LOT, "seed": 7}, headers=people.wang)
    assert run.status_code == 201, run.text
    told = run.json()
    assert (told["drill"], told["mode"], told["lot"], told["seed"], told["actor"]) == ("D-1", "mock", LOT, 7, "wang")
    result = told["result"]
    assert result["forward"]["totals"] | {"lots": 0} == {
        "items": 2 + result["forward"]["totals"]["lots"],
        "units": 2,
        "lots": 0,
        "top_units": 2,
        "certain": result["forward"]["totals"]["items"],
        "possible": 0,
    }
    assert result["forward"]["units_located"] == 2
    assert result["backward"]["totals"]["lots"] == 1
    assert result["balance"]["lines"] == [{"uom": None, "came_in": "10", "stock": "2", "unaccounted": "0"}]
    assert result["share_accounted"] == "1.0000"
    assert result["complete"] is True
    assert 0 < float(told["seconds"]) < 60
    assert float(result["forward"]["seconds"]) + float(result["backward"]["seconds"]) <= float(told["seconds"])
    again = await service.post("/v1/drills", json={"id": "D-1", "lot": LOT}, headers=people.wang)
    assert again.json() == told
    read = (await service.get("/v1/drills/D-1", headers=people.reader)).json()
    assert {k: read[k] for k in told} == told


async def test_what_is_missing_is_not_accounted_for(service: httpx.AsyncClient, people: People, record: None) -> None:
    scrapped = {
        "kind": "scrapped",
        "occurred_at": "2026-03-03T08:00:00+08:00",
        "site": "PLANT-D",
        "items": [{"item": {"product": "CELL-D", "lot": "L-2"}, "quantity": 5}],
    }
    received = {**RECORD[0], "item": {"product": "CELL-D", "lot": "L-2"}, "supplier_lot": "240513", "quantity": 4}
    position = (await service.post("/v1/events", json=[received, scrapped])).json()["position"]
    lot = "urn:zhuisu:lot:own:CELL-D:L-2"
    await service.get("/v1/items/state", params={"item": lot, "wait_for": position})
    told = (await service.post("/v1/drills", json={"lot": lot}, headers=people.wang)).json()
    assert told["result"]["share_accounted"] == "0.7500"


async def test_a_seed_picks_the_same_lot_again_and_nothing_follows(
    service: httpx.AsyncClient, people: People, record: None
) -> None:
    first = (await service.post("/v1/drills", json={"seed": 5}, headers=people.wang)).json()
    again = (await service.post("/v1/drills", json={"seed": 5}, headers=people.wang)).json()
    assert first["lot"] == again["lot"]
    lots = {(await service.post("/v1/drills", json={"seed": n}, headers=people.wang)).json()["lot"] for n in range(12)}
    assert len(lots) > 1, "another seed, another lot, as a rule"
    assert (await service.get("/v1/recalls")).json()["recalls"] == []
    state = (await service.get("/v1/items/state", params={"item": LOT})).json()
    assert (state["on_hold"], state["event_count"]) == (False, 2)
    listed = (await service.get("/v1/drills", headers=people.reader)).json()
    assert listed["trend"]["newest"]["runs"] == 10
    assert listed["trend"]["before"]["runs"] == len(listed["drills"]) - 10
    assert float(listed["trend"]["newest"]["seconds_max"]) >= listed["trend"]["newest"]["seconds"] > 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"seed": -1}, 422, "invalid-command"),
        ({"seed": "x"}, 422, "invalid-command"),
        ({"id": "a b"}, 422, "invalid-command"),
        ({"lots": []}, 422, "invalid-command"),
        ({"lot": "urn:zhuisu:lot:own:CELL-D:NOBODY"}, 404, "unknown-item"),
        ({"lot": "urn:zhuisu:unit:own:PACK-D:P-1"}, 422, "not-a-lot"),
        ({"id": "RC-D"}, 409, "case-exists"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    service: httpx.AsyncClient, people: People, record: None, *, body: dict[str, Any], status: int, code: str
) -> None:
    await service.post("/v1/recalls", json={"id": "RC-D", "title": "x"}, headers=people.wang)
    refused = await service.post("/v1/drills", json=body, headers=people.wang)
    assert (refused.status_code, refused.json()["type"]) == (status, f"/problems/{code}"), refused.text
    await service.post("/v1/recalls/RC-D/close", json={"reason": "x"}, headers=people.wang)


async def test_only_the_role_recall_runs_one(service: httpx.AsyncClient, people: People) -> None:
    assert (await service.post("/v1/drills", json={}, headers=people.reader)).status_code == 403
    for path in ("/v1/drills", "/v1/drills/D-1"):
        assert (await service.get(path, headers=people.limited)).json()["type"] == "/problems/site-scope"
    assert (await service.get("/v1/drills/NONE")).json()["type"] == "/problems/unknown-case"


async def test_a_drill_is_run_by_itself_once_an_interval(new_database: NewDatabase) -> None:
    url = await new_database()
    async with serving(url) as service:
        position = (await service.post("/v1/events", json=RECORD)).json()["position"]
        await service.get("/v1/items/state", params={"item": LOT, "wait_for": position})
        assert (await service.get("/v1/drills")).json()["drills"] == []
    for _ in range(2):  # also for a process that is started anew within the interval
        async with serving(url, case_jobs_pace_seconds=0.05, drill_interval_hours=1000.0) as service:

            async def run(service: httpx.AsyncClient = service) -> list[dict[str, Any]]:
                drills: list[dict[str, Any]] = (await service.get("/v1/drills")).json()["drills"]
                return drills

            (drill,) = await eventually(run)
            assert (drill["actor"], drill["reason"]) == ("zhuisu", "every 1000 hours")
            # The watch has gone over the tenant again when a reminder of a case is there.
            known = {"title": "x", "known_at": "2026-01-01T00:00:00Z"}
            case = (await service.post("/v1/incidents", json=known)).json()["incident"]

            async def reminded(service: httpx.AsyncClient = service, case: str = case) -> bool:
                clocks = (await service.get(f"/v1/incidents/{case}/clocks")).json()["clocks"]
                return all(c["reminded"] for c in clocks)

            await eventually(reminded)
            assert len(await run()) == 1
