"""A lot that went into a hundred thousand units: they stream out, and the process stays small and answers others."""

import asyncio
import json
import os
import re
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest
import pytest_asyncio

from services.access import ensure_bootstrap
from services.database import owner_pool, projector_pool
from tests.conftest import NewDatabase
from tests.projections.large import BAD_LOT, affected, unit, write
from tests.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

UNITS = 100_000
MOST_BYTES = 512 * 1024 * 1024
"""Of memory, at any time: 100 MB of the idle process, 2 to 3 kB a node of the walk, nothing of what is sent."""
LONGEST_SECONDS = 5.0
"""A small question beside the large one, on a machine that others use too."""
KEY = "test-key-of-the-large-trace"
ASKED = {"item": str(BAD_LOT)}

_OURS = "FROM pg_stat_activity WHERE application_name = 'zhuisu_api' AND datname = current_database()"
_STATES = f"SELECT state {_OURS} AND state <> 'idle'"
_END = f"SELECT pg_terminate_backend(pid) {_OURS} AND state = 'idle in transaction'"


@dataclass(frozen=True)
class Query:
    """A query process of its own."""

    client: httpx.AsyncClient
    process: psutil.Process
    database_url: str

    def peak_bytes(self) -> int:
        told = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", told)
        assert found is not None
        return int(found[1]) * 1024


@asynccontextmanager
async def query_process(url: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ZHUISU_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.cli", "query", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={
            **clean,
            "ZHUISU_DATABASE_URL": url,
            "ZHUISU_STATEMENT_TIMEOUT_SECONDS": "120",
            "ZHUISU_PROJECTOR_LEASE_SECONDS": "1200",
            "ZHUISU_HEARTBEAT_SECONDS": "600",  # nobody projects here: what was written once stays fresh
            "ZHUISU_TRACE_GRAPH": "off",  # the domain's own walk; tests/query and tests/scale ask over a graph
        },
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            line = (await process.stdout.readline()).decode()
        found = re.search(r"http://[0-9.]+:\d+", line)
        assert found is not None, line
        yield process, found[0]
    finally:
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def query(new_database: NewDatabase) -> AsyncIterator[Query]:
    url = await new_database()
    owner, projector = await owner_pool(url), await projector_pool(url)
    tenant = await ensure_bootstrap(owner, tenant_name="default", key=KEY)
    await write(projector, UNITS, tenant_id=tenant.tenant_id)
    await owner.close()
    await projector.close()
    async with (
        query_process(url) as (process, address),
        httpx.AsyncClient(base_url=address, headers={"X-API-Key": KEY}, timeout=120) as client,
    ):
        yield Query(client, psutil.Process(process.pid), url)


async def test_all_are_told_while_others_are_answered(query: Query) -> None:
    worst_seconds, asked, done = 0.0, 0, False

    async def ask_small() -> None:
        nonlocal worst_seconds, asked
        async with httpx.AsyncClient(base_url=query.client.base_url, headers={"X-API-Key": KEY}, timeout=60) as other:
            while not done:
                started = time.monotonic()
                answer = await other.get("/v1/items/state", params={"item": str(unit(7))})
                assert (answer.status_code, answer.json()["status"]) == (200, "in_transit")
                worst_seconds, asked = max(worst_seconds, time.monotonic() - started), asked + 1
                await asyncio.sleep(0.2)  # the pace of who asks; nothing is waited for

    asking = asyncio.create_task(ask_small())
    told: set[str] = set()
    last: dict[str, object] = {}
    headers = {"Accept": "application/x-ndjson"}
    try:
        async with query.client.stream("GET", "/v1/trace/forward", params=ASKED, headers=headers) as answer:
            assert answer.status_code == 200
            async for line in answer.aiter_lines():
                last = json.loads(line)
                if last["type"] == "node":
                    told.add(str(last["item"]))
    finally:
        done = True
        await asking
    assert told == affected(UNITS)
    assert (last["type"], last["rows"], last["complete"]) == ("trailer", UNITS, True)
    totals = last["totals"]
    assert isinstance(totals, dict)
    assert (totals["units"], totals["top_units"], totals["certain"]) == (UNITS, UNITS, UNITS)
    assert totals["by_holder"] == {"urn:dealer:7": UNITS}
    assert asked >= 5
    assert worst_seconds < LONGEST_SECONDS
    assert query.peak_bytes() < MOST_BYTES


async def test_a_slow_reader_fills_no_memory_and_a_broken_answer_is_cut(query: Query) -> None:
    """As CSV, which has no trailer that would be missed."""
    headers = {"Accept": "text/csv", "X-API-Key": KEY}
    # else the kernel may take the whole answer in for who does not read it
    small = httpx.AsyncHTTPTransport(socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)])
    async with (
        httpx.AsyncClient(transport=small, base_url=query.client.base_url, timeout=120) as client,
        client.stream("GET", "/v1/trace/forward", params=ASKED, headers=headers) as answer,
    ):
        pieces = answer.aiter_raw()
        await anext(pieces)

        watcher = await asyncpg.connect(query.database_url)

        async def stands_still() -> bool:
            """It makes no more than fits in the buffers between it and who does not read."""
            before = sum(query.process.cpu_times()[:2])
            await asyncio.sleep(0.5)
            idle = [r["state"] for r in await watcher.fetch(_STATES)] == ["idle in transaction"]
            return idle and sum(query.process.cpu_times()[:2]) - before < 0.05

        await eventually(stands_still, within_seconds=100)
        assert query.peak_bytes() < MOST_BYTES
        ended = await watcher.fetch(_END)
        await watcher.close()
        assert len(ended) == 1
        with pytest.raises(httpx.RemoteProtocolError):
            async for _ in pieces:
                pass
    again = await query.client.get("/v1/items/state", params=ASKED)
    assert again.status_code == 200
