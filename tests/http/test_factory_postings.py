"""Orders as ERP and MES book them, material without lot, and mass balance, over HTTP (docs/semantics.md)."""

from typing import Any

import httpx
import pytest

from tests.http.test_service import HOUR, ask, post, unit

KG = "KGM"


def uri(product: str, lot: str = "1") -> str:
    return f"urn:zhuisu:lot:own:{product}:{lot}"


def lot(product: str, quantity: str | None = None, *, number: str = "1", uom: str | None = KG) -> dict[str, Any]:
    amount = {"quantity": quantity, "uom": uom} if quantity is not None else {}
    return {"item": {"product": product, "lot": number}, **amount}


def posting(kind: str, hour: int, order: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "occurred_at": HOUR.format(hour), "site": "S", "order": order, **more}


async def forward(service: httpx.AsyncClient, product: str, **more: Any) -> dict[str, Any]:
    return await ask(service, "/v1/trace/forward", item=uri(product), **more)


def told(answer: dict[str, Any]) -> dict[str, str]:
    return {n["item"].rsplit(":", 2)[1]: ",".join(n["reasons"]) or n["certainty"] for n in answer["nodes"]}


def gaps(answer: dict[str, Any]) -> list[tuple[str, str | None, str | None]]:
    return [(g["code"], g["quantity"], g["uom"]) for g in answer["gaps"]]


async def test_e14_issued_and_nothing_reported(service: httpx.AsyncClient) -> None:
    at = await post(service, posting("issued_to_order", 6, "4711", items=[lot("E14", "300")]))
    found = await forward(service, "E14", wait_for=at)
    assert found["nodes"] == []
    assert gaps(found) == [("open_wip", "300", KG)]
    assert found["complete"]
    at = await post(service, posting("order_closed", 20, "4711"))
    assert gaps(await forward(service, "E14", wait_for=at)) == [("unaccounted", "300", KG)]


async def test_e15_backflushed_without_lot(service: httpx.AsyncClient) -> None:
    glue = {"item": {"product": "E15"}, "quantity": "2", "uom": KG, "basis": "backflushed"}
    at = await post(
        service,
        {"kind": "stored", "occurred_at": HOUR.format(5), "site": "S", "items": [lot("E15", "10")]},
        {"kind": "stored", "occurred_at": HOUR.format(5), "site": "T", "items": [lot("E15", "10", number="2")]},
        posting("output_reported", 8, "4715", outputs=[{"item": unit("E15M/1")}]),
        posting("issued_to_order", 22, "4715", items=[glue]),
        posting("order_closed", 23, "4715"),
    )
    found = await forward(service, "E15", wait_for=at)
    assert told(found) == {"E15M": "against_time,basis,class_level"}
    link = found["nodes"][0]["links"][0]
    assert (link["certainty"], link["reasons"]) == ("possible", ["against_time", "basis", "class_level"])
    assert (await ask(service, "/v1/trace/forward", item=uri("E15", "2")))["nodes"] == []


async def test_a_split_order_in_any_order_of_arrival(service: httpx.AsyncClient) -> None:
    """Output first, then the issue of the morning, then the reversal of the next day: ERP pads its numbers."""
    await post(service, posting("output_reported", 22, "4720", outputs=[{"item": unit("SPM/1")}]))
    reversal = {"reverses": "7", "reversed_kind": "issued_to_order", "items": [lot("SPK", "40")]}
    await post(service, posting("posting_reversed", 23, "000000004720", **reversal))
    at = await post(
        service,
        posting("issued_to_order", 6, "000000004720", document="00007", items=[lot("SPK", "40"), lot("SPL", "9")]),
    )
    assert told(await forward(service, "SPL", wait_for=at)) == {"SPM": "certain"}
    assert told(await forward(service, "SPK")) == {}
    back = await ask(service, "/v1/trace/backward", item="urn:zhuisu:unit:own:SPM:1")
    assert [n["item"] for n in back["nodes"]] == [uri("SPL")]


