"""What was made with an engineering change, or without it, over SQL (domain/changes.py)."""

from collections.abc import Iterable
from typing import Any

from domain.changes import BreakIn, makings, seeds_of
from domain.exposure import Seed
from domain.ids import ItemId
from domain.moments import Moment
from domain.record import Need
from services.problems import Problem
from services.query.record import SqlRecord
from services.query.snapshot import Asked

_BREAK_INS = """
SELECT d.event_no, b.body ->> 'product' AS product, b.body ->> 'from_serial' AS from_serial,
       b.body ->> 'from_lot' AS from_lot, b.body ->> 'from_time' AS from_time
FROM views.dimensions d JOIN views.event_bodies b USING (event_no)
WHERE d.tenant_id = $1 AND d.dimension = 'change' AND d.value = $2
"""
_MAKINGS = """
-- events that brought forth something of the product: as output or commissioned, listed or in a range of serials
SELECT x.event_no FROM views.items i JOIN views.event_items x USING (item_no)
WHERE i.tenant_id = $1 AND i.material = $2 AND (x.role = 2 OR (x.role = 0 AND x.flow = 1))
UNION SELECT x.event_no FROM views.items c JOIN views.item_materials m ON m.material_no = c.item_no
JOIN views.event_items x ON x.item_no = m.item_no
WHERE c.tenant_id = $1 AND c.uri = $2 AND (x.role = 2 OR (x.role = 0 AND x.flow = 1))
UNION SELECT r.event_no FROM views.items c JOIN views.serial_ranges r ON r.product_no = c.item_no
WHERE c.tenant_id = $1 AND c.uri = $2
"""


async def changed(asked: Asked, change: str, *, without: bool) -> list[Seed]:
    """The items that the change holds for, or does not. Raises Problem 404 for a change that nothing tells of."""
    rows = await asked.connection.fetch(_BREAK_INS, asked.tenant_id, change)
    happened = await asked.record().happened(r["event_no"] for r in rows)
    told: dict[ItemId, list[BreakIn]] = {}
    for row in sorted(rows, key=lambda r: r["event_no"]):
        if row["event_no"] in happened:
            product, lot, time = (row[name] for name in ("product", "from_lot", "from_time"))
            one = BreakIn(
                event=happened[row["event_no"]],
                product=ItemId(product),
                from_serial=row["from_serial"],
                from_lot=ItemId(lot) if lot is not None else None,
                from_time=Moment.parse(time) if time is not None else None,
            )
            told.setdefault(one.product, []).append(one)
    if not told:
        detail = f"no event that counts says from where on the change {change} holds"
        raise Problem(404, "unknown-circumstance", detail, dimension="change", value=change)
    record = asked.scope.record() if asked.scope is not None else asked.record()
    return [s for changes in told.values() for s in await _of_product(asked, record, changes, without=without)]


async def _of_product(asked: Asked, record: SqlRecord, changes: list[BreakIn], *, without: bool) -> list[Seed]:
    product = changes[0].product
    found = await record.look_up(Need(of_material=frozenset({product})))
    items = found.of_material.get(product, [])
    numbers = [r[0] for r in await asked.connection.fetch(_MAKINGS, asked.tenant_id, str(product))]
    made = makings(set(items), await record.exposed_by(numbers))
    lots_of = await _lots_of(record, items) if any(c.from_lot is not None for c in changes) else {}
    return seeds_of(changes, items, made, lots_of=lots_of, without=without)


async def _lots_of(record: SqlRecord, items: Iterable[ItemId]) -> dict[ItemId, set[ItemId]]:
    lots = frozenset(i for i in items if i.kind == "lot")
    members: dict[ItemId, list[Any]] = (await record.look_up(Need(units_of=lots))).units_of
    found: dict[ItemId, set[ItemId]] = {}
    for lot, units in members.items():
        for member in units:
            found.setdefault(member.membership.unit, set()).add(lot)
    return found
