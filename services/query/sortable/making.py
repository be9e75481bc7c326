"""Transformation rows: a row for each traceability lot that went into a new one, read from the links of the trace."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.ids import ItemId
from domain.linking import links_of
from domain.links import Link, Relation
from services.query.answering import answered
from services.query.counting import counting
from services.query.snapshot import Asked
from services.query.sortable.lots import Lots

CHUNK = 5_000
_FLOWS = frozenset({Relation.DERIVATION, Relation.PART_OF})
_MAKINGS = """
-- events that brought such things forth, each with how much
SELECT i.uri, x.quantity, x.uom, e.event_no, e.key_no, e.log_partition, e.log_offset, e.latest_us, k.event_id
FROM views.items i JOIN views.event_items x USING (item_no) JOIN views.events e USING (event_no)
JOIN views.event_keys k USING (key_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND x.role IN (2, 5)
ORDER BY e.latest_us, k.event_id, i.uri
"""
_MADE_BETWEEN = """
SELECT DISTINCT i.uri FROM views.events e JOIN views.event_items x USING (event_no) JOIN views.items i USING (item_no)
WHERE e.tenant_id = $1 AND x.role IN (2, 5)
AND ($2::bigint IS NULL OR e.latest_us >= $2) AND ($3::bigint IS NULL OR e.earliest_us < $3)
"""

Sum = tuple[Decimal | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One input lot of one new lot, in one event; `source` None: nothing is recorded to have gone in."""

    event_no: int
    event_id: str
    at_us: int
    lot: ItemId
    quantity: Decimal | None
    uom: str | None
    source: ItemId | None = None
    source_quantity: Decimal | None = None
    source_uom: str | None = None
    certainty: str = "certain"


async def made_between(asked: Asked, since_us: int | None, until_us: int | None) -> set[ItemId]:
    """Everything that was brought forth in a window."""
    rows = await asked.connection.fetch(_MADE_BETWEEN, asked.tenant_id, since_us, until_us)
    return {ItemId(r[0]) for r in rows}


async def targets_of(asked: Asked, things: Collection[ItemId]) -> set[ItemId]:
    """What these things went into."""
    links = await _links(asked, things, forward=True)
    return {link.target for link in links if link.relation in _FLOWS}


async def made(asked: Asked, targets: Collection[ItemId], lots: Lots) -> list[Made]:
    """The transformation rows of these targets, by event, new lot and input lot."""
    makings = await _makings(asked, targets)
    links = [link for link in await _links(asked, targets, forward=False) if link.relation in _FLOWS]
    await lots.load([*targets, *(link.source for link in links)])
    brought: dict[tuple[str, ItemId], list[Any]] = {}
    first: dict[ItemId, str] = {}
    for row in makings:
        lot = lots.of(ItemId(row["uri"]))
        brought.setdefault((row["event_id"], lot), []).append(row)
        first.setdefault(ItemId(row["uri"]), row["event_id"])
    went: dict[tuple[str, ItemId], list[Link]] = {}
    for link in links:
        lot = lots.of(link.target)
        known = (link.event_id, lot) in brought
        went.setdefault((link.event_id if known else first.get(link.target, link.event_id), lot), []).append(link)
    rows: list[Made] = []
    for (event_id, lot), of_event in sorted(brought.items(), key=lambda b: (b[1][0]["latest_us"], b[0])):
        rows += _rows(event_id, lot, brought=of_event, links=went.get((event_id, lot), []), lots=lots)
    return rows


def _rows(event_id: str, lot: ItemId, *, brought: Sequence[Any], links: Sequence[Link], lots: Lots) -> list[Made]:
    sums = _sums([(r["uom"], _of(r, lot)) for r in brought])
    quantity, uom = sums[0] if len(sums) == 1 else (None, None)  # units of measure do not add up
    head = {
        "event_no": brought[0]["event_no"],
        "event_id": event_id,
        "at_us": brought[0]["latest_us"],
        "lot": lot,
        "quantity": quantity,
        "uom": uom,
    }
    by_source: dict[ItemId, list[Link]] = {}
    for link in links:
        by_source.setdefault(lots.of(link.source), []).append(link)
    found = []
    for source, ways in sorted(by_source.items()):
        certainty = "certain" if any(not way.reasons for way in ways) else "possible"
        for amount, unit in _sums(_taken(ways, lots=lots)):
            found.append(Made(**head, source=source, source_quantity=amount, source_uom=unit, certainty=certainty))
    return found or [Made(**head)]


def _of(row: Any, lot: ItemId) -> Decimal | None:
    """A unit counts one, a lot what is said of it."""
    if row["quantity"] is not None:
        return Decimal(row["quantity"])
    return None if row["uri"] == lot and lot.kind != "unit" else Decimal(1)


def _taken(ways: Sequence[Link], *, lots: Lots) -> list[tuple[str | None, Decimal | None]]:
    """How much of a source went in: what an event says once, though each of its outputs has a link."""
    once: set[tuple[str, ItemId, str | None, Decimal | None]] = set()
    for way in ways:
        single = Decimal(1) if lots.of(way.source) != way.source or way.source.kind == "unit" else None
        once.add((way.event_id, way.source, way.uom, way.quantity if way.quantity is not None else single))
    return [(uom, quantity) for _, _, uom, quantity in once]


def _sums(amounts: Iterable[tuple[str | None, Decimal | None]]) -> list[Sum]:
    """By unit of measure; None where a part is not known."""
    found: dict[str | None, Decimal | None] = {}
    for uom, quantity in amounts:
        before = found.get(uom, Decimal(0))
        found[uom] = None if before is None or quantity is None else before + quantity
    return [(total, uom) for uom, total in sorted(found.items(), key=lambda s: s[0] or "")]


async def _links(asked: Asked, items: Collection[ItemId], *, forward: bool) -> set[Link]:
    found: set[Link] = set()
    wanted = sorted(items)
    for start in range(0, len(wanted), CHUNK):
        chunk = frozenset(wanted[start : start + CHUNK])
        found |= await answered(links_of(chunk, forward=forward), asked.record())
    return found


async def _makings(asked: Asked, items: Collection[ItemId]) -> list[Any]:
    wanted, found = sorted(items), []
    for start in range(0, len(wanted), CHUNK):
        rows = await asked.connection.fetch(_MAKINGS, asked.tenant_id, wanted[start : start + CHUNK])
        found += await counting(asked, rows)
    return found
