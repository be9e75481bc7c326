"""Per consignee: which affected items each party got (21 CFR 7.49: only theirs), or one party alone."""

from collections.abc import Sequence

from domain.cases.consignees import Got, got_of
from domain.ids import ItemId
from domain.moments import iso
from services.query.questions.recall_consignees import party_asked
from services.query.recall_consignees import NOBODY_NAMED, custodies_counted
from services.query.reports.basis import Basis, Kind
from services.sheets.report import Column, Row, Rows, Table

COLUMNS = (
    Column("consignee", "Consignee", "收货方"),
    Column("consignee_name", "Name", "名称"),
    Column("item", "Item", "追溯单元"),
    Column("product", "Product", "产品"),
    Column("product_description", "Product description", "产品描述"),
    Column("quantity", "Quantity", "数量"),
    Column("uom", "Unit of measure", "计量单位"),
    Column("at", "Received or shipped at", "收发时间"),
    Column("via", "In container", "所在包装"),
    Column("came_from", "Came from", "来源"),
    Column("there", "Still there", "仍在该处"),
    Column("passed_to", "Passed to", "转交给"),
    Column("event_id", "Event", "事件"),
)


async def tables(basis: Basis) -> Sequence[Table]:
    wanted = basis.parameters.get("consignee")
    only = party_asked(wanted) if wanted else None
    return [Table("items", "Items of consignees", "收货方产品清单", COLUMNS, rows_of(basis, only))]


async def rows_of(basis: Basis, only: str | None) -> Rows:
    """The items in their order; of one party where `only` names it."""
    async for some in custodies_counted(basis.asked, basis.case, own_party=basis.own_party):
        got = [(party, g) for one in some for g, party in got_of(one) if only is None or party == only]
        await basis.described([g.item for _, g in got])
        await basis.descriptions.load("party", {party for party, _ in got})
        if got:
            yield [row_of(basis, party, g) for party, g in got]


def row_of(basis: Basis, party: str, got: Got) -> Row:
    """One item of one party."""
    item = ItemId(got.item)
    name = basis.descriptions.said("party", party, at_us=basis.point.recorded_us).get("name")
    return [
        *(party or NOBODY_NAMED, name, item, item.material, basis.product(item)),
        *(got.quantity, got.uom, iso(got.at_us), got.via if got.via != got.item else None),
        *(got.came_from or None, got.has, got.passed_to or None, got.event_id),
    ]


KIND = Kind(
    name="consignee",
    en="Items per consignee",
    zh="收货方产品清单",
    takes={"consignee": "only this party; unknown: whom the record does not name"},
    tables=tables,
)
