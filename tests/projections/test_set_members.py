"""A part of a frozen set that the database lists by itself makes the rows that its members make one by one."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.ports import Position, StoredRecord
from services.codec import decode_with_document
from services.projector.batches import sort_out
from services.readmodel.changes import Batch, ViewWriter
from services.readmodel.rows import Applied
from tests.golden.test_set_parts import GOOD, members, record_of
from tests.projections.viewing import rows_of

ROWS = """
SELECT change, m.number, chunk, line, uri, m.kind, level, certainty, top, loose_spare, seed, quantity, uom, reasons
FROM views.case_members m JOIN views.items i USING (item_no) WHERE m.case_id = $1 ORDER BY line
"""
BODIES = """
SELECT a.act, a.body AS act_body, b.body FROM views.case_acts a JOIN views.event_bodies b USING (event_no)
WHERE a.case_id = $1
"""


def aside(value: bytes, offset: int) -> Applied:
    [one] = sort_out(
        [StoredRecord(Position(0, offset), datetime.now(UTC), b"1:k", value)], tenants=frozenset({1})
    ).events
    assert one.members is not None
    return one


def member_by_member(value: bytes, offset: int) -> Applied:
    envelope, document = decode_with_document(value)
    return Applied.of(Position(0, offset), 1, envelope, document=document)


def batch(events: Sequence[Applied]) -> Batch:
    return Batch(0, 1, events[-1].position.offset, 1, events)


async def told(pool: asyncpg.Pool, case_id: str) -> list[Any]:
    return [[dict(r) for r in await pool.fetch(statement, case_id)] for statement in (ROWS, BODIES)]


@given(listed=st.lists(members(), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_both_ways_make_the_same_rows(empty_views: asyncpg.Pool, listed: list[dict[str, Any]]) -> None:
    offset: int = await empty_views.fetchval("SELECT applied_offset + 1 FROM views.checkpoints WHERE log_partition = 0")
    writer = ViewWriter(empty_views)
    listed = [member | {"level": member["level"] % 100} for member in listed]
    value = record_of(listed)
    ours, theirs = (value.replace(b"RC-1", case) for case in (f"A{offset}".encode(), f"B{offset}".encode()))
    assert await writer.apply(batch([aside(ours, offset)])) == 1
    assert await writer.apply(batch([member_by_member(theirs, offset + 1)])) == 1
    rows, bodies = await told(empty_views, f"A{offset}")
    assert len(rows) == len(listed)
    assert str([rows, bodies]).replace(f"A{offset}", "RC") == str(await told(empty_views, f"B{offset}")).replace(
        f"B{offset}", "RC"
    )


async def test_items_that_no_view_knows_are_numbered_and_delivering_again_changes_nothing(
    empty_views: asyncpg.Pool,
) -> None:
    known, unknown = GOOD, {**GOOD, "item": "urn:zhuisu:unit:plant:BIKE:B-2"}
    writer = ViewWriter(empty_views)
    await writer.apply(batch([aside(record_of([known]), 0)]))
    value = record_of([known, unknown, known]).replace(b"RC-1", b"RC-2")
    again = [aside(value, 1), aside(value, 2)]
    assert await writer.apply(batch(again)) == 1
    assert [row["uri"] for row in await empty_views.fetch(ROWS, "RC-2")] == [m["item"] for m in (known, unknown, known)]
    before = await rows_of(empty_views)
    for other in (writer, ViewWriter(empty_views)):
        assert await other.apply(batch([aside(value, 3)])) == 0
    assert await rows_of(empty_views) == before
