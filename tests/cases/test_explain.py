"""Why an item is in the set of a recall, by which events; and why another is not: the nearest miss."""

import itertools
from typing import Any
from unittest.mock import AsyncMock

import httpx
import pytest
import pytest_asyncio

from tests.cases.conftest import People
from tests.cases.following import Live

numbers = itertools.count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def recall(service: httpx.AsyncClient, people: People) -> Live:
    return Live(service, people, name=f"e{next(numbers)}")


async def explained(recall: Live, short: str) -> dict[str, Any]:
    return await recall.get("explain", item=recall.tell.uri(short))


async def scoped(recall: Live, rule: dict[str, Any]) -> None:
    """A draft with a scope: what it leaves out can be asked before anything is frozen."""
    body = {"id": recall.id, "title": "x"}
    opened = await recall.service.post("/v1/recalls", json=body, headers=recall.people.wang)
    assert opened.status_code == 201, opened.text
    await recall.scoped(rule=rule)


async def test_a_bike_is_in_by_its_pack_module_and_lot(recall: Live) -> None:
    tell, name = recall.tell, recall.tell.name
    first = await tell.made(1, ["lot:CELL/L-9"], ["M/3"])
    second = await tell.made(2, ["M/3"], ["P/77"])
    await tell.fit(3, "P/77", "B/1042")
    await recall.begun("lot:CELL/L-9")
    told = await explained(recall, "B/1042")
    assert (told["affected"], told["because"], told["certainty"]) == (True, "frozen", "certain")
    assert [step["item"] for step in told["path"]] == [tell.uri(s) for s in ("B/1042", "P/77", "M/3", "lot:CELL/L-9")]
    assert [[e["event_id"] for e in step["events"]] for step in told["path"]][1:] == [[second], [first], []]
    assert told["path"][0]["events"][0]["kind"] == "assembled"
    chain = f"{name}-B 1042 ← {name}-P 77 ← {name}-M 3 ← {name}-CELL lot L-9"
    assert told["text"]["en"].startswith(f"{chain}, by these events: ")
    assert told["text"]["zh"].startswith(f"{chain}，依据事件：")
    assert (await explained(recall, "lot:CELL/L-9"))["text"]["en"].endswith("the rule names it")


async def test_what_came_later_and_what_was_removed_say_so(recall: Live) -> None:
    tell = recall.tell
    await tell.made(1, ["lot:CELL/L-9"], ["B/1"])
    await recall.begun("lot:CELL/L-9")
    made = await tell.made(2, ["lot:CELL/L-9"], ["B/2"])
    await recall.until(lambda found: found["changes"], "delta")
    assert (await explained(recall, "B/2"))["because"] == "added"
    await tell.post("voided", 3, target=made, reason="wrong lot")
    await recall.until(lambda found: len(found["changes"]) == 2, "delta")
    withdrawn = await explained(recall, "B/2")
    assert (withdrawn["affected"], withdrawn["because"]) == (True, "withdrawn")
    assert "until somebody decides" in withdrawn["text"]["en"]
    await recall.post("removals", decision="remove", items=[tell.uri("B/2")], reason="booked to the wrong lot")
    removed = await explained(recall, "B/2")
    assert (removed["affected"], removed["because"]) == (False, "removed")
    assert "wang removed it: booked to the wrong lot" in removed["text"]["en"]


