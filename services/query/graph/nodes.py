"""What a walk reached, as the domain's nodes: some at a time, in the order of answers."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import asyncpg
import numpy as np

from domain.answers import Node, node_of
from domain.ids import ItemId
from domain.links import ALWAYS_US, Link, Relation
from services.query.graph.graph import Graph
from services.query.graph.groups import Groups, Ints, picked
from services.query.graph.links import CERTAIN_BIT, DERIVATION, REASONS, RELATIONS, LinkColumns, bit_of
from services.query.graph.names import Names
from services.query.graph.tracing import Walked

_EVENTS = """
SELECT e.event_no, k.event_id FROM views.events e JOIN views.event_keys k USING (key_no) WHERE e.event_no = ANY ($1)
"""
_QUANTITIES = """
-- inputs and components of these events, of these items
SELECT x.event_no, x.item_no, x.role, x.quantity, x.uom, x.basis
FROM views.event_items x WHERE x.event_no = ANY ($1) AND x.item_no = ANY ($2) AND x.role IN (1, 6)
"""
_RELATION = tuple(Relation(word) for word in RELATIONS)
_INPUT, _COMPONENT = 1, 6

Told = tuple[Decimal | None, str | None, str | None]
"""quantity, unit of measure, basis"""


class Nodes:
    """The nodes of one walk, by (level, id)."""

    def __init__(self, connection: asyncpg.Connection, graph: Graph, *, names: Names, walked: Walked) -> None:
        self._connection, self._graph, self._names, self._walked = connection, graph, names, walked
        at = np.full(names.count, -1, dtype=np.int64)
        at[walked.nodes] = np.arange(len(walked.nodes))
        self._links = Groups.of(at[walked.arrived], len(walked.nodes))
        self.level = np.zeros(len(walked.nodes), dtype=np.int64)
        """by row, the hops of the shortest path"""
        hops, filled = walked.hops[self._links.order], self._links.counts() > 0
        if len(hops):
            self.level[filled] = np.minimum.reduceat(hops, self._links.start[:-1][filled])

    def __len__(self) -> int:
        return len(self._walked.nodes)

    async def ordered(self) -> Ints:
        """Rows of the nodes in the order of answers."""
        ids = np.array([str(i) for i in await self._names.ids(self._walked.nodes)], dtype=object)
        by_id = np.argsort(ids, kind="stable")
        return by_id[np.argsort(self.level[by_id], kind="stable")]

    async def some(self, rows: Ints) -> list[Node]:
        """The nodes at these rows."""
        walked = self._walked
        on, found = self._links.expand(rows)
        links = await self._told(walked.links.take(found))
        ids = await self._names.ids(walked.nodes[rows])
        came_ids = await self._names.ids(walked.came_from[found])
        hops = walked.hops[found].tolist()
        bounds = np.searchsorted(on, np.arange(len(rows) + 1)).tolist()
        labels, consistent = walked.labels[rows].tolist(), walked.consistent_labels[rows].tolist()
        nodes = []
        for row, (begin, end) in enumerate(pairwise(bounds)):
            mine: dict[Link, tuple[ItemId, int]] = {}
            for link, came_id, hop in zip(links[begin:end], came_ids[begin:end], hops[begin:end], strict=True):
                mine.setdefault(link, (came_id, hop))
            certainty, reasons = verdict(labels[row], consistent[row])
            nodes.append(node_of(ids[row], mine, certainty=certainty, reasons=reasons))
        return nodes

    async def _told(self, links: LinkColumns) -> list[Link]:
        """Each row as the domain's link."""
        graph, names = self._graph, self._names
        plain = links.event >= 0
        used, items = np.unique(links.event[plain]), np.unique(links.source[plain & (links.mention >= 0)])
        numbers, item_nos = graph.events.no[used].tolist(), graph.item_nos[items].tolist()
        event_id = dict(await self._connection.fetch(_EVENTS, numbers)) if numbers else {}
        told: dict[tuple[int, int, int], Told] = {}
        if item_nos:
            for no, item, role, quantity, uom, basis in await self._connection.fetch(_QUANTITIES, numbers, item_nos):
                told[(no, item, role)] = (quantity, uom, basis if role == _INPUT else None)
        sources, targets = await names.ids(links.source), await names.ids(links.target)
        event_nos = picked(graph.events.no, links.event).tolist()
        source_nos = picked(graph.item_nos, links.source).tolist()
        columns = (
            links.relation.tolist(),
            links.since_us.tolist(),
            links.until_us.tolist(),
            links.leave_us.tolist(),
            links.leave_until_us.tolist(),
            links.reach_us.tolist(),
            links.against.tolist(),
            links.reasons.tolist(),
            links.mention.tolist(),
            links.told.tolist(),
        )
        found: list[Link] = []
        for row, (relation, since, until, leave, leave_until, reach, against, reasons, mention, by_domain) in enumerate(
            zip(*columns, strict=True)
        ):
            if by_domain >= 0:
                found.append(self._walked.told[by_domain])
                continue
            no = event_nos[row]
            role = _INPUT if relation == DERIVATION else _COMPONENT
            quantity, uom, basis = told[(no, source_nos[row], role)] if mention >= 0 else (None, None, None)
            found.append(
                Link(
                    relation=_RELATION[relation],
                    source=sources[row],
                    target=targets[row],
                    event_id=event_id[no],
                    since_us=since,
                    until_us=None if until == ALWAYS_US else until,
                    leave_us=leave,
                    leave_until_us=leave_until,
                    reach_us=reach,
                    against_time=against,
                    quantity=quantity,
                    uom=uom,
                    basis=basis,
                    reasons=_reasons(reasons),
                )
            )
        return found


_NO_REASONS: frozenset[str] = frozenset()


def _reasons(bits: int) -> frozenset[str]:
    return frozenset(r for r in REASONS if bits & bit_of(r)) if bits else _NO_REASONS


def verdict(labels: int, consistent: int) -> tuple[str, tuple[str, ...]]:
    """Certainty and reasons, as `domain.walk.outcome`."""
    if consistent & CERTAIN_BIT:
        return "certain", ()
    bits = (consistent or labels) & ~CERTAIN_BIT
    return "possible", tuple(sorted(_reasons(bits)))


async def all_nodes(nodes: Nodes) -> Sequence[Node]:
    """All of them, in order: for answers that are small."""
    return await nodes.some(await nodes.ordered()) if len(nodes) else []
