"""The seeds of an exposure, found over SQL (SEMANTICS §3 'Exposure')."""

from collections.abc import Iterator, Sequence

import numpy as np

from domain.bookings import is_booked, made_since_us
from domain.exposure import DURATION_UNKNOWN, Circumstance, Seed, exposed_items, seeds
from domain.facts import Mention
from domain.happened import Happened
from domain.record import Need
from services.problems import Problem
from services.query.exposure_asked import Exposure
from services.query.exposure_changes import changed
from services.query.exposure_events import NEIGHBOURS_READ, WIDER, Beside, ExposureEvents
from services.query.exposure_positions import at_position
from services.query.exposure_stretches import Part, doubted, parts_of
from services.query.graph.exposing import Exposed, Exposing
from services.query.graph.groups import Ints
from services.query.graph.keeper import Graphs, Known
from services.query.record import SqlRecord
from services.query.snapshot import Asked
from services.query.walks import known_graph

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
_NONE: Ints = np.zeros(0, dtype=np.int64)

Matching = list[tuple[Happened, list[Mention]]]
"""Events that count, each with what may have been exposed."""


async def _all_known(asked: Asked, circumstance: Circumstance) -> None:
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


async def exposed(graphs: Graphs, asked: Asked, exposure: Exposure) -> Sequence[Seed]:
    """What was exposed. Raises Problem 404 and 422 for what cannot be asked."""
    if exposure.change is not None:
        return await changed(asked, exposure.change, without=exposure.without_change)
    if exposure.is_plain and asked.scope is None:
        known = await known_graph(graphs, asked)
        if known is not None:
            return await _over_graph(asked, exposure.circumstance, known)
    await _all_known(asked, exposure.circumstance)
    parts = await parts_of(asked, exposure)
    return [seed for part in parts for seed in await _seeds(asked, part, exposure)]


async def _seeds(asked: Asked, part: Part, exposure: Exposure) -> list[Seed]:
    matching, why = await doubted(asked, part, await _matching(asked, part.circumstance))
    if exposure.position is not None:
        matching, more = await at_position(
            asked,
            part.circumstance,
            equipment=exposure.value("equipment") or "",
            position=exposure.position,
            matching=matching,
        )
        why = {no: why.get(no, frozenset()) | more.get(no, frozenset()) for no in {*why, *more}}
    return seeds(part.circumstance, matching, stretch=part.stretch, doubted=why)


async def _matching(asked: Asked, circumstance: Circumstance) -> Matching:
    """The events that count in the window, and those beside it that may have lasted into it; theirs alone."""
    events, record = ExposureEvents(asked, circumstance), _record(asked)
    found = await events.around()
    matching = await _made_by(record, await record.exposed_by(found.inside), circumstance.until_us)
    for side, beside in found.beside.items():
        _, near = await _nearest(events, record, circumstance, side=side, first=beside)
        matching += near
    return matching


async def _over_graph(asked: Asked, circumstance: Circumstance, known: Known) -> Exposed:
    """The seeds where nothing but the circumstance makes them doubtful: of most events the graph tells the items."""
    events, record, graph = ExposureEvents(asked, circumstance), asked.record(), Exposing(known, circumstance)
    found = await events.around()
    if found.nothing:
        await _all_known(asked, circumstance)
    inside, others = graph.told(found.inside)
    rows = graph.rows(inside)
    matching = await _made_by(record, await record.exposed_by(others), circumstance.until_us) if others else []
    for side, beside in found.beside.items():
        near, theirs = await _nearest(events, record, circumstance, side=side, first=beside, graph=graph)
        rows = rows.and_these(graph.rows(near, reasons=frozenset({DURATION_UNKNOWN})))
        matching += theirs
    return Exposed(known.graph, rows, seeds(circumstance, matching))


async def _nearest(
    events: ExposureEvents,
    record: SqlRecord,
    circumstance: Circumstance,
    *,
    side: int,
    first: Beside,
    graph: Exposing | None = None,
) -> tuple[Ints, Matching]:
    """The nearest on one side that exposed something, all of their instant: those that the graph tells, and others.

    Voided ones, and those that exposed nothing, are passed over.
    """
    beside, most, done = first, NEIGHBOURS_READ, 0
    while True:
        for some in _some(beside.instants[done:]):
            told = [_told(graph, instant) for instant in some]
            theirs: dict[int, tuple[Happened, list[Mention]]] | None = None
            for known, others in told:
                if others and theirs is None:  # of all that are near at once: many may be voided
                    numbers = [no for _, its in told for no in its]
                    found = await record.exposed_by(numbers)
                    theirs = {h.no: (h, m) for h, m in found if exposed_items(circumstance, m)}
                here = [theirs[no] for no in others if no in theirs] if theirs else []
                if here or (graph is not None and len(graph.rows(known))):
                    return known, here
        if beside.complete:
            return _NONE, []
        most, done = most * WIDER, len(beside.instants)  # none of an instant is left over
        beside = await events.beside(side, most)


def _told(graph: Exposing | None, numbers: Sequence[int]) -> tuple[Ints, Sequence[int]]:
    return graph.told(numbers) if graph is not None else (_NONE, numbers)


def _some(instants: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """Instants one after the other, as many at a time as have `_EVENTS_AT_ONCE` events or just more."""
    held: list[Sequence[int]] = []
    for instant in instants:
        held.append(instant)
        if sum(map(len, held)) >= _EVENTS_AT_ONCE:
            yield held
            held = []
    if held:
        yield held


async def _made_by(record: SqlRecord, found: Matching, until_us: int | None) -> Matching:
    """Without what was booked of orders that were issued to only after the window."""
    if until_us is None or not (booked := [h for h, _ in found if is_booked(h.facts)]):
        return found
    keys = frozenset(h.facts.transformation for h in booked if h.facts.transformation is not None)
    starts = (await record.look_up(Need(order_starts=keys))).order_starts
    late = {h.no for h in booked if made_since_us(h.facts, starts.get(h.facts.transformation or "", [])) >= until_us}
    return [(h, mentions) for h, mentions in found if h.no not in late]


def _record(asked: Asked) -> SqlRecord:
    return asked.scope.record() if asked.scope is not None else asked.record()
