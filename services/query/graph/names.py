"""Numbers of the views as names and back: ids of items and events, and what a link tells beside its columns."""

import asyncpg
import numpy as np

from domain.ids import ItemId
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.newer import Changed

_IDS = "SELECT item_no, uri FROM views.items WHERE item_no = ANY ($1)"
_NUMBERS = "SELECT item_no, uri FROM views.items WHERE tenant_id = $1 AND uri = ANY ($2)"
_CHUNK = 20_000
_NO_NUMBER = -1


class Names:
    """Names within one snapshot. Items that are newer than the graph get positions behind its own, and are odd."""

    def __init__(self, connection: asyncpg.Connection, tenant_id: int, graph: Graph, *, changed: Changed | None = None):
        self._connection, self._tenant_id, self._graph = connection, tenant_id, graph
        self._changed = changed
        self._later_nos: list[int] = []
        self._later: dict[int, int] = {}
        self._id_of: dict[int, ItemId] = {}
        self._index_of: dict[ItemId, int] = {}

    @property
    def count(self) -> int:
        return len(self._graph.item_nos) + len(self._later_nos)

    def odd(self, items: Ints) -> Bools:
        """Which of the items are for the domain to answer about."""
        base = len(self._graph.item_nos)
        inside = np.minimum(items, base - 1) if base else items
        odd = self._graph.odd if self._changed is None else self._graph.odd | self._changed.links
        return (items >= base) | odd[inside] if base else np.ones(len(items), dtype=np.bool_)

    def barred(self, items: Ints) -> bool:
        """Whether one of the items is for the domain from the beginning of the question."""
        base = self._graph.barred
        if base[items[items < len(base)]].any():
            return True
        newer = self._changed.barred if self._changed is not None else frozenset()
        return bool(newer) and not newer.isdisjoint(self.numbers(items).tolist())

    def numbers(self, items: Ints) -> Ints:
        nos = np.concatenate([self._graph.item_nos, np.array(self._later_nos, dtype=np.int64)])
        return nos[items]

    async def ids(self, items: Ints) -> list[ItemId]:
        """The id of each item."""
        unknown = [i for i in items.tolist() if i not in self._id_of]
        numbers = self.numbers(np.array(unknown, dtype=np.int64)).tolist()
        index = dict(zip(numbers, unknown, strict=True))
        for start in range(0, len(numbers), _CHUNK):
            for number, uri in await self._connection.fetch(_IDS, numbers[start : start + _CHUNK]):
                self._keep(index[number], ItemId(uri))
        return [self._id_of[i] for i in items.tolist()]

    async def indexes(self, ids: list[ItemId]) -> Ints:
        """The position of each item."""
        unknown = list({i for i in ids if i not in self._index_of})
        for start in range(0, len(unknown), _CHUNK):
            wanted = [str(i) for i in unknown[start : start + _CHUNK]]
            rows = await self._connection.fetch(_NUMBERS, self._tenant_id, wanted)
            positions = self._graph.index(np.array([r[0] for r in rows], dtype=np.int64)).tolist()
            for (number, uri), position in zip(rows, positions, strict=True):
                self._keep(position if position >= 0 else self._position(number), ItemId(uri))
            for item in unknown[start : start + _CHUNK]:
                if item not in self._index_of:  # only a range of serials names it: it has no number
                    self._keep(self.count, item)
                    self._later_nos.append(_NO_NUMBER)
        return np.array([self._index_of[i] for i in ids], dtype=np.int64)

    def _position(self, number: int) -> int:
        if number not in self._later:
            self._later[number] = self.count
            self._later_nos.append(number)
        return self._later[number]

    def _keep(self, index: int, item: ItemId) -> None:
        self._id_of[index] = item
        self._index_of[item] = index
