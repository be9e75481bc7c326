"""Unit over lot, and parts that were taken out, over HTTP."""

import httpx

from tests.http.test_service import HOUR, ask, post, unit


def uri(name: str) -> str:
    product, serial = name.split("/")
    return f"urn:zhuisu:unit:own:{product}:{serial}"


def cell(n: int, lot: str) -> dict[str, object]:
    return {
        "kind": "commissioned",
        "occurred_at": HOUR.format(7),
        "items": [{"item": unit(f"UCELL/{n}"), "lot": {"product": "UCELL", "lot": lot}}],
    }


async def test_a_scan_of_every_cell_supersedes_the_lot(service: httpx.AsyncClient) -> None:
    made = {"inputs": [{"item": {"product": "UCELL", "lot": "K"}, "quantity": 2}], "outputs": [{"item": unit("UM/1")}]}
    scan = {"parent": unit("UM/1"), "components": [{"item": unit("UCELL/1")}, {"item": unit("UCELL/2")}]}
    before = await post(
        service,
        cell(1, "K"),
        cell(2, "K2"),
        {"kind": "transformed", "occurred_at": HOUR.format(8), "event_id": "um-made", **made},
    )
    after = await post(service, {"kind": "assembled", "occurred_at": HOUR.format(9), "event_id": "um-scan", **scan})
    lot = "urn:zhuisu:lot:own:UCELL:K"
    then = await ask(service, "/v1/trace/forward", item=lot, as_of=before, wait_for=after)
    assert [(n["item"], n["level"]) for n in then["nodes"]] == [(uri("UCELL/1"), 1), (uri("UM/1"), 1)]
    assert (then["superseded"], then["superseded_count"]) == ([], 0)
    now = await ask(service, "/v1/trace/forward", item=lot)
    assert [(n["item"], n["level"], n["certainty"]) for n in now["nodes"]] == [
        (uri("UCELL/1"), 1, "certain"),
        (uri("UM/1"), 2, "certain"),
    ]
    [shown] = now["superseded"]
    assert (shown["from"], shown["to"], shown["event_id"]) == (lot, uri("UM/1"), "um-made")
    assert (shown["superseded_by"], now["superseded_count"]) == (["um-scan"], 1)


async def test_parts_of_a_damaged_unit_are_followed(service: httpx.AsyncClient) -> None:
    parts = {"components": [{"item": unit("UPACK/1")}]}
    position = await post(
        service,
        {"kind": "assembled", "occurred_at": HOUR.format(8), "parent": unit("UBIKE/1"), **parts},
        {
            "kind": "disassembled",
            "occurred_at": HOUR.format(9),
            "parent": unit("UBIKE/1"),
            **parts,
            "event_id": "u-out",
        },
        {"kind": "assembled", "occurred_at": HOUR.format(10), "parent": unit("UBIKE/2"), **parts},
    )
    asked = {"item": uri("UBIKE/1"), "follow": "removed_parts"}
    found = await ask(service, "/v1/trace/forward", **asked, wait_for=position)
    assert [(n["item"], n["level"]) for n in found["nodes"]] == [(uri("UPACK/1"), 1), (uri("UBIKE/2"), 2)]
    [link] = found["nodes"][0]["links"]
    assert (link["relation"], link["event_id"]) == ("removed_from", "u-out")
    refused = await service.get("/v1/trace/backward", params=asked)
    assert (refused.status_code, "removed_parts" in refused.json()["detail"]) == (422, True)


async def test_a_part_removed_on_a_date_alone_is_possibly_reworked_in_its_unit(service: httpx.AsyncClient) -> None:
    """Nobody knows which came first: the unit is named, and not as certain."""
    part = {"components": [{"item": unit("DPACK/1")}], "parent": unit("DBIKE/1")}
    glue = {"product": "DGLUE", "lot": "G"}
    position = await post(
        service,
        {"kind": "assembled", "occurred_at": "2026-02-27T08:00:00+08:00", **part},
        {"kind": "disassembled", "occurred_at": "2026-03-01+08:00", **part},
        {"kind": "reworked", "occurred_at": HOUR.format(15), "item": unit("DPACK/1"), "materials": [{"item": glue}]},
    )
    lot = "urn:zhuisu:lot:own:DGLUE:G"
    found = await ask(service, "/v1/trace/forward", item=lot, wait_for=position)
    told = {n["item"]: (n["certainty"], n["reasons"]) for n in found["nodes"]}
    assert told == {uri("DPACK/1"): ("certain", []), uri("DBIKE/1"): ("possible", ["order_uncertain"])}
    back = await ask(service, "/v1/trace/backward", item=uri("DBIKE/1"))
    assert {n["item"]: n["certainty"] for n in back["nodes"]}[lot] == "possible"
