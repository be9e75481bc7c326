"""The event log in Postgres: the embedded default, no broker to run. Its tables and functions: migrations 0002."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from functools import partial

import asyncpg

from domain.ports import LogUnavailable, Position, Record, StoredRecord
from services.database import NOT_LET_IN, DatabaseNotReady, watch_peer
from services.eventlog.batcher import Batcher, Limits
from services.eventlog.partitioning import partition_of
from services.eventlog.postgres_waker import FAILURES, Waker

_ANSWER_SECONDS = 5.0
_STUCK_SECONDS = 5.0  # a batch in flight for longer makes the log unhealthy
_READ_BYTES = 8_000_000  # a batch of records ends when it has passed this
_PARTITIONS_CHANGED = "ZH001"
_DURABLE_COMMITS = ("on", "remote_write", "remote_apply")

_PAGE = """
    SELECT log_offset, appended_at, key, value FROM (
        SELECT page.*, sum(octet_length(value)) OVER (ORDER BY log_offset) - octet_length(value) AS bytes_before
        FROM (SELECT log_offset, appended_at, key, value FROM log_records
              WHERE log_partition = $1 AND log_offset > $2 ORDER BY log_offset LIMIT $3) AS page
    ) AS counted WHERE bytes_before < $4 ORDER BY log_offset
"""
_LAST = """
    SELECT coalesce(
        (SELECT log_offset FROM log_records WHERE log_partition = $1 ORDER BY log_offset DESC LIMIT 1), -1) AS last
