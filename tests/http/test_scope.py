"""Keys limited to sites, over HTTP: what is theirs is told, the rest is opaque, and an item of others is unknown."""

from typing import Any

import httpx
import pytest_asyncio

from services.database import api_pool
from tests.http.test_service import HOUR, ask, post, unit

PLANT, LINE, DEALER, SHOP = "PLANT-1", "PLANT-1-LINE-3", "DEALER-9", "SHOP-7"
LOT, MODULE, BIKE, CRATE = (
    "urn:zhuisu:lot:own:SC-CELL:L-1",
    "urn:zhuisu:unit:own:SC-MODULE:1",
    "urn:zhuisu:unit:own:SC-BIKE:1",
    "urn:zhuisu:unit:own:SC-CRATE:1",
)


def event(kind: str, hour: int, site: str | None, **more: Any) -> dict[str, Any]:
    name = f"sc-{kind}-{hour}"
    return {
        "kind": kind,
        "event_id": name,
        "occurred_at": HOUR.format(hour),
        **({"site": site} if site else {}),
        **more,
    }


HISTORY = [
    {"kind": "place_described", "occurred_at": HOUR.format(0), "place": LINE, "name": "line 3", "part_of": PLANT},
    event(
        "transformed",
        8,
        LINE,
        inputs=[{"item": {"product": "SC-CELL", "lot": "L-1"}, "quantity": 20}],
        outputs=[{"item": unit("SC-MODULE/1")}],
    ),
    event("shipped", 9, PLANT, items=[{"item": unit("SC-MODULE/1")}], to_place=DEALER),
    event("received", 10, DEALER, items=[{"item": unit("SC-MODULE/1")}]),
    event("assembled", 11, DEALER, parent=unit("SC-BIKE/1"), components=[{"item": unit("SC-MODULE/1")}]),
    event("packed", 12, DEALER, container=unit("SC-CRATE/1"), contents=[{"item": unit("SC-BIKE/1")}]),
    event("sold", 13, SHOP, items=[{"item": unit("SC-BIKE/1")}], holder="customer-secret"),
]
HIDDEN_FROM_PLANT = (
    "SC-BIKE",
    "SC-CRATE",
    SHOP,
    "customer-secret",
    "sc-assembled",
    "sc-sold",
    "sc-packed",
    "sc-received",
)


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def told(service: httpx.AsyncClient) -> None:
    position = await post(service, *HISTORY)
    await ask(service, "/v1/items/state", item=MODULE, wait_for=position)


async def headers_for(service: httpx.AsyncClient, *sites: str) -> dict[str, str]:
    wanted = {"name": "-".join(sites), "roles": ["read", "recall"], "sites": sites}
    return {"Authorization": f"Bearer {(await service.post('/v1/keys', json=wanted)).json()['key']}"}


async def asked_as(service: httpx.AsyncClient, path: str, *sites: str, **params: Any) -> httpx.Response:
    return await service.get(path, params=params, headers=await headers_for(service, *sites))


async def test_the_plant_sees_its_module_and_that_it_went_into_something(service: httpx.AsyncClient) -> None:
    answer = await asked_as(service, "/v1/trace/forward", PLANT, item=LOT)
    found = answer.json()
    assert [(n["level"], n.get("hidden", False), n["kind"]) for n in found["nodes"]] == [
        (1, False, "unit"),
        (2, True, "unit"),
    ]
    module, bike = found["nodes"]
    assert (module["item"], module["certainty"], module["links"][0]["event_id"]) == (
        MODULE,
        "certain",
        "sc-transformed-8",
    )
    assert (module["site"], module["holder"], module["withheld"], module["status"]) == (None, None, True, "installed")
    assert bike["item"].startswith("hidden:")
    assert (bike["from"], bike["status"], bike["on_hold"], bike["certainty"]) == ([MODULE], None, None, "certain")
    assert [(k["relation"], k["event_id"], k["since"]) for k in bike["links"]] == [("part_of", None, None)]
    assert found["totals"]["items"] == 2
    assert (found["totals"]["by_site"], found["totals"]["by_holder"]) == ({}, {})
    assert (found["complete"], found["incomplete_because"]) == (False, ["scope"])
    for secret in HIDDEN_FROM_PLANT:
        assert secret not in answer.text


async def test_placeholders_join_within_a_key_and_with_no_other(service: httpx.AsyncClient) -> None:
    headers = await headers_for(service, PLANT)
    hidden = [
        (await service.get("/v1/trace/forward", params={"item": item}, headers=headers)).json()["nodes"][-1]["item"]
        for item in (LOT, MODULE)
    ]
    assert hidden[0] == hidden[1]
    other = (await asked_as(service, "/v1/trace/forward", PLANT, item=LOT)).json()["nodes"][-1]["item"]
    assert other != hidden[0]
    assert (await service.get("/v1/items/state", params={"item": hidden[0]}, headers=headers)).status_code == 404


async def test_an_item_of_others_is_as_unknown_as_one_that_is_not(service: httpx.AsyncClient) -> None:
    never = BIKE.replace("BIKE:1", "BIKE:2")
    for path in (
        "/v1/items/state",
        "/v1/items/contents",
        "/v1/items/timeline",
        "/v1/trace/forward",
        "/v1/trace/backward",
    ):
        theirs, nobodys = [(await asked_as(service, path, PLANT, item=i)) for i in (BIKE, never)]
        assert theirs.status_code == nobodys.status_code == 404
        assert {k: v for k, v in theirs.json().items() if k not in ("item", "detail", "nearest")} == {
            k: v for k, v in nobodys.json().items() if k not in ("item", "detail", "nearest")
        }
        assert BIKE not in theirs.json()["nearest"]
    assert (await asked_as(service, "/v1/events/sc-sold-13", PLANT)).status_code == 404
    assert (await asked_as(service, "/v1/items", PLANT, q="SC-BIKE")).json()["items"] == []


