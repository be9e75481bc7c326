"""From a supplier's notice to the reports: its draft scope is frozen for real, approved, and reported."""

import csv
import io

import httpx

from tests.cases.conftest import People, Post
from tests.cases.factory import SUPPLIER, lot, post, unit
from tests.cases.test_freezing import in_state, lines_of, scoped


async def test_a_notice_becomes_a_frozen_recall_whose_reports_have_what_was_frozen(
    service: httpx.AsyncClient, people: People, act: Post
) -> None:
    position = await post(service)
    sheet = {"supplier": SUPPLIER, "lines": [{"product": "CELL", "lot": "S-9"}], "id": "SN-real"}
    made = await service.post("/v1/supplier-notices", json=sheet, headers=people.wang)
    assert made.status_code == 201, made.text
    params = {"wait_for": position}
    notice = (await service.get("/v1/supplier-notices/SN-real", params=params, headers=people.reader)).json()
    assert notice["outcomes"] == {"matched": 1, "ambiguous": 0, "unmatched": 0}, notice["matches"]
    assert notice["draft_scope"] == {"any": [{"items": [lot("CELL", "L-9")]}]}
    await scoped(service, people, act, case_id="RR-1", rule=notice["draft_scope"])
    assert (await act("RR-1", "freeze")).status_code == 202
    frozen = (await in_state(service, "RR-1", "frozen"))["freeze"]
    assert (await act("RR-1", "approve", by=people.li)).status_code == 200
    told = await service.get("/v1/recalls/RR-1/reports/affected-units", params={"format": "csv"})
    text = told.content.decode("utf-8-sig")
    assert f"notes.set_sha256,{frozen['sha256']}" in text
    rows = list(csv.DictReader(io.StringIO(text.partition("\r\n\r\n")[2], newline="")))
    members = (await lines_of(service, "RR-1")).splitlines()
    assert [r["Item 追溯单元"] for r in rows] == [m.split(b'"item":"')[1].split(b'"')[0].decode() for m in members]
    by_item = {r["Item 追溯单元"]: r for r in rows}
    bike = by_item[unit("BIKE", "B-1")]
    assert bike["Counted as 计数方式"] == "top_unit"
    assert bike["Came from 上级来源"] == unit("MODULE", "M-1")
    assert bike["By these events 依据事件"]
    population = await service.get("/v1/recalls/RR-1/reports/nhtsa573", params={"version": "freeze:1"})
    total = population.json()["tables"][0]["rows"][-1]
    assert total["potentially_affected"] == frozen["top_units"]
    assert total["loose_spares"] == frozen["loose_spares"]
