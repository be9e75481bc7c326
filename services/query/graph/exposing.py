"""What events exposed, by columns: of those that a graph knows, and that nothing makes doubtful."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np

from domain.exposure import INSPECTED, RECEIVED, Circumstance, Seed
from domain.facts import Flow, Role
from domain.ids import ItemId
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints, positions
from services.query.graph.keeper import Known
from services.query.graph.links import CERTAIN_BIT, REASONS, bit_of, bits_of

_SURE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ExposedRows:
    """Seeds whose items a graph knows, one a row. `label`: bits of the reasons, or that it is certain."""

    item: Ints
    at_us: Ints
    subject: Bools
    label: Ints

    def __len__(self) -> int:
        return len(self.item)

    @classmethod
    def none(cls) -> "ExposedRows":
        nothing = np.zeros(0, dtype=np.int64)
        return cls(nothing, nothing, np.zeros(0, dtype=np.bool_), nothing)

    def take(self, rows: Bools) -> "ExposedRows":
        return ExposedRows(self.item[rows], self.at_us[rows], self.subject[rows], self.label[rows])

    def and_these(self, more: "ExposedRows") -> "ExposedRows":
        """Both, one after the other."""
        if not len(more):
            return self
        columns = zip(_columns(self), _columns(more), strict=True)
        return ExposedRows(*(np.concatenate(both) for both in columns))

    def seeds(self, graph: Graph) -> list[Seed]:
        """The same one by one."""
        columns = (graph.names.some(self.item), *(column.tolist() for column in _columns(self)[1:]))
        return [
            Seed(ItemId(i), at_us, _reasons(label), subject) for i, at_us, subject, label in zip(*columns, strict=True)
        ]


def _columns(rows: ExposedRows) -> tuple[Ints, Ints, Bools, Ints]:
    return rows.item, rows.at_us, rows.subject, rows.label


def _reasons(label: int) -> frozenset[str]:
    return _SURE if label == CERTAIN_BIT else frozenset(r for r in REASONS if label & bit_of(r))


@dataclass(frozen=True, eq=False)
class Exposed(Sequence[Seed]):
    """Seeds: those that a graph tells, and others. Who walks over that graph needs no more of them than their rows."""

    graph: Graph
    rows: ExposedRows
    others: Sequence[Seed]

    @cached_property
    def _all(self) -> list[Seed]:
        return [*self.rows.seeds(self.graph), *self.others]

    def __len__(self) -> int:
        return len(self.rows) + len(self.others)

    def __iter__(self) -> Iterator[Seed]:
        return iter(self._all)

    @overload
    def __getitem__(self, index: int) -> Seed: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Seed]: ...
    def __getitem__(self, index: int | slice) -> Seed | Sequence[Seed]:
        return self._all[index]


class Exposing:
    """The items that events exposed, as `domain.exposure.exposed_items` tells them. All that is known counts.

    What a void or a rival touches, and what is newer than the graph, is for the record to tell.
    """

    def __init__(self, known: Known, circumstance: Circumstance) -> None:
        self._graph, self._touched = known.graph, known.changed.touched
        self._circumstance = circumstance

    def told(self, numbers: Sequence[int]) -> tuple[Ints, list[int]]:
        """(events of the graph that it tells by itself; the numbers of the others)."""
        rows = positions(self._graph.events.nos, np.array(numbers, dtype=np.int64))
        by_event = self._graph.by_event
        # of what a void, a rival or its kind makes doubtful it keeps no mention
        known = (rows >= 0) & (by_event.start[rows + 1] > by_event.start[rows])
        if self._touched:
            known &= np.fromiter((no not in self._touched for no in numbers), dtype=np.bool_, count=len(numbers))
        return rows[known], [numbers[at] for at in np.flatnonzero(~known).tolist()]

    def rows(self, events: Ints, *, reasons: frozenset[str] = frozenset()) -> ExposedRows:
        """What these events exposed, and why only possibly."""
        if not len(events):
            return ExposedRows.none()
        mentions = self._graph.mentions
        _, rows = self._graph.by_event.expand(events)
        rows = rows[self._exposed(rows)]
        label = np.full(len(rows), bits_of(reasons) or CERTAIN_BIT, dtype=np.int64)
        at_us = self._graph.events.latest_us[mentions.event[rows]]
        return ExposedRows(mentions.item[rows].astype(np.int64), at_us, mentions.role[rows] == Role.SUBJECT, label)

    def _exposed(self, rows: Ints) -> Bools:
        role, flow = self._graph.mentions.role[rows], self._graph.mentions.flow[rows]
        subject = role == Role.SUBJECT
        made = (role == Role.OUTPUT) | (role == Role.WHOLE)
        if self._circumstance.parameter is not None:
            return np.asarray(made | subject)
        if {name for name, _ in self._circumstance.dimensions} & (RECEIVED | INSPECTED):
            return np.asarray(subject)
        return np.asarray(made | (subject & (flow == Flow.ENTER)))
