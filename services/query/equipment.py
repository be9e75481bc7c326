"""The record over SQL of what equipment and vessels held: only the parts of their histories that spans stand for."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from domain.acts import is_made
from domain.bookings import BOOKING, ISSUE, may_begin_us
from domain.events import VesselMode
from domain.facts import LoadFact, Mention, Role, VesselAct, VesselFact
from domain.ids import ItemId
from domain.links import ALWAYS_US, NEVER_US
from domain.record import Found, Happened, LoadSign, Making, Need, OrderStart, VesselSign
from domain.spans import REACH, FillSpan, Near, Span
from services.query import equipment_sql as sql
from services.query.ranges import Ranges

FIRST_LIMIT = REACH + 3
"""Signs asked for on either side at first; more only where some of them turn out not to count."""
_FAR_US = 1 << 61
"""Further than any instant, and still a number that times can be added to."""
MANY_UNITS = 1_000
"""A making with more units is kept while the question lasts."""


@dataclass(slots=True)
class Rows:
    """What the record over SQL lends: its connection, and events and ids by number."""

    connection: asyncpg.Connection
    tenant_id: int
    numbers: Callable[[Iterable[ItemId]], Awaitable[list[int]]]
    load_events: Callable[[set[int]], Awaitable[None]]
    load_uris: Callable[[set[int]], Awaitable[None]]
    mentions: Callable[[str, Iterable[Any]], Any]
    ranges: Ranges
    events: dict[int, Happened | None] = field(default_factory=dict)
    uri: dict[int, ItemId] = field(default_factory=dict)


class EquipmentRecord:
    """Answers the part of a need that is about equipment and vessels."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._made_in_ranges: dict[int, Making] = {}

    async def look_up(self, need: Need, found: Found) -> None:
        """Add what the need asks of it, of events that count."""
        if need.loadings_of:
            for row in await self._fetch(sql.LOADINGS_OF, await self._rows.numbers(need.loadings_of)):
                if (sign := self._load_sign(row)) is not None and sign.fact.item is not None:
                    found.loadings_of.setdefault(sign.fact.item, []).append(sign)
        if need.acts_on:
            for row in await self._fetch(sql.ACTS_ON, await self._rows.numbers(need.acts_on)):
                if (act := self._act(row)) is not None and act.fact.item is not None:
                    found.acts_on.setdefault(act.fact.item, []).append(act)
        await self._loads(need.loads, found)
        await self._fills(need.fills, found)
        await self._makings(need, found)
        await self._order_starts(need.order_starts, found)

    # -- mounts and unmounts

    async def _loads(self, spans: Iterable[Span], found: Found) -> None:
        wanted = sorted(spans)
        if not wanted:
            return
        names = sorted({s.equipment for s in wanted})
        rows = await self._rows.connection.fetch(sql.POSITIONS, self._rows.tenant_id, names)
        at: dict[str, list[str]] = {}
        for row in rows:
            at.setdefault(row["equipment"], []).append(row["position"])
        todo = [(span, position) for span in wanted for position in at.get(span.equipment, [])]
        limit = FIRST_LIMIT
        while todo:
            signs = await self._signs(todo, limit)
            again = []
            for no, (span, position) in enumerate(todo):
                got = signs.get(no, [])
                if _falls_short(got, span, limit):
                    again.append((span, position))
                else:
                    known = [s for _, s in got if s is not None]
                    found.loads.setdefault(span, []).extend(known)
            todo, limit = again, limit * 4

    async def _signs(
        self, places: list[tuple[Span, str]], limit: int
    ) -> dict[int, list[tuple[asyncpg.Record, LoadSign | None]]]:
        """The signs of each place around its span; None for those that do not count."""
        columns = (
            [s.equipment for s, _ in places],
            [p for _, p in places],
            [_bounded(s.from_us) for s, _ in places],
            [_bounded(s.to_us) for s, _ in places],
        )
        rows = await self._rows.connection.fetch(sql.SIGNS, self._rows.tenant_id, *columns, limit)
        await self._load(rows)
        found: dict[int, list[tuple[asyncpg.Record, LoadSign | None]]] = {}
        for row in rows:
            found.setdefault(row["no"] - 1, []).append((row, self._load_sign(row)))
        return found

    # -- vessels

    async def _fills(self, spans: Iterable[FillSpan], found: Found) -> None:
        wanted = sorted(spans)
        if not wanted:
            return
        floors = await self._breaks(wanted, before=True)
        ends = await self._breaks([s for s in wanted if s.ahead], before=False)
        columns = (
            [s.vessel for s in wanted],
            [_bounded(floors[s].event.facts.begins_us if s in floors else NEVER_US) for s in wanted],
            [_bounded(self._until(s, ends)) for s in wanted],
        )
        rows = await self._rows.connection.fetch(sql.ACTS, self._rows.tenant_id, *columns)
        await self._load(rows)
        for row in rows:
            if (act := self._act(row)) is not None:
                found.fills.setdefault(wanted[row["no"] - 1], []).append(act)

    @staticmethod
    def _until(span: FillSpan, ends: dict[FillSpan, VesselSign]) -> int:
        if not span.ahead:
            return span.to_us
        return ends[span].event.facts.latest_us if span in ends else ALWAYS_US

    async def _breaks(self, spans: list[FillSpan], *, before: bool) -> dict[FillSpan, VesselSign]:
        """The last clean break of each vessel surely before its span, or the first surely after it, that counts."""
        found: dict[FillSpan, VesselSign] = {}
        todo, limit = spans, 2
        while todo:
            instants = [_bounded(s.from_us if before else s.to_us) for s in todo]
            statement = sql.BREAKS_BEFORE if before else sql.BREAKS_AFTER
            rows = await self._rows.connection.fetch(
                statement, self._rows.tenant_id, [s.vessel for s in todo], instants, limit
            )
            await self._load(rows)
            seen = [0] * len(todo)
            for row in rows:
                span, act = todo[row["no"] - 1], self._act(row)
                seen[row["no"] - 1] += 1
                if act is not None and not act.event.pending:
                    found.setdefault(span, act)
            todo = [s for s, n in zip(todo, seen, strict=True) if s not in found and n == limit]
            limit *= 8
        return found

    # -- makings

    async def _makings(self, need: Need, found: Found) -> None:
        if need.makings:
            spans = sorted(need.makings)
            columns = (
                [s.equipment for s in spans],
                [_bounded(s.from_us) for s in spans],
                [_bounded(s.to_us) for s in spans],
            )
            rows = await self._rows.connection.fetch(sql.MAKINGS, self._rows.tenant_id, *columns)
            made = await self._made({r["event_no"] for r in rows})
            for row in rows:
                if (making := made.get(row["event_no"])) is not None:
                    found.makings.setdefault(spans[row["no"] - 1], []).append(making)
        for before in (True, False):
            await self._near([n for n in sorted(need.makings_near) if n.before is before], found)
        if need.makings_of:
            rows = await self._fetch(sql.MAKINGS_OF, await self._rows.numbers(need.makings_of))
            made = await self._made({r["event_no"] for r in rows})
            for row in rows:
                making = made.get(row["event_no"])
                item = self._rows.uri[row["item_no"]]
                if making is not None and any(m.item == item for m in making.made):
                    found.makings_of.setdefault(item, []).append(making)
            held = await self._rows.ranges.holding(need.makings_of)
            made = await self._made({event_no for _, event_no, _ in held})
            for item, event_no, _ in held:
                if (making := made.get(event_no)) is not None:
                    found.makings_of.setdefault(item, []).append(making)

    async def _near(self, wanted: list[Near], found: Found) -> None:
        todo, factor = wanted, 1
        while todo:
            statement = sql.MADE_BEFORE if todo[0].before else sql.MADE_AFTER
            limits = [n.units * factor for n in todo]
            columns = ([n.equipment for n in todo], [_bounded(n.at_us) for n in todo], limits)
            rows = await self._rows.connection.fetch(statement, self._rows.tenant_id, *columns)
            made = await self._made({r["event_no"] for r in rows})
            got: dict[int, list[Making | None]] = {}
            for row in rows:
                got.setdefault(row["no"] - 1, []).append(made.get(row["event_no"]))
            again = []
            for no, near in enumerate(todo):
                makings = [m for m in got.get(no, []) if m is not None]
                if sum(m.units for m in makings) < near.units and len(got.get(no, [])) == limits[no]:
                    again.append(near)
                else:
                    found.makings_near[near] = makings
            todo, factor = again, factor * 4

    async def _made(self, event_nos: set[int]) -> dict[int, Making]:
        """The makings that count among these events."""
        await self._rows.load_events(event_nos)
        counting = [no for no in event_nos if self._rows.events[no] is not None]
        mentions: dict[int, list[Mention]] = {}
        async for some in self._rows.mentions(sql.MADE_AND_USED, counting):
            for event, mention in some:
                mentions.setdefault(event.no, []).append(mention)
        on: dict[int, tuple[list[str], int]] = {}
        for row in await self._fetch(sql.MADE_ON, counting):
            equipment, _ = on.setdefault(row["event_no"], ([], row["units"]))
            equipment.append(row["equipment"])
        found = {no: self._made_in_ranges[no] for no in on if no in self._made_in_ranges}
        ranged = {no for no in on if no not in found}
        for no, one in await self._rows.ranges.of_events(ranged):
            mentions.setdefault(no, []).extend(one.mention(item) for item in one.serials.items())
        for no, (equipment, units) in ((no, on[no]) for no in ranged):
            event = self._rows.events[no]
            assert event is not None
            named = mentions.get(no, [])
            made = tuple(m for m in named if is_made(m, event.facts.kind))
            used = tuple(m for m in named if m.role in (Role.INPUT, Role.COMPONENT))
            found[no] = Making(event, tuple(equipment), units, made, used, may_begin_us(event.facts))
            if units > MANY_UNITS:  # written out once a question
                self._made_in_ranges[no] = found[no]
        return found

    # -- how orders began

    async def _order_starts(self, keys: Iterable[str], found: Found) -> None:
        """The first issues and the first bookings of each, up to one that counts and may not be void."""
        todo, limit = [(key, kind) for key in sorted(keys) for kind in (ISSUE, BOOKING)], 2
        while todo:
            columns = [key for key, _ in todo], [kind for _, kind in todo]
            rows = await self._rows.connection.fetch(sql.ORDER_STARTS, self._rows.tenant_id, *columns, limit)
            await self._load(rows)
            got: dict[int, list[Happened | None]] = {}
            for row in rows:
                got.setdefault(row["no"] - 1, []).append(self._rows.events[row["event_no"]])
            again = []
            for no, (key, kind) in enumerate(todo):
                events = [e for e in got.get(no, []) if e is not None]
                if all(e.pending for e in events) and len(got.get(no, [])) == limit:
                    again.append((key, kind))
                else:
                    found.order_starts.setdefault(key, []).extend(OrderStart(e) for e in events)
            todo, limit = again, limit * 8

    # -- rows and values

    async def _fetch(self, statement: str, numbers: list[int]) -> list[asyncpg.Record]:
        rows = list(await self._rows.connection.fetch(statement, numbers)) if numbers else []
        await self._load(rows)
        return rows

    async def _load(self, rows: list[asyncpg.Record]) -> None:
        await self._rows.load_events({r["event_no"] for r in rows})
        if rows and "item_no" in rows[0]:
            await self._rows.load_uris({r["item_no"] for r in rows if r["item_no"] is not None})

    def _load_sign(self, row: asyncpg.Record) -> LoadSign | None:
        event = self._rows.events[row["event_no"]]
        if event is None:
            return None
        item = self._rows.uri[row["item_no"]] if row["item_no"] is not None else None
        return LoadSign(event, LoadFact(row["equipment"], row["position"], item, row["mounts"], row["doubt_units"]))

    def _act(self, row: asyncpg.Record) -> VesselSign | None:
        event = self._rows.events[row["event_no"]]
        if event is None:
            return None
        return VesselSign(
            event,
            VesselFact(
                vessel=row["vessel"],
                act=VesselAct(row["act"]),
                compartment=row["compartment"],
                item=self._rows.uri[row["item_no"]] if row["item_no"] is not None else None,
                quantity=row["quantity"],
                uom=row["uom"],
                mode=VesselMode(row["mode"]) if row["mode"] else None,
                part=row["part"],
            ),
        )


def _bounded(instant_us: int) -> int:
    return max(-_FAR_US, min(instant_us, _FAR_US))


def _falls_short(got: list[tuple[asyncpg.Record, LoadSign | None]], span: Span, limit: int) -> bool:
    """Whether a sign that was not asked for could still decide something in the span (domain.spans.Span)."""
    before = [s for row, s in got if row["latest_us"] < span.from_us]
    after = [(row, s) for row, s in got if row["latest_us"] > span.to_us]
    sure = sum(
        s is not None
        and not s.event.pending
        and s.event.facts.earliest_us == s.event.facts.latest_us
        and (s.fact.mounts or s.fact.item is None)
        for s in before
    )
    if len(before) >= limit and sure <= REACH:
        return True
    later = [(row, s) for row, s in after if row["nth"] is not None]
    touching = [row["latest_us"] for row, _ in after if row["earliest_us"] <= span.to_us]
    reached = max((row["latest_us"] for row, _ in later), default=0)
    return len(later) >= limit and (
        sum(s is not None and row["earliest_us"] > span.to_us for row, s in later) < REACH
        or max(touching, default=0) > reached
    )
