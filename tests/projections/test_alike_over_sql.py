"""Units that are alike are read once: what is told of each is what is told of it alone (Hypothesis)."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import events as ev
from domain.cases.custody import custody
from domain.cases.handing import Ours
from domain.ids import ItemId, PartyId
from domain.links import ALWAYS_US
from services.query.alike import alike
from services.query.answering import answered
from services.query.evaluating import snapshot_at
from services.query.recall_custody import custodies
from services.settings import load_settings
from tests.domain.telling import History, at, item, q, us
from tests.projections.test_record_over_sql import Views, apply, partitioned, views

__all__ = ["views"]

UNITS = [f"U/{n}" for n in range(1, 7)]
BOXES = ["tray:1", "tray:2"]
OURS = Ours("urn:test:us")
some = st.lists(st.sampled_from(UNITS), min_size=1, max_size=6, unique=True)
hours = st.integers(1, 8)
box = st.sampled_from(BOXES)
shipped = st.one_of(some, box.map(lambda b: [b]), st.tuples(some, box).map(lambda x: [*x[0], x[1]]))
party = st.sampled_from(["urn:party:x", "urn:party:y"])
steps = st.one_of(
    st.tuples(st.just("made"), hours, some, st.sampled_from([None, "lot:U/L"])),
    st.tuples(st.just("pack"), hours, some, box),
    st.tuples(st.just("unpack"), hours, some, box),
    st.tuples(st.just("ship"), hours, shipped, party),
    st.tuples(st.just("sell"), hours, some, party),
    st.tuples(st.just("use"), hours, some, st.none()),
    st.tuples(st.just("fit"), hours, some, st.sampled_from(UNITS)),
    st.tuples(st.just("same"), hours, some, st.none()),
    st.tuples(st.just("remedy"), hours, some, st.none()),
)


def tell(h: History, step: Any) -> None:
    what, hour, names, more = step
    lines = tuple(q(n) for n in names)
    match what:
        case "made":
            lot = item(more) if more else None
            h.made([ev.Output(item=item(n), lot=lot) for n in names], at_hour=hour)
        case "pack":
            h.pack(more, *names, at_hour=hour)
        case "unpack":
            h.unpack(more, *names, at_hour=hour)
        case "ship":
            h.tell(ev.Shipped(occurred_at=at(hour), items=lines, to_possessor=PartyId(more)))
        case "sell":
            h.tell(ev.Sold(occurred_at=at(hour), items=lines, holder=PartyId(more)))
        case "use":
            h.made(["V/1"], list(names), at_hour=hour)
        case "fit" if more not in names:
            h.fit(more, *names, at_hour=hour)
        case "same" if len(names) > 1:
            h.tell(ev.Identified(occurred_at=at(hour), item=item(names[0]), same_as=item(names[1])))
        case "remedy":
            h.tell(ev.Remedied(occurred_at=at(hour), items=lines, recall_id="RC", remedy="repair"))
        case _:
            pass


@given(told=st.lists(steps, min_size=1, max_size=9), cuts=st.lists(st.booleans(), min_size=1, max_size=3))
@pytest.mark.timeout(600)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_what_is_told_of_alike_units_is_what_is_told_of_each_alone(
    views: Views, told: list[Any], cuts: list[bool]
) -> None:
    h = History()
    for step in told:
        tell(h, step)
    tenant = await views.fresh_tenant()
    await apply(views, partitioned(h, cuts, tenant), 3)
    units = [item(u) for u in UNITS]
    asking = snapshot_at(views.api, load_settings(), tenant_id=tenant, vector=None, now_us=us(200))
    async with asking as asked:
        found = {i: one async for some in custodies(asked, units, whose=OURS, case_id="RC") for i, one in some.items()}
        for unit in units:
            question = custody([unit], ours=OURS, at_us=ALWAYS_US, case_id="RC")
            assert found[unit] == (await answered(question, asked.record()))[unit], unit
    assert list(found) == units


async def test_units_of_one_pallet_are_alike_and_those_with_a_history_of_their_own_are_not(views: Views) -> None:
    h = History()
    tell(h, ("made", 1, UNITS, "lot:U/L"))
    tell(h, ("pack", 2, UNITS[:4], "tray:1"))
    tell(h, ("sell", 3, UNITS[:1], "urn:party:x"))
    tenant = await views.fresh_tenant()
    await apply(views, partitioned(h, [False], tenant), 3)
    units = [item(u) for u in UNITS]
    async with snapshot_at(views.api, load_settings(), tenant_id=tenant, vector=None, now_us=us(200)) as asked:
        groups = {tuple(g) for g in await alike(asked, [*units, ItemId("urn:never:named")])}
    assert groups == {tuple(units[:1]), tuple(units[1:4]), tuple(units[4:]), (ItemId("urn:never:named"),)}
