"""The accounting obeys the laws of every view: order, repetition and a rebuild change nothing; and it is large.

`ZHUISU_RECALL_UNITS=100000 .venv/bin/python -m pytest -s tests/cases/test_accounting_laws.py` runs it large.
"""

import csv
import io
import os
import time
from typing import Any

import httpx
import pytest

from domain.cases import acts
from domain.ids import ItemId
from services.database import projector_pool
from services.eventlog.postgres import PostgresEventLog
from services.projector.rebuild import rebuild
from services.query import recall_accounting, recall_consignees, recall_custody
from tests.cases.conftest import People
from tests.cases.factory import lot, post
from tests.cases.frozen import Recall
from tests.cases.test_accounting import delivered
from tests.waiting import eventually

UNITS = int(os.environ.get("ZHUISU_RECALL_UNITS", "2000"))
ON_PALLET, DEALERS = 100, 20


async def test_a_part_that_is_surely_in_another_member_need_not_be_read(
    service: httpx.AsyncClient, people: People, service_url: str, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that may be said of a part fitted in a bike: of those that nothing more is said of nobody reads the custody,
    and the accounting and the consignees are what they are where all are read.
    """
    recall = Recall(service, people, url=service_url, name="inner")
    tell, bikes, parts = recall.tell, [f"B/{n}" for n in range(12)], [f"M/{n}" for n in range(12)]
    lot = {"lot": tell.uri("lot:M/L-1")}
    await tell.post("commissioned", 1, items=[tell.line(p, **lot) for p in parts[:11]])
    await tell.post("commissioned", 1, items=tell.lines("M/11", *bikes, "X/1", "X/2"))
    fits = [
        await tell.post("assembled", 2, parent=tell.uri(b), components=tell.lines(p))
        for b, p in zip(bikes, parts, strict=True)
    ]
    await tell.remove(3, "M/1", "B/1")
    await tell.post("disassembled", 3, parent=tell.uri("B/2"), all_components=True)
    await tell.post("voided", 3, target=fits[3], reason="wrong bike")
    await tell.fit(3, "M/4", "X/1")
    about = {"recall_id": recall.id, "remedy": "replace"}
    await tell.post("remedied", 4, items=tell.lines("M/5"), **about)
    await tell.post("reidentified", 4, old_id=tell.uri("M/6"), new_id=tell.uri("M/6b"))
    await tell.fit(4, "M/7", "B/7")
    await tell.pack(4, "M/8", *tell.lines("X/2"))
    await tell.post("shipped", 5, items=tell.lines(*bikes), to_possessor="DEALER", to_place="SHOP")
    await tell.post("scrapped", 6, items=tell.lines("M/9"))
    await recall.opened(mode="mock")
    await recall.frozen("lot:M/L-1", *bikes[:11], *parts, inside=parts)
    read: list[int] = []
    real = recall_custody.to_be_read

    async def some(asked: Any, members: Any) -> Any:
        found = await real(asked, members)
        read.append(len(found.items))
        return found

    async def every(asked: Any, members: Any) -> Any:
        return recall_custody.ToRead(list(members), {})

    told = []
    for reading in (some, every):
        for module in (recall_accounting, recall_consignees):
            monkeypatch.setattr(module, "to_be_read", reading)
        units = await service.get(f"/v1/recalls/{recall.id}/accounting", params={"format": "csv"})
        accounting = {k: v for k, v in (await recall.accounting()).items() if k not in ("as_of", "lag")}
        rows = units.content.decode("utf-8-sig").partition("\r\n\r\n")[2]
        told.append((accounting, rows, (await recall.get("consignees"))["consignees"]))
    assert told[0] == told[1]
    # 1 lot, 11 bikes, and of 12 parts all but 0, 9 and 10: of the last one's bike the set has nothing.
    assert set(read) == {1 + 11 + 9}


async def test_what_is_told_in_any_order_and_twice_accounts_the_same(
    service: httpx.AsyncClient, people: People, service_url: str
) -> None:
    units = ["B/1", "B/2", "B/3", "B/4"]
    first = Recall(service, people, url=service_url, name="order-one")
    await delivered(first, *units)
    other = Recall(service, people, url=service_url, name="order-two")
    other.tell = first.tell
    about = {"consignee": "DEALER-X"}
    rows: list[dict[str, Any]] = [
        {**about, "response": "on_hand", "item": "B/1", "at": "2026-03-03+08:00"},
        {**about, "response": "recovered", "item": "B/1", "at": "2026-03-04+08:00"},
        {"response": "verdict", "verdict": "affected", "item": "B/2", "at": "2026-03-06+08:00"},
        {"response": "remedied", "remedy": "repair", "item": "B/2", "at": "2026-03-05+08:00"},
        {**about, "response": "unreachable", "why": "other", "item": "B/3", "at": "2026-03-04+08:00"},
        {"response": "verdict", "verdict": "inspected_clear", "item": "B/4", "at": "2026-03-05+08:00"},
    ]
    found = []
    for recall, told in ((first, rows), (other, [*reversed(rows), *rows[:3]])):
        await recall.opened()
        await recall.frozen(*units)
        await recall.told("notifications", {"consignee": "DEALER-X", "how": "phone"})
        for row in told:
            await recall.told("responses", row)
        found.append(await recall.accounting())
    one, two = ({k: v for k, v in f.items() if k in ("buckets", "remedies", "recalled", "conflicts")} for f in found)
    assert one == two
    assert {b: n for b, n in one["buckets"].items() if n} == {
        "returned": 1,
        "with_consignee": 1,
        "unreachable": 1,
        "inspected_and_cleared": 1,
    }


async def test_what_is_frozen_is_what_is_accounted_for(
    service: httpx.AsyncClient, people: People, service_url: str
) -> None:
    """The whole way with a scope: the population is the frozen top units, loose spares and the lot's rest beside it."""
    position = await post(service)
    recall = Recall(service, people, url=service_url, name="whole-way")
    await recall.opened()
    before = await recall.accounting()
    assert (before["population"], before["whole"]) == (0, False), "nothing is frozen: nothing is complete"
    await recall.post("scope", change="set", rule={"lots": [lot("CELL", "L-9")]})
    await service.get("/v1/recalls", params={"wait_for": position})
    assert (await recall.post("freeze")).status_code == 202

    async def frozen() -> dict[str, Any] | None:
        shown: dict[str, Any] = (await service.get(f"/v1/recalls/{recall.id}")).json()
        return shown["freeze"] if shown["state"] == "frozen" else None

    freeze = await eventually(frozen) or {}
    await recall.approved()
    told = await recall.accounting()
    assert (told["population"], told["frozen_top_units"]) == (freeze["top_units"], freeze["top_units"])
    assert told["loose_spares"]["population"] == freeze["loose_spares"]
    assert {b: n for b, n in told["buckets"].items() if n} == {"sold": 1}
    [rest] = told["quantities"]
    assert (rest["item"], {b: q for b, q in rest["buckets"].items() if q != "0"}) == (
        lot("CELL", "L-9"),
        {"in_stock": "70"},
    )
    assert [c["consignee"] for c in (await recall.get("consignees"))["consignees"]] == ["urn:party:owner-1"]


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_many_units_on_pallets_are_accounted_for(
    service: httpx.AsyncClient, people: People, service_url: str
) -> None:
    """All on pallets, none named by a shipment: consignees, bulk answers and accounting in bounded time."""
    recall = Recall(service, people, url=service_url, name="many")
    service.timeout = httpx.Timeout(300)
    units = await _shipped(recall)
    await recall.opened(mode="mock")  # no holds are placed, which are measured elsewhere
    members = [acts.Member(item=ItemId(u), kind="unit", level=1, certainty="certain", top=True) for u in sorted(units)]
    await recall.frozen_members(members, rule={"product": recall.tell.uri("class:B"), "follow": "none"})
    await recall.approved()
    told = await _timed("consignees", recall.get("consignees"))
    assert (len(told["consignees"]), sum(c["units"] for c in told["consignees"])) == (DEALERS, UNITS)
    await recall.told("notifications", {"to": "direct", "how": "mail"})
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["response", "remedy", "item", "at"])
    writer.writerows(["remedied", "replace", u, "2026-03-05+08:00"] for u in units[: UNITS // 2])
    headers = {**people.wang, "Content-Type": "text/csv"}
    url = f"/v1/recalls/{recall.id}/responses"
    answer = await _timed("responses", service.post(url, content=table.getvalue(), headers=headers))
    assert (answer.status_code, answer.json()["rows"]) == (200, UNITS // 2)
    shown = (await service.get(f"/v1/recalls/{recall.id}")).json()
    listed = [(len(a["items"]), a["items_count"]) for a in shown["history"] if a["act"] == "remedied"]
    assert set(listed) == {(100, min(1_000, UNITS // 2))}, "a history stays readable"
    found = await _timed("accounting", recall.accounting())
    assert {b: n for b, n in found["buckets"].items() if n} == {
        "in_transit": UNITS - UNITS // 2,
        "remedied": UNITS // 2,
    }


async def _shipped(recall: Recall) -> list[str]:
    tell = recall.tell
    units = [tell.uri(f"B/{n:06d}") for n in range(UNITS)]
    events: list[dict[str, Any]] = []
    for n in range(0, UNITS, ON_PALLET):
        some = [{"item": u} for u in units[n : n + ON_PALLET]]
        pallet, at = tell.uri(f"box:{n}"), "2026-03-01T{:02d}:00:00+08:00".format
        dealer = f"DEALER-{n // ON_PALLET % DEALERS}"
        events += [
            {"kind": "commissioned", "occurred_at": at(1), "items": some, "site": "PLANT"},
            {"kind": "packed", "occurred_at": at(2), "container": pallet, "contents": some, "site": "PLANT"},
            {"kind": "shipped", "occurred_at": at(5), "items": [{"item": pallet}], "to_possessor": dealer},
        ]
    for n in range(0, len(events), 300):
        answer = await recall.service.post("/v1/events", json=events[n : n + 300])
        assert answer.status_code == 202, answer.text
        tell.position = answer.json()["position"]
    seen = await recall.service.get("/v1/recalls", params={"wait_for": tell.position})
    while seen.status_code == 504:
        seen = await recall.service.get("/v1/recalls", params={"wait_for": tell.position})
    assert seen.status_code == 200, seen.text
    return units


async def _timed(what: str, work: Any) -> Any:
    begun = time.monotonic()
    done = await work
    print(f"{what} of {UNITS} units: {time.monotonic() - begun:.1f} s")
    return done


async def test_a_rebuild_changes_neither_the_accounting_nor_the_consignees(
    service: httpx.AsyncClient, people: People, service_url: str
) -> None:
    recall = Recall(service, people, url=service_url, name="rebuilt")
    await delivered(recall, "B/1", "B/2", "B/3")
    await recall.opened()
    await recall.frozen("B/1", "B/2", "B/3")
    await recall.told("notifications", {"to": "direct", "how": "mail"})
    await recall.told("responses", {"consignee": "DEALER-X", "response": "recovered", "item": "B/1"})
    await recall.told("verdicts", {"item": "B/2", "verdict": "inspected_clear"})
    paths = ("accounting", "consignees", "consignees/DEALER-X", "effectiveness")
    before = [without_lag(await recall.get(path)) for path in paths]
    log, views = PostgresEventLog(dsn=service_url), await projector_pool(service_url)
    await log.start()
    try:
        await rebuild(service_url, log=log, views=views)
    finally:
        await log.stop()
        await views.close()
    assert [without_lag(await recall.get(path)) for path in paths] == before
    # A command right after it waits until the projector has gone on with the new views.
    await recall.told("verdicts", {"item": "B/3", "verdict": "affected", "at": "2026-03-09+08:00"})


def without_lag(answer: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in answer.items() if k != "lag"}
