"""A database that stops in the middle of a statement and whose kernel still answers for it."""

import asyncio
import time

import asyncpg
import pytest

from services.database import UNREACHABLE, api_pool, tenant_transaction
from tests.conftest import NewDatabase
from tests.e2e.test_silence import database_behind
from tests.silence import SilentProxy
from tests.waiting import eventually


async def asked_in_silence(pool: asyncpg.Pool, proxy: SilentProxy) -> None:
    async with asyncio.timeout(25), tenant_transaction(pool, 1) as connection:
        proxy.fall_silent()
        await connection.fetchval("SELECT 1")


async def test_a_statement_that_is_never_answered_ends_and_its_connection_is_replaced(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.database._GIVING_UP_SECONDS", 0.5)
    monkeypatch.setattr("services.database.QUICK_SECONDS", 2.0)
    async with database_behind(await new_database()) as (proxy, url):
        pool = await api_pool(url, max_connections=1, statement_timeout_seconds=1.0)
        try:
            began = time.monotonic()
            with pytest.raises(UNREACHABLE):
                await asked_in_silence(pool, proxy)
            assert time.monotonic() - began < 20
            proxy.speak()

            async def answers() -> bool:
                async with tenant_transaction(pool, 1) as connection:
                    return bool(await connection.fetchval("SELECT 1") == 1)

            await eventually(answers)
        finally:
            pool.terminate()
