"""What was frozen and its delta are a fresh evaluation, whatever comes late, twice, voided or disputed (Hypothesis).

The jobs are the real ones, on real views; the log is one that projects each record as soon as it is appended. A batch
that did not touch the case evaluates nothing: an event that changes the set and was not noted as touching it is found.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.cases import acts
from domain.cases.recall import fold
from domain.clock import FixedClock
from domain.corrections import Copy
from domain.envelope import Envelope
from domain.events.casework import CaseRecorded, act_id
from domain.ids import ItemId
from domain.moments import Moment, from_us
from domain.ports import Position, Record
from domain.positions import vector_token
from services.cases.commands import CaseDesk
from services.cases.delta import Delta
from services.cases.delta_set import DeltaSet
from services.cases.freezing import FreezeJob
from services.cases.jobs import Job, Work
from services.codec import decode
from services.query.evaluating import Evaluator, snapshot_at
from services.query.freshness import applied_vector
from services.query.graph.keeper import Graphs
from services.query.rules import rule_of
from services.readmodel.changes import Batch, ViewWriter
from services.readmodel.rows import Applied
from services.settings import load_settings
from tests.domain.histories import CLASSES, LOTS, UNITS, entangled, histories
from tests.domain.telling import History, at, item, q, us
from tests.projections.test_record_over_sql import Views, views
from tests.query.serving import Drawn, generation
from tests.query.test_graph import drawn

__all__ = ["views"]

NOW = from_us(us(200))
CASE = "RC"

leaves = st.one_of(
    st.lists(st.sampled_from(LOTS + UNITS), min_size=1, max_size=2, unique=True).map(
        lambda names: {"items": [str(item(n)) for n in names]}
    ),
    st.sampled_from(CLASSES).map(lambda name: {"product": str(item(name))}),
)
rules = leaves | st.tuples(st.sampled_from(["any", "all", "except"]), leaves, leaves).map(
    lambda r: {r[0]: [r[1], r[2]]}
)


Standing = tuple[str, int, str, tuple[str, ...] | None]
"""A member of the set, its level, how sure it is and why only so."""


class Straight:
    """A log of two partitions whose records are in the views when they are acknowledged."""

    def __init__(self, views: Views) -> None:
        self._views = views
        self._writer = ViewWriter(views.projector)
        self._appended_us = itertools.count(us(100))

    async def append(self, records: Sequence[Record], *, deadline_seconds: float) -> list[Position]:
        return [
            await self.take(decode(r.value), partition=r.key[-1] % 2, appended_us=next(self._appended_us))
            for r in records
        ]

    async def take(self, envelope: Envelope, *, partition: int, appended_us: int) -> Position:
        self._views.offset += 1
        position = Position(partition, self._views.offset)
        applied = Applied.of(position, appended_us, envelope)
        await self._writer.apply(Batch(partition, 1, position.offset, appended_us, [applied]))
        return position


class Followed:
    """A recall of one example: its jobs, and what they came to."""

    def __init__(self, views: Views, tenant: int, graphs: Graphs | None = None) -> None:
        self.views, self.tenant, self.log = views, tenant, Straight(views)
        self.settings = load_settings(trace_graph="off", case_full_evaluation_seconds=1e9)
        log: Any = self.log
        self.desk = CaseDesk(log=log, pool=views.api, clock=FixedClock(NOW), settings=self.settings)
        self.domain = Evaluator(Graphs(views.api, self.settings), self.settings)
        self.evaluator = Evaluator(graphs, self.settings) if graphs is not None else self.domain
        self.delta = Delta(self.desk, views.projector, evaluator=self.evaluator)
        self.delta._watching.look_seconds = 0

    async def tell(self, entries: Sequence[tuple[Copy, Envelope]]) -> None:
        for copy, envelope in entries:
            await self.log.take(envelope, partition=copy.partition, appended_us=copy.appended_us)

    async def freeze(self, rule: dict[str, Any]) -> None:
        async with self.views.api.acquire() as connection:
            vector = vector_token(await applied_vector(connection))
        told: list[acts.AnyAct] = [
            acts.Opened(mode="mock", title="x"),
            acts.FreezeRequested(freeze=1, vector=vector, as_of=Moment.parse(NOW), rule=rule),
        ]
        events = [
            CaseRecorded(
                occurred_at=Moment.parse(NOW),
                event_id=act_id(CASE, n),
                case_id=CASE,
                case_type="recall",
                sequence=n,
                actor="wang",
                act=act,
            )
            for n, act in enumerate(told, 1)
        ]
        await self.desk.append(self.tenant, "zhuisu", events)
        await self.work(FreezeJob(self.desk, self.evaluator))

    async def work(self, job: Job) -> None:
        while await job.work(Work(self.tenant, CASE, await self.desk.acts(self.tenant, CASE))):
            self.delta._quiet.clear()
        self.delta._quiet.clear()

    async def sets(self, rule: dict[str, Any]) -> tuple[set[Standing], set[Standing]]:
        """What the log tells of the set, and what the rule comes to now: each member with how sure it is and why."""
        case = fold(await self.desk.acts(self.tenant, CASE))
        assert case is not None
        assert case.frozen is not None
        asking = snapshot_at(self.views.api, self.settings, tenant_id=self.tenant, vector=None, now_us=us(200))
        async with asking as asked:
            told = await DeltaSet(asked.connection, self.tenant, case=case).present()
            found = await self.domain.begin(rule_of(rule), asked)
            fresh = {_standing(str(one.member.item), one.member) async for some in found.members() for one in some}
        return {_standing(item, stood) for item, stood in told.items()}, fresh


def _standing(item: str, stood: acts.Member | acts.Stood) -> Standing:
    return item, stood.level, stood.certainty, stood.reasons


def moved(h: History, cuts: list[bool], *, tenant: int, again: bool) -> list[tuple[Copy, Envelope]]:
    """The history over two partitions, as a tenant's own; some of it a second time."""
    log = [
        (Copy(c.appended_us, int(cuts[n % len(cuts)]), c.offset), replace(e, tenant_id=tenant))
        for n, (c, e) in enumerate(h.log)
    ]
    return log + log[::3] if again else log


