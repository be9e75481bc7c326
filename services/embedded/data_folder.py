"""The embedded server's folder: whose it is, who has it open, and what a killed owner left running in it."""

import contextlib
import errno
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from services.embedded.privileges import User

_DYING_SECONDS = 2.0


class EmbeddedPostgresError(RuntimeError):
    """The embedded server could not be started. The message says why and what to do."""


class DataDirInUse(EmbeddedPostgresError):
    """Another living process has this data folder open."""


def own_folder(folder: Path, user: User | None) -> None:
    """Make `folder` if need be, for the server's user alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if user is not None and found.st_uid == 0:
        os.chown(folder, user.uid, user.gid)
    elif found.st_uid != (user.uid if user else os.geteuid()):
        raise PermissionError(errno.EPERM, "belongs to another user", str(folder))
    os.chmod(folder, 0o700)


def take_lock(path: Path, *, wait_seconds: float) -> int:
    """An open file descriptor that holds the lock. Waits while a dead owner's server is still stopping."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    started = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            owner = _lock_owner(descriptor)
            # An owner killed this instant still looks alive for a moment.
            patience_seconds = wait_seconds if owner is None else _DYING_SECONDS
            if time.monotonic() < started + patience_seconds:
                time.sleep(0.05)
                continue
            os.close(descriptor)
            by = f"by process {owner}" if owner else "and its last owner's server does not stop"
            raise DataDirInUse(f"{path.parent} is in use {by}: stop that, or choose another ZHUISU_DATA_DIR") from None
    me = psutil.Process()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": me.pid, "created": me.create_time()}).encode(), 0)
    return descriptor


def _lock_owner(descriptor: int) -> int | None:
    """The living process that wrote itself into the lock file."""
    with contextlib.suppress(ValueError, psutil.Error):
        written = json.loads(os.pread(descriptor, 4096, 0))
        process = psutil.Process(written["pid"])
        if abs(process.create_time() - written["created"]) < 1 and process.status() != psutil.STATUS_ZOMBIE:
            return process.pid
    return None


def recorded_pid(cluster: Path) -> int | None:
    try:
        return int((cluster / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _processes_in(cluster: Path) -> Iterator[psutil.Process]:
    """Every process of the server whose files are in `cluster`: each has it as its working folder."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(cluster.resolve()):
                yield process


def stop_leftovers(cluster: Path) -> None:
    """Stop what an earlier owner's server left running. The caller holds the lock, so nobody alive owns it."""
    recorded = recorded_pid(cluster)
    if recorded is None:
        return
    # Fast shutdown, immediate shutdown, and for backends whose postmaster is gone, kill: each is safe for the data.
    for signal_, patience_seconds in ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
        left = list(_processes_in(cluster))
        if not left:
            break
        postmaster = [process for process in left if process.pid == recorded]
        for process in postmaster or left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal_)
        psutil.wait_procs(left, timeout=patience_seconds if postmaster else 5.0)
    if psutil.pid_exists(recorded) and not any(_processes_in(cluster)):
        # The number now belongs to a stranger; PostgreSQL would take that for a running server.
        (cluster / "postmaster.pid").unlink(missing_ok=True)


def forget_socket(socket_dir: Path, cluster: Path) -> None:
    """Remove what a killed server left of its socket, once nothing of it runs. The caller holds the lock.

    PostgreSQL looks there too whether the process is alive, and takes a stranger with its number, or a zombie that
    nobody has reaped yet, for a running server.
    """
    if not any(_processes_in(cluster)):
        for left in socket_dir.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)
