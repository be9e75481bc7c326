"""Reports of a recall over HTTP: figures re-compute; the same point gives the same bytes, after a rebuild too."""

import io
from decimal import Decimal
from typing import Any

import httpx
import openpyxl
import pytest_asyncio

from domain.cases import acts
from domain.ids import ItemId
from services.database import projector_pool
from services.eventlog.postgres import PostgresEventLog
from services.projector.rebuild import rebuild
from services.query.reports.catalogue import KINDS
from tests.cases.conftest import People
from tests.cases.frozen import Recall

OURS = {"site": "PLANT"}
TOP = 7
TEXTS = ("lot", "product", "product_description")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def recall(service: httpx.AsyncClient, people: People, service_url: str) -> Recall:
    """Seven bikes of a lot of eight, in the hands of a dealer, a customer and ourselves; two made on another day."""
    found = Recall(service, people, url=service_url, name="reports")
    tell, units = found.tell, [f"B/B{n:03d}" for n in range(1, 8)]
    lot = {"lot": tell.uri("lot:B/L-1")}
    await tell.post("product_described", 0, product=tell.uri("class:B"), name="City bike", model="C7")
    await tell.post("commissioned", 1, items=[tell.line(u, **lot) for u in (*units[:5], "B/B008")], **OURS)
    await tell.post("commissioned", "2026-03-02T01:00:00+08:00", items=[tell.line(u, **lot) for u in units[5:]], **OURS)
    await tell.pack(3, "box:1", *tell.lines(*units[:5]), **OURS)
    shipped = {"to_possessor": "=DEALER", "to_place": "SHOP"}
    await tell.post("shipped", 5, items=tell.lines("box:1"), **shipped, **OURS)
    await tell.post("received", 6, items=tell.lines("box:1"), site="SHOP")
    await tell.post("sold", 9, items=tell.lines(units[1]), holder="CUSTOMER-2", site="SHOP")
    await tell.post("commissioned", 1, items=tell.lines("M/M1", "M/M2"), **OURS)
    await tell.fit(2, "M/M1", units[6])
    await found.opened(product="City bike")
    await found.frozen(*units, "M/M1", "M/M2", inside=["M/M1"], loose=["M/M2"])
    await found.told("notifications", {"consignee": "=DEALER", "how": "registered mail", "at": "2026-03-03+08:00"})
    return found


async def fetched(recall: Recall, name: str, form: str = "csv", **params: Any) -> httpx.Response:
    position = params.pop("wait_for", recall.tell.position)
    asked = {"format": form, "wait_for": position, **params}
    path = f"/v1/recalls/{recall.id}/reports/{name}"
    answer = await recall.service.get(path, params=asked, headers=recall.people.reader)
    assert answer.status_code == 200, answer.text
    return answer


async def table(recall: Recall, name: str, number: int = 0, **params: Any) -> list[dict[str, Any]]:
    found = (await fetched(recall, name, "json", **params)).json()["tables"][number]
    return list(found["rows"])


async def point(recall: Recall) -> str:
    """Where the record stands now."""
    return str((await recall.get("reports"))["as_of"]["position"])


async def test_affected_units_are_told_with_what_they_count_as_and_where_they_are(recall: Recall) -> None:
    rows = {r["item"]: r for r in await table(recall, "affected-units")}
    counted = [r["counted_as"] for r in rows.values()]
    assert {c: counted.count(c) for c in counted} == {"top_unit": TOP, "loose_spare": 1, "part_of_another": 1}
    sold, stock = (rows[recall.tell.uri(u)] for u in ("B/B002", "B/B006"))
    assert (sold["bucket"], sold["consignee"], sold["product_description"]) == ("sold", "CUSTOMER-2", "City bike, C7")
    assert (stock["bucket"], stock["site"], stock["set"]) == ("in_stock", "PLANT", "freeze 1")
    document = (await fetched(recall, "affected-units", "json")).json()
    assert document["notes"] | {"set_sha256": ""} == {
        "mode": "live",
        "title": "Cell lot L-9",
        "state": "notified",
        "set": "freeze 1",
        "set_sha256": "",
    }
    text = (await fetched(recall, "affected-units")).content.decode("utf-8-sig")
    assert ",'=DEALER," in text


