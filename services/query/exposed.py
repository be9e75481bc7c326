"""The seeds of an exposure, found over SQL (SEMANTICS §3 'Exposure')."""

from collections.abc import Iterable
from typing import Any

import asyncpg

from domain.bookings import BOOKED_WITHIN_US, BOOKING, is_booked, made_since_us
from domain.exposure import RECEIVED, Circumstance, Seed, exposed_items, neighbours, seeds
from domain.record import Need
from services.problems import Problem
from services.query.exposure_asked import Exposure
from services.query.exposure_changes import changed
from services.query.exposure_positions import at_position
from services.query.exposure_stretches import Part, doubted, parts_of
from services.query.record import SqlRecord
from services.query.snapshot import Asked

_BY_DIMENSIONS = """
-- events at which every dimension asked about had the value
SELECT d.event_no FROM unnest({names}::text[], {values}::text[]) AS a(dimension, value)
JOIN views.dimensions d ON d.dimension = a.dimension AND d.value = a.value
WHERE d.tenant_id = $1 GROUP BY d.event_no HAVING count(DISTINCT d.dimension) = cardinality({names}::text[])
"""
_BY_PARAMETER = """
SELECT p.event_no FROM views.parameters p WHERE p.tenant_id = $1 AND p.name = {name}
AND ({at_least}::numeric IS NULL OR p.value >= {at_least}) AND ({at_most}::numeric IS NULL OR p.value <= {at_most})
"""
_INSIDE = """
WITH matching AS ({matching})
SELECT event_no FROM matching JOIN views.events e USING (event_no)
WHERE ({until}::bigint IS NULL OR coalesce(
    e.started_us, e.earliest_us - CASE e.kind WHEN '{booking}' THEN {booked_within} ELSE 0 END
) < {until})
AND ({since}::bigint IS NULL OR e.latest_us >= {since})
"""
_BEFORE = """
-- those that may have lasted into the window, the last first
WITH matching AS ({matching})
SELECT event_no FROM matching JOIN views.events e USING (event_no)
WHERE e.started_us IS NULL AND e.kind <> '{booking}' AND e.latest_us < {edge}
ORDER BY e.latest_us DESC FETCH FIRST ({most}) ROWS WITH TIES
"""
_AFTER = """
WITH matching AS ({matching})
SELECT event_no FROM matching JOIN views.events e USING (event_no)
WHERE e.started_us IS NULL AND e.kind <> '{booking}' AND e.earliest_us >= {edge}
ORDER BY e.earliest_us FETCH FIRST ({most}) ROWS WITH TIES
"""
_KNOWN = """
SELECT EXISTS (SELECT FROM views.dimensions d WHERE d.tenant_id = $1 AND d.dimension = $2 AND d.value = $3
AND ($4::text[] IS NULL OR EXISTS (
    SELECT FROM views.event_places p WHERE p.event_no = d.event_no AND p.place = ANY($4))))
"""
_NEXT = """
SELECT min(value) FROM views.dimensions WHERE tenant_id = $1 AND dimension = $2 AND value > $3
UNION ALL SELECT max(value) FROM views.dimensions WHERE tenant_id = $1 AND dimension = $2 AND value < $3
"""
_KNOWN_PARAMETER = """
SELECT EXISTS (SELECT FROM views.parameters n WHERE n.tenant_id = $1 AND n.name = $2
AND ($3::text[] IS NULL OR EXISTS (
    SELECT FROM views.event_places p WHERE p.event_no = n.event_no AND p.place = ANY($3))))
"""
_EVENTS_AT_ONCE = 500
_NEIGHBOURS_READ = 10
"""Events on one side that are looked at first; forty times as many each time that none of them exposed anything."""


async def all_known(asked: Asked, circumstance: Circumstance) -> None:
    """A machine that nobody recorded exposed nothing, but a typing error must not look like that: 404.

    What only events of others name is unknown to a key limited to sites.
    """
    places = sorted(asked.scope.places) if asked.scope is not None else None
    for name, value in circumstance.dimensions:
        if not await asked.connection.fetchval(_KNOWN, asked.tenant_id, name, value, places):
            near = await asked.connection.fetch(_NEXT, asked.tenant_id, name, value) if places is None else []
            nearest = [r[0] for r in near if r[0] is not None]
            detail = f"no event names the {name} {value}"
            raise Problem(404, "unknown-circumstance", detail, dimension=name, value=value, nearest=nearest)
    named = circumstance.parameter
    if named is not None and not await asked.connection.fetchval(_KNOWN_PARAMETER, asked.tenant_id, named.name, places):
        raise Problem(404, "unknown-circumstance", f"no event has a parameter {named.name}", value=named.name)


