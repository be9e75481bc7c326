"""A host's clock that is put back: nothing is called fresh for it, and what is in the log is not yet to come."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from services.problems import Problem
from services.projector.leases import Leases
from services.projector.rebuild import rebuild
from services.query.past import as_of
from tests.projector.sites import Site, log_of, projecting

HOUR_US = 3_600_000_000
_BEATEN = """
INSERT INTO views.checkpoints
    (log_partition, applied_offset, applied_us, log_end, measured_us, epoch, leased_until_us, leased_by)
VALUES (0, 4, $1, 5, $2, 1, $3, 'that died')
"""


def _now_us() -> int:
    return time.time_ns() // 1_000


async def test_a_heartbeat_of_before_is_no_sign_that_the_projector_lives(site: Site) -> None:
    """It would be for as long as the clock was put back, and all that comes meanwhile would be missing unsaid."""
    await site.views.execute(_BEATEN, _now_us(), _now_us() + HOUR_US, 0)
    now = await site.fresh()
    assert (now.behind, now.codes) == (None, ["stale"])


async def test_what_is_in_the_log_has_happened(site: Site) -> None:
    """Questions are about now: a hold that was placed in the hour that the clock repeats still stands."""
    ahead_us = _now_us() + HOUR_US
    await site.views.execute(_BEATEN, ahead_us, _now_us(), 0)
    assert (await site.fresh()).now_us == ahead_us
    await site.views.execute("UPDATE views.checkpoints SET applied_us = applied_us - 2 * $1::bigint", HOUR_US)
    assert abs((await site.fresh()).now_us - _now_us()) < HOUR_US / 60


@pytest.mark.parametrize(("ahead_seconds", "taken"), [(3_600, True), (5, False)])
async def test_a_lease_that_lasts_longer_than_any_is_nobodys(site: Site, ahead_seconds: int, taken: bool) -> None:
    """Its holder died before the clock was put back; one that lives renews it by the new clock at its next beat."""
    await site.views.execute(_BEATEN, 0, 0, _now_us() + ahead_seconds * 1_000_000)
    leases = Leases(site.views, schema="views", name="another", seconds=10)
    assert [lease.partition for lease in await leases.take(1)] == ([0] if taken else [])


async def test_append_times_of_a_partition_never_run_backwards_in_the_views(site: Site) -> None:
    """A broker stamps by its clock alone: what came after it was put back was not newer than a graph drawn before."""
    log = await log_of("told", 9)
    stored = log._records[0]
    for n in (3, 4, 7):
        stored[n] = replace(stored[n], appended_at=stored[n].appended_at - timedelta(hours=n))
    later, stored[4:] = stored[4:], []
    async with projecting(log, site.views):
        await site.until_applied(3)
    stored += later
    async with projecting(log, site.views):  # another holder of the lease, and the clock is right again and not
        await site.until_applied(8)
        whole = await _appended(site)
        assert whole == sorted(whole)
        assert whole[3] == whole[4] == whole[2]
        await rebuild(site.url, log=log, views=site.views)
        assert await _appended(site) == whole
        await site.until_applied(8)


async def test_a_time_is_not_settled_by_stamps_of_a_clock_that_was_ahead(site: Site) -> None:
    """What was appended since bears that stamp, too: it was not known before it, and that was kept for ever."""
    log = await log_of("told", 9)
    stored = log._records[0]
    began = stored[0].appended_at - timedelta(hours=2)
    for n in range(9):
        stored[n] = replace(stored[n], appended_at=began + timedelta(minutes=n, days=365 * (n == 3)))
    async with projecting(log, site.views):
        await site.until_applied(8)
        since = (began + timedelta(hours=1)).isoformat()
        with pytest.raises(Problem) as refused:
            await as_of(site.api, 1, since, skew_seconds=5)
        assert (refused.value.status, "position" in refused.value.detail) == (503, True)
        before = (began + timedelta(seconds=90)).isoformat()
        assert await as_of(site.api, 1, before, skew_seconds=5) == {0: 1}


async def _appended(site: Site) -> list[int]:
    return [r[0] for r in await site.views.fetch("SELECT appended_us FROM views.events ORDER BY log_offset")]