async def test_what_a_newer_set_leaves_out_is_in_until_that_is_approved(
    recall: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = recall.tell
    await tell.made(1, ["lot:CELL/L-8"], ["B/1"])
    await tell.made(1, ["lot:CELL/L-9"], ["B/2"])
    await recall.begun("lot:CELL/L-8", "lot:CELL/L-9")
    await recall.scoped("lot:CELL/L-9", change="narrowed")
    await recall.post("freeze")
    await recall.until(lambda shown: [f["state"] for f in shown["freezes"]] == ["frozen", "frozen"])
    told = await explained(recall, "B/1")
    assert (told["affected"], told["because"]) == (True, "frozen")
    assert "which nobody approved yet" in told["text"]["en"]
    assert "lot L-8" in told["text"]["en"]
    monkeypatch.setattr("services.cases.delta.Delta._due", AsyncMock(return_value=False))
    await tell.made(2, ["lot:CELL/L-8"], ["B/3"])
    late = await recall.get("explain", item=tell.uri("B/3"), wait_for=tell.position)
    assert late["because"] == "not_evaluated_yet"
    await recall.post("approve", by=recall.people.li)
    assert (await explained(recall, "B/1"))["because"] == "same_material_other_lot"


async def test_the_same_material_of_another_lot(recall: Live) -> None:
    tell = recall.tell
    await tell.made(1, ["lot:CELL/L-8"], ["B/1"])
    await tell.made(1, ["lot:CELL/L-9", "lot:GLUE/1"], ["B/2"])
    await tell.made(1, ["lot:GLUE/1"], ["B/3"])
    await scoped(recall, {"items": [tell.uri("lot:CELL/L-9")]})
    told = await explained(recall, "B/1")
    assert (told["affected"], told["because"]) == (False, "same_material_other_lot")
    assert told["nearest"]["miss"]["items"] == [tell.uri("lot:CELL/L-8")]
    assert "lot L-8 instead of" in told["text"]["en"]
    assert "批次" in told["text"]["zh"]
    assert (await explained(recall, "B/3"))["because"] == "nothing_of_it"
    inside = await explained(recall, "B/2")
    assert (inside["affected"], inside["because"]) == (True, "not_frozen")


async def test_the_same_machine_three_hours_too_late(recall: Live) -> None:
    tell, welder = recall.tell, f"WELD-{recall.id}"
    at = {"circumstances": {"equipment": [welder]}}
    for hour, unit in ((8, "B/1"), (15, "B/2")):
        started = {"started_at": f"2026-03-01T{hour:02d}:00:00+08:00"}
        await tell.post("transformed", hour, inputs=[], outputs=tell.lines(unit), **at, **started)
    window = {"since": "2026-03-01T06:00:00+08:00", "until": "2026-03-01T12:00:00+08:00"}
    await scoped(recall, {"exposure": {"equipment": welder, **window}})
    assert (await explained(recall, "B/1"))["affected"] is True
    told = await explained(recall, "B/2")
    assert (told["because"], told["nearest"]["miss"]["outside_by_hours"]) == ("same_circumstance_outside_window", 3.0)
    assert "3.0 h outside the time window" in told["text"]["en"]


async def test_the_same_supplier_another_lot_or_another_time(recall: Live) -> None:
    tell, supplier = recall.tell, f"urn:example:supplier:{recall.id}"
    for hour, lot in ((1, "lot:CELL/S-1"), (20, "lot:CELL/S-2")):
        await tell.post("material_received", hour, item=tell.uri(lot), supplier=supplier, quantity=5)
    await tell.made(21, ["lot:CELL/S-2"], ["B/2"])
    lots = {"supplier_lots": {"supplier": supplier, "lots": ["S-1"]}}
    early = {"supplier": supplier, "until": "2026-03-01T12:00:00+08:00"}
    await scoped(recall, {"any": [lots, early]})
    told = await explained(recall, "B/2")
    assert told["because"] == "same_supplier_outside_window"
    assert {leaf["miss"]["code"]: leaf["path"] for leaf in told["leaves"]} == {
        "same_supplier_other_lot": "rule.any.0",
        "same_supplier_outside_window": "rule.any.1",
    }
    assert told["nearest"]["miss"]["outside_by_hours"] == 8.0


async def test_what_an_exception_takes_out_is_told_with_what_it_came_from(recall: Live) -> None:
    tell = recall.tell
    await tell.made(1, ["lot:CELL/L-9"], ["B/1"])
    await tell.made(1, ["lot:CELL/L-9", "lot:FUSE/OK"], ["B/2"])
    rule = {"except": [{"items": [tell.uri("lot:CELL/L-9")]}, {"items": [tell.uri("lot:FUSE/OK")]}]}
    await recall.begun(rule=rule)
    assert (await explained(recall, "B/1"))["affected"] is True
    told = await explained(recall, "B/2")
    assert (told["affected"], told["because"]) == (False, "excluded")
    assert (told["excluded_by"]["path"], told["excluded_by"]["through"]) == ("rule.except.1", tell.uri("lot:FUSE/OK"))


async def test_production_days_serials_and_results(recall: Live) -> None:
    tell = recall.tell
    for hour, unit in ((5, "P/10"), (20, "P/30")):
        await tell.post("commissioned", hour, items=[{"item": tell.uri(unit)}])
    days = {"from": "2026-03-01", "until": "2026-03-01", "day_starts": "06:00"}
    product = tell.uri("class:P")
    measured = {"characteristic": "torque", "value": "7.5"}
    await tell.post("inspected", 21, items=tell.lines("P/30"), measurements=[measured])
    few = {"first": "20", "last": "29"}
    torque = {"characteristic": "torque", "at_most": "5"}
    parts = ({"product": product, "made": days}, {"product": product, "serials": few}, {"inspection": torque})
    await scoped(recall, {"any": list(parts)})
    told = await explained(recall, "P/10")
    codes = [leaf["miss"]["code"] for leaf in told["leaves"]]
    assert codes == ["same_product_outside_days", "same_product_other_serial", "nothing_of_it"]
    assert told["leaves"][0]["miss"]["outside_by_hours"] == 1.0
    assert (await explained(recall, "P/30"))["affected"] is True
    await recall.scoped(rule={"inspection": torque}, change="narrowed")
    other = await explained(recall, "P/30")
    assert other["because"] == "other_result"
    assert "7.5" in other["text"]["en"]


async def test_what_cannot_be_explained_is_refused(recall: Live) -> None:
    tell = recall.tell
    await tell.made(1, [], ["B/1"])
    body = {"id": recall.id, "title": "x"}
    await recall.service.post("/v1/recalls", json=body, headers=recall.people.wang)
    url, item = f"/v1/recalls/{recall.id}/explain", {"item": tell.uri("B/1")}
    none = await recall.service.get(url, params=item, headers=recall.people.reader)
    assert (none.status_code, none.json()["type"]) == (409, "/problems/no-scope")
    await recall.scoped("B/1")
    unknown = await recall.service.get(url, params={"item": tell.uri("B/9")}, headers=recall.people.reader)
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/unknown-item")
    limited = await recall.service.get(url, params=item, headers=recall.people.limited)
    assert (limited.status_code, limited.json()["type"]) == (403, "/problems/site-scope")
