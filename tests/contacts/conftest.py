"""The whole service, a key of each kind, and a second tenant."""

from collections.abc import Awaitable, Callable

import httpx
import pytest_asyncio

from services.access import ensure_bootstrap
from services.database import owner_pool
from tests.http.conftest import KEY, service, service_url

__all__ = ["KEY", "service", "service_url"]

OTHER_TENANTS_KEY = "key-of-the-other-tenant"
MakeKey = Callable[..., Awaitable[dict[str, str]]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def key_with(service: httpx.AsyncClient) -> MakeKey:
    """Headers of a new key with these roles, and maybe limited to sites."""

    async def make(*roles: str, sites: list[str] | None = None) -> dict[str, str]:
        wanted = {"name": "-".join(roles), "roles": roles, **({"sites": sites} if sites else {})}
        made = await service.post("/v1/keys", json=wanted)
        assert made.status_code == 201, made.text
        return {"Authorization": f"Bearer {made.json()['key']}"}

    return make


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def other_tenant(service_url: str) -> dict[str, str]:
    """Headers of the admin of another tenant of the same database."""
    owner = await owner_pool(service_url)
    await ensure_bootstrap(owner, tenant_name="other", key=OTHER_TENANTS_KEY)
    await owner.close()
    return {"Authorization": f"Bearer {OTHER_TENANTS_KEY}"}
