"""Units of which the record says the same: named by the same events in the same way, in the same lots.

To swap two of them changes nothing in the record, so what is true of one is true of the other, but for its id. A case
of a hundred serials that were packed, shipped and received together is read once.
"""

import asyncio
from collections.abc import Sequence

from domain.ids import ItemId
from services.query.snapshot import Asked

_SIGNATURES = """
-- what names each unit and how, as one digest; units that have another name, a declared material or a product that is
-- told of by ranges of serials are left out
SELECT i.uri, md5(string_agg(t.told, '|' ORDER BY t.told)) AS signature
FROM views.items i CROSS JOIN LATERAL (
    SELECT (x.event_no, x.role, x.action, x.flow, x.by_class, x.quantity, x.uom, x.basis, x.status)::text AS told
    FROM views.event_items x WHERE x.item_no = i.item_no
    UNION ALL
    SELECT (m.event_no, m.lot_no, m.at_making)::text FROM views.memberships m WHERE m.unit_no = i.item_no
) AS t
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND i.kind = 'unit'
AND NOT EXISTS (SELECT FROM views.identities s WHERE s.one_no = i.item_no)
AND NOT EXISTS (SELECT FROM views.identities s WHERE s.other_no = i.item_no)
AND NOT EXISTS (SELECT FROM views.renamings r WHERE r.old_no = i.item_no)
AND NOT EXISTS (SELECT FROM views.renamings r WHERE r.new_no = i.item_no)
AND NOT EXISTS (SELECT FROM views.item_materials d WHERE d.item_no = i.item_no)
AND NOT EXISTS (
    SELECT FROM views.items p JOIN views.serial_ranges r ON r.product_no = p.item_no
    WHERE p.tenant_id = $1 AND p.uri = i.material AND r.tenant_id = $1)
GROUP BY i.uri, i.material
"""


async def alike(asked: Asked, items: Sequence[ItemId]) -> list[list[ItemId]]:
    """The items in groups of which the record says the same, each item once; what is no such unit is alone."""
    rows = await asked.connection.fetch(_SIGNATURES, asked.tenant_id, [str(i) for i in items])

    def grouped() -> list[list[ItemId]]:
        signatures = {r["uri"]: (r["signature"], ItemId(r["uri"]).material) for r in rows}
        groups: dict[object, list[ItemId]] = {}
        for item in items:
            groups.setdefault(signatures.get(item, item), []).append(item)
        return list(groups.values())

    return await asyncio.to_thread(grouped)