async def test_the_dealer_who_got_it_sees_it_and_where_it_came_from_is_opaque(service: httpx.AsyncClient) -> None:
    found = (await asked_as(service, "/v1/trace/backward", DEALER, item=BIKE)).json()
    assert [n["item"] if not n.get("hidden") else "hidden" for n in found["nodes"]] == [MODULE, "hidden"]
    assert found["nodes"][1]["kind"] == "lot"
    assert "L-1" not in str(found)


async def test_state_and_timeline_tell_what_the_sites_events_say(service: httpx.AsyncClient) -> None:
    at_plant = (await asked_as(service, "/v1/items/state", PLANT, item=MODULE)).json()
    assert (at_plant["status"], at_plant["site"], at_plant["withheld"]) == ("installed", None, True)
    assert (at_plant["wholes"], at_plant["event_count"], at_plant["incomplete_because"]) == ([], 2, ["scope"])
    before = (await asked_as(service, "/v1/items/state", PLANT, item=MODULE, at=HOUR.format(8))).json()
    assert (before["status"], before["site"], before.get("withheld")) == ("in_stock", LINE, None)
    told = (await asked_as(service, "/v1/items/timeline", PLANT, item=MODULE)).json()
    assert [e["event_id"] for e in told["events"]] == ["sc-transformed-8", "sc-shipped-9"]
    at_dealer = (await asked_as(service, "/v1/items/timeline", DEALER, item=MODULE)).json()
    assert [e["event_id"] for e in at_dealer["events"]] == ["sc-shipped-9", "sc-received-10", "sc-assembled-11"]


async def test_a_hold_placed_elsewhere_is_told_to_whoever_has_a_right_to_the_item(service: httpx.AsyncClient) -> None:
    items = [{"item": unit("SC-MODULE/1")}]
    position = await post(service, event("held", 14, None, items=items, hold_id="H-secret", reason="secret reason"))
    answer = await asked_as(service, "/v1/items/state", PLANT, item=MODULE, wait_for=position)
    assert answer.json()["on_hold"] is True
    assert "secret" not in answer.text


async def test_contents_put_in_elsewhere_are_opaque(service: httpx.AsyncClient) -> None:
    theirs = (await asked_as(service, "/v1/items/contents", DEALER, item=CRATE)).json()
    assert [(c["item"], c.get("hidden")) for c in theirs["items"]] == [(BIKE, None)]
    items = [{"item": unit("SC-CRATE/1")}]
    position = await post(service, event("received", 15, SHOP, items=items, event_id="sc-crate-at-shop"))
    at_shop = await asked_as(service, "/v1/items/contents", SHOP, item=CRATE, wait_for=position)
    [row] = at_shop.json()["items"]
    assert (row["hidden"], row["depth"], row["since"]) == (True, 1, None)
    assert BIKE not in at_shop.text


async def test_a_voided_event_makes_nothing_ones_own(service: httpx.AsyncClient) -> None:
    items = [{"item": unit("SC-WRONG/1")}]
    await post(service, event("stored", 8, SHOP, items=items))
    uri = "urn:zhuisu:unit:own:SC-WRONG:1"
    position = await post(service, event("stored", 9, DEALER, items=items))
    assert (await asked_as(service, "/v1/items/state", SHOP, item=uri, wait_for=position)).status_code == 200
    void = {"kind": "voided", "occurred_at": HOUR.format(10), "target": "sc-stored-8"}
    after = await post(service, void)
    assert (await asked_as(service, "/v1/items/state", SHOP, item=uri, wait_for=after)).status_code == 404
    assert (await asked_as(service, "/v1/items/state", SHOP, item=uri, as_of=position)).status_code == 200


async def test_a_key_without_the_right_to_correct_cannot_widen_what_it_sees(service: httpx.AsyncClient) -> None:
    wanted = {"name": "sneaky", "roles": ["read", "capture"], "sites": [SHOP]}
    headers = {"Authorization": f"Bearer {(await service.post('/v1/keys', json=wanted)).json()['key']}"}
    claim = {"kind": "place_described", "occurred_at": HOUR.format(0), "place": LINE, "name": "mine", "part_of": SHOP}
    position = (await service.post("/v1/events", json=claim, headers=headers)).json()["position"]
    answer = await service.get("/v1/items/state", params={"item": LOT, "wait_for": position}, headers=headers)
    assert answer.status_code == 404


async def test_plain_sql_with_the_sites_of_a_key_sees_no_event_of_others(service_url: str) -> None:
    """The second wall: a question that forgets to ask whose an event is still learns nothing."""
    pool = await api_pool(service_url, max_connections=1)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('zhuisu.tenant', '1', true)")
        everything = await connection.fetchval("SELECT count(*) FROM views.event_bodies")
        await connection.execute("SELECT set_config('zhuisu.sites', $1, true)", f"{SHOP}\n{DEALER}")
        places = {r[0] for r in await connection.fetch("SELECT place FROM views.event_places")}
        assert places == {SHOP, DEALER}
        bodies = [r[0] for r in await connection.fetch("SELECT body FROM views.event_bodies")]
        assert 0 < len(bodies) < everything
        assert all({body.get("site"), body.get("to_place")} & {SHOP, DEALER} for body in bodies)
    await pool.close()
