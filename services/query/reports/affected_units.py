"""Affected units: every member of the working set, why it is in it, where it is and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.ids import ItemId
from services.query.recall_accounting import Accounted
from services.query.reports.basis import Basis, Kind
from services.query.reports.members import Member, Parts, changed_members, members_of
from services.query.working_set import working_set
from services.sheets.cells import listed
from services.sheets.report import Column, Row, Rows, Table

COLUMNS = (
    Column("item", "Item", "追溯单元"),
    Column("product", "Product", "产品"),
    Column("product_description", "Product description", "产品描述"),
    Column("kind", "Kind", "类别"),
    Column("counted_as", "Counted as", "计数方式"),
    Column("certainty", "How sure", "确定性"),
    Column("certainty_was", "How sure when it came in", "列入时确定性"),
    Column("certainty_since", "So sure since", "确定性变更批次"),
    Column("reasons", "Why only possible", "存疑原因"),
    Column("level", "Level", "层级"),
    Column("came_from", "Came from", "上级来源"),
    Column("event_ids", "By these events", "依据事件"),
    Column("set", "In the set since", "列入批次"),
    Column("quantity", "Quantity", "数量"),
    Column("uom", "Unit of measure", "计量单位"),
    Column("bucket", "Whereabouts and outcome", "去向"),
    Column("remedy", "Remedy", "补救措施"),
    Column("unreachable_because", "Unreachable because", "联系不上原因"),
    Column("consignee", "Consignee", "收货方"),
    Column("site", "Site", "地点"),
)


async def tables(basis: Basis) -> Sequence[Table]:
    return [Table("units", "Affected units", "受影响单元", COLUMNS, _rows(basis))]


async def _rows(basis: Basis) -> Rows:
    told = await basis.accounted()
    left = set(await working_set(basis.asked, basis.case))
    changed = await changed_members(basis.asked, basis.case)
    async for since, place, members in members_of(basis.asked, basis.case, Parts.of_working_set(basis.case)):
        here = [m for m in members if m["item"] in left]
        left -= {ItemId(m["item"]) for m in here}
        await basis.described([ItemId(m["item"]) for m in here])
        standings = []
        for member in here:
            later = changed.get(member["item"])
            newest = (later[2], later[0]) if later is not None and later[1] > place else (member, since)
            standings.append(_Standing(member, since, *newest))
        if here:
            yield [_row(basis, told, one) for one in standings]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A member as it came in, since when, and as it stands now, since when."""

    came: Member
    since: str
    now: Member
    now_since: str


def _row(basis: Basis, told: Accounted, of: _Standing) -> Row:
    member, since = of.now, of.since
    item = ItemId(member["item"])
    unit, placed = told.units.get(item), told.accounting.placed.get(item)
    quantity = member.get("quantity")
    return [
        *(item, item.material, basis.product(item), member["kind"], _counted_as(told, item, member)),
        *(member["certainty"], of.came["certainty"], of.now_since),
        *(listed(member.get("reasons", [])), member["level"]),
        *(listed(member.get("came_from", [])), listed(member.get("event_ids", [])), since),
        *(Decimal(quantity) if quantity is not None else None, member.get("uom")),
        *((str(placed.bucket), placed.remedy, placed.why) if placed is not None else (None, None, None)),
        *((unit.standing.account, told.sites.get(item)) if unit is not None else (None, None)),
    ]


def _counted_as(told: Accounted, item: ItemId, member: Member) -> str:
    """`top_unit`, `loose_spare`, `quantity` (a lot), or `part_of_another`: it is inside, or used up in, another one."""
    unit = told.units.get(item)
    if unit is not None:
        return "loose_spare" if unit.loose_spare else "top_unit"
    return "quantity" if member["kind"] in ("lot", "class") else "part_of_another"


KIND = Kind(name="affected-units", en="Affected units", zh="受影响单元清单", takes={}, tables=tables)
