"""A heartbeat waits for batches that are being written, and holds none up meanwhile."""

import asyncio

import pytest

from services.projector.continuity import ForeignLog, LogNow
from services.projector.leases import Leases
from services.projector.runner import Projector
from tests.projector.sites import QUICK, Site, log_of, named
from tests.waiting import eventually

HELD = "SELECT 1 FROM views.checkpoints WHERE log_partition = $1 FOR NO KEY UPDATE"
"""What the batch of a partition holds until it is written."""


def leases_of(site: Site, name: str = "p") -> Leases:
    return Leases(site.views, schema="views", name=name, seconds=60)


async def test_it_holds_no_partition_while_it_waits_for_another(site: Site) -> None:
    leases = leases_of(site)
    await leases.beat(LogNow("a", {0: 1, 1: 1, 2: 1}), {})
    held = {lease.partition: lease for lease in await leases.take(3)}
    async with site.views.acquire() as batch, batch.transaction():
        await batch.execute(HELD, 1)
        beating = asyncio.create_task(leases.beat(LogNow("a", {0: 7, 1: 8, 2: 9}), held))

        async def told() -> bool:
            rows = await site.views.fetch("SELECT log_end FROM views.checkpoints WHERE log_partition <> 1")
            return {row[0] for row in rows} == {7, 9}

        await eventually(told)
        async with site.views.acquire() as other, other.transaction():
            await other.execute(f"{HELD} NOWAIT", 0)
            await other.execute(f"{HELD} NOWAIT", 2)
        assert not beating.done()
    assert await asyncio.wait_for(beating, 10) == set()
    rows = await site.views.fetch("SELECT log_end, leased_until_us - measured_us FROM views.checkpoints")
    assert sorted(row[0] for row in rows) == [7, 8, 9]
    assert all(50_000_000 < row[1] < 70_000_000 for row in rows)  # told and renewed


async def test_it_is_known_to_live_while_it_waits(site: Site) -> None:
    """A batch may take longer than a life lasts: others would take it for dead all that time."""
    leases = leases_of(site)
    await leases.beat(LogNow("a", {0: 1, 1: 1}), {})
    await site.views.execute("UPDATE views.projectors SET alive_until_us = 0")
    async with site.views.acquire() as batch, batch.transaction():
        await batch.execute(HELD, 1)
        beating = asyncio.create_task(leases.beat(LogNow("a", {0: 2, 1: 2}), {}))

        async def lives() -> bool:
            return await leases_of(site, "other").strangers("another log") == ["p"]

        await eventually(lives)
        assert not beating.done()
    assert await asyncio.wait_for(beating, 10) == set()


async def test_what_it_waits_for_makes_no_older_end_fresh(site: Site) -> None:
    """What was appended since lies beyond that end: answers would be complete, and times of then settled, without."""
    log, stop = await log_of("told", 3), asyncio.Event()
    leases = leases_of(site, "before")
    await leases.beat(LogNow(await log.identity(), dict(await log.end())), {})
    async with site.views.acquire() as batch, batch.transaction():
        await batch.execute(HELD, 0)
        running = asyncio.create_task(Projector(log=log, pool=site.views, name="p", pace=QUICK).run(stop))

        async def waits() -> bool:
            statement = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
            return bool(await site.views.fetchval(statement))

        await eventually(waits)
        stop.set()
        appended_us = await leases.now_us()
        await log.append(named("since", 1), deadline_seconds=5)
    await asyncio.wait_for(running, 10)
    row = await site.views.fetchrow("SELECT log_end, measured_us FROM views.checkpoints")
    assert row["log_end"] > 3 or row["measured_us"] < appended_us


async def test_it_tells_which_leases_are_lost(site: Site) -> None:
    leases = leases_of(site)
    now = LogNow("a", {0: 1, 1: 1})
    await leases.beat(now, {})
    held = {lease.partition: lease for lease in await leases.take(2)}
    await site.views.execute(
        "UPDATE views.checkpoints SET epoch = epoch + 1, leased_until_us = 5 WHERE log_partition = 1"
    )
    assert await leases.beat(now, held) == {1}
    assert await site.views.fetchval("SELECT leased_until_us FROM views.checkpoints WHERE log_partition = 1") == 5


async def test_views_that_become_another_logs_while_it_waits_are_refused(site: Site) -> None:
    leases = leases_of(site)
    now = LogNow("a", {0: 1, 1: 1})
    await leases.beat(now, {})
    async with site.views.acquire() as batch, batch.transaction():
        await batch.execute("UPDATE views.checkpoints SET log_id = 'b'")
        beating = asyncio.create_task(leases.beat(now, {}))

        async def waits() -> bool:
            statement = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
            return bool(await site.views.fetchval(statement))

        await eventually(waits)
    with pytest.raises(ForeignLog):
        await asyncio.wait_for(beating, 10)


async def test_a_partition_that_is_new_is_told_with_the_others(site: Site) -> None:
    leases = leases_of(site)
    await leases.beat(LogNow("a", {0: 1}), {})
    await leases.beat(LogNow("a", {0: 2, 1: 3}), {})
    rows = await site.views.fetch("SELECT log_partition, log_end, log_id FROM views.checkpoints ORDER BY 1")
    assert [tuple(row) for row in rows] == [(0, 2, "a"), (1, 3, "a")]
