"""What a connection leaves behind for whoever has it next (services/database.py)."""

import asyncpg
import pytest
from asyncpg.connection import LoggedQuery

from services.database import api_pool, fetch_alone


async def test_a_session_is_cleaned_unless_one_statement_left_nothing_behind(database_url: str) -> None:
    asked: list[str] = []

    def note(told: LoggedQuery) -> None:
        asked.append(told.query)

    pool = await api_pool(database_url, max_connections=1)
    async with pool.acquire() as connection:
        connection.add_query_logger(note)
    asked.clear()
    assert [row[0] for row in await fetch_alone(pool, "SELECT $1::int + 1", 1)] == [2]
    assert asked == ["SELECT $1::int + 1"]
    async with pool.acquire() as connection:
        await connection.execute("SET timezone = 'Asia/Shanghai'")
    assert "RESET ALL" in asked[-1], "what came before counts once"
    async with pool.acquire() as connection:
        assert await connection.fetchval("SHOW timezone") == "UTC"
    with pytest.raises(asyncpg.DivisionByZeroError):
        await fetch_alone(pool, "SELECT 1 / 0")
    assert "RESET ALL" in asked[-1]
    await pool.close()
