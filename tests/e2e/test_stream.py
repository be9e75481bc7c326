"""100,000 events in one request: a process of its own takes them in bounded memory."""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import NewDatabase
from tests.e2e.test_one_process import url_of

KEY = "key-of-the-stream-test"
EVENTS, NOTE_CHARS = 100_000, 600
FIRST_GROWTH_MAX_MIB = 90
"""The first stream fills what is bounded: 100,000 ids remembered to tell duplicates, as many outcomes not read yet."""

NEXT_GROWTH_MAX_MIB = 25


def peak_mib(pid: int) -> float:
    """The most resident memory the process ever had (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


async def lines(events: int, prefix: str) -> AsyncIterator[bytes]:
    for start in range(0, events, 500):
        batch = []
        for n in range(start, min(start + 500, events)):
            event = {
                "kind": "stored",
                "occurred_at": "2026-03-01T08:00:00+08:00",
                "event_id": f"{prefix}-{n}",
                "items": [{"item": {"product": "STREAM", "serial": f"{prefix}{n}"}}],
                "note": "n" * NOTE_CHARS,
            }
            batch.append(json.dumps(event).encode())
        yield b"\n".join(batch) + b"\n"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
async def test_a_stream_of_100_000_events_is_taken_in_bounded_memory(new_database: NewDatabase, tmp_path: Path) -> None:
    """Twice 80 MB go in; the sender reads nothing of the answer before it has sent all, as most do."""
    environment = {
        **os.environ,
        "ZHUISU_BOOTSTRAP_KEY": KEY,
        "ZHUISU_DATABASE_URL": await new_database(),
        "ZHUISU_DATA_DIR": str(tmp_path),
    }
    migrated = await asyncio.create_subprocess_exec(sys.executable, "-m", "services.cli", "migrate", env=environment)
    assert await migrated.wait() == 0
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "ingest", "--serve", "--port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    try:
        url = await url_of(process)
        headers = {"X-API-Key": KEY, "Content-Type": "application/x-ndjson"}
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=240) as client:
            peaks = [peak_mib(process.pid)]
            for name in ("first", "next"):
                began = time.monotonic()
                answer = await client.post("/v1/events", content=lines(EVENTS, name))
                seconds = time.monotonic() - began
                peaks.append(peak_mib(process.pid))
                told = [json.loads(line) for line in answer.text.splitlines()]
                assert (told[-1]["status"], told[-1]["accepted"], len(told)) == (202, EVENTS, EVENTS + 1)
                assert [one["index"] for one in told[:-1]] == list(range(EVENTS))
                print(f"{name}: {EVENTS / seconds:.0f} events/s, peak {peaks[-1]:.0f} MiB, before {peaks[-2]:.0f}")
        assert peaks[1] - peaks[0] < FIRST_GROWTH_MAX_MIB
        assert peaks[2] - peaks[1] < NEXT_GROWTH_MAX_MIB, "memory grows with what was streamed"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
