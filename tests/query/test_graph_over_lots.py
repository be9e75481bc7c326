"""What a graph does not know, the domain is asked: scans that supersede lots, and lots at two packaging levels."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain import events as ev
from domain.ids import ItemId
from services.database import tenant_transaction
from services.query.graph.loading import load
from services.query.graph.names import Names
from services.query.graph.newer import changed
from tests.domain.telling import History, at, item
from tests.domain.test_unit_over_lot import gtin_lot
from tests.projections.test_record_over_sql import Views, apply, partitioned, views

__all__ = ["views"]


async def asks_the_domain(views: Views, h: History, *items: ItemId, built_after: int) -> bool:
    """Whether the links between these are the domain's, from the first of them forward and from the last backward."""
    tenant = await views.fresh_tenant()
    log = partitioned(h, [False], tenant)
    await apply(views, log[:built_after], 3)
    async with tenant_transaction(views.api, tenant) as connection:
        graph = replace(await load(connection, tenant), applied_us={})
    if log[built_after:]:
        await apply(views, log[built_after:], 3)
    async with tenant_transaction(views.api, tenant) as connection:
        names = Names(graph, changed=await changed(connection, tenant, graph))
        out, into = (
            bool(names.odd(names.indexes([end]), forward=forward)[0])
            for end, forward in ((items[0], True), (items[-1], False))
        )
        assert out == into
        return out


@pytest.mark.parametrize("newer", [0, 1])
@pytest.mark.parametrize("part", ["C/1", "D/1"])
async def test_a_unit_of_the_lots_material_in_what_pieces_of_the_lot_went_into(
    views: Views, part: str, newer: int
) -> None:
    """Only what is in the graph is told apart by material: newer scans are all asked of the domain."""
    h = History()
    h.made(["M"], of=[ev.Input(item=item("lot:C/K"), quantity=Decimal(1))], at_hour=2)
    h.fit("M", part, at_hour=3)
    found = await asks_the_domain(views, h, item("lot:C/K"), item("M"), built_after=len(h.log) - newer)
    assert found is (part == "C/1" or newer == 1)


@pytest.mark.parametrize("uom", ["KGM", None])
async def test_what_is_weighed_is_not_superseded(views: Views, uom: str | None) -> None:
    h = History()
    h.made(["M"], of=[ev.Input(item=item("lot:C/K"), quantity=Decimal(1), uom=uom)], at_hour=2)
    h.fit("M", "C/1", at_hour=3)
    found = await asks_the_domain(views, h, item("lot:C/K"), item("M"), built_after=len(h.log))
    assert found is (uom is None)


@pytest.mark.parametrize("newer", [0, 1])
@pytest.mark.parametrize("other", [gtin_lot(0, "L7"), gtin_lot(0, "L8")])
async def test_a_lot_of_that_number_at_another_packaging_level(views: Views, other: ItemId, newer: int) -> None:
    h = History()
    case = gtin_lot(1, "L7")
    for lot in (case, other):
        h.tell(ev.Observed(occurred_at=at(1), items=(ev.ItemQuantity(item=lot),)))
    found = await asks_the_domain(views, h, case, built_after=2 - newer)
    assert found is (other == gtin_lot(0, "L7"))
