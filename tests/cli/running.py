"""Running `zhuisu` in this process, as its user would: arguments in, exit code and both outputs out."""

import asyncio
import contextlib
import io
from dataclasses import dataclass

from services.cli.__main__ import main


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


def zhuisu(*arguments: str) -> Ran:
    """Run the command and wait for it."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
    return Ran(code, out.getvalue(), err.getvalue())


async def zhuisu_beside(*arguments: str) -> Ran:
    """The same in a thread, while this loop serves what it asks."""
    return await asyncio.to_thread(zhuisu, *arguments)
