"""Views are never continued on another log: they say so, and skip nothing."""

import asyncio

import pytest

from services.projector.continuity import LogNow
from services.projector.leases import Leases
from services.projector.partition import project
from services.projector.rebuild import rebuild
from services.projector.runner import Projector
from services.readmodel.changes import LeaseLost, ViewWriter
from tests.projector.sites import QUICK, Site, log_of, named, projecting, record
from tests.waiting import eventually


async def until_refused(projector: Projector) -> str:
    async def so() -> str | None:
        return projector.trouble if projector.trouble and "ForeignLog" in projector.trouble else None

    return await eventually(so) or ""


async def until_well(projector: Projector) -> None:
    async def so() -> bool:
        return projector.trouble is None

    await eventually(so)


@pytest.mark.parametrize("count", [4, 10, 25])
@pytest.mark.parametrize("same", [False, True], ids=["another log", "the same, that lost records and grew again"])
async def test_another_log_is_refused_whatever_its_length(site: Site, count: int, same: bool) -> None:
    """Shorter, as long, longer: nothing is skipped, nothing is complete."""
    log = await log_of("first", 10)
    async with projecting(log, site.views):
        await site.until_applied(9)
    await log.wipe(records=named("other", count), same=same)
    async with projecting(log, site.views) as projector:
        assert "zhuisu rebuild" in await until_refused(projector)
        now = await site.fresh()
        assert "stale" in now.codes
        assert (now.behind, now.vector) == (None, {0: 9})
        assert await site.event_ids() == {f"first-{n}" for n in range(10)}


async def test_the_log_they_were_built_from_is_gone_on_with_after_another_was_refused(site: Site) -> None:
    first = await log_of("first", 10)
    async with projecting(first, site.views):
        await site.until_applied(9)
    async with projecting(await log_of("other", 25), site.views) as refused:
        await until_refused(refused)
    await first.append([record("first-again")], deadline_seconds=5)
    async with projecting(first, site.views) as projector:
        await site.until_applied(10)
        assert projector.trouble is None


async def test_views_that_name_no_log_yet_take_over_the_one_whose_record_they_hold(site: Site) -> None:
    log = await log_of("first", 10)
    async with projecting(log, site.views):
        await site.until_applied(9)
    await site.views.execute("UPDATE views.checkpoints SET log_id = NULL")  # as an older version left them
    async with projecting(await log_of("other", 25), site.views) as refused:
        await until_refused(refused)
    async with projecting(log, site.views):
        await site.until_applied(9)
    assert await site.views.fetchval("SELECT log_id FROM views.checkpoints") == await log.identity()


@pytest.mark.parametrize("count", [4, 10, 25])
async def test_a_log_wiped_and_filled_again_while_a_projector_runs_is_refused(site: Site, count: int) -> None:
    log = await log_of("first", 10)
    async with projecting(log, site.views) as projector:
        await site.until_applied(9)
        await site.beats(3)  # the newest record was looked at, and is trusted
        await log.wipe(records=named("other", count))
        await until_refused(projector)
        await log.append(named("later", 30), deadline_seconds=5)
        await until_refused(projector)
        assert "stale" in (await site.fresh()).codes
        assert await site.event_ids() == {f"first-{n}" for n in range(10)}


async def test_a_batch_of_another_log_is_not_applied_even_before_the_next_heartbeat(site: Site) -> None:
    """The reader goes on past the wipe as if nothing had happened: Kafka's does."""
    log = await log_of("first", 10)
    leases = Leases(site.views, schema="views", name="p", seconds=60)
    await leases.beat(LogNow(await log.identity(), await log.end()), {})
    [lease] = await leases.take(1)

    async def tenants(_: frozenset[int]) -> frozenset[int]:
        return frozenset({1})

    writer = ViewWriter(site.views)
    reading = asyncio.create_task(
        project(
            lease,
            log=log,
            writer=writer,
            tenants=tenants,
            max_records=50,
            told=lambda _: None,
            turn=asyncio.Lock(),
        )
    )
    await site.until_applied(9)
    await log.wipe(records=named("other", 25))
    with pytest.raises(LeaseLost):
        await asyncio.wait_for(reading, 10)
    assert await site.event_ids() == {f"first-{n}" for n in range(10)}


async def test_two_logs_over_one_database_do_not_take_turns(site: Site) -> None:
    """While projectors of another log are about, no answer is complete: what that log took is in no view."""
    first = await log_of("first", 10)
    async with projecting(first, site.views, name="ours") as ours:
        await site.until_applied(9)
        async with projecting(await log_of("other", 25), site.views, name="theirs") as theirs:
            await until_refused(theirs)

            async def told() -> str | None:
                return ours.trouble

            assert "theirs" in (await eventually(told) or "")
            await first.append([record("first-again")], deadline_seconds=5)

            async def applied() -> bool:
                return (await site.fresh()).vector == {0: 10}

            await eventually(applied)  # its own log's events come in, all the same
            for _ in range(50):
                assert "stale" in (await site.fresh()).codes
        await until_well(ours)
        await site.until_applied(10)


@pytest.mark.parametrize("count", [4, 10, 25])
async def test_a_rebuild_takes_the_views_over_to_another_log(site: Site, count: int) -> None:
    """What the refusal advises, also where the other log is the shorter one."""
    async with projecting(await log_of("first", 10), site.views):
        await site.until_applied(9)
    other = await log_of("other", count)
    async with projecting(other, site.views) as projector:
        await until_refused(projector)
        await asyncio.wait_for(rebuild(site.url, log=other, views=site.views, pace=QUICK), 20)
        await until_well(projector)
        await site.until_applied(count - 1)
        assert await site.event_ids() == {f"other-{n}" for n in range(count)}
