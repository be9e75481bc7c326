"""The disk fills up under PostgreSQL: captures say so, nothing acknowledged is lost, with room it goes on."""

import asyncio
import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from services.database import ensure_database
from services.embedded import postgres
from tests.http.serving import serving
from tests.waiting import eventually

ITEM = "urn:test:full-disk"
_DISK_MB, _LEFT_BYTES = 400, 2_000_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", str(folder)]
    done = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room but a little."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, _free(folder) - _LEFT_BYTES)
    return ballast


def _free(folder: Path) -> int:
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def stored(name: str, *, bulky: bool = False) -> dict[str, Any]:
    event = {"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z", "event_id": name, "items": [{"item": ITEM}]}
    return event | ({"extensions": {f"p{n}": secrets.token_hex(2_000) for n in range(100)}} if bulky else {})


async def break_wal(url: str) -> None:
    """Have the server need another WAL file until it finds no room for one, and ends."""
    owner = await asyncpg.connect(url)
    try:
        while True:
            await owner.execute("SELECT pg_logical_emit_message(true, 'test', 'x'), pg_switch_wal()")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        owner.terminate()


@pytest.mark.slow
async def test_a_full_disk_is_told_loses_nothing_and_is_gone_on_after(small_disk: Path) -> None:
    server = await asyncio.to_thread(postgres.start, small_disk, durable=False)
    try:
        await ensure_database(server.dsn, "full")
        async with serving(server.database_url("full"), append_deadline_seconds=1.0) as service:
            await filled_and_emptied(service, small_disk, server)
    finally:
        await asyncio.to_thread(server.stop)


async def filled_and_emptied(service: httpx.AsyncClient, disk: Path, server: postgres.PostgresServer) -> None:
    acked: set[str] = set()

    async def post(name: str, *, bulky: bool = False) -> httpx.Response:
        answer = await service.post("/v1/events", json=stored(name, bulky=bulky))
        if answer.status_code == 202:
            acked.add(name)
        else:
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/log-unavailable")
            assert answer.headers["retry-after"]
        return answer

    async def seen() -> set[str]:
        answer = await service.get("/v1/items/timeline", params={"item": ITEM})
        return {e["event_id"] for e in answer.json()["events"]} if answer.status_code == 200 else set()

    async def all_seen() -> bool:
        return acked <= await seen()

    assert (await post("before")).status_code == 202
    await eventually(all_seen)
    ballast = fill(disk)
    for n in range(40):
        if (answer := await post(f"bulky-{n}", bulky=True)).status_code == 503:
            break
    assert "No space left on device" in answer.json()["detail"]
    assert "before" in await seen()  # what is in the views is still told
    pid = server.pid
    await break_wal(server.database_url("full"))

    async def down() -> bool:
        return server.pid != pid

    await eventually(down)
    assert (await post("down")).status_code == 503
    ballast.unlink()

    async def taken() -> bool:
        return (await post("after")).status_code == 202

    async def well() -> bool:
        return (await service.get("/readyz")).status_code == 200

    await eventually(taken, within_seconds=60)
    await eventually(all_seen, within_seconds=30)
    await eventually(well, within_seconds=30)