"""


class PostgresEventLog:
    """EventLog on the tables of one database. Offsets have no gaps; append time is the database's clock (microseconds).

    `partitions` counts when the log is new; later the stored number stands, see `grow`. Appends of this process are
    committed together, one transaction at a time. Times are seconds: `give_up_seconds` until an unanswered commit is
    left as unknown, `patience_seconds` until a reader without a database raises, `poll_seconds` between looks when no
    notification comes. `max_connections` of readers; three more for writing, waking and questions.
    """

    def __init__(
        self,
        *,
        dsn: str,
        partitions: int = 1,
        max_record_bytes: int = 1_000_000,
        max_buffered_bytes: int = 64_000_000,
        max_connections: int = 4,
        start_seconds: float = 30.0,
        give_up_seconds: float = 30.0,
        patience_seconds: float = 30.0,
        poll_seconds: float = 0.5,
    ) -> None:
        self._dsn, self._wanted_partitions, self._max_connections = dsn, partitions, max_connections
        self._limits = Limits(record_bytes=max_record_bytes, buffered_bytes=max_buffered_bytes)
        self._start_seconds, self._give_up_seconds = start_seconds, give_up_seconds
        self._patience_seconds, self._poll_seconds = patience_seconds, poll_seconds
        self._partition_count = 0
        self._pool: asyncpg.Pool | None = None
        self._writer: asyncpg.Connection | None = None
        self._batcher: Batcher | None = None
        self._waker = Waker(partial(self._connect, durable=False))

    @property
    def max_record_bytes(self) -> int:
        return self._limits.record_bytes

    async def start(self) -> None:
        """Connect and settle the number of partitions. Raises LogUnavailable, also when the schema is not there.

        And at once DatabaseNotReady where the server does not let us in.
        """
        deadline = time.monotonic() + self._start_seconds
        while True:
            try:
                self._writer = await self._connect()
                await self._settle_partitions(self._writer)
                break
            except NOT_LET_IN as error:
                raise DatabaseNotReady.for_us(error) from error
            except asyncpg.UndefinedTableError as error:
                raise LogUnavailable("the database has no event log: bring its schema up first") from error
            except FAILURES as error:
                if time.monotonic() > deadline:
                    raise LogUnavailable(f"Postgres cannot be reached: {error!r}") from error
                await asyncio.sleep(0.2)
        self._pool = asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=self._max_connections,
            init=_watched,
            reset=_left_as_it_was,
            command_timeout=_ANSWER_SECONDS,
            timeout=_ANSWER_SECONDS,
            server_settings=_session(durable=True),
        )
        await self._pool
        self._batcher = Batcher(
            lanes_of=lambda records: [0] * len(records), ready=self._ready, write=self._write, limits=self._limits
        )
        self._waker.start()

    async def stop(self) -> None:
        """Write what was accepted, for a few seconds at most, and close every connection."""
        batcher, self._batcher = self._batcher, None
        if batcher is not None:
            await batcher.close(flush_seconds=_ANSWER_SECONDS)
        await self._waker.stop()
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()
        self._drop_writer()

    async def append(self, records: Sequence[Record], *, deadline_seconds: float) -> list[Position]:
        """As the port."""
        if self._batcher is None:
            raise LogUnavailable("the Postgres log is not started", [None] * len(records))
        return await self._batcher.append(records, deadline_seconds=deadline_seconds)

    async def partitions(self) -> list[int]:
        """As the port."""
        rows = await self._ask("SELECT partitions FROM log_settings")
        self._partition_count = rows[0]["partitions"]
        return list(range(self._partition_count))

    async def grow(self, partitions: int) -> None:
        """Have `partitions` partitions from now on, never fewer. Keys move, as in Kafka. Raises LogUnavailable."""
        await self._ask("UPDATE log_settings SET partitions = $1 WHERE partitions < $1", partitions)

    async def end(self) -> Mapping[int, int]:
        """As the port. What is appended after the answer also has a later append time than the answer."""
        return {row["log_partition"]: row["next_offset"] for row in await self._ask("SELECT * FROM log_end()")}

    async def identity(self) -> str:
        """As the port: a number that the log's tables were given when they were made."""
        return f"postgres:{(await self._ask('SELECT log_id FROM log_settings'))[0]['log_id']}"

    async def read(
        self, partition: int, *, after: int, max_records: int
    ) -> AsyncGenerator[Sequence[StoredRecord], None]:
        """As the port; holds no connection while it waits."""
        reached_at = time.monotonic()
        checked = False
        while True:
            seen = self._waker.seen(partition)
            try:
                rows = await self._ask(_PAGE, partition, after, max_records, _READ_BYTES)
                if not rows and not checked:
                    last = (await self._ask(_LAST, partition))[0]["last"]
                    if after > last:
                        raise LookupError(f"partition {partition} ends at {last}, offset {after} is not in this log")
            except LogUnavailable:
                if time.monotonic() - reached_at > self._patience_seconds:
                    raise
                checked = False  # it may come back as another one, restored from a backup
                await asyncio.sleep(0.1)
                continue
            reached_at = time.monotonic()
            checked = True
            if not rows:
                await self._waker.wait(partition, seen=seen, seconds=self._poll_seconds)
                continue
            if rows[0]["log_offset"] != after + 1 or rows[-1]["log_offset"] != after + len(rows):
                raise LookupError(f"partition {partition}: records after {after} are no longer in the log")
            after = rows[-1]["log_offset"]
            yield [
                StoredRecord(Position(partition, row["log_offset"]), row["appended_at"], row["key"], row["value"])
                for row in rows
            ]

    async def healthy(self) -> str | None:
        """As the port."""
        if self._batcher is None:
            return "the Postgres log is not started"
        if (stuck := self._batcher.stuck_seconds()) > _STUCK_SECONDS:
            return f"Postgres has not confirmed a commit for {stuck:.0f} s"
        try:
            await self._ask("SELECT 1")
        except LogUnavailable as unavailable:
            return str(unavailable)
        return None

    async def _ask(self, question: str, *arguments: object) -> list[asyncpg.Record]:
        if self._pool is None:
            raise LogUnavailable("the Postgres log is not started")
        try:
            async with self._pool.acquire(timeout=_ANSWER_SECONDS) as connection:
                rows: list[asyncpg.Record] = await connection.fetch(question, *arguments)
                return rows
        except FAILURES as error:
            raise LogUnavailable(f"Postgres does not answer: {error!r}") from error

    async def _connect(self, *, durable: bool = True) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._dsn, timeout=_ANSWER_SECONDS, server_settings=_session(durable=durable)
        )
        watch_peer(connection)
        # A pooler between us and the server may have dropped the setting: then no commit could be believed.
        if durable and (found := await connection.fetchval("SHOW synchronous_commit")) not in _DURABLE_COMMITS:
            connection.terminate()
            raise asyncpg.InterfaceError(f"synchronous_commit is {found}: connect without a pooler that resets it")
        return connection

    async def _settle_partitions(self, connection: asyncpg.Connection) -> None:
        await connection.execute(
            "INSERT INTO log_settings (partitions) VALUES ($1) ON CONFLICT DO NOTHING", self._wanted_partitions
        )
        self._partition_count = await connection.fetchval("SELECT partitions FROM log_settings")

    async def _ready(self) -> None:
        pause = 0.05
        while self._writer is None or self._writer.is_closed():
            try:
                self._writer = await self._connect()
            except FAILURES:
                await asyncio.sleep(pause)
                pause = min(1.0, pause * 2)

    async def _write(self, _lane: int, records: Sequence[Record]) -> Sequence[Position | None]:
        while True:
            try:
                return await self._commit(records)
            except asyncpg.PostgresError as error:
                if error.sqlstate == _PARTITIONS_CHANGED:  # nothing was written
                    await self.partitions()
                    continue
                self._drop_writer()
                raise LogUnavailable(f"Postgres refused the batch: {error!r}") from error
            except FAILURES as error:
                self._drop_writer()
                raise LogUnavailable(f"Postgres did not confirm the batch: {error!r}") from error

    async def _commit(self, records: Sequence[Record]) -> list[Position | None]:
        if self._writer is None:
            raise LogUnavailable("there is no connection to Postgres")
        numbers = [partition_of(record.key, self._partition_count) for record in records]
        # One statement outside a transaction block: asyncpg returns when the server has committed it.
        offsets: list[int] = await self._writer.fetchval(
            "SELECT log_append($1, $2, $3, $4)",
            self._partition_count,
            numbers,
            [record.key for record in records],
            [record.value for record in records],
            timeout=self._give_up_seconds,
        )
        self._waker.appended(numbers)
        return [Position(number, offset) for number, offset in zip(numbers, offsets, strict=True)]

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.terminate()


async def _watched(connection: asyncpg.Connection) -> None:
    watch_peer(connection)


async def _left_as_it_was(_: asyncpg.Connection) -> None:
    """Questions to the log are one statement each, which leaves nothing behind: to clean up would be another."""


def _session(*, durable: bool) -> dict[str, str]:
    return {
        "application_name": "zhuisu_log",
        "synchronous_commit": "on" if durable else "off",
        "default_transaction_isolation": "read committed",
        "lock_timeout": "10s",
        # A plan made while the log was empty would read all of it later: its index is always right.
        "enable_seqscan": "off",
        "enable_bitmapscan": "off",
    }
