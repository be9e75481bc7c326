"""The whole service in this process, over real HTTP, with a database of its own a module."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio

from services.access import ensure_bootstrap
from services.database import owner_pool
from services.embedded.app import Running, run
from services.settings import load_settings
from tests.conftest import NewDatabase

KEY = "test-key-of-the-http-tests"
OTHER_TENANTS_KEY = "key-of-the-other-tenant"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service_url(new_database: NewDatabase) -> str:
    """The database behind the service."""
    return await new_database()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(service_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = load_settings(
        port=0,
        database_url=service_url,
        data_dir=Path("unused"),
        bootstrap_key=KEY,
        heartbeat_seconds=0.1,
    )
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = asyncio.create_task(run(settings, told=ready.set_result, stop=stop))
    done, _ = await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    if running in done:
        running.result()
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=ready.result().url, headers=headers, timeout=30) as client:
        yield client
    stop.set()
    await running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def other_tenant(service_url: str) -> dict[str, str]:
    """Headers of the admin of another tenant of the same database."""
    owner = await owner_pool(service_url)
    await ensure_bootstrap(owner, tenant_name="other", key=OTHER_TENANTS_KEY)
    await owner.close()
    return {"Authorization": f"Bearer {OTHER_TENANTS_KEY}"}
