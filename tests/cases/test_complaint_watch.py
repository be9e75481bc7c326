"""Complaints that are too many open a draft by themselves, once; recalls show what is complained of."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio

from tests.conftest import NewDatabase
from tests.http.serving import serving
from tests.waiting import eventually

RULES = "component_lot=3/30d lot=3/30d model=9/30d serious=1/30d"
CELL_LOT = "urn:zhuisu:lot:own:CELL:L-9"
OTHER_LOT = "urn:zhuisu:lot:own:CELL:L-8"


def unit(n: int) -> str:
    return f"urn:zhuisu:unit:own:BIKE:B-{n}"


def day(n: float) -> str:
    """So many days after the first, which is twenty days ago: rules look at what is recent."""
    return (datetime.now(UTC) - timedelta(days=20 - n)).isoformat()


def complaint(n: int, **more: Any) -> dict[str, Any]:
    return {
        "kind": "complained",
        "event_id": f"complaint-{n}",
        "occurred_at": day(n % 10),
        "items": [{"item": unit(n)}],
        "channel": "12315",
        "symptom": "smoke",
        **more,
    }


@pytest_asyncio.fixture(loop_scope="session")
async def url(new_database: NewDatabase) -> str:
    """Bikes 1 to 6 hold cells of lot L-9, 7 and 8 of L-8."""
    url = await new_database()
    async with serving(url) as service:
        bikes = [
            {
                "kind": "transformed",
                "occurred_at": day(-5),
                "site": "PLANT",
                "inputs": [{"item": lot}],
                "outputs": [{"item": unit(n)} for n in numbers],
            }
            for lot, numbers in ((CELL_LOT, range(1, 7)), (OTHER_LOT, range(7, 9)))
        ]
        assert (await service.post("/v1/events", json=bikes)).status_code == 202
    return url


@pytest_asyncio.fixture(loop_scope="session")
async def service(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(url, case_jobs_pace_seconds=0.05, complaint_rules=RULES, complaint_regimes="cpsc15b") as client:
        yield client


async def post(service: httpx.AsyncClient, *events: dict[str, Any]) -> str:
    answer = await service.post("/v1/events", json=list(events))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["position"])


async def drafts(service: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await service.get("/v1/recalls")
    found: list[dict[str, Any]] = [r for r in answer.json()["recalls"] if r.get("because")]
    return found


async def looked(service: httpx.AsyncClient) -> None:
    """The watch has looked at everything that was posted: a complaint of somebody badly hurt has its draft."""
    number = 100 + len(await drafts(service))
    hurt = complaint(number, items=[{"item": f"urn:zhuisu:unit:own:SIGN-{number}:1"}], harm="death")
    await post(service, hurt)

    async def seen() -> bool:
        return any(f"SIGN-{number}" in str(d["because"]) for d in await drafts(service))

    await eventually(seen, within_seconds=20)


def about(found: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [d for d in found if d["because"]["about"] == kind]


async def test_three_complaints_that_share_a_component_lot_open_one_draft(service: httpx.AsyncClient) -> None:
    await post(service, complaint(1), complaint(7), complaint(2))
    await looked(service)
    assert about(await drafts(service), "component_lot") == []
    await post(service, complaint(3))
    (draft,) = await eventually(lambda: _about(service, "component_lot"))
    assert (draft["mode"], draft["state"], draft["regimes"]) == ("draft", "opened", ["cpsc15b"])
    assert draft["because"]["subjects"] == [CELL_LOT]
    assert sorted(draft["because"]["complaints"]) == ["complaint-1", "complaint-2", "complaint-3"]
    assert set(draft["items"]) == {CELL_LOT, unit(1), unit(2), unit(3)}
    # More of the same change nothing, nor one of before, with which the second would have been the third.
    await post(service, complaint(4), complaint(5), complaint(6, occurred_at=day(0.5)))
    await looked(service)
    assert len(about(await drafts(service), "component_lot")) == 1
    shown = (await service.get(f"/v1/recalls/{draft['recall']}")).json()
    assert shown["history"][0]["actor"] == "zhuisu"
    assert shown["complaints"]["count"] == 3, "of what it was opened for"
    clocks = (await service.get(f"/v1/recalls/{draft['recall']}/clocks")).json()["clocks"]
    assert [c["clock"] for c in clocks] == ["cpsc15b.investigation"]


async def _about(service: httpx.AsyncClient, kind: str) -> list[dict[str, Any]]:
    return about(await drafts(service), kind)


async def test_a_process_that_is_started_anew_opens_nothing_again_and_a_void_takes_a_complaint_back(
    service: httpx.AsyncClient, url: str
) -> None:
    await post(service, complaint(1), complaint(2))
    voided = {"kind": "voided", "occurred_at": day(19), "target": "complaint-2", "reason": "a hoax"}
    await post(service, voided)
    await post(service, complaint(3))
    await looked(service)
    assert about(await drafts(service), "component_lot") == []
    await post(service, complaint(4))
    (draft,) = await eventually(lambda: _about(service, "component_lot"))
    assert sorted(draft["because"]["complaints"]) == ["complaint-1", "complaint-3", "complaint-4"]
    async with serving(url, case_jobs_pace_seconds=0.05, complaint_rules=RULES) as other:
        await looked(other)
        assert len(about(await drafts(other), "component_lot")) == 1


async def test_what_is_complained_of_after_a_draft_was_closed_opens_another(service: httpx.AsyncClient) -> None:
    await post(service, complaint(1), complaint(2), complaint(3))
    (draft,) = await eventually(lambda: _about(service, "component_lot"))
    closed = await service.post(f"/v1/recalls/{draft['recall']}/close", json={"reason": "no defect"})
    assert closed.status_code == 200, closed.text
    after = [complaint(n, occurred_at=(datetime.now(UTC) + timedelta(seconds=1)).isoformat()) for n in (4, 5, 6)]
    await post(service, *after[:2], complaint(8, items=[{"item": unit(6)}]))  # the last is of before it was closed
    await looked(service)
    assert len(await _about(service, "component_lot")) == 1
    await post(service, after[2])

    async def another() -> bool:
        return len(await _about(service, "component_lot")) == 2

    await eventually(another)


async def test_complaints_are_counted_by_lot_model_channel_and_harm(service: httpx.AsyncClient) -> None:
    packed = {
        "kind": "commissioned",
        "occurred_at": day(-5),
        "items": [{"item": "urn:zhuisu:unit:own:PUMP:P-1", "lot": "urn:zhuisu:lot:own:PUMP:PL"}],
    }
    pump = complaint(50, items=[{"item": "urn:zhuisu:unit:own:PUMP:P-1"}], channel="shop", harm="injury")
    position = await post(service, packed, complaint(1), complaint(2), pump)
    answer = await service.get("/v1/complaints", params={"wait_for": position})
    told = answer.json()
    assert {k: told[k] for k in ("count", "by_model", "by_lot", "by_channel", "by_harm", "complete")} == {
        "count": 3,
        "by_model": {"urn:zhuisu:class:own:BIKE": 2, "urn:zhuisu:class:own:PUMP": 1},
        "by_lot": {"urn:zhuisu:lot:own:PUMP:PL": 1},
        "by_channel": {"12315": 2, "shop": 1},
        "by_harm": {"injury": 1},
        "complete": True,
    }
    for item in ("urn:zhuisu:lot:own:PUMP:PL", "urn:zhuisu:class:own:PUMP", "urn:zhuisu:unit:own:PUMP:P-1"):
        found = (await service.get("/v1/complaints", params={"item": item})).json()
        assert [c["event_id"] for c in found["complaints"]] == ["complaint-50"], item
    assert (await service.get("/v1/complaints", params={"since": day(1.5)})).json()["count"] == 1
    await service.post("/v1/recalls", json={"id": "RC-P", "title": "pumps", "items": ["urn:zhuisu:lot:own:PUMP:PL"]})
    of_recall = (await service.get("/v1/recalls/RC-P/complaints")).json()
    assert (of_recall["count"], of_recall["complaints"][0]["symptom"]) == (1, "smoke")
    assert (await service.get("/v1/recalls/RC-P")).json()["complaints"]["by_harm"] == {"injury": 1}
    assert (await service.get("/v1/complaints", params={"item": "1042"})).status_code == 422


async def test_a_key_limited_to_sites_sees_no_complaints(service: httpx.AsyncClient) -> None:
    made = await service.post("/v1/keys", json={"name": "limited", "roles": ["read"], "sites": ["urn:site:1"]})
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    await service.post("/v1/recalls", json={"id": "RC-L", "title": "x"})
    for path in ("/v1/complaints", "/v1/recalls/RC-L/complaints"):
        refused = await service.get(path, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/site-scope"), path
    missing = await service.get("/v1/recalls/RC-NONE/complaints")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/unknown-case")
