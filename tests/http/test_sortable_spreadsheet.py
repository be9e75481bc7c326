"""The sortable spreadsheet of FSMA 204 over HTTP: a row a critical tracking event, the same bytes each time."""

import csv
import io
from typing import Any

import httpx
import openpyxl
import pytest_asyncio

from services.query.sortable.rows import COLUMNS
from tests.http.telling import Example, hour

LOT, MIX = "lot:LETTUCE/L-1", "lot:SALAD/S-1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def salad(service: httpx.AsyncClient) -> Example:
    """Harvested, cooled, packed, shipped, received, made into a salad with another lot, boxed, shipped on."""
    e = Example(service, "fsma")
    describe = {"party": "farm-1", "name": "Green Farm", "country": "US"}
    await e.post("party_described", 0, **describe)
    place = {"name": "Field 7", "address": "1 Farm Road, Salinas CA 93901", "party": "farm-1"}
    await e.post("place_described", 0, place="FIELD-7", **place)
    await e.post("product_described", 0, product=e.uri("class:LETTUCE"), name="Romaine", model="whole heads", uom="KGM")
    bol = [{"type": "bol", "id": "BOL-7"}]
    items = [e.line(LOT, 100, uom="KGM")]
    await e.post("commissioned", 1, items=items, biz_step="urn:example:bizstep:harvesting", site="FIELD-7")
    await e.post("observed", 2, items=items, biz_step="https://example.com/steps/cooling", site="FIELD-7")
    await e.post("stored", 3, items=items, biz_step="initial-packing", site="FIELD-7")
    await e.post("shipped", 4, items=items, site="FIELD-7", to_place="KITCHEN", documents=bol)
    await e.post("received", 5, items=items, site="KITCHEN", from_place="FIELD-7", documents=bol)
    received = {"item": e.uri("lot:DRESSING/D-1"), "quantity": 9, "uom": "LTR", "site": "KITCHEN"}
    await e.post("material_received", 5, supplier="sauces-inc", supplier_lot="0042", **received)
    inputs = [e.line(LOT, 40, uom="KGM"), e.line("lot:DRESSING/D-1", 3, uom="LTR")]
    outputs = [{"item": e.uri(f"SALAD/{n}"), "lot": e.uri(MIX)} for n in (1, 2, 3)]
    await e.post("transformed", 6, inputs=inputs, outputs=outputs, site="KITCHEN")
    await e.pack(7, "box:1", *e.lines("SALAD/1", "SALAD/2"), site="KITCHEN")
    await e.post("shipped", 8, items=e.lines("box:1", "SALAD/3"), site="KITCHEN", to_possessor="=shop")
    wrong = await e.post("shipped", 9, items=items, site="FIELD-7", to_place="NOWHERE")
    await e.post("voided", 10, target=wrong)
    return e


async def sheet(e: Example, *lots: str, **params: Any) -> list[dict[str, str]]:
    asked = {"lot": [e.uri(lot) for lot in lots], "format": "csv", "wait_for": e.position, **params}
    answer = await e.service.get("/v1/sortable-spreadsheet", params=asked)
    assert answer.status_code == 200, answer.text
    text = answer.content.decode("utf-8-sig").partition("\r\n\r\n")[2]
    names = {c.heading: c.name for c in COLUMNS}
    return [{names[k]: v for k, v in row.items()} for row in csv.DictReader(io.StringIO(text, newline=""))]


async def test_each_step_of_a_lot_is_a_row_with_its_key_data(salad: Example) -> None:
    rows = await sheet(salad, LOT)
    assert [(r["cte"], r["quantity"], r["unit"]) for r in rows] == [
        ("harvesting", "100", "KGM"),
        ("cooling", "100", "KGM"),
        ("initial_packing", "100", "KGM"),
        ("shipping", "100", "KGM"),
        ("receiving", "100", "KGM"),
        ("transformation", "3", ""),
    ]
    assert {r["tlc"] for r in rows[:5]} == {salad.uri(LOT)}
    shipped, received, made = rows[3:]
    assert shipped["product_description"] == "Romaine, whole heads"
    described = "Field 7, Green Farm, 1 Farm Road, Salinas CA 93901, US"
    assert (shipped["from_location"], shipped["from_description"]) == ("FIELD-7", described)
    assert (shipped["to_location"], shipped["event_date"]) == ("KITCHEN", "2026-03-01")
    assert (shipped["document_types"], shipped["document_numbers"]) == ("bol", "BOL-7")
    assert (received["from_location"], received["location"]) == ("FIELD-7", "KITCHEN")
    assert (received["tlc_source"], received["tlc_source_description"]) == ("FIELD-7", described)
    assert (made["tlc"], made["input_tlc"]) == (salad.uri(MIX), salad.uri(LOT))
    assert (made["input_quantity"], made["input_unit"], made["date_completed"]) == ("40", "KGM", "2026-03-01")