async def test_a_consignee_is_told_only_their_items(recall: Recall) -> None:
    theirs = await table(recall, "consignee", consignee="CUSTOMER-2")
    assert [(r["item"], r["came_from"]) for r in theirs] == [(recall.tell.uri("B/B002"), "=DEALER")]
    everybody = await table(recall, "consignee")
    assert {r["consignee"] for r in everybody} == {"=DEALER", "CUSTOMER-2"}
    assert len(everybody) == 6


async def test_progress_has_the_columns_of_the_form_and_its_ratios_recompute(recall: Recall) -> None:
    start = await point(recall)
    told = {"consignee": "=DEALER", "response": "recovered", "item": "B/B001"}
    repaired = {"consignee": "CUSTOMER-2", "response": "remedied", "remedy": "repair", "item": "B/B002"}
    await recall.told("responses", told, repaired)
    await recall.told("responses", {"response": "remedied", "remedy": "destroy", "item": "B/B006"})
    rows = await table(recall, "progress", **{"from": start})
    lot, total = rows
    assert lot["lot"] == recall.tell.uri("lot:B/L-1")
    numbers = {n: Decimal(str(v)) for n, v in lot.items() if v is not None and n not in TEXTS}
    assert (numbers["produced"], numbers["sold"], numbers["planned"]) == (8, 5, 7)
    split = [numbers[f"recalled_{who}"] for who in ("trader", "consumer", "own")]
    assert split == [numbers[f"recalled_this_period_{who}"] for who in ("trader", "consumer", "own")] == [1, 1, 1]
    assert numbers["planned_this_period"] == 0
    assert numbers["recalled"] == sum(split)
    assert numbers["recalled_of_planned"] == (Decimal(3) / 7).quantize(Decimal("0.0001"))
    assert numbers["recalled_of_sold"] == (Decimal(3) / 5).quantize(Decimal("0.0001"))
    assert (total["planned"], total["recalled"]) == (lot["planned"], lot["recalled"])
    (notified,) = await table(recall, "progress", 1)
    assert (notified["who"], notified["consignee"], notified["how"]) == ("trader", "=DEALER", "registered mail")
    nothing_new = await table(recall, "progress", **{"from": await point(recall)})
    assert nothing_new[0]["recalled_this_period_trader"] in ("0", 0)


async def test_the_six_figures_of_a_status_report_are_summed_from_its_consignees(recall: Recall) -> None:
    await recall.told("responses", {"consignee": "=DEALER", "response": "on_hand", "item": "B/B003"})
    params = {"names": "1", "completion": "2026-06-30"}
    figures = {r["figure"]: r for r in await table(recall, "fda-status", **params)}
    lines = await table(recall, "fda-status", 1, **params)
    assert figures["1"]["value"] == sum(r["notified_at"] is not None for r in lines) == 1
    assert figures["1"]["detail"] == "2026-03-03 to 2026-03-03 by registered mail"
    assert figures["2"]["value"] == sum(r["responded"] for r in lines) == 1
    assert figures["3"]["value"] == sum(not r["responded"] for r in lines)
    assert figures["4"]["value"] == 3
    assert figures["4"]["detail"].startswith("3 of 7 units")
    assert figures["6"]["value"] == "2026-06-30"
    assert [(r["consignee"], r["units"], r["returned_or_corrected"], r["on_hand"]) for r in lines] == [
        ("=DEALER", 5, 1, "1")
    ]


async def test_the_population_has_inclusive_dates_and_serial_ranges_that_expand_to_it(recall: Recall) -> None:
    bikes, spares, total = await table(recall, "nhtsa573")
    assert (bikes["potentially_affected"], bikes["made_from"], bikes["made_until"]) == (7, "2026-03-01", "2026-03-02")
    assert (spares["potentially_affected"], spares["loose_spares"], total["potentially_affected"]) == (0, 1, 7)
    ranges = [(r["first"], r["last"], r["count"]) for r in await table(recall, "nhtsa573", 1)]
    assert ranges == [("B001", "B007", 7), ("M2", "M2", 1)]