def _held_first() -> History:
    """The first that is told of a unit is that somebody held it: no link, but it is known from then on."""
    h = History()
    h.tell(ev.Held(occurred_at=at(1), hold_id="h1", items=(q("U/1"),)))
    return h


PALLET, PRIVATE = "https://id.gs1.org/00/106141411234567897", "urn:acme:pallet:7"
LOT, CASE_LOT = "https://id.gs1.org/01/09506000134352/10/L", "https://id.gs1.org/01/19506000134359/10/L"


@pytest.mark.parametrize("kind", [ev.Held, ev.Observed])
@pytest.mark.parametrize(
    ("named", "before", "then"),
    [(PALLET, [], PALLET), (PRIVATE, [], PRIVATE), (LOT, [LOT], CASE_LOT)],
    ids=["a container", "a private id", "a lot at another packaging level"],
)
async def test_whatever_first_tells_of_an_item_of_the_rule_brings_it_into_the_set(
    views: Views, *, kind: type[ev.Event], named: str, before: list[str], then: str
) -> None:
    """None of these is known by a product of its own before an event names it."""
    tenant, h = await views.fresh_tenant(), History()
    for name in (*before, then):
        held = {"hold_id": "h1"} if kind is ev.Held else {}
        h.tell(kind(occurred_at=at(1), items=(ev.ItemQuantity(item=ItemId(name)),), **held))  # type: ignore[call-arg]
    log = moved(h, [False], tenant=tenant, again=False)
    followed, rule = Followed(views, tenant), {"items": [named]}
    await followed.tell(log[: len(before)])
    await followed.freeze(rule)
    await followed.work(followed.delta)
    await followed.tell(log[len(before) :])
    await followed.work(followed.delta)
    told, fresh = await followed.sets(rule)
    assert then in {item for item, *_ in fresh}
    assert told == fresh


