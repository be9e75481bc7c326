"""What a graph does not know, the domain is asked: scans that supersede lots, and lots at two packaging levels."""

from decimal import Decimal

import numpy as np
import pytest

from domain import events as ev
from domain.answers import Limits
from domain.genealogy import Way
from domain.ids import ItemId
from services.database import tenant_transaction
from services.query.graph.beyond import beyond
from services.query.graph.loading import load
from services.query.graph.names import Names
from services.query.graph.newer import changed
from services.query.graph.tracing import GraphWalk
from services.query.record import SqlRecord
from tests.domain.telling import History, at, item
from tests.domain.test_unit_over_lot import gtin_lot
from tests.projections.test_record_over_sql import Views, apply, partitioned, views

__all__ = ["views"]


async def leaves_to_the_domain(views: Views, h: History, start: ItemId, *, built_after: int) -> bool:
    tenant = await views.fresh_tenant()
    log = partitioned(h, [False], tenant)
    await apply(views, log[:built_after], 3)
    async with tenant_transaction(views.api, tenant) as connection:
        graph = await load(connection, tenant)
    if log[built_after:]:
        await apply(views, log[built_after:], 3)
    async with tenant_transaction(views.api, tenant) as connection:
        names = Names(connection, tenant, graph, changed=await changed(connection, tenant, graph))
        record = SqlRecord(connection, tenant)
        walk = GraphWalk(graph, record, names, way=Way.FORWARD, at_us=None, limits=Limits(50, 1_000))
        starts = np.unique(await names.indexes([start]))
        walked = await walk.run(starts)
        return await beyond(connection, tenant, graph=graph, starts=starts, names=names, walked=walked)


@pytest.mark.parametrize("newer", [0, 1])
@pytest.mark.parametrize("part", ["C/1", "D/1"])
async def test_a_unit_of_the_lots_material_in_what_the_lot_went_into(views: Views, part: str, newer: int) -> None:
    h = History()
    h.made(["M"], of=[ev.Input(item=item("lot:C/K"), quantity=Decimal(1))], at_hour=2)
    h.fit("M", part, at_hour=3)
    found = await leaves_to_the_domain(views, h, item("lot:C/K"), built_after=len(h.log) - newer)
    assert found is (part == "C/1")


@pytest.mark.parametrize("other", [gtin_lot(0, "L7"), gtin_lot(0, "L8")])
async def test_a_lot_of_that_number_at_another_packaging_level(views: Views, other: ItemId) -> None:
    h = History()
    case = gtin_lot(1, "L7")
    for lot in (case, other):
        h.tell(ev.Observed(occurred_at=at(1), items=(ev.ItemQuantity(item=lot),)))
    assert await leaves_to_the_domain(views, h, case, built_after=2) is (other == gtin_lot(0, "L7"))
