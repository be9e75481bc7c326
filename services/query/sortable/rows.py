"""The rows of the sortable spreadsheet: what moved and what was made, with the descriptions that hold then."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain import events as ev
from domain.ids import ItemId, PartyId
from domain.links import ALWAYS_US
from domain.moments import Moment, iso
from services.codec import EVENT
from services.query.counting import counting
from services.query.descriptions import Descriptions, Topic
from services.query.snapshot import Asked
from services.query.sortable.lots import Lots
from services.query.sortable.making import Made, made, made_between, targets_of
from services.query.sortable.steps import MOVED_KINDS, STEP, TRANSFORMATION, Moved, moved, step_of
from services.sheets.cells import listed
from services.sheets.report import Column, Row

CHUNK = 500
COLUMNS = (
    Column("cte", "Critical tracking event", "关键追溯事件"),
    Column("event_date", "Event date (local)", "事件日期"),
    Column("event_time", "Event time (UTC)", "事件时间"),
    Column("tlc", "Traceability lot code", "追溯批次码"),
    Column("product", "Product", "产品"),
    Column("product_description", "Product description", "产品描述"),
    Column("quantity", "Quantity", "数量"),
    Column("unit", "Unit of measure", "计量单位"),
    Column("tlc_source", "TLC source location", "追溯批次码来源地"),
    Column("tlc_source_description", "TLC source description", "来源地描述"),
    Column("location", "Location", "地点"),
    Column("location_description", "Location description", "地点描述"),
    Column("from_location", "Ship-from or immediate previous source", "发货地或直接来源"),
    Column("from_description", "Ship-from description", "发货地描述"),
    Column("to_location", "Ship-to or receiving location", "收货地"),
    Column("to_description", "Ship-to description", "收货地描述"),
    Column("input_tlc", "Input traceability lot code", "投入追溯批次码"),
    Column("input_product_description", "Input product description", "投入产品描述"),
    Column("input_quantity", "Input quantity", "投入数量"),
    Column("input_unit", "Input unit of measure", "投入计量单位"),
    Column("date_completed", "Date completed", "完成日期"),
    Column("certainty", "How sure", "确定性"),
    Column("supplier_tlc", "Lot code as the supplier gave it", "供应商批号"),
    Column("container", "In container", "所在容器"),
    Column("document_types", "Reference document type", "参考单据类型"),
    Column("document_numbers", "Reference document number", "参考单据号"),
    Column("event_id", "Event id", "事件标识"),
    Column("recorded_at", "Recorded at (UTC)", "记录时间"),
)

_MOVES = f"""
SELECT e.event_no, e.key_no, e.log_partition, e.log_offset, e.latest_us, k.event_id
FROM views.events e JOIN views.event_keys k USING (key_no)
WHERE e.tenant_id = $1 AND ($2::bigint IS NULL OR e.latest_us >= $2) AND ($3::bigint IS NULL OR e.earliest_us < $3)
AND (e.kind IN ({", ".join(f"'{kind}'" for kind in MOVED_KINDS)})
     OR EXISTS (SELECT FROM views.event_bodies b WHERE b.event_no = e.event_no AND b.body ->> 'biz_step' ~* '{STEP}'))
AND ($4::text[] IS NULL OR EXISTS (
    SELECT FROM views.event_items x JOIN views.items i USING (item_no) WHERE x.event_no = e.event_no AND i.uri = ANY($4)
    UNION ALL
    SELECT FROM views.serial_ranges r JOIN views.items i ON i.item_no = r.lot_no
    WHERE r.event_no = e.event_no AND i.uri = ANY($4)))
