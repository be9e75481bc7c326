"""A client that leaves stops its question; a statement that takes too long is told as that."""

import asyncio
import socket

import asyncpg
import httpx
import pytest

from services.embedded import app
from services.query import answer_turns
from tests.conftest import NewDatabase
from tests.http.serving import KEY, serving
from tests.http.test_service import HOUR, post, unit
from tests.waiting import eventually

LOT = "urn:zhuisu:lot:own:CELL:GONE"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%views.memberships%'"


async def made(service: httpx.AsyncClient) -> None:
    inputs, outputs = [{"item": {"product": "CELL", "lot": "GONE"}}], [{"item": unit("G/1")}]
    event = {"kind": "transformed", "occurred_at": HOUR.format(8), "inputs": inputs, "outputs": outputs}
    position = await post(service, event)
    answer = await service.get("/v1/items/state", params={"item": LOT, "wait_for": position})
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_statement_of_who_left_ends_and_the_connection_serves_again(
    service: httpx.AsyncClient, service_url: str, method: str
) -> None:
    await made(service)
    watcher, locker = await asyncpg.connect(service_url), await asyncpg.connect(service_url)
    try:
        async with locker.transaction():
            await locker.execute("LOCK views.memberships IN ACCESS EXCLUSIVE MODE")
            body = {"json": {"items": [LOT]}} if method == "POST" else {"params": {"item": LOT}}
            asking = asyncio.create_task(service.request(method, "/v1/trace/forward", **body))

            async def waits(count: int) -> bool:
                return await watcher.fetchval(WAITING) == count

            await eventually(lambda: waits(1))
            asking.cancel()  # closes the socket
            await eventually(lambda: waits(0))  # while the lock is held: only cancelling ends it
        for _ in range(12):  # more than the pool has connections
            answer = await service.get("/v1/trace/forward", params={"item": LOT})
            assert answer.status_code == 200
    finally:
        await locker.close()
        await watcher.close()


async def test_a_statement_that_takes_too_long_is_a_problem_with_the_fix(new_database: NewDatabase) -> None:
    url = await new_database()
    async with serving(url, statement_timeout_seconds=0.5) as service:
        await made(service)
        locker = await asyncpg.connect(url)
        try:
            async with locker.transaction():
                await locker.execute("LOCK views.memberships IN ACCESS EXCLUSIVE MODE")
                answer = await service.get("/v1/trace/forward", params={"item": LOT})
        finally:
            await locker.close()
    assert (answer.status_code, answer.json()["type"]) == (504, "/problems/too-slow")
    assert "narrow it" in answer.json()["detail"]


async def test_large_answers_leave_connections_to_small_questions(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many ask for them, and however slowly they read; who has no turn is told so, and a turn comes back."""
    monkeypatch.setattr(answer_turns, "TURN_SECONDS", 0.5)
    url = await new_database()
    async with serving(url, api_pool_max_connections=4) as service:
        await made(service)
        watcher, locker = await asyncpg.connect(url), await asyncpg.connect(url)
        trace = {"url": "/v1/trace/forward", "params": {"item": LOT}}
        try:
            async with locker.transaction():
                await locker.execute("LOCK views.memberships IN ACCESS EXCLUSIVE MODE")
                asking = [asyncio.create_task(service.get(**trace)) for _ in range(6)]

                async def refused() -> bool:
                    return sum(one.done() for one in asking) == 5

                await eventually(refused)
                for one in asking:
                    if one.done():
                        told = one.result()
                        assert (told.status_code, told.json()["type"]) == (503, "/problems/too-many-at-once")
                        assert told.headers["Retry-After"] == "10"
                assert await watcher.fetchval(WAITING) == 1
                for _ in range(3):
                    small = await service.get("/v1/keys")
                    assert small.status_code == 200
                for one in asking:
                    one.cancel()
            for _ in range(4):
                assert (await service.get(**trace)).status_code == 200
        finally:
            await locker.close()
            await watcher.close()


async def test_who_reads_a_large_answer_slowly_does_not_keep_the_service_from_ending(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is served any more meanwhile, for up to as long as an answer may be read."""
    monkeypatch.setattr(app, "_LEAVE_SECONDS", 1)
    url = await new_database()
    watcher, reading = await asyncpg.connect(url), socket.socket()
    reading.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    reading.setblocking(False)
    try:
        async with asyncio.timeout(40), serving(url) as service:
            inputs = [{"item": {"product": "CELL", "lot": "GONE"}}]
            serials = {"product": {"product": "G"}, "first": "00001", "last": "20000"}
            event = {"kind": "transformed", "occurred_at": HOUR.format(8), "inputs": inputs}
            position = await post(service, event | {"outputs": [{"range": serials}]})
            loop, at = asyncio.get_running_loop(), service.base_url
            await loop.sock_connect(reading, (at.host, at.port))
            path = f"/v1/trace/forward?item={LOT}&wait_for={position}"
            head = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nAccept: application/x-ndjson\r\n\r\n"
            await loop.sock_sendall(reading, head.encode())
            assert (await loop.sock_recv(reading, 100)).startswith(b"HTTP/1.1 200")
        theirs = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

        async def none_left() -> bool:
            return await watcher.fetchval(theirs) == 0

        await eventually(none_left)
    finally:
        reading.close()
        await watcher.close()
