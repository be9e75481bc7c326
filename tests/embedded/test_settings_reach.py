"""Settings that bound a request reach the database."""

from services.embedded.app import request_pool
from services.settings import load_settings
from tests.conftest import NewDatabase


async def test_the_statement_timeout_is_the_one_in_settings(new_database: NewDatabase) -> None:
    settings = load_settings(statement_timeout_seconds=7.5)
    pool = await request_pool(settings, await new_database())
    try:
        assert await pool.fetchval("SHOW statement_timeout") == "7500ms"
    finally:
        await pool.close()
