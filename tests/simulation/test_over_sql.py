"""The same over SQL: what the simulated factory's systems told is in the views, and nothing affected is missing."""

import pytest

from domain.genealogy import Way, trace
from domain.record import answer_async
from services.database import tenant_transaction
from services.query.record import SqlRecord
from tests.domain.telling import us
from tests.projections.test_record_over_sql import Views, apply, partitioned, views
from tests.simulation.factory import run
from tests.simulation.test_recall import ACTS, judge

__all__ = ["views"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1_000, 1_001, 1_002])
async def test_nothing_truly_affected_is_missing_over_sql(views: Views, seed: int) -> None:
    tenant, plant = await views.fresh_tenant(), run(seed, ACTS)
    await apply(views, partitioned(plant.history(), [False, True, True], tenant), 50)
    right = 0
    async with tenant_transaction(views.api, tenant) as connection:
        for thing in plant.things:
            question = trace([thing.ids[0]], way=Way.FORWARD, now_us=us(500))
            judged = judge(plant, thing, await answer_async(question, SqlRecord(connection, tenant).look_up))
            assert not judged.missing, (thing.ids, judged.missing)
            assert not judged.wrongly_certain, (thing.ids, judged.wrongly_certain)
            right += judged.right
    assert right
