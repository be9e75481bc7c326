"""The embedded server: data outlive every kind of death, and nothing outlives its owner."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from services.embedded import postgres
from services.embedded.data_folder import DataDirInUse, EmbeddedPostgresError
from tests.waiting import eventually

# Each test makes a cluster of its own.
pytestmark = pytest.mark.slow

OWNER = """
import sys, time
from pathlib import Path
from services.embedded import postgres
server = postgres.start(Path(sys.argv[1]), durable=False)
print(server.supervisor.pid, server.pid, flush=True)
time.sleep(600)
"""

Start = Callable[[Path], postgres.PostgresServer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers that are stopped when the test ends."""
    servers: list[postgres.PostgresServer] = []

    def start_one(folder: Path) -> postgres.PostgresServer:
        servers.append(postgres.start(folder, durable=False))
        return servers[-1]

    yield start_one
    for server in servers:
        server.stop()


async def run(server: postgres.PostgresServer, statement: str) -> object:
    connection = await asyncpg.connect(server.dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.fixture
def owner_elsewhere(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """Another process that owns a server in `tmp_path`: it, its supervisor's pid, and its postmaster's."""
    with subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        supervisor, postmaster = map(int, owner.stdout.readline().split())
        yield owner, supervisor, postmaster
        owner.kill()


async def test_data_survive_a_restart(tmp_path: Path, start: Start) -> None:
    first = start(tmp_path)
    await run(first, "CREATE TABLE kept AS SELECT 1 AS n")
    first.stop()
    assert first.pid is None
    assert await run(start(tmp_path), "SELECT n FROM kept") == 1


async def test_fsync_is_on_unless_a_test_says_otherwise(tmp_path: Path, start: Start) -> None:
    assert await run(start(tmp_path), "SHOW fsync") == "off"
    durable = postgres.start(tmp_path / "durable")
    try:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await run(durable, f"SHOW {setting}") == "on", setting
    finally:
        durable.stop()


async def test_a_killed_owner_takes_the_server_with_it(
    tmp_path: Path, owner_elsewhere: tuple[subprocess.Popen[str], int, int], start: Start
) -> None:
    owner, supervisor, postmaster = owner_elsewhere
    owner.kill()
    await eventually(lambda: gone(postmaster))
    await eventually(lambda: gone(supervisor))
    assert await run(start(tmp_path), "SELECT 1") == 1


async def test_a_server_left_running_is_stopped_at_the_next_start(
    tmp_path: Path, owner_elsewhere: tuple[subprocess.Popen[str], int, int], start: Start
) -> None:
    owner, supervisor, postmaster = owner_elsewhere
    os.kill(supervisor, signal.SIGKILL)
    owner.kill()
    await eventually(lambda: gone(supervisor))
    assert not await gone(postmaster)
    server = start(tmp_path)
    assert await gone(postmaster)
    assert server.pid != postmaster
    assert await run(server, "SELECT 1") == 1


async def test_a_killed_postmaster_is_started_again_with_what_was_committed(tmp_path: Path, start: Start) -> None:
    server = start(tmp_path)
    await run(server, "CREATE TABLE kept AS SELECT 1 AS n")
    killed = server.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    async def answers() -> bool:
        try:
            return server.pid != killed and await run(server, "SELECT n FROM kept") == 1
        except (OSError, asyncpg.PostgresError):
            return False

    await eventually(answers, within_seconds=30)


async def test_a_postmaster_that_cannot_even_be_launched_is_tried_again(tmp_path: Path, start: Start) -> None:
    server = start(tmp_path)
    killed = server.pid
    assert killed is not None
    server.log_file.unlink()
    server.log_file.mkdir()  # as where there is no room for a new file
    os.kill(killed, signal.SIGKILL)

    async def noticed() -> bool:
        return not psutil.pid_exists(killed)

    await eventually(noticed)
    server.log_file.rmdir()

    async def answers() -> bool:
        try:
            return await run(server, "SELECT 1") == 1
        except (OSError, asyncpg.PostgresError):
            return False

    await eventually(answers, within_seconds=30)


async def test_stopping_works_without_the_supervisor(tmp_path: Path, start: Start) -> None:
    server = start(tmp_path)
    postmaster = server.pid
    assert postmaster is not None
    server.supervisor.kill()
    server.supervisor.wait()
    server.stop()
    assert await gone(postmaster)


def test_a_folder_in_use_is_refused_with_its_user_named(
    tmp_path: Path, owner_elsewhere: tuple[subprocess.Popen[str], int, int]
) -> None:
    owner, _, postmaster = owner_elsewhere
    with pytest.raises(DataDirInUse, match=f"process {owner.pid}"):
        postgres.start(tmp_path, durable=False)
    assert psutil.pid_exists(postmaster)


def test_a_stale_pid_that_belongs_to_a_stranger_is_no_server(tmp_path: Path, start: Start) -> None:
    first = start(tmp_path)
    pid_file, socket_file = first.cluster / "postmaster.pid", first.socket_dir / ".s.PGSQL.5432.lock"
    written = {path: path.read_text() for path in (pid_file, socket_file)}
    first.stop()
    first.socket_dir.mkdir(exist_ok=True)
    owner = first.cluster.stat()
    # The stranger runs as the server's user: only such a one would PostgreSQL take for a running server.
    with subprocess.Popen(["sleep", "60"], user=owner.st_uid) as stranger:
        for path, text in written.items():
            path.write_text(text.replace(text.splitlines()[0], str(stranger.pid), 1))
            os.chown(path, owner.st_uid, owner.st_gid)
        assert start(tmp_path).pid != stranger.pid
        assert stranger.poll() is None
        stranger.kill()


async def test_only_its_user_can_reach_it(tmp_path: Path, start: Start) -> None:
    server = start(tmp_path)
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.cluster.stat().st_mode) == 0o700
    assert await run(server, "SHOW listen_addresses") == ""
    postmaster = psutil.Process(server.pid)
    assert not postmaster.net_connections("inet")
    assert 0 not in postmaster.uids()
    methods = await run(server, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules")
    assert methods == "peer"


async def test_any_path_will_do(tmp_path: Path, start: Start) -> None:
    server = start(tmp_path / ("deep " * 25) / "数据, 'quoted'")
    assert await run(server, "SELECT 1") == 1
    server.stop()
    assert not server.socket_dir.exists()


def test_another_major_version_is_refused_before_it_is_touched(tmp_path: Path, start: Start) -> None:
    server = start(tmp_path)
    server.stop()
    (server.cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 17"):
        postgres.start(tmp_path, durable=False)


def test_a_server_that_cannot_start_says_why(tmp_path: Path, start: Start) -> None:
    server = start(tmp_path)
    server.stop()
    (server.cluster / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedPostgresError, match="pg_control"):
        postgres.start(tmp_path, durable=False)
