"""The record over SQL: what a question needs, looked up in batches within one snapshot (domain/record.py)."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Any

import asyncpg

from domain.corrections import Standing
from domain.events import Basis, UomFactor
from domain.facts import Action, Flow, Membership, Mention, Ranged, Role, Status
from domain.ids import ItemId
from domain.kinds import may_be_box
from domain.record import FactorAt, Found, Happened, MemberAt, Naming, Need, RenamedAt, SameAt
from services.query import statements as sql
from services.query.equipment import EquipmentRecord, Rows
from services.query.facts_of_rows import facts_of_row
from services.query.ranges import Ranges
from services.query.standing import judged

CHUNK = 5_000
"""Numbers one statement is asked about at most."""
BREATH_ROWS = 500
"""Rows made into values before other requests of the process get their turn."""
EVENTS_KEPT, ITEMS_KEPT = 20_000, 20_000
"""What is kept between needs; over that it is read again."""

_ROLE: dict[int, Role] = {r.value: r for r in Role}
_ACTION: dict[int, Action] = {a.value: a for a in Action}
_FLOW: dict[int, Flow] = {f.value: f for f in Flow}
_BASIS: dict[str | None, Basis | None] = {None: None, **{b.value: b for b in Basis}}
_STATUS: dict[str | None, Status | None] = {None: None, **{s.value: s for s in Status}}


class SqlRecord:
    """Answers needs for one tenant in one snapshot. One instance a question; `vector` None: all that is applied.

    With `places`, only events count that happened at, or led to, one of these (services/query/scope.py).

    `troubled` are the keys of events met so far that have a void or a second version: few, if any.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        tenant_id: int,
        *,
        vector: Mapping[int, int] | None = None,
        places: Collection[str] | None = None,
    ) -> None:
        self._connection = connection
        self._places = sorted(places) if places is not None else None
        self._tenant_id = tenant_id
        self._vector = vector
        self._no: dict[str, int] = {}
        self._uri: dict[int, ItemId] = {}
        self._events: dict[int, Happened | None] = {}
        self._ranges = Ranges(connection, tenant_id)
        self._any_renamed: bool | None = None
        self._whole_chain: set[int] = set()
        self.troubled: set[int] = set()
        self._equipment = EquipmentRecord(
            Rows(
                connection,
                tenant_id,
                numbers=self._numbers,
                load_events=self._load_events,
                load_uris=self._load_uris,
                mentions=self._mentions,
                ranges=self._ranges,
                events=self._events,
                uri=self._uri,
            )
        )

    async def look_up(self, need: Need) -> Found:
        """Everything the need asks for, of events that count at the vector."""
        self._forget()
        found = Found()
        named, linked = await self._numbers(need.named), await self._numbers(need.linked)
        for statement, numbers in ((sql.NAMED, named), (sql.LINKED, linked)):
            async for rows in self._mentions(statement, numbers):
                for event, mention in rows:
                    found.namings.setdefault(mention.item, []).append(Naming(event, mention))
        async for rows in self._mentions(sql.CONTENTS, need.contents):
            for event, mention in rows:
                found.contents.setdefault(event.no, []).append(mention)
        async for rows in self._mentions(sql.FLOWS, need.transformations):
            for event, mention in rows:
                found.transformations.setdefault(event.facts.transformation or "", []).append(Naming(event, mention))
        await self._relate(found, [*named, *linked, *await self._numbers(need.related)])
        await self._filled(found, need)
        await self._units(found, need)
        await self._orders(found, need)
        await self._classes(found, need.of_material)
        await self._notices(found, need)
        await self._equipment.look_up(need, found)
        await self._members_of_ranges(found, need)
        found.renamed = await self._renamings()
        return found

    async def exposed_by(self, event_nos: Iterable[int]) -> list[tuple[Happened, list[Mention]]]:
        """The events that count among these, each with its subjects, outputs and assembly parents."""
        asked = list(event_nos)
        found: dict[int, tuple[Happened, list[Mention]]] = {}
        async for rows in self._mentions(sql.EXPOSED, asked):
            for event, mention in rows:
                found.setdefault(event.no, (event, []))[1].append(mention)
        ranged_events = await self._ranges.of_events(asked)
        await self._load_events({event_no for event_no, _ in ranged_events})
        for event_no, ranged in ranged_events:
            if (made := self._events[event_no]) is not None:
                mentions = found.setdefault(event_no, (made, []))[1]
                mentions += [ranged.mention(item) for item in ranged.serials.items()]
        return list(found.values())

    async def happened(self, event_nos: Iterable[int]) -> dict[int, Happened]:
        """Those of the events that count, by number."""
        numbers = set(event_nos)
        await self._load_events(numbers)
        return {no: event for no in numbers if (event := self._events[no]) is not None}

    # -- one part of a need each

    async def _mentions(self, statement: str, keys: Iterable[Any]) -> AsyncIterator[list[tuple[Happened, Mention]]]:
        """Mentions of events that count, some at a time; the statement takes keys, and the tenant where it asks."""
        async for rows in self._fetch(statement, keys):
            await self._load_events({r[0] for r in rows})
            await self._load_uris({r[1] for r in rows})
            events, uri = self._events, self._uri
            yield [
                (
                    event,
                    Mention(
                        uri[item_no],
                        _ROLE[role],
                        _ACTION[action],
                        quantity,
                        uom,
                        _BASIS[basis],
                        _STATUS[status],
                        _FLOW[flow],
                        by_class,
                    ),
                )
                for event_no, item_no, role, action, flow, by_class, quantity, uom, basis, status in rows
                if (event := events[event_no]) is not None
            ]

    async def _relate(self, found: Found, numbers: list[int]) -> None:
        seen: set[Any] = set()  # both ends may be asked about, each in another chunk
        async for rows in self._fetch(sql.RELATIONS, numbers):
            await self._load_events({r["event_no"] for r in rows})
            await self._load_uris({n for r in rows for n in (r[2], r[3])})
            for what, event_no, one_no, other_no, at_making in rows:
                event, key = self._events[event_no], (what, event_no, one_no, other_no)
                if event is None or key in seen:
                    continue
                seen.add(key)
                self._take_relation(found, what, event=event, ends=(self._uri[one_no], self._uri[other_no], at_making))

    async def _filled(self, found: Found, need: Need) -> None:
        """The lots and classes in which something was packed: few, if any."""
        async for rows in self._fetch(sql.FILLED, await self._numbers(i for i in need.related if not may_be_box(i))):
            await self._load_events({r["event_no"] for r in rows})
            await self._load_uris({r["item_no"] for r in rows})
            for event_no, item_no in rows:
                if self._events[event_no] is not None:
                    found.filled.setdefault(self._uri[item_no], set()).add(event_no)

    async def _units(self, found: Found, need: Need) -> None:
        async for rows in self._fetch(sql.UNITS_OF, await self._numbers(need.units_of)):
            await self._load_events({r["event_no"] for r in rows})
            await self._load_uris({n for r in rows for n in (r["lot_no"], r["unit_no"])})
            for event_no, lot_no, unit_no, at_making in rows:
                if (event := self._events[event_no]) is not None:
                    membership = Membership(self._uri[lot_no], self._uri[unit_no], at_making)
                    found.units_of.setdefault(membership.lot, []).append(MemberAt(event, membership))

    @staticmethod
    def _take_relation(found: Found, what: int, *, event: Happened, ends: tuple[ItemId, ItemId, bool]) -> None:
        one, other, at_making = ends
        match what:
            case 0:
                found.members.setdefault(other, []).append(MemberAt(event, Membership(one, other, at_making)))
            case 1:
                same = SameAt(event, one, other)
                for item in (one, other):
                    found.same.setdefault(item, []).append(same)
            case _:
                found.materials.setdefault(one, set()).add(other)

    async def _orders(self, found: Found, need: Need) -> None:
        """What closes orders, and the units of measure of lots."""
        async for rows in self._fetch(sql.CLOSINGS, need.closings):
            await self._load_events({r["event_no"] for r in rows})
            for event_no, transformation in rows:
                if (event := self._events[event_no]) is not None:
                    found.closings.setdefault(transformation, []).append(event)
        async for rows in self._fetch(sql.FACTORS, await self._numbers(need.factors)):
            await self._load_events({r["event_no"] for r in rows})
            for event_no, item_no, quantity, uom, equals, in_uom in rows:
                if (event := self._events[event_no]) is not None:
                    factor = UomFactor(quantity=quantity, uom=uom, equals=equals, in_uom=in_uom)
                    found.factors.setdefault(self._uri[item_no], []).append(FactorAt(event, factor))

    async def _classes(self, found: Found, classes: Iterable[ItemId]) -> None:
        listed: dict[ItemId, set[ItemId]] = {}
        async for rows in self._fetch(sql.OF_MATERIAL, classes):
            await self._load_events({no for r in rows for no in (r["event_no"], r["said_by"])})
            for row in rows:
                if self._events[row["event_no"]] is not None and self._events[row["said_by"]] is not None:
                    self._keep(row["item_no"], row["uri"])
                    listed.setdefault(ItemId(row["material"]), set()).add(ItemId(row["uri"]))
        found.of_material = {material: sorted(items) for material, items in listed.items()}

    async def _notices(self, found: Found, need: Need) -> None:
        for topic, subjects in (("hold", need.holds), ("recall", need.recalls), ("product", need.recalls_of)):
            if not subjects:
                continue
            rows = await self._connection.fetch(sql.NOTICES, self._tenant_id, topic, [str(s) for s in subjects])
            await self._load_events({r["event_no"] for r in rows})
            for row in rows:
                event = self._events[row["event_no"]]
                if event is not None:
                    _note(found, topic, subject=row["subject"], event=event)

    async def _members_of_ranges(self, found: Found, need: Need) -> None:
        """What ranges of serials say of their members: each as if it had been listed."""
        told: list[ItemId] = []
        for item, event_no, ranged in await self._ranges.holding(need.named | need.linked | need.related):
            if (event := await self._event(event_no)) is not None:
                told_here = item in need.linked and ranged.role is not Role.SUBJECT
                if item in need.named or told_here:
                    found.namings.setdefault(item, []).append(Naming(event, ranged.mention(item)))
                if ranged.lot is not None:
                    member = MemberAt(event, Membership(ranged.lot, item, True))
                    found.members.setdefault(item, []).append(member)
                    told.append(ranged.lot)
        for event_no, ranged in await self._ranges.of_lots(await self._numbers(need.units_of)):
            if (event := await self._event(event_no)) is not None and ranged.lot is not None:
                of_lot = found.units_of.setdefault(ranged.lot, [])
                async for item in self._spelled(ranged, told):
                    of_lot.append(MemberAt(event, Membership(ranged.lot, item, True)))
        for event_no, ranged in await self._ranges.of_transformations(need.transformations):
            if (event := await self._event(event_no)) is not None:
                flows = found.transformations.setdefault(event.facts.transformation or "", [])
                async for item in self._spelled(ranged, told):
                    flows.append(Naming(event, ranged.mention(item)))
        for event_no, ranged in await self._ranges.of_products(need.of_material):
            if await self._event(event_no) is not None:
                listed = set(found.of_material.get(ranged.serials.product, ()))
                async for item in self._spelled(ranged, told):
                    listed.add(item)
                found.of_material[ranged.serials.product] = sorted(listed)
        if told and await self._may_be_renamed():
            await self._numbers(dict.fromkeys(told))

    async def members_of_ranges(self, items: Iterable[ItemId]) -> set[ItemId]:
        """Those of the units that a range names in an event that counts."""
        held = await self._ranges.holding(items)
        return {item for item, event_no, _ in held if await self._event(event_no) is not None}

    async def _spelled(self, ranged: Ranged, told: list[ItemId]) -> AsyncIterator[ItemId]:
        """The members of a range, with a breath between; noted in `told`."""
        for n, item in enumerate(ranged.serials.items(), 1):
            told.append(item)
            yield item
            if n % BREATH_ROWS == 0:
                await asyncio.sleep(0)

    async def _event(self, event_no: int) -> Happened | None:
        """The event, if it counts."""
        await self._load_events({event_no})
        return self._events[event_no]

    async def _may_be_renamed(self) -> bool:
        if self._any_renamed is None:
            self._any_renamed = bool(await self._connection.fetchval(sql.ANY_RENAMED, self._tenant_id))
        return self._any_renamed

    async def _renamings(self) -> list[RenamedAt]:
        """Every relabelling that counts of the items met since last asked, along each chain to its ends."""
        told: dict[tuple[int, int, int], None] = {}
        while await self._may_be_renamed() and (fresh := self._uri.keys() - self._whole_chain):
            self._whole_chain |= fresh
            async for rows in self._fetch(sql.RENAMED, fresh):
                await self._load_events({r["event_no"] for r in rows})
                await self._load_uris({n for r in rows for n in (r["old_no"], r["new_no"])})
                told |= {(r["event_no"], r["old_no"], r["new_no"]): None for r in rows}
        known = ((self._events[no], self._uri[old], self._uri[new]) for no, old, new in told)
        return [RenamedAt(event, old, new) for event, old, new in known if event is not None]

    # -- looking up

    async def _fetch(self, statement: str, keys: Iterable[Any]) -> AsyncIterator[list[asyncpg.Record]]:
        """The rows of a statement for many keys, some at a time, with a breath between."""
        wanted = list(keys)
        tenant = [self._tenant_id] if "$2" in statement else []
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            rows = await self._connection.fetch(statement, *tenant, chunk)
            for begin in range(0, len(rows), BREATH_ROWS):
                yield rows[begin : begin + BREATH_ROWS]
                await asyncio.sleep(0)

    async def _numbers(self, items: Iterable[ItemId]) -> list[int]:
        wanted = list(items)
        unknown = [str(i) for i in wanted if i not in self._no]
        async for rows in self._fetch(sql.ITEM_NOS, unknown):
            for number, uri in rows:
                self._keep(number, uri)
        return [self._no[i] for i in wanted if i in self._no]

    async def _load_uris(self, numbers: set[int]) -> None:
        async for rows in self._fetch(sql.ITEM_URIS, [n for n in numbers if n not in self._uri]):
            for number, uri in rows:
                self._keep(number, uri)

    def _keep(self, number: int, uri: str) -> None:
        item = ItemId(uri)
        self._no[item] = number
        self._uri[number] = item

    def _forget(self) -> None:
        if len(self._events) > EVENTS_KEPT:
            self._events.clear()
        if len(self._uri) > ITEMS_KEPT:
            self._no.clear()
            self._uri.clear()
            self._whole_chain.clear()

    async def _load_events(self, numbers: set[int]) -> None:
        async for rows in self._fetch(sql.HEADERS, [n for n in numbers if n not in self._events]):
            verdicts = await judged(self._connection, [r["key_no"] for r in rows], vector=self._vector)
            await self._load_uris({r["parent_no"] for r in rows if r["parent_no"] is not None})
            elsewhere = await self._elsewhere({r["event_no"] for r in rows})
            for row in rows:
                verdict = verdicts.get(row["event_no"])
                if verdict is not None:
                    self.troubled.add(row["key_no"])
                known = self._vector is None or row["log_offset"] <= self._vector.get(row["log_partition"], -1)
                counts = known if verdict is None else verdict.standing in (Standing.COUNTS, Standing.PENDING)
                pending = verdict is not None and verdict.standing is Standing.PENDING
                counts = counts and row["event_no"] not in elsewhere
                happened = Happened(row["event_no"], facts_of_row(row, self._uri), pending) if counts else None
                self._events[row["event_no"]] = happened

    async def _elsewhere(self, numbers: set[int]) -> set[int]:
        """Those of the events that have nothing to do with the places this record is limited to."""
        if self._places is None:
            return set()
        rows = await self._connection.fetch(sql.AT_PLACES, list(numbers), self._places)
        return numbers - {r[0] for r in rows}


def _note(found: Found, topic: str, *, subject: str, event: Happened) -> None:
    match topic:
        case "hold":
            found.holds.setdefault(subject, []).append(event)
        case "recall":
            found.recalls.setdefault(subject, []).append(event)
        case _:
            found.recalls_of.setdefault(ItemId(subject), []).append(event)
