"""Who projects which partition: leases in Postgres, each with an epoch that fences out its predecessors.

Time is the database's clock, so that projectors need not agree on theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from services.projector.continuity import ForeignLog, LogNow

_NOW_US = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_LONGEST_US = 600_000_000
"""A lease, or a life, that has longer to go was told before the clock was put back: its holder has not renewed it.
Where leases of this projector are longer, twice theirs."""
_TELL = f"""
-- where the log ends, when that was seen, and the leases that are still ours; `others` may pass over locked rows
UPDATE {{schema}}.checkpoints c
SET log_end = greatest(c.log_end, w.log_end), measured_us = CASE WHEN $5 THEN coalesce($7, {_NOW_US}) ELSE 0 END,
    leased_until_us = CASE WHEN c.epoch = w.epoch THEN {_NOW_US} + $6 ELSE c.leased_until_us END
FROM (
    SELECT log_partition FROM {{schema}}.checkpoints WHERE log_partition = ANY($1::int[]) AND log_id = $4
    ORDER BY log_partition FOR NO KEY UPDATE {{others}}
) AS free JOIN unnest($1::int[], $2::bigint[], $3::bigint[]) AS w(log_partition, log_end, epoch) USING (log_partition)
WHERE c.log_partition = free.log_partition
RETURNING c.log_partition, c.epoch = w.epoch
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to project one partition, from `applied_offset` on."""

    partition: int
    epoch: int
    applied_offset: int


class Leases:
    """The leases of one projector, by its name."""

    def __init__(self, pool: asyncpg.Pool, *, schema: str, name: str, seconds: float) -> None:
        self._pool = pool
        self._schema = schema
        self._name = name
        self._lease_us = int(seconds * 1_000_000)
        longest_us = max(_LONGEST_US, 2 * self._lease_us)
        self._counts = f"BETWEEN {_NOW_US} AND {_NOW_US} + {longest_us}"

    async def now_us(self) -> int:
        """The clock that leases and heartbeats go by."""
        us: int = await self._pool.fetchval(f"SELECT {_NOW_US}")
        return us

    async def beat(self, now: LogNow, held: Mapping[int, Lease], *, fresh: bool = True) -> set[int]:
        """Tell that this projector lives and where the log ends; renew its leases. Returns the partitions it lost.

        Not `fresh`: it lives, but answers stay `stale`. Raises ForeignLog where the views are another log's already,
        with nothing changed unless they became so at this moment.
        """
        known = await self._pool.fetch(f"SELECT log_partition, log_id FROM {self._schema}.checkpoints")
        if {row[0] for row in known if row[1] == now.identity} >= now.ends.keys():
            kept = await self._tell(now, held, fresh=fresh)
        else:
            kept = await self._begin(now, held, fresh=fresh)
        return set(held) - kept

    async def _tell(self, now: LogNow, held: Mapping[int, Lease], *, fresh: bool) -> set[int]:
        """Of views that are this log's. Returns the partitions that stay held.

        A batch holds its checkpoint until it is written: who waited for one while holding others would hold all up.
        """
        kept, told = set[int](), set[int]()
        async with self._pool.acquire() as connection:
            # First: who waits for a batch lives, and others must not share out what is its.
            await self._live(connection, now.identity)
            for partitions, others in ((sorted(now.ends), "SKIP LOCKED"), *(([p], "") for p in sorted(now.ends))):
                if told.issuperset(partitions):
                    continue
                rows = await connection.fetch(
                    _TELL.format(schema=self._schema, others=others),
                    partitions,
                    [now.ends[p] for p in partitions],
                    [held[p].epoch if p in held else None for p in partitions],
                    now.identity,
                    fresh,
                    self._lease_us,
                    now.seen_us,
                )
                told |= {row[0] for row in rows}
                kept |= {row[0] for row in rows if row[1]}
                if not (others or rows):
                    raise ForeignLog("the views became another log's at this moment")
        return kept

    async def _begin(self, now: LogNow, held: Mapping[int, Lease], *, fresh: bool) -> set[int]:
        """Of views that do not know each partition, or not which log it is of. Returns what stays held."""
        async with self._pool.acquire() as connection, connection.transaction():
            # Checkpoints before all else, as every other writer: a rebuild that swaps the tables locks them first.
            ours = await connection.fetch(
                f"""
                INSERT INTO {self._schema}.checkpoints
                    (log_partition, applied_offset, log_end, measured_us, epoch, leased_until_us, log_id)
                SELECT p, -1, e, CASE WHEN $4 THEN coalesce($5, {_NOW_US}) ELSE 0 END, 0, 0, $3
                FROM unnest($1::int[], $2::bigint[]) AS w(p, e) ORDER BY p
                ON CONFLICT (log_partition) DO UPDATE
                SET log_end = greatest(checkpoints.log_end, excluded.log_end), measured_us = excluded.measured_us,
                    log_id = excluded.log_id
                WHERE coalesce(checkpoints.log_id, $3) = $3
                RETURNING log_partition
                """,
                sorted(now.ends),
                [now.ends[p] for p in sorted(now.ends)],
                now.identity,
                fresh,
                now.seen_us,
            )
            if len(ours) < len(now.ends):
                raise ForeignLog("the views were begun from another log at this moment")
            await self._live(connection, now.identity)
            renewed = await connection.fetch(
                f"""
                UPDATE {self._schema}.checkpoints c SET leased_until_us = {_NOW_US} + $3
                FROM unnest($1::int[], $2::bigint[]) AS w(p, e)
                WHERE c.log_partition = w.p AND c.epoch = w.e
                RETURNING c.log_partition
                """,
                list(held),
                [lease.epoch for lease in held.values()],
                self._lease_us,
            )
        return {row[0] for row in renewed}

    async def distrust(self, log_id: str) -> None:
        """Tell that this projector reads another log than the views' own, or one that lost records.

        The last heartbeat is taken back: answers say `stale` at once, not when it has grown old.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"UPDATE {self._schema}.checkpoints SET measured_us = 0")
            await self._live(connection, log_id)

    async def strangers(self, log_id: str) -> list[str]:
        """Living projectors that would write the same views from another log."""
        rows = await self._pool.fetch(
            f"""
            SELECT name FROM {self._schema}.projectors
            WHERE log_id <> $1 AND name <> $2 AND alive_until_us {self._counts}
            """,
            log_id,
            self._name,
        )
        return [row[0] for row in rows]

    async def _live(self, connection: asyncpg.Connection, log_id: str) -> None:
        await connection.execute(
            f"""
            INSERT INTO {self._schema}.projectors (name, alive_until_us, log_id) VALUES ($1, {_NOW_US} + $2, $3)
            ON CONFLICT (name) DO UPDATE SET alive_until_us = excluded.alive_until_us, log_id = excluded.log_id
            """,
            self._name,
            self._lease_us,
            log_id,
        )

    async def fair_share(self, log_id: str) -> int:
        """How many partitions each living projector of this log may hold."""
        row = await self._pool.fetchrow(
            f"""
            SELECT (SELECT count(*) FROM {self._schema}.checkpoints),
                   (SELECT count(*) FROM {self._schema}.projectors WHERE alive_until_us {self._counts} AND log_id = $1)
            """,
            log_id,
        )
        partitions, living = int(row[0]), int(row[1])
        return -(-partitions // max(living, 1))

    async def take(self, count: int) -> list[Lease]:
        """Lease up to `count` partitions that nobody holds, or whose holder has not renewed in time."""
        rows = await self._pool.fetch(
            f"""
            UPDATE {self._schema}.checkpoints c
            SET epoch = c.epoch + 1, leased_by = $1, leased_until_us = {_NOW_US} + $2
            FROM (
                SELECT log_partition FROM {self._schema}.checkpoints
                WHERE leased_by IS NULL OR NOT leased_until_us {self._counts}
                ORDER BY log_partition LIMIT $3 FOR UPDATE SKIP LOCKED
            ) AS free
            WHERE c.log_partition = free.log_partition
            RETURNING c.log_partition, c.epoch, c.applied_offset
            """,
            self._name,
            self._lease_us,
            count,
        )
        return [Lease(r[0], r[1], r[2]) for r in rows]

    async def release(self, lease: Lease) -> None:
        """Give a partition back, so that another need not wait for the lease to run out."""
        await self._pool.execute(
            f"""
            UPDATE {self._schema}.checkpoints SET leased_by = NULL, leased_until_us = 0
            WHERE log_partition = $1 AND epoch = $2
            """,
            lease.partition,
            lease.epoch,
        )

    async def leave(self) -> None:
        """This projector ends: others may count without it."""
        await self._pool.execute(f"DELETE FROM {self._schema}.projectors WHERE name = $1", self._name)
