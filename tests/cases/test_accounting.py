"""Accounting over HTTP: every affected unit in one bucket, whatever happened and whatever is said."""

from typing import Any

import httpx
import pytest_asyncio

from tests.cases.conftest import People
from tests.cases.frozen import Recall

OURS = {"site": "PLANT"}


@pytest_asyncio.fixture(loop_scope="session")
async def recall(service: httpx.AsyncClient, people: People, service_url: str, *, request: Any) -> Recall:
    name = request.node.name.removeprefix("test_")[:40].replace("_", "-")
    return Recall(service, people, url=service_url, name=name)


async def delivered(recall: Recall, *units: str, to: str = "DEALER-X") -> None:
    """Made at 1, packed on a pallet, shipped at 5 and received by the dealer at 6."""
    tell, box = recall.tell, f"box:{to}"
    await tell.post("commissioned", 1, items=tell.lines(*units), **OURS)
    await tell.pack(2, box, *tell.lines(*units), **OURS)
    await tell.post("shipped", 5, items=tell.lines(box), to_possessor=to, to_place=f"SHOP-{to}", **OURS)
    await tell.post("received", 6, items=tell.lines(box), site=f"SHOP-{to}")


async def test_every_unit_is_in_one_bucket_from_delivery_to_remedy(recall: Recall) -> None:
    units = [f"B/{n}" for n in range(1, 7)]
    await delivered(recall, *units)
    tell = recall.tell
    await tell.post("sold", 9, items=tell.lines("B/2"), holder="CUSTOMER-2", site="SHOP-DEALER-X")
    await tell.post("commissioned", 1, items=tell.lines("B/7", "M/1", "M/2"), **OURS)
    await tell.fit(2, "M/1", "B/7")
    await recall.opened()
    await recall.frozen(*units, "B/7", "M/1", "M/2", inside=["M/1"], loose=["M/2"])
    told = await recall.accounting()
    assert {b: n for b, n in told["buckets"].items() if n} == {"with_consignee": 5, "sold": 1, "in_stock": 1}
    assert (told["population"], told["planned"], told["sold"], told["recalled"]) == (7, 7, 6, 0)
    assert told["loose_spares"]["population"] == 1
    assert (told["outstanding"], told["whole"]) == (7, False)
    await recall.told("notifications", {"consignee": "DEALER-X", "how": "registered mail"})
    await recall.told(
        "responses",
        {"consignee": "DEALER-X", "response": "acknowledged", "by": "Ms Zhao"},
        {"consignee": "DEALER-X", "response": "recovered", "item": "B/1"},
        {"consignee": "CUSTOMER-2", "response": "unreachable", "why": "no_notice_received"},
        {"response": "remedied", "remedy": "repair", "item": "B/3"},
        {"response": "remedied", "remedy": "destroy", "item": "B/4"},
    )
    await recall.told("verdicts", {"item": "B/5", "verdict": "inspected_clear"})
    await tell.post("remedied", 20, items=tell.lines("B/6"), recall_id=recall.id, remedy="replace")
    told = await recall.accounting()
    assert {b: n for b, n in told["buckets"].items() if n} == {
        "in_stock": 1,
        "returned": 1,
        "inspected_and_cleared": 1,
        "remedied": 2,
        "destroyed": 1,
        "unreachable": 1,
    }
    assert told["remedies"] == {"destroy": 1, "repair": 1, "replace": 1}
    assert told["unreachable_because"] == {"no_notice_received": 1}
    assert (told["recalled"], told["recalled_of_planned"], told["recalled_of_sold"]) == (5, "0.7143", "0.8333")
