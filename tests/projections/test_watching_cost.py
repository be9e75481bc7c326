"""What an event that touches no case costs: one question a batch where nothing is watched, and as many look-ups as it
names things where something is, however many cases are open. Counted in buffers that PostgreSQL touched.
"""

import asyncpg
import pytest

from tests.projections.test_cost import Meter, meter

__all__ = ["meter"]

_CASES = """
WITH cases AS (
    SELECT n, 'RC-' || n AS case_id, 70000000 + n AS no FROM generate_series($1::bigint, $2::bigint) AS n
), acts AS (
    INSERT INTO views.case_acts (tenant_id, event_no, case_id, case_type, sequence, act, actor, body)
    SELECT 1, no, case_id, 'recall', 3, 'approved', 'wang', '{"act": "approved", "freeze": 1}' FROM cases
), members AS (
    INSERT INTO views.case_members
        (tenant_id, event_no, case_id, change, number, chunk, line, item_no, kind, level, certainty, top,
         loose_spare, seed)
    SELECT 1, no, case_id, 'frozen', 1, 0, m, 500000000 + n * 1000 + m, 'unit', 1, 'certain', true, false, false
    FROM cases, generate_series(1, 100) AS m
), boxes AS (
    INSERT INTO views.watched_items (tenant_id, item_no, case_id, holds_members)
    SELECT 1, 600000000 + n, case_id, true FROM cases
)
INSERT INTO views.watched_keys (tenant_id, topic, subject, case_id)
SELECT 1, topic, topic || n, case_id FROM cases, unnest($3::text[]) AS topic
"""
TOPICS = ["transformation", "order", "class", "level", "dimension", "product"]


async def open_cases(owner: asyncpg.Connection, first: int, last: int) -> None:
    """Approved recalls with a hundred members each, that also watch a box and keys of several topics."""
    await owner.execute(_CASES, first, last, TOPICS)


@pytest.mark.timeout(180)
async def test_an_event_that_touches_no_case_costs_the_same_however_many_are_open(meter: Meter) -> None:
    await meter.earlier(1, "lot:A/1", 1_000)
    await meter.costs("lot:A/1")
    nothing = await meter.costs("lot:A/1")
    await open_cases(meter.owner, 1, 10)
    await meter.owner.execute("ANALYZE")
    await meter.costs("lot:A/1")
    few = await meter.costs("lot:A/1")
    await open_cases(meter.owner, 11, 2_000)
    await meter.owner.execute("ANALYZE")
    await meter.costs("lot:A/1")
    many = await meter.costs("lot:A/1")
    assert await meter.owner.fetchval("SELECT count(*) FROM views.case_touches") == 0
    # An index over 200,000 rows is a level or two deeper than one over 1,000: look-ups grow by that, and by no more.
    assert few <= 2 * nothing, (nothing, few, many)  # batches of one event each: the question of a batch is all theirs
    assert many <= 1.3 * few, (nothing, few, many)
