"""A graph in use while the record goes on: what it remembers, what it was drawn after, and what it may not know."""

from collections.abc import AsyncIterator, Callable
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


def _declared(h: History) -> list[str]:
    """x:1 is a lot of A by its receipt alone."""
    h.tell(ev.MaterialReceived(occurred_at=at(1), item=item("x:1"), material=item("class:A")))
    _unit_of(h, "x:1")
    h.tell(ev.RecallDeclared(occurred_at=at(3), recall_id="R", products=(ev.ProductScope(product=item("class:A")),)))
    return ["lot:B/1"]


def _unit_in_lot(h: History) -> list[str]:
    """A unit is worked up into a lot of its own product."""
    h.made(["lot:U/9"], ["U/1"], at_hour=1)
    _unit_of(h, "lot:U/9")
    h.tell(ev.Held(occurred_at=at(3), hold_id="H", items=(q("U/1"),)))
    return ["U/1", "lot:B/1"]


def _unit_in_lot_held_before(h: History) -> list[str]:
    h.tell(ev.Held(occurred_at=at(3), hold_id="H", items=(q("U/1"),)))
    _unit_of(h, "lot:U/9")
    h.made(["lot:U/9"], ["U/1"], at_hour=1)
    return ["lot:B/1"]


def _of_declared_and_held(h: History) -> list[str]:
    h.tell(ev.MaterialReceived(occurred_at=at(1), item=item("x:1"), material=item("class:A")))
    h.tell(ev.Held(occurred_at=at(1), hold_id="H", items=(q("x:1"),)))
    _unit_of(h, "lot:A/1")
    h.made(["lot:A/1"], ["x:1"], at_hour=1)
    return ["lot:B/1"]


def _in_held_box(h: History) -> list[str]:
    """A lot comes into a held box; its units are held with it."""
    h.tell(ev.Held(occurred_at=at(1), hold_id="H", items=(q("box:1"),)))
    _unit_of(h, "lot:A/1")
    h.pack("box:1", "lot:A/1", at_hour=2)
    return ["lot:B/1"]


def _in_box_in_held_box(h: History) -> list[str]:
    h.tell(ev.Held(occurred_at=at(1), hold_id="H", items=(q("box:1"),)))
    h.pack("box:2", "lot:A/1", at_hour=2)
    _unit_of(h, "lot:A/1")
    h.pack("box:1", "box:2", at_hour=3)
    return ["lot:B/1"]


def _emptied_before(h: History) -> list[str]:
    """Whether a box was used up itself hangs on what was in it: that was packed elsewhere before, it turns out."""
    h.pack("box:2", "V/1", at_hour=2)
    h.made(["W"], ["box:2"], at_hour=5)
    h.pack("box:3", "V/1", at_hour=4)
    return ["box:2"]


def _held_under_another_name(h: History) -> list[str]:
    h.tell(ev.Reidentified(occurred_at=at(2), old_id=item("lot:A/1"), new_id=item("lot:A/9")))
    _unit_of(h, "lot:A/1")
    h.tell(ev.Held(occurred_at=at(3), hold_id="H", items=(q("lot:A/9"),)))
    return ["lot:B/1"]


def _renamed_to_a_held_one(h: History) -> list[str]:
    h.tell(ev.Held(occurred_at=at(3), hold_id="H", items=(q("lot:A/9"),)))
    _unit_of(h, "lot:A/1")
    h.tell(ev.Reidentified(occurred_at=at(2), old_id=item("lot:A/1"), new_id=item("lot:A/9")))
    return ["lot:B/1"]


def _shipped_under_another_name(h: History) -> list[str]:
    h.made(["U/5"], ["lot:B/1"], at_hour=1)
    h.pack("box:1", "U/5", at_hour=2)
    h.tell(ev.Reidentified(occurred_at=at(3), old_id=item("box:1"), new_id=item("box:9")))
    h.tell(ev.Shipped(occurred_at=at(4), items=(q("box:9"),)))
    return ["lot:B/1"]


def _shipped_in_a_box_by_an_event_in_doubt(h: History) -> list[str]:
    """Who packed it may yet take it back: what happens to the box happens to it all the same."""
    h.made(["U/5"], ["lot:B/1"], at_hour=1)
    packed = h.pack("box:1", "U/5", at_hour=2)
    h.tell(ev.Voided(occurred_at=at(3), target=packed, replaced_by=("never",)))
    h.tell(ev.Shipped(occurred_at=at(4), items=(q("box:1"),)))
    return ["lot:B/1"]


