"""Two projectors at once: neither sees what the other has not committed, and nothing is missed all the same."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from domain import events as ev
from domain.ports import Position
from services.cases.watching import Subject, Watching
from services.readmodel.changes import Batch, DeadLetter, ViewWriter
from tests.domain.telling import History, at, item, q
from tests.projections.test_alerts import Case, sold
from tests.projections.viewing import batch_of
from tests.waiting import eventually

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%dead_letters%'"


async def test_a_sale_whose_batch_began_before_the_approval_was_there_is_found(
    empty_views: asyncpg.Pool, fresh_database_url: str
) -> None:
    """The sale's batch looks for members, then stands still before it commits; meanwhile the approval is written."""
    h = History()
    Case(h).approved("B/1", at_hour=5, partition=1)
    sold(h, "B/1", at_hour=6)
    theirs = batch_of([e for e in h.log if e[0].partition == 1])
    sale = batch_of([e for e in h.log if e[0].partition == 0])
    opened = [e for e in sale.events if e.facts.kind == "case_recorded"]
    await ViewWriter(empty_views).apply(Batch(0, 1, 0, 0, opened))
    letter = DeadLetter(Position(0, 99), 1, 1, None, "not_json", "x", b"k", b"v")
    held_up = Batch(0, 1, 99, 99, [e for e in sale.events if e not in opened], [letter])
    owner = await asyncpg.connect(fresh_database_url)
    blocking = owner.transaction()
    await blocking.start()
    await owner.execute("LOCK TABLE views.dead_letters IN ACCESS EXCLUSIVE MODE")
    writing = asyncio.create_task(ViewWriter(empty_views).apply(held_up))
    watcher = await asyncpg.connect(fresh_database_url)
    await eventually(lambda: watcher.fetchval(WAITING))
    await ViewWriter(empty_views).apply(theirs)
    watching = Watching(empty_views)
    asking = asyncio.create_task(watching.barrier())
    await asyncio.wait({asking, writing}, timeout=0.3)
    assert not asking.done(), "the batch that began before is waited for"
    await blocking.rollback()
    await writing
    assert await empty_views.fetchval("SELECT count(*) FROM views.case_alerts") == 0  # neither saw the other
    assert (await asking)[0] == 99
    await watching.sweep_series(Subject(1, "RC"), change="frozen", number=1)
    found = await empty_views.fetch("SELECT a.alert, i.uri FROM views.case_alerts a JOIN views.items i USING (item_no)")
    assert [tuple(r) for r in found] == [("sold", item("B/1"))]
    await watching.sweep_series(Subject(1, "RC"), change="frozen", number=1)
    assert await empty_views.fetchval("SELECT count(*) FROM views.case_alerts") == 1
    await owner.close()
    await watcher.close()


@pytest.mark.parametrize("sale_first", [True, False])
async def test_what_a_slower_clock_stamped_before_the_approval_may_have_been_told_after_it(
    empty_views: asyncpg.Pool, *, sale_first: bool
) -> None:
    """Partition 0 is stamped by a broker that is two seconds behind; its sale happened before and was told after."""
    h = History()
    h.tell(ev.Sold(occurred_at=at(4), items=(q("B/2"),)), partition=1)
    Case(h).approved("B/1", "B/2", at_hour=5, partition=1)
    sold(h, "B/1", at_hour=4)
    seconds = dict(zip((e[1].event_id for e in h.log), (-60, 0, 0, 0, -2), strict=True))
    log = [(replace(c, appended_us=c.appended_us + seconds[e.event_id] * 1_000_000), e) for c, e in h.log]
    skew_us = 5_000_000
    writer = ViewWriter(empty_views, skew_us=skew_us)
    for partition in (0, 1) if sale_first else (1, 0):
        await writer.apply(batch_of([entry for entry in log if entry[0].partition == partition]))
    watching = Watching(empty_views, skew_us=skew_us)
    await watching.sweep_series(Subject(1, "RC"), change="frozen", number=1)
    found = await empty_views.fetch("SELECT i.uri, a.late FROM views.case_alerts a JOIN views.items i USING (item_no)")
    assert [tuple(r) for r in found] == [(item("B/1"), True)]  # the other one was known
