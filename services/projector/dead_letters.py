"""Records that no view could take: listed for an operator, sent to the log again at a new position, or settled.

A replay never changes what was answered about the past: the record enters as if it had just been sent. What can never
be applied, or was sent anew by its sender under another id, is settled with a reason: while one record of a tenant is
neither, its answers are incomplete (`parked`).
"""

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from domain.moments import from_us
from domain.ports import EventLog, Position, Record
from services.readmodel.tables import SCHEMA

REASON_CHARS_MAX = 500


class NoSuchDeadLetter(LookupError):
    """There is no dead letter there, or it was replayed or settled already."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A dead letter as an operator sees it. `replayed_as` is the position it was sent again at, else None.

    `settled` is why nobody waits for it any more, else None.
    """

    position: Position
    appended_at: datetime
    event_id: str | None
    code: str
    detail: str
    replayed_as: str | None
    settled: str | None = None


async def parked(views: asyncpg.Pool, *, limit: int = 1_000) -> list[Parked]:
    """Dead letters of all tenants, at most `limit`, open ones first. `views` is the projector's pool."""
    rows = await views.fetch(
        f"""
        SELECT log_partition, log_offset, appended_us, event_id, code, detail, replayed_as, settled
        FROM {SCHEMA}.dead_letters
        ORDER BY coalesce(replayed_as, settled) IS NOT NULL, log_partition, log_offset LIMIT $1
        """,
        limit,
    )
    return [Parked(Position(r[0], r[1]), from_us(r[2]), r[3], r[4], r[5], r[6], r[7]) for r in rows]


async def counted(views: asyncpg.Pool) -> tuple[int, int]:
    """How many there are of all tenants, and for the sake of how many answers are incomplete."""
    row = await views.fetchrow(
        f"SELECT count(*), count(*) FILTER (WHERE coalesce(replayed_as, settled) IS NULL) FROM {SCHEMA}.dead_letters"
    )
    return row[0], row[1]


async def replay(views: asyncpg.Pool, log: EventLog, position: Position, *, deadline_seconds: float = 10.0) -> Position:
    """Append the record again and note where. Raises NoSuchDeadLetter, LogUnavailable."""
    async with views.acquire() as connection, connection.transaction():
        row = await _waiting(connection, position)
        [new] = await log.append([Record(row["key"], row["value"])], deadline_seconds=deadline_seconds)
        await connection.execute(
            f"UPDATE {SCHEMA}.dead_letters SET replayed_as = $3 WHERE log_partition = $1 AND log_offset = $2",
            *position,
            new.token,
        )
    return new


async def settle(views: asyncpg.Pool, position: Position, *, reason: str) -> None:
    """Nobody waits for the record any more: it is kept with the reason. Raises NoSuchDeadLetter, ValueError."""
    if not reason.strip() or not reason.isprintable() or len(reason) > REASON_CHARS_MAX:
        raise ValueError(f"reason: 1 to {REASON_CHARS_MAX} printable characters")
    async with views.acquire() as connection, connection.transaction():
        await _waiting(connection, position)
        await connection.execute(
            f"UPDATE {SCHEMA}.dead_letters SET settled = $3 WHERE log_partition = $1 AND log_offset = $2",
            *position,
            reason.strip(),
        )


async def _waiting(connection: asyncpg.Connection, position: Position) -> asyncpg.Record:
    """The dead letter there, locked. Raises NoSuchDeadLetter if it was dealt with already."""
    row = await connection.fetchrow(
        f"""
        SELECT key, value, replayed_as, settled FROM {SCHEMA}.dead_letters
        WHERE log_partition = $1 AND log_offset = $2 FOR UPDATE
        """,
        *position,
    )
    if row is None:
        raise NoSuchDeadLetter(f"there is no dead letter at {position.token}: see zhuisu dead-letters list")
    if row["replayed_as"] is not None:
        raise NoSuchDeadLetter(f"{position.token} was sent again already, at {row['replayed_as']}")
    if row["settled"] is not None:
        raise NoSuchDeadLetter(f"{position.token} was settled already: {row['settled']}")
    return row
