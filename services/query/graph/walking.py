"""The walk over columns: `domain/walk.py`, step for step, for all paths of a level at once.

A row is a path: the item it ends in (begins in, backward), the window of its chain, the instants it must keep, and its
labels as bits. Rows that agree in everything but labels are one row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Generic, TypeVar

import numpy as np

from domain.links import ALWAYS_US, NEVER_US
from services.query.graph.groups import Bools, Ints, first_of_each, in_order, positions
from services.query.graph.links import (
    CERTAIN_BIT,
    CONTAINED_IN,
    DERIVATION,
    IDENTIFIED_AS,
    PART_OF,
    LinkColumns,
    bit_of,
)

_AGAINST, _TOUCHED = bit_of("against_time"), bit_of("touched")


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


@dataclass(frozen=True, slots=True)
class Paths(States):
    """See `domain.walk.Path`; `next_…` are the backward walk's."""

    consistent: Bools
    in_chain: Bools
    chain_from_us: Ints
    chain_to_us: Ints
    bound_us: Ints
    next_from_us: Ints
    next_to_us: Ints
    next_derives: Bools
    ordered: Bools
    sure_from_us: Ints
    sure_to_us: Ints
    sure_bound_us: Ints

    @classmethod
    def starting(cls, items: Ints, labels: Ints, *, forward: bool) -> "Paths":
        """Paths of no link yet."""
        n = len(items)
        return cls(
            items,
            labels,
            np.ones(n, dtype=np.bool_),
            np.zeros(n, dtype=np.bool_),
            _all(n, NEVER_US),
            _all(n, ALWAYS_US),
            _all(n, NEVER_US if forward else ALWAYS_US),
            _all(n, ALWAYS_US),
            _all(n, ALWAYS_US),
            np.zeros(n, dtype=np.bool_),
            np.ones(n, dtype=np.bool_),
            _all(n, NEVER_US),
            _all(n, ALWAYS_US),
            _all(n, NEVER_US if forward else ALWAYS_US),
        )


def concatenated(tables: list[S]) -> S:
    """All rows of several tables, in order."""
    if len(tables) == 1:
        return tables[0]
    return type(tables[0])(*map(np.concatenate, zip(*(t.columns() for t in tables), strict=True)))


def extended(paths: Paths, links: LinkColumns, *, forward: bool, at_us: int | None) -> tuple[Paths, Bools]:
    """Each path with the link of the same row at its end (before its beginning, backward), and whether the mode walks
    it. `at_us`: as maintained then; None: ever.
    """
    step = _forward if forward else _backward
    labels = np.where(links.reasons > 0, (paths.labels & ~CERTAIN_BIT) | links.reasons, paths.labels)
    ahead = links.target if forward else links.source
    return step(replace(paths, item=ahead, labels=labels), links, at_us=at_us)


