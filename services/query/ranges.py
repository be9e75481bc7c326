"""Units that only a range of serials names: found by where their counter stands, told when asked for.

A look-up costs what is asked, not how many ranges there are: the ways in which a product's serials are written are
found by skipping along an index, and a range that holds an ordinal begins less than 2^span_bits below it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import asyncpg

from domain.facts import Flow, Ranged, Role, Status
from domain.ids import InvalidId, ItemId, serial_of, unit_of_product
from domain.serials import Serials, Shape

_ANY = "SELECT EXISTS (SELECT FROM views.serial_ranges WHERE tenant_id = $1)"
_PRODUCTS = "SELECT item_no, uri FROM views.items WHERE tenant_id = $1 AND uri = ANY($2)"
_WAYS = """
-- every (shape, span_bits) of each product: the first, then always the next one in the index
WITH RECURSIVE way AS (
    SELECT w.product_no, f.shape, f.span_bits FROM unnest($1::bigint[]) AS w(product_no)
    CROSS JOIN LATERAL (
        SELECT r.shape, r.span_bits FROM views.serial_ranges r WHERE r.product_no = w.product_no
        ORDER BY r.shape, r.span_bits LIMIT 1
    ) f
    UNION ALL
    SELECT w.product_no, f.shape, f.span_bits FROM way w
    CROSS JOIN LATERAL (
        SELECT r.shape, r.span_bits FROM views.serial_ranges r
        WHERE r.product_no = w.product_no AND (r.shape, r.span_bits) > (w.shape, w.span_bits)
        ORDER BY r.shape, r.span_bits LIMIT 1
    ) f
)
SELECT product_no, shape, span_bits FROM way
"""
_HOLDING = """
-- ranges that may hold these ordinals; steps and exclusions are looked at afterwards. OFFSET 0 keeps each a look-up of
-- its own: joined by their heads alone, every ordinal would be held against every range of its product
SELECT w.n, r.event_no, r.line
FROM unnest($1::int[], $2::bigint[], $3::text[], $4::smallint[], $5::text[], $6::bigint[])
    AS w(n, product_no, shape, span_bits, head, ordinal)
CROSS JOIN LATERAL (
    SELECT s.event_no, s.line, s.last_ordinal FROM views.serial_ranges s
    WHERE s.product_no = w.product_no AND s.shape = w.shape AND s.span_bits = w.span_bits AND s.head = w.head
    AND s.first_ordinal <= w.ordinal AND s.first_ordinal > w.ordinal - (1::bigint << w.span_bits) OFFSET 0
) AS r
WHERE r.last_ordinal >= w.ordinal
"""
_BESIDE = """
-- the range that begins last at or below an ordinal, and the one that begins next
SELECT b.event_no, b.line FROM unnest($1::bigint[], $2::text[], $3::smallint[], $4::text[], $5::bigint[])
    AS w(product_no, shape, span_bits, head, ordinal)
CROSS JOIN LATERAL (
    (SELECT r.event_no, r.line FROM views.serial_ranges r WHERE r.product_no = w.product_no AND r.shape = w.shape
     AND r.span_bits = w.span_bits AND r.head = w.head AND r.first_ordinal <= w.ordinal
     ORDER BY r.first_ordinal DESC LIMIT 1)
    UNION ALL
    (SELECT r.event_no, r.line FROM views.serial_ranges r WHERE r.product_no = w.product_no AND r.shape = w.shape
     AND r.span_bits = w.span_bits AND r.head = w.head AND r.first_ordinal > w.ordinal
     ORDER BY r.first_ordinal LIMIT 1)
) b
"""
_RANGES = """
SELECT r.event_no, r.line, p.uri AS product, l.uri AS lot, r.role, r.flow, r.status, r.shape, r.head,
       r.first_ordinal, r.last_ordinal, r.step, r.excluded
