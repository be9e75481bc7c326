"""Answers over a graph equal the domain's: for any history, also one that went on since the graph was built."""

from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.facts import Role
from domain.genealogy import Way
from domain.ids import ItemId
from domain.links import Link, Relation
from domain.record import answer_async
from domain.state import State, states
from services.database import tenant_transaction
from services.query.graph.facts import STATUSES
from services.query.graph.graph import Graph
from services.query.graph.groups import Bools
from services.query.graph.kinds import Uncovered
from services.query.graph.links import leaving, led_to, most_into, plain_into, plain_out_of
from services.query.graph.loading import load
from services.query.graph.memory import Remembered, as_columns
from services.query.graph.names import Names
from services.query.graph.newer import TooNew, changed
from services.query.graph.standing import stand
from services.query.record import SqlRecord
from services.query.walks import FEW_STARTS
from tests.domain.histories import BOXES, CLASSES, LOTS, UNITS, build, entangled, histories, steps
from tests.domain.telling import History, at, item, q, us
from tests.projections.test_record_over_sql import Views, apply, partitioned, scanned, views
from tests.query.serving import Both, Drawn, both, generation

__all__ = ["views"]

NAMES = UNITS + LOTS


FORMS = ("text/csv", "application/x-ndjson", "application/json")


@st.composite
def _bookings(draw: st.DrawFn) -> tuple[str, tuple[object, ...]]:
    """Material used with and without its lot."""
    inputs = draw(st.lists(st.sampled_from(LOTS + UNITS + CLASSES), min_size=1, max_size=3, unique=True))
    outputs = draw(st.lists(st.sampled_from(UNITS + LOTS[2:]), min_size=1, max_size=2, unique=True))
    return "made", (draw(st.integers(1, 8)), inputs, outputs, draw(st.sampled_from([None, "urn:t:1"])), False)


booked = st.lists(_bookings() | steps(), min_size=2, max_size=9).map(build)
HISTORIES = histories | scanned | booked | entangled


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(views: Views) -> AsyncIterator[tuple[Both, Drawn]]:
    async with both(views) as found:
        yield found


async def drawn(views: Views, tenant: int) -> Graph | None:
    async with tenant_transaction(views.api, tenant) as connection:
        try:
            return await load(connection, tenant)
        except Uncovered:
            return None


@st.composite
def narrowings(draw: st.DrawFn) -> dict[str, str]:
    """How a question may be put: its mode, its window, its pages."""
    found = {}
    if draw(st.booleans()):
        found |= {"mode": "as_maintained", "at": at(draw(st.integers(1, 8))).text}
    if draw(st.integers(0, 3)) == 0:
        found["since"] = at(draw(st.integers(1, 8))).text
    if draw(st.integers(0, 3)) == 0:
        found["until"] = at(draw(st.integers(1, 8))).text
    if draw(st.integers(0, 3)) == 0:
        found["limit"] = str(draw(st.integers(1, 3)))
    return found


