"""Posting the demo factory as its four systems would: each with a key of its own, over HTTP, patiently."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from domain.positions import parse_vector, vector_token
from services.factory import SOURCES, Event, generate

BATCH_EVENTS = 1_000
_IN_FLIGHT = 4
PEOPLE = ("coordinator", "approver")
"""Who works the demo's recall: what one froze the other approves."""
_PATIENCE_SECONDS = 120.0
_COUNTED_UNITS = 20_000
_ASK_AGAIN = frozenset({429, 503, 504})


class DemoFailed(RuntimeError):
    """The demo could not go on; the message says what the service answered."""


@dataclass(slots=True)
class Posted:
    """What came of posting: counts, and the position at which all of it can be seen."""

    accepted: int = 0
    duplicate: int = 0
    position: str = ""


def expected_events(units: int, seed: int) -> int:
    """How many events `generate` will give: counted for small factories, estimated in proportion for large ones."""
    counted = min(units, _COUNTED_UNITS)
    return sum(1 for _ in generate(counted, seed)) * units // counted


async def demo_keys(query_url: str, admin_key: str) -> dict[str, str]:
    """A key for each of the four systems and for the people of the recall; keys of an earlier demo are taken back."""
    wanted = {source: ["capture"] for source in SOURCES} | {person: ["read", "recall"] for person in PEOPLE}
    headers = {"Authorization": f"Bearer {admin_key}"}
    async with httpx.AsyncClient(base_url=query_url, headers=headers, timeout=30, trust_env=False) as client:
        names = {f"demo {name}" for name in wanted}
        for old in _read(await client.get("/v1/keys"))["keys"]:
            if old["name"] in names and old["revoked_at"] is None:
                _read(await client.delete(f"/v1/keys/{old['key_id']}"))
        keys = {}
        for name, roles in wanted.items():
            asked = {"name": f"demo {name}", "source": name, "roles": roles}
            keys[name] = _read(await client.post("/v1/keys", json=asked))["key"]
        return keys


async def post_factory(
    ingest_urls: Sequence[str],
    keys: dict[str, str],
    *,
    units: int,
    seed: int,
    told: Callable[[int], None],
) -> Posted:
    """Post everything, each system its own events in its own batches; `told` hears how many events were taken."""
    posted, vector = Posted(), dict[int, int]()
    async with (
        _clients(ingest_urls, {source: keys[source] for source in SOURCES}) as clients,
        asyncio.TaskGroup() as group,
    ):
        places = asyncio.Semaphore(_IN_FLIGHT)
        waiting: dict[str, list[Event]] = {source: [] for source in SOURCES}

        async def send(client: httpx.AsyncClient, batch: list[Event]) -> None:
            try:
                answer = await _post(client, orjson.dumps(batch))
            finally:
                places.release()
            if answer["rejected"]:
                raise DemoFailed(f"the service refused an event of the demo factory: {_refused(answer)}")
            posted.accepted += answer["accepted"]
            posted.duplicate += answer["duplicate"]
            for partition, offset in parse_vector(answer["position"]).items() if answer["position"] else ():
                vector[partition] = max(offset, vector.get(partition, -1))
            told(len(batch))

        async def flush(source: str) -> None:
            batch, waiting[source] = waiting[source], []
            await places.acquire()
            clients[source] = [*clients[source][1:], clients[source][0]]  # the ingest processes take turns
            group.create_task(send(clients[source][0], batch))

        for source, event in generate(units, seed):
            waiting[source].append(event)
            if len(waiting[source]) == BATCH_EVENTS:
                await flush(source)
        for source in SOURCES:
            if waiting[source]:
                await flush(source)
    posted.position = vector_token(vector)
    return posted


@asynccontextmanager
async def _clients(urls: Sequence[str], keys: dict[str, str]) -> AsyncIterator[dict[str, list[httpx.AsyncClient]]]:
    async with AsyncExitStack() as stack:
        found: dict[str, list[httpx.AsyncClient]] = {source: [] for source in keys}
        for source, key in keys.items():
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            for url in urls:
                client = httpx.AsyncClient(base_url=url, headers=headers, timeout=120, trust_env=False)
                found[source].append(await stack.enter_async_context(client))
        yield found


async def _post(client: httpx.AsyncClient, body: bytes) -> dict[str, Any]:
    """One batch, again on 503 and lost connections: event ids make that safe. Raises DemoFailed."""
    loop = asyncio.get_running_loop()
    until, pause_seconds = loop.time() + _PATIENCE_SECONDS, 0.2
    while True:
        try:
            answer = await client.post("/v1/events", content=body)
            if answer.status_code not in _ASK_AGAIN or loop.time() > until:
                return _read(answer)
        except httpx.TransportError as error:
            if loop.time() > until:
                raise DemoFailed(f"{client.base_url} does not answer: {error}") from error
        await asyncio.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, 5.0)


def _read(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code >= 400:
        request = answer.request
        raise DemoFailed(f"{request.method} {request.url}: {answer.status_code} {answer.text[:500]}")
    body: dict[str, Any] = answer.json()
    return body


def _refused(answer: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = next(o for o in answer["outcomes"] if o["outcome"] == "rejected")
    return first
