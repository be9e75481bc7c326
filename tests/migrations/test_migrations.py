"""The migrations make what the tables say, once, however many start them."""

import asyncio
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.ext.asyncio import create_async_engine

from migrations import run
from migrations.run import _ADMIN_HELP, MigrationError, current_revision, head_revision, upgrade
from services.access.tables import metadata as access_metadata
from services.cases.tables import metadata as cases_metadata
from services.contacts.tables import metadata as contacts_metadata
from services.database import api_pool, owner_pool, projector_pool, tenant_transaction
from services.eventlog.postgres import PostgresEventLog
from services.projector.rebuild import _LOCK_KEY as REBUILD_KEY
from services.projector.rebuild import RebuildFailed, rebuild
from services.readmodel.tables import SCHEMA, TENANT_TABLES, ddl_extras, dead_letters
from services.readmodel.tables import metadata as views_metadata
from services.webhooks.tables import metadata as webhooks_metadata
from tests.conftest import TestServer


def differences(connection: Connection, metadata: MetaData) -> list[object]:
    """What alembic would change to make the database's tables those of `metadata`."""
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_schemas": True,
        "include_name": lambda name, kind, parents: kind != "schema" or name == metadata.schema,
        "include_object": lambda item, name, kind, reflected, other: kind != "table" or item.key in metadata.tables,
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_the_tables_of_access_are_what_the_migrations_make(database_url: str) -> None:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(database_url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences, access_metadata) == []
        assert await connection.run_sync(differences, views_metadata) == []
        assert await connection.run_sync(differences, contacts_metadata) == []
        assert await connection.run_sync(differences, webhooks_metadata) == []
        assert await connection.run_sync(differences, cases_metadata) == []
    await engine.dispose()


_WHAT_TABLES_ARE = """
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attoptions::text, col_description(c.oid, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'i')
UNION ALL
SELECT c.relname::text, NULL, c.relkind::text, c.relforcerowsecurity AND c.relrowsecurity, c.relacl::text,
       (SELECT string_agg(pg_get_expr(polqual, polrelid) || polcmd::text || polroles::regrole[]::text, ',')
        FROM pg_policy WHERE polrelid = c.oid), pg_get_indexdef(c.oid)
FROM pg_class c WHERE c.relnamespace = to_regnamespace($1)
ORDER BY 1, 2
"""


