"""`python -m bench.streaming`: asks for one large trace again and again, and says so of each it has read.

In a process of its own: what reads a large answer must not keep what measures small ones waiting.
"""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from bench.wire import connected

_READ = "read"
_BEGUN_SECONDS = 600.0


@dataclass
class Streams:
    """How many answers were read to their end so far."""

    read: int = 0


@contextlib.asynccontextmanager
async def streaming(url: str, key: str, lot: str) -> AsyncIterator[Streams]:
    """While the body runs the forward trace of the lot streams; it begins when one has been read.

    Raises RuntimeError where it ended by itself.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.streaming", "--url", url, "--lot", lot),
        env={**os.environ, "BENCH_KEY": key},
        cwd=Path(__file__).parents[1],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    told, streams = process.stdout, Streams()

    async def counting() -> None:
        while await told.readline():
            streams.read += 1

    try:
        async with asyncio.timeout(_BEGUN_SECONDS):
            if not await told.readline():
                raise RuntimeError("the large trace could not be read")
        count = asyncio.create_task(counting())
        yield streams
        if process.returncode is not None or count.done():
            raise RuntimeError("the large trace could not be read to the end")
        count.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def main(url: str, key: str, lot: str) -> None:
    async with connected(url, key) as connection:
        while True:
            await connection.get("/v1/trace/forward", taken=len, item=lot, format="csv")
            print(_READ, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--lot", required=True)
    given = parser.parse_args()
    asyncio.run(main(given.url, os.environ["BENCH_KEY"], given.lot))
