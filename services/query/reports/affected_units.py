"""Affected units: every member of the working set, why it is in it, where it is and what became of it."""

from collections.abc import Sequence
from decimal import Decimal

from domain.ids import ItemId
from services.query.recall_accounting import Accounted
from services.query.reports.basis import Basis, Kind
from services.query.reports.members import Member, members_of
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
    async for since, _, members in members_of(basis.asked, basis.case):
        here = [m for m in members if m["item"] in left]
        left -= {ItemId(m["item"]) for m in here}
        await basis.described([ItemId(m["item"]) for m in here])
        if here:
            yield [_row(basis, told, since=since, member=m) for m in here]


def _row(basis: Basis, told: Accounted, *, since: str, member: Member) -> Row:
    item = ItemId(member["item"])
    unit, placed = told.units.get(item), told.accounting.placed.get(item)
    quantity = member.get("quantity")
    return [
        *(item, item.material, basis.product(item), member["kind"], _counted_as(told, item, member)),
        *(member["certainty"], listed(member.get("reasons", [])), member["level"]),
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
