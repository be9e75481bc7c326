"""The small process between Zhuisu and its embedded PostgreSQL.

It becomes an unprivileged user, makes the cluster if there is none, runs the postmaster, starts it again when it dies,
and stops it when its standard input closes: that is, when Zhuisu ends, however it ends (kill -9 too). Its first line of
output is a JSON object, {"ready": pid} or {"failed": reason}.
"""

import contextlib
import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from services.embedded.privileges import PrivilegeError, User, become

_RESTART_PAUSE_SECONDS, _RESTART_PAUSE_SECONDS_MAX = 0.5, 5.0
_FAST_STOP_SECONDS = 60.0
_TAIL_BYTES = 2_000
_LOOK_SECONDS = 60.0
"""How often the size of the log is looked at."""
LOG_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run and where. Paths are absolute."""

    binaries: str
    cluster: str
    socket_dir: str
    log_file: str
    client_user: str
    options: tuple[str, ...]
    uid: int | None
    gid: int | None
    ready_within_seconds: float
    log_bytes_max: int = LOG_BYTES_MAX

    def to_json(self) -> str:
        return json.dumps(asdict(self))


class StartFailed(RuntimeError):
    """PostgreSQL did not start; the message is for people."""


def keep_short(log_file: Path, *, most_bytes: int) -> None:
    """Begin the log anew once it is that long; what was in it is kept beside it as `.1`, in place of what was there.

    The server appends to the file that it has open: it is copied and emptied. A full disk is no reason to end.
    """
    with contextlib.suppress(OSError):
        if log_file.stat().st_size > most_bytes:
            try:
                shutil.copyfile(log_file, log_file.with_name(log_file.name + ".1"))
            finally:
                os.truncate(log_file, 0)


class Supervisor:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.cluster = Path(plan.cluster)
        self.process: subprocess.Popen[bytes] | None = None
        self.wakeup_read, self.wakeup_write = os.pipe()
        os.set_blocking(self.wakeup_write, False)
        signal.set_wakeup_fd(self.wakeup_write, warn_on_full_buffer=False)
        self.told_to_stop = False
        # An inherited "ignore" would hide the death of the postmaster; Ctrl-C is Zhuisu's to interpret, not ours.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self._remember_stop())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        self.environment |= {"LC_ALL": "C", "TZ": "UTC"}

    def _remember_stop(self) -> None:
        self.told_to_stop = True

    def prepare(self) -> None:
        """Make the cluster if there is none, whole or not at all, and say who may connect."""
        if not (self.cluster / "PG_VERSION").exists():
            unfinished = self.cluster.with_name(self.cluster.name + ".new")
            shutil.rmtree(unfinished, ignore_errors=True)
            self._initdb(unfinished)
            unfinished.rename(self.cluster)
        server_user = pwd.getpwuid(os.geteuid()).pw_name
        names = sorted({server_user, self.plan.client_user})
        (self.cluster / "pg_hba.conf").write_text("local all all peer map=zhuisu\n")
        (self.cluster / "pg_ident.conf").write_text("".join(f'zhuisu "{name}" postgres\n' for name in names))

    def _initdb(self, folder: Path) -> None:
        command = [f"{self.plan.binaries}/initdb", "--pgdata", str(folder), "--username", "postgres", "--auth", "peer"]
        command += ["--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-locale"]
        if "fsync=off" in self.plan.options:
            command.append("--no-sync")
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise StartFailed(f"initdb failed: {done.stderr.strip()[-2000:]}")

    def launch(self) -> None:
        keep_short(Path(self.plan.log_file), most_bytes=self.plan.log_bytes_max)
        command = [f"{self.plan.binaries}/postgres", "-D", self.plan.cluster, "-k", self.plan.socket_dir]
        for option in self.plan.options:
            command += ["-c", option]
        with open(self.plan.log_file, "ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )

    def wait_ready(self) -> int:
        """The postmaster's pid once it takes connections. Raises StartFailed."""
        assert self.process is not None
        deadline = time.monotonic() + self.plan.ready_within_seconds
        while not self._is_ready(self.process.pid):
            if self.process.poll() is not None:
                raise StartFailed(f"PostgreSQL ended with code {self.process.returncode}; {self._log_tail()}")
            if self.stop_asked(within_seconds=0.02):
                raise StartFailed("told to stop before PostgreSQL was ready")
            if time.monotonic() > deadline:
                raise StartFailed(f"not ready within {self.plan.ready_within_seconds:.0f} s; {self._log_tail()}")
        return self.process.pid

    def _is_ready(self, pid: int) -> bool:
        """Line 1 of postmaster.pid is the pid, line 8 the status (PostgreSQL, src/include/utils/pidfile.h)."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _log_tail(self) -> str:
        with open(self.plan.log_file, "rb") as log:
            log.seek(max(0, os.fstat(log.fileno()).st_size - _TAIL_BYTES))
            tail = log.read().decode(errors="replace").strip()
        return f"its log {self.plan.log_file} ends with: {tail}"

    def stop_asked(self, *, within_seconds: float | None) -> bool:
        """True when Zhuisu is gone or a stop was asked for; waits for that or for a child's death."""
        readable, _, _ = select.select([0, self.wakeup_read], [], [], within_seconds)
        if self.wakeup_read in readable:
            os.read(self.wakeup_read, 4096)
        return self.told_to_stop or (0 in readable and os.read(0, 4096) == b"")

    def run(self) -> None:
        """Keep the postmaster alive until told to stop. It never gives up: somebody may make room on a full disk."""
        pause_seconds: float | None = None
        while not self.stop_asked(within_seconds=pause_seconds or _LOOK_SECONDS):
            if self.process is not None and self.process.poll() is None:
                keep_short(Path(self.plan.log_file), most_bytes=self.plan.log_bytes_max)
                continue
            # A killed postmaster's backends may still hold its memory for a moment: the first tries may fail.
            pause_seconds = min(2 * (pause_seconds or _RESTART_PAUSE_SECONDS / 2), _RESTART_PAUSE_SECONDS_MAX)
            try:
                self.launch()
                self.wait_ready()
            except (StartFailed, OSError):  # also: no memory for a process, no room for a new log
                if self.stop_asked(within_seconds=0):  # hears of that death, too: it would cut the pause short
                    return
                continue
            pause_seconds = None

    def stop(self) -> None:
        """A fast shutdown (clients are cut off, a checkpoint is written), then an immediate one, which is as safe."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(_FAST_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()


def main(plan: Plan) -> int:
    supervisor = Supervisor(plan)
    try:
        if plan.uid is not None and plan.gid is not None:
            become(User(plan.uid, plan.gid), reaching=[Path(plan.binaries), Path(plan.cluster).parent])
        supervisor.prepare()
        supervisor.launch()
        ready: dict[str, object] = {"ready": supervisor.wait_ready()}
    except (StartFailed, PrivilegeError, OSError, KeyError) as error:
        supervisor.stop()
        _tell({"failed": f"{error}"})
        return 1
    _tell(ready)
    try:
        supervisor.run()
    finally:
        supervisor.stop()
    return 0


def _tell(status: dict[str, object]) -> None:
    """One line to Zhuisu, which may be gone already."""
    try:
        os.write(1, json.dumps(status).encode() + b"\n")
    except BrokenPipeError:
        return


if __name__ == "__main__":
    _fields = json.loads(sys.argv[1])
    sys.exit(main(Plan(**(_fields | {"options": tuple(_fields["options"])}))))