def _held_lot_of_a_unit_by_an_event_in_doubt(h: History) -> list[str]:
    made = _unit_of(h, "lot:A/1")
    h.tell(ev.Voided(occurred_at=at(3), target=made, replaced_by=("never",)))
    h.tell(ev.Held(occurred_at=at(4), hold_id="H", items=(q("lot:A/1"),)))
    return ["lot:B/1"]


def _held_lot_split_by_an_event_in_doubt(h: History) -> list[str]:
    split = h.made(["lot:A/1"], ["lot:A/2"], at_hour=1)
    _unit_of(h, "lot:A/1")
    h.tell(ev.Voided(occurred_at=at(3), target=split, replaced_by=("never",)))
    h.tell(ev.Held(occurred_at=at(4), hold_id="H", items=(q("lot:A/2"),)))
    return ["lot:B/1"]


def _in_a_lot_that_was_used(h: History) -> list[str]:
    """What was packed in a lot may have gone where the lot went."""
    h.tell(ev.Shipped(occurred_at=at(1), items=(q("V/1"),)))
    h.made(["U/5"], ["lot:A/1"], at_hour=3)
    h.pack("lot:A/1", "V/1", at_hour=2)
    return ["V/1", "U/5"]


def _in_a_lot_that_was_fitted(h: History) -> list[str]:
    h.tell(ev.Shipped(occurred_at=at(1), items=(q("V/1"),)))
    h.fit("U/5", "lot:A/1", at_hour=3)
    h.pack("lot:A/1", "V/1", at_hour=2)
    return ["V/1", "U/5"]


def _in_a_box_that_came_into_a_lot_that_was_used(h: History) -> list[str]:
    h.pack("box:1", "V/1", at_hour=1)
    h.made(["U/5"], ["lot:A/1"], at_hour=3)
    h.pack("lot:A/1", "box:1", at_hour=2)
    return ["V/1", "U/5"]


def _in_a_box_in_a_lot_that_was_used(h: History) -> list[str]:
    h.tell(ev.Shipped(occurred_at=at(1), items=(q("V/1"),)))
    h.pack("lot:A/1", "box:1", at_hour=1)
    h.made(["U/5"], ["lot:A/1"], at_hour=3)
    h.pack("box:1", "V/1", at_hour=2)
    return ["V/1", "U/5"]


def _unit_of(h: History, lot: str) -> str:
    """U/5 comes of the lot B/1, too, so that a walk meets it and not its own lot."""
    made = ev.Output(item=item("U/5"), lot=item(lot))
    return h.tell(ev.Transformed(occurred_at=at(1), inputs=(ev.Input(item=item("lot:B/1")),), outputs=(made,)))


STORIES = [
    *(_declared, _unit_in_lot, _unit_in_lot_held_before, _of_declared_and_held, _in_held_box, _in_box_in_held_box),
    *(_emptied_before, _held_under_another_name, _renamed_to_a_held_one, _shipped_under_another_name),
    *(_shipped_in_a_box_by_an_event_in_doubt, _held_lot_of_a_unit_by_an_event_in_doubt),
    *(_held_lot_split_by_an_event_in_doubt, _in_a_lot_that_was_used, _in_a_lot_that_was_fitted),
    *(_in_a_box_that_came_into_a_lot_that_was_used, _in_a_box_in_a_lot_that_was_used),
]


@pytest.mark.parametrize("newer", [0, 1])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__.strip("_"))
async def test_what_reaches_an_item_by_a_way_that_its_own_events_do_not_show(
    views: Views, served: tuple[Both, Drawn], *, story: Callable[[History], list[str]], newer: int
) -> None:
    """The last event is known to the graph, or newer than what it remembers."""
    answers, graphs = served
    tenant, h = await views.fresh_tenant(), History()
    names = story(h)
    log = partitioned(h, [False], tenant)
    first = len(log) - newer
    await apply(views, log[:first], 3)
    graph = await drawn(views, tenant)
    assert graph is not None
    graphs.put(tenant, graph, await generation(views, tenant))
    for part in (log[:0], log[first:]):
        if part:
            await apply(views, part, 3)
        for name in names:
            asked = {"params": {"item": item(name)}, "tenant": tenant, "accept": "application/json"}
            for way in ("forward", "backward"):
                await answers.alike("GET", f"/v1/trace/{way}", **asked)
            rule = {"rule": {"items": [item(name)]}}
            await answers.alike("POST", "/v1/recalls/preview", json=rule, tenant=tenant, accept="text/csv")
