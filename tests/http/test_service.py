"""A factory's events go in over HTTP, and the two answers come out."""

import gzip
import json
from typing import Any

import httpx
import pytest

from tests.shared_data import shared_dir

NDJSON = {"Content-Type": "application/x-ndjson"}
HOUR = "2026-03-01T{:02d}:00:00+08:00"


def unit(name: str) -> dict[str, str]:
    return {"product": name.split("/")[0], "serial": name.split("/")[-1]}


def fitted(part: str, whole: str) -> dict[str, Any]:
    return {"parent": unit(whole), "components": [{"item": unit(part)}]}


async def post(service: httpx.AsyncClient, *events: dict[str, Any]) -> str:
    """Post events; returns the position to wait for."""
    answer = await service.post("/v1/events", json=list(events))
    assert answer.status_code == 202, answer.text
    assert answer.json()["rejected"] == 0, answer.text
    return str(answer.json()["position"])


async def ask(service: httpx.AsyncClient, path: str, **params: Any) -> dict[str, Any]:
    answer = await service.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_lot_is_traced_to_the_bike_and_back(service: httpx.AsyncClient) -> None:
    made = {"inputs": [{"item": {"product": "CELL", "lot": "L-9"}}], "outputs": [{"item": unit("M/1")}]}
    sold = {"items": [{"item": unit("B/1")}], "holder": "h-77", "site": "SHOP"}
    position = await post(
        service,
        {"kind": "transformed", "occurred_at": HOUR.format(8), **made},
        {"kind": "assembled", "occurred_at": HOUR.format(9), **fitted("M/1", "P/1")},
        {"kind": "assembled", "occurred_at": HOUR.format(10), **fitted("P/1", "B/1")},
        {"kind": "sold", "occurred_at": HOUR.format(11), **sold},
    )
    forward = await ask(service, "/v1/trace/forward", item="urn:zhuisu:lot:own:CELL:L-9", wait_for=position)
    assert [n["item"].rsplit(":", 2)[1] for n in forward["nodes"]] == ["M", "P", "B"]
    assert {n["certainty"] for n in forward["nodes"]} == {"certain"}
    assert (forward["totals"]["units"], forward["totals"]["top_units"]) == (3, 1)
    assert forward["complete"]
    bike = forward["nodes"][2]
    assert (bike["status"], bike["holder"], bike["site"]) == ("sold", "h-77", "SHOP")
    for node in forward["nodes"]:
        assert {link["certainty"] for link in node["links"]} == {"certain"}
    back = await ask(service, "/v1/trace/backward", item="urn:zhuisu:unit:own:B:1")
    assert "urn:zhuisu:lot:own:CELL:L-9" in {n["item"] for n in back["nodes"]}


async def test_a_void_changes_the_answer_and_not_the_history(service: httpx.AsyncClient) -> None:
    """E9, over HTTP."""
    item = [{"item": unit("V/9")}]
    before = await post(
        service,
        {"kind": "shipped", "occurred_at": HOUR.format(10), "items": item, "event_id": "ship-9"},
        {"kind": "sold", "occurred_at": HOUR.format(11), "items": item, "event_id": "sell-9"},
    )
    after = await post(service, {"kind": "voided", "occurred_at": HOUR.format(12), "target": "sell-9"})
    uri = "urn:zhuisu:unit:own:V:9"
    assert (await ask(service, "/v1/items/state", item=uri, wait_for=after))["status"] == "in_transit"
    assert (await ask(service, "/v1/items/state", item=uri, as_of=before))["status"] == "sold"
    events = (await ask(service, "/v1/items/timeline", item=uri))["events"]
    assert [(e["event_id"], e["voided_by"] is not None) for e in events] == [("ship-9", False), ("sell-9", True)]


async def test_ndjson_streams_outcomes_and_tells_duplicates(service: httpx.AsyncClient) -> None:
    stored = {"kind": "stored", "occurred_at": HOUR.format(8), "items": [{"item": unit("N/1")}], "event_id": "nd-1"}
    body = gzip.compress(b"\n".join([json.dumps(stored).encode(), b"{oops", b'{"kind":"sold"}']))
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    for word in ("accepted", "duplicate"):
        answer = await service.post("/v1/events", content=body, headers=headers)
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [line.get("outcome") for line in lines] == [word, "rejected", "rejected", None]
        assert lines[-1]["status"] == 202
        assert lines[-1][word] == 1


