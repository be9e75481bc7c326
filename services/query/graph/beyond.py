"""What a walk over a graph came by that only the domain knows: unit over lot, and one lot at two packaging levels."""

import asyncpg
import numpy as np

from domain.ids import other_levels
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools, Ints
from services.query.graph.links import DERIVATION, PART_OF
from services.query.graph.names import Names
from services.query.graph.plain import LOT, UNIT
from services.query.graph.tracing import Walked

_SCANNED = """
-- of these (lot, unit) pairs, one whose unit has a serial of the lot's material recorded as input or component too
SELECT 1 FROM unnest($1::bigint[], $2::bigint[]) AS w(lot_no, unit_no)
JOIN views.items l ON l.item_no = w.lot_no
JOIN views.event_items x ON x.item_no = w.unit_no AND x.role IN (2, 5)
JOIN views.events e ON e.event_no = x.event_no
JOIN views.events f ON f.event_no = e.event_no OR (f.tenant_id = e.tenant_id AND f.transformation = e.transformation)
JOIN views.event_items u ON u.event_no = f.event_no AND u.role IN (1, 6)
JOIN views.items i ON i.item_no = u.item_no AND i.kind = 'unit'
WHERE l.material IS NULL OR i.material = l.material
OR EXISTS (SELECT FROM views.item_materials m WHERE m.item_no IN (i.item_no, l.item_no)) LIMIT 1
"""
_KNOWN = "SELECT 1 FROM views.items WHERE tenant_id = $1 AND uri = ANY($2) LIMIT 1"
_CHUNK = 2_000


async def beyond(
    connection: asyncpg.Connection, tenant_id: int, *, graph: Graph, starts: Ints, names: Names, walked: Walked
) -> bool:
    """Whether a scan may supersede one of the links walked, or a lot of another packaging level belongs to the answer.

    More than may be is no harm: the domain then answers.
    """
    links = walked.links
    of_lot = (
        np.isin(links.relation, (DERIVATION, PART_OF)) & _is(graph, links.source, LOT) & _is(graph, links.target, UNIT)
    )
    lots, units = names.numbers(links.source[of_lot]), names.numbers(links.target[of_lot])
    for start in range(0, len(lots), _CHUNK):
        some = slice(start, start + _CHUNK)
        if await connection.fetchval(_SCANNED, lots[some].tolist(), units[some].tolist()):
            return True
    reached = np.unique(np.concatenate([starts, walked.nodes, links.source, links.target]))
    kept = await names.ids(reached[_is(graph, reached, LOT)])
    levels = [str(other) for lot in kept for other in other_levels(lot)]
    for start in range(0, len(levels), _CHUNK):
        if await connection.fetchval(_KNOWN, tenant_id, levels[start : start + _CHUNK]):
            return True
    return False


def _is(graph: Graph, items: Ints, kind: int) -> Bools:
    """Which of the items are of the kind, or may be: those that came after the graph, and ids that do not tell."""
    known = items < len(graph.item_nos)
    kinds = np.zeros(len(items), dtype=np.int64)
    kinds[known] = graph.standing.kind[items[known]]
    found: Bools = (kinds == kind) | (kinds == 0)
    return found
