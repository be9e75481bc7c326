"""The log down or slow: 503 with Retry-After within the deadline, what is durable is named, and it recovers by itself.

The log is real: a transaction of the test's own holds its table, so that appends wait as they would on a full disk.
"""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest_asyncio

from tests.http.serving import serving
from tests.waiting import eventually

DEADLINE_SECONDS, SLACK_SECONDS = 1.0, 6.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hurried(service_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service_url, append_deadline_seconds=DEADLINE_SECONDS) as client:
        yield client


@asynccontextmanager
async def log_held(database_url: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE log_records IN EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


def stored(name: str) -> dict[str, Any]:
    items = [{"item": {"product": "OUTAGE", "serial": name}}]
    return {"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z", "items": items, "event_id": f"outage-{name}"}


async def test_a_log_that_does_not_answer_in_time(hurried: httpx.AsyncClient, service_url: str) -> None:
    assert (await hurried.post("/v1/events", json=stored("before"))).status_code == 202
    document = {
        "@context": [],
        "type": "ObjectEvent",
        "eventTime": "2026-03-01T08:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "epcList": ["urn:x:outage"],
    }
    async with log_held(service_url):
        for path, body in (("/v1/events", [stored("before"), stored("during"), {}]), ("/epcis/v2/capture", document)):
            began = time.monotonic()
            answer = await hurried.post(path, json=body)
            assert time.monotonic() - began < DEADLINE_SECONDS + SLACK_SECONDS
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/log-unavailable")
            assert int(answer.headers["retry-after"]) >= 1
            assert "again" in answer.json()["detail"]
            if path == "/v1/events":
                told = answer.json()
                assert (told["duplicate"], told["unknown"], told["rejected"], told["accepted"]) == (1, 1, 1, 0)
                first, second, _ = told["outcomes"]
                assert (first["outcome"], first["position"]) == ("duplicate", told["position"])
                assert (second["outcome"], second["position"]) == ("unknown", None)

    async def taken() -> bool:
        again = await hurried.post("/v1/events", json=stored("during"))
        return again.status_code == 202

    await eventually(taken, within_seconds=30)


async def test_a_stream_tells_which_events_are_durable(hurried: httpx.AsyncClient, service_url: str) -> None:
    await hurried.post("/v1/events", json=stored("known"))
    body = b"\n".join(json.dumps(stored(name)).encode() for name in ("known", "new"))
    headers = {"Content-Type": "application/x-ndjson"}
    async with log_held(service_url):
        answer = await hurried.post("/v1/events", content=body, headers=headers)
        known, new, last = (json.loads(line) for line in answer.text.splitlines())
        assert (known["outcome"], new["outcome"]) == ("duplicate", "unknown")
        assert (last["status"], last["type"]) == (503, "/problems/log-unavailable")
        assert (last["retry_after_seconds"] >= 1, last["unknown"]) == (True, 1)

    async def taken() -> bool:
        lines = (await hurried.post("/v1/events", content=body, headers=headers)).text.splitlines()
        return bool(json.loads(lines[-1])["status"] == 202)

    await eventually(taken, within_seconds=30)
