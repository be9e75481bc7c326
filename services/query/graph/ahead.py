"""Paths forward, without a date: `domain/walk.py`, step for step, for all paths of a level at once.

Without a date nothing asks for the two halves of what a path must keep: only the later of its chain's beginning and its
bound counts, `early_us`, and `sure_us` likewise. Chains that have an end are few: the ends are told by a number.
"""

from dataclasses import dataclass

import numpy as np

from domain.links import ALWAYS_US, NEVER_US
from services.query.graph.groups import Bools, Ints, in_order
from services.query.graph.links import CERTAIN_BIT, REASONS, bit_of
from services.query.graph.sparse import zeros
from services.turns import give_way

_AGAINST, _TOUCHED = bit_of("against_time"), bit_of("touched")
LABELS = (2 << len(REASONS)) - 1
CONSISTENT, ORDERED, IN_CHAIN = (1 << (len(REASONS) + 1 + n) for n in range(3))
_ENDS = 32
"""Bits above this are the number of a chain's ends; 0: it has none."""
START = CERTAIN_BIT | CONSISTENT | ORDERED
ROOM = 10_000
"""So many items may come up in a walk until what is kept by item must be copied."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """One path a row. `marks` are its labels, whether it is consistent, surely in order, in a chain; and its ends."""

    item: Ints
    early_us: Ints
    sure_us: Ints
    marks: Ints

    def __len__(self) -> int:
        return len(self.item)

    def take(self, rows: Ints | Bools | slice) -> "Ahead":
        return Ahead(self.item[rows], self.early_us[rows], self.sure_us[rows], self.marks[rows])

    def to(self, item: Ints) -> "Ahead":
        """The same paths, ending in these items."""
        return Ahead(item, self.early_us, self.sure_us, self.marks)

    @classmethod
    def starting(cls, items: Ints, labels: Ints) -> "Ahead":
        """Paths of no link yet."""
        never = np.full(len(items), NEVER_US, dtype=np.int64)
        return cls(items.astype(np.int64), never, never, labels.astype(np.int64) | CONSISTENT | ORDERED)


def together(tables: list[Ahead]) -> Ahead:
    """All rows of several tables."""
    if len(tables) == 1:
        return tables[0]
    return Ahead(
        np.concatenate([t.item for t in tables]),
        np.concatenate([t.early_us for t in tables]),
        np.concatenate([t.sure_us for t in tables]),
        np.concatenate([t.marks for t in tables]),
    )


class Ends:
    """When chains end, and by when surely, by number."""

    def __init__(self) -> None:
        self._until_us, self._sure_us = [ALWAYS_US], [ALWAYS_US]
        self._numbers = {(ALWAYS_US, ALWAYS_US): 0}

    def of(self, marks: Ints) -> tuple[Ints, Ints] | None:
        """(end, sure end) of each path; None where none has one."""
        numbers = marks >> _ENDS
        if not numbers.any():
            return None
        return np.array(self._until_us, dtype=np.int64)[numbers], np.array(self._sure_us, dtype=np.int64)[numbers]

    def marks(self, until_us: Ints, sure_until_us: Ints) -> Ints:
        """What to add to the marks of paths with these ends."""
        found = np.zeros(len(until_us), dtype=np.int64)
        rows = np.flatnonzero((until_us != ALWAYS_US) | (sure_until_us != ALWAYS_US))
        pairs = list(zip(until_us[rows].tolist(), sure_until_us[rows].tolist(), strict=True))
        for row, pair in zip(rows.tolist(), pairs, strict=True):
            number = self._numbers.setdefault(pair, len(self._until_us))
            if number == len(self._until_us):
                self._until_us.append(pair[0])
                self._sure_us.append(pair[1])
            found[row] = number << _ENDS
        return found


@dataclass(frozen=True, slots=True)
class Leaving:
    """Instants of links that leave their item at an instant: derivations and memberships. `reasons` None: none."""

    leave_us: Ints
    leave_until_us: Ints
    reach_us: Ints
    sure_reach_us: Ints
    against: Bools | None
    reasons: Ints | None
    derives: Bools | bool


def left(paths: Ahead, to: Ints, by: Leaving, ends: Ends) -> Ahead:  # noqa: PLR0917
    """Each path with the link of the same row at its end."""
    leaves = (paths.marks & CONSISTENT > 0) & (paths.early_us <= by.leave_until_us)
    if by.against is not None:
        leaves &= ~by.against
    ordered = leaves & (paths.marks & ORDERED > 0) & (paths.sure_us <= by.leave_us)
    labels = _labelled(paths.marks & LABELS, by.reasons)
    ended = ends.of(paths.marks)
    if ended is not None:
        derived = (paths.marks & IN_CHAIN > 0) & by.derives
        touched = derived & (ended[0] <= by.leave_us)
        ordered &= ~(derived & ~touched & (ended[1] <= by.leave_until_us))
        labels = np.where(touched, (labels & ~CERTAIN_BIT) | _TOUCHED, labels)
    if leaves.all() and ordered.all():
        return Ahead(to, by.reach_us, by.sure_reach_us, labels | (CONSISTENT | ORDERED))
    labels = np.where(leaves, labels | CONSISTENT, (labels & ~CERTAIN_BIT) | _AGAINST)
    return Ahead(
        to,
        np.where(leaves, by.reach_us, NEVER_US),
        np.where(ordered, by.sure_reach_us, NEVER_US),
        labels | np.where(ordered, ORDERED, 0),
    )


@dataclass(frozen=True, slots=True)
class Holding:
    """Windows of links over an interval: parts. `reasons` None: none; without ends where no link has one."""

    first_us: Ints
    sure_first_us: Ints
    end_us: Ints | None = None
    sure_end_us: Ints | None = None
    reasons: Ints | None = None


def held(paths: Ahead, to: Ints, by: Holding, ends: Ends) -> Ahead:  # noqa: PLR0917
    """As `left`: a chain goes on, or begins."""
    early = np.maximum(paths.early_us, by.first_us)
    sure = np.maximum(paths.sure_us, by.sure_first_us)
    holds, ordered = paths.marks & CONSISTENT > 0, paths.marks & ORDERED > 0
    labels = _labelled(paths.marks & LABELS, by.reasons)
    ended, number = ends.of(paths.marks), np.zeros(1, dtype=np.int64)
    if ended is not None or by.end_us is not None:
        until, sure_until = ended if ended is not None else (_always(paths), _always(paths))
        sure_end = by.sure_end_us if by.sure_end_us is not None else _always(paths)
        ordered &= (paths.sure_us < sure_end) & (by.sure_first_us < sure_until)
        until = until if by.end_us is None else np.minimum(until, by.end_us)
        holds &= early < until
        ordered &= holds
        sure_until = np.where(ordered, np.minimum(sure_until, sure_end), ALWAYS_US)
        number = ends.marks(until, sure_until)
    if holds.all() and ordered.all():
        return Ahead(to, early, sure, labels | (CONSISTENT | ORDERED | IN_CHAIN) | number)
    labels = np.where(holds, labels | CONSISTENT, (labels & ~CERTAIN_BIT) | _AGAINST)
    return Ahead(
        to,
        np.where(holds, early, NEVER_US),
        np.where(ordered, sure, NEVER_US),
        labels | np.where(ordered, ORDERED | IN_CHAIN, IN_CHAIN) | number,
    )


def named(paths: Ahead, to: Ints, reasons: Ints | None) -> Ahead:
    """As `left`: another name, which changes nothing but what is said of it."""
    labels = _labelled(paths.marks & LABELS, reasons)
    return Ahead(to, paths.early_us, paths.sure_us, (paths.marks & ~LABELS) | labels)


def at_birth(paths: Ahead, born_us: Ints) -> Ahead:
    """What went into an item until it had come forth is in it from the beginning (`domain.walk.born`)."""
    early = (paths.early_us < paths.sure_us) & (paths.sure_us <= born_us)
    if not early.any():
        return paths
    early &= paths.marks & (ORDERED | IN_CHAIN) == ORDERED
    return Ahead(paths.item, paths.early_us, np.where(early, paths.early_us, paths.sure_us), paths.marks)


def _labelled(labels: Ints, reasons: Ints | None) -> Ints:
    if reasons is None:
        return labels
    return np.where(reasons > 0, (labels & ~CERTAIN_BIT) | reasons, labels)


def _always(paths: Ahead) -> Ints:
    return np.full(len(paths), ALWAYS_US, dtype=np.int64)


class Reached:
    """All paths so far, by item, and after how many hops each came up."""

    def __init__(self, count: int) -> None:
        self._head = zeros(count + ROOM, np.int32)
        """by item: one more than its newest row; 0: it has none"""
        self._rows = 0
        self._paths = Ahead(*(np.zeros(64, dtype=np.int64) for _ in range(4)))
        self._before = np.zeros(64, dtype=np.int32)
        """by row: an older one of the same item; -1: none"""
        self._depth = np.zeros(64, dtype=np.int16)
        self.items = 0
        """how many items they end in"""

    def take(self, paths: Ahead, depth: int) -> Ahead:
        """Add paths; those that say something new, by item, with the labels that are new."""
        if not len(paths):
            return paths
        give_way()
        paths = _once(paths)
        give_way()
        self._reach_out(int(paths.item[-1]) + 1)
        head = self._head[paths.item] - 1
        known = np.flatnonzero(head >= 0)
        if not len(known):
            self._add(paths, head, depth)
            return paths
        marks, found = paths.marks.copy(), np.zeros(len(paths), dtype=np.bool_)
        at, mine = head[known], self._paths
        while len(known):
            alike = (mine.early_us[at] == paths.early_us[known]) & (mine.sure_us[at] == paths.sure_us[known])
            alike &= (mine.marks[at] ^ paths.marks[known]) & ~LABELS == 0
            rows, hit = known[alike], at[alike]
            found[rows] = True
            marks[rows] &= ~(mine.marks[hit] & LABELS)
            mine.marks[hit] |= paths.marks[rows]
            known, at = known[~alike], self._before[at[~alike]]
            known, at = known[at >= 0], at[at >= 0]
        self._add(paths.take(~found), head[~found], depth)
        fresh = marks & LABELS > 0
        return Ahead(paths.item, paths.early_us, paths.sure_us, marks).take(fresh)

    def _add(self, paths: Ahead, head: Ints, depth: int) -> None:
        """Rows by item: of one item each points to the one before it."""
        begin, end = self._rows, self._rows + len(paths)
        self._make_room(end)
        mine = self._paths
        mine.item[begin:end], mine.marks[begin:end] = paths.item, paths.marks
        mine.early_us[begin:end], mine.sure_us[begin:end] = paths.early_us, paths.sure_us
        self._depth[begin:end] = depth
        self._rows = end
        again = np.zeros(len(paths), dtype=np.bool_)
        again[1:] = paths.item[1:] == paths.item[:-1]
        numbers = np.arange(begin, end, dtype=np.int32)
        if not again.any():
            self._before[begin:end] = head
            self._head[paths.item] = numbers + 1
            self.items += int(np.count_nonzero(head < 0))
            return
        self._before[begin:end] = np.where(again, numbers - 1, head)
        last = np.ones(len(paths), dtype=np.bool_)
        last[:-1] = ~again[1:]
        self._head[paths.item[last]] = numbers[last] + 1
        self.items += int(np.count_nonzero(~again & (head < 0)))

    def _make_room(self, rows: int) -> None:
        if rows > len(self._before):
            more = max(rows, 2 * len(self._before)) - len(self._before)
            room = np.zeros(more, dtype=np.int64)
            self._paths = Ahead(*(np.concatenate([c, room]) for c in _columns(self._paths)))
            self._before = np.concatenate([self._before, room.astype(np.int32)])
            self._depth = np.concatenate([self._depth, room.astype(np.int16)])

    def _reach_out(self, count: int) -> None:
        """Items that came up since."""
        more = count - len(self._head)
        if more > 0:
            self._head = np.concatenate([self._head, np.zeros(more + ROOM, dtype=np.int32)])

    def by_item(self, but: Ints) -> tuple[Ints, Ints, Ints]:
        """(item, marks, depth) of each path, by item and then as they came up; but for some items."""
        item, marks, depth = self._paths.item[: self._rows], self._paths.marks[: self._rows], self._depth[: self._rows]
        order = in_order(item)
        give_way()
        item, marks, depth = item[order], marks[order], depth[order]
        if len(but) < len(item):
            kept = np.ones(len(item), dtype=np.bool_)
            for first, end in zip(np.searchsorted(item, but), np.searchsorted(item, but, side="right"), strict=True):
                kept[first:end] = False
        else:
            kept = ~np.isin(item, but)
        return item[kept], marks[kept], depth[kept]


def _columns(paths: Ahead) -> tuple[Ints, ...]:
    return paths.item, paths.early_us, paths.sure_us, paths.marks


def _once(paths: Ahead) -> Ahead:
    """Paths by item; those that agree in all but labels are one."""
    item = paths.item
    if (item[1:] > item[:-1]).all():
        return paths
    paths = paths.take(in_order(item))
    again = paths.item[1:] == paths.item[:-1]
    if not again.any():
        return paths
    differs = _differs(paths)
    if (differs & again).any():
        paths = paths.take(np.lexsort((paths.marks & ~LABELS, paths.sure_us, paths.early_us, paths.item)))
        differs = _differs(paths)
    first = np.flatnonzero(np.concatenate(([True], differs)))
    if len(first) == len(paths):
        return paths
    marks = np.bitwise_or.reduceat(paths.marks, first)
    once = paths.take(first)
    return Ahead(once.item, once.early_us, once.sure_us, marks)


def _differs(paths: Ahead) -> Bools:
    """Whether each row is of another item, or in another state, than the one before it."""
    found = paths.item[1:] != paths.item[:-1]
    found |= paths.early_us[1:] != paths.early_us[:-1]
    found |= paths.sure_us[1:] != paths.sure_us[:-1]
    found |= (paths.marks[1:] ^ paths.marks[:-1]) & ~LABELS != 0
    return np.asarray(found)
