"""Traces of a whole factory over HTTP: with a graph they say what they say without one, while it goes on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from asyncpg.connection import LoggedQuery
from fastapi import FastAPI

from domain import events as ev
from domain.ids import ItemId
from domain.moments import Moment
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
from tests.factory.logs import happened, log_of

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
    owner: asyncpg.Pool
    pool: asyncpg.Pool
    tenant: int
    log: list[Applied]
    writer: ViewWriter
    serve: Callable[[str], tuple[httpx.AsyncClient, Graphs]]
    applied: int = 0
    whole: bool = False

    async def go_on(self, count: int) -> None:
        """Apply the next events."""
        some = self.log[self.applied : self.applied + count]
        if not some:
            return
        self.applied += len(some)
        await self.writer.apply(Batch(0, 1, some[-1].position.offset, some[-1].appended_us, some))

    async def tell(self, event: ev.LifecycleEvent) -> None:
        """Apply one event more, after all that there is."""
        await self.go_on(len(self.log))
        self.log.append(happened(self.tenant, len(self.log), source="mes-assembly", event=event))
        await self.go_on(1)

    async def drawn(self) -> None:
        """All is applied, and the graph was drawn from all, but for what was told since."""
        await self.go_on(len(self.log))
        if not self.whole:
            self.with_graph, self.graphs = self.serve("auto")
            await alike(self, ASKED[:1])
            await self.graphs.built(self.tenant)
            self.whole = True

    async def statements(self, path: str, **query: str) -> tuple[httpx.Response, list[str]]:
        """The answer over the graph, and what the database was asked for it, but for what cleans a connection."""
        asked: list[str] = []

        def note(told: LoggedQuery) -> None:
            asked.append(told.query)

        async def each(do: Callable[[asyncpg.Connection], None]) -> None:
            async with contextlib.AsyncExitStack() as stack:
                for one in [await stack.enter_async_context(self.pool.acquire()) for _ in range(self.pool.get_size())]:
                    do(one)

        await each(lambda connection: connection.add_query_logger(note))
        answer = await self.with_graph.get(path, params=query)
        await each(lambda connection: connection.remove_query_logger(note))
        return answer, [statement for statement in asked if "RESET ALL" not in statement]


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
    clients: list[httpx.AsyncClient] = []
    graphs: list[Graphs] = []

    def serve(word: str) -> tuple[httpx.AsyncClient, Graphs]:
        settings = load_settings(database_url=url, trace_graph=word, trace_graph_min_links=1)
        graphs.append(Graphs(api, settings))
        app = FastAPI()
        install(app)
        keys = Keys(api, cache_seconds=600)  # nobody asks who it is in the midst of a test
        app.include_router(create_router(pool=api, keys=keys, settings=settings, graphs=graphs[-1]))
        transport = httpx.ASGITransport(app=app)
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://f", headers={"X-API-Key": key}))
        return clients[-1], graphs[-1]

    (with_graph, its), (without, _) = serve("auto"), serve("off")
    log = list(log_of(tenant, UNITS, SEED))
    yield Factory(with_graph, without, its, url, owner, api, tenant, log, ViewWriter(projector), serve)
    for client in clients:
        await client.aclose()
    for one in graphs:
        await one.stop()
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


FORMS = ("json", "csv", "ndjson")
ONE_STATEMENT = ["SELECT * FROM public.zhuisu_freshness($1)"]


async def test_what_the_graph_knows_is_answered_after_one_statement(factory: Factory) -> None:
    """In every form; where a void or so concerns a bike, the domain has more to ask."""
    await factory.drawn()
    at_once = 0
    for way, item in ASKED[3:11]:
        for path, forms in ((f"/v1/trace/{way}", FORMS), (f"/v1/trace/{way}/summary", FORMS[:1])):
            await factory.with_graph.get(
                path, params={"item": item}
            )  # how some items stand is asked of the domain once
            for form in forms:
                query = {"item": item} | ({"format": form} if path.endswith(way) else {})
                told, statements = await factory.statements(path, **query)
                by_domain = await factory.without.get(path, params=query)
                at_once += statements == ONE_STATEMENT
                if form == "csv":
                    assert told.content == by_domain.content
                if form == "json":
                    assert comparable(told.json()) == comparable(by_domain.json())
    assert at_once >= 12


async def test_totals_of_many_nodes_are_counted_after_one_statement(factory: Factory) -> None:
    """Also where voided events are about them, once nothing was found to be told of these."""
    await factory.drawn()
    at_once = 0
    for way, item in ASKED[:4]:
        path = f"/v1/trace/{way}/summary"
        first = await factory.with_graph.get(path, params={"item": item})
        again, statements = await factory.statements(path, item=item)
        by_domain = await factory.without.get(path, params={"item": item})
        assert comparable(first.json()) == comparable(again.json()) == comparable(by_domain.json())
        if first.json()["totals"]["items"] > 150:
            at_once += statements == ONE_STATEMENT
    assert at_once >= 2


async def test_a_dead_letter_of_the_tenant_alone_makes_an_answer_incomplete(factory: Factory) -> None:
    """The one statement counts as the tenant: row-level security shows it its own, and nobody's while it is nobody."""
    await factory.drawn()
    path, asked = "/v1/trace/backward", [{"item": item} for _, item in ASKED[4:] for _ in range(2)]
    query, *_ = [q for q in asked if (await factory.statements(path, **q))[1] == ONE_STATEMENT]
    codes = []
    for tenant in (factory.tenant + 1, factory.tenant):
        await factory.owner.execute(_PARKED, tenant, tenant)
        answer, statements = await factory.statements(path, **query)
        assert statements == ONE_STATEMENT
        codes.append("parked" in answer.json()["incomplete_because"])
    await factory.owner.execute("DELETE FROM views.dead_letters")
    assert codes == [False, True]
    async with factory.pool.acquire() as connection:
        assert await connection.fetchval("SELECT current_setting('zhuisu.tenant', true)") in (None, "")