@pytest.mark.parametrize("named", [PALLET, PRIVATE])
async def test_what_is_behind_a_failed_item_comes_into_the_set_with_the_first_event_that_names_the_item(
    views: Views, *, named: str
) -> None:
    """It has no number to be watched by before that, nor a product."""
    tenant, h = await views.fresh_tenant(), History()
    h.made(["MODULE/M-1"], ["lot:CELL/L-1"], at_hour=1)
    h.made([ev.Output(item=ItemId(named))], ["MODULE/M-1"], at_hour=2)
    log = moved(h, [False], tenant=tenant, again=False)
    followed = Followed(views, tenant)
    rule = {"failed_component_lots": {"items": [named], "material": str(item("class:CELL"))}}
    await followed.tell(log[:1])
    await followed.freeze(rule)
    await followed.work(followed.delta)
    await followed.tell(log[1:])
    await followed.work(followed.delta)
    told, fresh = await followed.sets(rule)
    assert item("lot:CELL/L-1") in {one for one, *_ in fresh}
    assert told == fresh


@example(h=_held_first(), rule={"items": [item("U/1")]}, cuts=[False], split=0.0, size=1, again=False)
@given(
    h=histories | entangled,
    rule=rules,
    cuts=st.lists(st.booleans(), min_size=1, max_size=3),
    split=st.floats(0, 0.9),
    size=st.integers(1, 4),
    again=st.booleans(),
)
@pytest.mark.timeout(900)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
async def test_frozen_and_delta_are_a_fresh_evaluation(
    views: Views, h: History, *, rule: dict[str, Any], cuts: list[bool], split: float, size: int, again: bool
) -> None:
    tenant = await views.fresh_tenant()
    log = moved(h, cuts, tenant=tenant, again=again)
    first = int(len(log) * split)
    followed = Followed(views, tenant)
    await followed.tell(log[:first])
    await followed.freeze(rule)
    await followed.work(followed.delta)
    for start in range(first, len(log), size):
        await followed.tell(log[start : start + size])
        await followed.work(followed.delta)
        told, fresh = await followed.sets(rule)
        assert told == fresh, (sorted(fresh - told), sorted(told - fresh))


@given(
    h=histories | entangled,
    rule=rules,
    cuts=st.lists(st.booleans(), min_size=1, max_size=3),
    splits=st.tuples(st.floats(0, 0.9), st.floats(0, 0.9)),
    size=st.integers(1, 4),
    again=st.booleans(),
)
@pytest.mark.timeout(900)
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
async def test_the_same_over_a_graph_of_which_members_that_stay_are_no_objects(
    views: Views,
    h: History,
    *,
    rule: dict[str, Any],
    cuts: list[bool],
    splits: tuple[float, float],
    size: int,
    again: bool,
) -> None:
    """The graph is of some instant before the freeze or after it, and stays as it is."""
    tenant = await views.fresh_tenant()
    log = moved(h, cuts, tenant=tenant, again=again)
    frozen_at, drawn_at = (int(len(log) * split) for split in splits)
    graphs = Drawn(views.api, load_settings())
    followed = Followed(views, tenant, graphs)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("services.query.walks.FEW_STARTS", -1)
        await followed.tell(log[: min(frozen_at, drawn_at)])
        if drawn_at <= frozen_at:
            await _draw(graphs, views, tenant)
            await followed.tell(log[drawn_at:frozen_at])
        await followed.freeze(rule)
        await followed.work(followed.delta)
        for start in range(frozen_at, len(log), size):
            await followed.tell(log[start : start + size])
            if start <= drawn_at < start + size:
                await _draw(graphs, views, tenant)
            await followed.work(followed.delta)
            told, fresh = await followed.sets(rule)
            assert told == fresh, (sorted(fresh - told), sorted(told - fresh))


async def _draw(graphs: Drawn, views: Views, tenant: int) -> None:
    if (graph := await drawn(views, tenant)) is not None:
        graphs.put(tenant, graph, await generation(views, tenant))
