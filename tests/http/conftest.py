"""The whole service in this process, over real HTTP, with a database of its own a module."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from services.access import ensure_bootstrap
from services.database import owner_pool
from tests.conftest import NewDatabase
from tests.http.serving import KEY, serving

__all__ = ["KEY"]

OTHER_TENANTS_KEY = "key-of-the-other-tenant"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service_url(new_database: NewDatabase) -> str:
    """The database behind the service."""
    return await new_database()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(service_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service_url) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def other_tenant(service_url: str) -> dict[str, str]:
    """Headers of the admin of another tenant of the same database."""
    owner = await owner_pool(service_url)
    await ensure_bootstrap(owner, tenant_name="other", key=OTHER_TENANTS_KEY)
    await owner.close()
    return {"Authorization": f"Bearer {OTHER_TENANTS_KEY}"}
