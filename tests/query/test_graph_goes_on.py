"""A graph in use while the record goes on: what it remembers, what it was drawn after, and what it may not know."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from domain import events as ev
from services.database import tenant_transaction
from services.query.graph.newer import changed
from tests.domain.telling import History, at, item, q, us
from tests.projections.test_record_over_sql import Views, apply, partitioned, views
from tests.query.serving import Both, Drawn, both, generation
from tests.query.test_graph import drawn

__all__ = ["views"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(views: Views) -> AsyncIterator[tuple[Both, Drawn]]:
    async with both(views) as found:
        yield found


async def test_a_graph_that_is_drawn_after_a_snapshot_began_does_not_answer_in_it(
    views: Views, served: tuple[Both, Drawn]
) -> None:
    """It knows more than that snapshot sees: half of the answer would be of another instant than it says."""
    _, graphs = served
    tenant, h = await views.fresh_tenant(), History()
    h.tell(ev.Shipped(occurred_at=at(1), items=(q("U/1"),)))
    h.tell(ev.Shipped(occurred_at=at(2), items=(q("U/1"),)))
    log = partitioned(h, [False], tenant)
    await apply(views, log[:1], 3)
    async with tenant_transaction(views.api, tenant) as connection:
        await connection.fetchval("SELECT count(*) FROM views.events")
        await apply(views, log[1:], 3)
        graph = await drawn(views, tenant)
        assert graph is not None
        graphs.put(tenant, graph, await generation(views, tenant))
        assert await graphs.graph(connection, tenant) is None
    async with tenant_transaction(views.api, tenant) as connection:
        assert await graphs.graph(connection, tenant) is not None


@pytest.mark.parametrize("back_us", [0, 3_000_000])
async def test_what_was_appended_by_a_broker_whose_clock_runs_behind_is_newer_all_the_same(
    views: Views, *, back_us: int
) -> None:
    """Append times run backwards by as much as the clocks of two leaders of a partition differ."""
    tenant, h = await views.fresh_tenant(), History()
    h.tell(ev.Shipped(occurred_at=at(1), items=(q("U/1"),)))
    h.tell(ev.Held(occurred_at=at(2), hold_id="H", items=(q("U/1"),)))
    first, second = partitioned(h, [False], tenant)
    begins_us = us(300)
    await apply(views, [(replace(first[0], appended_us=begins_us), first[1])], 1)
    graph = await drawn(views, tenant)
    assert graph is not None
    await apply(views, [(replace(second[0], appended_us=begins_us - back_us), second[1])], 1)
    async with tenant_transaction(views.api, tenant) as connection:
        newer = await changed(connection, tenant, graph, skew_us=5_000_000)
    assert newer.events == 1
    assert newer.state[graph.names.find(item("U/1"))]
