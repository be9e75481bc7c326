"""Lines of a set packed into events: cut where an event is full, hashed as they go by, and never parsed again."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import orjson

from services.query.graph.texts import Texts


@dataclass(slots=True)
class Sent:
    """What was sent of a set: how many members, their hash in order, and the hash of the content of each event."""

    members: int = 0
    hashes: list[str] = field(default_factory=list)
    _set: Any = field(default_factory=hashlib.sha256)

    def take(self, lines: bytes, count: int, content_hash: str) -> None:
        """Lines of one event."""
        self.members += count
        self.hashes.append(content_hash)
        self._set.update(lines)

    @property
    def sha256(self) -> str:
        """Of all lines so far."""
        told: str = self._set.hexdigest()
        return told


def packed(blocks: Iterator[Texts], *, items: int, size_bytes: int) -> Iterator[tuple[bytes, int]]:
    """(lines, how many) of each event: at most so many items, and so many bytes unless one alone has more.

    Where it is cut depends on the lines alone, not on the blocks they come in.
    """
    rest, starts = b"", [0]
    for block in blocks:
        data = rest + block.data
        starts += (block.start[1:] + len(rest)).tolist()
        cuts = _cuts(starts, items=items, size_bytes=size_bytes)
        for first, end in pairwise(cuts):
            yield data[starts[first] : starts[end]], end - first
        begin = starts[cuts[-1]]
        rest, starts = data[begin:], [start - begin for start in starts[cuts[-1] :]]
    if rest:
        yield rest, len(starts) - 1


def _cuts(starts: list[int], *, items: int, size_bytes: int) -> list[int]:
    """The lines with which an event begins, as far as it is known that the one before is full."""
    ends, cuts = np.array(starts), [0]
    while True:
        first = cuts[-1]
        fits = int(np.searchsorted(ends, starts[first] + size_bytes, side="right")) - 1
        end = max(first + 1, min(first + items, fits))
        if end >= len(starts) - 1:  # what comes next may belong to it
            return cuts
        cuts.append(end)


def members_written(lines: bytes) -> orjson.Fragment:
    """Lines as the list that an act has: in canonical JSON a line end is never part of a value."""
    return orjson.Fragment(b"".join((b"[", lines[:-1].replace(b"\n", b","), b"]")))
