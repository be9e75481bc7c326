"""When units were made: the plant-local date of the first event that brought each forth (49 CFR 573.6(c)(2))."""

from collections.abc import Sequence

from domain.ids import ItemId
from services.query.counting import counting
from services.query.ranges import Ranges
from services.query.snapshot import Asked

CHUNK = 2_000
_MAKINGS = """
-- what brought units forth, the first first
SELECT i.uri, e.occurred_at, e.event_no, e.key_no, e.log_partition, e.log_offset
FROM views.items i JOIN views.event_items x USING (item_no) JOIN views.events e USING (event_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND (x.role IN (2, 5) OR e.kind = 'commissioned')
ORDER BY e.latest_us, e.accepted_us, e.request_index, e.event_no
"""
_EVENTS = """
SELECT e.occurred_at, e.event_no, e.key_no, e.log_partition, e.log_offset FROM views.events e
WHERE e.event_no = ANY($1) ORDER BY e.latest_us, e.accepted_us, e.request_index, e.event_no
"""


async def made_on(asked: Asked, units: Sequence[ItemId]) -> dict[ItemId, str]:
    """The date (YYYY-MM-DD, by the clock of the plant) of each unit of which it is known."""
    found: dict[ItemId, str] = {}
    for start in range(0, len(units), CHUNK):
        chunk = units[start : start + CHUNK]
        rows = await asked.connection.fetch(_MAKINGS, asked.tenant_id, [str(u) for u in chunk])
        for row in await counting(asked, rows):
            found.setdefault(ItemId(row["uri"]), row["occurred_at"][:10])
        held = await Ranges(asked.connection, asked.tenant_id).holding(u for u in chunk if u not in found)
        events = await asked.connection.fetch(_EVENTS, sorted({event_no for _, event_no, _ in held}))
        dates = {r["event_no"]: r["occurred_at"][:10] for r in await counting(asked, events)}
        for unit, event_no, _ in held:
            if event_no in dates:
                found[unit] = min(dates[event_no], found.get(unit, dates[event_no]))
    return found
