"""Which traceability lot an item stands for: a unit for its lot, a container for what it held then."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from domain.contents import Insides, insides
from domain.ids import ItemId
from domain.record import Known, Question
from services.query.answering import answered
from services.query.counting import counting
from services.query.ranges import Ranges
from services.query.snapshot import Asked

CHUNK = 2_000
BOXES = 500
"""Containers that are looked into at once."""
_LOTS_OF = """
-- the lots of units, the first membership that counts
SELECT u.uri AS unit, l.uri AS lot, e.event_no, e.key_no, e.log_partition, e.log_offset
FROM views.items u JOIN views.memberships m ON m.unit_no = u.item_no
JOIN views.items l ON l.item_no = m.lot_no JOIN views.events e USING (event_no)
WHERE u.tenant_id = $1 AND u.uri = ANY($2) ORDER BY u.uri, NOT m.at_making, e.latest_us, l.uri
"""
_MEMBERS = """
SELECT DISTINCT u.uri FROM views.items l JOIN views.memberships m ON m.lot_no = l.item_no
JOIN views.items u ON u.item_no = m.unit_no WHERE l.tenant_id = $1 AND l.uri = ANY($2)
"""
_NUMBERS = "SELECT item_no FROM views.items WHERE tenant_id = $1 AND uri = ANY($2)"
_NAMED = "SELECT uri FROM views.items WHERE tenant_id = $1 AND uri = ANY($2)"
_AROUND = """
-- whatever such things were ever put into, boxes of boxes too
WITH RECURSIVE around AS (
    SELECT item_no FROM views.items WHERE tenant_id = $1 AND uri = ANY($2)
    UNION
    SELECT e.parent_no FROM around a JOIN views.event_items x ON x.item_no = a.item_no AND x.role = 4
    JOIN views.events e USING (event_no) WHERE e.parent_no IS NOT NULL
)
SELECT i.uri FROM around JOIN views.items i USING (item_no)
"""


@dataclass(frozen=True, slots=True)
class Amount:
    """So much of one traceability lot; `via` is the container it was in."""

    lot: ItemId
    quantity: Decimal | None
    uom: str | None
    via: ItemId | None = None


class Lots:
    """Looks lots up for one spreadsheet."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._lot: dict[ItemId, ItemId] = {}
        self._insides: dict[ItemId, Insides] = {}

    async def everything_of(self, lots: Sequence[ItemId]) -> tuple[set[ItemId], set[ItemId]]:
        """The lots by all their ids and their units; and every container one of these was ever put into."""
        asked = self._asked
        ids = set(await answered(_all_ids(lots), asked.record()))
        rows = await asked.connection.fetch(_MEMBERS, asked.tenant_id, sorted(ids))
        things = ids | {ItemId(r[0]) for r in rows} | await self._named_of_ranges(ids)
        rows = await asked.connection.fetch(_AROUND, asked.tenant_id, sorted(things))
        return things, {ItemId(r[0]) for r in rows} - things

    async def _named_of_ranges(self, lots: set[ItemId]) -> set[ItemId]:
        """Units that only a range of serials ties to a lot, as far as an event names them."""
        asked, found = self._asked, set()
        nos = await asked.connection.fetch(_NUMBERS, asked.tenant_id, sorted(lots))
        for _, ranged in await Ranges(asked.connection, asked.tenant_id).of_lots([r[0] for r in nos]):
            units = ranged.serials.items()
            while chunk := [str(u) for u in islice(units, CHUNK)]:
                rows = await asked.connection.fetch(_NAMED, asked.tenant_id, chunk)
                found |= {ItemId(r[0]) for r in rows}
        return found

    async def load(self, items: Iterable[ItemId]) -> None:
        """Have the lots of these units at hand."""
        asked = self._asked
        fresh = sorted({i for i in items if i not in self._lot and i.kind in ("unit", None)})
        for start in range(0, len(fresh), CHUNK):
            chunk = fresh[start : start + CHUNK]
            rows = await asked.connection.fetch(_LOTS_OF, asked.tenant_id, chunk)
            for row in await counting(asked, rows):
                self._lot.setdefault(ItemId(row["unit"]), ItemId(row["lot"]))
            for unit, _, ranged in await Ranges(asked.connection, asked.tenant_id).holding(chunk):
                if ranged.lot is not None:
                    self._lot.setdefault(unit, ranged.lot)
            for unit in chunk:
                self._lot.setdefault(unit, unit)

    def of(self, item: ItemId) -> ItemId:
        """The traceability lot of an item that was loaded: a unit without a lot is its own."""
        return self._lot.get(item, item)

    async def look_into(self, items: Iterable[ItemId]) -> None:
        """Have at hand what these hold, as far as they are containers, and the lots of all that."""
        wanted = sorted({i for i in items if i.kind not in ("lot", "class")})
        for start in range(0, len(wanted), BOXES):
            chunk = wanted[start : start + BOXES]
            found = await answered(insides(chunk), self._asked.record())
            self._insides |= dict.fromkeys(chunk, found)
            await self.load([*chunk, *(stay.child for stays in found.stays.values() for stay in stays)])

    def amounts(self, item: ItemId, *, quantity: Decimal | None, uom: str | None, at_us: int) -> list[Amount]:
        """What an item that was looked into was, at an instant, by lot: a container what it held, else itself."""
        if item.kind in ("lot", "class"):
            return [Amount(item, quantity, uom)]
        inside = self._insides[item]
        held = inside.at(item, at_us) or inside.at(item, at_us - 1)  # emptied in the same instant
        holders = {c.parent for c in held}
        inner = [c for c in held if c.item not in holders]
        if not inner:
            return [Amount(self.of(item), Decimal(1) if quantity is None else quantity, uom)]
        summed: dict[tuple[ItemId, str | None], Decimal | None] = {}
        for content in inner:
            key = (self.of(content.item), content.uom)
            before = summed.get(key, Decimal(0))
            summed[key] = None if before is None or content.quantity is None else before + content.quantity
        return [Amount(lot, summed[lot, unit], unit, item) for lot, unit in sorted(summed, key=str)]


def _all_ids(lots: Sequence[ItemId]) -> Question[list[ItemId]]:
    known = Known()
    things = yield from known.start(list(lots))
    return sorted({i for thing in things for i in known.things.ids(thing)})
