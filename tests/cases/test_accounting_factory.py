"""The accounting of the demo factory's bad lot, the whole way: what is frozen, who got it, and where it is."""

from typing import Any

import httpx

from services.cli.demo_posting import demo_keys, post_factory
from services.factory.story import about
from tests.cases.conftest import People
from tests.cases.frozen import Recall
from tests.http.serving import KEY
from tests.waiting import eventually

UNITS, SEED = 200, 1


async def test_the_bad_lot_of_the_factory_is_accounted_for_as_its_trace_tells(
    service: httpx.AsyncClient, people: People, service_url: str
) -> None:
    """Buckets equal what the forward trace says of the same units, as all ways of reading the record must agree."""
    url, facts = str(service.base_url), about(UNITS, SEED)
    keys = await demo_keys(url, KEY)
    posted = await post_factory([url], keys, units=UNITS, seed=SEED, told=lambda count: None)
    wait = {"wait_for": posted.position, "item": facts.bad_lot}
    trace = (await service.get("/v1/trace/forward", params=wait)).json()
    recall = Recall(service, people, url=service_url, name="factory")
    await recall.opened()
    await recall.post("scope", change="set", rule={"lots": [facts.bad_lot]})
    assert (await recall.post("freeze")).status_code == 202

    async def frozen() -> bool:
        return bool((await service.get(f"/v1/recalls/{recall.id}")).json()["state"] == "frozen")

    await eventually(frozen, within_seconds=30)
    await recall.approved()
    told = await recall.accounting()
    assert told["population"] + told["loose_spares"]["population"] == trace["totals"]["top_units"]
    assert told["population"] == told["frozen_top_units"] == len(facts.certain) + len(facts.possible)
    nodes = {n["item"]: n for n in trace["nodes"]}
    as_csv = await service.get(f"/v1/recalls/{recall.id}/accounting", params={"format": "csv"})
    rows = [line.split(",") for line in as_csv.content.decode("utf-8-sig").splitlines()]
    found = {r[0]: (r[2], r[5]) for r in rows if r[0] in nodes and r[1] in ("true", "false")}
    assert len(found) == trace["totals"]["top_units"]
    for item, (bucket, account) in found.items():
        assert bucket == expected(nodes[item]), item
        assert account == (nodes[item]["holder"] or account)
    dealers = [c for c in (await recall.get("consignees"))["consignees"] if not c["owner"]]
    assert all(c["direct"] and c["consignee"].startswith("dealer-") for c in dealers)
    left = [account for _, account in found.values() if account]
    assert sum(c["units"] for c in dealers) == len(left) == told["sold"], "each that left us went to one dealer"
    [rest] = told["quantities"]
    assert rest["item"] == facts.bad_lot


def expected(node: dict[str, Any]) -> str:
    """The bucket of a unit by what the trace says of it: what came back to a shop is with its dealer."""
    if node["status"] == "sold":
        return "sold"
    return "with_consignee" if (node["site"] or "").startswith("SHOP-") else "in_stock"
