"""Leaving root behind: PostgreSQL refuses to run as root, so the embedded server runs as an unprivileged user."""

import ctypes
import os
import pwd
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAPABILITY_VERSION_3 = 0x20080522
# To pass through folders of other users: the narrow capability first, then the one containers usually grant.
_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE = 2, 1


class PrivilegeError(RuntimeError):
    """The server cannot run under a user that may do its work. The message names the fix."""


@dataclass(frozen=True, slots=True)
class User:
    """The operating-system user a server runs as."""

    uid: int
    gid: int

    @classmethod
    def to_run_as(cls, home: Path) -> Self | None:
        """Who the server of `home` should be when we are root; None when we are not, and it runs as we are.

        The owner of an existing `home` is kept, so that a restart finds its files readable.
        """
        if os.geteuid() != 0:
            return None
        if home.exists() and home.stat().st_uid != 0:
            return cls(home.stat().st_uid, home.stat().st_gid)
        for name in ("postgres", "nobody"):
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(entry.pw_uid, entry.pw_gid)
        raise PrivilegeError(
            "PostgreSQL does not run as root, and there is no user postgres or nobody to run it as: "
            "run as another user, or set ZHUISU_DATABASE_URL to a server"
        )


def become(user: User, *, reaching: Sequence[Path]) -> None:
    """Turn this process, and what it starts, into `user` for good. Call before any thread is started.

    Where a folder above `reaching` (root's home, say) shuts `user` out, one Linux capability to pass through folders is
    kept and handed on, rather than opening those folders to everybody. Raises PrivilegeError.
    """
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True) if linux else None
    if libc is not None:
        _checked(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0), "keep capabilities")
    os.setgroups([])
    os.setgid(user.gid)
    os.setuid(user.uid)
    shut = [path for path in reaching if not os.access(path, os.R_OK | os.X_OK)]
    if libc is None:
        kept = False
    elif shut:
        kept = any(_keep_capability(libc, capability) for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE))
    else:
        kept = _set_capabilities(libc, 0)
    if shut and not kept:
        raise PrivilegeError(
            f"user {user.uid} cannot reach {shut[0]}: choose a ZHUISU_DATA_DIR and an installation folder "
            "that other users may pass through, or run as another user than root"
        )


def _keep_capability(libc: ctypes.CDLL, capability: int) -> bool:
    if not _set_capabilities(libc, 1 << capability):
        return False
    return int(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)) == 0


def _set_capabilities(libc: ctypes.CDLL, mask: int) -> bool:
    """Make `mask` (of capabilities 0 to 31) the permitted, effective and inheritable set of this process."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    return int(libc.capset(ctypes.byref(header), ctypes.byref(data))) == 0


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise PrivilegeError(f"could not {what}: {os.strerror(ctypes.get_errno())}")
