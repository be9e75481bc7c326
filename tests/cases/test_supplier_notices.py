"""A supplier's notice over HTTP: taken in as a sheet, matched against receipts, answered, and turned into a scope."""

import io
from typing import Any

import httpx
import openpyxl
import pytest
import pytest_asyncio

from tests.cases.conftest import People
from tests.http.telling import Example, hour

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = {"Content-Type": "text/csv"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def receipts(service: httpx.AsyncClient) -> Example:
    """What came in: from cellworks by lot, by date code and without either, and from others under the same numbers."""
    e = Example(service, "notice")

    async def receive(at: int, short: str, **more: Any) -> None:
        await e.post("material_received", at, item=e.uri(short), **more)

    await receive(1, "lot:CELL/OUR-1", supplier="cellworks", supplier_lot="240512", quantity=500)
    await receive(2, "lot:CELL/OUR-2", supplier="cellworks", supplier_lot="240513", extensions={"date_code": "2609"})
    await receive(3, "lot:CELL/OUR-3", supplier="othercells", supplier_lot="240514")
    await receive(4, "lot:CELL/OUR-4", supplier="cellworks", quantity=70)
    await receive(5, "lot:FUSE/OUR-5", supplier="cellworks", supplier_lot="0088")
    await receive(6, "BMS/B0007", supplier="cellworks")
    await receive(7, "BMS/B0012", supplier="cellworks")
    await receive(8, "lot:CELL/OUR-6", supplier="cellworks", supplier_lot="240599", event_id="notice-void")
    await e.post("voided", 9, target="notice-void")
    await e.fit(10, "BMS/B0009", "PACK/P-1")
    return e


async def posted(
    service: httpx.AsyncClient, people: People, content: str | bytes, *, media: str = "text/csv", **said: str
) -> httpx.Response:
    """The answer to a sheet sent."""
    params = {"supplier": "cellworks", **said}
    headers = {**people.wang, "Content-Type": media}
    return await service.post("/v1/supplier-notices", params=params, content=content, headers=headers)


async def matches(e: Example, people: People, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    params = {"wait_for": e.position}
    found = await e.service.get(answer.headers["Location"], params=params, headers=people.reader)
    assert found.status_code == 200, found.text
    return dict(found.json())


async def test_each_line_is_matched_ambiguous_or_unmatched_with_the_reason(
    service: httpx.AsyncClient, people: People, receipts: Example
) -> None:
    e = receipts
    sheet = (
        "产品,批号,日期代码,起始序列号,截止序列号,备注\r\n"
        "notice-CELL,240512,,,,certain\r\n"
        "notice-CELL,,2609,,,by its date code\r\n"
        "notice-CELL,240514,,,,came from others\r\n"
        "notice-FUSE,88,,,,zeros left out\r\n"
        "notice-FUSE,240512,,,,another product\r\n"
        "notice-BMS,,,B0005,B0012,\r\n"
        "notice-CELL,OUR-1,,,,our own number\r\n"
        "notice-FUSE,NONE,,,,\r\n"
        "notice-CELL,240599,,,,its receipt was voided\r\n"
    )
    found = await matches(e, people, await posted(service, people, sheet, reference="CW-17"))
    told = [
        (m["outcome"], m["items"], {(c["why"], c["item"]) for c in m["candidates"]}, m["left_open"])
        for m in found["matches"]
    ]
    ours = {n: e.uri(f"lot:CELL/OUR-{n}") for n in range(1, 7)}
    units = [e.uri("BMS/B0007"), e.uri("BMS/B0012")]
    assert told == [
        ("matched", [ours[1]], set(), 1),  # OUR-4 names no lot of theirs: it cannot be ruled out
        ("matched", [ours[2]], set(), 2),
        ("ambiguous", [], {("other_supplier", ours[3])}, 1),
        ("ambiguous", [], {("spelled_differently", e.uri("lot:FUSE/OUR-5"))}, 0),
        ("ambiguous", [], {("other_product", ours[1])}, 0),
        ("matched", units, {("no_receipt", e.uri("BMS/B0009"))}, 0),
        ("ambiguous", [], {("our_number", ours[1])}, 1),
        ("unmatched", [], set(), 0),
        ("ambiguous", [], set(), 1),
    ]
    assert found["outcomes"] == {"matched": 3, "ambiguous": 5, "unmatched": 1}
    assert {r["item"] for r in found["left_open"]} == {ours[1], ours[4]}
    sure = {ours[1], ours[2], *units}
    assert found["draft_scope_matched_only"] == {"any": [{"items": sorted(sure)}]}
    possible = {ours[3], ours[4], e.uri("lot:FUSE/OUR-5"), e.uri("BMS/B0009")}
    assert found["draft_scope"] == {"any": [{"items": sorted(sure)}, {"items": sorted(possible)}]}
    assert (found["supplier"], found["reference"], found["state"], found["lines"]) == (
        "cellworks",
        "CW-17",
        "received",
        9,
    )
    assert found["complete"]


async def test_a_receipt_that_comes_late_is_found(
    service: httpx.AsyncClient, people: People, receipts: Example
) -> None:
    answer = await posted(service, people, "lot,product\r\nLATE-1,notice-FUSE\r\n")
    assert (await matches(receipts, people, answer))["outcomes"]["unmatched"] == 1
    item = receipts.uri("lot:FUSE/OUR-9")
    await receipts.post("material_received", 11, item=item, supplier="cellworks", supplier_lot="LATE-1")
    assert (await matches(receipts, people, answer))["matches"][0]["items"] == [item]


async def test_workbook_and_json_say_the_same_and_a_sheet_sent_again_is_the_same_notice(
    service: httpx.AsyncClient, people: People, receipts: Example
) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["Product", "Lot", "#internal"])
    book.active.append(["notice-FUSE", 88, "x"])
    book.active["B2"].number_format = "0000"
    file = io.BytesIO()
    book.save(file)
    first = await posted(service, people, file.getvalue(), media=XLSX)
    from_book = await matches(receipts, people, first)
    body = {"supplier": "cellworks", "lines": [{"product": "notice-FUSE", "lot": "0088"}], "id": "SN-json"}
    made = await service.post("/v1/supplier-notices", json=body, headers=people.wang)
    from_json = await matches(receipts, people, made)
    assert from_book["matches"][0]["items"] == from_json["matches"][0]["items"] == [receipts.uri("lot:FUSE/OUR-5")]
    again = await posted(service, people, file.getvalue(), media=XLSX)
    assert (again.status_code, again.json()["notice"]) == (200, from_book["notice"])
    other = await posted(service, people, "lot\r\nX\r\n", id="SN-json")
    assert (other.status_code, other.json()["type"]) == (409, "/problems/case-exists")
    listed = (await service.get("/v1/supplier-notices", headers=people.reader)).json()["notices"]
    assert {"SN-json", from_book["notice"]} <= {n["notice"] for n in listed}


async def test_a_sheet_as_a_chinese_office_saves_it_is_read_by_its_charset(
    service: httpx.AsyncClient, people: People, receipts: Example
) -> None:
    sheet = "物料,批号\r\nnotice-CELL,240512\r\n".encode("gb18030")
    refused = await posted(service, people, sheet)
    assert "charset=gb18030" in refused.json()["detail"]
    unknown = await posted(service, people, sheet, media="text/csv; charset=klingon")
    assert (unknown.status_code, unknown.json()["type"]) == (422, "/problems/invalid-sheet")
    taken = await posted(service, people, sheet, media='text/csv; charset="GB18030"')
    assert (await matches(receipts, people, taken))["outcomes"]["matched"] == 1


async def test_containment_is_asked_for_falls_due_and_is_answered_by_8d(
    service: httpx.AsyncClient, people: People, receipts: Example
) -> None:
    made = await posted(service, people, "lot\r\n240512\r\n", id="SN-8d")
    assert made.status_code == 201, made.text

    async def say(path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        answer = await service.post(f"/v1/supplier-notices/SN-8d/{path}", json=body, headers=people.wang)
        return answer.status_code, answer.json()

    async def stands() -> tuple[str, bool]:
        found = (await service.get("/v1/supplier-notices/SN-8d", headers=people.reader)).json()
        return found["state"], found["overdue"]

    assert await stands() == ("received", False)
    ask = {"lots": ["240512"], "at": hour(10), "due": hour(12), "document": "QN-4711"}
    assert (await say("containment", **ask, reason="contain"))[0] == 200
    assert await stands() == ("containment_requested", True)
    status, told = await say("answers", discipline="D9")
    assert (status, told["errors"][0]["field"]) == (422, "discipline")
    status, told = await say("answers", discipline="D3", at=hour(11), document="8D-99.pdf", document_sha256="ab" * 32)
    assert (status, told["answers"][0]["document"]) == (200, "8D-99.pdf")
    assert await stands() == ("contained", False)
    assert (await say("answers", discipline="D8", at=hour(13), text="root cause: welding"))[1]["state"] == "answered"
    assert (await say("close"))[1]["type"] == "/problems/invalid-command"
    assert (await say("close", reason="8D accepted"))[1]["state"] == "closed"
    assert (await say("answers", discipline="D5"))[1]["type"] == "/problems/case-closed"
    assert (await say("reopen", reason="it came again"))[1]["state"] == "answered"
    history = (await service.get("/v1/supplier-notices/SN-8d", headers=people.reader)).json()["history"]
    assert [h["act"] for h in history] == [
        *("supplier_notice_received", "containment_requested", "supplier_answered", "supplier_answered"),
        *("closed", "reopened"),
    ]
    assert (await say("containment", at=hour(1)))[0] == 200
    missing = await service.post("/v1/supplier-notices/SN-none/close", json={"reason": "x"}, headers=people.wang)
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/unknown-case")


WRONG: list[tuple[str | bytes, str, dict[str, str], str, str]] = [
    ("lot,colour\r\nL,red\r\n", "text/csv", {}, "invalid-sheet", "column 'colour' is not known"),
    ("lot,serial\r\nL,S\r\n", "text/csv", {}, "invalid-sheet", "row 2, lot: give one of lot, date_code and serial"),
    ("lot,quantity\r\nL,many\r\n", "text/csv", {}, "invalid-sheet", "row 2, quantity: many is no number"),
    ("lot\r\n", "text/csv", {}, "invalid-sheet", "there is no line"),
    (b"PK\x03\x04junk", XLSX, {}, "invalid-sheet", "no XLSX workbook"),
    ("lot\r\nL\r\n", "text/csv", {"supplier": ""}, "invalid-command", "supplier"),
    ("lot\r\nL\r\n", "text/csv", {"colour": "red"}, "unknown-parameter", "colour"),
    ("lot\r\nL\r\n", "text/csv", {"id": "../x"}, "invalid-command", "id: use 1 to 100 letters"),
    ('{"supplier":"s","lines":5}', "application/json", {}, "invalid-command", "lines: send"),
]


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_with_a_sheet_is_named_and_nothing_is_taken(
    service: httpx.AsyncClient, people: People, wrong: tuple[str | bytes, str, dict[str, str], str, str]
) -> None:
    content, media, said, problem, words = wrong
    before = len((await service.get("/v1/supplier-notices", headers=people.reader)).json()["notices"])
    answer = await posted(service, people, content, media=media, **said)
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{problem}")
    assert words in answer.json()["detail"]
    assert len((await service.get("/v1/supplier-notices", headers=people.reader)).json()["notices"]) == before


async def test_every_wrong_row_is_listed(service: httpx.AsyncClient, people: People) -> None:
    sheet = "lot,quantity\r\nA,1\r\nB,x\r\n,2\r\n"
    errors = (await posted(service, people, sheet)).json()["errors"]
    assert [(e["row"], e["column"]) for e in errors] == [(3, "quantity"), (4, "lot")]


async def test_only_the_role_recall_takes_a_notice_in(service: httpx.AsyncClient, people: People) -> None:
    params = {"supplier": "cellworks"}
    for headers, status in ((people.reader, 403), (people.limited, 403), ({"Authorization": "Bearer zs_none"}, 401)):
        answer = await service.post(
            "/v1/supplier-notices", params=params, content="lot\r\nL\r\n", headers={**headers, **CSV}
        )
        assert answer.status_code == status
    assert (await service.get("/v1/supplier-notices", headers=people.limited)).status_code == 403


async def test_the_lines_as_a_sheet_with_nothing_that_runs(
    service: httpx.AsyncClient, people: People, receipts: Example
) -> None:
    made = await posted(service, people, 'lot,remark\r\n=1+1,"=HYPERLINK(""x"")"\r\n240512,ok\r\n', id="SN-hostile")
    assert made.status_code == 201
    params = {"format": "csv", "wait_for": receipts.position}
    one = await service.get("/v1/supplier-notices/SN-hostile/lines", params=params, headers=people.reader)
    lines = one.content.decode("utf-8-sig").split("\r\n\r\n")[1].splitlines()
    assert lines[1].split(",")[2] == "'=1+1"
    assert "'=HYPERLINK" in lines[1]
    two = await service.get("/v1/supplier-notices/SN-hostile/lines", params=params, headers=people.reader)
    assert one.content == two.content


async def test_the_draft_scope_is_one_that_a_recall_takes(
    service: httpx.AsyncClient, people: People, receipts: Example
) -> None:
    made = await posted(service, people, "product,lot\r\nnotice-CELL,240512\r\n", id="SN-scope")
    assert made.status_code == 201
    params = {"wait_for": receipts.position}
    notice = (await service.get("/v1/supplier-notices/SN-scope", params=params, headers=people.reader)).json()
    body = {"id": "RC-of-notice", "title": "Their cells", "reason": "SN-scope"}
    assert (await service.post("/v1/recalls", json=body, headers=people.wang)).status_code == 201
    scope = {"change": "set", "rule": notice["draft_scope"], "reason": "their notice"}
    answer = await service.post("/v1/recalls/RC-of-notice/scope", json=scope, headers=people.wang)
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == notice["draft_scope"]


async def test_a_long_sheet_goes_into_the_log_in_records_that_it_takes(
    service: httpx.AsyncClient, people: People, receipts: Example
) -> None:
    remark = "备注" * 200
    sheet = "lot,remark\r\n" + "".join(f"NONE-{n},{remark}\r\n" for n in range(1_500))
    made = await posted(service, people, sheet, id="SN-long")
    assert made.status_code == 201, made.text
    assert made.json()["lines"] == 1_500
    found = (await service.get("/v1/supplier-notices/SN-long", headers=people.reader)).json()
    assert found["lines_complete"]
    assert [m["line"]["lot"] for m in found["matches"]] == [f"NONE-{n}" for n in range(1_500)]
    refused = await posted(service, people, "lot\r\n" + "L\r\n" * 20_001)
    assert "over 20000 rows" in refused.json()["detail"]