def _forward(paths: Paths, links: LinkColumns, *, at_us: int | None) -> tuple[Paths, Bools]:
    interval = (links.relation == PART_OF) | (links.relation == CONTAINED_IN)
    plain = links.relation >= IDENTIFIED_AS
    derives = links.relation == DERIVATION
    walked = np.ones(len(paths), dtype=np.bool_)
    # a chain goes on, or begins
    first, end = np.maximum(paths.chain_from_us, links.first_us), np.minimum(paths.chain_to_us, links.end_us)
    chain_holds = paths.consistent & (np.maximum(first, paths.bound_us) < end)
    chain_bound = np.where(chain_holds & (paths.bound_us > first), paths.bound_us, NEVER_US)
    there_us = np.maximum(paths.sure_bound_us, paths.sure_from_us)
    chain_ordered = paths.ordered & (there_us < links.sure_end_us) & (links.sure_first_us < paths.sure_to_us)
    sure_from = np.maximum(paths.sure_from_us, links.sure_first_us)
    # an instant leaves it
    earliest = np.maximum(paths.bound_us, paths.chain_from_us)
    leaves = paths.consistent & ~links.against & (earliest <= links.leave_until_us)
    touched = paths.in_chain & derives & (paths.chain_to_us <= links.leave_us)
    gone = paths.in_chain & ~touched & (paths.sure_to_us <= links.leave_until_us)
    if at_us is None:
        gone &= derives
    else:
        walked &= ~interval | ((first < end) & (links.first_us <= at_us))
        together = (paths.chain_from_us <= links.leave_until_us) & (links.leave_us < paths.chain_to_us)
        walked &= interval | plain | ((links.leave_us <= at_us) & (~paths.in_chain | together))
    leaves_ordered = paths.ordered & ~gone & (there_us <= links.leave_us)
    consistent = np.where(plain, paths.consistent, np.where(interval, chain_holds, leaves))
    ordered = consistent & np.where(plain, paths.ordered, np.where(interval, chain_ordered, leaves_ordered))
    labels = np.where(~interval & ~plain & touched, (paths.labels & ~CERTAIN_BIT) | _TOUCHED, paths.labels)
    labels = np.where(~plain & ~consistent, (labels & ~CERTAIN_BIT) | _AGAINST, labels)
    reach = np.where(leaves, links.reach_us, NEVER_US)
    chain_sure = np.where(paths.sure_bound_us > sure_from, paths.sure_bound_us, NEVER_US)
    found = replace(
        paths,
        consistent=consistent,
        in_chain=np.where(plain, paths.in_chain, interval),
        chain_from_us=np.where(plain, paths.chain_from_us, np.where(interval, first, NEVER_US)),
        chain_to_us=np.where(plain, paths.chain_to_us, np.where(interval, end, ALWAYS_US)),
        bound_us=np.where(plain, paths.bound_us, np.where(interval, chain_bound, reach)),
        ordered=ordered,
        sure_from_us=np.where(plain, paths.sure_from_us, np.where(interval, sure_from, NEVER_US)),
        sure_to_us=np.where(
            plain,
            paths.sure_to_us,
            np.where(interval, np.minimum(paths.sure_to_us, links.sure_end_us), ALWAYS_US),
        ),
        sure_bound_us=np.where(plain, paths.sure_bound_us, np.where(interval, chain_sure, _sure_reach_us(links))),
        labels=labels,
    )
    return _in_order(found, NEVER_US), walked


def _backward(paths: Paths, links: LinkColumns, *, at_us: int | None) -> tuple[Paths, Bools]:
    interval = (links.relation == PART_OF) | (links.relation == CONTAINED_IN)
    plain = links.relation >= IDENTIFIED_AS
    kept = interval | plain
    walked = np.ones(len(paths), dtype=np.bool_)
    paths = _where(kept, paths, closed(paths))
    first, end = np.maximum(paths.chain_from_us, links.first_us), np.minimum(paths.chain_to_us, links.end_us)
    bound = np.minimum(np.minimum(paths.bound_us, paths.next_to_us), end - 1)
    chain_holds = paths.consistent & (first < end) & (first <= bound)
    chain_ordered = paths.ordered & (paths.sure_from_us < links.sure_end_us)
    chain_ordered &= (links.sure_first_us < paths.sure_to_us) & (links.sure_first_us <= paths.next_from_us)
    arrives = paths.consistent & ~links.against & (links.reach_us <= paths.bound_us)
    arrives_ordered = paths.ordered & (_sure_reach_us(links) <= paths.sure_bound_us)
    if at_us is not None:
        ends_path = paths.next_to_us == ALWAYS_US
        hold_from = np.where(ends_path, at_us, paths.next_from_us)
        hold_to = np.where(ends_path, at_us, paths.next_to_us)
        holds = (first < end) & (links.first_us <= at_us) & (first <= hold_to) & (hold_from < end)
        walked &= np.where(interval, holds, plain | (links.leave_us <= at_us))
        chain_ordered &= (links.sure_first_us <= hold_from) & (hold_to < links.sure_end_us)
    consistent = np.where(plain, paths.consistent, np.where(interval, chain_holds, arrives))
    ordered = consistent & np.where(plain, paths.ordered, np.where(interval, chain_ordered, arrives_ordered))
    labels = np.where(~plain & ~consistent, (paths.labels & ~CERTAIN_BIT) | _AGAINST, paths.labels)
    bound = np.where(consistent, np.where(interval, bound, links.leave_until_us), ALWAYS_US)
    chain_sure = np.minimum(np.minimum(paths.sure_bound_us, paths.next_from_us), links.sure_end_us - 1)
    sure_to = np.where(interval, np.minimum(paths.sure_to_us, links.sure_end_us), ALWAYS_US)
    found = replace(
        paths,
        consistent=consistent,
        in_chain=np.where(plain, paths.in_chain, interval),
        chain_from_us=np.where(plain, paths.chain_from_us, np.where(interval, first, NEVER_US)),
        chain_to_us=np.where(plain, paths.chain_to_us, np.where(interval, end, ALWAYS_US)),
        bound_us=np.where(plain, paths.bound_us, bound),
        next_from_us=np.where(kept, paths.next_from_us, links.leave_us),
        next_to_us=np.where(kept, paths.next_to_us, links.leave_until_us),
        next_derives=np.where(kept, paths.next_derives, links.relation == DERIVATION),
        ordered=ordered,
        sure_from_us=np.where(
            plain,
            paths.sure_from_us,
            np.where(interval, np.maximum(paths.sure_from_us, links.sure_first_us), NEVER_US),
        ),
        sure_to_us=np.where(plain, paths.sure_to_us, sure_to),
        sure_bound_us=np.where(plain, paths.sure_bound_us, np.where(interval, chain_sure, links.leave_us)),
        labels=labels,
    )
    return _in_order(found, ALWAYS_US), walked


