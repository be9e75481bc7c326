"""`python -m bench.profiles`: where an ingest and a projector process spend their time, sampled by py-spy.

Prints, for each, the functions with the largest share of samples, by themselves and with what they call. Needs the
right to trace processes of one's own (Linux: `kernel.yama.ptrace_scope` 0, or root).
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.load import Events, post_batches, records_of
from bench.sizes import SIZES
from bench.world import World, world
from services.eventlog.postgres import PostgresEventLog

_SHOWN = 25
_RATE = 200


async def main(seconds: float, size: str) -> None:
    """Both, one after the other, on empty databases."""
    console = Console(width=140)
    async with world(SIZES[size], console=console, keep=True) as this:
        for name, work in (("ingest, NDJSON on Postgres", _ingest), ("projector", _projector)):
            raw = await work(this, seconds)
            console.rule(name)
            _show(raw.read_text().splitlines(), console)


async def _ingest(this: World, seconds: float) -> Path:
    database = await this.empty_database()
    events = Events(5_000)
    try:
        async with this.process("ingest-profiled", database.url) as ingest:
            bodies = [body for _ in range(3) for body in events.batches()]
            await post_batches([ingest.url], this.tenant.key, path="/v1/events", bodies=bodies[:2])
            profiler = await _record(ingest.pid, seconds, this.folder / "ingest.raw")
            ends = time.monotonic() + seconds + 1
            while time.monotonic() < ends:
                await post_batches([ingest.url], this.tenant.key, path="/v1/events", bodies=events.batches())
            await profiler.wait()
    finally:
        await database.drop()
    return this.folder / "ingest.raw"


async def _projector(this: World, seconds: float) -> Path:
    database = await this.empty_database()
    log, events = PostgresEventLog(dsn=database.url), Events(5_000)
    await log.start()
    for _ in range(int(seconds) * 2):
        records = list(records_of(this.tenant, events.lines()))
        await log.append(records, deadline_seconds=60)
    await log.stop()
    try:
        async with this.process("projector-profiled", database.url) as projector:
            await (await _record(projector.pid, seconds, this.folder / "projector.raw")).wait()
    finally:
        await database.drop()
    return this.folder / "projector.raw"


async def _record(pid: int, seconds: float, out: Path) -> asyncio.subprocess.Process:
    options = ["--pid", str(pid), "--duration", str(int(seconds)), "--rate", str(_RATE), "--format", "raw"]
    return await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("py-spy")),
        *("record", *options, "--nolineno", "--output", str(out)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _show(lines: Sequence[str], console: Console) -> None:
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    total = sum(own.values()) or 1
    for word, counts in (("by itself", own), ("with what it calls", whole)):
        console.print(f"{word} ({total} samples)")
        for frame, samples in counts.most_common(_SHOWN):
            console.print(f"  {samples / total:6.1%}  {frame}", highlight=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--size", choices=list(SIZES), default="tiny")
    given = parser.parse_args()
    asyncio.run(main(given.seconds, given.size))
