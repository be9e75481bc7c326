"""What a large answer costs: memory of the process."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

from bench.asked import Asked
from bench.reference import Reference
from bench.results import Row, at_most


async def memory(asked: Asked, references: list[Reference]) -> AsyncIterator[Row]:
    """The most the process held while it sent the smallest answer, and while it sent the largest."""
    small, large = references[0].question, references[-1].question
    if small is large:
        return
    peaks = []
    for question in (small, large):
        _forget_peak(asked.process.pid)
        await asked.stream(question.lot)
        peaks.append(_peak_bytes(asked.process.pid))
    yield Row(
        case=f"memory while {large.size} rows are streamed",
        size=large.size,
        against=f"while {small.size} are",
        ratios=(peaks[1] / peaks[0],),
        bar=at_most(1.2),
        ours=peaks[1] / 2**20,
        theirs=peaks[0] / 2**20,
        unit="MiB",
    )


def _forget_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak_bytes(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024
