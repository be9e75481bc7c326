"""What events exposed, by columns: of those that a graph knows, and that nothing makes doubtful."""

from collections.abc import Sequence

import numpy as np

from domain.exposure import INSPECTED, RECEIVED, Circumstance, Seed
from domain.facts import Flow, Role
from domain.ids import ItemId
from services.query.graph.groups import Bools, Ints, positions
from services.query.graph.keeper import Known


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
        others = [no for no, is_known in zip(numbers, known.tolist(), strict=True) if not is_known]
        if self._touched:
            fresh = np.array([no not in self._touched for no in numbers], dtype=np.bool_)
            others += [no for no, told in zip(numbers, (known & ~fresh).tolist(), strict=True) if told]
            known &= fresh
        return rows[known], others

    def exposed_any(self, events: Ints) -> bool:
        """Whether one of these events exposed something."""
        return len(self._mentions(events)) > 0

    def seeds(self, events: Ints, *, reasons: frozenset[str] = frozenset()) -> list[Seed]:
        """What these events exposed, and why only possibly."""
        graph, rows = self._graph, self._mentions(events)
        columns = (
            graph.names.some(graph.mentions.item[rows]),
            graph.events.latest_us[graph.mentions.event[rows]].tolist(),
            (graph.mentions.role[rows] == Role.SUBJECT).tolist(),
        )
        return [Seed(ItemId(i), at_us, reasons, subject) for i, at_us, subject in zip(*columns, strict=True)]

    def _mentions(self, events: Ints) -> Ints:
        _, rows = self._graph.by_event.expand(events)
        return rows[self._exposed(rows)]

    def _exposed(self, rows: Ints) -> Bools:
        role, flow = self._graph.mentions.role[rows], self._graph.mentions.flow[rows]
        subject = role == Role.SUBJECT
        made = (role == Role.OUTPUT) | (role == Role.WHOLE)
        if self._circumstance.parameter is not None:
            return np.asarray(made | subject)
        if {name for name, _ in self._circumstance.dimensions} & (RECEIVED | INSPECTED):
            return np.asarray(subject)
        return np.asarray(made | (subject & (flow == Flow.ENTER)))
