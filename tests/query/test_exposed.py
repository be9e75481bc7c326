"""What was exposed, found by when it was and told by columns, is what the domain says of all events ever."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.bookings import is_booked, made_since_us
from domain.events.common import Circumstances, Parameter
from domain.exposure import DURATION_UNKNOWN, Circumstance, ParameterRange, Seed, opened, seeds
from domain.facts import spelled_out
from domain.ids import ItemId, PartyId, PlaceId
from domain.memory import MemoryRecord, MemoryView
from domain.moments import Moment
from domain.record import Found, Need
from domain.record import Known as Remembered
from services.database import tenant_transaction
from services.problems import Problem
from services.query.answering import answered as answered_by
from services.query.exposed import exposed
from services.query.exposure_asked import Exposure
from services.query.freshness import freshness
from services.query.graph.exposing import Exposed
from services.query.graph.keeper import Graphs
from services.query.graph.links import CERTAIN_BIT
from services.query.graph.names import Names
from services.query.graph.newer import Changed
from services.query.graph.opening import Openings
from services.query.graph.walked import label_of
from services.query.scope import Scope
from services.query.snapshot import Asked
from services.query.walks import known_graph
from services.readmodel.rows import places_of
from services.settings import load_settings
from tests.domain.telling import History, at, item, q, us
from tests.projections.test_record_over_sql import Views, apply, partitioned, views
from tests.query.serving import Drawn, generation
from tests.query.test_graph import drawn

__all__ = ["views"]

MACHINES, SITES, HOURS = ["W", "V"], ["S", "T"], st.integers(0, 60)
DAYS = [Moment.parse(f"2026-03-0{day}Z") for day in (1, 2, 3)]


@dataclass
class Served:
    """Questions over graphs and without any."""

    views: Views
    drawn: Drawn
    off: Graphs


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(views: Views) -> Served:
    off = Graphs(views.api, load_settings(database_url=views.url, trace_graph="off"))
    return Served(views, Drawn(views.api, load_settings(database_url=views.url)), off)


@st.composite
def circumstances(draw: st.DrawFn) -> Circumstances:
    """Few values, so that they meet."""
    value = draw(st.sampled_from([None, None, "1", "2", "3"]))
    return Circumstances(
        equipment=tuple(draw(st.lists(st.sampled_from(MACHINES), min_size=0, max_size=2, unique=True))),
        tools=("TOOL",) if draw(st.booleans()) else (),
        instrument=draw(st.sampled_from([None, "G"])),
        parameters=(Parameter(name="peak", value=Decimal(value)),) if value else (),
    )


@st.composite
def told(draw: st.DrawFn) -> ev.LifecycleEvent:
    """Something made, marked, put together, inspected, received, booked or mounted; to the instant or on a day."""
    hour, serial = draw(HOURS), f"U/{draw(st.integers(1, 9))}"
    head: dict[str, Any] = {
        "occurred_at": draw(st.sampled_from([at(hour), at(hour), at(hour), *DAYS])),
        "site": PlaceId.parse(draw(st.sampled_from(SITES))),
        "circumstances": draw(circumstances()),
    }
    lasting = dict(head)
    if draw(st.booleans()):
        lasting["started_at"] = at(hour - draw(st.integers(0, 40)) - 0.001)
        lasting["occurred_at"] = at(hour)
    kinds = [
        "made",
        "made",
        "ranged",
        "fitted",
        "marked",
        "inspected",
        "boxed",
        "packed",
        "received",
        "booked",
        "mounted",
        "held",
    ]
    match draw(st.sampled_from(kinds)):
        case "made":
            outputs = tuple(ev.Output(item=item(name)) for name in {serial, "lot:M/1"} if draw(st.booleans()))
            return ev.Transformed(
                **lasting, inputs=(ev.Input(item=item("lot:IN/1")),), outputs=outputs or (ev.Output(item=item(serial)),)
            )
        case "ranged":
            serials = ev.SerialRange(product=item("class:R"), first="1", last="3")
            return ev.Commissioned(**head, items=(ev.Output(range=serials),))
        case "fitted":
            return ev.Assembled(**lasting, parent=item(serial), components=(q("P/1"),))
        case "marked":
            return ev.Commissioned(**head, items=(ev.Output(item=item(serial)),))
        case "inspected":
            return ev.Inspected(**lasting, items=(q(serial), q("lot:M/1")))
        case "boxed":
            return ev.Inspected(**head, items=(q("box:1"),))
        case "packed":
            return ev.Packed(**head, container=item("box:1"), contents=(q(serial),))
        case "received":
            return ev.MaterialReceived(**head, item=item("lot:IN/1"), supplier=PartyId.parse("urn:cells"))
        case "booked":
            return ev.OutputReported(**head, order="7", outputs=(ev.Output(item=item(serial)),))
        case "mounted":
            on = {"equipment": draw(st.sampled_from(MACHINES)), "position": "1"}
            return ev.Mounted(**head, item=item("lot:IN/1"), **on)
        case _:
            return ev.Held(**head, hold_id="H", items=(q(serial),))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Events, issues to the order that some book, copies with other content, and voids with and without a successor."""
    h = History()
    ids = []
    for event in draw(st.lists(told(), min_size=2, max_size=14)):
        ids.append(h.tell(event))
    if draw(st.integers(0, 2)) == 0:
        issued = (ev.Issued(item=item("lot:IN/1"), quantity=Decimal(1)),)
        h.tell(ev.IssuedToOrder(occurred_at=at(draw(HOURS)), site=PlaceId.parse("S"), order="7", items=issued))
    for target in draw(st.lists(st.sampled_from(ids), max_size=3, unique=True)):
        if draw(st.booleans()):
            replaced = draw(st.sampled_from([(), ("never-came",), (ids[0],)]))
            more = {"replaced_by": replaced} if replaced and replaced != (target,) else {}
            h.tell(ev.Voided(occurred_at=at(61), target=target, reason="wrong", **more))
        else:
            h.tell(replace(draw(told()), event_id=target))
    order = draw(st.permutations(h.log))
    return _retold(order) if draw(st.booleans()) else h


