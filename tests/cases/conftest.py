"""The whole service in this process, and the keys of the people who work on a recall."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest_asyncio

from tests.conftest import NewDatabase
from tests.http.serving import serving


@dataclass(frozen=True, slots=True)
class People:
    """Headers of two who may recall and one who may only read."""

    wang: dict[str, str]
    li: dict[str, str]
    reader: dict[str, str]
    limited: dict[str, str]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service_url(new_database: NewDatabase) -> str:
    return await new_database()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(service_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service_url, case_jobs_pace_seconds=0.1) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(service: httpx.AsyncClient) -> People:
    return await people_of(service)


async def people_of(service: httpx.AsyncClient) -> People:
    """Keys of each of them, on any service."""

    async def key(name: str, roles: list[str], **more: object) -> dict[str, str]:
        made = await service.post("/v1/keys", json={"name": name, "roles": roles, **more})
        assert made.status_code == 201, made.text
        return {"Authorization": f"Bearer {made.json()['key']}"}

    return People(
        wang=await key("wang", ["recall", "read", "capture"]),
        li=await key("li", ["recall", "read"]),
        reader=await key("reader", ["read", "capture", "correct"]),
        limited=await key("limited", ["read", "recall"], sites=["urn:site:1"]),
    )


Post = Callable[..., Awaitable[httpx.Response]]


@pytest_asyncio.fixture(loop_scope="session")
async def act(service: httpx.AsyncClient, people: People) -> Post:
    """`await act("RC-1", "scope", rule=…)`: a command on a recall, by Wang unless `by` names other headers."""

    async def post(case_id: str, command: str, by: dict[str, str] | None = None, **body: object) -> httpx.Response:
        said = {"reason": "as the test says", **body}
        return await service.post(f"/v1/recalls/{case_id}/{command}", json=said, headers=by or people.wang)

    return post
