"""No role but `recall` changes a case: every route that is not a reading is asked with a key that has all others."""

import re
from typing import Any

import httpx
import pytest_asyncio

from tests.cases.conftest import People

READINGS = {("post", "/v1/recalls/preview")}
"""Questions whose parameters come in a body."""
OF_CASES = re.compile(r"/v1/(recalls|incidents|drills|supplier-notices)\b")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def routes(service: httpx.AsyncClient) -> list[tuple[str, str]]:
    """(method, path) of every route of cases that is no GET."""
    described: dict[str, dict[str, Any]] = (await service.get("/openapi.json")).json()["paths"]
    found = [(m, p) for p, methods in described.items() if OF_CASES.match(p) for m in methods if m != "get"]
    return sorted(set(found) - READINGS)


async def test_every_command_needs_the_role_recall(
    service: httpx.AsyncClient, people: People, routes: list[tuple[str, str]]
) -> None:
    assert len(routes) > 12, routes
    opened = await service.post("/v1/recalls", json={"id": "RR-1", "title": "x"}, headers=people.wang)
    before = (await service.get("/v1/recalls/RR-1")).json()["sequence"]
    assert opened.status_code == 201
    for method, path in routes:
        where = re.sub(r"\{\w+\}", "RR-1", path)
        answer = await service.request(method, where, json={"reason": "x"}, headers=people.reader)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/forbidden"), (method, path, answer.text)
        without = await service.request(method, where, json={"reason": "x"}, headers={"Authorization": ""})
        assert without.status_code == 401, (method, path)
    assert (await service.get("/v1/recalls/RR-1")).json()["sequence"] == before


async def test_every_command_refuses_a_key_that_is_limited_to_sites(
    service: httpx.AsyncClient, people: People, routes: list[tuple[str, str]]
) -> None:
    for method, path in routes:
        where = re.sub(r"\{\w+\}", "RR-1", path)
        answer = await service.request(method, where, json={"reason": "x"}, headers=people.limited)
        assert (answer.status_code, answer.json()["type"]) == (403, "/problems/site-scope"), (method, path, answer.text)
