"""Answers as sets of rows: a few bytes for each, so that two of a million can be held against each other."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.query.formats import COLUMNS

__all__ = ["COLUMNS", "RowSet", "of_csv", "of_file", "of_rows"]

_DIGEST_BYTES = 12


@dataclass(frozen=True, slots=True)
class RowSet:
    """Digests of rows, every column in each, and how many rows there were."""

    digests: frozenset[bytes]
    count: int

    def same_as(self, other: "RowSet") -> bool:
        return self.count == other.count and self.digests == other.digests


def of_rows(rows: Iterable[Sequence[str]]) -> RowSet:
    """Of rows as text, in the order of COLUMNS."""
    found: set[bytes] = set()
    count = 0
    for row in rows:
        found.add(hashlib.blake2b("\x1f".join(row).encode(), digest_size=_DIGEST_BYTES).digest())
        count += 1
    return RowSet(frozenset(found), count)


def of_csv(text: bytes, *, header: bool = True) -> RowSet:
    """Of an answer as CSV. Raises ValueError where its columns are others."""
    return _of_lines(io.TextIOWrapper(io.BytesIO(text), encoding="utf-8", newline=""), header)


def of_file(path: Path) -> RowSet:
    """As `of_csv`, of one with a header in a file."""
    with path.open(newline="", encoding="utf-8-sig") as text:
        return _of_lines(text, True)


def _of_lines(text: Iterable[str], header: bool) -> RowSet:
    lines = csv.reader(text)
    if header and (named := tuple(next(lines, ()))) != COLUMNS:
        raise ValueError(f"the answer has other columns: {named}")
    return of_rows(lines)
