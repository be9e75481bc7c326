"""The only code that writes views: one batch of one partition, one transaction, together with its checkpoint."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from domain.ports import Position
from services.readmodel import alerting
from services.readmodel.numbers import Key, Numbers
from services.readmodel.rows import COLUMNS, Applied, Rows, write_rows
from services.readmodel.set_members import Unnumbered, list_members
from services.readmodel.tables import SCHEMA
from services.readmodel.watching import Rival, note_touches

APPLIED_CHANNEL = "zhuisu_applied"
"""NOTIFY channel: a payload `<partition>-<offset>` says that everything up to there is in the views."""


class LeaseLost(Exception):
    """Another projector has this partition now, or the views are another log's: nothing of the batch was written."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that no view can take: where it lies, why, and its bytes, so that it can be sent again."""

    position: Position
    appended_us: int
    tenant_id: int | None
    event_id: str | None
    code: str
    detail: str
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction applies: records of one partition up to `applied_offset`, under the lease `epoch`.

    `log_id` is the identity of the log they were read from.
    """

    partition: int
    epoch: int
    applied_offset: int
    applied_us: int
    events: Sequence[Applied] = ()
    dead: Sequence[DeadLetter] = ()
    log_id: str | None = None


@dataclass(frozen=True, slots=True)
class Numbered:
    """A batch, and the number of everything it names."""

    batch: Batch
    numbers: Numbers
    items: dict[Key, int]
    keys: dict[Key, int]
    event_nos: list[int]


class ViewWriter:
    """Writes batches into the views of one schema. Delivering a batch again changes nothing.

    `skew_us`: how far the append times of two partitions may be apart at one instant.
    """

    def __init__(
        self, pool: asyncpg.Pool, *, schema: str = SCHEMA, cache_size: int = 500_000, skew_us: int = 0
    ) -> None:
        self._pool = pool
        self._schema = schema
        self._cache_size = cache_size
        self._skew_us = skew_us
        self._numbers: Numbers | None = None

    async def apply(self, batch: Batch) -> int:
        """Write a batch; returns how many events were new. Raises LeaseLost and what asyncpg raises."""
        # One connection for both: each that goes back to the pool is cleaned by a statement.
        async with self._pool.acquire() as connection:
            numbered = await self._number(connection, batch)
            try:
                try:
                    return await self._write(connection, numbered)
                except Unnumbered:
                    await self._number_members(connection, numbered)
                    return await self._write(connection, numbered)
            except LeaseLost:
                if self._numbers is numbered.numbers:
                    self._numbers = None  # the tables may be others now
                raise

    async def newest_us(self, partition: int) -> int:
        """When the newest of what the views have of a partition was appended; 0: they have nothing of it."""
        newest_us: int = await self._pool.fetchval(
            f"""
            SELECT greatest((SELECT max(appended_us) FROM {self._schema}.events WHERE log_partition = $1),
                            (SELECT applied_us FROM {self._schema}.checkpoints WHERE log_partition = $1), 0)
            """,
            partition,
        )
        return newest_us

    async def _number_members(self, connection: asyncpg.Connection, numbered: Numbered) -> None:
        """Of a set that names items before anything else did, which is rare: see that each has a number."""
        for one in numbered.batch.events:
            if one.members is not None:
                items = [(one.envelope.tenant_id, item) for item in one.members.items()]
                await numbered.numbers.of_listed(connection, items)

    async def number(self, batch: Batch) -> Numbered:
        """First half of `apply`: see that everything the batch names has a number, each in a transaction of its own."""
        async with self._pool.acquire() as connection:
            return await self._number(connection, batch)

    async def _number(self, connection: asyncpg.Connection, batch: Batch) -> Numbered:
        if self._numbers is None:
            generation = await connection.fetchval(_GENERATION.format(schema=self._schema))
            self._numbers = Numbers(self._schema, generation=generation, cache_size=self._cache_size)
        numbers = self._numbers
        await numbers.reserve(connection, _NUMBERS_AN_EVENT * len(batch.events))
        items = await numbers.of_items(
            connection, [(a.envelope.tenant_id, item) for a in batch.events for item in a.items()]
        )
        items |= await numbers.of_listed(
            connection, [(a.envelope.tenant_id, item) for a in batch.events for item in a.listed()]
        )
        keys = await numbers.of_keys(
            connection, [(a.envelope.tenant_id, i) for a in batch.events for i in a.event_ids()]
        )
        return Numbered(batch, numbers, items, keys, await numbers.take(connection, len(batch.events)))

    async def write(self, numbered: Numbered) -> int:
        """Second half of `apply`: all rows and the checkpoint in one transaction."""
        async with self._pool.acquire() as connection:
            return await self._write(connection, numbered)

    async def _write(self, connection: asyncpg.Connection, numbered: Numbered) -> int:
        batch, items, keys, event_nos = numbered.batch, numbered.items, numbered.keys, numbered.event_nos
        async with connection.transaction():
            await self._advance(connection, batch, numbered.numbers.generation)
            fresh, disputed = await self._fresh(connection, batch, keys)
            numbers = list(zip(fresh, event_nos, strict=False))
            rows = Rows()
            for one, event_no in numbers:
                tenant = one.envelope.tenant_id
                write_rows(
                    rows,
                    one,
                    event_no,
                    item_no=lambda uri, t=tenant: items[(t, uri)],  # type: ignore[misc]
                    key_no=lambda event_id, t=tenant: keys[(t, event_id)],  # type: ignore[misc]
                )
            await self._copy(connection, rows)
            await list_members(connection, self._schema, numbers)
            await self._prefixes(connection, fresh)
            keyed = [(no, keys[(a.envelope.tenant_id, a.facts.event_id)]) for a, no in numbers] if disputed else []
            rivals = [Rival(event_no, key_no) for event_no, key_no in keyed if key_no in disputed]
            await self._tell_cases(connection, numbers, rows=rows, rivals=rivals)
            if batch.dead:
                await self._bury(connection, batch.dead)
            if self._schema == SCHEMA:  # nobody waits for tables that are still being built
                payload = f"{batch.partition}-{batch.applied_offset}"
                await connection.execute(f"SELECT pg_notify('{APPLIED_CHANNEL}', $1)", payload)
        return len(fresh)

    async def _advance(self, connection: asyncpg.Connection, batch: Batch, generation: int) -> None:
        """Move the checkpoint first: it fences out older leases and other logs, and serialises a partition's writers.

        It also keeps a rebuild from swapping the tables until this transaction ends.
        """
        moved = await connection.fetchval(
            f"""
            UPDATE {self._schema}.checkpoints
            SET applied_offset = $3, applied_us = $4, log_end = greatest(log_end, $3 + 1)
            WHERE log_partition = $1 AND epoch = $2 AND applied_offset <= $3 AND log_id IS NOT DISTINCT FROM $5
            RETURNING tableoid::bigint
            """,
            batch.partition,
            batch.epoch,
            batch.applied_offset,
            batch.applied_us,
            batch.log_id,
        )
        if moved != generation:
            raise LeaseLost(f"partition {batch.partition}: lease {batch.epoch} is no longer the newest")

    async def _fresh(
        self, connection: asyncpg.Connection, batch: Batch, keys: dict[tuple[int, str], int]
    ) -> tuple[list[Applied], set[int]]:
        """The events that are not in the views yet, and numbers of ids of which there are versions with other content.

        Only the holder of the lease writes a partition's versions.
        """
        by_version: dict[tuple[int, str], Applied] = {}
        for one in batch.events:
            key_no = keys[(one.envelope.tenant_id, one.facts.event_id)]
            by_version.setdefault((key_no, one.envelope.content_hash), one)
        key_nos = [k for k, _ in by_version]
        disputed = {k for k, n in Counter(key_nos).items() if n > 1}
        known = await connection.fetch(
            f"SELECT key_no, content_hash, log_partition FROM {self._schema}.events WHERE key_no = ANY($1)",
            list(set(key_nos)),
        )
        for key_no, content_hash, partition in known:
            if (key_no, content_hash) not in by_version:
                disputed.add(key_no)
            elif partition == batch.partition:
                del by_version[(key_no, content_hash)]
        return list(by_version.values()), disputed

    async def _tell_cases(
        self,
        connection: asyncpg.Connection,
        fresh: Sequence[tuple[Applied, int]],
        *,
        rows: Rows,
        rivals: Sequence[Rival],
    ) -> None:
        """Note what touches the cases of these tenants, and raise the alerts that are due, with the rows themselves."""
        touching = await note_touches(connection, self._schema, fresh=fresh, rows=rows, rivals=rivals)
        tenant_of = {event_no: a.envelope.tenant_id for a, event_no in fresh}
        joined = [(one, case_id, tenant_of[one.event_no]) for one, case_id in alerting.joined(rows, fresh)]
        moved = alerting.moves(rows, touching) if touching else []
        if moved or joined:
            await alerting.raise_alerts(connection, self._schema, moved, joined=joined, skew_us=self._skew_us)

    async def _copy(self, connection: asyncpg.Connection, rows: Rows) -> None:
        for table, records in rows.by_table.items():
            await connection.copy_records_to_table(
                table, schema_name=self._schema, columns=COLUMNS[table], records=records
            )

    async def _prefixes(self, connection: asyncpg.Connection, events: Sequence[Applied]) -> None:
        found = sorted({(a.envelope.tenant_id, p) for a in events for p in a.facts.company_prefixes})
        if found:
            tenants, prefixes = zip(*found, strict=True)
            await connection.execute(
                f"""
                INSERT INTO {self._schema}.company_prefixes (tenant_id, prefix)
                SELECT * FROM unnest($1::int[], $2::text[]) AS w(t, p)
                WHERE NOT EXISTS (SELECT FROM {self._schema}.company_prefixes c WHERE c.tenant_id = t AND c.prefix = p)
                ON CONFLICT DO NOTHING
                """,
                tenants,
                prefixes,
            )

    async def _bury(self, connection: asyncpg.Connection, dead: Sequence[DeadLetter]) -> None:
        await connection.executemany(
            f"""
            INSERT INTO {self._schema}.dead_letters
                (log_partition, log_offset, appended_us, tenant_id, event_id, code, detail, key, value)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
            """,
            [(*d.position, d.appended_us, d.tenant_id, d.event_id, d.code, d.detail, d.key, d.value) for d in dead],
        )


_NUMBERS_AN_EVENT = 3
"""Numbers of a batch are asked for at once: for an event, its id, and what it is the first to name."""

_GENERATION = "SELECT '{schema}.checkpoints'::regclass::oid::bigint"
"""A rebuild brings other tables under the same names; their identity tells."""
