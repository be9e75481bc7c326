"""Rows grouped by a number: for many numbers at once, where each one's rows are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.signedinteger[Any]]
Bools = NDArray[np.bool_]

_MOST_BITS = 63
_NEAR = 8
"""Numbers that lie this near to each other, by row, are told apart without sorting them."""


@dataclass(frozen=True, slots=True)
class Groups:
    """For keys 0 … n-1: `order[start[k] : start[k + 1]]` are the rows whose key is k."""

    start: Ints
    order: Ints

    @classmethod
    def of(cls, keys: Ints, count: int) -> "Groups":
        """Group row numbers by their key; rows whose key is negative are in no group."""
        order = np.argsort(keys, kind="stable")
        order = order[np.searchsorted(keys[order], 0) :]
        start = np.zeros(count + 1, dtype=np.int64)
        np.cumsum(np.bincount(keys[order], minlength=count), out=start[1:])
        return cls(small(start), small(order))

    def expand(self, keys: Ints) -> tuple[Ints, Ints]:
        """All rows of the keys: (position in `keys`, row), in the order of the keys. A negative key has none."""
        first, counts = self._rows(keys)
        most = int(counts.max(initial=0))
        if most <= 1:  # nothing is repeated
            at = np.flatnonzero(counts)
            return at, self.order[first if len(at) == len(keys) else first[at]]
        at = np.repeat(np.arange(len(keys)), counts)
        return at, self.order[np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(len(at))]

    def count(self, keys: Ints) -> Ints:
        """How many rows each of the keys has. A negative key has none."""
        return self._rows(keys)[1]

    def _rows(self, keys: Ints) -> tuple[Ints, Ints]:
        """(first row, how many rows) of each of the keys."""
        first = self.start[keys]
        counts: Ints = self.start[keys + 1] - first
        if int(keys.min(initial=0)) < 0:
            counts[keys < 0] = 0
        return first, counts

    def counts(self) -> Ints:
        """How many rows each key has."""
        return np.diff(self.start)


def small(values: Ints) -> Ints:
    """The same numbers in half the room, where they fit."""
    fits = not len(values) or (values.max() < 1 << 31 and values.min() >= -(1 << 31))
    return values.astype(np.int32) if fits else values


def positions(sorted_numbers: Ints, wanted: Ints) -> Ints:
    """Where each wanted number is in a sorted array without repeats; -1 where it is not."""
    if not len(sorted_numbers):
        return np.full(len(wanted), -1, dtype=np.int64)
    # as wide as these, which would all be copied else; what does not fit is none of them
    at = np.searchsorted(sorted_numbers, wanted.astype(sorted_numbers.dtype))
    at[at == len(sorted_numbers)] = 0
    return np.where(sorted_numbers[at] == wanted, at, -1)


def picked(values: Ints, rows: Ints, default: int = -1) -> Ints:
    """The values at these rows; `default` where a row is negative or there is none."""
    there = (rows >= 0) & (rows < len(values))
    found = np.full(len(rows), default, dtype=np.int64)
    found[there] = values[rows[there]]
    return found


def pairs(one: Ints, other: Ints) -> Ints:
    """One number for each pair of small non-negative numbers (below 2^31)."""
    return (one.astype(np.int64) << 32) | other


def first_of_each(keys: Ints) -> Ints:
    """The rows at which a sorted array begins a new key."""
    if not len(keys):
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))


def once(numbers: Ints) -> Ints:
    """Each of the numbers once, in order: sooner than np.unique, which hashes them."""
    ordered = np.sort(numbers)
    return ordered[first_of_each(ordered)]


def any_by(keys: Ints, flags: Bools | Any, count: int) -> Bools:
    """For keys 0 … count-1: whether any row with that key is flagged."""
    found = np.zeros(count, dtype=np.bool_)
    chosen = keys[flags]
    found[chosen[chosen >= 0]] = True
    return found


def told_apart(values: Ints) -> tuple[Ints, Ints]:
    """(each value there is, once and sorted; which of them each row has)."""
    if not len(values):
        return values, np.zeros(0, dtype=np.int64)
    least, most = int(values.min()), int(values.max())
    if most - least > _NEAR * len(values):
        found, which = np.unique(values, return_inverse=True)
        return found, which
    there = np.zeros(most - least + 1, dtype=np.bool_)
    there[values - least] = True
    places = np.cumsum(there) - 1
    return np.flatnonzero(there) + least, places[values - least]


def alike(columns: Sequence[Ints]) -> tuple[Ints, Ints]:
    """(a row of each combination of values there is, which combination each row has)."""
    count = len(columns[0])
    which = np.zeros(count, dtype=np.int64)
    for column in columns:
        found, value = told_apart(column)
        if len(found) > 1:
            which = told_apart(which * len(found) + value)[1]
    rows = np.zeros(int(which.max(initial=-1)) + 1, dtype=np.int64)
    rows[which] = np.arange(count)
    return rows, which


def in_order(keys: Ints) -> Ints:
    """The rows by their keys, which are not negative, equal keys as they come: faster than a stable argsort."""
    bits = max(1, len(keys)).bit_length()
    packed = (keys.astype(np.int64) << bits) | np.arange(len(keys))
    packed.sort()
    return packed & ((1 << bits) - 1)


def in_order_of(*keys: Ints) -> Ints:
    """The rows by several keys, none of them negative, the first one first; equal ones in any order."""
    packed, bits = np.zeros(len(keys[0]), dtype=np.int64), 0
    for key in keys:
        width = int(key.max(initial=0)).bit_length()
        bits += width
        if bits > _MOST_BITS:
            return np.lexsort(keys[::-1])
        packed = (packed << width) | key
    return np.argsort(packed)


def matched(keys: Ints, others: Ints) -> tuple[Ints, Ints]:
    """Every pair of rows that have one key, none of them negative: (row of keys, row of others), by the first."""
    order = in_order(others)
    ordered = others[order]
    first = np.searchsorted(ordered, keys)
    counts = np.searchsorted(ordered, keys, side="right") - first
    on = np.repeat(np.arange(len(keys)), counts)
    return on, order[np.repeat(first - (np.cumsum(counts) - counts), counts) + np.arange(len(on))]
