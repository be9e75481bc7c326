"""From a leaf of a scope rule to the seeds it names, found in one snapshot (docs/recall.md 'The scope rule')."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

from domain.answers import Gap, Node, Way
from domain.cases.scope import (
    Exposed,
    FailedComponentLots,
    Inspection,
    Items,
    Leaf,
    Made,
    Product,
    Supplied,
    SupplierLots,
)
from domain.exposure import Seed
from domain.facts import EventFacts, Flow, Mention, Role
from domain.ids import ItemId, lot_of_supplier
from domain.moments import DAY_US, Moment, to_us, zone_of
from services.query.exposed import exposed
from services.query.exposure_asked import exposure_of
from services.query.graph.keeper import Graphs
from services.query.ranges import Ranges
from services.query.snapshot import Asked
from services.query.walks import Start, Walk, walked
from services.settings import Settings

PRODUCTION_DAY_UNCERTAIN = "production_day_uncertain"
_CHUNK = 20_000
_EVENTS_AT_ONCE = 500

_THEN = """($3::int[] IS NULL OR EXISTS (
    SELECT FROM unnest($3::int[], $4::bigint[]) AS v(part, known)
    WHERE v.part = e.log_partition AND e.log_offset <= v.known))"""
"""SQL: the event e lies at or below the position asked as of."""
_KNOWN = f"""
-- those of the items that an event named by then; a lot may be known by its serials alone
SELECT i.uri FROM views.items i WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND (
    EXISTS (SELECT FROM views.event_items x JOIN views.events e USING (event_no)
            WHERE x.item_no = i.item_no AND {_THEN})
    OR EXISTS (SELECT FROM views.memberships m JOIN views.events e USING (event_no)
               WHERE m.lot_no = i.item_no AND {_THEN})
    OR EXISTS (SELECT FROM views.serial_ranges r JOIN views.events e USING (event_no)
               WHERE r.lot_no = i.item_no AND {_THEN}))
"""
_SUPPLIER_LOTS = """
-- lots with one of these numbers that a receipt from the supplier names, as theirs or as ours
SELECT x.event_no, i.uri, i.number FROM views.dimensions d JOIN views.event_items x USING (event_no)
JOIN views.items i USING (item_no)
WHERE d.tenant_id = $1 AND d.dimension = 'supplier' AND d.value = $2 AND i.kind IS DISTINCT FROM 'class'
AND i.number = ANY($3) AND ($4::text IS NULL OR i.material IS NULL OR i.material = $4)
"""
_MADE = """
-- events that made, marked or put together items of the product within these bounds
SELECT DISTINCT e.event_no FROM views.items i JOIN views.event_items x USING (item_no)
JOIN views.events e ON e.event_no = x.event_no
WHERE i.tenant_id = $1 AND x.role IN (0, 2, 5) AND e.latest_us >= $3 AND coalesce(e.started_us, e.earliest_us) < $4
AND (i.material = $2 OR EXISTS (
    SELECT FROM views.item_materials m JOIN views.items c ON c.item_no = m.material_no
    WHERE m.item_no = i.item_no AND c.uri = $2))
