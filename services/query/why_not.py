"""Why an item is not in the set of a recall: each leaf of the rule held against where the item came from.

A leaf affects an item exactly when one of its seeds is the item or lies upstream of it (SEMANTICS §3). What comes
nearest is told: the same supplier's other lot, the same machine three hours later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain.answers import Way
from domain.cases.scope import (
    AllOf,
    AnyOf,
    Except,
    Exposed,
    FailedComponentLots,
    Inspection,
    Items,
    Leaf,
    Made,
    Product,
    Rule,
    Supplied,
    SupplierLots,
)
from domain.cases.scope_writing import document_of
from domain.ids import ItemId
from domain.moments import Moment, to_us
from services.query.exposure_asked import exposure_of
from services.query.graph.keeper import Graphs
from services.query.seeding import Seeding
from services.query.snapshot import Asked
from services.query.walks import Start, Walk, walked
from services.query.why_in import label
from services.settings import Settings

NEAREST_SHOWN = 5
HOUR_US = 3_600_000_000

_RECEIPTS = """
SELECT i.uri, e.occurred_at, e.earliest_us, e.latest_us FROM views.items i JOIN views.event_items x USING (item_no)
JOIN views.dimensions d USING (event_no) JOIN views.events e USING (event_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND d.dimension = 'supplier' AND d.value = $3 ORDER BY e.latest_us
"""
_CIRCUMSTANCES = """
-- events of these items at which some of the dimensions had the values asked for, and how many
SELECT i.uri, e.occurred_at, e.earliest_us, e.latest_us, count(DISTINCT d.dimension) AS matching,
    array_agg(DISTINCT d.dimension) AS dimensions
FROM views.items i JOIN views.event_items x USING (item_no) JOIN views.events e ON e.event_no = x.event_no
JOIN views.dimensions d ON d.event_no = e.event_no
JOIN unnest($3::text[], $4::text[]) AS a(dimension, value) ON a.dimension = d.dimension AND a.value = d.value
WHERE i.tenant_id = $1 AND i.uri = ANY($2) GROUP BY i.uri, e.event_no, e.occurred_at, e.earliest_us, e.latest_us
"""
_MADE = """
SELECT i.uri, e.occurred_at, e.earliest_us, e.latest_us FROM views.items i JOIN views.event_items x USING (item_no)
JOIN views.events e USING (event_no)
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND i.material = $3 AND (x.role = 2 OR (x.role = 0 AND x.flow = 1))
"""
_INSPECTED = """
SELECT i.uri, m ->> 'value' AS value FROM views.items i JOIN views.event_items x USING (item_no)
JOIN views.events e USING (event_no) JOIN views.event_bodies b USING (event_no)
CROSS JOIN LATERAL jsonb_array_elements(b.body -> 'measurements') AS m
WHERE i.tenant_id = $1 AND i.uri = ANY($2) AND e.kind = 'inspected' AND m ->> 'characteristic' = $3
"""


@dataclass(frozen=True, slots=True)
class Miss:
    """How near an item came to a leaf: less `distance` is nearer. `en` and `zh` say it to people."""

    code: str
    distance: float
    en: str
    zh: str
    items: Sequence[str] = ()
    hours: float | None = None

    def json(self) -> dict[str, Any]:
        told = {"code": self.code, "items": list(self.items)[:NEAREST_SHOWN], "text": {"en": self.en, "zh": self.zh}}
        return told | ({"outside_by_hours": round(self.hours, 2)} if self.hours is not None else {})


@dataclass(slots=True)
class Judged:
    """What a rule makes of the item: `seed`, what of a leaf it came from; `excluded_by`, the exception that has it."""

    rule: Rule
    path: str
    affected: bool
    seed: str | None = None
    miss: Miss | None = None
    excluded_by: "Judged | None" = None
    parts: list["Judged"] = field(default_factory=list)

    def leaves(self) -> list["Judged"]:
        return [leaf for part in self.parts for leaf in part.leaves()] if self.parts else [self]

    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"rule": document_of(self.rule), "path": self.path, "affected": self.affected}
        told |= {"through": self.seed} if self.seed is not None else {}
        return told | ({"miss": self.miss.json()} if self.miss is not None else {})


class WhyNot:
    """Holds one item against a rule, in one snapshot."""

    def __init__(self, graphs: Graphs, settings: Settings, asked: Asked) -> None:
        self._graphs, self._settings, self._asked = graphs, settings, asked
        self._upstream: dict[str, list[str]] = {}

    async def judge(self, rule: Rule, item: ItemId, *, path: str = "rule") -> Judged:
        match rule:
            case AnyOf(rules):
                parts = [await self.judge(r, item, path=f"{path}.any.{n}") for n, r in enumerate(rules)]
                return Judged(rule, path, any(p.affected for p in parts), parts=parts)
            case AllOf(rules):
                parts = [await self.judge(r, item, path=f"{path}.all.{n}") for n, r in enumerate(rules)]
                return Judged(rule, path, all(p.affected for p in parts), parts=parts)
            case Except(one, but):
                inside = await self.judge(one, item, path=f"{path}.except.0")
                out = await self.judge(but, item, path=f"{path}.except.1")
                excluded = inside.affected and out.affected
                return Judged(
                    rule, path, inside.affected and not excluded, excluded_by=out if excluded else None, parts=[inside]
                )
            case _:
                return await self._leaf(rule, item, path=path)

    async def _leaf(self, leaf: Leaf, item: ItemId, *, path: str) -> Judged:
        upstream = await self._came_from(leaf, item)
        start = await Seeding(self._graphs, self._settings, self._asked).start(leaf)
        seeds = {str(i) for i in start.items} | {str(s.item) for s in start.seeds}
        seed = next((u for u in upstream if u in seeds or ItemId(u).material in seeds), None)
        if seed is not None:
            return Judged(leaf, path, True, seed=seed)
        return Judged(leaf, path, False, miss=await self._miss(leaf, upstream, sorted(seeds)))

    async def _came_from(self, leaf: Leaf, item: ItemId) -> list[str]:
        """The item, and what it came from, the nearest first."""
        if leaf.follow == "none":
            return [str(item)]
        at_us = leaf.at.latest_us if leaf.at is not None else None
        key = f"{leaf.mode} {at_us}"
        if key not in self._upstream:
            walk = Walk(way=Way.BACKWARD, mode=leaf.mode, at_us=at_us)
            found = await walked(self._graphs, self._settings, asked=self._asked, walk=walk, start=Start([item]))
            nodes = [str(n.item) async for some in found.chunks() for n in some]
            self._upstream[key] = [str(item), *nodes]
        return self._upstream[key]

    # -- the nearest misses

    async def _miss(self, leaf: Leaf, upstream: Sequence[str], seeds: Sequence[str]) -> Miss:
        match leaf:
            case Items() | FailedComponentLots():
                return _other_item(upstream, seeds or [str(i) for i in getattr(leaf, "ids", ())])
            case SupplierLots(supplier=supplier):
                return await self._other_lot(upstream, str(supplier), seeds)
            case Supplied(supplier=supplier):
                return await self._supplied(leaf, upstream, str(supplier))
            case Product():
                return await self._product(leaf, upstream)
            case Exposed():
                return await self._exposed(leaf, upstream)
            case Inspection():
                return await self._inspected(leaf, upstream)

    async def _receipts(self, upstream: Sequence[str], supplier: str) -> Sequence[Any]:
        rows: Sequence[Any] = await self._asked.connection.fetch(
            _RECEIPTS, self._asked.tenant_id, list(upstream), supplier
        )
        return rows

    async def _other_lot(self, upstream: Sequence[str], supplier: str, seeds: Sequence[str]) -> Miss:
        rows = await self._receipts(upstream, supplier)
        if not rows:
            return _nothing_of(f"the supplier {supplier}", f"供应商 {supplier}")
        lots = list(dict.fromkeys(r["uri"] for r in rows))
        en = f"it has material of the same supplier, but of another lot: {_names(lots)}"
        zh = f"用了同一供应商的物料，但批次不同：{_names(lots)}"
        return Miss("same_supplier_other_lot", 1, en, zh, lots)

    async def _supplied(self, leaf: Supplied, upstream: Sequence[str], supplier: str) -> Miss:
        rows = await self._receipts(upstream, supplier)
        if not rows:
            return _nothing_of(f"the supplier {supplier}", f"供应商 {supplier}")
        window = _window(leaf.since, leaf.until)
        near = min(rows, key=lambda r: _outside_us(r, window))
        hours = _outside_us(near, window) / HOUR_US
        if hours == 0:
            en, zh = "it came from the supplier, of another material", "来自该供应商，但是另一种物料"
            return Miss("same_supplier_other_material", 1.5, en, zh, [near["uri"]])
        when = near["occurred_at"]
        en = f"{label(near['uri'])} came from the supplier {_hours(hours)} outside the time window ({when})"
        zh = f"{label(near['uri'])} 来自该供应商，但收货时间在时间段之外 {hours:.1f} 小时（{near['occurred_at']}）"
        return Miss("same_supplier_outside_window", _scaled(hours), en, zh, [near["uri"]], hours)

    async def _product(self, leaf: Product, upstream: Sequence[str]) -> Miss:
        mine = [u for u in upstream if ItemId(u).material == leaf.product]
        if not mine:
            return _nothing_of(f"the product {label(leaf.product)}", f"产品 {label(leaf.product)}")
        if leaf.made is None:
            en = f"{label(mine[0])} is of the product, its serial is outside the range"
            zh = f"{label(mine[0])} 属于该产品，但序列号不在范围内"
            return Miss("same_product_other_serial", 0.9, en, zh, mine)
        rows = await self._asked.connection.fetch(_MADE, self._asked.tenant_id, mine, str(leaf.product))
        if not rows:
            en, zh = "the record does not say when it was made", "记录没有说明何时制造"
            return Miss("made_unknown", 1, en, zh, mine)
        windows = [(r, _days(leaf.made, r["occurred_at"])) for r in rows]
        near, window = min(windows, key=lambda w: _outside_us(w[0], w[1]))
        hours = _outside_us(near, window) / HOUR_US
        en = f"{label(near['uri'])} was made {_hours(hours)} outside the production days ({near['occurred_at']})"
        zh = f"{label(near['uri'])} 的制造时间在生产日期之外 {hours:.1f} 小时（{near['occurred_at']}）"
        return Miss("same_product_outside_days", _scaled(hours), en, zh, [near["uri"]], hours)

    async def _exposed(self, leaf: Exposed, upstream: Sequence[str]) -> Miss:
        asked = exposure_of(leaf.asked).circumstance
        names, values = [d for d, _ in asked.dimensions], [v for _, v in asked.dimensions]
        about = ", ".join(f"{d} {v}" for d, v in asked.dimensions) or (asked.parameter.name if asked.parameter else "")
        rows = await self._asked.connection.fetch(_CIRCUMSTANCES, self._asked.tenant_id, list(upstream), names, values)
        whole = [r for r in rows if r["matching"] == len(set(names))]
        if not whole:
            some = max(rows, key=lambda r: r["matching"], default=None)
            if some is None:
                return _nothing_of(about, about)
            en = f"{label(some['uri'])} has only {', '.join(some['dimensions'])} in common with {about}"
            zh = f"{label(some['uri'])} 与 {about} 只有 {'、'.join(some['dimensions'])} 相同"
            return Miss("partly_same_circumstance", 50, en, zh, [some["uri"]])
        window = (asked.since_us, asked.until_us)
        near = min(whole, key=lambda r: _outside_us(r, window))
        hours = _outside_us(near, window) / HOUR_US
        if hours == 0:
            en = f"{label(near['uri'])} was there in the time window, but nothing was made or put together of it then"
            zh = f"{label(near['uri'])} 在时间段内经过该处，但当时没有产出或装配"
            return Miss("not_exposed", 0.5, en, zh, [near["uri"]])
        en = f"{label(near['uri'])} was at {about} {_hours(hours)} outside the time window ({near['occurred_at']})"
        zh = f"{label(near['uri'])} 经过 {about}，但在时间段之外 {hours:.1f} 小时（{near['occurred_at']}）"
        return Miss("same_circumstance_outside_window", _scaled(hours), en, zh, [near["uri"]], hours)

    async def _inspected(self, leaf: Inspection, upstream: Sequence[str]) -> Miss:
        rows = await self._asked.connection.fetch(
            _INSPECTED, self._asked.tenant_id, list(upstream), leaf.characteristic
        )
        if not rows:
            return _nothing_of(f"an inspection of {leaf.characteristic}", f"{leaf.characteristic} 检验")
        told = ", ".join(sorted({str(r["value"]) for r in rows})[:NEAREST_SHOWN])
        en = f"its {leaf.characteristic} was found to be {told}: not what the rule asks for"
        zh = f"其 {leaf.characteristic} 检验值为 {told}，不符合规则条件"
        return Miss("other_result", 1, en, zh, sorted({r["uri"] for r in rows}))


def _other_item(upstream: Sequence[str], seeds: Sequence[str]) -> Miss:
    materials = {ItemId(s).material for s in seeds} - {None}
    others = [u for u in upstream if ItemId(u).material in materials]
    if not others:
        return _nothing_of("what the rule names", "规则所列的项目")
    en = f"it has the same material, but of another lot or serial: {_names(others)} instead of {_names(seeds)}"
    zh = f"用了同一种物料，但批次或序列号不同：{_names(others)}，而不是 {_names(seeds)}"
    return Miss("same_material_other_lot", 1, en, zh, others)


def _nothing_of(en: str, zh: str) -> Miss:
    return Miss("nothing_of_it", 1_000, f"nothing it came from has to do with {en}", f"其来源与{zh}无关")


def _names(items: Sequence[str]) -> str:
    shown = [label(i) for i in items[:NEAREST_SHOWN]]
    return ", ".join(shown) + (" …" if len(items) > NEAREST_SHOWN else "")


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours < 72 else f"{hours / 24:.1f} days"


def _scaled(hours: float) -> float:
    """A few hours are nearer than another lot, months are not."""
    return min(hours / 24, 40.0)


def _window(since: Moment | None, until: Moment | None) -> tuple[int | None, int | None]:
    return (since.earliest_us if since is not None else None, until.latest_us if until is not None else None)


def _outside_us(row: Any, window: tuple[int | None, int | None]) -> int:
    since, until = window
    before = since - row["latest_us"] if since is not None else 0
    after = row["earliest_us"] - until if until is not None else 0
    return max(before, after, 0)


def _days(made: Made, occurred_at: str) -> tuple[int, int]:
    """The production days, at the offset that the event is written in."""
    when = Moment.parse(occurred_at).text
    zone = datetime.fromisoformat(when if "T" in when else f"{when[:10]}T00:00:00{when[10:] or '+00:00'}").tzinfo
    first = datetime.combine(made.first, made.day_starts, tzinfo=zone)
    end = datetime.combine(made.last + timedelta(days=1), made.day_starts, tzinfo=zone)
    return to_us(first), to_us(end)
