"""Accounting over HTTP: every affected unit in one bucket, whatever happened and whatever is said."""

import asyncio
import contextlib
from typing import Any

import httpx
import pytest_asyncio

from domain.cases import acts
from domain.clock import SystemClock
from domain.ids import ItemId
from services.cases.commands import CaseDesk
from services.cases.jobs import Work
from services.cases.turning_up import TurningUp
from services.database import api_pool
from services.eventlog.memory import MemoryEventLog
from services.problems import Problem
from services.settings import load_settings
from tests.cases.conftest import People
from tests.cases.frozen import Recall
from tests.waiting import eventually

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


async def test_seven_of_a_lot_without_serials_close_too(recall: Recall) -> None:
    """Q1 and Q4: units told of by number, and never more than the party has."""
    tell = recall.tell
    units = [f"B/{n}" for n in range(1, 11)]
    outputs = [{"item": tell.uri(u), "lot": tell.uri("lot:B/L")} for u in units]
    await tell.post("commissioned", 1, items=outputs, **OURS)
    await tell.post("shipped", 5, items=tell.lines(*units), to_possessor="DEALER-X", to_place="SHOP-X", **OURS)
    await tell.post("received", 6, items=tell.lines(*units), site="SHOP-X")
    await recall.opened()
    await recall.frozen(*units)
    await recall.told("notifications", {"consignee": "DEALER-X", "how": "phone"})
    seven = {
        "consignee": "DEALER-X",
        "response": "recovered",
        "item": "lot:B/L",
        "quantity": 7,
        "at": "2026-03-05+08:00",
    }
    first = await recall.told("responses", seven)
    assert await recall.buckets() == {"returned": 7, "with_consignee": 3}
    again = await recall.told("responses", seven)
    assert (again["acts"], await recall.buckets()) == (1, {"returned": 7, "with_consignee": 3})
    await recall.told("responses", seven | {"quantity": 12, "response": "remedied", "remedy": "destroy"})
    told = await recall.accounting()
    assert {b: n for b, n in told["buckets"].items() if n} == {"destroyed": 10}
    assert [(c["code"], c["party"], c["quantity"]) for c in told["conflicts"]] == [("more_than_held", "DEALER-X", "2")]
    assert [(m["from"], m["to"], m["quantity"]) for m in told["by_number"]][-1] == ("with_consignee", "destroyed", "10")
    then = await recall.accounting(as_of=first["position"])
    assert then["buckets"]["returned"] == 7, "as known then"


async def test_a_lot_by_weight_closes_in_its_own_unit(recall: Recall) -> None:
    tell = recall.tell
    lot = "lot:F/1"
    await tell.post("material_received", 1, item=tell.uri(lot), quantity=300, uom="KGM", **OURS)
    sent = [tell.line(lot, 200, uom="KGM")]
    await tell.post("shipped", 5, items=sent, to_possessor="DEALER-X", to_place="SHOP-X", **OURS)
    await tell.post("received", 6, items=sent, site="SHOP-X")
    await recall.opened()
    await recall.frozen(lot)
    await recall.told("notifications", {"consignee": "DEALER-X", "how": "phone"})
    row = {"consignee": "DEALER-X", "item": lot, "quantity": "150", "uom": "KGM", "remedy": "destroy"}
    await recall.told("responses", row | {"response": "remedied"})
    [told] = (await recall.accounting())["quantities"]
    assert {b: q for b, q in told["buckets"].items() if q != "0"} == {
        "in_stock": "100",
        "with_consignee": "50",
        "destroyed": "150",
    }
    assert (told["population"], told["sold"], told["recalled_of_planned"]) == ("300", "200", "0.5000")
    assert (await recall.get("accounting"))["balances"][0]["balances"][0]["received"] == "500"


async def test_stock_of_a_product_without_lots_closes_too(recall: Recall) -> None:
    """The record names the product alone: its stock is a quantity, and what is said of it is met by that."""
    tell = recall.tell
    await tell.post("material_received", 1, item=tell.uri("class:G"), quantity=30, uom="KGM", **OURS)
    sent = [{"item": tell.uri("class:G"), "quantity": 12, "uom": "KGM"}]
    await tell.post("shipped", 5, items=sent, to_possessor="DEALER-X", to_place="SHOP-X", **OURS)
    await tell.post("received", 6, items=sent, site="SHOP-X")
    await recall.opened()
    await recall.frozen("class:G")
    row = {"consignee": "DEALER-X", "item": "class:G", "quantity": "7", "uom": "KGM", "response": "recovered"}
    await recall.told("responses", row)
    [told] = (await recall.accounting())["quantities"]
    assert (told["item"], {b: q for b, q in told["buckets"].items() if q != "0"}) == (
        tell.uri("class:G"),
        {"in_stock": "18", "with_consignee": "5", "returned": "7"},
    )
    assert (told["population"], (await recall.accounting())["whole"]) == ("30", False)