FROM views.serial_ranges r JOIN views.items p ON p.item_no = r.product_no
LEFT JOIN views.items l ON l.item_no = r.lot_no WHERE r.event_no = ANY($1)
"""

_RANGED_PRODUCTS = """
-- each product that has ranges: the first, then always the next one in the index
WITH RECURSIVE product AS (
    (SELECT product_no FROM views.serial_ranges WHERE tenant_id = $1 ORDER BY product_no LIMIT 1)
    UNION ALL
    SELECT (SELECT r.product_no FROM views.serial_ranges r WHERE r.tenant_id = $1 AND r.product_no > p.product_no
            ORDER BY r.product_no LIMIT 1)
    FROM product p WHERE p.product_no IS NOT NULL
)
SELECT i.uri FROM product JOIN views.items i ON i.item_no = product.product_no LIMIT 1000
"""
_OF_LOTS = "SELECT event_no, line FROM views.serial_ranges WHERE lot_no = ANY($1)"
_OF_TRANSFORMATIONS = """
SELECT r.event_no, r.line FROM views.events e JOIN views.serial_ranges r USING (event_no)
WHERE e.tenant_id = $1 AND e.transformation = ANY($2) AND r.role = 2
"""
_OF_EVENTS = "SELECT event_no, line FROM views.serial_ranges WHERE event_no = ANY($1)"
_OF_PRODUCTS = """
SELECT r.event_no, r.line FROM views.items p JOIN views.serial_ranges r ON r.product_no = p.item_no
WHERE p.tenant_id = $1 AND p.uri = ANY($2)
"""
_ALIKE = """
SELECT event_no, line FROM views.serial_ranges
WHERE tenant_id = $1 AND (starts_with($2, head) OR strpos(head, $2) > 0) ORDER BY event_no, line LIMIT 100
"""

MEANT_MOST = 100
SERIALS_LOOKED_AT = 100_000
"""Members that one search compares with a fragment; a whole serial or id is found without that."""
CHUNK = 5_000
RANGES_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class _Probe:
    item: ItemId
    product_no: int
    shape: str
    span_bits: int
    head: str
    ordinal: int


class Ranges:
    """The serial ranges of one tenant in one snapshot."""

    def __init__(self, connection: asyncpg.Connection, tenant_id: int) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._any: bool | None = None
        self._product_nos: dict[str, int | None] = {}
        self._ways: dict[int, list[tuple[Shape, int]]] = {}
        self._ranges: dict[tuple[int, int], Ranged] = {}

    async def any(self) -> bool:
        """Whether the tenant has ranges at all."""
        if self._any is None:
            self._any = bool(await self._connection.fetchval(_ANY, self._tenant_id))
        return self._any

    async def holding(self, items: Iterable[ItemId]) -> list[tuple[ItemId, int, Ranged]]:
        """Each unit with each range that it is a member of, and the event that names that."""
        if not await self.any():
            return []
        probes = await self._probes(items)
        found: list[tuple[ItemId, int, Ranged]] = []
        for start in range(0, len(probes), CHUNK):
            chunk = probes[start : start + CHUNK]
            columns = [[getattr(p, c) for p in chunk] for c in ("product_no", "shape", "span_bits", "head", "ordinal")]
            rows = await self._connection.fetch(_HOLDING, list(range(len(chunk))), *columns)
            await self._load({r["event_no"] for r in rows})
            for n, event_no, line in rows:
                ranged = self._ranges[(event_no, line)]
                if ranged.serials.has(chunk[n].ordinal):
                    found.append((chunk[n].item, event_no, ranged))
        return found

    async def of_lots(self, lot_nos: Sequence[int]) -> list[tuple[int, Ranged]]:
        """The ranges that are members of lots, with their events."""
        return await self._told(_OF_LOTS, lot_nos)

    async def of_transformations(self, keys: Iterable[str]) -> list[tuple[int, Ranged]]:
        """The ranges among the outputs of transformations."""
        return await self._told(_OF_TRANSFORMATIONS, list(keys))

    async def of_events(self, event_nos: Iterable[int]) -> list[tuple[int, Ranged]]:
        """The ranges that events name."""
        return await self._told(_OF_EVENTS, list(event_nos))

    async def of_products(self, products: Iterable[ItemId]) -> list[tuple[int, Ranged]]:
        """All ranges of products."""
        return await self._told(_OF_PRODUCTS, [str(p) for p in products])

    async def products(self) -> list[ItemId]:
        """Products that have ranges."""
        return [ItemId(r["uri"]) for r in await self._connection.fetch(_RANGED_PRODUCTS, self._tenant_id)]

    async def alike(self, text: str) -> list[Ranged]:
        """Ranges whose serials may contain a text, told by how they begin; at most 100."""
        return [r for _, r in await self._told(_ALIKE, text)] if await self.any() else []

    async def _told(self, statement: str, keys: Any) -> list[tuple[int, Ranged]]:
        if not keys or not await self.any():
            return []
        tenant = [self._tenant_id] if "$2" in statement else []
        rows = await self._connection.fetch(statement, *tenant, keys)
        await self._load({r["event_no"] for r in rows})
        return [(event_no, self._ranges[(event_no, line)]) for event_no, line in rows]

    async def beside(self, item: ItemId) -> list[ItemId]:
        """Members that a unit, itself none, stands next to."""
        probes = await self._probes([item]) if await self.any() else []
        columns = [[getattr(p, c) for p in probes] for c in ("product_no", "shape", "span_bits", "head", "ordinal")]
        rows = await self._connection.fetch(_BESIDE, *columns) if probes else []
        await self._load({r["event_no"] for r in rows})
        near = (
            self._ranges[(r["event_no"], r["line"])].serials.nearest(p.ordinal)
            for r in rows
            for p in probes
            if self._ranges[(r["event_no"], r["line"])].serials.head == p.head
        )
        return sorted({n for n in near if n is not None and n != item})

    async def _load(self, event_nos: Iterable[int]) -> None:
        """Have the ranges of these events at hand."""
        if len(self._ranges) > RANGES_KEPT:
            self._ranges.clear()
        wanted = list(set(event_nos) - {event_no for event_no, _ in self._ranges})
        for start in range(0, len(wanted), CHUNK):
            for row in await self._connection.fetch(_RANGES, wanted[start : start + CHUNK]):
                self._ranges[(row["event_no"], row["line"])] = _ranged(row)

    async def _probes(self, items: Iterable[ItemId]) -> list[_Probe]:
        """Every way to read the units' serials that ranges of their products are written in."""
        units = [(i, m, s) for i in items if (m := i.material) is not None and (s := serial_of(i)) is not None]
        await self._load_ways({m for _, m, _ in units})
        found = []
        for item, material, serial in units:
            product_no = self._product_nos[material]
            for shape, span_bits in self._ways.get(product_no, ()) if product_no is not None else ():
                read = shape.read(serial)
                if read is not None:
                    found.append(_Probe(item, product_no or 0, shape.key, span_bits, *read))
        return found

    async def _load_ways(self, materials: set[str]) -> None:
        fresh = list(materials - self._product_nos.keys())
        for start in range(0, len(fresh), CHUNK):
            chunk = fresh[start : start + CHUNK]
            rows = await self._connection.fetch(_PRODUCTS, self._tenant_id, chunk)
            self._product_nos |= dict.fromkeys(chunk) | {uri: no for no, uri in rows}
            for product_no, shape, span_bits in await self._connection.fetch(_WAYS, [no for no, _ in rows]):
                self._ways.setdefault(product_no, []).append((Shape.of_key(shape), span_bits))


def _ranged(row: Mapping[str, Any]) -> Ranged:
    serials = Serials(
        product=ItemId(row["product"]),
        shape=Shape.of_key(row["shape"]),
        head=row["head"],
        first=row["first_ordinal"],
        last=row["last_ordinal"],
        step=row["step"],
        excluded=frozenset(row["excluded"] or ()),
    )
    status = Status(row["status"]) if row["status"] is not None else None
    lot = ItemId(row["lot"]) if row["lot"] is not None else None
    return Ranged(serials, Role(row["role"]), status, Flow(row["flow"]), lot)


async def members_meant(ranges: Ranges, text: str) -> list[ItemId]:
    """At most MEANT_MOST members of ranges that a text means: named in whole, else containing it."""
    if not await ranges.any():
        return []
    try:
        asked = [ItemId.parse(text)]
    except InvalidId:
        asked = [unit_of_product(product, text) for product in await ranges.products()]
    found = dict.fromkeys(item for item, _, _ in await ranges.holding(asked))
    members = (item for ranged in await ranges.alike(text) for item in ranged.serials.items())
    for item in islice(members, SERIALS_LOOKED_AT):
        if len(found) >= MEANT_MOST:
            break
        if text.lower() in item.lower():
            found[item] = None
    return list(found)
