"""Whether the views go on where they left off: the log they were built from is the log that is read now.

Views continued on another log (another broker, a wiped topic, Postgres in place of Kafka) would skip its first events
and call themselves complete. So each checkpoint names the log it was applied from, and three looks keep it true: at
each heartbeat, at each batch in the transaction that applies it (`ViewWriter`), and once, when a projector begins, at
the newest applied record itself, for a log that lost its end and grew again, and for views that name no log yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from domain.moments import to_us
from domain.ports import EventLog


class ForeignLog(RuntimeError):
    """The views were built from another log than the one that settings name. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What one partition's checkpoint says: its newest applied record, when that was appended, and of which log."""

    offset: int
    appended_us: int | None
    log_id: str | None


@dataclass(frozen=True, slots=True)
class LogNow:
    """Which log is read now, and each partition's next offset. Ask for the ends first: then they are this log's.

    `seen_us`: the database's clock before the ends were asked for: what was appended later may lie beyond them.
    """

    identity: str
    ends: Mapping[int, int]
    seen_us: int | None = None


async def applied(pool: asyncpg.Pool, *, schema: str) -> dict[int, Applied]:
    """What the checkpoints say. Read it before asking where the log ends: then no end can lie below it."""
    rows = await pool.fetch(f"SELECT log_partition, applied_offset, applied_us, log_id FROM {schema}.checkpoints")
    return {r[0]: Applied(r[1], r[2], r[3]) for r in rows}


async def check(log: EventLog, now: LogNow, *, checkpoints: Mapping[int, Applied], trusted: set[int]) -> None:
    """Raise ForeignLog unless every checkpoint is a record of this log. `trusted` remembers what was looked at."""
    for partition, was in sorted(checkpoints.items()):
        if was.log_id not in (None, now.identity):
            raise _foreign(partition, was.offset, f"they are of {was.log_id}, and the log that is read is another")
        if was.offset < 0:
            continue
        end = now.ends.get(partition)
        if end is None or end <= was.offset:
            held = "has no such partition" if end is None else f"ends at {end - 1}"
            raise _foreign(partition, was.offset, f"the log that is read now {held}")
        if partition not in trusted:
            if await _append_time(log, partition, was.offset) != was.appended_us:
                raise _foreign(partition, was.offset, "the log that is read now has another record there")
            trusted.add(partition)


async def _append_time(log: EventLog, partition: int, offset: int) -> int | None:
    batches = log.read(partition, after=offset - 1, max_records=1)
    try:
        async for records in batches:
            return to_us(records[0].appended_at) if records[0].position.offset == offset else None
    except LookupError:
        return None
    finally:
        await batches.aclose()
    return None


def _foreign(partition: int, offset: int, why: str) -> ForeignLog:
    return ForeignLog(
        f"the views hold partition {partition} up to offset {offset}, but {why}: point ZHUISU_LOG and its settings at "
        "the log they were built from, or run `zhuisu rebuild` to build them anew from this one"
    )