async def test_an_event_that_is_twice_in_one_request_is_told_as_a_duplicate(service: httpx.AsyncClient) -> None:
    stored = {"kind": "stored", "occurred_at": HOUR.format(8), "items": [{"item": unit("T/1")}]}
    other = {**stored, "occurred_at": HOUR.format(9)}
    told = (await service.post("/v1/events", json=[stored, other, stored, stored])).json()
    assert [o["outcome"] for o in told["outcomes"]] == ["accepted", "accepted", "duplicate", "duplicate"]
    assert {told["outcomes"][n]["position"] for n in (0, 2, 3)} == {told["outcomes"][0]["position"]}
    assert (told["accepted"], told["duplicate"]) == (2, 2)
    again = {**stored, "occurred_at": HOUR.format(10)}
    lines = (await service.post("/v1/events", content=f"{json.dumps(again)}\n" * 2, headers=NDJSON)).text.splitlines()
    assert [json.loads(line).get("outcome") for line in lines[:2]] == ["accepted", "duplicate"]


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"{", 400, "not JSON"),
        (b"[]", 422, "empty"),
        (b'{"kind":"sold"}', 422, "occurred_at"),
        (b'{"kind":"stored","occurred_at":"2026-03-01T08:00:00","items":[]}', 422, "no offset"),
        (b'{"kind":"stored","occurred_at":"2026-03-01T08:00:00Z","items":[{"item":"SN1"}]}', 422, "names nothing"),
        (b'{"kind":"stored","occurred_at":"2999-03-01T08:00:00Z","items":[{"item":"urn:x:1"}]}', 422, "future"),
    ],
)
async def test_bad_input_gets_a_clear_error(service: httpx.AsyncClient, body: bytes, *, status: int, word: str) -> None:
    answer = await service.post("/v1/events", content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.text


async def test_who_may(service: httpx.AsyncClient) -> None:
    answer = await service.get("/v1/items/state", params={"item": "urn:x:y"}, headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401


async def test_conflicting_copies_and_refused_voids_are_shown(service: httpx.AsyncClient) -> None:
    """E13 over HTTP: the first copy counts, the conflict is told; so is a void without the right."""
    item = [{"item": unit("E13/1")}]
    first = {"kind": "sold", "occurred_at": HOUR.format(8), "items": item, "event_id": "e13", "holder": "first"}
    await post(service, first, {**first, "holder": "second"})
    made = (await service.post("/v1/keys", json={"name": "other", "roles": ["capture"]})).json()
    void = {"kind": "voided", "occurred_at": HOUR.format(9), "target": "e13", "event_id": "e13-void"}
    other = {"Authorization": f"Bearer {made['key']}"}
    position = (await service.post("/v1/events", json=void, headers=other)).json()["position"]
    state = await ask(service, "/v1/items/state", item="urn:zhuisu:unit:own:E13:1", wait_for=position)
    assert (state["status"], state["holder"]) == ("sold", "first")
    told = {c["code"]: c["event_ids"] for c in state["conflicts"]}
    assert told == {"conflicting_copies": ["e13"], "refused_void": ["e13-void", "e13"]}


async def test_keys_are_made_used_and_revoked(service: httpx.AsyncClient) -> None:
    made = (await service.post("/v1/keys", json={"name": "mes-7", "roles": ["capture"]})).json()
    own = {"Authorization": f"Bearer {made['key']}"}
    stored = {"kind": "stored", "occurred_at": HOUR.format(8), "items": [{"item": unit("K/1")}]}
    assert (await service.post("/v1/events", json=stored, headers=own)).status_code == 202
    assert (await service.get("/v1/items", params={"q": "K"}, headers=own)).status_code == 403
    assert (await service.delete(f"/v1/keys/{made['key_id']}")).json()["revoked_at"] is not None


async def test_items_are_found_by_a_fragment(service: httpx.AsyncClient) -> None:
    stored = {"kind": "stored", "occurred_at": HOUR.format(8), "items": [{"item": unit("S/FRAG_77")}]}
    position = await post(service, stored)
    found = await ask(service, "/v1/items", q="frag_77", wait_for=position)
    assert [i["item"] for i in found["items"]] == ["urn:zhuisu:unit:own:S:FRAG_77"]


async def test_an_unknown_item_names_what_lies_near(service: httpx.AsyncClient) -> None:
    answer = await service.get("/v1/items/state", params={"item": "urn:zhuisu:unit:own:Z:none"})
    assert answer.status_code == 404
    assert answer.json()["item"] == "urn:zhuisu:unit:own:Z:none"


async def capture(service: httpx.AsyncClient, file: str) -> httpx.Response:
    body = (shared_dir() / "fixtures" / file).read_bytes()
    return await service.post("/epcis/v2/capture", content=body, headers={"Content-Type": "application/json"})


def index() -> list[tuple[str, str]]:
    try:
        lines = (shared_dir() / "fixtures" / "INDEX.tsv").read_text().splitlines()[1:]
    except pytest.skip.Exception:
        return []
    rows = [line.split("\t") for line in lines]
    return [(r[0], r[4].split()[0]) for r in rows if r[0].endswith(("json", "jsonld")) and not r[4].startswith("-")]


@pytest.mark.parametrize(("file", "verdict"), index())
async def test_real_documents_are_taken_or_refused_as_indexed(
    service: httpx.AsyncClient, file: str, verdict: str
) -> None:
    answer = await capture(service, file)
    expected = {"accept": {202}, "reject": {400}, "open": {202, 400}}[verdict]
    assert answer.status_code in expected, answer.text


HARD = ("H01", "H03", "H07", "H10")


@pytest.mark.parametrize("case", HARD)
async def test_hard_cases_answer_as_their_file_says(service: httpx.AsyncClient, case: str) -> None:
    cases = json.loads((shared_dir() / "fixtures/derived/hard/expected.json").read_text())
    told = next(c for c in cases if c["id"] == case)
    for document in told["documents"]:
        location = (await capture(service, f"derived/hard/{document}")).headers["location"]
    token = location.rsplit("~", 1)[1]
    for query in told["queries"]:
        await check(service, query, token)


async def check(service: httpx.AsyncClient, query: dict[str, Any], token: str) -> None:
    ways = {
        "forward": ("forward", "ever"),
        "backward": ("backward", "ever"),
        "affected_now": ("forward", "as_maintained"),
        "affected_ever": ("forward", "ever"),
        "backward_now": ("backward", "as_maintained"),
    }
    if query["op"] in ways:
        way, mode = ways[query["op"]]
        found = await ask(service, f"/v1/trace/{way}", item=query["of"], mode=mode, wait_for=token)
        expected = {(await ask(service, "/v1/items/state", item=e))["item"] for e in query["expect_equivalent"]}
        assert {n["item"] for n in found["nodes"]} == expected
    elif query["op"] == "equivalent":
        for one, other in query["pairs"]:
            state = await ask(service, "/v1/items/state", item=one)
            assert state["item"] == (await ask(service, "/v1/items/state", item=other))["item"]
            assert {one, other} <= set(state["equivalent"])
    else:
        state = await ask(service, "/v1/items/state", item=query["of"], wait_for=token)
        if query["op"] == "status":
            assert state["disposition"] == query["expect"]["disposition"]
        else:
            assert state["event_count"] == query["expect"]


@pytest.mark.parametrize("name", ["fjordline-aurora-lifecycle", "gdst_data_withmasterdata"])
async def test_golden_genealogies(service: httpx.AsyncClient, name: str) -> None:
    golden = json.loads((shared_dir() / f"fixtures/golden/{name}.genealogy.json").read_text())
    for item, expected in golden["backward"].items():
        found = await ask(service, "/v1/trace/backward", item=item, follow="all")
        canonical = {(await ask(service, "/v1/items/state", item=e))["item"] for e in expected}
        assert {n["item"] for n in found["nodes"]} == canonical, item


async def test_the_catena_x_vehicle(service: httpx.AsyncClient) -> None:
    golden = json.loads((shared_dir() / "fixtures/derived/catenax_vehicle_dil.golden.json").read_text())
    for top, told in golden["top_units"].items():
        found = await ask(service, "/v1/trace/backward", item=top)
        assert {n["item"] for n in found["nodes"]} == set(told["components"])
    for item, told in golden["forward"].items():
        found = await ask(service, "/v1/trace/forward", item=item)
        assert {n["item"] for n in found["nodes"]} == set(told["affected_items"])