async def test_a_void_of_the_return_brings_the_link_back_and_as_of_keeps_what_was_known(
    service: httpx.AsyncClient,
) -> None:
    await post(
        service,
        posting("issued_to_order", 6, "4730", items=[lot("RET", "40")]),
        posting("output_reported", 22, "4730", outputs=[{"item": unit("RETM/1")}]),
    )
    before = await post(service, posting("returned_from_order", 9, "4730", event_id="ret-9", items=[lot("RET", "40")]))
    void = {"kind": "voided", "occurred_at": HOUR.format(23), "target": "ret-9"}
    after = await post(service, void)
    assert told(await forward(service, "RET", wait_for=after)) == {"RETM": "certain"}
    assert told(await forward(service, "RET", as_of=before)) == {}


async def test_mixed_units_are_a_conflict_and_keep_the_link(service: httpx.AsyncClient) -> None:
    at = await post(
        service,
        posting("issued_to_order", 6, "4740", items=[lot("MIX", "40")]),
        posting("output_reported", 22, "4740", outputs=[{"item": unit("MIXM/1")}]),
        posting("returned_from_order", 9, "4740", items=[lot("MIX", "40", uom="MTR")]),
    )
    found = await forward(service, "MIX", wait_for=at)
    assert told(found) == {"MIXM": "net_quantity"}
    assert "mixed_units" in [c["code"] for c in found["conflicts"]]


async def balance(service: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    return await ask(service, "/v1/items/balance", **params)


async def test_b1_a_coil_used_in_metres(service: httpx.AsyncClient) -> None:
    factor = {"quantity": "1000", "uom": KG, "equals": "4180", "in_uom": "MTR"}
    received = {"kind": "material_received", "occurred_at": HOUR.format(5), "site": "S", "uom_factors": [factor]}
    at = await post(
        service,
        {**received, **lot("COIL", "1000")},
        {
            "kind": "transformed",
            "occurred_at": HOUR.format(8),
            "site": "S",
            "inputs": [lot("COIL", "4180", uom="MTR")],
            "outputs": [{"item": unit("PART/1")}],
        },
    )
    found = await balance(service, item=uri("COIL"), wait_for=at)
    (row,) = found["balances"]
    assert (row["uom"], row["received"], row["consumed"], row["stock"], row["unaccounted"]) == (
        KG,
        "1000",
        "1000",
        "0",
        "0",
    )
    assert (found["gaps"], found["conflicts"], found["where"]) == ([], [], [])
    assert found["as_of"]["position"]


async def test_b3_what_nobody_accounts_for_is_told_where_it_is_traced(service: httpx.AsyncClient) -> None:
    received = {"kind": "material_received", "occurred_at": HOUR.format(5), "site": "S"}
    at = await post(
        service,
        {**received, **lot("OVER", "100")},
        posting("issued_to_order", 8, "4750", items=[lot("OVER", "105")]),
        posting("output_reported", 9, "4750", outputs=[{"item": unit("OVERM/1")}]),
        posting("order_closed", 10, "4750"),
    )
    found = await balance(service, item=uri("OVER"), wait_for=at)
    assert gaps(found) == [("unaccounted", "-5", KG)]
    assert gaps(await balance(service, item=uri("OVER"), tolerance="0.05")) == []
    assert gaps(await balance(service, item=uri("OVER"), at="2026-03-01T07:00:00+08:00")) == []
    assert ("unaccounted", "-5", KG) in gaps(await forward(service, "OVER"))
    back = await ask(service, "/v1/trace/backward", item="urn:zhuisu:unit:own:OVERM:1")
    assert ("unaccounted", "-5", KG) in gaps(back)


async def test_b4_an_order_open_and_closed(service: httpx.AsyncClient) -> None:
    at = await post(
        service,
        posting("issued_to_order", 6, "4760", items=[lot("B4", "310")]),
        posting("returned_from_order", 9, "04760", items=[lot("B4", "10")]),
        posting("output_reported", 22, "4760", outputs=[lot("B4H", "280")]),
    )
    found = await balance(service, order="4760", site="S", wait_for=at)
    expected = {"uom": KG, "consumed": "300", "produced": "280", "open": "20", "unaccounted": None}
    assert (found["closed"], found["balances"]) == (False, [expected])
    assert gaps(found) == [("open_wip", "20", KG)]
    assert {(line["item"], line["role"], line["posted"], line["net"]) for line in found["lines"]} == {
        (uri("B4"), "input", "310", "300"),
        (uri("B4H"), "output", "280", "280"),
    }
    at = await post(service, posting("order_closed", 23, "4760"))
    found = await balance(service, transformation=found["transformation"], wait_for=at)
    assert (found["closed"], gaps(found)) == (True, [("unaccounted", "20", KG)])


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({}, 422, "invalid-parameter"),
        ({"item": uri("B4"), "order": "1", "site": "S"}, 422, "invalid-parameter"),
        ({"order": "1"}, 422, "invalid-parameter"),
        ({"order": "no-such", "site": "S"}, 404, "unknown-transformation"),
        ({"item": uri("NOBODY")}, 404, "unknown-item"),
        ({"item": "urn:zhuisu:unit:own:BALU:1"}, 422, "not-a-lot"),
        ({"item": uri("BALL"), "tolerance": "2"}, 422, "invalid-parameter"),
        ({"item": uri("BALL"), "tolerance": "much"}, 422, "invalid-parameter"),
        ({"item": uri("BALL"), "uom": KG}, 422, "unknown-parameter"),
    ],
)
async def test_what_is_asked_wrongly_is_refused_by_name(
    service: httpx.AsyncClient, params: dict[str, str], *, status: int, code: str
) -> None:
    stored = {"kind": "stored", "occurred_at": HOUR.format(5), "site": "S", "event_id": "bal-1"}
    at = await post(service, {**stored, "items": [{"item": unit("BALU/1")}, lot("BALL", "1")]})
    answer = await service.get("/v1/items/balance", params={**params, "wait_for": at})
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")