def _retold(log: Any) -> History:
    """The same events, appended in another order."""
    h = History()
    for (copy, _), (_, envelope) in zip(sorted(log), log, strict=True):
        h.log.append((copy, envelope))
    return h


@st.composite
def asked_for(draw: st.DrawFn) -> Circumstance:
    """One or more dimensions, a parameter, a window that may be open."""
    one = st.sampled_from(
        [
            *(("equipment", machine) for machine in MACHINES),
            *(("site", site) for site in SITES),
            *(("tool", "TOOL"), ("instrument", "G"), ("supplier", "urn:cells"), ("material", item("class:IN"))),
        ]
    )
    dimensions = draw(st.lists(one, max_size=3, unique=True))
    low, high = draw(st.sampled_from([(None, None), ("2", None), (None, "2"), ("1", "2")]))
    wants = draw(st.booleans()) or not dimensions
    bounds = [None if n is None else Decimal(n) for n in (low, high)]
    since, until = sorted(draw(st.lists(st.integers(-5, 70), min_size=2, max_size=2, unique=True)))
    return Circumstance(
        dimensions=tuple((name, str(value)) for name, value in dimensions),
        parameter=ParameterRange("peak", *bounds) if wants else None,
        since_us=us(since) if draw(st.integers(0, 4)) else None,
        until_us=us(until) if draw(st.integers(0, 4)) else None,
    )


def by_domain(view: MemoryView, circumstance: Circumstance, sites: frozenset[str] | None) -> set[Any]:
    """Of all events that match and count, whenever they were; without what was booked of an order that began later."""
    matching = [
        (e, spelled_out(e.facts).mentions)
        for e in view.happened.values()
        if circumstance.matches(e.facts) and (sites is None or sites & set(places_of(e.facts)))
    ]
    until_us = circumstance.until_us
    if until_us is not None:
        keys = frozenset(e.facts.transformation for e, _ in matching if e.facts.transformation is not None)
        starts = view.look_up(Need(order_starts=keys)).order_starts
        late = [
            e.no
            for e, _ in matching
            if is_booked(e.facts) and made_since_us(e.facts, starts.get(e.facts.transformation or "", [])) >= until_us
        ]
        matching = [(e, m) for e, m in matching if e.no not in late]
    return comparable(seeds(circumstance, matching))


def comparable(found: list[Seed]) -> set[Any]:
    return {(s.item, s.at_us, s.reasons, s.subject) for s in found}


