"""`zhuisu up` as a person runs it: a real process, and kill -9."""

import asyncio
import os
import re
import signal
import sys
import tempfile
from pathlib import Path

import httpx
import pytest

from tests.waiting import eventually

KEY = "key-of-the-kill-test"
EVENT = {"kind": "stored", "occurred_at": "2026-03-01T08:00:00Z"}


async def zhuisu(*arguments: str, folder: Path) -> asyncio.subprocess.Process:
    environment = {**os.environ, "ZHUISU_BOOTSTRAP_KEY": KEY, "ZHUISU_HEARTBEAT_SECONDS": "0.2"}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.cli",
        *arguments,
        "--port",
        "0",
        "--data-dir",
        str(folder),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
    )


async def url_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(60):
        while match := re.search(r"is up: (\S+)", seen) is None:
            line = await process.stdout.readline()
            assert line, f"it ended: {seen}"
            seen += line.decode()
    found = re.search(r"is up: (\S+)", seen)
    assert found is not None
    assert match is False
    return found[1]


@pytest.mark.timeout(180)
async def test_what_was_acknowledged_survives_kill_9() -> None:
    """Killed in the middle of capture, three times; every acknowledged event is in the views afterwards."""
    acked: set[str] = set()
    with tempfile.TemporaryDirectory() as name:
        for round_no in range(3):
            process = await zhuisu("up", folder=Path(name))
            url = await url_of(process)
            senders = [asyncio.create_task(send(url, f"{round_no}-{n}", acked)) for n in range(8)]
            wanted = 200 * (round_no + 1)

            async def enough(wanted: int = wanted) -> bool:
                return len(acked) >= wanted

            await eventually(enough, within_seconds=30)
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)
        process = await zhuisu("up", folder=Path(name))
        url = await url_of(process)
        await all_there(url, acked)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0


async def send(url: str, name: str, acked: set[str]) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": KEY}) as client:
        for n in range(100_000):
            event_id = f"kill-{name}-{n}"
            event = {**EVENT, "event_id": event_id, "items": [{"item": "urn:test:the-thing"}]}
            try:
                answer = await client.post("/v1/events", json=event)
            except httpx.TransportError:
                return
            if answer.status_code == 202:
                acked.add(event_id)


async def all_there(url: str, acked: set[str]) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": KEY}, timeout=30) as client:

        async def missing_none() -> bool:
            answer = await client.get("/v1/items/timeline", params={"item": "urn:test:the-thing"})
            if answer.status_code != 200:
                return False
            return acked <= {e["event_id"] for e in answer.json()["events"]}

        assert await eventually(missing_none, within_seconds=60, every_seconds=0.5)
