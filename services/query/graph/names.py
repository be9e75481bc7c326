"""Numbers of the views as names and back: ids of items and events, and what a link tells beside its columns."""

import asyncpg
import numpy as np

from domain.ids import ItemId
from domain.links import ALWAYS_US, Link, Relation
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.links import REASONS, RELATIONS, LinkColumns, bit_of
from services.query.graph.newer import Changed

_IDS = "SELECT item_no, uri FROM views.items WHERE item_no = ANY ($1)"
_NUMBERS = "SELECT item_no, uri FROM views.items WHERE tenant_id = $1 AND uri = ANY ($2)"
_EVENT_IDS = """
SELECT e.event_no, k.event_id FROM views.events e JOIN views.event_keys k USING (key_no) WHERE e.event_no = ANY ($1)
"""
_QUANTITIES = """
SELECT event_no, item_no, role, quantity, uom, basis FROM views.event_items
WHERE event_no = ANY ($1) AND role IN (1, 6)
"""
_CHUNK = 20_000


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
        return np.array([self._index_of[i] for i in ids], dtype=np.int64)

    def _position(self, number: int) -> int:
        if number not in self._later:
            self._later[number] = self.count
            self._later_nos.append(number)
        return self._later[number]

    def _keep(self, index: int, item: ItemId) -> None:
        self._id_of[index] = item
        self._index_of[item] = index

    async def links(self, links: LinkColumns, told: list[Link]) -> list[Link]:
        """Each row as the domain's link."""
        events = self._graph.events
        used = np.unique(links.event[links.event >= 0])
        event_ids: dict[int, str] = {}
        quantities: dict[tuple[int, int, int], tuple[object, ...]] = {}
        numbers = events.no[used].tolist()
        for start in range(0, len(numbers), _CHUNK):
            some = numbers[start : start + _CHUNK]
            event_ids |= {r[0]: r[1] for r in await self._connection.fetch(_EVENT_IDS, some)}
            for no, item, role, *rest in await self._connection.fetch(_QUANTITIES, some):
                quantities[(no, item, role)] = tuple(rest)
        sources, targets = await self.ids(links.source), await self.ids(links.target)
        found = []
        for row in range(len(links)):
            if links.told[row] >= 0:
                found.append(told[links.told[row]])
                continue
            no = int(events.no[links.event[row]])
            quantity, uom, basis = None, None, None
            relation = RELATIONS[links.relation[row]]
            if links.mention[row] >= 0:
                item_no = int(self._graph.item_nos[links.source[row]])
                role = 1 if relation == "derivation" else 6
                quantity, uom, basis = quantities[(no, item_no, role)]
            found.append(_link(links, row, sources[row], targets[row], event_ids[no], (quantity, uom, basis)))  # type: ignore[arg-type]
        return found


def _link(links: LinkColumns, row: int, source: ItemId, target: ItemId, event_id: str, told: tuple) -> Link:  # type: ignore[type-arg] # noqa: PLR0917
    quantity, uom, basis = told
    relation = Relation(RELATIONS[links.relation[row]])
    until = int(links.until_us[row])
    bits = int(links.reasons[row])
    return Link(
        relation=relation,
        source=source,
        target=target,
        event_id=event_id,
        since_us=int(links.since_us[row]),
        until_us=None if until == ALWAYS_US else until,
        leave_us=int(links.leave_us[row]),
        leave_until_us=int(links.leave_until_us[row]),
        reach_us=int(links.reach_us[row]),
        against_time=bool(links.against[row]),
        quantity=quantity,
        uom=uom,
        basis=basis if relation is Relation.DERIVATION else None,
        reasons=frozenset(r for r in REASONS if bits & bit_of(r)),
    )
