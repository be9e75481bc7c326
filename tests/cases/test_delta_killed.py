"""A delta job that is killed in the middle: another goes on with the same evaluation, though more was told since."""

import asyncio
from collections.abc import Sequence

import pytest

from domain.cases.recall import fold
from domain.ports import Position, Record
from services.cases.delta import Delta
from services.cases.delta_set import evaluations_since
from services.cases.jobs import Work
from tests.cases.test_delta_property import CASE, Followed, moved
from tests.domain.telling import History, item
from tests.projections.test_record_over_sql import Views, views

__all__ = ["views"]

_COPIES = """
SELECT count(*), count(DISTINCT key_no) FROM views.events WHERE tenant_id = $1 AND kind = 'case_recorded'
"""
_ADDED_MOST = """
SELECT max(n) FROM (
    SELECT count(*) AS n FROM views.case_members WHERE tenant_id = $1 AND change = 'added' GROUP BY item_no
) AS times
"""


@pytest.mark.parametrize("appends", [1, 2, 3])
async def test_what_was_begun_is_ended_with_the_same_events(
    views: Views, monkeypatch: pytest.MonkeyPatch, *, appends: int
) -> None:
    """Killed after the first chunk, the second, or the act that ends it."""
    monkeypatch.setattr("services.cases.delta.MEMBERS_A_CHUNK", 1)
    monkeypatch.setattr("services.cases.delta.CHUNKS_AT_ONCE", 1)
    h = History()
    h.made(["B/1"], ["lot:L/9"], at_hour=1)
    h.made(["B/2", "B/3"], ["lot:L/9"], at_hour=2)
    h.made(["B/4"], ["lot:L/9"], at_hour=3)
    tenant = 7_000 + appends
    log = moved(h, [False, True], tenant=tenant, again=False)
    rule = {"items": [str(item("lot:L/9"))]}
    followed = Followed(views, tenant)
    await followed.tell(log[:1])
    await followed.freeze(rule)
    await followed.work(followed.delta)
    await followed.tell(log[1:2])
    left, append = [appends], followed.log.append

    async def dying(records: Sequence[Record], *, deadline_seconds: float) -> list[Position]:
        done = await append(records, deadline_seconds=deadline_seconds)
        left[0] -= 1
        if left[0] == 0:
            raise asyncio.CancelledError
        return done

    with monkeypatch.context() as patched:
        patched.setattr(followed.log, "append", dying)
        with pytest.raises(asyncio.CancelledError):
            await followed.delta.work(Work(tenant, CASE, await followed.desk.acts(tenant, CASE)))
    await followed.tell(log[2:])
    followed.delta = Delta(followed.desk, views.projector, evaluator=followed.evaluator)
    followed.delta._watching.look_seconds = 0
    settings = followed.settings.model_copy(update={"case_delta_pause_seconds": 0.001})
    monkeypatch.setattr(followed.desk, "settings", settings)
    await followed.delta.work(Work(tenant, CASE, await followed.desk.acts(tenant, CASE)))
    [(ended, until)] = followed.delta._quiet.values()
    if appends < 3:  # it was not over, and as known long ago
        assert until - ended < 0.002, "what was told since waits three times as long as that evaluation took"
    await followed.work(followed.delta)
    told, fresh = await followed.sets(rule)
    assert told == fresh
    assert {str(item(f"B/{n}")) for n in (1, 2, 3, 4)} < {one for one, *_ in told}
    case = fold(await followed.desk.acts(tenant, CASE))
    assert case is not None
    assert evaluations_since(case)[:3] == [1, 2, 3], "it was begun anew, and chunks of nothing are in the log"
    events, ids = await views.projector.fetchrow(_COPIES, tenant)
    assert events == ids, "an act was told with another content"


async def test_who_takes_over_with_older_acts_goes_on_from_what_was_told_since(
    views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its acts are from before another process told an evaluation, and began the next."""
    monkeypatch.setattr("services.cases.delta.MEMBERS_A_CHUNK", 1)
    monkeypatch.setattr("services.cases.delta.CHUNKS_AT_ONCE", 1)
    h = History()
    h.made(["B/1"], ["lot:L/9"], at_hour=1)
    h.made(["B/2", "B/3"], ["lot:L/9"], at_hour=2)
    h.made(["B/4", "B/5"], ["lot:L/9"], at_hour=3)
    tenant = 7_010
    log = moved(h, [False, True], tenant=tenant, again=False)
    rule = {"items": [str(item("lot:L/9"))]}
    followed = Followed(views, tenant)
    await followed.tell(log[:1])
    await followed.freeze(rule)
    await followed.work(followed.delta)
    older = await followed.desk.acts(tenant, CASE)
    await followed.tell(log[1:2])
    await followed.work(followed.delta)
    await followed.tell(log[2:])
    append = followed.log.append

    async def dying(records: Sequence[Record], *, deadline_seconds: float) -> list[Position]:
        await append(records, deadline_seconds=deadline_seconds)
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(followed.log, "append", dying)
        with pytest.raises(asyncio.CancelledError):
            await followed.delta.work(Work(tenant, CASE, await followed.desk.acts(tenant, CASE)))
    followed.delta = Delta(followed.desk, views.projector, evaluator=followed.evaluator)
    followed.delta._watching.look_seconds = 0
    await followed.delta.work(Work(tenant, CASE, older))
    events, ids = await views.projector.fetchrow(_COPIES, tenant)
    assert events == ids, "an act was told with another content"
    await followed.work(followed.delta)
    told, fresh = await followed.sets(rule)
    assert told == fresh
    [(most,)] = await views.projector.fetch(_ADDED_MOST, tenant)
    assert most == 1
