"""What others must hear of, by its place in the log: holds, cases, and voids, which may take either back.

One row an event. Whoever follows it remembers a vector: of each partition everything up to the checkpoint is here, and
nothing new can appear at or below it, so no number of our own is needed and a rebuild changes nothing for followers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import asyncpg
from sqlalchemy import BigInteger, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from domain.facts import EventFacts
from domain.ports import Position
from services.readmodel.schema import event, metadata, tenant

About = Literal["hold", "case", "void"]

feed_entries = Table(
    "feed_entries",
    metadata,
    tenant(),
    event(),
    Column("log_partition", Integer, nullable=False),
    Column("log_offset", BigInteger, nullable=False),
    Column("appended_us", BigInteger, nullable=False),
    Column("about", Text, nullable=False, comment="hold, case, or void (of any event)"),
    PrimaryKeyConstraint("event_no", name="feed_entries_pkey"),
    Index("feed_entries_position_idx", "tenant_id", "log_partition", "log_offset"),
)

COLUMNS = {"feed_entries": "log_partition log_offset appended_us about"}

CASE_KIND = "case_recorded"


def about(facts: EventFacts) -> About | None:
    """What an event is in the feed as; None for one that is not in it."""
    if facts.void is not None:
        return "void"
    if facts.hold is not None:
        return "hold"
    return "case" if facts.kind == CASE_KIND else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the feed and where it lies."""

    event_no: int
    partition: int
    offset: int
    appended_us: int
    about: About


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries after one vector, in the order of each partition, and the vector they reach to."""

    entries: list[Entry]
    reached: dict[int, int]
    more: bool


_APPLIED = "SELECT log_partition, applied_offset FROM views.checkpoints ORDER BY log_partition"
_AFTER = """
SELECT event_no, log_offset, appended_us, about FROM views.feed_entries
WHERE tenant_id = $1 AND log_partition = $2 AND log_offset > $3 AND log_offset <= $4
ORDER BY log_offset LIMIT $5
"""
_AT = """
SELECT event_no, appended_us, about FROM views.feed_entries
WHERE tenant_id = $1 AND log_partition = $2 AND log_offset = $3
"""
_BEFORE = """
-- for each partition the newest entry that was appended before an instant
SELECT c.log_partition, last.log_offset FROM views.checkpoints c CROSS JOIN LATERAL (
    SELECT f.log_offset FROM views.feed_entries f
    WHERE f.tenant_id = $1 AND f.log_partition = c.log_partition AND f.appended_us < $2
    ORDER BY f.log_offset DESC LIMIT 1
) AS last
"""


async def stretch(connection: asyncpg.Connection, tenant_id: int, *, after: Mapping[int, int], limit: int) -> Stretch:
    """At most `limit` entries after the vector, of all partitions. In a snapshot of its own, or one that is older."""
    entries: list[Entry] = []
    reached: dict[int, int] = {p: o for p, o in after.items() if o >= 0}
    more = False
    for partition, applied in await connection.fetch(_APPLIED):
        left = limit - len(entries)
        if left <= 0:
            more = True
            break
        since = after.get(partition, -1)
        rows = await connection.fetch(_AFTER, tenant_id, partition, since, applied, left)
        entries += [Entry(r[0], partition, r[1], r[2], r[3]) for r in rows]
        full = len(rows) == left
        reached[partition] = rows[-1][1] if full else max(applied, since)
        more = more or full
    return Stretch(entries, {p: o for p, o in reached.items() if o >= 0}, more)


async def entry_at(connection: asyncpg.Connection, tenant_id: int, place: Position) -> Entry | None:
    """The entry at a place in the log; None where there is none."""
    row = await connection.fetchrow(_AT, tenant_id, *place)
    return Entry(row[0], place.partition, place.offset, row[1], row[2]) if row is not None else None


async def vector_before(connection: asyncpg.Connection, tenant_id: int, instant_us: int) -> dict[int, int]:
    """Where a follower stands who has heard all that was appended before the instant."""
    return {r[0]: r[1] for r in await connection.fetch(_BEFORE, tenant_id, instant_us)}
