"""Taking back what an earlier run wrote into kept data: recalls are frozen in them, and answers tell of these.

Everything in the views is numbered from one sequence and every record has an offset, so what came later is known by its
number. Nothing else may be at work in the database.
"""

from typing import Any

import asyncpg

from services.cases.tables import metadata as of_cases
from services.readmodel import cases, watching
from services.readmodel.numbers import BLOCK
from services.readmodel.tables import event_keys, events, items, metadata

_EMPTY = (*cases.TABLES, *watching.TABLES)
"""views that the built data have nothing in"""
_NUMBERED = {items: "item_no", event_keys: "key_no"}
_CHECKPOINTS = "SELECT log_partition, applied_offset, applied_us, log_end FROM views.checkpoints ORDER BY log_partition"
_BACK = """
UPDATE views.checkpoints SET applied_offset = $2, applied_us = $3, log_end = $4, leased_by = NULL, leased_until_us = 0
WHERE log_partition = $1
"""
_LATER = "SELECT EXISTS (SELECT FROM log_records WHERE log_partition = $1 AND log_offset >= $2)"


async def point_of(owner: asyncpg.Connection | asyncpg.Pool) -> dict[str, Any]:
    """How far the log and the numbers of the views are."""
    rows = await owner.fetch(_CHECKPOINTS)
    blocks = await owner.fetchval("SELECT last_value + 1 FROM views.numbers")
    return {"numbers": blocks * BLOCK, "checkpoints": [[*row] for row in rows]}


async def restore(owner: asyncpg.Connection, point: dict[str, Any]) -> None:
    """Bring the data back to that point."""
    ends = [(partition, end) for partition, _, _, end in point["checkpoints"]]
    if not any([await owner.fetchval(_LATER, partition, end) for partition, end in ends]):
        return
    async with owner.transaction():
        await owner.execute("ALTER TABLE log_records DISABLE TRIGGER log_records_append_only")
        for partition, end in ends:
            await owner.execute("DELETE FROM log_records WHERE log_partition = $1 AND log_offset >= $2", partition, end)
        await owner.execute("ALTER TABLE log_records ENABLE TRIGGER log_records_append_only")
        await owner.execute(f"TRUNCATE {', '.join(str(t) for t in (*_EMPTY, *of_cases.sorted_tables))}")
        for table in metadata.sorted_tables:
            column = _NUMBERED.get(table, "event_no")
            if column in table.columns and table not in _EMPTY:
                await owner.execute(f"DELETE FROM {table} WHERE {column} >= $1", point["numbers"])
        await owner.execute("DELETE FROM views.projectors")
        await owner.execute("DELETE FROM as_of_times")
        await owner.executemany(_BACK, point["checkpoints"])
    await owner.execute(f"VACUUM log_records, {events}, {event_keys}")