async def test_a_transformation_has_a_row_an_input_and_a_lot_is_followed_by_its_units_and_in_boxes(
    salad: Example,
) -> None:
    rows = await sheet(salad, MIX)
    assert [(r["cte"], r["tlc"], r["quantity"], r["input_tlc"]) for r in rows] == [
        ("transformation", salad.uri(MIX), "3", salad.uri("lot:DRESSING/D-1")),
        ("transformation", salad.uri(MIX), "3", salad.uri(LOT)),
        ("shipping", salad.uri(MIX), "2", ""),
        ("shipping", salad.uri(MIX), "1", ""),
    ]
    assert rows[2]["container"] == salad.uri("box:1")
    assert rows[2]["to_location"] == "'=shop"
    assert rows[2]["tlc_source"] == "KITCHEN"
    (received, made) = await sheet(salad, "lot:DRESSING/D-1")
    assert (received["cte"], received["from_location"], received["supplier_tlc"]) == ("receiving", "sauces-inc", "0042")
    assert (received["tlc_source"], made["cte"]) == ("sauces-inc", "transformation")


async def test_all_lots_between_two_days_both_included(salad: Example) -> None:
    everything = await sheet(salad, **{"from": "2026-03-01+08:00", "to": "2026-03-01+08:00"})
    mine = [r for r in everything if "fsma" in r["tlc"]]
    assert len(mine) == 10  # harvest, cooling, packing, shipping, 2 receiving, 2 inputs, 2 shipped on
    assert [r["event_time"] for r in everything] == sorted(r["event_time"] for r in everything)
    assert await sheet(salad, LOT, **{"from": hour(4), "to": hour(4)}) == [(await sheet(salad, LOT))[3]]
    assert await sheet(salad, LOT, to="2026-02-28+08:00") == []


async def test_the_same_point_gives_the_same_bytes_whatever_comes_later(salad: Example) -> None:
    position = salad.position
    asked = {"lot": salad.uri(LOT), "wait_for": position}
    before = {}
    for form in ("csv", "xlsx", "json"):
        answer = await salad.service.get("/v1/sortable-spreadsheet", params={**asked, "format": form})
        before[form] = answer
        assert answer.headers["Zhuisu-As-Of"] == position
        assert answer.headers["Content-Disposition"] == f'attachment; filename="sortable-spreadsheet.{form}"'
    await salad.post("shipped", 11, items=[salad.line(LOT, 1, uom="KGM")], site="KITCHEN", to_place="LATER")
    for form, first in before.items():
        params = {**asked, "as_of": position, "wait_for": salad.position, "format": form}
        again = await salad.service.get("/v1/sortable-spreadsheet", params=params)
        assert again.content == first.content
        tag = {"If-None-Match": first.headers["ETag"]}
        assert (await salad.service.get("/v1/sortable-spreadsheet", params=params, headers=tag)).status_code == 304
    now = await salad.service.get("/v1/sortable-spreadsheet", params={**asked, "wait_for": salad.position})
    assert now.json()["rows"] == before["json"].json()["rows"] + 1
    assert now.json()["as_of"] == salad.position
    book = openpyxl.load_workbook(io.BytesIO(before["xlsx"].content))
    assert book["events"].max_row == 1 + before["json"].json()["rows"]


async def test_what_is_refused(salad: Example) -> None:
    async def refused(params: Any, **more: Any) -> tuple[int, str]:
        answer = await salad.service.get("/v1/sortable-spreadsheet", params=params, **more)
        return answer.status_code, answer.json()["type"]

    assert await refused({}) == (422, "/problems/invalid-parameter")
    assert await refused({"from": "yesterday"}) == (422, "/problems/invalid-parameter")
    assert await refused({"lot": "urn:zhuisu:lot:own:NONE:1"}) == (404, "/problems/unknown-item")
    assert await refused({"lot": salad.uri(LOT), "format": "pdf"}) == (422, "/problems/invalid-parameter")
    assert await refused({"lot": salad.uri(LOT), "as_of": "0-99999999"}) == (503, "/problems/as-of-not-settled")
    assert await refused({"lot": salad.uri(LOT)}, headers={"Accept": "text/html"}) == (406, "/problems/not-acceptable")
    wanted = {"name": "one site", "roles": ["read"], "sites": ["KITCHEN"]}
    key = (await salad.service.post("/v1/keys", json=wanted)).json()["key"]
    limited = {"Authorization": f"Bearer {key}"}
    assert await refused({"lot": salad.uri(LOT)}, headers=limited) == (403, "/problems/site-scope")
