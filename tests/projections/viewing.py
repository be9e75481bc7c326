"""Applying events to the views as projectors do, and reading the tables back with names in place of numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from domain.corrections import Copy
from domain.envelope import Envelope
from domain.ports import Position
from services.readmodel.changes import Batch, ViewWriter
from services.readmodel.rows import Applied
from services.readmodel.tables import TENANT_TABLES
from tests.domain.telling import History

Log = Sequence[tuple[Copy, Envelope]]

ITEM_COLUMNS = {
    "item_no",
    "lot_no",
    "unit_no",
    "one_no",
    "other_no",
    "material_no",
    "parent_no",
    "old_no",
    "new_no",
    "product_no",
}
KEY_COLUMNS = {"key_no", "target_key_no"}
POSITION_COLUMNS = {"log_offset", "appended_us"}


async def open_partitions(pool: asyncpg.Pool, count: int) -> None:
    """Checkpoints as if a projector had just leased every partition, at epoch 1."""
    await pool.execute(
        "INSERT INTO views.checkpoints (log_partition, applied_offset, log_end, measured_us, epoch, leased_until_us)"
        " SELECT p, -1, 0, 0, 1, 0 FROM generate_series(0, $1 - 1) p",
        count,
    )


def batch_of(log: Log, *, epoch: int = 1) -> Batch:
    """One batch of one partition."""
    last = log[-1][0]
    events = [Applied.of(Position(c.partition, c.offset), c.appended_us, e) for c, e in log]
    return Batch(last.partition, epoch, last.offset, last.appended_us, events)


async def rows_of(pool: asyncpg.Pool, *, positions: bool = True) -> dict[str, list[dict[str, Any]]]:
    """All rows of one database's views; numbers replaced by what they stand for, in an order of their own.

    Without `positions`, where in the log an event lies is left out.
    """
    items = {r[0]: r[1] for r in await pool.fetch("SELECT item_no, uri FROM views.items")}
    keys = {r[0]: r[1] for r in await pool.fetch("SELECT key_no, event_id FROM views.event_keys")}
    versions = await pool.fetch("SELECT event_no, key_no, content_hash, log_partition FROM views.events")
    events = {r[0]: (keys[r[1]], r[2], r[3] if positions else None) for r in versions}

    def named(column: str, value: Any) -> Any:
        if column in ITEM_COLUMNS and value is not None:
            return items[value]
        if column in KEY_COLUMNS:
            return keys[value]
        if column == "event_no":
            return events[value]
        if column == "replacement_key_nos":
            return sorted(keys[k] for k in value)
        return value

    hidden = set() if positions else POSITION_COLUMNS | {"log_partition"}
    found: dict[str, list[dict[str, Any]]] = {}
    for table in TENANT_TABLES:
        rows = await pool.fetch(f"SELECT * FROM views.{table.name}")
        found[table.name] = sorted(
            ({c: named(c, v) for c, v in row.items() if c not in hidden} for row in rows), key=repr
        )
    return found


@dataclass(slots=True)
class Projection:
    """`await given(pool, history).when_redelivered(...)`: what is in the tables after that."""

    pool: asyncpg.Pool
    log: Log
    writers: dict[int, ViewWriter] = field(default_factory=dict)

    async def when_delivered(self, *sizes: int, times: int = 2) -> dict[str, list[dict[str, Any]]]:
        """Apply in batches of these sizes (the last one over and over), each batch `times` times; the rows then."""
        left, sizes = list(self.log), sizes or (100,)
        while left:
            size, sizes = sizes[0], sizes[1:] or sizes
            chunk, left = left[:size], left[size:]
            for partition in sorted({c.partition for c, _ in chunk}):
                part = [entry for entry in chunk if entry[0].partition == partition]
                writer = self.writers.setdefault(partition, ViewWriter(self.pool))
                for _ in range(times):
                    await writer.apply(batch_of(part))
        return await rows_of(self.pool)


def given(pool: asyncpg.Pool, history: History | Iterable[tuple[Copy, Envelope]]) -> Projection:
    """A log that is to be projected into the empty views of `pool`'s database."""
    return Projection(pool, list(history.log if isinstance(history, History) else history))