@given(h=HISTORIES, cuts=st.lists(st.booleans(), min_size=1, max_size=4), data=st.data())
@pytest.mark.timeout(900)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
async def test_answers_over_a_graph_equal_the_domains_byte_for_byte(
    views: Views,
    served: tuple[Both, Drawn],
    monkeypatch: pytest.MonkeyPatch,
    *,
    h: History,
    cuts: list[bool],
    data: st.DataObject,
) -> None:
    """Whether few items are walked from link by link, or by columns as many are."""
    monkeypatch.setattr("services.query.walks.FEW_STARTS", data.draw(st.sampled_from([FEW_STARTS, -1])))
    answers, graphs = served
    tenant = await views.fresh_tenant()
    log = partitioned(h, cuts, tenant)
    built_after = data.draw(st.integers(0, len(log)))
    await apply(views, log[:built_after], 3)
    graph = await drawn(views, tenant)
    if graph is None:
        return
    _looks_ahead(graph)
    graphs.put(tenant, graph, await generation(views, tenant))
    narrowed, accept = data.draw(narrowings()), data.draw(st.sampled_from(FORMS))
    asking = {"tenant": tenant, "accept": accept}
    if built_after < len(log):
        remembered = data.draw(st.lists(st.sampled_from(NAMES + BOXES), min_size=2, max_size=3, unique=True))
        for name in remembered:
            await answers.alike("GET", "/v1/trace/forward", params={"item": item(name)}, **asking)
        rule = {"rule": {"items": [item(name) for name in remembered]}}
        await answers.alike("POST", "/v1/recalls/preview", json=rule, tenant=tenant, accept="text/csv")
        await apply(views, log[built_after:], 3)
        await answers.alike("POST", "/v1/recalls/preview", json=rule, tenant=tenant, accept="text/csv")
    async with tenant_transaction(views.api, tenant) as connection:
        known = {r[0] for r in await connection.fetch("SELECT uri FROM views.items WHERE tenant_id = $1", tenant)}
    unknown = [n for n in NAMES + BOXES if item(n) not in known]
    for name in set(NAMES + BOXES + CLASSES).difference(unknown[1:]):  # one that is refused stands for all of them
        for way in Way:
            await answers.alike("GET", f"/v1/trace/{way}", params={"item": item(name), **narrowed}, **asking)
    several = data.draw(st.lists(st.sampled_from(NAMES + BOXES), min_size=2, max_size=3, unique=True))
    body = {"items": [item(name) for name in several]}
    asked = {"json": body, "params": {**narrowed, "unknown": "skip"}}
    await answers.alike("POST", f"/v1/trace/{data.draw(st.sampled_from(list(Way)))}", **asked, **asking)
    exposed = {"equipment": data.draw(st.sampled_from(["P1", "P2"]))}
    await answers.alike("POST", "/v1/exposures", json=exposed, **asking)
    async with tenant_transaction(views.api, tenant) as connection:
        try:
            newer = await changed(connection, tenant, replace(graph, applied_us={}))
        except (Uncovered, TooNew):
            return
        everything = [i for n in NAMES + BOXES if (i := item(n)) in known]
        by_domain_states = await answer_async(states(everything, at_us=us(6)), SqlRecord(connection, tenant).look_up)
        _stands_alike(graph, newer.state, by_domain_states)


def _looks_ahead(graph: Graph) -> None:
    """Who only wants to know how far links lead, or how many arrive, is told no less than the links would."""
    everything, m = np.arange(len(graph)), graph.mentions
    leading_to, arriving_at = plain_out_of(graph, everything).target, plain_into(graph, everything).target
    assert sorted(led_to(graph, everything).tolist()) == sorted(leading_to.tolist())
    for most in (0, 3, len(leading_to)):
        assert (told := leaving(graph, everything, most=most)) == len(leading_to) or told > most
    most, arrive = most_into(graph, everything), np.bincount(arriving_at, minlength=len(graph))
    assert (most >= arrive).all()
    no_whole = ~np.isin(everything, m.item[m.role == Role.WHOLE])
    assert most[no_whole].tolist() == arrive[no_whole].tolist()


@pytest.mark.parametrize("accept", FORMS)
async def test_names_of_one_thing_and_nothing_else(
    views: Views, served: tuple[Both, Drawn], monkeypatch: pytest.MonkeyPatch, *, accept: str
) -> None:
    """All names are asked about, so no node is left to show; over columns also where there are so few."""
    monkeypatch.setattr("services.query.walks.FEW_STARTS", -1)
    answers, graphs = served
    tenant, h = await views.fresh_tenant(), build([("same", (1, "lot:A/1", "lot:A/2"))])
    await apply(views, partitioned(h, [False], tenant), 3)
    graph = await drawn(views, tenant)
    assert graph is not None
    graphs.put(tenant, graph, await generation(views, tenant))
    body = {"items": [item("lot:A/1"), item("lot:A/2")]}
    for way in Way:
        await answers.alike("POST", f"/v1/trace/{way}", json=body, tenant=tenant, accept=accept)


