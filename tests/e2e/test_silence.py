"""The network to PostgreSQL or Kafka falls silent, nobody is told: answers in time say so, afterwards all is well."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from services.embedded.kafka_broker import KafkaBroker, free_ports
from tests.conftest import NewDatabase
from tests.http.serving import serving
from tests.kafka_rig import kafka_jars
from tests.silence import Connect, SilentProxy
from tests.waiting import eventually

__all__ = ["kafka_jars"]

ITEM = "urn:test:silence"
APPEND_SECONDS, PATIENCE_SECONDS = 1.0, 1.0
SLACK_SECONDS = 8.0
"""The machine is shared. With no bound a request would wait for as long as the silence lasts."""


@asynccontextmanager
async def proxied(connect: Connect) -> AsyncIterator[SilentProxy]:
    (port,) = free_ports(1)
    proxy = SilentProxy(port=port, connect=connect)
    await proxy.start()
    try:
        yield proxy
    finally:
        proxy.speak()
        await proxy.stop()


@asynccontextmanager
async def database_behind(url: str) -> AsyncIterator[tuple[SilentProxy, str]]:
    """A proxy before the server of `url`, and the URL through it."""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if "host" in asked:
            return await asyncio.open_unix_connection(f"{asked['host'][0]}/.s.PGSQL.{asked['port'][0]}")
        return await asyncio.open_connection(parts.hostname, parts.port or 5432)

    user = parts.netloc.rpartition("@")[0]
    async with proxied(connect) as proxy:
        yield proxy, f"postgresql://{user}@127.0.0.1:{proxy.port}{parts.path}?sslmode=disable"


@asynccontextmanager
async def kafka_behind(folder: Path, jars: Path) -> AsyncIterator[SilentProxy]:
    """A proxy before a broker that names no other address."""
    (broker_port,) = free_ports(1)
    async with proxied(lambda: asyncio.open_connection("127.0.0.1", broker_port)) as proxy:
        through = {"advertised.listeners": f"PLAINTEXT://127.0.0.1:{proxy.port}"}
        broker = KafkaBroker(data_dir=folder, jars=jars, port=broker_port, settings=through)
        await broker.start()
        try:
            yield proxy
        finally:
            await broker.kill()


def stored(name: str) -> dict[str, Any]:
    return {"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z", "event_id": name, "items": [{"item": ITEM}]}


async def told(asking: Any) -> tuple[httpx.Response, float]:
    """The answer, and how long it took (seconds)."""
    began = time.monotonic()
    return await asking, time.monotonic() - began


async def state(service: httpx.AsyncClient, headers: dict[str, str] | None = None) -> httpx.Response:
    return await service.get("/v1/items/state", params={"item": ITEM}, headers=headers)


async def events_of(service: httpx.AsyncClient) -> set[str]:
    answer = await service.get("/v1/items/timeline", params={"item": ITEM})
    return {e["event_id"] for e in answer.json()["events"]} if answer.status_code == 200 else set()


@pytest.mark.slow
async def test_a_database_that_falls_silent_is_told_in_time_and_gone_on_with(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("database.QUICK", "query.snapshot.QUICK", "query.freshness.QUICK", "cases.jobs.QUICK"):
        monkeypatch.setattr(f"services.{name}_SECONDS", PATIENCE_SECONDS)
    for name in (
        "database._GIVING_UP",
        "access.keys._ASKING",
        "eventlog.postgres._ANSWER",
        "embedded.app._READY",
    ):
        monkeypatch.setattr(f"services.{name}_SECONDS", PATIENCE_SECONDS)
    async with (
        database_behind(await new_database()) as (proxy, url),
        serving(
            url,
            append_deadline_seconds=APPEND_SECONDS,
            database_connect_seconds=PATIENCE_SECONDS,
            projector_lease_seconds=1.0,
            case_jobs_pace_seconds=0.2,
        ) as service,
    ):
        assert (await service.post("/v1/events", json=stored("before"))).status_code == 202

        async def seen() -> bool:
            return "before" in await events_of(service)

        await eventually(seen)
        proxy.fall_silent()
        stranger = {"Authorization": "Bearer a-key-not-seen-before"}
        # First who take the connections that are open, then who must open one.
        ready, unknown_key = await asyncio.gather(told(service.get("/readyz")), told(state(service, stranger)))
        captures, questions = await asyncio.gather(
            asyncio.gather(*(told(service.post("/v1/events", json=stored(f"during-{n}"))) for n in range(3))),
            asyncio.gather(
                told(service.post("/v1/recalls", json={"id": "S-1", "title": "x"})),
                *(told(state(service)) for _ in range(3)),
            ),
        )
        for answer, seconds in captures:
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/log-unavailable")
            assert seconds < APPEND_SECONDS + SLACK_SECONDS
        for answer, seconds in (unknown_key, *questions):
            assert answer.status_code == 503, answer.text
            assert answer.json()["type"] in ("/problems/database-unavailable", "/problems/access-unavailable")
            assert answer.headers["retry-after"]
            assert seconds < 3 * PATIENCE_SECONDS + SLACK_SECONDS
        assert ready[0].status_code == 503
        assert ready[0].json()["parts"]["database"] != "ok"
        assert ready[1] < 3 * PATIENCE_SECONDS + SLACK_SECONDS
        proxy.speak()
        await until_well(service)


async def until_well(service: httpx.AsyncClient) -> None:
    """Until events are taken and seen, and it says itself that all is well."""

    async def taken() -> bool:
        return (await service.post("/v1/events", json=stored("after"))).status_code == 202

    async def seen() -> bool:
        return await events_of(service) >= {"before", "after"}

    async def well() -> bool:
        return (await service.get("/readyz")).status_code == 200

    for so in (taken, seen, well):
        await eventually(so, within_seconds=30)


@pytest.mark.slow
async def test_a_kafka_that_falls_silent_stops_captures_alone(
    new_database: NewDatabase, kafka_jars: Path, tmp_path: Path
) -> None:
    async with (
        kafka_behind(tmp_path / "kafka", kafka_jars) as proxy,
        serving(
            await new_database(),
            log="kafka",
            kafka_bootstrap_servers=f"127.0.0.1:{proxy.port}",
            kafka_partitions=1,
            kafka_replication_factor=1,
            kafka_min_insync_replicas=1,
            append_deadline_seconds=APPEND_SECONDS,
        ) as service,
    ):
        assert (await service.post("/v1/events", json=stored("before"))).status_code == 202

        async def seen() -> bool:
            return "before" in await events_of(service)

        await eventually(seen, within_seconds=30)
        proxy.fall_silent()
        (capture, waited), (question, _), (ready, _) = await asyncio.gather(
            told(service.post("/v1/events", json=stored("during"))), told(state(service)), told(service.get("/readyz"))
        )
        assert (capture.status_code, capture.json()["type"]) == (503, "/problems/log-unavailable")
        assert waited < APPEND_SECONDS + SLACK_SECONDS
        assert question.status_code == 200  # what is in the views is still told
        assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "ok")
        assert ready.json()["parts"]["log"] != "ok"
        proxy.speak()
        await until_well(service)