async def exposed(asked: Asked, exposure: Exposure) -> list[Seed]:
    """What was exposed. Raises Problem 404 and 422 for what cannot be asked."""
    if exposure.change is not None:
        return await changed(asked, exposure.change, without=exposure.without_change)
    parts = await parts_of(asked, exposure)
    return [seed for part in parts for seed in await _seeds(asked, part, exposure)]


async def _seeds(asked: Asked, part: Part, exposure: Exposure) -> list[Seed]:
    matching, why = await doubted(asked, part, await _matching(asked, part.circumstance))
    if exposure.position is not None:
        equipment = exposure.value("equipment") or ""
        matching, more = await at_position(asked, equipment, exposure.position, matching=matching)
        why = {no: why.get(no, frozenset()) | more.get(no, frozenset()) for no in {*why, *more}}
    return seeds(part.circumstance, matching, stretch=part.stretch, doubted=why)


async def _matching(asked: Asked, circumstance: Circumstance) -> list[Any]:
    """The events that count in the window, and those beside it that may have lasted into it; theirs alone."""
    record = _record(asked)
    statement = _Statement(asked, circumstance)
    inside = await statement.rows(_INSIDE, since=circumstance.since_us, until=circumstance.until_us)
    found = await _made_by(record, await record.exposed_by([r[0] for r in inside]), circumstance.until_us)
    for template, edge_us in ((_BEFORE, circumstance.since_us), (_AFTER, circumstance.until_us)):
        if edge_us is not None and not {name for name, _ in circumstance.dimensions} & RECEIVED:
            found += await _beside(statement, template, circumstance=circumstance, edge_us=edge_us)
    return found


async def _made_by(record: SqlRecord, found: list[Any], until_us: int | None) -> list[Any]:
    """Without what was booked of orders that were issued to only after the window."""
    if until_us is None or not (booked := [h for h, _ in found if is_booked(h.facts)]):
        return found
    keys = frozenset(h.facts.transformation for h in booked if h.facts.transformation is not None)
    starts = (await record.look_up(Need(order_starts=keys))).order_starts
    late = {h.no for h in booked if made_since_us(h.facts, starts.get(h.facts.transformation or "", [])) >= until_us}
    return [(h, mentions) for h, mentions in found if h.no not in late]


def _record(asked: Asked) -> SqlRecord:
    return asked.scope.record() if asked.scope is not None else asked.record()


async def _beside(statement: "_Statement", template: str, *, circumstance: Circumstance, edge_us: int) -> list[Any]:
    """The nearest on one side, all of their instant: voided ones and those that exposed nothing are passed over."""
    record, most, done = _record(statement.asked), _NEIGHBOURS_READ, 0
    found: list[Any] = []
    while True:
        numbers = [r[0] for r in await statement.rows(template, edge=edge_us, most=most)]
        for start in range(done, len(numbers), _EVENTS_AT_ONCE):
            some = await record.exposed_by(numbers[start : min(start + _EVENTS_AT_ONCE, len(numbers))])
            found += [(h, mentions) for h, mentions in some if exposed_items(circumstance, mentions)]
        if found or len(numbers) < most:
            break
        most, done = most * 40, len(numbers)  # none of an instant is left over: those after them are of later ones
    nearest = {h.no for h in neighbours(circumstance, [h for h, _ in found])}
    return [(h, mentions) for h, mentions in found if h.no in nearest]


class _Statement:
    """A statement over the events that match a circumstance, with numbered arguments for what it names."""

    def __init__(self, asked: Asked, circumstance: Circumstance) -> None:
        self.asked = asked
        self._arguments: list[Any] = [asked.tenant_id]
        parts = []
        if circumstance.dimensions:
            names, values = ([pair[i] for pair in circumstance.dimensions] for i in (0, 1))
            parts.append(_BY_DIMENSIONS.format(**self._named(self._arguments, names=names, values=values)))
        if circumstance.parameter is not None:
            p = circumstance.parameter
            named = self._named(self._arguments, name=p.name, at_least=p.at_least, at_most=p.at_most)
            parts.append(_BY_PARAMETER.format(**named))
        self._matching = " INTERSECT ".join(f"({part})" for part in parts)

    @staticmethod
    def _named(arguments: list[Any], **more: Any) -> dict[str, str]:
        """Takes the values in, and says by which number each is named."""
        start = len(arguments) + 1
        arguments += more.values()
        return {name: f"${start + index}" for index, name in enumerate(more)}

    async def rows(self, template: str, **more: Any) -> Iterable[asyncpg.Record]:
        arguments = list(self._arguments)
        booked = {"booking": BOOKING, "booked_within": BOOKED_WITHIN_US}
        sql = template.format(matching=self._matching, **booked, **self._named(arguments, **more))
        rows: list[asyncpg.Record] = await self.asked.connection.fetch(sql, *arguments)
        return rows
