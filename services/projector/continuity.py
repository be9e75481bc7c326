"""Whether the views go on where they left off: the log they were built from is the log that is read now.

Views continued on another log (another broker, a wiped topic, Postgres in place of Kafka) would skip its first events
and call themselves complete. No offset tells the two apart, so the newest applied record itself is looked at: another
log has none there, or one with another append time.
"""

from collections.abc import Mapping

import asyncpg

from domain.moments import to_us
from domain.ports import EventLog


class ForeignLog(RuntimeError):
    """The views were built from another log than the one that settings name. The message says what to do."""


Applied = Mapping[int, tuple[int, int | None]]
"""By partition: the newest applied offset, and that record's append time."""


async def applied(pool: asyncpg.Pool, *, schema: str) -> Applied:
    """What the checkpoints say. Read it before asking where the log ends: then no end can lie below it."""
    rows = await pool.fetch(f"SELECT log_partition, applied_offset, applied_us FROM {schema}.checkpoints")
    return {r[0]: (r[1], r[2]) for r in rows}


async def check(log: EventLog, checkpoints: Applied, *, ends: Mapping[int, int], trusted: set[int]) -> None:
    """Raise ForeignLog unless every checkpoint is a record of this log. `trusted` remembers what was looked at."""
    for partition, (offset, appended_us) in sorted(checkpoints.items()):
        if offset < 0:
            continue
        end = ends.get(partition)
        if end is None or end <= offset:
            held = "has no such partition" if end is None else f"ends at {end - 1}"
            raise _foreign(partition, offset, f"the log that is read now {held}")
        if partition not in trusted:
            if await _append_time(log, partition, offset) != appended_us:
                raise _foreign(partition, offset, "the log that is read now has another record there")
            trusted.add(partition)


async def distrust(pool: asyncpg.Pool, *, schema: str) -> None:
    """Take back the last heartbeat: answers from these views say `stale` at once, not when it has grown old."""
    await pool.execute(f"UPDATE {schema}.checkpoints SET measured_us = 0")


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
