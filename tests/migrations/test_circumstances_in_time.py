"""Circumstances that older projectors wrote become what the projector writes now; none of an older version goes on."""

from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from domain import events as ev
from domain.events.common import Circumstances
from domain.flatten import facts_of
from domain.ids import PlaceId
from domain.moments import Moment
from migrations.run import upgrade
from services.database import projector_pool
from services.projector.partition import POISON
from services.readmodel import dimensions, rows
from services.readmodel.changes import ViewWriter
from tests.domain.telling import History, at, item, q
from tests.projections.viewing import Log, batch_of, open_partitions

WELDER: dict[str, Any] = {"site": PlaceId.parse("S"), "circumstances": Circumstances(equipment=("W",))}
OCV = ev.Measurement(characteristic="ocv", value=Decimal("3.61"))
_ROWS = """
SELECT k.event_id, d.dimension, d.value, d.span_class, d.begun_us, d.latest_us
FROM views.dimensions d JOIN views.events e USING (event_no) JOIN views.event_keys k USING (key_no)
"""


LASTING = dimensions.lasting


def told() -> History:
    h, day = History(), Moment.parse("2026-03-01Z")
    one, serials = (ev.Output(item=item("U/1")),), ev.SerialRange(product=item("class:R"), first="1", last="3")
    for hours in (0, 0.0001, 0.01, 1, 30, 24 * 400, 24 * 365 * 50):
        h.made(["U/1"], ["lot:A/1"], at_hour=2, started_at=at(2 - hours), **WELDER)
    h.made(["U/1"], ["lot:A/1"], at_hour=2, **WELDER)
    h.fit("U/2", "U/1", at_hour=3, **WELDER)
    h.tell(ev.Commissioned(occurred_at=day, items=one, **WELDER))
    h.tell(ev.Commissioned(occurred_at=at(3), items=(ev.Output(range=serials),), **WELDER))
    h.tell(ev.Inspected(occurred_at=at(4), items=(q("U/1"),), measurements=(OCV,), **WELDER))
    h.tell(ev.Inspected(occurred_at=day, items=(q("U/1"),), **WELDER))
    h.tell(ev.Mounted(occurred_at=at(5), item=item("lot:A/1"), equipment="W", position="1"))
    h.tell(ev.OutputReported(occurred_at=at(5), order="7", outputs=one, **WELDER))
    h.made(["U/3"], ["lot:A/1"], at_hour=6, **WELDER)
    return h


def expected(log: Log) -> set[tuple[Any, ...]]:
    facts = [facts_of(envelope) for _, envelope in log]
    return {(f.event_id, name, value, *LASTING(f)) for f in facts for name, value in f.dimensions}


async def test_rows_of_before_are_those_that_are_written_now(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upgrade(empty_database, revision="0023")
    pool = await projector_pool(empty_database)
    await open_partitions(pool, 1)
    log = told().log
    before, meanwhile = log[:-1], log[-1:]
    with monkeypatch.context() as old:
        old.setitem(rows.COLUMNS, "dimensions", ("tenant_id", "event_no", "dimension", "value", "begins_us"))
        old.setattr(dimensions, "lasting", lambda facts: (facts.begins_us,))
        projector = ViewWriter(pool)
        assert await projector.apply(batch_of(before)) == len(before)
        await pool.execute("DELETE FROM views.measurements")  # as one of before 0022 that was still at work after it
        await upgrade(empty_database)
        assert {tuple(r) for r in await pool.fetch(_ROWS)} == expected(before)
        assert len(expected(before)) > 20
        assert [r[0] for r in await pool.fetch("SELECT value FROM views.measurements")] == [OCV.value]
        with pytest.raises(asyncpg.UndefinedColumnError) as stopped:
            await projector.apply(batch_of(meanwhile))
    assert not isinstance(stopped.value, POISON), "its records would be put aside as if they were bad"
    assert await pool.fetchval("SELECT max(applied_offset) FROM views.checkpoints") == before[-1][0].offset
    assert await ViewWriter(pool).apply(batch_of(meanwhile)) == len(meanwhile)
    assert {tuple(r) for r in await pool.fetch(_ROWS)} == expected(log)
    await pool.close()
