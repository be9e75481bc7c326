"""GET /v1/items: by a fragment, a lot, a supplier's lot, a product; by the page; through indexes."""

from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.http.test_service import HOUR, ask, post, unit
from tests.waiting import eventually

SUPPLIER, RIVAL = "urn:example:supplier:1", "urn:example:supplier:2"
MANY = 50_000


def lot(product: str, number: str) -> dict[str, str]:
    return {"product": product, "lot": number}


def received(ours: str, theirs: str, supplier: str) -> dict[str, Any]:
    item = {"item": lot("SE-CELL", ours), "supplier": supplier, "supplier_lot": theirs, "quantity": 5}
    return {"kind": "material_received", "occurred_at": HOUR.format(8), **item}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def position(service: httpx.AsyncClient) -> str:
    units = [{"item": unit(f"SE-BIKE/B%00_{n:03d}x")} for n in range(25)]
    token = await post(
        service,
        received("C-1", "240512", SUPPLIER),
        received("C-2", "240512", RIVAL),
        {"kind": "stored", "occurred_at": HOUR.format(9), "items": units, "site": "SE-PLANT"},
        {"kind": "stored", "occurred_at": HOUR.format(9), "items": [{"item": "urn:epc:id:sscc:9521234.0000070009"}]},
        {
            "kind": "stored",
            "occurred_at": HOUR.format(9),
            "items": [{"item": {"gtin": "09521234000013", "lot": "批-7"}}],
        },
    )
    await ask(service, "/v1/items", q="C-1", wait_for=token)
    return token


async def found(service: httpx.AsyncClient, **params: Any) -> list[str]:
    return [i["item"].removeprefix("urn:zhuisu:") for i in (await ask(service, "/v1/items", **params))["items"]]


async def test_a_fragment_finds_wherever_it_stands_in_any_case_and_no_wildcard(service: httpx.AsyncClient) -> None:
    assert await found(service, q="_007X") == ["unit:own:SE-BIKE:B%2500_007x"]
    assert len(await found(service, q="b%00_")) == 25
    assert await found(service, q="b%_007x") == []
    assert await found(service, q="_0__x") == []
    assert [i.rsplit("/", 1)[0] for i in await found(service, q="9521234000070009")] == ["https://id.gs1.org/00"]
    assert await found(service, q="批-7") != []
    assert len(await found(service, q="b%")) == 25
    assert await found(service, q="7x") == []


async def test_an_id_in_any_form_finds_itself(service: httpx.AsyncClient) -> None:
    [sscc] = await found(service, q="urn:epc:id:sscc:9521234.0000070009")
    assert await found(service, q=sscc) == [sscc]
    assert await found(service, q="urn:zhuisu:unit:own:SE-BIKE:B%2500_01") != []
    assert await found(service, q="urn:zhuisu:unit:own:SE-CAR:B%2500_01") == []


async def test_lots_by_our_number_and_by_the_suppliers(service: httpx.AsyncClient) -> None:
    assert await found(service, lot="C-1") == ["lot:own:SE-CELL:C-1"]
    assert await found(service, lot="C-") == []
    both = await found(service, supplier_lot="240512")
    assert [i for i in both if ":own:" in i] == ["lot:own:SE-CELL:C-1", "lot:own:SE-CELL:C-2"]
    assert len(both) == 4
    theirs = await found(service, supplier_lot="240512", supplier=SUPPLIER)
    assert [i for i in theirs if ":own:" in i] == ["lot:own:SE-CELL:C-1"]
    assert len(theirs) == 2
    assert await found(service, supplier_lot="240512", supplier="urn:example:nobody") == []


async def test_products_and_kinds(service: httpx.AsyncClient) -> None:
    assert len(await found(service, product="SE-BIKE")) == 25
    assert len(await found(service, product="SE-BIKE", q="_00")) == 10
    assert await found(service, product="SE-BIKE", kind="lot") == []
    assert await found(service, product="9521234000013") == await found(
        service, product="https://id.gs1.org/01/9521234000013"
    )
    assert await found(service, product="SE-CELL", lot="C-2", kind="lot") == ["lot:own:SE-CELL:C-2"]


