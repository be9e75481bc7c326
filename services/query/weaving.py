"""Very many texts put together at once out of texts that are there, as UTF-8 and without Python a row.

A column has a text for each row and copies nothing: it says which texts of which table they are. Weaving lays columns
side by side. Texts of one length are copied together, which takes some ten nanoseconds each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import orjson
from numpy.typing import NDArray

from services.query.graph.groups import Bools, Ints, first_of_each, told_apart
from services.query.graph.texts import Texts
from services.turns import give_way

_SHORT = 1 << 16


@dataclass(frozen=True, slots=True)
class Part:
    """Texts of a table by row, and the rows of a column that have them; None: all, in order."""

    texts: Texts
    rows: Ints
    places: Ints | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A text for each of `count` rows; those that no part has are empty."""

    count: int
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, texts: Texts, rows: Ints | None = None) -> "Column":
        """The texts at these rows of a table; all of them where no rows are given."""
        rows = np.arange(len(texts)) if rows is None else rows
        return cls(len(rows), (Part(texts, rows),))

    @property
    def plain(self) -> bool:
        """As `Texts.plain`."""
        return all(part.texts.plain for part in self.parts)

    def but(self, others: Mapping[int, bytes]) -> "Column":
        """The same but for the texts of some rows."""
        if not others:
            return self
        kept = np.ones(self.count, dtype=np.bool_)
        kept[list(others)] = False
        parts = [Part(Texts.of(list(others.values())), np.arange(len(others)), np.array(list(others)))]
        for part in self.parts:
            places = np.arange(self.count) if part.places is None else part.places
            parts.append(Part(part.texts, part.rows[kept[places]], places[kept[places]]))
        return Column(self.count, tuple(parts))

    def lengths(self) -> Ints:
        """Bytes of each."""
        found = np.zeros(self.count, dtype=np.int64)
        for part in self.parts:
            lengths = part.texts.start[part.rows + 1] - part.texts.start[part.rows]
            if part.places is None:
                return lengths
            found[part.places] = lengths
        return found


def each(codes: Ints, write: Callable[[int], bytes]) -> Column | bytes:
    """What each code reads like, asked once for each that there is."""
    found, which = told_apart(codes)
    if len(found) == 1:
        return write(int(found[0]))
    return Column.of(Texts.of([write(code) for code in found.tolist()]), which)


def woven(pieces: Sequence[Column | bytes], count: int) -> Texts:
    """For each of `count` rows its text in every column, one after the other, and those that are the same in all."""
    lengths = [len(piece) if isinstance(piece, bytes) else piece.lengths() for piece in pieces]
    start = np.zeros(count + 1, dtype=np.int64)
    for length in lengths:
        start[1:] += length
    np.cumsum(start, out=start)
    out, at = np.empty(start[-1], dtype=np.uint8), start[:-1].copy()
    for piece, length in zip(pieces, lengths, strict=True):
        give_way()
        if isinstance(piece, bytes):
            _repeat(piece, out, at)
        else:
            for part in piece.parts:
                _put(part, out, at if part.places is None else at[part.places])
        at += length
    return Texts(out.tobytes(), start)


def _repeat(piece: bytes, out: NDArray[np.uint8], at: Ints) -> None:
    if piece and len(at):
        _windows(out, len(piece))[at] = np.frombuffer(piece, dtype=np.dtype((np.void, len(piece))))[0]


def _put(part: Part, out: NDArray[np.uint8], at: Ints) -> None:
    """Copy the texts of a part to where each begins."""
    first = part.texts.start[part.rows]
    lengths = part.texts.start[part.rows + 1] - first
    if not len(lengths):
        return
    longest = int(lengths.max())
    if longest != lengths.min():
        order = np.argsort(lengths.astype(np.uint16) if longest < _SHORT else lengths, kind="stable")
        first, at, lengths = first[order], at[order], lengths[order]
    for begin, end in pairwise([*first_of_each(lengths).tolist(), len(lengths)]):
        length = int(lengths[begin])
        if length:
            _windows(out, length)[at[begin:end]] = _windows(part.texts.data, length)[first[begin:end]]


def _windows(data: bytes | NDArray[np.uint8], length: int) -> NDArray[np.void]:
    """The `length` bytes from each byte on, in place."""
    return np.ndarray((len(data) - length + 1,), np.dtype((np.void, length)), data, strides=(1,))


def follows(bounds: Ints) -> Bools:
    """Whether a row is not the first of its group, where group i is of the rows from `bounds[i]` on."""
    found = np.ones(int(bounds[-1]), dtype=np.bool_)
    found[bounds[:-1][bounds[:-1] < bounds[1:]]] = False
    return found


def where(chosen: Bools, sign: bytes) -> Column | bytes:
    """The sign in the rows that are chosen, else nothing."""
    return Column.of(Texts.of([b"", sign]), chosen.astype(np.int64)) if chosen.any() else b""


def grouped(texts: Texts, bounds: Ints) -> Texts:
    """The texts of each group in one."""
    return Texts(texts.data, texts.start[bounds])


def taken(column: Column) -> Texts:
    """The texts of a column, end to end."""
    return woven((column,), column.count)


def escaped(column: Column) -> Column:
    """As they stand between the quotes of JSON."""
    if column.plain:
        return column
    texts = taken(column)
    return Column.of(texts if texts.plain else Texts.of([orjson.dumps(text.decode())[1:-1] for text in texts.pieces()]))