def _sure_reach_us(links: LinkColumns) -> Ints:
    return np.maximum(links.reach_us, links.reach_until_us)


def _in_order(paths: Paths, bound_us: int) -> Paths:
    """What is sure of paths that are not surely in order is not looked at any more."""
    return replace(
        paths,
        sure_from_us=np.where(paths.ordered, paths.sure_from_us, NEVER_US),
        sure_to_us=np.where(paths.ordered, paths.sure_to_us, ALWAYS_US),
        sure_bound_us=np.where(paths.ordered, paths.sure_bound_us, bound_us),
    )


def _where(chosen: Bools, these: Paths, those: Paths) -> Paths:
    return Paths(*(np.where(chosen, *both) for both in zip(these.columns(), those.columns(), strict=True)))


def closed(paths: Paths) -> Paths:
    """Backward: once the chain at the beginning is complete: a derivation after its end only touched it."""
    follows = paths.in_chain & paths.next_derives
    touched = follows & (paths.chain_to_us <= paths.next_from_us)
    gone = follows & ~touched & (paths.sure_to_us <= paths.next_to_us)
    labels = np.where(touched, (paths.labels & ~CERTAIN_BIT) | _TOUCHED, paths.labels)
    return _in_order(replace(paths, labels=labels, ordered=paths.ordered & ~gone), ALWAYS_US)


def held_at(paths: Paths, at_us: int | None) -> Paths:
    """Forward, as maintained then (None: ever): the paths whose last chain may have held, and whether it surely did."""
    if at_us is None:
        return paths
    sure = ~paths.in_chain | ((paths.sure_from_us <= at_us) & (at_us < paths.sure_to_us))
    return replace(paths, ordered=paths.ordered & sure)


def at_birth(paths: Paths, born_us: Ints) -> Paths:
    """Forward, by item: what went into it until it had come forth is in it from the beginning (`domain.walk.born`)."""
    early = ~paths.in_chain & paths.ordered & (paths.bound_us < paths.sure_bound_us) & (paths.sure_bound_us <= born_us)
    return replace(paths, sure_bound_us=np.where(early, paths.bound_us, paths.sure_bound_us))


def of_birth(links: LinkColumns, born_us: Ints) -> LinkColumns:
    """Backward, by target: the same of links."""
    early = _sure_reach_us(links) <= born_us
    return replace(links, reach_until_us=np.where(early, NEVER_US, links.reach_until_us))


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


def _all(count: int, value: int) -> Ints:
    return np.full(count, value, dtype=np.int64)
