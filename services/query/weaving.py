"""Very many texts put together at once out of texts that are there, as UTF-8 and without Python a row.

A column has a text for each row and copies nothing: it says which texts of which table they are. Weaving lays columns
side by side. Texts of one length are copied together, which takes some ten nanoseconds each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import orjson
from numpy.typing import NDArray

from services.query.graph.groups import Bools, Ints, first_of_each, told_apart
from services.query.graph.texts import Texts
from services.turns import give_way

_SHORT = 1 << 16
_Bytes = NDArray[np.uint8]
_Measured = tuple[Ints | int, Callable[[_Bytes, Ints], None]]


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

    def measured(self) -> _Measured:
        """Bytes of each, and how they are put where each begins."""
        first = [part.texts.start[part.rows] for part in self.parts]
        lengths = [part.texts.start[part.rows + 1] - at for part, at in zip(self.parts, first, strict=True)]
        if len(self.parts) == 1 and self.parts[0].places is None:
            return lengths[0], partial(_put, self.parts[0].texts, first[0], lengths[0])
        found = np.zeros(self.count, dtype=np.int64)
        for part, length in zip(self.parts, lengths, strict=True):
            found[slice(None) if part.places is None else part.places] = length

        def put(out: _Bytes, at: Ints) -> None:
            for part, begin, length in zip(self.parts, first, lengths, strict=True):
                _put(part.texts, begin, length, out, at if part.places is None else at[part.places])

        return found, put


@dataclass(frozen=True, slots=True)
class Several:
    """For row i its texts from `bounds[i]` on, before `bounds[i + 1]`, each of them laid of pieces."""

    pieces: Sequence[Column | bytes]
    bounds: Ints

    @property
    def count(self) -> int:
        return len(self.bounds) - 1

    def measured(self) -> _Measured:
        """As of a column."""
        inner, start = _measured(self.pieces, int(self.bounds[-1]))
        first = start[self.bounds]

        def put(out: _Bytes, at: Ints) -> None:
            _lay(inner, out, start[:-1] + np.repeat(at - first[:-1], np.diff(self.bounds)))

        return np.diff(first), put


def each(codes: Ints, write: Callable[[int], bytes]) -> Column | bytes:
    """What each code reads like, asked once for each that there is."""
    found, which = told_apart(codes)
    if len(found) == 1:
        return write(int(found[0]))
    return Column.of(Texts.of([write(code) for code in found.tolist()]), which)


def woven(pieces: Sequence[Column | Several | bytes], count: int) -> Texts:
    """For each of `count` rows its text in every column, one after the other, and those that are the same in all."""
    measured, start = _measured(pieces, count)
    out = np.empty(start[-1], dtype=np.uint8)
    _lay(measured, out, start[:-1].copy())
    return Texts(out.tobytes(), start)


def _measured(pieces: Sequence[Column | Several | bytes], count: int) -> tuple[list[_Measured], Ints]:
    """Each piece measured, and where the text of each row begins."""
    measured = [(len(p), partial(_repeat, p)) if isinstance(p, bytes) else p.measured() for p in pieces]
    start = np.zeros(count + 1, dtype=np.int64)
    for length, _ in measured:
        start[1:] += length
    np.cumsum(start, out=start)
    return measured, start


def _lay(measured: Sequence[_Measured], out: _Bytes, at: Ints) -> None:
    """Lay pieces side by side, each row from where it begins; `at` goes on with them."""
    for length, put in measured:
        give_way()
        put(out, at)
        at += length


def _repeat(piece: bytes, out: _Bytes, at: Ints) -> None:
    if piece and len(at):
        _windows(out, len(piece))[at] = np.frombuffer(piece, dtype=np.dtype((np.void, len(piece))))[0]


def _put(texts: Texts, first: Ints, lengths: Ints, out: _Bytes, at: Ints) -> None:  # noqa: PLR0917
    """Copy the texts that begin at `first` to where each is to begin."""
    if not len(lengths):
        return
    longest = int(lengths.max())
    if longest != lengths.min():
        order = np.argsort(lengths.astype(np.uint16) if longest < _SHORT else lengths, kind="stable")
        first, at, lengths = first[order], at[order], lengths[order]
    for begin, end in pairwise([*first_of_each(lengths).tolist(), len(lengths)]):
        length = int(lengths[begin])
        if length:
            _windows(out, length)[at[begin:end]] = _windows(texts.data, length)[first[begin:end]]


def _windows(data: bytes | _Bytes, length: int) -> NDArray[np.void]:
    """The `length` bytes from each byte on, in place."""
    return np.ndarray((len(data) - length + 1,), np.dtype((np.void, length)), data, strides=(1,))


def but(piece: Column | bytes, rows: Sequence[int], count: int) -> Column | bytes:
    """A piece of `count` rows, with nothing in some of them."""
    if not rows or not piece:
        return piece
    if isinstance(piece, Column):
        return piece.but(dict.fromkeys(rows, b""))
    chosen = np.ones(count, dtype=np.bool_)
    chosen[list(rows)] = False
    return where(chosen, piece)


def follows(bounds: Ints) -> Bools:
    """Whether a row is not the first of its group, where group i is of the rows from `bounds[i]` on."""
    found = np.ones(int(bounds[-1]), dtype=np.bool_)
    found[bounds[:-1][bounds[:-1] < bounds[1:]]] = False
    return found


def where(chosen: Bools, sign: bytes) -> Column | bytes:
    """The sign in the rows that are chosen, else nothing."""
    return Column.of(Texts.of([b"", sign]), chosen.astype(np.int64)) if chosen.any() else b""


def taken(column: Column | Several) -> Texts:
    """The texts of a column, end to end."""
    return woven((column,), column.count)


def escaped(column: Column) -> Column:
    """As they stand between the quotes of JSON."""
    if column.plain:
        return column
    texts = taken(column)
    return Column.of(texts if texts.plain else Texts.of([orjson.dumps(text.decode())[1:-1] for text in texts.pieces()]))
