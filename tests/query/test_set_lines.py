"""A set by columns is the set by members, to the byte: whatever the record tells, and however old the graph is."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.clock import SystemClock
from domain.moments import to_us
from services.query import set_lines, walks
from services.query.evaluating import Evaluator, snapshot_at
from services.query.freshness import applied_vector
from services.query.graph import members
from services.query.graph.keeper import Graphs
from services.query.rules import rule_of
from services.query.set_lines import Counts, SetLines, SpooledLines
from services.settings import load_settings
from tests.domain.histories import BOXES, CLASSES, LOTS, UNITS
from tests.domain.telling import History, at, item
from tests.projections.test_record_over_sql import Views, apply, partitioned, views
from tests.query.serving import Drawn, generation
from tests.query.test_graph import HISTORIES, drawn

__all__ = ["views"]


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Of one leaf, as columns take them."""
    if draw(st.integers(0, 3)) == 0:
        rule: dict[str, Any] = {"product": str(item(draw(st.sampled_from(CLASSES))))}
    else:
        some = draw(st.lists(st.sampled_from(LOTS + UNITS + BOXES), min_size=1, max_size=4, unique=True))
        rule = {"items": [str(item(name)) for name in some]}
    if draw(st.integers(0, 2)) == 0:
        rule |= {"mode": "as_maintained", "at": at(draw(st.integers(1, 8))).text}
    return {"any": [rule]} if draw(st.booleans()) else rule


Told = tuple[bytes, Counts, list[Any], list[str]]


async def _told(found: SetLines) -> Told:
    with found:
        await found.look()
        lines = b"".join(block.data for block in found.blocks())
        return lines, found.counts(), sorted(map(repr, found.gaps)), sorted(found.incomplete)


@given(h=HISTORIES, cuts=st.lists(st.booleans(), min_size=1, max_size=4), data=st.data())
@pytest.mark.timeout(900)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
async def test_a_set_by_columns_is_the_set_by_members_to_the_byte(
    views: Views, h: History, *, cuts: list[bool], data: st.DataObject
) -> None:
    tenant = await views.fresh_tenant()
    log = partitioned(h, cuts, tenant)
    built_after = data.draw(st.integers(0, len(log)))
    await apply(views, log[:built_after], 3)
    known = [None, await _applied(views)]
    graph = await drawn(views, tenant)
    await apply(views, log[built_after:], 3)
    if data.draw(st.booleans()):  # it knows more than is asked about
        graph = await drawn(views, tenant)
    if graph is None:
        return
    configured = load_settings()
    graphs: Any = Drawn(views.api, configured)
    graphs.put(tenant, graph, await generation(views, tenant))
    without = Evaluator(Graphs(views.api, load_settings(trace_graph="off")), configured)
    quick, now_us = Evaluator(graphs, configured), to_us(SystemClock().now())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(walks, "FEW_STARTS", -1)
        patched.setattr(members, "LINES_AT_ONCE", 2)
        patched.setattr(set_lines, "LINES_AT_ONCE", 3)
        for document in data.draw(st.lists(rules(), min_size=1, max_size=4)):
            rule, vector = rule_of(document), data.draw(st.sampled_from(known))
            asking = snapshot_at(views.api, configured, tenant_id=tenant, vector=vector, now_us=now_us)
            async with asking as asked:
                columns = await quick.lines(rule, asked)
                told = await _told(columns)
                assert told == await _told(await without.lines(rule, asked)), document
                # Members one by one over the same graph, as previews and evaluations read them.
                assert told == await _told(SpooledLines(await quick.begin(rule, asked))), document


async def _applied(views: Views) -> dict[int, int]:
    async with views.api.acquire() as connection:
        return await applied_vector(connection)
