"""One trace as JSON, NDJSON and CSV, whole and by the page, for one item and for many."""

import csv
import hashlib
import io
import json
from typing import Any

import httpx
import pytest

from services.sheets.cells import neutral

HOUR = "2026-03-01T{:02d}:00:00+08:00"
LOT = "urn:zhuisu:lot:own:CELL:{}"


def unit(number: str) -> dict[str, str]:
    return {"product": "U", "serial": number}


async def post(service: httpx.AsyncClient, *events: dict[str, Any]) -> str:
    answer = await service.post("/v1/events", json=list(events))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["position"])


def made(lot: str, serials: list[str], *, hour: int = 8, **more: Any) -> dict[str, Any]:
    inputs = [{"item": {"product": "CELL", "lot": lot}}]
    outputs = [{"item": unit(s)} for s in serials]
    return {"kind": "transformed", "occurred_at": HOUR.format(hour), "inputs": inputs, "outputs": outputs, **more}


async def lot_of_units(service: httpx.AsyncClient, lot: str, count: int) -> str:
    """A lot that went into `count` units, each shipped; returns the lot's id."""
    serials = [f"{lot}-{n:03d}" for n in range(count)]
    shipped = {"kind": "shipped", "occurred_at": HOUR.format(9), "items": [{"item": unit(s)} for s in serials]}
    position = await post(service, made(lot, serials), shipped)
    answer = await service.get("/v1/items/state", params={"item": LOT.format(lot), "wait_for": position})
    assert answer.status_code == 200
    return LOT.format(lot)


