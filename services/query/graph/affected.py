"""The members of a set that count, as a collection that is asked for ids and never listed."""

from collections.abc import Container

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
        at = int(self._over.names.indexes([str(item)])[0])
        return at < len(self.flags) and bool(self.flags[at])
