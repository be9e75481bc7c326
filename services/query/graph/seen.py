"""Paths of any kind, all of a walk: which are new, and which say the same as others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Generic, TypeVar

import numpy as np

from services.query.graph.groups import Bools, Ints, first_of_each, in_order, positions


@dataclass(frozen=True, slots=True)
class States:
    """Paths, one a row: the item each ends in (begins in, backward), its labels as bits, and what else is known."""

    item: Ints
    labels: Ints

    def __len__(self) -> int:
        return len(self.item)

    def columns(self) -> list[Ints]:
        return [getattr(self, f.name) for f in fields(self)]

    def agreeing(self) -> list[Ints]:
        """What rows must agree in to be one."""
        return [getattr(self, f.name) for f in fields(self) if f.name != "labels"]

    def take(self: "S", rows: Ints | Bools) -> "S":
        """The paths at these rows; a mask is looked at once, not for each column."""
        if rows.dtype == np.bool_:
            rows = np.flatnonzero(rows)
            if len(rows) == len(self):
                return self
        return type(self)(*(column.take(rows) for column in self.columns()))


S = TypeVar("S", bound=States)


def concatenated(tables: list[S]) -> S:
    """All rows of several tables, in order."""
    if len(tables) == 1:
        return tables[0]
    return type(tables[0])(*map(np.concatenate, zip(*(t.columns() for t in tables), strict=True)))


class Seen(Generic[S]):
    """All paths so far, and which are new: rows of one item are told apart by a 64-bit mix of what they agree in.

    Of an item that was never met nothing is compared, and most are met once. Tables of paths that came together are
    joined as they get many, so that there are few.
    """

    def __init__(self, none: S, *, items: int) -> None:
        """`none`: no paths. `items`: how many there are, as far as is known."""
        self._none = none
        self._tables: list[S] = []
        self._met = np.zeros(items, dtype=np.bool_)
        """by item: whether a path ends in it; none beyond"""

    def take(self, paths: S) -> S:
        """Add paths; those that say something new, with the labels that are new. Raises Collision."""
        if not len(paths):
            return paths
        paths = _once(paths)
        self._reach_out(int(paths.item.max()) + 1)
        met = np.flatnonzero(self._met.take(paths.item))
        self._met[paths.item] = True
        if not len(met):
            self._add(paths)
            return paths
        fresh, known = paths.labels.copy(), np.zeros(len(paths), dtype=np.bool_)
        some, its = paths.take(met), np.zeros(len(self._met), dtype=np.bool_)
        its[some.item] = True
        for labels, at in self._found(some, its):
            here = np.flatnonzero(at >= 0)
            rows, at = met[here], at[here]
            known[rows] = True
            fresh[rows] &= ~labels[at]
            labels[at] |= paths.labels[rows]
        self._add(paths.take(~known))
        return replace(paths, labels=fresh).take(fresh > 0)

    def _found(self, paths: S, its: Bools) -> Iterator[tuple[Ints, Ints]]:
        """(labels of a table, the row of each path among them; -1 where it is not there), table by table.

        `its`: by item, whether a path ends in it. Raises Collision.
        """
        mixes = mixed(paths.agreeing())
        for table in self._tables:
            rows = np.flatnonzero(its.take(table.item))
            theirs = table.take(rows)
            others = mixed(theirs.agreeing())
            order = np.argsort(others)
            at = positions(others[order], mixes)
            there = np.flatnonzero(at >= 0)
            at[there] = order[at[there]]
            if not _alike(theirs.take(at[there]), paths.take(there)):
                raise Collision
            at[there] = rows[at[there]]
            yield table.labels, at

    def _add(self, paths: S) -> None:
        """The labels of what is kept change: they are its own."""
        if len(paths):
            self._tables.append(replace(paths, labels=paths.labels.copy()))
        while len(self._tables) > 1 and len(self._tables[-2]) <= 2 * len(self._tables[-1]):
            last = self._tables.pop()
            self._tables[-1] = concatenated([self._tables[-1], last])

    def _reach_out(self, count: int) -> None:
        if count > len(self._met):
            self._met = np.concatenate([self._met, np.zeros(max(count, 2 * len(self._met)), dtype=np.bool_)])

    @property
    def paths(self) -> S:
        """All of them."""
        return concatenated(self._tables or [self._none])

    def more_than(self, items: int) -> bool:
        """Whether they end in more items than that."""
        return sum(map(len, self._tables)) > items and int(np.count_nonzero(self._met)) > items


class Collision(Exception):
    """Two different paths have one mix: the domain must answer. Not seen in practice."""


_ODD = np.uint64(0x9E3779B97F4A7C15)


def mixed(columns: Sequence[Ints | Bools]) -> Ints:
    """A number a row that rows differ in when a column does, but for a chance of one in 2^64."""
    found = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        found ^= column.astype(np.int64).view(np.uint64)
        found *= _ODD
        found ^= found >> np.uint64(29)
        found *= np.uint64(0xBF58476D1CE4E5B9)
        found ^= found >> np.uint64(32)
    return found.view(np.int64)


def distinct(columns: Sequence[Ints | Bools]) -> tuple[Ints, Ints]:
    """(first row of each distinct combination, which one each row has)."""
    _, first, which = np.unique(mixed(columns), return_index=True, return_inverse=True)
    if not all(np.array_equal(column, column[first[which]]) for column in columns):
        rows = np.arange(len(columns[0]))
        return rows, rows
    return first, which


def _once(paths: S) -> S:
    """The paths; those that agree in all but labels are one. Raises Collision."""
    by_item = in_order(paths.item)
    item = paths.item.take(by_item)
    same = item[1:] == item[:-1]
    again = np.zeros(len(paths), dtype=np.bool_)
    again[1:] |= same
    again[:-1] |= same
    rows = by_item[again]
    if not len(rows):
        return paths
    mixes = mixed([key.take(rows) for key in paths.agreeing()])
    order = np.argsort(mixes)  # as one of several that agree any of them will do
    starts = first_of_each(mixes[order])
    if len(starts) == len(rows):
        return paths
    rows, first = rows[order], rows[order[starts]]
    each = np.repeat(first, np.diff(np.append(starts, len(rows))))
    if not _alike(paths.take(each), paths.take(rows)):
        raise Collision
    labels, kept = paths.labels.copy(), np.ones(len(paths), dtype=np.bool_)
    labels[first] = np.bitwise_or.reduceat(paths.labels[rows], starts)
    kept[rows] = False
    kept[first] = True
    return replace(paths, labels=labels).take(kept)


def _alike(one: S, other: S) -> bool:
    return all(map(np.array_equal, one.agreeing(), other.agreeing()))
