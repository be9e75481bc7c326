"""The service of the HTTP tests, and keys of each kind."""

from collections.abc import Awaitable, Callable

import httpx
import pytest_asyncio

from tests.http.conftest import KEY, other_tenant, service, service_url

__all__ = ["KEY", "other_tenant", "service", "service_url"]

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