async def test_views_built_beside_the_live_ones_are_what_the_migrations_make(fresh_database_url: str) -> None:
    """Columns, indexes, rights, row-level security, pinned statistics: a rebuild leaves no trace of itself."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(fresh_database_url)

    beside = MetaData()
    for table in views_metadata.sorted_tables:
        table.to_metadata(beside, schema="beside")
    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    owner = await connect()
    await owner.execute("CREATE SCHEMA beside")
    async with engine.begin() as connection:
        await connection.run_sync(beside.create_all)
    await engine.dispose()
    for statement in ddl_extras("beside"):
        await owner.execute(statement)
    made = [tuple(row) for row in await owner.fetch(_WHAT_TABLES_ARE, SCHEMA)]
    await owner.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    await owner.execute(f"ALTER SCHEMA beside RENAME TO {SCHEMA}")
    assert len(made) > 100
    assert [tuple(row) for row in await owner.fetch(_WHAT_TABLES_ARE, SCHEMA)] == made
    await owner.close()


async def test_requests_see_their_own_rows_of_every_view_and_write_none(database_url: str) -> None:
    """The second wall, asked of the catalogue: no table of views was forgotten."""
    owner = await asyncpg.connect(database_url)
    open_tables = await owner.fetch(
        """
        SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'views'::regnamespace AND c.relkind = 'r'
        AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
        """
    )
    assert {row[0] for row in open_tables} == {"checkpoints", "projectors"}
    assert {t.name for t in (*TENANT_TABLES, dead_letters)} | {"checkpoints", "projectors"} == {
        table.name for table in views_metadata.sorted_tables
    }
    writable = await owner.fetch(
        """
        SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'views'::regnamespace AND c.relkind = 'r'
        AND has_table_privilege('zhuisu_api', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
        """
    )
    assert writable == []
    await owner.close()


async def test_many_processes_may_migrate_at_once(empty_database: str) -> None:
    await asyncio.gather(*(upgrade(empty_database) for _ in range(4)))
    connection = await asyncpg.connect(empty_database)
    assert await current_revision(connection) == head_revision()
    await connection.close()


async def test_inspection_results_of_before_are_in_their_view(empty_database: str) -> None:
    await upgrade(empty_database, revision="0021")
    connection = await asyncpg.connect(empty_database)
    await connection.execute(
        """
        INSERT INTO views.events
            (tenant_id, event_no, key_no, content_hash, log_partition, log_offset, appended_us, kind, source,
             may_correct, occurred_at, earliest_us, latest_us, rank, accepted_us, request_index, mixed, clears_holder)
        SELECT 1, n, n, 'h', 0, n, n, CASE n WHEN 3 THEN 'released' ELSE 'inspected' END, 'mes', false,
            '2026-03-01T08:00:00Z', 5, 7, 2, n, 0, false, false FROM generate_series(1, 3) AS n;
        INSERT INTO views.event_bodies (tenant_id, event_no, body) VALUES
            (1, 1, '{"verdict": "fail", "measurements": [{"characteristic": "ocv", "value": "3.61"},
                    {"characteristic": "look", "text": "dent", "verdict": "pass"}]}'),
            (1, 2, '{"verdict": "pass"}'), (1, 3, '{"measurements": [{"characteristic": "ocv"}]}')
        """
    )
    await upgrade(empty_database)
    rows = await connection.fetch("SELECT * FROM views.measurements ORDER BY line")
    assert [tuple(r) for r in rows] == [
        (1, 1, 0, "ocv", Decimal("3.61"), "fail", 5, 7),
        (1, 1, 1, "look", None, "pass", 5, 7),
    ]
    await connection.close()


async def test_a_busy_table_fails_the_migration_and_changes_nothing(empty_database: str) -> None:
    busy = await asyncpg.connect(empty_database)
    await busy.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    async with busy.transaction():
        await busy.execute("LOCK TABLE alembic_version")
        with pytest.raises(MigrationError, match="in use by a long query"):
            await upgrade(empty_database, lock_timeout_seconds=0.2)
    assert await busy.fetchval("SELECT to_regclass('tenants')") is None
    await upgrade(empty_database)
    await busy.close()


async def test_a_rebuild_under_way_is_waited_for_and_one_of_another_revision_is_refused(empty_database: str) -> None:
    """It would put the tables as they were before the migration in the place of those that were migrated."""
    await upgrade(empty_database, revision="0023")
    other = await asyncpg.connect(empty_database)
    views = await projector_pool(empty_database)
    log = PostgresEventLog(dsn=empty_database)
    with pytest.raises(RebuildFailed, match="of revision 0023"):
        await rebuild(empty_database, log=log, views=views)
    await other.execute("SELECT pg_advisory_lock($1)", REBUILD_KEY)
    with pytest.raises(MigrationError, match="zhuisu rebuild"):
        await upgrade(empty_database, wait_for_others_seconds=0.2)
    assert await current_revision(other) == "0023"
    migrating = asyncio.create_task(upgrade(empty_database))
    await other.execute("SELECT pg_advisory_unlock($1)", REBUILD_KEY)
    await migrating
    assert await current_revision(other) == head_revision()
    await other.execute("SELECT pg_advisory_lock($1)", REBUILD_KEY)
    await upgrade(empty_database, wait_for_others_seconds=0.2)  # nothing to be done
    await other.close()
    await views.close()


async def test_a_user_without_rights_is_told_what_an_administrator_must_do(
    empty_database: str, postgres_server: TestServer
) -> None:
    if postgres_server.server is None:
        pytest.skip("changes the server's roles: only on a server of the tests' own")
    admin = await asyncpg.connect(postgres_server.admin_url)
    for role in ("zhuisu_api", "zhuisu_projector"):
        # A database of another test may hold grants; a renamed role is a missing one.
        await admin.execute(
            f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN "
            f"ALTER ROLE {role} RENAME TO {role}_away; END IF; END $$"
        )
    await admin.execute("CREATE ROLE plain LOGIN")
    try:
        as_plain = empty_database + ("&" if "?" in empty_database else "?") + "options=-c%20role%3Dplain"
        with pytest.raises(MigrationError, match='GRANT zhuisu_api, zhuisu_projector TO "plain"'):
            await upgrade(as_plain)
    finally:
        await admin.execute("DROP ROLE plain")
        for role in ("zhuisu_api", "zhuisu_projector"):
            await admin.execute(
                f"DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}_away') THEN "
                f"ALTER ROLE {role}_away RENAME TO {role}; END IF; END $$"
            )
        await admin.close()


async def test_a_user_with_the_rights_that_are_asked_for_can_migrate(empty_database: str, database_url: str) -> None:
    """Nobody needs a superuser's URL: what the message of missing rights says is enough."""
    assert database_url  # migrated before, so that the server has the roles
    admin = await asyncpg.connect(empty_database)
    await admin.execute("CREATE ROLE modest LOGIN")
    try:
        said = _ADMIN_HELP.format(reason="", user="modest", database=await admin.fetchval("SELECT current_database()"))
        for line in said.splitlines():
            if line.strip().startswith(("GRANT", "CREATE EXTENSION")):
                await admin.execute(line)
        await upgrade(empty_database + ("&" if "?" in empty_database else "?") + "options=-c%20role%3Dmodest")
        assert await current_revision(admin) == head_revision()
        owners = await admin.fetch("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'views')")
        assert {row[0] for row in owners} == {"modest"}
    finally:
        await admin.execute("DROP OWNED BY modest CASCADE; DROP ROLE modest")
        await admin.close()


