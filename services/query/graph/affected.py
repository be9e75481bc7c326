"""The members of a set that count, as a collection that is asked for ids and never listed."""

from collections.abc import Container, Sequence

import numpy as np

from domain.ids import ItemId
from services.query.graph.answer import OverGraph


class AffectedMembers(Container[ItemId]):
    """What a walk began with and what it reached, of several names of one thing the first. `flags` is by position."""

    def __init__(self, over: OverGraph) -> None:
        self._over = over
        starts = over.names.indexes(over.trace.items)
        nodes = over.nodes.walked.nodes[over.counts()]
        self.flags = np.zeros(over.names.count, dtype=np.bool_)
        self.flags[np.concatenate([starts[over.starts_counted()], nodes])] = True

    def __contains__(self, item: object) -> bool:
        return self.positions([str(item)])[0] >= 0

    def positions(self, items: Sequence[str]) -> list[int]:
        """The position of each item; -1 of those that do not count."""
        at = self._over.names.indexes(items)
        known = np.minimum(at, len(self.flags) - 1)
        found: list[int] = np.where((at == known) & self.flags[known], at, -1).tolist()
        return found
