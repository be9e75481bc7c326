"""The query API over the views of a test, with a graph that was drawn earlier and without one."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import orjson
from fastapi import FastAPI

from services.access import Caller, Keys
from services.database import tenant_transaction
from services.problems import install
from services.query.app import create_router
from services.query.graph.graph import Graph
from services.query.graph.keeper import Graphs, Kept
from services.settings import load_settings
from tests.projections.test_record_over_sql import Views

GENERATION = "SELECT 'views.checkpoints'::regclass::oid::bigint"


class TenantAsKey(Keys):
    """A tenant's number as its key."""

    async def authenticate(self, value: str) -> Caller | None:
        return Caller(
            tenant_id=int(value),
            tenant_name=value,
            key_id=1,
            source="reader",
            roles=frozenset({"read"}),
            sites=None,
            zone=None,
            own_party="urn:own",
        )


class Drawn(Graphs):
    """Graphs that are put there and never built; counts how often one was asked for and could be used."""

    def put(self, tenant_id: int, graph: Graph, generation: int) -> None:
        # each example of a property begins the same day again
        self._kept[tenant_id] = Kept.of(replace(graph, applied_us={}), generation)

    def _build(self, tenant_id: int) -> None:
        pass


@dataclass
class Both:
    """One tenant's answers over a graph, and those of the domain."""

    over_graph: httpx.AsyncClient
    by_domain: httpx.AsyncClient

    async def alike(self, method: str, path: str, *, tenant: int, accept: str, **asked: Any) -> int:
        """How many bytes both answered alike; all pages of it."""
        headers = {"X-API-Key": str(tenant), "Accept": accept}
        clients, compared = (self.over_graph, self.by_domain), 0
        asking = [asked, asked]
        while True:
            one, other = [
                await client.request(method, path, headers=headers, **ask)
                for client, ask in zip(clients, asking, strict=True)
            ]
            assert one.status_code == other.status_code, (one.text, other.text)
            _same(one, other, accept, f"{path} {asking[0]}")
            compared += len(one.content)
            following = [r.links.get("next", {}).get("url") for r in (one, other)]
            assert _place(following[0]) == _place(following[1])
            if following[0] is None:
                return compared
            asking = [asked | {"params": dict(httpx.URL(url).params)} for url in following]


def _place(url: str | None) -> list[Any] | None:
    """The node that a page ends with: all of a cursor but when it was asked."""
    if url is None:
        return None
    token = httpx.URL(url).params["cursor"]
    question, vector, _, level, item = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return [question, vector, level, item]


def _same(one: httpx.Response, other: httpx.Response, accept: str, asked: str) -> None:  # noqa: PLR0917
    assert comparable(one, accept) == comparable(other, accept), (
        f"{asked}\n{one.text}\n--- by the domain:\n{other.text}"
    )


def comparable(response: httpx.Response, accept: str) -> Any:
    """The bytes of an answer; of JSON without the instant it was asked at, and what has no order in one."""
    if response.status_code != 200:
        return response.json()
    match accept:
        case "text/csv":
            return response.content
        case "application/x-ndjson":
            header, *nodes, trailer = response.content.splitlines()
            return without_order(orjson.loads(header)), nodes, without_order(orjson.loads(trailer))
        case _:
            document = response.json()
            return orjson.dumps(document.get("nodes")), without_order(document)


def without_order(document: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in document.items() if k not in ("lag", "next")}
    return kept | {name: sorted(kept[name], key=repr) for name in ("gaps", "conflicts", "superseded") if name in kept}


@asynccontextmanager
async def both(views: Views) -> AsyncIterator[tuple[Both, Drawn]]:
    """Two clients; the second result takes graphs."""
    clients = []
    drawn = Drawn(views.api, load_settings(database_url=views.url))
    off = Graphs(views.api, load_settings(database_url=views.url, trace_graph="off"))
    for graphs in (drawn, off):
        app = FastAPI()
        install(app)
        settings = load_settings(database_url=views.url)
        app.include_router(create_router(pool=views.api, keys=TenantAsKey(views.api), settings=settings, graphs=graphs))
        clients.append(httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://q"))
    try:
        yield Both(*clients), drawn
    finally:
        for client in clients:
            await client.aclose()


async def generation(views: Views, tenant: int) -> int:
    async with tenant_transaction(views.api, tenant) as connection:
        return int(await connection.fetchval(GENERATION))
