"""Rebuilding all views beside the live ones from the log, and swapping them in one transaction.

Questions and live projectors go on meanwhile. At the swap questions in flight finish on the old views; what live
projectors still write under an old lease is refused, because every lease of the new views has a larger epoch.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import MetaData, create_mock_engine

from domain.ports import EventLog
from migrations.run import current_revision, head_revision
from services.database import PROJECTOR_ROLE
from services.projector.runner import Pace, Projector
from services.readmodel.tables import SCHEMA, ddl_extras, metadata

BESIDE = "views_rebuild"
_RETIRED = "views_retired"
_LOCK_KEY = 0x7A68756973750003  # "zhuisu", 3: one rebuild at a time, and no migration meanwhile
_NUMBERS_APART = 1 << 32
"""Blocks between the numbers of one generation of views and the next: a late writer of the old collides with none."""
_POLL_SECONDS = 0.2
_SWAP_LOCK_MS = 2_000
_CATCH_UP_SECONDS = 20.0


class RebuildRunning(RuntimeError):
    """Another process is rebuilding these views."""


class RebuildFailed(RuntimeError):
    """The rebuild could not be finished; the live views are as they were."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How far it is: `applied` of `total` records of the log."""

    applied: int
    total: int


async def rebuild(
    database_url: str,
    *,
    log: EventLog,
    views: asyncpg.Pool,
    pace: Pace | None = None,
    patience_seconds: float = 60.0,
    told: Callable[[Rebuilt], None] = lambda progress: None,
) -> Rebuilt:
    """Build the views anew and swap them in. `database_url` is the owner's, `views` acts as the projector.

    Gives up when the log or the database has been in the way for `patience_seconds`.

    Raises RebuildRunning, RebuildFailed, LogUnavailable, and what asyncpg raises.
    """
    async with _alone(database_url) as owner:
        await owner.execute(f"DROP SCHEMA IF EXISTS {BESIDE} CASCADE")
        await owner.execute(f"DROP SCHEMA IF EXISTS {_RETIRED} CASCADE")
        await _create_beside(owner)
        stop = asyncio.Event()
        projector = Projector(log=log, pool=views, name="rebuild", pace=pace, schema=BESIDE)
        running = asyncio.create_task(projector.run(stop))
        try:
            while True:
                done = await _caught_up(owner, projector, running=running, patience_seconds=patience_seconds, told=told)
                if await _swap(owner, projector, stop=stop, running=running):
                    break
        finally:
            stop.set()
            await asyncio.gather(running, return_exceptions=True)
        await owner.execute(f"DROP SCHEMA {_RETIRED} CASCADE")
        return done