async def two_tenants(url: str) -> tuple[int, int]:
    pool = await owner_pool(url)
    rows = await pool.fetch(
        "INSERT INTO tenants (name, own_party) VALUES ('one', 'urn:1'), ('two', 'urn:2') "
        "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING tenant_id"
    )
    await pool.close()
    return rows[0]["tenant_id"], rows[1]["tenant_id"]


async def test_a_request_sees_its_own_tenant_and_nothing_without_one(database_url: str) -> None:
    one, two = await two_tenants(database_url)
    pool = await api_pool(database_url, max_connections=1)
    for tenant, name in ((one, "one"), (two, "two")):
        async with tenant_transaction(pool, tenant) as connection:
            assert [row["name"] for row in await connection.fetch("SELECT name FROM tenants")] == [name]
    assert await pool.fetch("SELECT name FROM tenants") == []
    await pool.close()


async def test_a_request_cannot_write_into_another_tenant(database_url: str) -> None:
    one, two = await two_tenants(database_url)
    pool = await api_pool(database_url, max_connections=1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with tenant_transaction(pool, one, readonly=False) as connection:
            await connection.execute(
                "INSERT INTO api_keys (tenant_id, key_hash, name, source, roles) "
                "VALUES ($1, decode(repeat('00', 32), 'hex'), 'x', 'x', '{read}')",
                two,
            )
    await pool.close()


async def test_a_request_stays_in_its_role(database_url: str) -> None:
    pool = await api_pool(database_url, max_connections=1)
    async with pool.acquire() as connection:
        await connection.execute("RESET ROLE")
        assert await connection.fetchval("SELECT current_user") == "zhuisu_api"
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT current_user") == "zhuisu_api"
    await pool.close()


async def test_the_projector_sees_every_tenant(database_url: str) -> None:
    await two_tenants(database_url)
    pool = await projector_pool(database_url, max_connections=1)
    assert {row["name"] for row in await pool.fetch("SELECT name FROM tenants")} >= {"one", "two"}
    await pool.close()


def test_only_a_revision_that_says_so_has_the_views_built_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    for revision, before, says in (("1", None, ""), ("2", "1", "rebuild_needed = True"), ("3", "2", "")):
        text = f"revision = {revision!r}\ndown_revision = {before!r}\nbranch_labels = None\ndepends_on = None\n{says}\n"
        (versions / f"{revision}.py").write_text(text)
    config = Config()
    config.set_main_option("script_location", str(tmp_path))
    monkeypatch.setattr(run, "_config", lambda: config)
    assert [run.rebuild_needed(since) for since in ("1", "2", "3")] == [True, False, False]
    assert run.rebuild_needed("a later version's")
