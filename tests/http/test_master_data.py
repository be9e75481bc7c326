"""GET /v1/parties|places|products/{id}: the description that holds at an instant."""

from typing import Any
from urllib.parse import quote

import httpx

from tests.http.test_service import HOUR, post, unit

PARTY, PLACE = "urn:example:party:7", "https://id.gs1.org/414/9521234000013"


async def described(service: httpx.AsyncClient, topic: str, subject: str, **more: Any) -> httpx.Response:
    headers = more.pop("headers", None)
    return await service.get(f"/v1/{topic}/{quote(subject, safe='')}", params=more, headers=headers)


def told(kind: str, hour: int, **more: Any) -> dict[str, Any]:
    return {"kind": f"{kind}_described", "occurred_at": HOUR.format(hour), "event_id": f"md-{kind}-{hour}", **more}


async def test_each_version_holds_until_the_next_whatever_came_first(service: httpx.AsyncClient) -> None:
    newer = told("party", 12, party=PARTY, name="New name", country="CN")
    position = await post(service, newer, told("party", 8, party=PARTY, name="Old name"))
    now = (await described(service, "parties", PARTY, wait_for=position)).json()
    assert (now["party"], now["name"], now["country"], now["event_id"]) == (PARTY, "New name", "CN", "md-party-12")
    assert now["valid_until"] is None
    before = (await described(service, "parties", PARTY, at=HOUR.format(9))).json()
    assert (before["name"], before["valid_until"]) == ("Old name", now["valid_from"])
    assert (await described(service, "parties", PARTY, at=HOUR.format(7))).json()["type"] == "/problems/not-described"
    assert (await described(service, "parties", "urn:example:party:8")).status_code == 404
    assert (await described(service, "parties", PARTY, wrong="x")).status_code == 422
    assert (await described(service, "contacts", PARTY)).json()["type"] == "/problems/unknown-contact"


async def test_a_voided_description_uncovers_the_one_before(service: httpx.AsyncClient) -> None:
    place = {"place": PLACE, "address": "1 Road"}
    before = await post(service, told("place", 8, name="A", **place), told("place", 9, name="B", **place))
    after = await post(service, {"kind": "voided", "occurred_at": HOUR.format(10), "target": "md-place-9"})
    assert (await described(service, "places", "9521234000013", wait_for=after)).status_code == 404
    found = (await described(service, "places", "urn:epc:id:sgln:9521234.00001.0")).json()
    assert (found["place"], found["name"], found["address"]) == (PLACE, "A", "1 Road")
    assert (await described(service, "places", PLACE, as_of=before)).json()["name"] == "B"


async def test_products_by_any_name_and_for_whom_they_are(
    service: httpx.AsyncClient, other_tenant: dict[str, str]
) -> None:
    stored = {
        "kind": "stored",
        "occurred_at": HOUR.format(8),
        "items": [{"item": unit("MD-LAMP/1")}],
        "site": "MD-SHOP",
    }
    lamp = told("product", 8, product={"product": "MD-LAMP"}, name="Lamp", category="light")
    position = await post(service, stored, lamp)
    for name in ("MD-LAMP", "urn:zhuisu:class:own:MD-LAMP", "urn:zhuisu:unit:own:MD-LAMP:1"):
        assert (await described(service, "products", name, wait_for=position)).json()["category"] == "light"
    assert (await described(service, "products", "MD-LAMP", headers=other_tenant)).status_code == 404
    wanted = {"name": "md", "roles": ["read"], "sites": ["MD-SHOP", PLACE]}
    limited = {"Authorization": f"Bearer {(await service.post('/v1/keys', json=wanted)).json()['key']}"}
    assert (await described(service, "products", "MD-LAMP", headers=limited)).status_code == 404
    assert (await described(service, "parties", PARTY, headers=limited)).status_code == 404
    assert (await described(service, "places", PLACE, headers=limited)).json()["name"] == "A"
