"""The record over SQL: what a question needs, looked up in batches within one snapshot (domain/record.py)."""

from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg

from domain.corrections import Standing
from domain.events import Basis, ProductScope
from domain.facts import Action, EventFacts, Flow, HoldFact, Membership, Mention, RecallFact, Role, Status, VoidFact
from domain.ids import ItemId
from domain.moments import Moment
from domain.record import Found, Happened, MemberAt, Naming, Need, SameAt
from services.query.standing import judged

_ITEM_NOS = "SELECT item_no, uri FROM views.items WHERE tenant_id = $1 AND uri = ANY($2)"
_ITEM_URIS = "SELECT item_no, uri FROM views.items WHERE item_no = ANY($1)"
_MENTION = "event_no, item_no, role, action, flow, by_class, quantity, uom, basis, status"
_NAMED = f"SELECT {_MENTION} FROM views.event_items WHERE item_no = ANY($1)"
_LINKED = f"SELECT {_MENTION} FROM views.event_items WHERE item_no = ANY($1) AND role <> 0"
_CONTENTS = f"SELECT {_MENTION} FROM views.event_items WHERE event_no = ANY($1) AND role IN (3, 4, 5, 6)"
_FLOWS = f"""
SELECT {", ".join("i." + c.strip() for c in _MENTION.split(","))}, e.transformation
FROM views.events e JOIN views.event_items i USING (event_no)
WHERE e.tenant_id = $1 AND e.transformation = ANY($2) AND i.role IN (1, 2)
"""
_MEMBERS = """
SELECT event_no, lot_no, unit_no, at_making FROM views.memberships WHERE lot_no = ANY($1)
UNION SELECT event_no, lot_no, unit_no, at_making FROM views.memberships WHERE unit_no = ANY($1)
"""
_SAME = """
SELECT event_no, one_no, other_no FROM views.identities WHERE one_no = ANY($1)
UNION SELECT event_no, one_no, other_no FROM views.identities WHERE other_no = ANY($1)
"""
_MATERIALS = "SELECT event_no, item_no, material_no FROM views.item_materials WHERE item_no = ANY($1)"
_OF_MATERIAL = """
-- items whose id shows the class, or that an event declares to be of it; with the events that name them
SELECT w.material, i.item_no, i.uri, x.event_no, x.event_no AS said_by
FROM unnest($2::text[]) AS w(material)
JOIN views.items i ON i.tenant_id = $1 AND i.material = w.material AND i.uri <> w.material
JOIN views.event_items x ON x.item_no = i.item_no
UNION ALL
SELECT c.uri, i.item_no, i.uri, x.event_no, m.event_no
FROM views.items c JOIN views.item_materials m ON m.material_no = c.item_no
JOIN views.items i ON i.item_no = m.item_no JOIN views.event_items x ON x.item_no = i.item_no
WHERE c.tenant_id = $1 AND c.uri = ANY($2)
"""
_NOTICES = (
    "SELECT topic, subject, event_no FROM views.notices WHERE tenant_id = $1 AND topic = $2 AND subject = ANY($3)"
)
# Named one by one: a rebuild puts other tables in their place, and cached statements must find the same columns.
_HEADER_COLUMNS = (
    "event_no key_no log_partition log_offset kind source may_correct occurred_at earliest_us latest_us started_us rank"
    " accepted_us request_index parent_no transformation mixed site to_place holder clears_holder owner disposition"
    " set_flags unset_flags hold recall void"
)
_HEADERS = f"""
SELECT {", ".join("e." + c for c in _HEADER_COLUMNS.split())}, k.event_id
FROM views.events e JOIN views.event_keys k USING (key_no) WHERE e.event_no = ANY($1)
"""

CHUNK = 20_000
"""Numbers one statement is asked about at most."""


