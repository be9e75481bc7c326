"""Every refused event tells the field as a path, what is wrong with it, and the fix."""

import json
from typing import Any

import httpx
import pytest

BASE = {"occurred_at": "2026-03-01T08:00:00Z"}
UNIT = {"product": "E", "serial": "1"}

REFUSED: list[tuple[dict[str, Any], str, str, str]] = [
    ({"kind": "stored", "items": [{"item": "SN1"}]}, "items.0.item", "names nothing by itself", "send a URI"),
    ({"kind": "stored", "items": [{"item": 7}]}, "items.0.item", "expected text", ""),
    ({"kind": "stored", "items": []}, "items", "is empty", "name at least one"),
    ({"kind": "stored"}, "items", "is missing", "add it"),
    ({"kind": "stored", "items": UNIT}, "items", "must be a list", "[ ]"),
    ({"kind": "stored", "item": [UNIT], "items": [{"item": UNIT}]}, "item", "no such field", 'did you mean "items"'),
    ({"kind": "stored", "operator": "op-1", "items": [{"item": UNIT}]}, "operator", "no such", 'it is "operators"'),
    ({"kind": "stroed", "items": []}, "kind", '"stroed" is no kind', "use stored"),
    ({"items": []}, "kind", "is missing", "transformed"),
    ({"kind": ["x1"]}, "kind", "no kind", "use one of"),
    ({"kind": "capture_finished"}, "kind", "own record", "do not send it"),
    ({"kind": "case_recorded"}, "kind", "own record", "do not send it"),
    ({"kind": "sold", "event_id": "case:R-1:2"}, "event_id", "acts in a case", "send another id"),
    ({"kind": "voided", "target": "case:R-1:2"}, "target", "acts in a case", "an act of its own"),
    ({"kind": "unpacked", "container": UNIT}, "contents", "all_contents", "all_contents"),
    (
        {"kind": "material_received", "item": UNIT, "supplier_lot": "240512"},
        "supplier_lot",
        "of two suppliers is two lots",
        "name the supplier",
    ),
    (
        {"kind": "transformed", "inputs": [{"item": UNIT, "basis": "guessed"}]},
        "inputs.0.basis",
        "scanned",
        "scanned",
    ),
    (
        {"kind": "commissioned", "items": [{"range": {"product": UNIT, "first": "A1", "last": "A2"}}]},
        "items.0.range.product",
        "is not a product",
        "",
    ),
    ({"kind": "stored", "items": [{"item": UNIT}], "note": "a\x00b"}, "note", "NUL", "remove it"),
]


@pytest.mark.parametrize(("event", "field", "detail", "fix"), REFUSED)
async def test_the_field_what_is_wrong_and_the_fix(
    service: httpx.AsyncClient, event: dict[str, Any], *, field: str, detail: str, fix: str
) -> None:
    answer = await service.post("/v1/events", json=BASE | event)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    error = answer.json()["outcomes"][0]["error"]
    assert error["field"] == field, error
    assert detail in error["detail"], error
    assert fix in error["fix"], error
    assert error["fix"]
    assert answer.json()["detail"].startswith(f"{field}: {error['detail']}")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'\xef\xbb\xbf{"kind": "stored"}', "byte order mark"),
        ('{"note": "王"}'.encode("gbk"), "not UTF-8"),
        (b"{'kind': 1}", "single quotes"),
        (b'{"kind": "stored"} // mine', "comment|list"),
        (b'{"kind": "stored", /* mine */ "x": 1}', "comment"),
        (b'{"kind": "stored"}\n{"kind": "stored"}', "NDJSON"),
        (b'{"kind": "stored", ', "ends too early"),
    ],
)
async def test_what_is_no_json_is_told_where_and_what_to_change(
    service: httpx.AsyncClient, body: bytes, words: str
) -> None:
    answer = await service.post("/v1/events", content=body)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/not-json")
    assert any(word in answer.json()["detail"] for word in words.split("|")), answer.text


async def test_a_key_that_is_there_twice_is_refused_and_costs_no_other_event_anything(
    service: httpx.AsyncClient,
) -> None:
    """Which of two quantities was meant nobody can tell."""
    good = {"kind": "stored", **BASE, "items": [{"item": UNIT}]}
    twice = json.dumps(good).replace('"items": [{', '"items": [{"quantity": 1, "quantity": 2, ')
    answer = await service.post("/v1/events", content=f"[{json.dumps(good)}, {twice}]")
    assert answer.status_code == 202
    first, second = answer.json()["outcomes"]
    assert first["outcome"] == "accepted"
    assert (second["error"]["field"], second["error"]["fix"]) == ("items.0", "send each key once")


async def test_all_or_nothing_on_demand(service: httpx.AsyncClient) -> None:
    good = {"kind": "stored", **BASE, "items": [{"item": {"product": "ATOMIC", "serial": "1"}}]}
    for body, headers in (
        (json.dumps([good, {}]), {}),
        (json.dumps(good) + "\n{}", {"Content-Type": "application/x-ndjson"}),
    ):
        answer = await service.post("/v1/events?atomic=true", content=body, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/rejected")
        assert [o["index"] for o in answer.json()["outcomes"]] == [1]
    assert (await service.post("/v1/events", json=good)).json()["accepted"] == 1, "nothing of it was in the log"


async def test_a_wrong_parameter_or_path_is_a_problem_too(service: httpx.AsyncClient) -> None:
    answer = await service.post("/v1/events?atomic=perhaps", json={})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-parameter")
    answer = await service.post("/v1/event", json={})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    answer = await service.delete("/v1/events")
    assert (answer.status_code, answer.json()["type"]) == (405, "/problems/method-not-allowed")


@pytest.mark.parametrize("media", ["application/json", "application/x-ndjson"])
@pytest.mark.parametrize("text", ["\\ud83d", "a\\udeb2b"])
async def test_half_a_sign_in_an_id_is_told_and_costs_no_other_event_anything(
    service: httpx.AsyncClient, media: str, text: str
) -> None:
    """No answer can be written with it: those that are in the log already were answered with a fault, each time."""
    good = json.dumps({"kind": "stored", "items": [{"item": UNIT}], **BASE})
    bad = good[:-1] + f', "event_id": "{text}"}}'
    events = [bad, good]
    lines = media.endswith("ndjson")
    body = "\n".join(events) if lines else f"[{','.join(events)}]"
    answer = await service.post("/v1/events", content=body, headers={"Content-Type": media})
    assert answer.status_code == (200 if lines else 202), answer.text
    outcomes = [json.loads(line) for line in answer.text.splitlines()][:2] if lines else answer.json()["outcomes"]
    assert outcomes[0]["outcome"] == "rejected"
    assert outcomes[1]["outcome"] in {"accepted", "duplicate"}
    assert (outcomes[0]["error"]["field"], "half a surrogate" in outcomes[0]["error"]["detail"]) == ("event_id", True)
    alone = await service.post("/v1/events", content=bad, headers={"Content-Type": media})
    assert alone.status_code == (200 if lines else 422)
    assert "half a surrogate" in alone.text