_PARKED = """
INSERT INTO views.dead_letters (log_partition, log_offset, appended_us, tenant_id, code, detail, key, value)
VALUES (0, $2, 0, $1, 'unreadable', '', '', '')
"""


async def test_what_a_newer_event_reaches_from_outside_a_trace_is_told(factory: Factory) -> None:
    """A bike is sold on. Asked of its pack, no link is newer, but who holds the modules is."""
    await factory.drawn()
    bike = BIKE.format(7)
    upstream = (await factory.with_graph.get("/v1/trace/backward", params={"item": bike})).json()["nodes"]
    pack = next(n["item"] for n in upstream if ":PACK:" in n["item"] and n["kind"] == "unit")
    path, query = "/v1/trace/backward", {"item": pack}
    for _ in range(3):
        await alike(factory, [("backward", pack)])
    _, statements = await factory.statements(path, **query)
    assert statements == ONE_STATEMENT, "all of it is remembered"
    was = (await factory.with_graph.get(path, params=query)).json()["nodes"]
    whole, day = (ev.ItemQuantity(item=ItemId(bike)),), Moment.parse("2025-06-01T00:00:00Z")
    await factory.tell(ev.Sold(occurred_at=day, items=whole, holder="somebody-else"))
    for _ in range(2):
        assert await alike(factory, [("backward", pack)]) > 0
    assert (await factory.with_graph.get(path, params=query)).json()["nodes"] != was


async def test_what_is_newer_is_told_of_items_that_were_answered_before(factory: Factory) -> None:
    """Units and lots are held, an assembly is voided: nothing remembered of links or of how things stand is taken."""
    await factory.drawn()
    bikes = [("backward", BIKE.format(n)) for n in range(4, 7)]
    path, query = "/v1/trace/backward", {"item": bikes[0][1]}
    for _ in range(2):
        await alike(factory, bikes)
    before = (await factory.with_graph.get(path, params=query)).json()
    lots = [n["item"] for n in before["nodes"] if n["kind"] == "lot" and n["status"] == "in_stock"]
    day = Moment.parse("2025-06-01T00:00:00Z")
    units = [n["item"] for n in before["nodes"] if n["kind"] == "unit"]
    held = [
        ev.Held(occurred_at=day, hold_id=f"H{item}", items=(ev.ItemQuantity(item=ItemId(item)),))
        for item in (units[-1], lots[0])
    ]
    for event in (*held, ev.Voided(occurred_at=day, target=before["nodes"][0]["links"][0]["event_id"], reason="wrong")):
        was = (await factory.with_graph.get(path, params=query)).json()["nodes"]
        await factory.tell(event)
        for _ in range(3):
            assert await alike(factory, bikes) > 0
        assert (await factory.with_graph.get(path, params=query)).json()["nodes"] != was
