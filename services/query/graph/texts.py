"""Very many texts in little room: all of them end to end, and where each begins."""

import asyncio
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import asyncpg
import numpy as np

from services.query.graph.groups import Ints

_ESCAPES = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_LINE_END = ord("\n")
_FIRST_SIGN = ord(" ")
"""What comes before it are control characters."""
_BEGINS_PLAIN = np.array([chr(code).isascii() and chr(code).isalnum() for code in range(256)])
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


@dataclass(frozen=True)
class Texts:
    """Texts by row: `data[start[i] : start[i + 1]]` is the UTF-8 of the one at i."""

    data: bytes
    start: Ints

    def __len__(self) -> int:
        return len(self.start) - 1

    def __getitem__(self, row: int) -> str:
        return self.data[self.start[row] : self.start[row + 1]].decode()

    def some(self, rows: Ints) -> list[str]:
        """The texts at these rows."""
        data, first, end = self.data, self.start[rows].tolist(), self.start[rows + 1].tolist()
        return [data[a:b].decode() for a, b in zip(first, end, strict=True)]

    @cached_property
    def plain(self) -> bool:
        """Whether all read in CSV and JSON as they are: without a sign of theirs, and with a letter or digit first."""
        data, signs = self.data, np.frombuffer(self.data, dtype=np.uint8)
        if b'"' in data or b"," in data or b"\\" in data or int(signs.min(initial=_FIRST_SIGN)) < _FIRST_SIGN:
            return False
        return bool(_BEGINS_PLAIN[signs[self.start[:-1][self.start[:-1] < self.start[1:]]]].all())

    def find(self, text: str) -> int:
        """The row of a text where they are sorted by their bytes; -1 where it is not among them."""
        row = self.before(text)
        return row if row < len(self) and self[row] == text else -1

    def before(self, text: str) -> int:
        """How many texts of a sorted table come before this one."""
        wanted, low, high = text.encode(), 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.data[self.start[middle] : self.start[middle + 1]] < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    @classmethod
    def of(cls, texts: list[bytes]) -> "Texts":
        start = np.zeros(len(texts) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)), out=start[1:])
        return cls(b"".join(texts), start)

    def pieces(self) -> list[bytes]:
        """All of them."""
        return self.part(0, len(self))

    def part(self, begin: int, end: int) -> list[bytes]:
        """Those at the rows from `begin` on, before `end`."""
        return [self.data[a:b] for a, b in pairwise(self.start[begin : end + 1].tolist())]


async def read_texts(connection: asyncpg.Connection, statement: str, *parameters: object) -> Texts:
    """The one column of a statement, row by row; none may be null."""
    lines = _Lines()
    await connection.copy_from_query(statement, *parameters, output=lines.take, format="text")
    return await asyncio.to_thread(lines.texts)


class _Lines:
    """Lines as they come, without their ends; what took all of them at once would keep others waiting."""

    def __init__(self) -> None:
        self._held, self._size = list[bytes](), 0
        self._ends: list[Ints] = []
        self._escaped = False

    async def take(self, data: bytes) -> None:
        self._escaped |= b"\\" in data
        ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _LINE_END)
        self._ends.append(ends - np.arange(len(ends)) + self._size)
        self._held.append(data.replace(b"\n", b""))
        self._size += len(self._held[-1])

    def texts(self) -> Texts:
        """All of them."""
        start = np.concatenate([np.zeros(1, dtype=np.int64), *self._ends])
        texts = Texts(b"".join(self._held), start)
        if not self._escaped:
            return texts
        return Texts.of([_ESCAPED.sub(_unescaped, text) for text in texts.pieces()])


def _unescaped(found: re.Match[bytes]) -> bytes:
    return _ESCAPES.get(found[1], found[1])
