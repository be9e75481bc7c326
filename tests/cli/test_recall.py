"""A recall from the command line, start to end, over a real service."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.options import REFUSED, USAGE
from tests.cli.conftest import KEY
from tests.cli.running import Ran, zhuisu, zhuisu_beside
from tests.waiting import eventually

LOT = "urn:zhuisu:lot:own:CELL:CLI-9"
PACKS = [f"urn:zhuisu:unit:own:PACK:CLI-{n}" for n in range(4)]
LATE = "urn:zhuisu:unit:own:PACK:CLI-late"
CASE = "RC-CLI-1"


def events() -> list[dict[str, Any]]:
    at = "2026-03-01T08:00:00+08:00"
    made = {"kind": "transformed", "occurred_at": "2026-03-02T08:00:00+08:00", "site": "PLANT-1"}
    sold = {"kind": "sold", "occurred_at": "2026-03-05T08:00:00+08:00", "holder": "h-1", "channel": "shop"}
    return [
        {"kind": "material_received", "occurred_at": at, "item": LOT, "quantity": 40, "supplier": "cells"},
        *({**made, "inputs": [{"item": LOT, "quantity": 10}], "outputs": [{"item": pack}]} for pack in PACKS),
        {**sold, "items": [{"item": PACKS[0]}]},
    ]


async def second_key(service: httpx.AsyncClient) -> str:
    answer = await service.post("/v1/keys", json={"name": "approver of the CLI", "roles": ["read", "recall"]})
    return str(answer.json()["key"])


@pytest.mark.timeout(120)
async def test_from_an_open_case_to_a_closed_one(service: httpx.AsyncClient, tmp_path: Path) -> None:
    posted = (await service.post("/v1/events", json=events())).json()
    await service.get("/v1/items/state", params={"item": PACKS[0], "wait_for": posted["position"]})

    async def recall(*arguments: str, key: str = KEY) -> Ran:
        return await zhuisu_beside("recall", *arguments, "--url", str(service.base_url), "--key", key)

    opened = await recall("open", "Cells of lot 9", "--id", CASE, "--mode", "live", "--reason", "a pack went hot")
    assert (opened.code, "opened" in opened.out) == (0, True), opened
    assert (await recall("freeze", CASE, "--reason", "too soon")).code == REFUSED
    scoped = await recall("scope", CASE, "--lot", LOT, "--reason", "the supplier says so")
    assert (scoped.code, "scoped" in scoped.out) == (0, True), scoped
    seen = await recall("preview", CASE)
    assert (seen.code, "4 top units" in seen.out, "PACK:CLI-3" in seen.out) == (0, True, True), seen
    frozen = await recall("freeze", CASE, "--reason", "agreed")
    assert (frozen.code, "4 top units" in frozen.out) == (0, True), frozen
    listed = json.loads((await recall("units", CASE, "--top", "--json")).out)
    assert [m["item"] for m in listed["members"]] == PACKS
    assert (await recall("approve", CASE, "--reason", "checked")).code == REFUSED, "one person froze and approved"
    approved = await recall("approve", CASE, "--reason", "checked", key=await second_key(service))
    assert (approved.code, "Approved by" in approved.out) == (0, True), approved

    async def held() -> bool:
        state = (await service.get("/v1/items/state", params={"item": PACKS[1]})).json()
        return bool(state["on_hold"]) and state["recalls"] == [CASE]

    await eventually(held, within_seconds=30)
    assert "PACK:CLI-1" in (await zhuisu_beside("holds", "--url", str(service.base_url), "--key", KEY)).out
    assert "PACK CLI-2 ← CELL lot CLI-9" in (await recall("explain", CASE, PACKS[2])).out
    late = {**events()[1], "inputs": [{"item": LOT, "quantity": 1}], "outputs": [{"item": LATE}]}
    await service.post("/v1/events", json=late)

    async def came_in() -> bool:
        return "PACK:CLI-late" in (await recall("alerts", CASE)).out

    await eventually(came_in, within_seconds=30)
    changed = await recall("delta", CASE)
    assert "PACK:CLI-late" in changed.out
    assert "1 came in, 0 would go out" in changed.out
    told = await recall("notify", CASE, "--to", "all", "--how", "letter", "--json")
    assert told.code == 0, told
    sheet = tmp_path / "answers.csv"
    sheet.write_text(f"item,response,remedy\n{PACKS[0]},remedied,refund\n{PACKS[1]},nonsense,\n")
    answered = await recall("respond", CASE, "--file", str(sheet))
    assert (answered.code, answered.out) == (REFUSED, "1 rows recorded, 1 rejected\n")
    assert "row 3, response" in answered.err
    accounted = json.loads((await recall("account", CASE, "--json")).out)
    assert (accounted["population"], accounted["buckets"]["remedied"], accounted["outstanding"]) == (5, 1, 4)
    assert "remedied" in (await recall("account", CASE)).out
    assert "h-1" in (await recall("consignees", CASE)).out
    assert "affected-units" in (await recall("report", CASE)).out
    target = tmp_path / "affected.csv"
    assert (await recall("report", CASE, "affected-units", "--format", "csv", "--out", str(target))).code == 0
    assert PACKS[2] in target.read_text()
    assert (await recall("pack", CASE, "--out", str(tmp_path / "pack.zip"))).code == 0
    assert (tmp_path / "pack.zip").read_bytes()[:2] == b"PK"
    assert (await recall("report", CASE, "none", "--out", str(tmp_path / "none"))).code == REFUSED
    assert not (tmp_path / "none").exists()
    assert (await recall("close", CASE, "--reason", "done")).code == REFUSED
    closed = await recall("close", CASE, "--reason", "done", "--outstanding-reason", "three stay on the shelf, held")
    assert (closed.code, "closed" in closed.out) == (0, True), closed
    shown = await recall("show", CASE)
    assert "three stay" in shown.out or "done" in shown.out
    assert CASE in (await recall("list")).out


@pytest.mark.timeout(120)
async def test_a_shop_sees_what_it_has_and_one_who_answers_unasked_was_reached_by_phone(
    service: httpx.AsyncClient,
) -> None:
    bikes = [f"urn:zhuisu:unit:own:BIKE:CLI-{n}" for n in (1, 2)]
    made = {"kind": "commissioned", "occurred_at": "2026-03-02T08:00:00+08:00"}
    told = [{**made, "site": f"urn:site:{n}", "items": [{"item": bike}]} for n, bike in enumerate(bikes, 1)]
    sold = {"kind": "sold", "occurred_at": "2026-03-05T08:00:00+08:00", "holder": "h-7", "site": "urn:site:1"}
    posted = (await service.post("/v1/events", json=[*told, {**sold, "items": [{"item": bikes[0]}]}])).json()
    await service.get("/v1/items/state", params={"item": bikes[0], "wait_for": posted["position"]})
    shop = await service.post("/v1/keys", json={"name": "shop 1", "roles": ["read"], "sites": ["urn:site:1"]})
    case, shop_key = "RC-CLI-SHOP", shop.json()["key"]

    async def recall(*arguments: str, key: str = KEY, language: str = "en") -> Ran:
        beside = ("--url", str(service.base_url), "--key", key)
        return await zhuisu_beside("--lang", language, "recall", *arguments, *beside)

    about = ("--mode", "live", "--hazard", "the fork breaks", "--reason", "x")
    assert (await recall("open", "Forks", "--id", case, *about)).code == 0
    rule = json.dumps({"items": bikes, "follow": "none"})
    assert (await recall("scope", case, "--rule", rule, "--reason", "x")).code == 0
    assert (await recall("freeze", case, "--reason", "x")).code == 0
    assert (await recall("at-sites", case, key=shop_key)).code == REFUSED, "nobody approved it"
    assert (await recall("approve", case, "--reason", "x", key=await second_key(service))).code == 0

    async def held() -> bool:
        return "ON HOLD" in (await recall("at-sites", case, key=shop_key)).out

    await eventually(held, within_seconds=30)
    seen = await recall("at-sites", case, key=shop_key)
    assert ("BIKE:CLI-1" in seen.out, "BIKE:CLI-2" in seen.out, "the fork breaks" in seen.out) == (True, False, True)
    assert "left out" in seen.out
    assert "从未到过" in (await recall("at-sites", case, key=shop_key, language="zh")).out
    assert len(json.loads((await recall("at-sites", case, "--json")).out)["members"]) == 2
    answer = ("respond", case, bikes[0], "--response", "on_hand", "--consignee", "h-7")
    refused = await recall(*answer)
    assert (refused.code, "reached_by" in refused.err) == (REFUSED, True), refused
    assert (await recall(*answer, "--reached-by", "phone")).out == "1 rows recorded, 0 rejected\n"
    [consignee] = json.loads((await recall("consignees", case, "--json")).out)["consignees"]
    assert (consignee["consignee"], consignee["notified"]["how"]) == ("h-7", "phone")


async def test_incidents_and_drills(service: httpx.AsyncClient) -> None:
    async def run(*arguments: str) -> Ran:
        return await zhuisu_beside(*arguments, "--url", str(service.base_url), "--key", KEY)

    await service.post("/v1/events", json=events())
    opened = await run("incident", "open", "Pack fire", "--id", "INC-CLI-1", "--known-at", "2026-04-02T11:20:00+08:00")
    assert (opened.code, "Pack fire" in opened.out) == (0, True), opened
    reported = await run("incident", "report", "INC-CLI-1", "first", "--reference", "fax 1")
    assert reported.code == 0, reported
    assert "INC-CLI-1" in (await run("incident", "list")).out
    assert (await run("incident", "close", "INC-CLI-1", "--reason", "the cause is known")).code == 0
    assert "closed" in (await run("incident", "show", "INC-CLI-1")).out
    drilled = await run("drill", "--seed", "7", "--json")
    assert drilled.code == 0, drilled
    run_id = json.loads(drilled.out)["drill"]
    trend = await run("drill", "--trend")
    assert (trend.code, run_id in trend.out) == (0, True), trend


@pytest.mark.parametrize(
    "arguments",
    [
        ("recall", "preview"),
        ("recall", "scope", "RC-1", "--reason", "x"),
        ("recall", "scope", "RC-1", "--rule", "{", "--reason", "x"),
        ("recall", "scope", "RC-1", "--rule", "@/does/not/exist", "--reason", "x"),
        ("recall", "notify", "RC-1", "--to", "all"),
        ("recall", "respond", "RC-1"),
        ("recall", "respond", "RC-1", "--response", "recovered", "--quantity", "7"),
        ("recall", "respond", "RC-1", "--file", "answers.docx"),
        ("recall", "respond", "RC-1", "urn:x:1", "--response", "on_hand", "--reached-by", "phone"),
    ],
)
def test_called_wrongly(arguments: tuple[str, ...]) -> None:
    ran = zhuisu(*arguments)
    assert (ran.code, ran.err.strip() != "") == (USAGE, True)