async def test_every_parameter_of_a_balance_is_described(service: httpx.AsyncClient) -> None:
    described = (await service.get("/openapi.json")).json()["paths"]["/v1/items/balance"]["get"]
    refused = await service.get("/v1/items/balance", params={"unheard": "of"})
    assert all(p["name"] in refused.json()["detail"] and p["description"] for p in described["parameters"])
    assert len(described["parameters"]) == 8
    assert {"200", "404", "422"} <= described["responses"].keys()


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"site": None}, "site: name the site"),
        ({"order": " "}, "order: 1 to 128"),
        ({"items": []}, "name at least one"),
        ({"items": [{"item": {"product": "P", "lot": "1"}, "quantity": "-1"}]}, "quantity: -1 must be"),
    ],
)
async def test_a_wrong_posting_is_refused_by_field(
    service: httpx.AsyncClient, wrong: dict[str, Any], *, word: str
) -> None:
    event = posting("issued_to_order", 6, "1", items=[lot("P", "1")]) | wrong
    event = {k: v for k, v in event.items() if v is not None}
    answer = await service.post("/v1/events", json=event)
    assert answer.status_code == 422
    assert word in answer.text


async def test_a_key_limited_to_a_site_gets_the_balance_of_that_site(service: httpx.AsyncClient) -> None:
    received = {"kind": "material_received", "occurred_at": HOUR.format(5)}
    at = await post(
        service,
        {**received, "site": "S", **lot("SCP", "100")},
        {
            "kind": "stock_adjusted",
            "occurred_at": HOUR.format(6),
            "site": "T",
            "item": lot("SCP")["item"],
            "change": "7",
            "uom": KG,
        },
    )
    made = (await service.post("/v1/keys", json={"name": "one site", "roles": ["read"], "sites": ["S"]})).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    answer = await service.get("/v1/items/balance", params={"item": uri("SCP"), "wait_for": at}, headers=headers)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [(b["received"], b["gains"], b["stock"]) for b in found["balances"]] == [("100", "0", "100")]
    assert found["incomplete_because"] == ["scope"]
