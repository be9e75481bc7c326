"""What was received that a supplier's notice may mean: receipts by number, and those that name no number."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg

from domain.cases.notice_lines import NoticeLine, Receipt, Shelf, numbers_alike
from domain.events import MaterialReceived, Received
from domain.ids import OWN_ISSUER, ItemId, PartyId, class_of_supplier, issuer_of, number_of
from services.codec import EVENT
from services.query.counting import counting
from services.query.snapshot import Asked

CHUNK = 2_000
_BY_NUMBER = """
-- receipts of items with such a number, theirs or ours, and of what is the same thing
WITH meant AS (SELECT item_no FROM views.items WHERE tenant_id = $1 AND number = ANY($2)),
same AS (
    SELECT item_no FROM meant
    UNION SELECT s.one_no FROM meant m JOIN views.identities s ON s.other_no = m.item_no
    UNION SELECT s.other_no FROM meant m JOIN views.identities s ON s.one_no = m.item_no
)
SELECT DISTINCT x.event_no FROM same JOIN views.event_items x USING (item_no) JOIN views.events e USING (event_no)
WHERE e.kind IN ('material_received', 'received')
"""
_OF_SUPPLIER = """
-- receipts of the supplier that leave open which of their lots it was; all of them ($3) where ranges are asked about
SELECT d.event_no FROM views.dimensions d JOIN views.event_bodies b USING (event_no)
WHERE d.tenant_id = $1 AND d.dimension = 'supplier' AND d.value = $2
AND ($3 OR NOT b.body ? 'supplier_lot' OR NOT coalesce(b.body -> 'extensions', '{}') ? 'date_code')
"""
_RECEIPTS = """
SELECT e.event_no, e.key_no, k.event_id, e.log_partition, e.log_offset, b.body
FROM views.events e JOIN views.event_keys k USING (key_no) JOIN views.event_bodies b USING (event_no)
WHERE e.event_no = ANY($1)
"""
_KNOWN = """
SELECT i.uri FROM views.items i WHERE i.tenant_id = $1 AND i.number = ANY($2) AND i.kind IN ('unit', 'lot')
AND EXISTS (SELECT FROM views.event_items x WHERE x.item_no = i.item_no AND x.role <> 0)
"""
_UNITS = """
-- units of these products, or of any that the supplier numbers
SELECT i.uri, i.number FROM views.items i WHERE i.tenant_id = $1 AND i.kind = 'unit'
AND (i.material = ANY($2) OR starts_with(i.material, $3))
AND EXISTS (SELECT FROM views.event_items x WHERE x.item_no = i.item_no AND x.role <> 0)
"""


async def shelf_for(asked: Asked, lines: Sequence[NoticeLine], *, supplier: str) -> Shelf:
    """Everything that the lines may mean, as known in the snapshot."""
    connection, tenant_id = asked.connection, asked.tenant_id
    numbers = sorted(set(numbers_alike(lines)))
    event_nos: set[int] = set()
    known: set[ItemId] = set()
    for start in range(0, len(numbers), CHUNK):
        chunk = numbers[start : start + CHUNK]
        event_nos |= {r[0] for r in await connection.fetch(_BY_NUMBER, tenant_id, chunk)}
        known |= {ItemId(r[0]) for r in await connection.fetch(_KNOWN, tenant_id, chunk)}
    ranged = [line for line in lines if line.last_serial is not None]
    event_nos |= {r[0] for r in await connection.fetch(_OF_SUPPLIER, tenant_id, supplier, bool(ranged))}
    if ranged:
        products = sorted({str(product) for line in ranged for product in line.products})
        theirs = class_of_supplier(supplier, "")
        units = await connection.fetch(_UNITS, tenant_id, products, theirs)
        known |= {ItemId(r["uri"]) for r in units if any(line.covers(r["number"]) for line in ranged)}
    receipts: list[Receipt] = []
    wanted = sorted(event_nos)
    for start in range(0, len(wanted), CHUNK):
        receipts += await _receipts(asked, wanted[start : start + CHUNK])
    return Shelf(supplier, receipts, known)


async def _receipts(asked: Asked, event_nos: Sequence[int]) -> list[Receipt]:
    rows = await asked.connection.fetch(_RECEIPTS, event_nos)
    known = await counting(asked, rows)
    return await asyncio.to_thread(lambda: [receipt for row in known for receipt in _of_row(row)])


def _of_row(row: asyncpg.Record | Mapping[str, Any]) -> Iterable[Receipt]:
    event = EVENT.validate_python(row["body"])
    match event:
        case MaterialReceived():
            supplier = event.supplier or event.from_owner or event.from_possessor
            lines = [(event.item, event.material, event.quantity, event.uom)]
            theirs = event.supplier_lot
        case Received():
            supplier = event.from_owner or event.from_possessor
            lines = [(i.item, None, i.quantity, i.uom) for i in event.items]
            theirs = None
        case _:
            return
    codes = event.extensions.get("date_code", ())
    date_codes = frozenset(map(str, [codes] if isinstance(codes, str | int) else codes))
    for item, material, quantity, uom in lines:
        numbers, own = _numbers(item, theirs)
        yield Receipt(
            event_id=row["event_id"],
            item=item,
            supplier=PartyId.parse(supplier) if supplier else None,
            product=material or item.material,
            numbers=numbers,
            date_codes=date_codes,
            own_number=own,
            occurred_at=event.occurred_at.text,
            site=event.site,
            quantity=quantity,
            uom=uom,
        )


def _numbers(item: ItemId, theirs: ItemId | str | None) -> tuple[frozenset[str], str | None]:
    """Lot numbers that are the supplier's, and the one that only we are known to have given."""
    named = {number_of(theirs) or "" if isinstance(theirs, ItemId) else theirs} if theirs else set()
    if item.kind != "lot":
        return frozenset(named), None
    number = number_of(item) or ""
    if issuer_of(item) == OWN_ISSUER:
        return frozenset(named), number
    return frozenset({*named, number}), None