class SqlRecord:
    """Answers needs for one tenant in one snapshot. One instance a question; `vector` None: all that is applied."""

    def __init__(
        self, connection: asyncpg.Connection, tenant_id: int, *, vector: Mapping[int, int] | None = None
    ) -> None:
        self._connection = connection
        self._tenant_id = tenant_id
        self._vector = vector
        self._no: dict[str, int] = {}
        self._uri: dict[int, ItemId] = {}
        self._events: dict[int, Happened | None] = {}

    async def look_up(self, need: Need) -> Found:
        """Everything the need asks for, of events that count at the vector."""
        named = await self._numbers(need.named)
        linked = await self._numbers(need.linked)
        nos = named + linked
        rows = await self._all(_NAMED, named) + await self._all(_LINKED, linked)
        contents = await self._all(_CONTENTS, list(need.contents))
        flows = await self._flows(need.transformations)
        # Each row once, though one end may be asked about in one chunk and the other in another.
        members = list(dict.fromkeys(await self._all(_MEMBERS, nos)))
        same = list(dict.fromkeys(await self._all(_SAME, nos)))
        materials = await self._all(_MATERIALS, nos)
        of_material = await self._fetch(_OF_MATERIAL, need.of_material)
        notices = await self._notices(need)
        everything = (*rows, *contents, *flows, *members, *same, *materials, *of_material, *notices)
        events = {r["event_no"] for r in everything} | {r["said_by"] for r in of_material}
        await self._load_events(events)
        columns = ("item_no", "lot_no", "unit_no", "one_no", "other_no", "material_no")
        linking = (*rows, *contents, *flows, *members, *same, *materials)
        await self._load_uris({r[c] for r in linking for c in columns if c in r})
        found = Found()
        for row in rows:
            self._name(found.namings, row)
        for row in contents:
            if self._events[row["event_no"]] is not None:
                found.contents.setdefault(row["event_no"], []).append(self._mention(row))
        for row in flows:
            naming = self._naming(row)
            if naming is not None:
                found.transformations.setdefault(row["transformation"], []).append(naming)
        self._relations(found, members, same=same, materials=materials)
        for row in of_material:
            if self._events[row["event_no"]] is not None and self._events[row["said_by"]] is not None:
                listed = found.of_material.setdefault(ItemId(row["material"]), [])
                if row["uri"] not in listed:
                    listed.append(ItemId(row["uri"]))
        for row in notices:
            self._note(found, row)
        for group in found.of_material.values():
            group.sort()
        return found

    # -- looking up

    async def _all(self, statement: str, numbers: list[int]) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = []
        for start in range(0, len(numbers), CHUNK):
            rows += await self._connection.fetch(statement, numbers[start : start + CHUNK])
        return rows

    async def _fetch(self, statement: str, names: Iterable[str]) -> list[asyncpg.Record]:
        wanted = [str(n) for n in names]
        return list(await self._connection.fetch(statement, self._tenant_id, wanted)) if wanted else []

    async def _flows(self, keys: Iterable[str]) -> list[asyncpg.Record]:
        wanted = list(keys)
        rows: list[asyncpg.Record] = []
        for start in range(0, len(wanted), CHUNK):
            rows += await self._fetch(_FLOWS, wanted[start : start + CHUNK])
        return rows

    async def _notices(self, need: Need) -> list[asyncpg.Record]:
        rows: list[asyncpg.Record] = []
        for topic, subjects in (("hold", need.holds), ("recall", need.recalls), ("product", need.recalls_of)):
            if subjects:
                wanted = [str(s) for s in subjects]
                rows += await self._connection.fetch(_NOTICES, self._tenant_id, topic, wanted)
        return rows

    async def _numbers(self, items: Iterable[ItemId]) -> list[int]:
        wanted = list(items)
        unknown = [str(i) for i in wanted if i not in self._no]
        for start in range(0, len(unknown), CHUNK):
            for row in await self._connection.fetch(_ITEM_NOS, self._tenant_id, unknown[start : start + CHUNK]):
                self._keep(row["item_no"], row["uri"])
        return [self._no[i] for i in wanted if i in self._no]

    async def _load_uris(self, numbers: set[int]) -> None:
        for row in await self._all(_ITEM_URIS, [n for n in numbers if n not in self._uri]):
            self._keep(row["item_no"], row["uri"])

    def _keep(self, number: int, uri: str) -> None:
        item = ItemId(uri)
        self._no[item] = number
        self._uri[number] = item

    async def _load_events(self, numbers: set[int]) -> None:
        fresh = [n for n in numbers if n not in self._events]
        for start in range(0, len(fresh), CHUNK):
            rows = await self._connection.fetch(_HEADERS, fresh[start : start + CHUNK])
            verdicts = await judged(self._connection, [r["key_no"] for r in rows], vector=self._vector)
            await self._load_uris({r["parent_no"] for r in rows if r["parent_no"] is not None})
            for row in rows:
                verdict = verdicts.get(row["event_no"])
                known = self._vector is None or row["log_offset"] <= self._vector.get(row["log_partition"], -1)
                counts = known if verdict is None else verdict.standing in (Standing.COUNTS, Standing.PENDING)
                pending = verdict is not None and verdict.standing is Standing.PENDING
                happened = Happened(row["event_no"], self._facts(row), pending) if counts else None
                self._events[row["event_no"]] = happened

    # -- from rows to the domain's values

    def _facts(self, row: Mapping[str, Any]) -> EventFacts:
        parent = row["parent_no"]
        return EventFacts(
            event_id=row["event_id"],
            kind=row["kind"],
            source=row["source"],
            may_correct=row["may_correct"],
            occurred_at=row["occurred_at"],
            earliest_us=row["earliest_us"],
            latest_us=row["latest_us"],
            started_us=row["started_us"],
            rank=row["rank"],
            accepted_us=row["accepted_us"],
            index=row["request_index"],
            parent=self._uri[parent] if parent is not None else None,
            transformation=row["transformation"],
            mixed=row["mixed"],
            site=row["site"],
            to_place=row["to_place"],
            holder=row["holder"],
            clears_holder=row["clears_holder"],
            owner=row["owner"],
            disposition=row["disposition"],
            set_flags=tuple(row["set_flags"] or ()),
            unset_flags=tuple(row["unset_flags"] or ()),
            hold=HoldFact(**row["hold"]) if row["hold"] else None,
            recall=_recall(row["recall"]) if row["recall"] else None,
            void=_void(row["void"]) if row["void"] else None,
        )

    def _mention(self, row: Mapping[str, Any]) -> Mention:
        return Mention(
            item=self._uri[row["item_no"]],
            role=Role(row["role"]),
            action=Action(row["action"]),
            quantity=row["quantity"],
            uom=row["uom"],
            basis=Basis(row["basis"]) if row["basis"] else None,
            status=Status(row["status"]) if row["status"] else None,
            flow=Flow(row["flow"]),
            by_class=row["by_class"],
        )

    def _naming(self, row: Mapping[str, Any]) -> Naming | None:
        event = self._events[row["event_no"]]
        return Naming(event, self._mention(row)) if event is not None else None

    def _name(self, into: dict[ItemId, list[Naming]], row: Mapping[str, Any]) -> None:
        naming = self._naming(row)
        if naming is not None:
            into.setdefault(naming.mention.item, []).append(naming)

    def _relations(self, found: Found, members: list[Any], *, same: list[Any], materials: list[Any]) -> None:
        for row in members:
            event = self._events[row["event_no"]]
            if event is not None:
                membership = Membership(self._uri[row["lot_no"]], self._uri[row["unit_no"]], row["at_making"])
                for item in (membership.lot, membership.unit):
                    found.members.setdefault(item, []).append(MemberAt(event, membership))
        for row in same:
            event = self._events[row["event_no"]]
            if event is not None:
                one, other = self._uri[row["one_no"]], self._uri[row["other_no"]]
                for item in (one, other):
                    found.same.setdefault(item, []).append(SameAt(event, one, other))
        for row in materials:
            if self._events[row["event_no"]] is not None:
                found.materials.setdefault(self._uri[row["item_no"]], set()).add(self._uri[row["material_no"]])

    def _note(self, found: Found, row: Mapping[str, Any]) -> None:
        event = self._events[row["event_no"]]
        if event is None:
            return
        match row["topic"]:
            case "hold":
                found.holds.setdefault(row["subject"], []).append(event)
            case "recall":
                found.recalls.setdefault(row["subject"], []).append(event)
            case _:
                found.recalls_of.setdefault(ItemId(row["subject"]), []).append(event)


def _recall(row: Mapping[str, Any]) -> RecallFact:
    products = tuple(
        ProductScope(
            product=ItemId(p["product"]),
            first_serial=p["first_serial"],
            last_serial=p["last_serial"],
            made_from=Moment.parse(p["made_from"]) if p["made_from"] else None,
            made_until=Moment.parse(p["made_until"]) if p["made_until"] else None,
        )
        for p in row["products"]
    )
    return RecallFact(row["recall_id"], row["action"], products, row["remedy"])


def _void(row: Mapping[str, Any]) -> VoidFact:
    return VoidFact(row["target"], tuple(row["replaced_by"]), row["reason"])
