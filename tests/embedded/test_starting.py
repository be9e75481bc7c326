"""A start that waits for what is away."""

import asyncio
import time
from pathlib import Path

import pytest

from domain.ports import LogUnavailable
from services.embedded.app import run
from services.embedded.kafka_broker import free_ports
from services.settings import load_settings


async def test_a_process_that_waits_for_the_log_ends_as_soon_as_it_is_told_to() -> None:
    (nobody,) = free_ports(1)
    settings = load_settings(port=0, database_url=f"postgresql://a:b@127.0.0.1:{nobody}/c", data_dir=Path("unused"))
    stop = asyncio.Event()
    running = asyncio.create_task(run(settings, told=lambda _: None, stop=stop, roles=frozenset({"ingest"})))
    assert not (await asyncio.wait({running}, timeout=0.5))[0]
    began = time.monotonic()
    stop.set()
    with pytest.raises(LogUnavailable):
        await running
    assert time.monotonic() - began < 15