UNION
SELECT r.event_no FROM views.items p JOIN views.serial_ranges r ON r.product_no = p.item_no
JOIN views.events e ON e.event_no = r.event_no
WHERE p.tenant_id = $1 AND p.uri = $2 AND e.latest_us >= $3 AND coalesce(e.started_us, e.earliest_us) < $4
ORDER BY event_no
"""
_BROUGHT_FORTH = """
-- events that make or mark as new one of the items: what is put together later is not made then
SELECT i.uri, x.event_no FROM views.items i JOIN views.event_items x USING (item_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND (x.role = 2 OR (x.role = 0 AND x.flow = $3))
"""
_OF_PRODUCT = """
-- events that declare one of the items to be of the product
SELECT i.uri, m.event_no FROM views.items i JOIN views.item_materials m USING (item_no)
JOIN views.items c ON c.item_no = m.material_no WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND c.uri = $3
"""
INSPECTED = """
-- inspections that found the characteristic within these limits, or gave it the verdict
SELECT DISTINCT m.event_no FROM views.measurements m
WHERE m.tenant_id = $1 AND m.characteristic = $2
AND ($3::numeric IS NULL OR m.value >= $3) AND ($4::numeric IS NULL OR m.value <= $4)
AND ($5::text IS NULL OR m.verdict = $5)
AND ($6::bigint IS NULL OR m.latest_us >= $6) AND ($7::bigint IS NULL OR m.begins_us < $7)
ORDER BY m.event_no
"""
_PARENTS = """
SELECT i.uri, x.event_no FROM views.items i JOIN views.event_items x USING (item_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND x.role = 3
"""


class Seeding:
    """Finds seeds in one snapshot."""

    def __init__(self, graphs: Graphs, settings: Settings, asked: Asked) -> None:
        self._graphs, self._settings, self._asked = graphs, settings, asked

    async def start(self, leaf: Leaf) -> Start:
        """Where the walk of a leaf begins; gaps name what is not known.

        Raises Problem for an exposure that cannot be asked.
        """
        match leaf:
            case Items():
                return await self._named(leaf.ids)
            case SupplierLots():
                return await self._supplier_lots(leaf)
            case Product():
                return await self._product(leaf)
            case Supplied():
                window = {"since": _text(leaf.since), "until": _text(leaf.until)}
                about = {"supplier": str(leaf.supplier), "material": leaf.material, **window}
                return await self._sorted(await self._exposed({k: v for k, v in about.items() if v is not None}))
            case Exposed():
                return await self._sorted(await self._exposed(leaf.asked))
            case FailedComponentLots():
                return await self._failed(leaf)
            case Inspection():
                return await self._inspected(leaf)
            case _:
                assert_never(leaf)

    async def _exposed(self, about: Any) -> Sequence[Seed]:
        return await exposed(self._graphs, self._asked, exposure_of(about))

    async def _known(self, items: Sequence[ItemId]) -> set[str]:
        """Those that an event or a range of serials named by then."""
        asked, found = self._asked, set[str]()
        vector = asked.vector
        then = (None, None) if vector is None else (list(vector), list(vector.values()))
        ranges = Ranges(asked.connection, asked.tenant_id)
        for start in range(0, len(items), _CHUNK):
            some = items[start : start + _CHUNK]
            rows = await asked.connection.fetch(_KNOWN, asked.tenant_id, [str(i) for i in some], *then)
            found |= {r[0] for r in rows}
            held = await ranges.holding(i for i in some if str(i) not in found)
            found |= await self._told_by((str(item), event_no) for item, event_no, _ in held)
        return found

    async def _told_by(self, rows: Iterable[tuple[str, int]]) -> set[str]:
        """Of pairs of an item and an event, the items of events that count, as known then."""
        pairs = [(uri, event_no) for uri, event_no in rows]
        counting = await self._asked.record().happened({event_no for _, event_no in pairs}) if pairs else {}
        return {uri for uri, event_no in pairs if event_no in counting}

    async def _named(self, items: Sequence[ItemId]) -> Start:
        known = await self._known(items)
        return Start([i for i in items if str(i) in known], gaps=_unknown([i for i in items if str(i) not in known]))

    async def _supplier_lots(self, leaf: SupplierLots) -> Start:
        asked = self._asked
        rows = await asked.connection.fetch(
            _SUPPLIER_LOTS, asked.tenant_id, str(leaf.supplier), list(leaf.lots), leaf.material
        )
        counting = await asked.record().happened({r["event_no"] for r in rows})
        rows = [r for r in rows if r["event_no"] in counting]
        theirs = {lot: lot_of_supplier(lot, supplier=str(leaf.supplier), material=leaf.material) for lot in leaf.lots}
        direct = await self._known(list(theirs.values()))
        found = {ItemId(r["uri"]) for r in rows} | {ItemId(i) for i in direct}
        numbers = {r["number"] for r in rows}
        missing = [i for lot, i in theirs.items() if lot not in numbers and str(i) not in direct]
        return Start(sorted(found), gaps=_unknown(missing))

    async def _product(self, leaf: Product) -> Start:
        if leaf.serials is not None:
            members = list(leaf.serials.serials.items())
            known = await self._known(members)
            return Start([i for i in members if str(i) in known])
        if leaf.made is not None:
            return await self._made(leaf.product, leaf.made)
        return Start([leaf.product])

    async def _made(self, product: ItemId, made: Made) -> Start:
        first, end = _days_us(made)
        asked = self._asked
        rows = await asked.connection.fetch(_MADE, asked.tenant_id, str(product), first, end)
        certain: dict[ItemId, None] = {}
        doubtful: dict[ItemId, Seed] = {}
        async for happened, mentions in self._events([r[0] for r in rows]):
            surely = _made_within(happened.facts, made)
            if surely is None:
                continue
            for item in await self._made_of(product, mentions):
                if surely:
                    certain[item] = None
                else:
                    why = frozenset({PRODUCTION_DAY_UNCERTAIN})
                    doubtful[item] = Seed(item, happened.facts.latest_us, why, False)
        return Start(sorted(certain), seeds=[s for i, s in sorted(doubtful.items()) if i not in certain])

    async def _made_of(self, product: ItemId, mentions: Iterable[Mention]) -> list[ItemId]:
        """The items of the product that an event brought forth: what it put together only if nothing else made it."""
        made = {m.item for m in mentions if m.role is Role.OUTPUT or (m.role is Role.SUBJECT and m.flow is Flow.ENTER)}
        whole = {m.item for m in mentions if m.role is Role.WHOLE}
        asked = self._asked
        if whole:
            names = [str(i) for i in whole]
            rows = await asked.connection.fetch(_BROUGHT_FORTH, asked.tenant_id, names, int(Flow.ENTER))
            made |= whole - set(map(ItemId, await self._told_by((r[0], r[1]) for r in rows)))
        other = [str(i) for i in made if i.material != product]
        declared = await asked.connection.fetch(_OF_PRODUCT, asked.tenant_id, other, str(product)) if other else []
        theirs = set(map(ItemId, await self._told_by((r[0], r[1]) for r in declared)))
        return sorted({i for i in made if i.material == product} | theirs)

    async def _inspected(self, leaf: Inspection) -> Start:
        rows = await self._asked.connection.fetch(
            INSPECTED,
            self._asked.tenant_id,
            leaf.characteristic,
            leaf.at_least,
            leaf.at_most,
            leaf.verdict,
            leaf.since.earliest_us if leaf.since is not None else None,
            leaf.until.latest_us if leaf.until is not None else None,
        )
        seeds = []
        async for happened, mentions in self._events([r[0] for r in rows]):
            why = frozenset({"replacement_pending"} if happened.pending else ())
            seeds += [Seed(m.item, happened.facts.latest_us, why, True) for m in mentions if m.role is Role.SUBJECT]
        return await self._sorted(seeds)

    async def _failed(self, leaf: FailedComponentLots) -> Start:
        """Lots of the component behind the failed items, by how many of them came from each."""
        named = await self._named(leaf.items)
        sure: dict[ItemId, int] = {}
        any_way: dict[ItemId, int] = {}
        groups = [[i] for i in named.items] if leaf.shared_by > 1 else [list(named.items)]
        for items in groups:
            if not items:
                continue
            async for nodes in self._behind(leaf, items):
                for node in nodes:
                    if node.item.material == leaf.material and node.item.kind != "unit":
                        any_way[node.item] = any_way.get(node.item, 0) + 1
                        sure[node.item] = sure.get(node.item, 0) + (node.certainty == "certain")
        enough = leaf.shared_by
        certain = sorted(i for i, n in sure.items() if n >= enough)
        why = frozenset({"several_inputs"})
        doubtful = [
            Seed(i, self._asked.fresh.now_us, why, False)
            for i, n in sorted(any_way.items())
            if n >= enough and i not in certain
        ]
        return Start(certain, gaps=named.gaps, seeds=doubtful)

    async def _behind(self, leaf: FailedComponentLots, items: Sequence[ItemId]) -> AsyncIterator[list[Node]]:
        """What went into failed items, some at a time."""
        walk = Walk(way=Way.BACKWARD, mode=leaf.mode, at_us=_us(leaf.at))
        found = await walked(self._graphs, self._settings, asked=self._asked, walk=walk, start=Start(items))
        async for nodes in found.chunks():
            yield nodes

    async def upstream(self, leaf: FailedComponentLots) -> AsyncIterator[list[ItemId]]:
        """All that went into its failed items: what later events say of these may be more of it."""
        named = await self._named(leaf.items)
        if named.items:
            async for nodes in self._behind(leaf, named.items):
                yield [node.item for node in nodes]

    async def _events(self, event_nos: Sequence[int]) -> Any:
        """The events that count among these, each with its subjects, outputs and wholes, some at a time."""
        record = self._asked.record()
        for start in range(0, len(event_nos), _EVENTS_AT_ONCE):
            for one in await record.exposed_by(event_nos[start : start + _EVENTS_AT_ONCE]):
                yield one

    async def _sorted(self, seeds: Sequence[Seed]) -> Start:
        """What is surely a seed, and holds nothing, is asked about itself: then a graph can answer. The rest as seeds.

        A container that was made or used is itself there, but asked about it stands for what it holds.
        """
        sure = {s.item for s in seeds if not s.reasons}
        holding: set[str] = set()
        names = sorted(str(i) for i in sure)
        for start in range(0, len(names), _CHUNK):
            some = names[start : start + _CHUNK]
            rows = await self._asked.connection.fetch(_PARENTS, self._asked.tenant_id, some)
            holding |= await self._told_by((r[0], r[1]) for r in rows)
        items = {i for i in sure if i.kind in ("unit", "lot") and str(i) not in holding}
        return Start(sorted(items), seeds=[s for s in seeds if s.item not in items])


def _unknown(items: Sequence[ItemId]) -> list[Gap]:
    detail = "the rule names these, and no event does: when one comes, they are affected"
    return [Gap("unknown_item", tuple(items), detail)] if items else []


def _text(moment: Moment | None) -> str | None:
    return moment.text if moment is not None else None


def _us(moment: Moment | None) -> int | None:
    return moment.latest_us if moment is not None else None


def _days_us(made: Made) -> tuple[int, int]:
    """Bounds that hold the days in every zone there is."""
    first = to_us(datetime.combine(made.first, made.day_starts, tzinfo=zone_of("+14:00")))
    last = to_us(datetime.combine(made.last, made.day_starts, tzinfo=zone_of("-12:00")))
    return first, last + DAY_US


def _made_within(facts: EventFacts, made: Made) -> bool | None:
    """Whether the event made things on one of the days: surely, or only possibly (False); None: not.

    A making that lasted over the edge of the days, or of which only the date is known, is possibly in.
    """
    zone = zone_of(made.zone) if made.zone is not None else datetime.fromisoformat(_with_time(facts.occurred_at)).tzinfo
    first = to_us(datetime.combine(made.first, made.day_starts, tzinfo=zone))
    end = to_us(datetime.combine(made.last + timedelta(days=1), made.day_starts, tzinfo=zone))
    begins, ends = min(facts.begins_us, facts.earliest_us), facts.latest_us
    if ends < first or begins >= end:
        return None
    return begins >= first and ends < end


def _with_time(text: str) -> str:
    """A date with an offset, as a time."""
    return f"{text[:10]}T00:00:00{text[10:]}" if len(text) > 10 and text[10] in "+-Z" else text