@asynccontextmanager
async def _alone(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The owner's connection, holding the lock that lets one rebuild run."""
    owner = await asyncpg.connect(database_url, server_settings={"application_name": "zhuisu_rebuild"})
    try:
        if not await owner.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
            raise RebuildRunning("another process is rebuilding or migrating these views: wait until it is done")
        if (found := await current_revision(owner)) != head_revision():
            detail = f"the views are of revision {found}, this version builds those of {head_revision()}"
            raise RebuildFailed(f"{detail}: run `zhuisu migrate` of the newer version first, and its `zhuisu rebuild`")
        yield owner
    finally:
        await owner.close()


async def _create_beside(owner: asyncpg.Connection) -> None:
    """The tables of the views in a schema of their own, as the migrations make them, in one round trip."""
    tables, statements = MetaData(), [f"CREATE SCHEMA {BESIDE}"]
    for table in metadata.sorted_tables:
        table.to_metadata(tables, schema=BESIDE)

    def write_down(statement: Any, *_: Any) -> None:
        statements.append(str(statement.compile(dialect=written.dialect)))

    written = create_mock_engine("postgresql+asyncpg://", write_down)
    tables.create_all(written, checkfirst=False)
    statements += ddl_extras(BESIDE)
    first = f"(SELECT last_value FROM {SCHEMA}.numbers) + {_NUMBERS_APART}"
    statements.append(f"SELECT setval('{BESIDE}.numbers', {first})")
    await owner.execute(";\n".join(statements))


async def _caught_up(
    owner: asyncpg.Connection,
    projector: Projector,
    *,
    running: asyncio.Task[None],
    patience_seconds: float,
    told: Callable[[Rebuilt], None],
) -> Rebuilt:
    """Until the new views are as far as the live ones are now, or as their log where that is another."""
    loop = asyncio.get_running_loop()
    well_at = loop.time()
    while True:
        if running.done():
            raise RebuildFailed(f"the rebuild's projector ended: {running.exception() or 'no reason'}")
        if projector.trouble is None:
            well_at = loop.time()
        elif loop.time() - well_at > patience_seconds:
            raise RebuildFailed(f"the live views are as they were; the log cannot be read on: {projector.trouble}")
        behind = await _behind(owner)  # before it is told how far they are: then they are at least that far
        rows = await owner.fetch(f"SELECT applied_offset, log_end FROM {BESIDE}.checkpoints")
        progress = Rebuilt(sum(r[0] + 1 for r in rows), sum(r[1] for r in rows))
        told(progress)
        if rows and not behind:
            return progress
        await asyncio.sleep(_POLL_SECONDS)


async def _behind(owner: asyncpg.Connection) -> int:
    """In how many partitions the new views are behind the live ones, or do not know them yet.

    Of live views that were built from another log nothing can be caught up with: the end of their own log counts then.
    """
    behind: int = await owner.fetchval(
        f"""
        WITH one_log AS (
            SELECT bool_and(coalesce(live.log_id, new.log_id) = new.log_id) AS so
            FROM {SCHEMA}.checkpoints live, {BESIDE}.checkpoints new
        )
        SELECT count(*) FROM {SCHEMA}.checkpoints live FULL JOIN {BESIDE}.checkpoints new USING (log_partition)
        WHERE CASE WHEN coalesce((SELECT so FROM one_log), true)
                   THEN coalesce(new.applied_offset, -2) < live.applied_offset
                   ELSE new.applied_offset < new.log_end - 1 END
        """
    )
    return behind


async def _swap(
    owner: asyncpg.Connection, projector: Projector, *, stop: asyncio.Event, running: asyncio.Task[None]
) -> bool:
    """Put the new views in the place of the live ones; False when that has to wait, and nothing was changed."""
    loop = asyncio.get_running_loop()
    await owner.execute(f"SELECT set_config('lock_timeout', '{_SWAP_LOCK_MS}', false)")
    try:
        async with owner.transaction():
            # Live projectors stand still from here, and who settles or replays dead letters; questions do not.
            await owner.execute(f"LOCK TABLE {SCHEMA}.checkpoints, {SCHEMA}.dead_letters IN EXCLUSIVE MODE")
            until = loop.time() + _CATCH_UP_SECONDS
            while await _behind(owner):
                if loop.time() > until or running.done():
                    raise _NotYet
                await asyncio.sleep(_POLL_SECONDS / 10)
            # Every question reads this table first, and holds it to its end: none sees half of each.
            await owner.execute(f"LOCK TABLE {SCHEMA}.checkpoints IN ACCESS EXCLUSIVE MODE")
            stop.set()
            await running
            await _take_over(owner)
    except (_NotYet, asyncpg.LockNotAvailableError):
        if running.done():
            raise RebuildFailed("the swap was begun and not finished: run it again") from None
        return False
    return True


async def _take_over(owner: asyncpg.Connection) -> None:
    await owner.execute(
        f"""
        UPDATE {BESIDE}.checkpoints new SET leased_by = NULL, leased_until_us = 0,
            epoch = new.epoch + 1 + (SELECT coalesce(max(epoch), 0) FROM {SCHEMA}.checkpoints)
        """
    )
    columns = "name, alive_until_us, log_id"
    await owner.execute(
        f"INSERT INTO {BESIDE}.projectors ({columns}) SELECT {columns} FROM {SCHEMA}.projectors ON CONFLICT DO NOTHING"
    )
    # Row-level security binds even the owner here.
    await owner.execute(f"SET LOCAL ROLE {PROJECTOR_ROLE}")
    await owner.execute(
        f"""
        UPDATE {BESIDE}.dead_letters new SET replayed_as = old.replayed_as, settled = old.settled
        FROM {SCHEMA}.dead_letters old
        WHERE (new.log_partition, new.log_offset, new.value) = (old.log_partition, old.log_offset, old.value)
        """
    )
    await owner.execute("RESET ROLE")
    await owner.execute(f"ALTER SCHEMA {SCHEMA} RENAME TO {_RETIRED}")
    await owner.execute(f"ALTER SCHEMA {BESIDE} RENAME TO {SCHEMA}")


class _NotYet(Exception):
    """The new views did not catch up while the live ones stood still."""