async def test_pages_hold_everything_once_in_order(service: httpx.AsyncClient) -> None:
    everything = await found(service, q="B%00")
    pages: list[str] = []
    url: str | None = str(httpx.URL("/v1/items", params={"q": "B%00", "limit": 10}))
    sizes = []
    while url is not None:
        answer = await service.get(url)
        sizes.append(len(answer.json()["items"]))
        pages += [i["item"].removeprefix("urn:zhuisu:") for i in answer.json()["items"]]
        assert (answer.json()["next"] is not None) == ("next" in answer.links)
        url = answer.links["next"]["url"] if "next" in answer.links else None
    assert (sizes, pages) == ([10, 10, 5], everything)


async def test_as_known_at_an_earlier_position(service: httpx.AsyncClient, position: str) -> None:
    stored = {"kind": "stored", "occurred_at": HOUR.format(9), "items": [{"item": unit("SE-LATE/LATE-1")}]}
    later = await post(service, stored)
    assert await found(service, q="LATE-1", wait_for=later) == ["unit:own:SE-LATE:LATE-1"]
    assert await found(service, q="LATE-1", as_of=position) == []


async def test_limited_keys_and_other_tenants_find_only_their_own(
    service: httpx.AsyncClient, other_tenant: dict[str, str]
) -> None:
    assert (await service.get("/v1/items", params={"q": "B%00"}, headers=other_tenant)).json()["items"] == []
    wanted = {"name": "elsewhere", "roles": ["read"], "sites": ["SE-PLANT"]}
    headers = {"Authorization": f"Bearer {(await service.post('/v1/keys', json=wanted)).json()['key']}"}
    answer = await service.get("/v1/items", params={"q": "B%00", "limit": 20}, headers=headers)
    assert len(answer.json()["items"]) == 20
    assert (await service.get("/v1/items", params={"lot": "C-1"}, headers=headers)).json()["items"] == []


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({}, "say what is looked for"),
        ({"q": " "}, "say what is looked for"),
        ({"kind": "unit"}, "say what is looked for"),
        ({"q": "x", "kind": "box"}, "kind"),
        ({"q": "urn:zhuisu:unit:"}, "nothing of a number"),
        ({"q": "x", "supplier": "s"}, "supplier_lot"),
        ({"q": "x", "limit": "5000"}, "at most 1000"),
        ({"q": "x", "cursor": "abc", "limit": "1"}, "cursor"),
        ({"q": "x", "sort": "asc"}, "sort"),
    ],
)
async def test_a_search_for_nothing_is_refused(
    service: httpx.AsyncClient, params: dict[str, str], *, word: str
) -> None:
    answer = await service.get("/v1/items", params=params)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]


_SCANS = """
SELECT (SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'items' AND schemaname = 'views') AS whole,
       (SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'items_number_part_idx') AS parts
"""


async def test_no_search_reads_all_items(service: httpx.AsyncClient, service_url: str) -> None:
    owner = await asyncpg.connect(service_url)
    await owner.execute("SET ROLE zhuisu_projector")
    await owner.execute(
        "INSERT INTO views.items (tenant_id, item_no, uri, kind, material, number)"
        " SELECT 1, -n, 'urn:zhuisu:unit:own:SE-MANY:' || md5(n::text), 'unit', 'urn:zhuisu:class:own:SE-MANY',"
        " md5(n::text)"
        f" FROM generate_series(1, {MANY}) n"
    )
    await owner.execute(
        f"INSERT INTO views.event_items SELECT 1, 1, -n, 0, 0, 0, false FROM generate_series(1, {MANY}) n"
    )
    await owner.execute("RESET ROLE")
    await owner.execute("ANALYZE views.items")
    await owner.execute("SELECT pg_stat_force_next_flush()")
    before = await owner.fetchrow(_SCANS)
    [wanted] = await owner.fetch("SELECT md5('77777') AS number")
    for params in ({"q": wanted["number"][5:20]}, {"q": wanted["number"][:2]}, {"q": "no-such-thing"}):
        numbers = [i["number"] for i in (await ask(service, "/v1/items", **params))["items"]]
        assert all(params["q"] in n for n in numbers)
    assert len(await found(service, product="SE-MANY", limit=50)) == 50
    assert len(await found(service, lot="C-1", supplier_lot="240512")) == 1

    async def counted() -> bool:
        return bool((await owner.fetchrow(_SCANS))["parts"] > before["parts"])

    await eventually(counted, within_seconds=30)
    assert (await owner.fetchrow(_SCANS))["whole"] == before["whole"]
    await owner.close()
