"""Traces of a whole factory over HTTP: with a graph they say what they say without one, while it goes on."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from services.access import Keys
from services.database import api_pool, owner_pool, projector_pool
from services.factory import about
from services.problems import install
from services.query.app import create_router
from services.query.graph import dressing, keeper
from services.query.graph.graph import Graph
from services.query.graph.keeper import Graphs
from services.query.graph.loading import drawn
from services.query.graph.raw import Raw
from services.query.snapshot import Asked
from services.readmodel.changes import Batch, ViewWriter
from services.readmodel.rows import Applied
from services.settings import load_settings
from tests.conftest import NewDatabase
from tests.factory.logs import log_of

UNITS, SEED = 700, 5
BIKE = "https://id.gs1.org/01/09521234000020/21/B000000{:02d}"
ASKED = [
    ("forward", about(UNITS, SEED).bad_lot),
    ("forward", "urn:zhuisu:lot:hebei-chemicals:LIPF6:LIP00000"),
    ("forward", "urn:zhuisu:lot:own:ADHESIVE:A000001"),
    ("backward", about(UNITS, SEED).failed_bike),
    *(("backward", BIKE.format(n)) for n in range(20)),
]


@dataclass
class Factory:
    """A factory in the views of one database, asked with and without a graph."""

    with_graph: httpx.AsyncClient
    without: httpx.AsyncClient
    graphs: Graphs
    url: str
    tenant: int
    log: list[Applied]
    writer: ViewWriter
    applied: int = 0

    async def go_on(self, count: int) -> None:
        """Apply the next events."""
        some = self.log[self.applied : self.applied + count]
        self.applied += len(some)
        await self.writer.apply(Batch(0, 1, some[-1].position.offset, some[-1].appended_us, some))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def factory(new_database: NewDatabase) -> AsyncIterator[Factory]:
    url = await new_database()
    owner, api, projector = await owner_pool(url), await api_pool(url), await projector_pool(url)
    tenant = await owner.fetchval("INSERT INTO tenants (name, own_party) VALUES ('f', 'urn:f') RETURNING tenant_id")
    key = (await Keys(api).create(tenant, "reader", roles=frozenset({"read"}))).value
    await projector.execute(
        "INSERT INTO views.checkpoints (log_partition, applied_offset, log_end, measured_us, epoch, leased_until_us)"
        " VALUES (0, -1, 0, 0, 1, 0)"
    )
    clients, graphs = [], []
    for word in ("auto", "off"):
        settings = load_settings(database_url=url, trace_graph=word, trace_graph_min_links=1)
        graphs.append(Graphs(api, settings))
        app = FastAPI()
        install(app)
        app.include_router(create_router(pool=api, keys=Keys(api), settings=settings, graphs=graphs[-1]))
        transport = httpx.ASGITransport(app=app)
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://f", headers={"X-API-Key": key}))
    yield Factory(
        clients[0], clients[1], graphs[0], url, tenant, list(log_of(tenant, UNITS, SEED)), ViewWriter(projector)
    )
    for client in clients:
        await client.aclose()
    await graphs[0].stop()
    for pool in (owner, api, projector):
        await pool.close()


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Without the instant it was asked at; what has no order, in one."""
    kept = {k: v for k, v in answer.items() if k != "lag"}
    return kept | {name: sorted(kept[name], key=repr) for name in ("gaps", "conflicts")}


async def alike(factory: Factory, asked: Sequence[tuple[str, str]], **parameters: str) -> int:
    """How many nodes were compared. What is not known yet is known to neither."""
    compared = 0
    for way, item in asked:
        query = {"item": item, **parameters}
        one, other = await asyncio.gather(
            factory.with_graph.get(f"/v1/trace/{way}", params=query),
            factory.without.get(f"/v1/trace/{way}", params=query),
        )
        assert one.status_code == other.status_code
        if one.status_code == 200:
            assert comparable(one.json()) == comparable(other.json()), (way, item)
            compared += len(one.json()["nodes"])
    return compared


@pytest.mark.slow
async def test_answers_are_the_same_at_every_stage(factory: Factory) -> None:
    """The graph is built a third of the way; the rest comes in pieces, late, doubled and voided events among it."""
    third = len(factory.log) // 3
    await factory.go_on(third)
    await alike(factory, ASKED[:1])
    await factory.graphs.built(factory.tenant)
    compared = 0
    while factory.applied < len(factory.log):
        await factory.go_on(third)
        compared += await alike(factory, ASKED)
    assert compared > 1_500
    at = "2024-01-09T00:00:00Z"
    assert await alike(factory, ASKED, mode="as_maintained", at=at) > 50
    assert await alike(factory, ASKED[:4], mode="as_built") > 500


