"""Members of a set that an evaluation finds as they were, told by columns: none of them is made an object."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.cases.acts import Stood
from domain.cases.sets import CERTAIN
from services.query.evaluation import Evaluation
from services.query.graph.answer import OverGraph
from services.query.graph.groups import Bools, Ints, positions
from services.query.graph.links import CERTAIN_BIT, bit_of


@dataclass(frozen=True, slots=True)
class Present:
    """The set as it was found last: numbers of items, and the code of how each stood in it."""

    numbers: Ints
    codes: Ints
    stood: Sequence[Stood]


def sieve_of(found: Evaluation, present: Present) -> "Sieve":
    """For an evaluation that was walked over columns."""
    assert found.sieved is not None
    return Sieve(found.sieved.over, present, whole=not found.incomplete)


class Sieve:
    """Asked for the rows of a walk's nodes, it holds back what is as it was. `told`: how those stood that it lets by.

    `unknown` are numbers of items that the graph does not know by their number: they are told apart by their ids.
    `whole` false: of a walk cut short only what has become certain is let by.
    """

    def __init__(self, over: OverGraph, present: Present, *, whole: bool) -> None:
        self._over, self._present, self._whole = over, present, whole
        at = over.graph.numbers.items(present.numbers)
        self.unknown = present.numbers[at < 0]
        known = np.flatnonzero(at >= 0)
        self._rows = known[np.argsort(at[known], kind="stable")]
        self._items = at[self._rows]
        self._seen = np.zeros(len(self._rows), dtype=np.bool_)
        self._level = np.array([s.level for s in present.stood] or [0], dtype=np.int64)
        self._certain = np.array([s.certainty == CERTAIN for s in present.stood] or [False], dtype=np.bool_)
        self._verdict = np.array([_verdict(s) for s in present.stood] or [0], dtype=np.int64)
        self.told: dict[str, Stood] = {}
        starts = over.names.indexes(over.trace.items)
        self._tell(starts, positions(self._items, starts))

    def __call__(self, rows: Ints) -> Bools:
        """Which of these nodes are members that are in as they were."""
        nodes = self._over.nodes
        items, verdict = nodes.walked.nodes[rows], nodes.verdict(rows)
        place = positions(self._items, items)
        there = place >= 0
        if not there.any():
            return there
        code = self._present.codes[self._rows[place]]
        certain, was_certain = verdict == CERTAIN_BIT, self._certain[code]
        if self._whole:
            reasons = self._verdict[code]
            alike = (nodes.level[rows] == self._level[code]) & (certain == was_certain)
            alike &= (reasons < 0) | (verdict == reasons)
        else:
            alike = ~certain | was_certain
        self._seen[place[there]] = True
        differs = there & ~alike
        self._tell(items[differs], place[differs])
        held: Bools = there & alike
        return held

    def _tell(self, items: Ints, place: Ints) -> None:
        there = place >= 0
        self._seen[place[there]] = True
        codes = self._present.codes[self._rows[place[there]]].tolist()
        for uri, code in zip(self._over.names.texts(items[there]), codes, strict=True):
            self.told[uri] = self._present.stood[code]

    @property
    def missing(self) -> Ints:
        """Numbers of the members that no node was asked about."""
        return self._present.numbers[self._rows[~self._seen]]


def _verdict(stood: Stood) -> int:
    """Certainty and reasons as a walk has them (`graph.nodes.Nodes.verdict`); -1 where the reasons are not known."""
    if stood.certainty == CERTAIN:
        return CERTAIN_BIT
    return -1 if stood.reasons is None else sum(bit_of(reason) for reason in stood.reasons)