async def test_links_that_are_forgotten_in_the_midst_of_a_walk_are_told_once(
    views: Views, served: tuple[Both, Drawn], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A/1 is walked from twice, since it is reached in two ways; other questions may fill the memory at any time."""
    monkeypatch.setattr("services.query.graph.single.MOST_REMEMBERED", 1)
    answers, graphs = served
    tenant, h = await views.fresh_tenant(), History()
    h.made(["lot:A/1"], ["lot:Z/1"], at_hour=0)
    h.made(["lot:B/1"], ["lot:A/1"], at_hour=1)
    h.made(["lot:C/1"], ["lot:A/1"], at_hour=2)
    h.made(["lot:B/1"], ["lot:C/1"], at_hour=3)
    h.made(["lot:D/1"], ["lot:B/1"], at_hour=4)
    await apply(views, partitioned(h, [False], tenant), 3)
    graph = await drawn(views, tenant)
    assert graph is not None
    graphs.put(tenant, graph, await generation(views, tenant))
    asked = {"params": {"item": item("lot:D/1")}, "tenant": tenant, "accept": "application/json"}
    await answers.alike("GET", "/v1/trace/backward", **asked)


async def test_what_its_boxes_brought_into_two_units_is_told_over_a_graph_as_by_the_domain(
    views: Views, served: tuple[Both, Drawn], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.query.walks.FEW_STARTS", -1)
    answers, graphs = served
    tenant, h = await views.fresh_tenant(), History()
    h.pack("box:1", "U/1", at_hour=1)
    h.fit("V/1", "box:1", at_hour=2)
    h.fit("V/2", "box:1", at_hour=2)
    await apply(views, partitioned(h, [False], tenant), 3)
    graph = await drawn(views, tenant)
    assert graph is not None
    graphs.put(tenant, graph, await generation(views, tenant))
    for _ in range(2):  # what was told is remembered
        for name in ("V/1", "V/2"):
            asked = {"params": {"item": item(name)}, "tenant": tenant, "accept": "application/json"}
            await answers.alike("GET", "/v1/trace/backward", **asked)


def test_whoever_finds_an_item_remembered_finds_the_rest_of_it() -> None:
    """A walk looks from a thread while another question's links are added."""
    seen = []

    class Rows(dict[int, tuple[int, int]]):
        def __setitem__(self, row: int, place: tuple[int, int]) -> None:
            end = sum(place)
            seen.append(len(found.links) >= end and len(found.columns) >= end and row in found.born)
            super().__setitem__(row, place)

    found = Remembered.nothing()
    found.rows = Rows()
    link = Link(relation=Relation.DERIVATION, source=item("lot:A/1"), target=item("lot:B/1"), event_id="e")
    ends = np.array([[0, 1], [1, 0]])
    found.add([0, 1], as_columns([link, link], ends, 0), links=[[link], [link]], born=[0, 0])
    assert seen == [True, True]


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
    """Units and lots of it that it may concern are asked of the domain from then on."""
    tenant, h = await views.fresh_tenant(), History()
    h.tell(ev.Shipped(occurred_at=at(1), items=(q("V/1"), q("lot:V/7"))))
    h.tell(event)
    log = partitioned(h, [False], tenant)
    await apply(views, log[:1], 3)
    async with tenant_transaction(views.api, tenant) as connection:
        graph = replace(await load(connection, tenant), applied_us={})
    await apply(views, log[1:], 3)
    async with tenant_transaction(views.api, tenant) as connection:
        newer = await changed(connection, tenant, graph)
    names = Names(graph, changed=newer)
    unit, lot = (int(i) for i in names.indexes([item("V/1"), item("lot:V/7")]))
    match event.kind:
        case "commissioned":
            assert newer.state[unit]
            assert newer.links[unit]
        case "transformed":
            assert newer.state[lot]
            assert newer.links[lot]
        case _:
            assert newer.state[unit]
            assert newer.state[lot]


def _in_lot() -> ev.LifecycleEvent:
    return ev.Commissioned(occurred_at=at(1), items=(ev.Output(item=item("U/1"), lot=item("lot:A/1")),))


@pytest.mark.parametrize("released", [False, True])
async def test_a_hold_or_its_release_is_voided_after_items_were_answered(
    views: Views, served: tuple[Both, Drawn], *, released: bool
) -> None:
    """The void names no hold, but its target does: units of the lot stand otherwise from then on."""
    answers, graphs = served
    tenant, h = await views.fresh_tenant(), History()
    h.tell(_in_lot())
    held = ev.Held(occurred_at=at(2), hold_id="H", items=(q("lot:A/1"),))
    release = ev.HoldReleased(occurred_at=at(3), hold_id="H")
    target = [h.tell(event) for event in (held, *([release] if released else []))][-1]
    h.tell(ev.Voided(occurred_at=at(4), target=target, reason="wrong"))
    log = partitioned(h, [False], tenant)
    await apply(views, log[:-1], 3)
    graph = await drawn(views, tenant)
    assert graph is not None
    graphs.put(tenant, graph, await generation(views, tenant))
    asked = {"params": {"item": item("lot:A/1")}, "tenant": tenant, "accept": "application/json"}
    for _ in range(2):
        await answers.alike("GET", "/v1/trace/forward", **asked)
    await apply(views, log[-1:], 3)
    await answers.alike("GET", "/v1/trace/forward", **asked)


@pytest.mark.parametrize("named", [False, True])
async def test_a_lot_comes_to_be_of_a_held_one_after_its_units_were_answered(
    views: Views, served: tuple[Both, Drawn], *, named: bool
) -> None:
    """It is told only then that it was split from that, or is another name of it: its units are held, too."""
    answers, graphs = served
    tenant, h = await views.fresh_tenant(), History()
    h.tell(_in_lot())
    h.tell(ev.Held(occurred_at=at(2), hold_id="H", items=(q("lot:A/2"),)))
    if named:
        h.tell(ev.Identified(occurred_at=at(1), item=item("lot:A/1"), same_as=item("lot:A/2")))
    else:
        h.made(["lot:A/1"], ["lot:A/2"], at_hour=0.5)
    log = partitioned(h, [False], tenant)
    await apply(views, log[:-1], 3)
    graph = await drawn(views, tenant)
    assert graph is not None
    graphs.put(tenant, graph, await generation(views, tenant))
    asked = {"params": {"item": item("lot:A/1")}, "tenant": tenant, "accept": "application/json"}
    await answers.alike("GET", "/v1/trace/forward", **asked)
    await apply(views, log[-1:], 3)
    await answers.alike("GET", "/v1/trace/forward", **asked)


def _stands_alike(graph: Graph, newer: Bools, by_domain: dict[ItemId, State]) -> None:
    indexes = Names(graph).indexes(list(by_domain))
    plain = [
        (i, item_id)
        for i, item_id in zip(indexes.tolist(), by_domain, strict=True)
        if i < len(graph) and not graph.standing.odd[i] and not newer[i]
    ]
    stood = stand(graph.standing, np.array([i for i, _ in plain], dtype=np.int64), us(6))
    for row, (_, item_id) in enumerate(plain):
        state = by_domain[item_id]
        texts = graph.standing.texts
        mine = (
            STATUSES[stood.status[row]],
            *(texts.get(int(c[row])) for c in (stood.disposition, stood.site, stood.holder, stood.owner)),
            _name(graph, int(stood.container[row])),
            _name(graph, int(stood.whole[row])),
        )
        whole = state.wholes[0] if state.wholes else None
        theirs = (state.status, state.disposition, state.site, state.holder, state.owner, state.container, whole)
        assert mine == theirs, item_id
        assert not state.on_hold
        assert not state.order_uncertain
        assert not state.conflicts


def _name(graph: Graph, index: int) -> str | None:
    return None if index < 0 else graph.names[index]