@given(
    h=histories(),
    cuts=st.lists(st.booleans(), min_size=1, max_size=4),
    circumstance=asked_for(),
    data=st.data(),
)
@pytest.mark.timeout(900)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
async def test_what_was_exposed_is_what_the_domain_says_of_all_events(
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    *,
    h: History,
    cuts: list[bool],
    circumstance: Circumstance,
    data: st.DataObject,
) -> None:
    few = data.draw(st.sampled_from([1, 2, 10]))
    for module in ("exposed", "exposure_events"):
        monkeypatch.setattr(f"services.query.{module}.NEIGHBOURS_READ", few)
    monkeypatch.setattr("services.query.exposed.WIDER", 2)
    views, tenant = served.views, await served.views.fresh_tenant()
    base, log = views.offset + 1, partitioned(h, cuts, tenant)
    drawn_after = data.draw(st.integers(0, len(log)))
    await apply(views, log[:drawn_after], 3)
    graph = await drawn(views, tenant)
    if graph is not None:
        served.drawn.put(tenant, graph, await generation(views, tenant))
    if drawn_after < len(log):
        views.offset = base - 1
        await apply(views, log[drawn_after:], 3)
    last = data.draw(st.none() | st.integers(0, len(log)))
    sites = data.draw(st.none() | st.just(frozenset({PlaceId.parse("S")})))
    memory = MemoryRecord(log)
    async with tenant_transaction(views.api, tenant) as connection:
        fresh = await freshness(connection, stale_after_seconds=60)
        everything = Asked(connection, tenant, fresh, None)
        expected = by_domain(memory.as_of(None), circumstance, None)
        assert await answered(served.drawn, everything, circumstance) == expected
        assert await answered(served.off, everything, circumstance) == expected
        await begins_as_by_the_domain(served, everything, circumstance)
        if last is not None:
            then = Asked(connection, tenant, fresh, dict.fromkeys((0, 1), base + last))
            expected = by_domain(memory.as_of({0: last, 1: last}), circumstance, None)
            assert await answered(served.drawn, then, circumstance) == expected
        if sites is not None:
            scope = Scope(connection, tenant, None, sites, b"secret")
            limited = Asked(connection, tenant, fresh, None, scope=scope)
            expected = by_domain(memory.as_of(None), circumstance, sites)
            assert await answered(served.drawn, limited, circumstance) == expected


@pytest.mark.parametrize("drawn_after", [5, 8], ids=["voided since it was drawn", "voided before"])
async def test_neighbours_behind_voided_ones_are_looked_for_step_by_step(
    served: Served, monkeypatch: pytest.MonkeyPatch, *, drawn_after: int
) -> None:
    for module in ("exposed", "exposure_events"):
        monkeypatch.setattr(f"services.query.{module}.NEIGHBOURS_READ", 1)
    monkeypatch.setattr("services.query.exposed.WIDER", 2)
    views, tenant, h = served.views, await served.views.fresh_tenant(), History()
    on = {"circumstances": Circumstances(equipment=("W",))}
    for name, hour in (("U/1", 1), ("U/2", 1), ("U/3", 2), ("U/4", 3), ("U/5", 4)):
        h.made([name], ["lot:IN/1"], at_hour=hour, **on)
    for target in ("e2", "e3", "e4"):
        h.tell(ev.Voided(occurred_at=at(9), target=target, reason="wrong"))
    log = partitioned(h, [False], tenant)
    await apply(views, log[:drawn_after], 3)
    graph = await drawn(views, tenant)
    assert graph is not None
    served.drawn.put(tenant, graph, await generation(views, tenant))
    if drawn_after < len(log):
        await apply(views, log[drawn_after:], 3)
    window = Circumstance(dimensions=(("equipment", "W"),), since_us=us(5), until_us=us(6))
    async with tenant_transaction(views.api, tenant) as connection:
        asked = Asked(connection, tenant, await freshness(connection, stale_after_seconds=60), None)
        for graphs in (served.drawn, served.off):
            found = {(s.item, s.reasons) for s in await exposed(graphs, asked, Exposure(window))}
            assert found == {(item(name), frozenset({DURATION_UNKNOWN})) for name in ("U/1", "U/2")}


async def begins_as_by_the_domain(served: Served, asked: Asked, circumstance: Circumstance) -> None:
    """A walk over the graph from what was exposed begins with what the domain opens, and as surely."""
    begun = await begun_over(served, asked, circumstance)
    if begun is not None:
        found = list(await exposed(served.off, asked, Exposure(circumstance)))
        expected = await answered_by(spelled(found), asked.record())
        assert begun == {one: label_of(reasons) for one, reasons in expected.items()}


