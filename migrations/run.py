"""Bringing a database's schema to this version: `await upgrade(url)`, or `python -m migrations.run URL`."""

import asyncio
import sys
import time
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection, exc, pool, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.database import NOT_LET_IN, DatabaseNotReady

_LOCK_KEY = 0x7A68756973750001  # "zhuisu", 1: only one process migrates a database at a time
_REBUILD_KEY = 0x7A68756973750003  # that of services/projector/rebuild.py
_OLDEST_SERVER = 160000

_ADMIN_HELP = """\
this database user may not create what Zhuisu needs ({reason}). Let an administrator of the server run, once:
    CREATE ROLE zhuisu_api NOLOGIN NOBYPASSRLS;
    CREATE ROLE zhuisu_projector NOLOGIN BYPASSRLS;
    GRANT zhuisu_api, zhuisu_projector TO "{user}";
    GRANT CREATE ON DATABASE "{database}" TO "{user}";
    GRANT CREATE ON SCHEMA public TO "{user}";
then start again."""


class MigrationError(RuntimeError):
    """The schema could not be brought up. The message says what to do."""


async def upgrade(
    database_url: str,
    *,
    revision: str = "head",
    lock_timeout_seconds: float = 10.0,
    wait_for_others_seconds: float = 600.0,
) -> None:
    """Bring the schema of `database_url` to `revision`. Safe to call from many processes at once; no-op when there.

    `lock_timeout_seconds` bounds the wait for each table lock, so that a migration never queues behind a long query
    with all others queueing behind it. `wait_for_others_seconds` bounds the wait for another process's migration, and
    for a rebuild, which would put views of the revision it began at in the place of those that are migrated.
    Each revision is a transaction: a failed one leaves the schema at the one before. Raises MigrationError.
    """

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(database_url, server_settings={"application_name": "zhuisu_migrations"})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            await _check_server(connection)
            await connection.execute(
                text("SELECT set_config('lock_timeout', :ms, false)"), {"ms": str(int(lock_timeout_seconds * 1000))}
            )
            await connection.commit()
            others = "another process has been migrating this database"
            await _take_turn(connection, _LOCK_KEY, wait_seconds=wait_for_others_seconds, others=others)
            if revision != "head" or await _revision_of(connection) != head_revision():
                others = "the views have been built anew (zhuisu rebuild)"
                await _take_turn(connection, _REBUILD_KEY, wait_seconds=wait_for_others_seconds, others=others)
            await connection.run_sync(_upgrade, revision)
            await connection.commit()
    except exc.DBAPIError as error:
        raise await _explained(error, database_url) from error
    finally:
        await engine.dispose()


def head_revision() -> str:
    """The newest revision of this version of Zhuisu."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise MigrationError("there are no migrations in this installation: install it again")
    return head


async def current_revision(connection: asyncpg.Connection) -> str | None:
    """The revision a database is at; None when it was never migrated."""
    if await connection.fetchval("SELECT pg_catalog.to_regclass('public.alembic_version')") is None:
        return None
    found: str | None = await connection.fetchval("SELECT version_num FROM public.alembic_version")
    return found


def rebuild_needed(since: str) -> bool:
    """Whether a revision after `since` has the views built anew; also where `since` is none of this version's.

    Such a revision says `rebuild_needed = True` beside its number: rows that older versions wrote lack what it adds.
    """
    scripts = ScriptDirectory.from_config(_config())
    try:
        newer = list(scripts.iterate_revisions("head", since))
    except RevisionError:
        return True
    return any(getattr(revision.module, "rebuild_needed", False) for revision in newer)


def _config() -> Config:
    config = Config()
    # "%" is alembic's own escape
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _upgrade(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def _check_server(connection: AsyncConnection) -> None:
    version = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
    if version < _OLDEST_SERVER:
        raise MigrationError(
            f"PostgreSQL {version // 10000} is too old, Zhuisu needs 16 or newer (18 is what it is tested on): "
            "upgrade the server, or leave ZHUISU_DATABASE_URL empty for the embedded one"
        )


async def _revision_of(connection: AsyncConnection) -> str | None:
    known = (await connection.execute(text("SELECT pg_catalog.to_regclass('public.alembic_version')"))).scalar_one()
    rows = await connection.execute(text("SELECT version_num FROM public.alembic_version")) if known else None
    found: str | None = rows.scalar_one_or_none() if rows is not None else None
    await connection.commit()
    return found


async def _take_turn(connection: AsyncConnection, key: int, *, wait_seconds: float, others: str) -> None:
    """Hold a lock of the session. Polled: a waiting statement would hold a snapshot against the one at work."""
    deadline = time.monotonic() + wait_seconds
    while not (await connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key})).scalar_one():
        await connection.commit()
        if time.monotonic() > deadline:
            raise MigrationError(f"{others} for {wait_seconds:.0f} s: try again when it is done")
        await asyncio.sleep(0.1)
    await connection.commit()


async def _explained(error: exc.DBAPIError, database_url: str) -> MigrationError:
    cause = error.orig.__cause__ if error.orig is not None else None
    if isinstance(cause, asyncpg.InsufficientPrivilegeError):
        connection = await asyncpg.connect(database_url)
        try:
            user, database = await connection.fetchrow("SELECT current_user, current_database()")
        finally:
            await connection.close()
        return MigrationError(_ADMIN_HELP.format(reason=cause, user=user, database=database))
    if isinstance(cause, NOT_LET_IN):
        return MigrationError(str(DatabaseNotReady.for_us(cause)))
    if isinstance(cause, asyncpg.FeatureNotSupportedError | asyncpg.UndefinedFileError):
        return MigrationError(f"{cause}: install the contrib modules of PostgreSQL on its server, then start again")
    if isinstance(cause, asyncpg.LockNotAvailableError):
        return MigrationError("a table is in use by a long query, nothing was changed: try again when it has ended")
    return MigrationError(f"the migration failed and was rolled back: {error.orig}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m migrations.run DATABASE_URL")
    asyncio.run(upgrade(sys.argv[1]))