async def test_versions_of_the_population_are_told_apart_by_what_was_added_and_removed(
    service: httpx.AsyncClient, people: People, service_url: str
) -> None:
    recall = Recall(service, people, url=service_url, name="versions")
    units = [f"B/V{n:03d}" for n in range(1, 7)]
    await recall.tell.post("commissioned", 1, items=recall.tell.lines(*units), **OURS)
    await recall.opened(mode="mock")
    await recall.frozen(*units[:3])
    late = acts.Member(item=ItemId(recall.tell.uri(units[5])), kind="unit", level=2, certainty="possible", top=True)
    changed = acts.UnitsChanged(evaluation=1, chunk=0, added=(late,))
    await recall.append([changed, acts.Evaluated(evaluation=1, vector="0-1", chunks=1, added=1, withdrawn=0)])
    gone = acts.RemovalDecided(decision="remove", items=(ItemId(recall.tell.uri(units[1])),))
    await recall.append([gone], tag="gone")
    names = [r["version"] for r in await table(recall, "nhtsa573", 3, wait_for=recall.position)]
    assert names == ["freeze:1", "evaluation:1"]
    frozen = await table(recall, "nhtsa573", 1, version="freeze:1")
    assert [(r["first"], r["last"]) for r in frozen] == [("V001", "V003")]
    evaluated = {"version": "evaluation:1", "against": "freeze:1"}
    assert [(r["first"], r["last"]) for r in await table(recall, "nhtsa573", 5, **evaluated)] == [("V006", "V006")]
    assert await table(recall, "nhtsa573", 6, **evaluated) == []
    now = {"against": "freeze:1"}
    assert [r["first"] for r in await table(recall, "nhtsa573", 6, **now)] == ["V002"]
    affected, _, certain = await table(recall, "nhtsa573", 4, **now)
    told = (affected["before"], affected["now"], affected["added"], affected["removed"])
    assert (told, certain["before"], certain["now"]) == ((3, 3, 1, 1), 3, 2)
    document = (await fetched(recall, "nhtsa573", "json", **now)).json()
    assert document["notes"]["mode"] == "mock: EXERCISE, NO RECALL 模拟召回演练"
    for name, value in (("version", "freeze:9"), ("against", "last"), ("version", "x")):
        path = f"/v1/recalls/{recall.id}/reports/nhtsa573"
        refused = await service.get(path, params={name: value}, headers=people.reader)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-parameter")
        assert "freeze:1, evaluation:1" in refused.json()["detail"]


async def test_the_quarterly_report_closes(recall: Recall) -> None:
    silent = {"consignee": "=DEALER", "response": "unreachable", "why": "no_notice_received", "item": "B/B004"}
    await recall.told("responses", silent)
    (row,) = await table(recall, "nhtsa-quarterly", quarter="2026-Q1")
    assert (row["campaign"], row["notification_began"]) == (recall.id, "2026-03-03")
    counts = ["remedied", "inspected_no_remedy", *(n for n in row if n.startswith("unreachable_")), "outstanding"]
    assert sum(row[n] for n in counts) == row["involved"] == TOP
    assert (row["remedied"], row["unreachable_no_notice"]) == (2, 1)
    owners = {r["serial"]: r for r in await table(recall, "nhtsa577")}
    told = owners["B002"]
    assert (told["owner"], told["status"], told["remedy"]) == ("CUSTOMER-2", "remedied", "repair")
    assert owners["B003"]["notified_at"] == "2026-03-03+08:00"


async def test_a_recall_of_which_nothing_is_frozen_has_empty_reports_that_say_so(
    service: httpx.AsyncClient, people: People, service_url: str
) -> None:
    recall = Recall(service, people, url=service_url, name="empty")
    await recall.tell.post("commissioned", 1, items=recall.tell.lines("B/1"), **OURS)
    await recall.opened()
    for name in KINDS:
        document = (await fetched(recall, name, "json")).json()
        assert document["notes"]["set"] == "NOTHING IS FROZEN YET 尚未冻结"
    assert await table(recall, "affected-units") == []
    pack = await service.get(f"/v1/recalls/{recall.id}/pack", headers=people.reader)
    assert pack.status_code == 200


