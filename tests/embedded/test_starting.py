"""A start that waits for what is away."""

import asyncio
import time
from pathlib import Path

import pytest

from domain.ports import LogUnavailable
from migrations.run import MigrationError
from services.database import DatabaseNotReady
from services.embedded.app import run
from services.embedded.kafka_broker import free_ports
from services.embedded.roles import ALL_ROLES
from services.embedded.supervisor import keep_short
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


@pytest.mark.parametrize("roles", [frozenset({"ingest"}), frozenset({"projector"}), ALL_ROLES])
async def test_who_is_not_let_in_is_told_at_once(database_url: str, roles: frozenset[str]) -> None:
    """A wrong password does not become right by waiting."""
    url = database_url.replace("postgresql://postgres@", "postgresql://nobody:secret@")
    settings = load_settings(port=0, database_url=url, data_dir=Path("unused"))
    began = time.monotonic()
    with pytest.raises((DatabaseNotReady, MigrationError), match="ZHUISU_DATABASE_URL") as told:
        await run(settings, told=lambda _: None, stop=asyncio.Event(), roles=roles)
    assert "secret" not in str(told.value)
    assert time.monotonic() - began < 15


def test_the_servers_log_begins_anew_while_it_runs(tmp_path: Path) -> None:
    """A workshop's server runs for months. What appends to the file goes on in it."""
    path = tmp_path / "postgres.log"
    with path.open("ab", buffering=0) as log:
        for n in range(3):
            log.write(b"%d" % n * 100)
            keep_short(path, most_bytes=150)
        assert path.read_bytes() == b"2" * 100
        log.write(b"3" * 100)
        keep_short(path, most_bytes=150)
        log.write(b"4")
    assert path.read_bytes() == b"4"
    assert (tmp_path / "postgres.log.1").read_bytes() == b"2" * 100 + b"3" * 100
    keep_short(tmp_path / "not there", most_bytes=1)
