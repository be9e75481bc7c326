"""The items of an answer that count, as a collection that is asked for ids and never listed."""

from collections.abc import Container
from dataclasses import dataclass

import numpy as np

from domain.ids import ItemId
from services.query.graph.answer import OverGraph
from services.query.graph.groups import Bools


@dataclass(frozen=True, slots=True)
class Affected(Container[ItemId]):
    """The items that count, asked by their ids. `counts` is by row of the nodes."""

    over: OverGraph
    counts: Bools

    def __contains__(self, item: object) -> bool:
        at = int(self.over.names.indexes([str(item)])[0])
        rows = self.over.nodes.walked.nodes
        row = int(np.searchsorted(rows, at))
        return row < len(rows) and bool(rows[row] == at) and bool(self.counts[row])