"""
_BODIES = """
SELECT e.event_no, e.appended_us, e.latest_us, e.occurred_at, k.event_id, b.body
FROM views.events e JOIN views.event_keys k USING (key_no) JOIN views.event_bodies b USING (event_no)
WHERE e.event_no = ANY($1)
"""
_SOURCES = """
-- where lots began: the place of what brought them forth
SELECT i.uri, e.site, e.event_no, e.key_no, e.log_partition, e.log_offset, e.latest_us
FROM views.items i JOIN views.event_items x USING (item_no) JOIN views.events e USING (event_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND (x.role = 2 OR e.kind = 'commissioned')
UNION
SELECT i.uri, e.site, e.event_no, e.key_no, e.log_partition, e.log_offset, e.latest_us
FROM views.items i JOIN views.memberships m ON m.lot_no = i.item_no JOIN views.events e USING (event_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND m.at_making
ORDER BY latest_us, event_no
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What is asked for: lots (empty: all) and the instants [since, until) (None: open)."""

    lots: Sequence[ItemId]
    since_us: int | None
    until_us: int | None

    def covers(self, at_us: int) -> bool:
        return (self.since_us is None or at_us >= self.since_us) and (self.until_us is None or at_us < self.until_us)


class Spreadsheet:
    """Reads one spreadsheet, some rows at a time, in the order of time, event and lot."""

    def __init__(self, asked: Asked, window: Window) -> None:
        self._asked, self._window = asked, window
        self._lots, self._descriptions = Lots(asked), Descriptions(asked)
        self._sources: dict[str, str | None] = {}
        self._wanted: set[ItemId] | None = None

    async def rows(self) -> AsyncIterator[list[Row]]:
        """Every row."""
        moves, making = await self._gathered()
        while moves or making:
            chunk, moves = moves[:CHUNK], moves[CHUNK:]
            end = (chunk[-1]["latest_us"], chunk[-1]["event_id"]) if moves else None
            now = [m for m in making if end is None or (m.at_us, m.event_id) <= end]
            making = making[len(now) :]
            keyed = [*await self._moved([m["event_no"] for m in chunk]), *await self._made(now)]
            if keyed:
                yield [row for _, row in sorted(keyed, key=lambda k: k[0])]

    async def _gathered(self) -> tuple[list[Any], list[Made]]:
        asked, window = self._asked, self._window
        names = None
        if window.lots:
            things, containers = await self._lots.everything_of(window.lots)
            await self._lots.load(things)
            self._wanted = {self._lots.of(i) for i in things} | things
            names = sorted(things | containers)
            targets = things | await targets_of(asked, things)
        else:
            targets = await made_between(asked, window.since_us, window.until_us)
        found = await asked.connection.fetch(_MOVES, asked.tenant_id, window.since_us, window.until_us, names)
        moves = sorted(await counting(asked, found), key=lambda r: (r["latest_us"], r["event_id"]))
        making = [m for m in await made(asked, targets, self._lots) if window.covers(m.at_us) and self._wants(m)]
        return moves, sorted(making, key=lambda m: (m.at_us, m.event_id))

    def _wants(self, row: Made) -> bool:
        return self._wanted is None or row.lot in self._wanted or row.source in self._wanted

    async def _moved(self, event_nos: Sequence[int]) -> list[tuple[Any, Row]]:
        rows = await self._asked.connection.fetch(_BODIES, list(event_nos))
        events = [(row, EVENT.validate_python(row["body"])) for row in rows]
        told = [(row, event, one) for row, event in events for one in moved(event)]
        await self._lots.look_into(one.item for _, _, one in told)
        found = []
        for row, event, one in told:
            for amount in self._lots.amounts(one.item, quantity=one.quantity, uom=one.uom, at_us=row["latest_us"]):
                if self._wanted is None or amount.lot in self._wanted:
                    found.append((row, event, one, amount))
        suppliers = [_supplier(event) for _, event, _, _ in found]
        ends = [end for _, _, one, _ in found for end in _ends(one)]
        await self._load([amount.lot for _, _, _, amount in found], [*ends, *suppliers])
        keyed = []
        for row, event, one, amount in found:
            cells = self._base(row, event, one.cte, amount.lot) | self._places(row["latest_us"], _ends(one))
            cells |= {"quantity": amount.quantity, "unit": amount.uom, "container": amount.via}
            cells |= {"supplier_tlc": _as_received(event), "certainty": "certain"}
            keyed.append(((row["latest_us"], row["event_id"], amount.lot, "", one.item), _cells(cells)))
        return keyed

    async def _made(self, rows: Sequence[Made]) -> list[tuple[Any, Row]]:
        told = await self._asked.connection.fetch(_BODIES, sorted({m.event_no for m in rows}))
        events = {r["event_no"]: (r, EVENT.validate_python(r["body"])) for r in told}
        places = [e.site or e.read_point for _, e in events.values()]
        await self._load([i for m in rows for i in (m.lot, m.source) if i is not None], places)
        keyed = []
        for one in rows:
            row, event = events[one.event_no]
            if one.source is None and step_of(event) is not None:
                continue  # it stands there as its own step
            ends = (event.site or event.read_point, None, None)
            cells = self._base(row, event, TRANSFORMATION, one.lot) | self._places(one.at_us, ends)
            cells |= {"quantity": one.quantity, "unit": one.uom, "certainty": one.certainty}
            cells |= {"date_completed": _day(getattr(event, "ended_at", None) or event.occurred_at)}
            if one.source is not None:
                described = self._product(one.source, one.at_us)
                cells |= {"input_tlc": one.source, "input_product_description": described}
                cells |= {"input_quantity": one.source_quantity, "input_unit": one.source_uom}
            keyed.append(((one.at_us, one.event_id, one.lot, one.source or "", one.source_uom or ""), _cells(cells)))
        return keyed

    async def _load(self, lots: Sequence[ItemId], places: Sequence[str | None]) -> None:
        """Have at hand where the lots began, and what they and all places are described as."""
        fresh = sorted({lot for lot in lots if lot not in self._sources})
        for start in range(0, len(fresh), CHUNK):
            chunk = fresh[start : start + CHUNK]
            found = await self._asked.connection.fetch(_SOURCES, self._asked.tenant_id, chunk)
            for row in await counting(self._asked, found):
                if row["site"] is not None:
                    self._sources.setdefault(row["uri"], row["site"])
            for lot in chunk:
                self._sources.setdefault(lot, None)
        named = {p for p in (*places, *(self._sources[lot] for lot in lots)) if p is not None}
        await self._descriptions.load("product", {lot.material or lot for lot in lots})
        await self._descriptions.load("place", named)
        parties = {self._said("place", p, ALWAYS_US).get("party") for p in named} - {None}
        await self._descriptions.load("party", {*named, *map(str, parties)})

    def _said(self, topic: Topic, subject: str | None, at_us: int) -> Mapping[str, Any]:
        return self._descriptions.said(topic, subject, at_us=at_us)

    def _product(self, lot: ItemId, at_us: int) -> str | None:
        return self._descriptions.product(lot, at_us=at_us)

    def _place(self, place: str | None, at_us: int) -> str | None:
        """Business name, address, country: what was described of a place, or of a party that stands in for it."""
        said = self._said("place", place, at_us)
        party = self._said("party", said.get("party") or place, at_us)
        told = (said.get("name"), party.get("name"), said.get("address"), party.get("country"))
        return ", ".join(dict.fromkeys(filter(None, told))) or None

    def _places(self, at_us: int, ends: Sequence[str | None]) -> dict[str, Any]:
        cells = {}
        for name, place in zip(("location", "from", "to"), ends, strict=True):
            cells[name if name == "location" else f"{name}_location"] = place
            cells[f"{name}_description"] = self._place(place, at_us)
        return cells

    def _base(self, row: Any, event: ev.LifecycleEvent, cte: str, lot: ItemId) -> dict[str, Any]:  # noqa: PLR0917
        source = self._sources[lot] or _supplier(event)
        return {
            "cte": cte,
            "event_date": _day(event.occurred_at),
            "event_time": iso(row["latest_us"]),
            "tlc": lot,
            "product": lot.material,
            "product_description": self._product(lot, row["latest_us"]),
            "tlc_source": source,
            "tlc_source_description": self._place(source, row["latest_us"]),
            "document_types": listed([d.type for d in event.documents]),
            "document_numbers": listed([d.id for d in event.documents]),
            "event_id": row["event_id"],
            "recorded_at": iso(row["appended_us"]),
        }


def _cells(cells: dict[str, Any]) -> Row:
    found = (cells.get(c.name) for c in COLUMNS)
    return [str(c) if isinstance(c, str) else c for c in found]


def _ends(one: Moved) -> tuple[str | None, str | None, str | None]:
    return (one.location, one.came_from, one.goes_to)


def _day(moment: Moment) -> str:
    return moment.text[:10]


def _supplier(event: ev.LifecycleEvent) -> PartyId | None:
    return event.supplier if isinstance(event, ev.MaterialReceived) else None


def _as_received(event: ev.LifecycleEvent) -> str | None:
    return event.supplier_lot if isinstance(event, ev.MaterialReceived) else None