async def begun_over(served: Served, asked: Asked, circumstance: Circumstance) -> dict[ItemId, int] | None:
    """What a walk over the graph begins with, and its labels; None where there is no graph, or nothing is known."""
    known = await known_graph(served.drawn, asked)
    try:
        found = await exposed(served.drawn, asked, Exposure(circumstance))
    except Problem:
        return None
    if known is None:
        return None
    begun = []
    for told in (found, list(found)):
        names = Names(known.graph, changed=known.changed)
        openings = Openings(known.graph, names, changed=known.changed, record=asked.record())
        opening, _ = await openings.open((), told, indexes=names.indexes(()), at_us=None, now_us=asked.fresh.now_us)
        items, labels = opening.beginning(names.indexes(()))
        begun.append(dict(zip(names.ids(items), labels.tolist(), strict=True)))
        assert len(begun[-1]) == len(items)
    assert begun[0] == begun[1]
    return begun[0]


def spelled(found: list[Seed]) -> Generator[Need, Found, dict[ItemId, frozenset[str]]]:
    known = Remembered()
    yield from known.start(s.item for s in found)
    return (yield from opened(known, found))


async def answered(graphs: Graphs, asked: Asked, circumstance: Circumstance) -> set[Any]:
    """What is not known at all exposed nothing."""
    try:
        return comparable(await exposed(graphs, asked, Exposure(circumstance)))
    except Problem as problem:
        if problem.status != 404:
            raise
        return set()


@pytest.mark.parametrize("drawn_after", [0, 5], ids=["the record tells", "the graph tells"])
async def test_what_one_event_surely_exposed_is_certain_and_a_box_stands_for_what_it_held(
    served: Served, *, drawn_after: int
) -> None:
    views, tenant, h = served.views, await served.views.fresh_tenant(), History()
    inspects = {"circumstances": Circumstances(instrument="G")}
    h.made(["U/1", "U/2"], ["lot:IN/1"], at_hour=0)
    h.pack("box:1", "U/1", at_hour=1)
    for hour, names in ((2, ["lot:M/1", "lot:M/2"]), (5, ["lot:M/1", "box:1"]), (8, ["lot:M/2", "box:1"])):
        h.tell(ev.Inspected(occurred_at=at(hour), items=tuple(map(q, names)), site=PlaceId.parse("S"), **inspects))
    log = partitioned(h, [False], tenant)
    await apply(views, log[:drawn_after], 3)
    graph = await drawn(views, tenant)
    if graph is not None:
        served.drawn.put(tenant, graph, await generation(views, tenant))
    if drawn_after < len(log):
        await apply(views, log[drawn_after:], 3)
    window = Circumstance(dimensions=(("instrument", "G"),), since_us=us(4), until_us=us(6))
    async with tenant_transaction(views.api, tenant) as connection:
        asked = Asked(connection, tenant, await freshness(connection, stale_after_seconds=60), None)
        begun = await begun_over(served, asked, window)
    why = frozenset({DURATION_UNKNOWN})
    assert begun == {item("lot:M/1"): CERTAIN_BIT, item("U/1"): CERTAIN_BIT, item("lot:M/2"): label_of(why)}


async def test_a_walk_over_a_newer_graph_begins_with_what_an_older_one_said_was_exposed(served: Served) -> None:
    """Another may be drawn between the two, and has other rows."""
    views, tenant, h = served.views, await served.views.fresh_tenant(), History()
    h.made(["U/5", "lot:M/1"], ["lot:IN/1"], at_hour=0, circumstances=Circumstances(equipment=("W",)))
    h.made(["U/1", "lot:A/1"], ["lot:IN/2"], at_hour=1)
    log = partitioned(h, [False], tenant)
    await apply(views, log[:1], 3)
    older = await drawn(views, tenant)
    await apply(views, log[1:], 3)
    newer = await drawn(views, tenant)
    assert older is not None
    assert newer is not None
    served.drawn.put(tenant, older, await generation(views, tenant))
    async with tenant_transaction(views.api, tenant) as connection:
        asked = Asked(connection, tenant, await freshness(connection, stale_after_seconds=60), None)
        found = await exposed(served.drawn, asked, Exposure(Circumstance(dimensions=(("equipment", "W"),))))
        names, changed = Names(newer), Changed(*np.zeros((2, len(newer)), dtype=np.bool_))
        openings = Openings(newer, names, changed=changed, record=asked.record())
        opening, _ = await openings.open((), found, indexes=names.indexes(()), at_us=None, now_us=asked.fresh.now_us)
    assert isinstance(found, Exposed)
    assert len(found.rows) == 2
    assert set(names.ids(opening.seeded.items)) == {item("U/5"), item("lot:M/1")}