async def test_all_reports_open_and_are_the_same_bytes_at_the_same_point_later_and_after_a_rebuild(
    recall: Recall, service_url: str
) -> None:
    listed = await recall.get("reports")
    assert {r["name"] for r in listed["reports"]} == set(KINDS)
    point = listed["as_of"]["position"]
    before: dict[tuple[str, str], bytes] = {}
    for name in KINDS:
        for form in ("csv", "xlsx", "json"):
            # Jobs of the case may tell something between two questions: all are asked as of one point.
            before[name, form] = (await fetched(recall, name, form, as_of=point)).content
        assert openpyxl.load_workbook(io.BytesIO(before[name, "xlsx"])).sheetnames[0] == "about"
    await recall.tell.post("returned", 12, items=recall.tell.lines("B/B005"), site="PLANT")
    later = await fetched(recall, "affected-units", "json")
    assert later.content != before["affected-units", "json"]

    async def same() -> list[tuple[str, str]]:
        again = {key: (await fetched(recall, *key, as_of=point)).content for key in before}
        return [key for key in before if again[key] != before[key]]

    assert await same() == []
    log, pool = PostgresEventLog(dsn=service_url), await projector_pool(service_url, max_connections=4)
    await log.start()
    try:
        await rebuild(service_url, log=log, views=pool)
    finally:
        await pool.close()
        await log.stop()
    assert await same() == []


async def test_what_is_refused(recall: Recall, people: People) -> None:
    async def refused(path: str, **params: Any) -> tuple[int, str]:
        headers = params.pop("headers", people.reader)
        answer = await recall.service.get(f"/v1/recalls/{path}", params=params, headers=headers)
        return answer.status_code, answer.json()["type"]

    assert await refused(f"{recall.id}/reports/none") == (404, "/problems/unknown-report")
    assert await refused("RC-none/reports/progress") == (404, "/problems/unknown-case")
    assert await refused(f"{recall.id}/reports/progress", format="pdf") == (422, "/problems/invalid-parameter")
    assert await refused(f"{recall.id}/reports/progress", names="1") == (422, "/problems/unknown-parameter")
    assert await refused(f"{recall.id}/reports/progress", deviations="x" * 3_000) == (
        422,
        "/problems/invalid-parameter",
    )
    assert await refused(f"{recall.id}/reports/progress", headers=people.limited) == (403, "/problems/site-scope")


async def test_until_a_narrower_set_is_approved_reports_have_the_units_of_both(
    service: httpx.AsyncClient, people: People, service_url: str
) -> None:
    recall = Recall(service, people, url=service_url, name="narrower")
    units = [f"B/N{n:03d}" for n in range(1, 5)]
    await recall.tell.post("commissioned", 1, items=recall.tell.lines(*units), **OURS)
    await recall.opened(mode="mock")
    await recall.frozen(*units[:3])
    late = acts.Member(item=ItemId(recall.tell.uri(units[3])), kind="unit", level=2, certainty="certain", top=True)
    evaluated = acts.Evaluated(evaluation=1, vector="0-1", chunks=1, added=1, withdrawn=0)
    await recall.append([acts.UnitsChanged(evaluation=1, chunk=0, added=(late,)), evaluated], tag="1.")
    await recall.frozen(units[0], number=2, approve=False)
    nothing = acts.Evaluated(evaluation=2, vector="0-2", chunks=0, added=0, withdrawn=0)
    await recall.append([nothing], tag="2.")

    async def told() -> tuple[list[tuple[Any, Any]], int]:
        rows = await table(recall, "affected-units", wait_for=recall.position)
        summed = await table(recall, "nhtsa573", wait_for=recall.position)
        return [(r["item"], r["set"]) for r in rows], sum(r["potentially_affected"] for r in summed)

    uris = [recall.tell.uri(u) for u in units]
    both = [(uris[0], "freeze 2"), (uris[1], "freeze 1"), (uris[2], "freeze 1"), (uris[3], "evaluation 1")]
    assert await told() == (both, 4)
    await recall.approved(2)
    assert await told() == ([(uris[0], "freeze 2")], 1)
    assert [r["version"] for r in await table(recall, "nhtsa573", 3)] == ["freeze:1", "evaluation:1", "freeze:2"]
    population = await table(recall, "nhtsa573", 1, version="evaluation:1")
    assert [(r["first"], r["last"]) for r in population] == [("N001", "N004")]