async def test_a_graph_is_used(factory: Factory) -> None:
    """Else the other test would compare the domain with itself."""
    if not factory.applied:
        await factory.go_on(len(factory.log))
    await alike(factory, ASKED[:1])
    await factory.graphs.built(factory.tenant)
    assert factory.tenant in factory.graphs.tenants


BAD_LOT = {"lots": [about(UNITS, SEED).bad_lot]}
RULES: list[dict[str, Any]] = [
    BAD_LOT,
    {"exposure": {"equipment": "WELDER-1"}},
    {"any": [BAD_LOT, {"items": [BIKE.format(3)]}]},
    {"except": [{"exposure": {"equipment": "WELDER-1"}}, BAD_LOT]},
    {**BAD_LOT, "mode": "as_maintained", "at": "2024-01-09T00:00:00Z"},
]


async def test_a_scope_comes_to_the_same_with_a_graph_now_and_as_of_an_earlier_position(factory: Factory) -> None:
    """As of what the graph was drawn from, of less, and of more: no later event is taken in."""
    half = len(factory.log) // 2
    if factory.applied < half:
        await factory.go_on(half - factory.applied)
    await alike(factory, ASKED[:1])
    await factory.graphs.built(factory.tenant)
    early = f"0-{factory.log[factory.applied // 2].position.offset}"
    before = f"0-{factory.log[factory.applied - 1].position.offset}"
    if factory.applied < len(factory.log):
        await factory.go_on(len(factory.log) // 4)
    compared = 0
    for rule in RULES:
        for as_of in ({}, {"as_of": before}, {"as_of": early}):
            one, other = await asyncio.gather(
                factory.with_graph.post("/v1/recalls/preview", json={"rule": rule}, params=as_of),
                factory.without.post("/v1/recalls/preview", json={"rule": rule}, params=as_of),
            )
            assert one.status_code == other.status_code == 200, one.text
            told, expected = comparable(one.json()), comparable(other.json())
            assert {**told, "cost": None} == {**expected, "cost": None}, rule
            compared += len(told["members"])
            tops = sum(m["top"] for m in told["members"])
            assert tops == told["totals"]["top_units"] + told["totals"]["loose_spares"]
    assert compared > 500


async def test_exposures_are_the_same(factory: Factory) -> None:
    if not factory.applied:
        await factory.go_on(len(factory.log))
    await alike(factory, ASKED[:1])
    await factory.graphs.built(factory.tenant)
    received = {"supplier": about(UNITS, SEED).supplier}
    for asked in ({"equipment": "WELDER-1"}, {"line": "P1", "since": "2024-01-09T00:00:00Z"}, received):
        one, other = [await c.post("/v1/exposures", json=asked) for c in (factory.with_graph, factory.without)]
        assert comparable(one.json()) == comparable(other.json())
        assert len(one.json()["nodes"]) > 50


async def test_no_transaction_is_open_while_a_graph_is_drawn(factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes a minute for ten million links, and the database ends a transaction that is idle for as long."""
    if not factory.applied:
        await factory.go_on(len(factory.log))
    pool, loop = await api_pool(factory.url, max_connections=1), asyncio.get_running_loop()
    answered = []

    def drawing(raw: Raw) -> Graph:
        asked = asyncio.run_coroutine_threadsafe(pool.fetchval("SELECT 1", timeout=10), loop)
        answered.append(asked.result(20))  # by the only connection there is
        return drawn(raw)

    monkeypatch.setattr(keeper, "drawn", drawing)
    graphs = Graphs(pool, load_settings(database_url=factory.url, trace_graph_min_links=1))
    graphs.begin(factory.tenant)
    await graphs.built(factory.tenant)
    assert answered == [1]
    assert factory.tenant in graphs.tenants
    await pool.close()


async def test_an_answer_that_takes_long_to_send_keeps_its_transaction(
    factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database ends one in which nothing is asked: a slow client would get half an answer."""
    if not factory.applied:
        await factory.go_on(len(factory.log))
    await alike(factory, ASKED[:1])
    await factory.graphs.built(factory.tenant)
    stayed, stay = list[Asked](), Asked.stay

    async def counted(asked: Asked) -> None:
        stayed.append(asked)
        await stay(asked)

    monkeypatch.setattr(Asked, "stay", counted)
    monkeypatch.setattr(dressing, "CHUNK", 100)
    found = []
    for quiet_seconds in (60.0, -1.0):
        monkeypatch.setattr(dressing, "QUIET_SECONDS", quiet_seconds)
        query = {"item": ASKED[1][1], "format": "csv"}
        found.append((await factory.with_graph.get("/v1/trace/forward", params=query)).content)
        assert bool(stayed) == (quiet_seconds < 0)
    assert found[0] == found[1]