async def test_who_answers_before_a_notice_was_reached_somehow(recall: Recall) -> None:
    await delivered(recall, "B/1")
    await recall.opened()
    await recall.frozen("B/1")
    item = recall.tell.uri("B/1")
    row = {"consignee": "DEALER-X", "response": "on_hand", "item": item, "at": "2026-03-03T10:00:00+08:00"}
    refused = await recall.post("responses", responses=[row])
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/not-notified")
    assert "reached_by" in refused.json()["detail"]
    nobody = await recall.post("responses", responses=[{"response": "recovered", "item": item, "reached_by": "phone"}])
    assert nobody.json()["rejected"][0]["field"] == "consignee"
    assert (await recall.post("responses", responses=[row | {"reached_by": "phone"}])).status_code == 200
    [one] = (await recall.get("consignees"))["consignees"]
    assert (one["notified"]["how"], one["notified"]["at"]) == ("phone", "2026-03-03T10:00:00+08:00")
    assert await recall.buckets() == {"with_consignee": 1}


async def test_of_a_row_that_is_not_taken_nobody_was_reached_either(recall: Recall) -> None:
    await delivered(recall, "B/1", "B/2")
    await recall.opened()
    await recall.frozen("B/1")
    good = {"consignee": "DEALER-X", "response": "on_hand", "item": recall.tell.uri("B/1"), "reached_by": "phone"}
    strange = good | {"consignee": "DEALER-Y", "item": recall.tell.uri("B/2")}
    told = (await recall.post("responses", responses=[good, strange])).json()
    assert (told["acts"], [r["row"] for r in told["rejected"]]) == (2, [2])
    shown = (await recall.service.get(f"/v1/recalls/{recall.id}", params={"wait_for": told["position"]})).json()
    assert [a["consignee"] for a in shown["history"] if a["act"] == "notified"] == ["DEALER-X"]


async def test_closing_with_a_unit_outstanding_needs_a_reason_and_a_unit_that_turns_up_reopens(recall: Recall) -> None:
    """CN7: the effort stops, a late return is counted; closed, the recall never claims to be complete."""
    await delivered(recall, "B/1", "B/2")
    await recall.opened()
    await recall.frozen("B/1", "B/2")
    await recall.told("notifications", {"to": "direct", "how": "registered mail"})
    assert (await recall.post("stop")).json()["state"] == "effort_stopped"
    await recall.told("responses", {"consignee": "DEALER-X", "response": "recovered", "item": "B/1"})
    assert await recall.buckets() == {"returned": 1, "with_consignee": 1}, "a late return counts"
    await recall.told("responses", {"response": "remedied", "remedy": "refund", "item": "B/1"})
    refused = await recall.post("close")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/units-outstanding")
    assert refused.json()["outstanding_in"] == {"with_consignee": 1}
    assert refused.json()["items"] == [recall.tell.uri("B/2")]
    told_count = await recall.post("close", outstanding=0, outstanding_reason="none")
    assert told_count.status_code == 422, "it is counted, not told"
    closed = (await recall.post("close", outstanding_reason="the dealer is bankrupt")).json()
    assert closed["state"] == "closed"
    assert closed["closing"] == {
        "outstanding": 1,
        "outstanding_in": {"with_consignee": 1},
        "outstanding_quantities": [],
        "outstanding_reason": "the dealer is bankrupt",
    }
    assert (await recall.accounting())["whole"] is False
    late = await recall.told("responses", {"consignee": "DEALER-X", "response": "recovered", "item": "B/2"})
    assert late["reopened"] is True
    assert (await recall.accounting())["state"] == "executing"
    await recall.told("verdicts", {"item": "B/2", "verdict": "inspected_clear"})
    done = (await recall.post("close")).json()
    assert (done["state"], done["closing"]) == ("closed", {"outstanding": 0})
    assert (await recall.accounting())["whole"] is True


