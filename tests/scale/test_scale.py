"""A large factory: both traces over HTTP say what the reference in memory says.

`ZHUISU_SCALE_UNITS` gives the size; the suite runs a small one. 200000 has a million links, takes minutes and some GB.
"""

import os
from itertools import islice

import httpx
import pytest
from fastapi import FastAPI

from domain.corrections import Copy
from domain.genealogy import Way, trace
from domain.ids import ItemId
from domain.memory import MemoryRecord, MemoryView
from domain.record import answer
from domain.state import states
from services.access import Keys
from services.database import api_pool, owner_pool, projector_pool
from services.factory import about
from services.problems import install
from services.query import rendering
from services.query.app import create_router
from services.query.graph.keeper import Graphs
from services.readmodel.changes import Batch, ViewWriter
from services.settings import load_settings
from tests.conftest import NewDatabase
from tests.factory.logs import log_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]

UNITS, SEED = int(os.environ.get("ZHUISU_SCALE_UNITS", "2000")), 11
NOW_US = 1_900_000_000_000_000
BATCH = 2_000
STATES = 300
"""Nodes of each answer whose state is compared."""
CHEMICAL = "urn:zhuisu:lot:hebei-chemicals:{}00000"


def asked() -> list[tuple[Way, ItemId]]:
    bad = about(UNITS, SEED)
    lots = [bad.bad_lot, *(CHEMICAL.format(word) for word in ("SOLVENT:SOL", "LIPF6:LIP", "ADDITIVE-VC:ADD"))]
    bikes = [bad.failed_bike, *sorted(bad.bikes)[:10]]
    return [(Way.FORWARD, ItemId(lot)) for lot in lots] + [(Way.BACKWARD, ItemId(bike)) for bike in bikes]


async def written(url: str, tenant: int) -> MemoryView:
    """The factory in the views, and as the reference has it."""
    pool, reference = await projector_pool(url), MemoryRecord()
    await pool.execute(
        "INSERT INTO views.checkpoints (log_partition, applied_offset, log_end, measured_us, epoch, leased_until_us)"
        " VALUES (0, -1, 0, 0, 1, 0)"
    )
    writer, log = ViewWriter(pool), log_of(tenant, UNITS, SEED)
    while some := list(islice(log, BATCH)):
        await writer.apply(Batch(0, 1, some[-1].position.offset, some[-1].appended_us, some))
        for one in some:
            reference.add(Copy(one.appended_us, 0, one.position.offset), one.envelope)
    await pool.execute("ANALYZE")
    await pool.close()
    return reference.as_of()


async def test_both_traces_equal_the_reference(new_database: NewDatabase) -> None:
    url = await new_database()
    owner, api = await owner_pool(url), await api_pool(url, statement_timeout_seconds=600)
    tenant = await owner.fetchval("INSERT INTO tenants (name, own_party) VALUES ('s', 'urn:s') RETURNING tenant_id")
    key = (await Keys(api).create(tenant, "reader", roles=frozenset({"read"}))).value
    view = await written(url, tenant)
    settings = load_settings(database_url=url, trace_graph_min_links=0)
    graphs, app = Graphs(api, settings), FastAPI()
    install(app)
    app.include_router(create_router(pool=api, keys=Keys(api), settings=settings, graphs=graphs))
    transport = httpx.ASGITransport(app=app)
    compared = 0
    async with httpx.AsyncClient(
        transport=transport, base_url="http://s", headers={"X-API-Key": key}, timeout=3_600
    ) as client:
        await client.get("/v1/trace/backward", params={"item": about(UNITS, SEED).failed_bike})
        await graphs.built(tenant)
        assert tenant in graphs.tenants
        for way, item in asked():
            found = (await client.get(f"/v1/trace/{way}", params={"item": item})).json()
            compared += _compare(found["nodes"], view, way, item)
    assert compared > UNITS / 10
    links = await owner.fetchval("SELECT count(*) FROM views.event_items")
    print(f"{UNITS} units, {links} links, {compared} nodes compared")
    await graphs.stop()
    await owner.close()
    await api.close()


def _compare(nodes: list[dict[str, object]], view: MemoryView, way: Way, item: ItemId) -> int:  # noqa: PLR0917
    reference = answer(trace([item], way=way, now_us=NOW_US), view.look_up).nodes
    told = {str(n["item"]): n for n in nodes}
    assert told.keys() == {str(n.item) for n in reference}, item
    for node in reference:
        mine = told[node.item]
        assert (mine["level"], mine["certainty"], mine["reasons"]) == (node.level, node.certainty, list(node.reasons))
        assert (mine["from"], mine["from_count"]) == (list(node.came_from), node.from_count)
        assert mine["links"] == [rendering.link_json(link) for link in node.links]
    some = [n.item for n in reference[:: max(1, len(reference) // STATES)]]
    for item_id, state in answer(states(some, at_us=NOW_US), view.look_up).items():
        shown = rendering.standing_json(state)
        assert {name: told[item_id][name] for name in shown} == shown, item_id
    return len(reference)
