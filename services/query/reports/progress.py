"""The progress report in the form used in China (召回阶段性进展报告), by lot; its figures and two ratios re-compute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from domain.cases.accounting import Unit, share
from domain.cases.buckets import RECALLED
from domain.ids import ItemId
from services.query.counting import counting
from services.query.ranges import Ranges
from services.query.recall_consignees import NOBODY_NAMED, answered_by
from services.query.reports.basis import Basis, Kind
from services.query.snapshot import Asked
from services.sheets.report import Column, Row, Table, all_at_once

PROGRESS = (
    Column("lot", "Lot", "批次"),
    Column("product", "Product", "产品"),
    Column("product_description", "Product description", "产品描述"),
    Column("unit", "Unit of measure", "计量单位"),
    Column("produced", "Total produced", "生产总量"),
    Column("sold", "Total sold", "销售总量"),
    Column("planned_this_period", "Planned this period", "本期计划召回"),
    Column("planned", "Planned in total", "计划召回总量"),
    Column("recalled_this_period_trader", "Recalled this period: traders", "本期召回：经营者"),
    Column("recalled_this_period_consumer", "Recalled this period: consumers", "本期召回：消费者"),
    Column("recalled_this_period_own", "Recalled this period: own stock", "本期召回：本企业库存"),
    Column("recalled_trader", "Recalled in total: traders", "累计召回：经营者"),
    Column("recalled_consumer", "Recalled in total: consumers", "累计召回：消费者"),
    Column("recalled_own", "Recalled in total: own stock", "累计召回：本企业库存"),
    Column("recalled", "Recalled in total", "累计召回总量"),
    Column("recalled_of_planned", "Recalled / planned", "累计召回占计划比例"),
    Column("recalled_of_sold", "Recalled / sold", "累计召回占销售比例"),
)
NOTIFIED = (
    Column("who", "Trader or consumer", "经营者或消费者"),
    Column("consignee", "Notified", "被通知方"),
    Column("at", "Time", "时间"),
    Column("how", "Method", "方式"),
    Column("times", "Times", "次数"),
)
_CHUNK = 2_000
_MADE = """
-- every unit that a lot is said to have
SELECT DISTINCT l.uri, m.unit_no, e.event_no, e.key_no, e.log_partition, e.log_offset
FROM views.items l JOIN views.memberships m ON m.lot_no = l.item_no JOIN views.events e USING (event_no)
WHERE l.tenant_id = $1 AND l.uri = ANY($2)
"""
_NUMBERS = "SELECT item_no, uri FROM views.items WHERE tenant_id = $1 AND uri = ANY($2)"

TRADER, CONSUMER, OWN = "trader", "consumer", "own"
_Key = tuple[str, str | None]
"""Lot, or class where a unit has no lot; and unit of measure."""


@dataclass(slots=True)
class _Line:
    planned: Decimal = Decimal(0)
    sold: Decimal = Decimal(0)
    recalled: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys((TRADER, CONSUMER, OWN), Decimal(0)))

    @property
    def total(self) -> Decimal:
        return sum(self.recalled.values(), Decimal(0))


async def tables(basis: Basis) -> Sequence[Table]:
    now = await _lines(basis)
    before = await _lines(basis.earlier) if basis.earlier is not None else {}
    rows = [await _row(basis, key, lines=(now[key], before.get(key, _Line()))) for key in sorted(now, key=str)]
    rows.append(_totals(rows))
    said, owners = answered_by(basis.case), {p for p, c in (await basis.consignees()).found.items() if c.owner}
    notified: list[Row] = [
        [CONSUMER if party in owners else TRADER, party or NOBODY_NAMED, n.at.text, n.how, told.notified_times]
        for party, told in sorted(said.items())
        if (n := told.notified) is not None
    ]
    return [
        Table("progress", "Progress", "进展", PROGRESS, all_at_once(rows)),
        Table("notified", "Notified", "通知情况", NOTIFIED, all_at_once(notified)),
    ]


async def _lines(basis: Basis) -> dict[_Key, _Line]:
    told, tree = await basis.accounted(), await basis.consignees()
    owners = {party for party, one in tree.found.items() if one.owner}
    found: dict[_Key, _Line] = {}
    for unit in told.units.values():
        if unit.loose_spare:
            continue
        line = found.setdefault((_lot_of(unit), None), _Line())
        line.planned += 1
        line.sold += unit.standing.left
        if told.accounting.placed[unit.item].bucket in RECALLED:
            line.recalled[_who(unit, owners)] += 1
    for move in told.accounting.moves:
        line = found.setdefault((move.item, None), _Line())
        turned = (move.to in RECALLED) - (move.source in RECALLED)
        line.recalled[CONSUMER if move.party in owners else TRADER if move.party else OWN] += turned * move.quantity
    for q in told.accounting.quantities:
        line = found.setdefault((q.lot, q.uom), _Line())
        line.planned += q.population
        line.sold += q.left
        line.recalled[TRADER] += sum((q.buckets[b] for b in RECALLED), Decimal(0))
    return found


def _lot_of(unit: Unit) -> str:
    lots = [lot for lot in unit.lots if lot.kind != "class"]
    return min(lots) if lots else unit.item.material or unit.item


def _who(unit: Unit, owners: set[str]) -> str:
    account = unit.standing.account
    if account is None:
        return OWN
    return CONSUMER if account in owners or not account else TRADER


async def _row(basis: Basis, key: _Key, *, lines: tuple[_Line, _Line]) -> Row:
    (lot, uom), (now, before) = key, lines
    item = ItemId(lot)
    await basis.described([item])
    told = await basis.accounted()
    balances = [b for b in told.balances.get(item, ()) if b.uom == uom]
    produced = Decimal(await _made(basis.asked, item)) if uom is None else Decimal(0)
    produced = max(produced, sum((b.came_in for b in balances), Decimal(0)), now.planned)
    period = [now.recalled[who] - before.recalled[who] for who in (TRADER, CONSUMER, OWN)]
    return [
        *(item if item.kind != "class" else None, item.material or item, basis.product(item), uom, produced, now.sold),
        *(now.planned - before.planned, now.planned, *period, *now.recalled.values(), now.total),
        *(share(now.total, now.planned), share(now.total, now.sold)),
    ]


def _totals(rows: Sequence[Row]) -> Row:
    """Of pieces alone: units of measure do not add up."""
    names = [c.name for c in PROGRESS]
    told: list[Mapping[str, object]] = [dict(zip(names, r, strict=True)) for r in rows]
    pieces = [r for r in told if r["unit"] is None]
    summed = {n: sum((Decimal(str(r[n])) for r in pieces), Decimal(0)) for n in names[4:15]}
    ratios = (share(summed["recalled"], summed["planned"]), share(summed["recalled"], summed["sold"]))
    return ["TOTAL 合计", None, None, None, *summed.values(), *ratios]


async def _made(asked: Asked, lot: ItemId) -> int:
    """Units that the record says are of the lot, affected or not."""
    rows = await counting(asked, await asked.connection.fetch(_MADE, asked.tenant_id, [lot]))
    found = len({r["unit_no"] for r in rows})
    numbers = [r["item_no"] for r in await asked.connection.fetch(_NUMBERS, asked.tenant_id, [lot])]
    ranges = await Ranges(asked.connection, asked.tenant_id).of_lots(numbers) if numbers else []
    return found + sum(ranged.serials.count for _, ranged in ranges)


KIND = Kind(
    name="progress",
    en="Progress report",
    zh="召回阶段性进展报告",
    takes={
        "from": "where the period begins: a position or a time, as as_of; left out: when the recall was opened",
        "deviations": "text for the report",
        "next_steps": "text for the report",
    },
    tables=tables,
)