async def forward(service: httpx.AsyncClient, lot: str, accept: str = "application/json", **params: Any) -> Any:
    answer = await service.get("/v1/trace/forward", params={"item": lot, **params}, headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    return answer


async def test_ndjson_says_first_what_it_is_and_last_whether_it_is_whole(service: httpx.AsyncClient) -> None:
    lot = await lot_of_units(service, "ND", 5)
    whole = (await forward(service, lot)).json()
    answer = await forward(service, lot, "application/x-ndjson")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    header, *nodes, trailer = [json.loads(line) for line in answer.text.splitlines()]
    assert (header["type"], header["question"], header["items"]) == ("header", "forward", [lot])
    assert header["as_of"] == whole["as_of"]
    assert "lag" in header
    assert [{k: v for k, v in n.items() if k != "type"} for n in nodes] == whole["nodes"]
    lines = "".join(line + "\n" for line in answer.text.splitlines()[1:-1])
    assert trailer["hash"] == "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
    assert trailer["rows"] == 5
    for name in ("complete", "incomplete_because", "totals", "gaps", "conflicts", "next"):
        assert trailer[name] == whole[name]
    assert whole["complete"]
    assert whole["totals"]["units"] == 5
    # one gap names all that are on their way
    assert [(g["code"], len(g["items"])) for g in whole["gaps"]] == [("shipped_out", 5)]


async def test_csv_is_for_spreadsheets_and_runs_no_formula(service: httpx.AsyncClient) -> None:
    lot = await lot_of_units(service, "CSV", 2)
    sold = {"items": [{"item": unit("CSV-000")}], "holder": "=HYPERLINK(1)", "site": "SHOP, 2nd floor"}
    position = await post(service, {"kind": "sold", "occurred_at": HOUR.format(11), **sold})
    answer = await forward(service, lot, "text/csv", wait_for=position)
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["zhuisu-as-of"] == position
    assert answer.headers["zhuisu-complete"] == "true"
    assert answer.headers["zhuisu-lag-events"] == "0"
    assert answer.text.count("\r\n") == 3
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [r["item"].rsplit(":", 1)[1] for r in rows] == ["CSV-000", "CSV-001"]
    assert rows[0]["holder"].startswith("'=HYPER")
    assert rows[0]["site"] == "SHOP, 2nd floor"
    assert rows[0]["links"].startswith(f"derivation {lot} > urn:zhuisu:unit:own:U:CSV-000 by ")
    assert (await forward(service, lot, format="csv")).content.startswith(b"\xef\xbb\xbfitem,")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert neutral(text) == "'" + text
    assert neutral("a" + text) == "a" + text


@pytest.mark.parametrize(
    ("accept", "format_", "status"),
    [
        ("text/csv;q=0.5, application/x-ndjson", None, "application/x-ndjson"),
        ("text/html, */*;q=0.1", None, "application/json"),
        ("image/png", None, 406),
        ("image/png", "ndjson", "application/x-ndjson"),
        ("*/*", "xlsx", 422),
    ],
)
async def test_the_caller_says_how(
    service: httpx.AsyncClient, accept: str, *, format_: str | None, status: str | int
) -> None:
    lot = await lot_of_units(service, "HOW", 1)
    params = {"item": lot, **({"format": format_} if format_ else {})}
    answer = await service.get("/v1/trace/forward", params=params, headers={"Accept": accept})
    if isinstance(status, int):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
    else:
        assert answer.headers["content-type"].startswith(status)


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
async def test_pages_lose_and_double_nothing_while_events_arrive(service: httpx.AsyncClient, accept: str) -> None:
    name = f"PG{len(accept)}"
    lot = await lot_of_units(service, name, 10)
    whole = (await forward(service, lot)).json()
    seen: list[dict[str, Any]] = []
    totals: list[Any] = []
    params: dict[str, Any] = {"item": lot, "limit": 4}
    for page in range(3):
        answer = await forward(service, lot, accept, **params)
        if accept == "application/json":
            body = answer.json()
        else:
            *lines, body = [json.loads(line) for line in answer.text.splitlines()]
            body["nodes"] = [{k: v for k, v in line.items() if k != "type"} for line in lines[1:]]
        seen += body["nodes"]
        totals.append(body["totals"])
        params["cursor"] = body["next"]
        assert ('rel="next"' in answer.headers.get("link", "")) == (page < 2)
        # one that would come first, one that would be in between, and one that is no longer affected
        position = await post(service, made(name, [f"{name}-{n}" for n in ("!", "0045", page)], hour=10))
        await service.get("/v1/items/state", params={"item": lot, "wait_for": position})
    assert params["cursor"] is None
    assert seen == whole["nodes"]
    assert totals == [whole["totals"], None, None]
    assert len((await forward(service, lot)).json()["nodes"]) > 10


async def test_the_link_to_the_next_page_can_be_followed(service: httpx.AsyncClient) -> None:
    lot = await lot_of_units(service, "LINK", 3)
    first = await forward(service, lot, limit=2)
    url = first.links["next"]["url"]
    second = await service.get(url)
    assert second.status_code == 200
    assert len(second.json()["nodes"]) == 1
    assert second.json()["next"] is None


async def test_a_cursor_serves_its_own_question_only(service: httpx.AsyncClient) -> None:
    lot, other = await lot_of_units(service, "CU1", 3), await lot_of_units(service, "CU2", 3)
    token = (await forward(service, lot, limit=2)).json()["next"]
    for params in (
        {"item": other, "limit": 2, "cursor": token},
        {"item": lot, "limit": 2, "cursor": token, "mode": "as_built"},
    ):
        answer = await service.get("/v1/trace/forward", params=params)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/foreign-cursor")
    for bad in ("x", "W10", "eyJhIjoxfQ"):
        answer = await service.get("/v1/trace/forward", params={"item": lot, "limit": 2, "cursor": bad})
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-cursor")
    for limit in ("0", "x", "1000001"):
        assert (await service.get("/v1/trace/forward", params={"item": lot, "limit": limit})).status_code == 422


async def test_the_summary_is_all_but_the_nodes(service: httpx.AsyncClient) -> None:
    lot = await lot_of_units(service, "SUM", 3)
    whole = (await forward(service, lot)).json()
    got = (await service.get("/v1/trace/forward/summary", params={"item": lot})).json()
    posted = (await service.post("/v1/trace/forward/summary", json={"items": [lot]})).json()
    assert "nodes" not in got
    for name in ("totals", "gaps", "conflicts", "complete"):
        assert got[name] == posted[name] == whole[name]


async def test_many_items_come_as_a_spreadsheet_saves_them(service: httpx.AsyncClient) -> None:
    one, two = await lot_of_units(service, "MA1", 2), await lot_of_units(service, "MA2", 2)
    whole = (await service.post("/v1/trace/forward", json={"items": [one, two]})).json()
    assert len(whole["nodes"]) == 4
    for body in (
        f"\ufeffitem\r\n{one}\r\n\r\n{two}\r\n",
        f"{one}\n{two}",
        f'no,Item\r\n1,"{one}"\r\n2,{two}\r\n',
    ):
        answer = await service.post("/v1/trace/forward", content=body.encode(), headers={"Content-Type": "text/csv"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"] == [one, two]
        assert answer.json()["nodes"] == whole["nodes"]


async def test_every_bad_line_and_every_unknown_item_is_named(service: httpx.AsyncClient) -> None:
    lot = await lot_of_units(service, "BAD", 2)
    unknown = [LOT.format(f"BAD-{n}") for n in range(12)]
    csv_body = "\n".join(["item", lot, "not an id", *unknown, "urn:x:"]).encode()
    answer = await service.post("/v1/trace/forward", content=csv_body, headers={"Content-Type": "text/csv"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/not-an-item-id")
    assert answer.json()["errors"][0]["line"] == 3
    assert answer.json()["errors"][0]["value"] == "not an id"
    answer = await service.post("/v1/trace/forward", json={"items": [lot, *unknown]})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-item")
    assert answer.json()["items"] == unknown
    assert len(answer.json()["nearest"]) == 10
    answer = await service.post("/v1/trace/forward", params={"unknown": "skip"}, json={"items": [lot, *unknown]})
    assert answer.status_code == 200
    assert answer.json()["items"] == [lot]
    assert {g["code"]: g["items"] for g in answer.json()["gaps"]}["unknown_item"] == unknown
    assert answer.json()["complete"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "word"),
    [
        (b"{", "application/json", 400, "not JSON"),
        (b"[]", "application/json", 422, "object"),
        (b'{"items": []}', "application/json", 422, "items"),
        (b"\n\n", "text/csv", 422, "no item"),
        (b"\xff\xfe", "text/csv", 422, "UTF-8"),
        (b'item\n"unclosed', "text/csv", 422, "line"),
    ],
)
async def test_bad_bodies_are_refused(
    service: httpx.AsyncClient, body: bytes, *, kind: str, status: int, word: str
) -> None:
    answer = await service.post("/v1/trace/forward", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert word in answer.json()["detail"]


@pytest.mark.parametrize("path", ["trace/forward", "items/state", "items/contents", "items/timeline"])
async def test_what_the_client_has_is_not_sent_again(service: httpx.AsyncClient, path: str) -> None:
    name = "ET" + path[-5:]
    lot = await lot_of_units(service, name, 2)
    first = await service.get(f"/v1/{path}", params={"item": lot})
    assert first.headers["cache-control"] == "private, no-cache"
    tag = {"If-None-Match": first.headers["etag"]}
    again = await service.get(f"/v1/{path}", params={"item": lot}, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    position = await post(service, made(name, [f"{name}-later"], hour=10))
    later = await service.get(f"/v1/{path}", params={"item": lot, "wait_for": position}, headers=tag)
    assert later.status_code == 200
    assert later.headers["etag"] != first.headers["etag"]