async def test_what_is_not_affected_or_not_understood_is_named_by_row(recall: Recall) -> None:
    await delivered(recall, "B/1")
    await recall.opened()
    await recall.frozen("B/1")
    await recall.told("notifications", {"consignee": "DEALER-X", "how": "phone"})
    tell, box = recall.tell, recall.tell.uri("box:DEALER-X")
    lines = [
        "consignee,response,item,quantity,remedy,at",
        f"DEALER-X,recovered,{tell.uri('B/1')},,",
        f"DEALER-X,recovered,{tell.uri('B/99')},,",
        f"DEALER-X,lent,{tell.uri('B/1')},,",
        f"DEALER-X,remedied,{tell.uri('B/1')},,prayer",
        "DEALER-X,recovered,,,",
        "DEALER-X,recovered,B-1,,",
        f"DEALER-X,on_hand,{box},,",
        f"DEALER-X,recovered,{tell.uri('B/1')},,,2999-01-01T00:00:00Z",
        f"DEALER-X,recovered,{tell.uri('B/1')},-1,,",
        f"DEALER-X,recovered,{tell.uri('B/1')},1e999999,,",
        f"DEALER-X,recovered,{tell.uri('B/1')},NaN,,",
        ",unreachable,,,,",
    ]
    url = f"/v1/recalls/{recall.id}/responses"
    headers = {**recall.people.wang, "Content-Type": "text/csv"}
    answer = await recall.service.post(url, content="\n".join(lines), headers=headers, params={"actor": "Ms Wu"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["rows"], told["acts"]) == (2, 2), "a container stands for what it holds of the set"
    assert [(r["row"], r["field"]) for r in told["rejected"]] == [
        (3, "item"),
        (4, "response"),
        (5, "remedy"),
        (6, "item"),
        (7, "item"),
        (9, "at"),
        (10, "quantity"),
        (11, "quantity"),
        (12, "quantity"),
        (13, "consignee"),
    ]
    assert told["rejected"][0]["code"] == "not-affected"
    history = (await recall.service.get(f"/v1/recalls/{recall.id}")).json()["history"]
    assert {a["actor"] for a in history if a["act"] in ("recovered", "responded")} == {"Ms Wu"}
    nothing = await recall.service.post(url, content="\n".join(lines[:1] + lines[2:3]), headers=headers)
    assert (nothing.status_code, nothing.json()["type"]) == (422, "/problems/no-row-taken")
    strange = await recall.service.post(url, content="x", headers=headers | {"Content-Type": "text/html"})
    assert strange.json()["type"] == "/problems/unsupported-media-type"


async def test_who_may(recall: Recall) -> None:
    await delivered(recall, "B/1")
    await recall.opened()
    early = await recall.post("notifications", notifications=[{"consignee": "DEALER-X", "how": "phone"}])
    assert (early.status_code, early.json()["type"]) == (409, "/problems/not-approved")
    await recall.frozen("B/1")
    row = {"consignee": "DEALER-X", "response": "recovered", "item": recall.tell.uri("B/1")}
    for path, body in (("responses", {"responses": [row]}), ("verdicts", {}), ("effectiveness/draw", {"level": "A"})):
        refused = await recall.post(path, by=recall.people.reader, **body)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden"), path
        limited = await recall.post(path, by=recall.people.limited, **body)
        assert limited.json()["type"] == "/problems/site-scope", path
    for path in ("accounting", "consignees", "consignees/DEALER-X", "effectiveness"):
        url = f"/v1/recalls/{recall.id}/{path}"
        assert (await recall.service.get(url, headers=recall.people.reader)).status_code == 200
        limited = await recall.service.get(url, headers=recall.people.limited)
        assert limited.json()["type"] == "/problems/site-scope"


async def test_the_same_point_gives_the_same_file(recall: Recall) -> None:
    await delivered(recall, "B/1", "B/2")
    await recall.opened()
    await recall.frozen("B/1", "B/2")
    url = f"/v1/recalls/{recall.id}/accounting"
    first = await recall.service.get(url, params={"format": "csv"})
    position = first.headers["Zhuisu-As-Of"]
    await recall.told("verdicts", {"item": "B/1", "verdict": "inspected_clear"})
    again = await recall.service.get(url, params={"format": "csv", "as_of": position})
    assert (first.status_code, again.content) == (200, first.content)
    later = await recall.service.get(url, params={"format": "csv"})
    rows = [line.split(",") for line in later.content.decode("utf-8-sig").splitlines()]
    assert [r[:3] for r in rows if r[0] == recall.tell.uri("B/1")] == [
        [recall.tell.uri("B/1"), "false", "inspected_and_cleared"]
    ]


async def test_a_unit_that_turns_up_in_the_record_reopens_a_closed_recall(recall: Recall) -> None:
    await delivered(recall, "B/1", "B/2", "B/3")
    await recall.opened()
    await recall.frozen("B/1", "B/2", "B/3")
    await recall.told("verdicts", {"item": "B/1", "verdict": "inspected_clear"})
    assert (await recall.post("close", outstanding_reason="nobody answers")).json()["state"] == "closed"
    tell = recall.tell
    await tell.post("sold", 30 - 24, items=tell.lines("B/1"), holder="CUSTOMER-1", site="SHOP-DEALER-X")
    await tell.post("scrapped", 20, items=tell.lines("B/3"), site="SHOP-DEALER-X")
    told = await recall.accounting()
    assert told["state"] == "closed", "one is cleared, one is gone: nothing turned up"
    await tell.post("returned", 21, items=tell.lines("B/2"), **OURS)

    async def reopened() -> bool:
        return bool((await recall.accounting())["state"] != "closed")

    await eventually(reopened)
    history = (await recall.service.get(f"/v1/recalls/{recall.id}")).json()["history"]
    [told] = [a for a in history if a["act"] == "reopened"]
    assert (told["items"], told["actor"]) == ([tell.uri("B/2")], "zhuisu")
    assert "turned up" in told["reason"]


async def test_what_a_slower_clock_stamped_before_the_closing_may_have_turned_up_after_it(
    recall: Recall, service_url: str
) -> None:
    """Brokers' clocks may be apart: the closing is taken to have seen nothing of the seconds before it."""
    await delivered(recall, "B/1")
    await recall.opened()
    await recall.frozen("B/1")
    await recall.tell.post("sold", 6, items=recall.tell.lines("B/1"), holder="CUSTOMER-1", site="SHOP-DEALER-X")
    assert (await recall.post("close", outstanding_reason="nobody answers")).json()["state"] == "closed"
    pool, log = await api_pool(service_url), MemoryEventLog(clock=SystemClock())
    try:
        found = []
        for skew_seconds in (0, 300):
            settings = load_settings(clock_skew_seconds=skew_seconds)
            desk = CaseDesk(log=log, pool=pool, clock=SystemClock(), settings=settings)
            told = await desk.acts(1, recall.id)
            assert told
            with contextlib.suppress(TimeoutError, Problem):  # nothing brings into the views what this log takes
                async with asyncio.timeout(1):
                    await TurningUp(desk).work(Work(1, recall.id, told))
            found.append(sum((await log.end()).values()))
        assert found == [0, 1]
    finally:
        await pool.close()


async def test_one_thing_has_one_bucket_by_any_of_its_names_and_parts_have_none(recall: Recall) -> None:
    tell = recall.tell
    await tell.post("commissioned", 1, items=tell.lines("B/1", "B/2", "M/1"), **OURS)
    await tell.post("identified", 2, item=tell.uri("B/1"), same_as=tell.uri("B/1000"))
    await tell.fit(2, "M/1", "B/2")
    await recall.opened()
    await recall.frozen("B/1", "B/1000", "B/2", "M/1", inside=["B/1000", "M/1"])
    await recall.told("verdicts", {"item": "B/1000", "verdict": "inspected_clear"})
    await recall.told("responses", {"response": "remedied", "remedy": "repair", "item": "M/1"})
    told = await recall.accounting()
    assert {b: n for b, n in told["buckets"].items() if n} == {"inspected_and_cleared": 1, "in_stock": 1}
    assert [(c["code"], c["items"]) for c in told["conflicts"]] == [("not_counted", [tell.uri("M/1")])]
    await tell.remove(3, "M/1", "B/2")
    told = await recall.accounting()
    assert {b: n for b, n in told["loose_spares"]["buckets"].items() if n} == {"remedied": 1}
    assert not told["conflicts"]


async def test_a_narrower_freeze_lets_go_of_nothing_before_it_is_approved(recall: Recall) -> None:
    await delivered(recall, "B/1", "B/2")
    await recall.opened()
    await recall.frozen("B/1", "B/2")
    await recall.frozen("B/2", number=2, approve=False)
    assert await recall.buckets() == {"with_consignee": 2}
    await recall.approved(2)
    assert await recall.buckets() == {"with_consignee": 1}


async def test_what_a_decision_removed_is_out_and_what_would_be_withdrawn_stays(recall: Recall) -> None:
    await delivered(recall, "B/1", "B/2", "B/3")
    await recall.opened()
    await recall.frozen("B/1", "B/2")
    about = {"level": 1, "certainty": "certain", "top": True}
    [first, second, third] = [
        acts.Member(item=ItemId(recall.tell.uri(f"B/{n}")), kind="unit", **about) for n in (1, 2, 3)
    ]
    changed = acts.UnitsChanged(evaluation=1, chunk=0, added=(third,), withdrawn=(first, second))
    await recall.append([changed], tag="1.")
    assert await recall.buckets() == {"with_consignee": 3}, "added at once, withdrawn by a decision only"
    removed = await recall.post("removals", decision="remove", items=[recall.tell.uri("B/1")])
    assert removed.status_code == 200, removed.text
    assert await recall.buckets() == {"with_consignee": 2}


async def test_a_pallet_that_moves_with_an_outstanding_unit_reopens_a_closed_recall(recall: Recall) -> None:
    """The event names the pallet alone."""
    await delivered(recall, "B/1")
    await recall.opened()
    await recall.post("scope", change="set", rule={"items": [recall.tell.uri("B/1")]})
    assert (await recall.post("freeze")).status_code == 202

    async def shown(name: str, wanted: object) -> bool:
        found = (await recall.service.get(f"/v1/recalls/{recall.id}")).json()
        return bool(found[name] == wanted if wanted is not None else found[name] is not None)

    await eventually(lambda: shown("state", "frozen"))
    await recall.approved()
    await eventually(lambda: shown("evaluated_to", None))
    assert (await recall.post("close", outstanding_reason="nobody answers")).json()["state"] == "closed"
    tell = recall.tell
    await tell.post("shipped", 21, items=tell.lines("box:DEALER-X"), to_possessor="DEALER-Y", site="SHOP-DEALER-X")
    await eventually(lambda: shown("state", "frozen"))
    history = (await recall.service.get(f"/v1/recalls/{recall.id}")).json()["history"]
    assert [a["items"] for a in history if a["act"] == "reopened"] == [[tell.uri("B/1")]]


async def test_there_is_a_unit_in_every_bucket_and_the_sum_closes(recall: Recall) -> None:
    """One of each, and one for each remedy there is."""
    tell = recall.tell
    remedies = ["label", "repair", "replace", "refund", "software_update", "destroy"]
    told = ["exported", "returned", "cleared", "lost", "stolen", "unreachable", *remedies]
    await delivered(recall, "B/held", *(f"B/{name}" for name in told))
    await tell.post("commissioned", 1, items=tell.lines("B/stock", "B/fitted", "B/moving", "B/sold", "B/scrap"), **OURS)
    await tell.post("commissioned", 1, items=tell.lines("X/1"), **OURS)
    await tell.fit(2, "B/fitted", "X/1")
    await tell.post("shipped", 5, items=tell.lines("B/moving"), to_possessor="DEALER-X", to_place="SHOP-X", **OURS)
    await tell.post("sold", 5, items=tell.lines("B/sold"), holder="CUSTOMER-1", **OURS)
    await tell.post("scrapped", 6, items=tell.lines("B/scrap"))
    await recall.opened()
    others = ["B/stock", "B/fitted", "B/moving", "B/sold", "B/scrap", "B/nobody-told-of", "B/held"]
    await recall.frozen(*others, *(f"B/{name}" for name in told))
    await recall.told("notifications", {"consignee": "DEALER-X", "how": "phone"})
    at = {"consignee": "DEALER-X", "at": "2026-03-05+08:00"}
    await recall.told(
        "responses",
        {"item": "B/exported", "response": "exported", **at},
        {"item": "B/returned", "response": "recovered", **at},
        {"item": "B/lost", "response": "lost", **at},
        {"item": "B/stolen", "response": "unreachable", "why": "stolen", **at},
        {"item": "B/unreachable", "response": "unreachable", "why": "no_notice_received", **at},
        *({"item": f"B/{remedy}", "response": "remedied", "remedy": remedy, **at} for remedy in remedies),
    )
    await recall.told("verdicts", {"item": "B/cleared", "verdict": "inspected_clear", "at": "2026-03-05+08:00"})
    found = await recall.accounting()
    assert found["buckets"] == {
        "in_stock": 1,
        "in_process": 1,
        "in_transit": 1,
        "with_consignee": 1,
        "sold": 1,
        "exported": 1,
        "returned": 1,
        "inspected_and_cleared": 1,
        "remedied": 5,
        "destroyed": 1,
        "scrapped_before_recall": 1,
        "lost": 2,
        "unreachable": 1,
        "unknown": 1,
    }
    assert found["remedies"] == dict.fromkeys(remedies, 1)
    assert (found["population"], found["outstanding"]) == (19, 11)
