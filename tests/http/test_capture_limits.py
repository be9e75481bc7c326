"""What capture takes and what it does not: each limit of the settings, over HTTP, with its problem and its fix."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.http.serving import serving
from tests.waiting import eventually

NDJSON = {"Content-Type": "application/x-ndjson"}
GZIP = {"Content-Encoding": "gzip"}
LIMITS: dict[str, Any] = {
    "max_body_bytes": 20_000,
    "max_event_bytes": 3_000,
    "max_batch_events": 20,
    "max_json_depth": 8,
    "max_string_chars": 400,
    "max_items_per_event": 30,
    "max_range_serials_per_event": 30,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def limited(service_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service_url, **LIMITS) as client:
        yield client


def stored(n: object = 1, **more: Any) -> dict[str, Any]:
    item = {"item": {"product": "LIMITS", "serial": str(n)}}
    return {"kind": "stored", "occurred_at": "2026-03-01T08:00:00+08:00", "items": [item], **more}


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told: dict[str, Any] = answer.json()
    assert told["status"] == answer.status_code
    return told


async def refused(client: httpx.AsyncClient, event: object) -> dict[str, Any]:
    """The error of one event that is refused."""
    answer = await client.post("/v1/events", content=json.dumps(event))
    assert answer.status_code == 422, answer.text
    error: dict[str, Any] = problem(answer)["outcomes"][0]["error"]
    return error


async def test_a_body_over_the_limit(limited: httpx.AsyncClient) -> None:
    for body, headers in ((b" " * 30_000, {}), (gzip.compress(b" " * 30_000), GZIP)):
        for path in ("/v1/events", "/epcis/v2/capture"):
            told = problem(await limited.post(path, content=body, headers=headers))
            assert (told["status"], told["type"]) == (413, "/problems/body-too-large")
            assert "20000 bytes" in told["detail"]
            assert "NDJSON" in told["detail"]


async def test_too_many_events(limited: httpx.AsyncClient) -> None:
    told = problem(await limited.post("/v1/events", json=[stored(n) for n in range(21)]))
    assert (told["status"], told["type"]) == (413, "/problems/too-many-events")
    assert "at most 20" in told["detail"]


async def test_too_many_events_in_a_stream_end_it_and_what_came_before_stays(limited: httpx.AsyncClient) -> None:
    body = b"\n".join(json.dumps(stored(f"stream-{n}")).encode() for n in range(21))
    answer = await limited.post("/v1/events", content=body, headers=NDJSON)
    last = json.loads(answer.text.splitlines()[-1])
    assert (last["status"], last["type"], last["accepted"]) == (413, "/problems/too-many-events", 0)


async def test_too_many_events_in_an_epcis_document(limited: httpx.AsyncClient) -> None:
    document = {"@context": [], "type": "EPCISDocument", "epcisBody": {"eventList": [{}] * 21}}
    assert problem(await limited.post("/epcis/v2/capture", json=document))["type"] == "/problems/too-many-events"


@pytest.mark.parametrize("headers", [GZIP, {**GZIP, **NDJSON}])
async def test_a_gzip_bomb_is_refused_early(limited: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """1 GiB of zeros in 1 MiB: it must not be unpacked to the end."""
    chunk = gzip.compress(b"\0" * (1 << 24), 9)
    answer = await limited.post("/v1/events", content=chunk * 64, headers=headers)
    told = json.loads(answer.text.splitlines()[-1])
    assert told["status"] == 413
    assert told["type"] in ("/problems/gzip-bomb", "/problems/body-too-large")
    if "Content-Type" in headers:
        assert told["type"] == "/problems/gzip-bomb"


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"no gzip", GZIP, "not-gzip"),
        (gzip.compress(b"[]" * 100)[:-9], GZIP, "not-gzip"),
        (b"[]", {"Content-Encoding": "br"}, "encoding-not-taken"),
    ],
)
async def test_bodies_that_cannot_be_unpacked(
    limited: httpx.AsyncClient, body: bytes, *, headers: dict[str, str], code: str
) -> None:
    told = problem(await limited.post("/v1/events", content=body, headers=headers))
    assert told["type"] == f"/problems/{code}"
    assert "send" in told["detail"]


async def test_gzip_files_joined_end_to_end_are_one_body(limited: httpx.AsyncClient) -> None:
    body = b"".join(gzip.compress(part) for part in (b"[", json.dumps(stored("gz")).encode(), b"]"))
    assert (await limited.post("/v1/events", content=body, headers=GZIP)).json()["accepted"] == 1


async def test_nesting_too_deep(limited: httpx.AsyncClient) -> None:
    deep: Any = 1
    for _ in range(9):
        deep = [deep]
    error = await refused(limited, stored(extensions={"mine": deep}))
    assert error["field"] == "extensions.mine.0.0.0.0.0.0"
    assert ("deeper than 8" in error["detail"], error["fix"]) == (True, "flatten it")
    answer = await limited.post("/v1/events", content=b"[" * 9_000)
    assert problem(answer)["type"] == "/problems/not-json"


async def test_a_text_too_long(limited: httpx.AsyncClient) -> None:
    error = await refused(limited, stored(note="x" * 401))
    assert (error["field"], error["fix"]) == ("note", "shorten the text")
    assert "401 characters, at most 400" in error["detail"]
    error = await refused(limited, stored(extensions={"k" * 401: 1}))
    assert (error["field"], error["fix"]) == ("extensions", "shorten the text")


async def test_an_event_too_large(limited: httpx.AsyncClient) -> None:
    error = await refused(limited, stored(extensions={str(n): "x" * 390 for n in range(9)}))
    assert error["type"] == "/problems/event-too-large"
    assert ("at most 3000" in error["detail"], "split" in error["fix"]) == (True, True)
    lines = b"\n".join([b'{"note": "' + b"x" * 4_000 + b'"}', json.dumps(stored("after")).encode()])
    answer = await limited.post("/v1/events", content=lines, headers=NDJSON)
    first, second, last = (json.loads(line) for line in answer.text.splitlines())
    assert "3000 bytes" in first["error"]["detail"]
    assert (second["outcome"], last["status"]) == ("accepted", 202)


async def test_a_range_is_one_item_and_its_serials_are_counted_apart(limited: httpx.AsyncClient) -> None:
    made = {"kind": "commissioned", "occurred_at": "2026-03-01T08:00:00Z"}
    serials = {"product": {"product": "R"}, "first": "R001", "last": "R030"}
    assert (await limited.post("/v1/events", json={**made, "items": [{"range": serials}]})).status_code == 202
    more = [{"range": serials}, {"range": {**serials, "first": "R031", "last": "R031"}}]
    error = await refused(limited, {**made, "items": more})
    assert (error["type"], error["field"]) == ("/problems/too-many-serials", "range")
    assert ("name 31 serials, at most 30" in error["detail"], "split it" in error["fix"]) == (True, True)
    more = [{"range": serials}, *({"item": {"product": "R", "serial": f"S{n}"}} for n in range(30))]
    error = await refused(limited, {**made, "items": more})
    assert (error["type"], error["field"]) == ("/problems/too-many-items", "items")
    assert ("names 31 items, at most 30" in error["detail"], "split it" in error["fix"]) == (True, True)


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("12345678901234567890123", "more digits|too large"),
        ("1e400", "out of range"),
        ("0.12345678901234567890", "more digits"),
        ("NaN", "no JSON number"),
        ("-1", "0 or more"),
        ('"1e29"', "28 digits"),
        ('"x"', "no number"),
        ("true", "number"),
    ],
)
async def test_numbers_that_would_not_be_kept_as_sent(limited: httpx.AsyncClient, quantity: str, words: str) -> None:
    event = json.dumps(stored()).replace('"items": [{', f'"items": [{{"quantity": {quantity}, ')
    answer = await limited.post("/v1/events", content=event)
    assert answer.status_code == 422, answer.text
    error = problem(answer)["outcomes"][0]["error"]
    assert error["field"] == "items.0.quantity"
    assert any(word in error["detail"] for word in words.split("|")), error
    assert error["fix"]


async def test_a_key_that_sends_too_much_waits_and_others_do_not(service_url: str) -> None:
    async with serving(service_url, rate_events_per_second_per_key=20) as client:
        made = (await client.post("/v1/keys", json={"name": "fast", "roles": ["capture"]})).json()
        own = {"Authorization": f"Bearer {made['key']}"}
        burst = [stored(f"rate-{n}") for n in range(30)]
        assert (await client.post("/v1/events", json=burst, headers=own)).json()["accepted"] == 30
        answer = await client.post("/v1/events", json=stored("rate-next"), headers=own)
        told = problem(answer)
        assert (told["status"], told["type"]) == (429, "/problems/too-many-requests")
        assert "20 events a second" in told["detail"]
        assert 1 <= int(answer.headers["retry-after"]) <= 2
        assert (await client.post("/v1/events", json=stored("other"))).status_code == 202

        async def taken() -> bool:
            again = await client.post("/v1/events", json=stored("rate-next"), headers=own)
            return again.status_code == 202

        await eventually(taken, within_seconds=10)
