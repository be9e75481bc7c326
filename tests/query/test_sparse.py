"""What a question keeps of very many items costs what it touches."""

import re
from pathlib import Path

import numpy as np

from services.query.graph.sparse import Sparse

ITEMS = 40_000_000


def test_rows_are_read_and_written_as_an_arrays_are() -> None:
    rows = np.array([5, 1, 7])
    found = Sparse(9, np.int8)

    found[rows] = np.array([3, 0, -1])
    found[2] = 127

    assert len(found) == 9
    assert found[np.arange(9)].tolist() == [-1, 0, 127, -1, -1, 3, -1, -1, -1]
    assert found[found[np.arange(9)] >= 3].tolist() == [127, 3]
    assert int(found[2]) == 127
    assert found[rows].dtype == np.int8
    assert len(Sparse(0, np.int32)) == 0


def test_items_that_nobody_touches_take_no_room() -> None:
    before = _held_bytes()
    found = Sparse(ITEMS, np.int64)

    found[np.arange(1_000)] = np.arange(1_000)

    assert found[np.array([999, 1_000, ITEMS - 1])].tolist() == [999, -1, -1]
    assert _held_bytes() - before < ITEMS * 8 // 10


def _held_bytes() -> int:
    told = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert told is not None
    return int(told[1]) * 1024
