"""Anybody may ask which open recalls a unit is in, and learns nothing else."""

import hashlib
from typing import Any

import httpx
import pytest
import pytest_asyncio

from domain.cases import acts
from domain.ids import ItemId
from services.access import ensure_bootstrap
from services.database import owner_pool
from tests.cases.conftest import People
from tests.cases.frozen import Recall
from tests.conftest import NewDatabase
from tests.http.serving import serving
from tests.waiting import eventually

GTIN = "09521234000020"
OTHERS = "key-of-the-other-tenant"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def anybody(service: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client without a key."""
    return httpx.AsyncClient(base_url=str(service.base_url), timeout=30)


@pytest_asyncio.fixture(loop_scope="session")
async def recall(service: httpx.AsyncClient, people: People, service_url: str, *, request: Any) -> Recall:
    name = hashlib.sha256(request.node.name.encode()).hexdigest()[:8]
    return Recall(service, people, url=service_url, name=name)


async def check(anybody: httpx.AsyncClient, item: str, **params: str) -> dict[str, Any]:
    """The answer once nothing is being applied: the holds of an approval come a moment after it."""

    async def told() -> dict[str, Any] | None:
        answer = await anybody.get("/v1/recalls/check", params={"item": item, **params})
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return dict(answer.json()) if answer.json()["complete"] else None

    return await eventually(told, within_seconds=20)


async def made(recall: Recall, *units: str) -> None:
    await recall.tell.post("commissioned", 1, items=recall.tell.lines(*units), site="PLANT")
    seen = await recall.service.get("/v1/recalls", params={"wait_for": recall.tell.position})
    assert seen.status_code == 200, seen.text


async def test_a_unit_in_an_approved_recall_is_told_of_its_remedy_and_whether_it_had_it(
    recall: Recall, anybody: httpx.AsyncClient
) -> None:
    await made(recall, "B/1", "B/2", "B/3")
    notice = {"remedies": ["repair", "refund"], "remedy_available": True, "what_to_do": "stop charging"}
    await recall.opened(title="Cells may overheat", hazard="fire", defect="secret of the lab", notice=notice)
    await recall.frozen("B/1", "B/2")
    told = await check(anybody, recall.tell.uri("B/1"))
    expected = {
        "recall": recall.id,
        "title": "Cells may overheat",
        "remedies": ["repair", "refund"],
        "remedy_available": True,
        "done": False,
    }
    assert told == {
        "item": recall.tell.uri("B/1"),
        "recalls": [expected],
        "complete": True,
        "incomplete_because": [],
    }
    await recall.told("responses", {"response": "remedied", "remedy": "repair", "item": "B/1"})
    await recall.told("verdicts", {"item": "B/2", "verdict": "inspected_clear"})
    for unit in ("B/1", "B/2"):
        assert (await check(anybody, recall.tell.uri(unit)))["recalls"] == [expected | {"done": True}]
    await recall.told("verdicts", {"item": "B/2", "verdict": "affected"})
    assert (await check(anybody, recall.tell.uri("B/2")))["recalls"] == [expected]


async def test_who_is_not_affected_not_known_or_not_ours_is_answered_alike(
    recall: Recall, anybody: httpx.AsyncClient, service_url: str
) -> None:
    owner = await owner_pool(service_url)
    await ensure_bootstrap(owner, tenant_name="other", key=OTHERS)
    await owner.close()
    await made(recall, "B/1", "B/2")
    await recall.opened()
    await recall.frozen("B/1")
    theirs = {"kind": "commissioned", "occurred_at": "2026-03-02T08:00:00Z", "items": [{"item": "urn:x:theirs"}]}
    declared = {**theirs, "kind": "recall_declared", "recall_id": "R-THEIRS"}
    answer = await recall.service.post(
        "/v1/events", json=[theirs, declared], headers={"Authorization": f"Bearer {OTHERS}"}
    )
    assert answer.status_code == 202, answer.text
    await recall.service.get(
        "/v1/items/state",
        params={"item": "urn:x:theirs", "wait_for": answer.json()["position"]},
        headers={"Authorization": f"Bearer {OTHERS}"},
    )
    asked = {
        "unaffected": (recall.tell.uri("B/2"), {}),
        "unknown": (recall.tell.uri("B/NOBODY"), {}),
        "theirs": ("urn:x:theirs", {}),
        "theirs by name": ("urn:x:theirs", {"tenant": "other"}),
        "ours by another's name": (recall.tell.uri("B/1"), {"tenant": "other"}),
        "of no tenant": (recall.tell.uri("B/1"), {"tenant": "nobody"}),
        "a lot": ("urn:zhuisu:lot:own:P:L", {}),
        "a pallet": ("https://id.gs1.org/00/106141412345678908", {}),
    }
    for name, (item, params) in asked.items():
        told = await check(anybody, item, **params)
        assert told == {"item": item, "recalls": [], "complete": True, "incomplete_because": []}, name
    assert len((await check(anybody, recall.tell.uri("B/1"), tenant="default"))["recalls"]) == 1


@pytest.mark.parametrize("state", ["draft", "mock", "not approved", "closed", "removed", "wider, not approved"])
async def test_what_is_no_open_live_recall_of_the_unit_is_not_told(
    recall: Recall, anybody: httpx.AsyncClient, state: str
) -> None:
    await made(recall, "B/1", "B/2")
    await recall.opened(mode=state if state in ("draft", "mock") else "live")
    if state == "not approved":
        await recall.frozen("B/1", approve=False)
    else:
        await recall.frozen("B/1")
    if state == "closed":
        assert (await recall.post("close", outstanding_reason="nobody answers")).status_code == 200
    if state == "wider, not approved":
        await recall.frozen("B/1", "B/2", number=2, approve=False)
        assert len((await check(anybody, recall.tell.uri("B/1")))["recalls"]) == 1
    if state == "removed":
        decided = await recall.post("removals", decision="remove", items=[recall.tell.uri("B/1")])
        assert decided.status_code == 200, decided.text
    unit = "B/2" if state == "wider, not approved" else "B/1"
    assert (await check(anybody, recall.tell.uri(unit)))["recalls"] == []


async def test_every_form_of_an_id_is_the_unit_and_a_unit_nobody_recorded_is_judged_by_its_printed_lot(
    recall: Recall, anybody: httpx.AsyncClient
) -> None:
    link = f"https://id.gs1.org/01/{GTIN}/21/C-77"
    made = {"kind": "commissioned", "occurred_at": "2026-03-02T08:00:00Z", "items": [{"item": link}]}
    position = (await recall.service.post("/v1/events", json=made)).json()["position"]
    await recall.service.get("/v1/items/state", params={"item": link, "wait_for": position})
    await recall.opened()
    lot = f"https://id.gs1.org/01/{GTIN}/10/LOT-C"
    await recall.frozen_members(
        [
            acts.Member(item=ItemId.parse(link), kind="unit", level=1, certainty="certain", top=True),
            acts.Member(item=ItemId.parse(lot), kind="lot", level=1, certainty="certain"),
        ]
    )
    await recall.approved()
    forms = [
        link,
        f"https://shop.example.com/01/{GTIN}/21/C-77?utm=1",
        "urn:epc:id:sgtin:9521234.000002.C-77",
        f"https://id.gs1.org/01/{GTIN}/10/LOT-C/21/NOBODY-RECORDED-THIS",
        lot,
    ]
    for form in forms:
        assert [r["recall"] for r in (await check(anybody, form))["recalls"]] == [recall.id], form
    other = f"https://id.gs1.org/01/{GTIN}/10/LOT-D/21/NOBODY-RECORDED-THIS"
    assert (await check(anybody, other))["recalls"] == []


async def test_a_recall_that_was_only_declared_counts_too_and_covers_serials_nobody_recorded(
    service: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    declared = {
        "kind": "recall_declared",
        "occurred_at": "2026-03-09T08:00:00Z",
        "recall_id": "R-DECLARED",
        "reason": "kept to ourselves",
        "products": [{"product": {"product": "LAMP"}, "first_serial": "100", "last_serial": "199"}],
    }
    position = (await service.post("/v1/events", json=declared)).json()["position"]
    await service.get("/v1/recalls", params={"wait_for": position})
    told = await check(anybody, "urn:zhuisu:unit:own:LAMP:150")
    assert told["recalls"] == [
        {"recall": "R-DECLARED", "title": None, "remedies": [], "remedy_available": None, "done": False}
    ]
    assert (await check(anybody, "urn:zhuisu:unit:own:LAMP:200"))["recalls"] == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"item": "1042"}, "not-an-item-id"),
        ({"item": "urn:zhuisu:class:own:BIKE"}, "not-an-item-id"),
        ({"item": f"https://id.gs1.org/01/{GTIN}"}, "not-an-item-id"),
        ({"item": "urn:x:1", "as_of": "0-1"}, "unknown-parameter"),
        ({}, "invalid-parameter"),
    ],
)
async def test_a_question_that_is_none_is_refused_without_telling_anything(
    anybody: httpx.AsyncClient, params: dict[str, str], code: str
) -> None:
    refused = await anybody.get("/v1/recalls/check", params=params)
    assert (refused.status_code, refused.json()["type"]) == (422, f"/problems/{code}")
    assert "nearest" not in refused.json()


async def test_without_a_key_nothing_else_is_told(anybody: httpx.AsyncClient, service: httpx.AsyncClient) -> None:
    for path in ("/v1/recalls", "/v1/recalls/RC-1", "/v1/items/state?item=urn:x:1", "/v1/regimes", "/v1/drills"):
        assert (await anybody.get(path)).status_code == 401, path
    named = await service.post("/v1/recalls", json={"id": "check", "title": "x"})
    assert (named.status_code, named.json()["type"]) == (422, "/problems/invalid-command")


async def test_one_address_may_ask_so_often_and_cannot_say_that_it_is_another(new_database: NewDatabase) -> None:
    url = await new_database()

    async def asked(service: httpx.AsyncClient, times: int, **headers: str) -> list[int]:
        params = {"item": "urn:x:1"}
        return [
            (await service.get("/v1/recalls/check", params=params, headers=headers)).status_code for _ in range(times)
        ]

    async with serving(url, recall_checks_per_minute=3) as service:
        assert await asked(service, 2) == [200, 200]
        refused = [await asked(service, 1, **{"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(3)]
        assert refused == [[200], [429], [429]]
    async with serving(url, recall_checks_per_minute=1, trusted_proxies="127.0.0.1") as service:
        clients = [await asked(service, 2, **{"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(3)]
        assert clients == [[200, 429]] * 3
    async with serving(url, recall_check="off") as service:
        without = httpx.AsyncClient(base_url=str(service.base_url))
        assert (await without.get("/v1/recalls/check?item=urn:x:1")).status_code == 401


async def test_while_events_are_still_being_applied_it_says_so(new_database: NewDatabase) -> None:
    url = await new_database()
    async with serving(url) as service:
        made = {"kind": "commissioned", "occurred_at": "2026-03-02T08:00:00Z", "items": [{"item": "urn:x:1"}]}
        position = (await service.post("/v1/events", json=made)).json()["position"]
        await service.get("/v1/items/state", params={"item": "urn:x:1", "wait_for": position})
    async with serving(url, roles=frozenset({"query"})) as service:

        async def told() -> dict[str, Any] | None:
            answer = (await service.get("/v1/recalls/check", params={"item": "urn:x:1"})).json()
            return None if answer["complete"] else dict(answer)

        # No projector is there: what is in the views may be old, and nobody knows.
        assert (await eventually(told))["incomplete_because"] == ["stale"]
