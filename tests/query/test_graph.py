"""Answers over a graph equal the domain's: for any history, also one that went on since the graph was built."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.answers import Limits
from domain.genealogy import Way, trace
from domain.ids import ItemId
from domain.record import answer_async
from domain.state import State, states
from domain.walk import Mode
from services.database import tenant_transaction
from services.query.graph.facts import STATUSES
from services.query.graph.graph import Graph
from services.query.graph.loading import load
from services.query.graph.names import Names
from services.query.graph.newer import changed
from services.query.graph.nodes import Nodes, all_nodes
from services.query.graph.plain import Uncovered
from services.query.graph.standing import stand
from services.query.graph.tracing import Barred, GraphWalk
from services.query.record import SqlRecord
from tests.domain.histories import BOXES, LOTS, UNITS, histories
from tests.domain.telling import History, at, item, q, us
from tests.projections.test_record_over_sql import Views, apply, partitioned, views

__all__ = ["views"]

NAMES = UNITS + LOTS


@given(h=histories, cuts=st.lists(st.booleans(), min_size=1, max_size=4), data=st.data())
@pytest.mark.timeout(600)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
async def test_answers_over_a_graph_equal_the_domains(
    views: Views, h: History, *, cuts: list[bool], data: st.DataObject
) -> None:
    tenant = await views.fresh_tenant()
    log = partitioned(h, cuts, tenant)
    built_after = data.draw(st.integers(0, len(log)))
    await apply(views, log[:built_after], 3)
    async with tenant_transaction(views.api, tenant) as connection:
        try:
            graph = await load(connection, tenant)
        except Uncovered:
            return
        graph = replace(graph, applied_us={})  # each example begins the same day again
    if built_after < len(log):
        await apply(views, log[built_after:], 3)
    at_us = data.draw(st.none() | st.sampled_from([us(2), us(4), us(7)]))
    async with tenant_transaction(views.api, tenant) as connection:
        known = {r[0] for r in await connection.fetch("SELECT uri FROM views.items WHERE tenant_id = $1", tenant)}
        try:
            newer = await changed(connection, tenant, graph)
        except Uncovered:
            return
        for name in NAMES:
            if item(name) not in known:
                continue
            for way in Way:
                names = Names(connection, tenant, graph, changed=newer)
                walk = GraphWalk(
                    graph, SqlRecord(connection, tenant), names, way=way, at_us=at_us, limits=Limits(50, 10_000)
                )
                try:
                    walked = await walk.run(await names.indexes([item(name)]))
                except Barred:
                    continue
                over_graph = await all_nodes(Nodes(connection, graph, names=names, walked=walked))
                mode = Mode.EVER if at_us is None else Mode.AS_MAINTAINED
                question = trace([item(name)], way=way, mode=mode, at_us=at_us, now_us=us(100))
                by_domain = await answer_async(question, SqlRecord(connection, tenant).look_up)
                assert over_graph == by_domain.nodes
        everything = [i for n in NAMES + BOXES if (i := item(n)) in known]
        by_domain_states = await answer_async(states(everything, at_us=us(6)), SqlRecord(connection, tenant).look_up)
        await _stands_alike(Names(connection, tenant, graph), graph, newer.state, by_domain_states)


def _ranged() -> ev.LifecycleEvent:
    serials = ev.SerialRange(product=item("class:V"), first="1", last="3")
    return ev.Commissioned(occurred_at=at(3), items=(ev.Output(range=serials, lot=item("lot:A/1")),))


def _booked() -> ev.LifecycleEvent:
    material = ev.Input(item=item("class:V"), basis=ev.Basis.BACKFLUSHED)
    return ev.Transformed(occurred_at=at(3), inputs=(material,), outputs=(ev.Output(item=item("U/1")),))


def _recalled() -> ev.LifecycleEvent:
    scope = (ev.ProductScope(product=item("class:V")),)
    return ev.RecallDeclared(occurred_at=at(3), recall_id="R", products=scope)


@pytest.mark.parametrize("event", [_ranged(), _booked(), _recalled()], ids=lambda event: event.kind)
async def test_newer_events_that_name_a_product_the_graph_does_not_know(views: Views, event: ev.LifecycleEvent) -> None:
    """Units and lots of it that the graph knows are asked of the domain from then on."""
    tenant, h = await views.fresh_tenant(), History()
    h.tell(ev.Shipped(occurred_at=at(1), items=(q("V/1"),)))
    h.tell(event)
    log = partitioned(h, [False], tenant)
    await apply(views, log[:1], 3)
    async with tenant_transaction(views.api, tenant) as connection:
        graph = replace(await load(connection, tenant), applied_us={})
    await apply(views, log[1:], 3)
    async with tenant_transaction(views.api, tenant) as connection:
        newer = await changed(connection, tenant, graph)
        (index,) = await Names(connection, tenant, graph, changed=newer).indexes([item("V/1")])
    assert newer.state[index]
    assert newer.links[index] or event.kind == "recall_declared"


async def _stands_alike(names: Names, graph: Graph, newer: np.ndarray, by_domain: dict[ItemId, State]) -> None:  # type: ignore[type-arg] # noqa: PLR0917
    indexes = await names.indexes(list(by_domain))
    plain = [
        (i, item_id)
        for i, item_id in zip(indexes.tolist(), by_domain, strict=True)
        if i < len(graph.item_nos) and not graph.standing.odd[i] and not newer[i]
    ]
    stood = stand(graph.standing, np.array([i for i, _ in plain], dtype=np.int64), us(6))
    for row, (_, item_id) in enumerate(plain):
        state = by_domain[item_id]
        texts = graph.standing.texts
        mine = (
            STATUSES[stood.status[row]],
            *(texts.get(int(c[row])) for c in (stood.disposition, stood.site, stood.holder, stood.owner)),
            await _name(names, int(stood.container[row])),
            await _name(names, int(stood.whole[row])),
        )
        whole = state.wholes[0] if state.wholes else None
        theirs = (state.status, state.disposition, state.site, state.holder, state.owner, state.container, whole)
        assert mine == theirs, item_id
        assert not state.on_hold
        assert not state.order_uncertain
        assert not state.conflicts


async def _name(names: Names, index: int) -> ItemId | None:
    return None if index < 0 else (await names.ids(np.array([index])))[0]
