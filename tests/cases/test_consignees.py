"""Consignees over HTTP: who got what, their lists and notices, and effectiveness checks."""

from typing import Any

import httpx
import orjson
import pytest_asyncio

from tests.cases.conftest import People
from tests.cases.frozen import Recall
from tests.cases.test_accounting import OURS, delivered


@pytest_asyncio.fixture(loop_scope="session")
async def recall(service: httpx.AsyncClient, people: People, service_url: str, *, request: Any) -> Recall:
    name = request.node.name.removeprefix("test_")[:40].replace("_", "-")
    return Recall(service, people, url=service_url, name=name)


async def two_dealers(recall: Recall) -> None:
    """X got B/1 to B/3 and sold B/2; Y got B/4."""
    await delivered(recall, "B/1", "B/2", "B/3")
    await delivered(recall, "B/4", to="DEALER-Y")
    tell = recall.tell
    await tell.post("sold", 9, items=tell.lines("B/2"), holder="CUSTOMER-2", site="SHOP-DEALER-X")
    await recall.opened(product="E-bike City 36", hazard="The battery may catch fire", contact="recall@example.com")
    await recall.frozen("B/1", "B/2", "B/3", "B/4")


async def test_the_list_tells_who_got_what_was_told_and_answered(recall: Recall) -> None:
    await two_dealers(recall)
    await recall.told("notifications", {"to": "accounts", "how": "registered mail", "at": "2026-03-03+08:00"})
    await recall.told("responses", {"consignee": "DEALER-X", "response": "acknowledged", "by": "Ms Zhao"})
    told = await recall.get("consignees")
    assert told["totals"] == {
        "accounts": 2,
        "direct": 2,
        "owners": 1,
        "notified": 2,
        "responding": 1,
        "not_responding": 1,
        "unreachable": 0,
    }
    x, y, owner = told["consignees"]
    assert (x["consignee"], x["direct"], x["owner"], x["units"], x["units_there"]) == ("DEALER-X", True, False, 3, 2)
    assert x["passed_to"] == {"CUSTOMER-2": 1}
    assert x["notified"] == {"times": 1, "at": "2026-03-03+08:00", "how": "registered mail"}
    assert x["acknowledged_at"] is not None
    assert (y["consignee"], y["acknowledged_at"]) == ("DEALER-Y", None)
    assert (owner["consignee"], owner["owner"], owner["came_from"]) == ("CUSTOMER-2", True, {"DEALER-X": 1})
    assert owner["notified"]["times"] == 0, "accounts, not owners, were meant"


async def test_each_gets_only_their_items(recall: Recall) -> None:
    """US2: the export of a direct account lists only their serials, with the pallet they came on."""
    await two_dealers(recall)
    x = await recall.get("consignees/DEALER-X")
    assert [(i["item"], i["there"], i["passed_to"]) for i in x["items"]] == [
        (recall.tell.uri("B/1"), True, None),
        (recall.tell.uri("B/2"), False, "CUSTOMER-2"),
        (recall.tell.uri("B/3"), True, None),
    ]
    assert {i["via"] for i in x["items"]} == {recall.tell.uri("box:DEALER-X")}
    url = f"/v1/recalls/{recall.id}/consignees/DEALER-Y"
    as_csv = await recall.service.get(url, params={"format": "csv"})
    assert recall.tell.uri("B/4") in as_csv.text
    assert recall.tell.uri("B/1") not in as_csv.text
    as_lines = (await recall.service.get(url, params={"format": "ndjson"})).text.splitlines()
    assert [orjson.loads(line)["type"] for line in as_lines] == ["header", "item", "trailer"]
    assert orjson.loads(as_lines[1])["item"] == recall.tell.uri("B/4")
    listed = (await recall.service.get(f"/v1/recalls/{recall.id}/consignees", params={"format": "ndjson"})).text
    assert [orjson.loads(line).get("consignee") for line in listed.splitlines()][1:-1] == [
        "DEALER-X",
        "DEALER-Y",
        "CUSTOMER-2",
    ]
    nobody = await recall.service.get(f"/v1/recalls/{recall.id}/consignees/DEALER-Z")
    assert (nobody.status_code, nobody.json()["type"]) == (404, "/problems/unknown-consignee")


async def test_whom_the_record_does_not_name_is_told_all_the_same(recall: Recall) -> None:
    tell = recall.tell
    await tell.post("commissioned", 1, items=tell.lines("B/1"), **OURS)
    await tell.post("shipped", 5, items=tell.lines("B/1"), **OURS)
    await recall.opened()
    await recall.frozen("B/1")
    assert [c["consignee"] for c in (await recall.get("consignees"))["consignees"]] == [None]
    assert [i["item"] for i in (await recall.get("consignees/unknown"))["items"]] == [tell.uri("B/1")]
    nobody = await recall.post("notifications", notifications=[{"to": "all", "how": "mail"}])
    assert (nobody.status_code, nobody.json()["type"]) == (409, "/problems/no-consignees")


async def test_the_notice_has_what_the_law_asks_their_items_and_their_address(recall: Recall) -> None:
    await two_dealers(recall)
    service, wang = recall.service, recall.people.wang
    contact = {"name": "Zhao <Li>", "phones": ["+86 571 8888 0000"], "address": "1 Road\nHangzhou"}
    assert (await service.put("/v1/contacts/DEALER-X", json=contact, headers=wang)).status_code == 204
    url, to_x = f"/v1/recalls/{recall.id}/notice", {"consignee": "DEALER-X"}
    early = (await service.get(url, params={**to_x, "format": "json"}, headers=wang)).json()
    assert early["missing"] == ["brand", "where_to_find", "defect", "what_to_do", "remedies"]
    described = await recall.post(
        "describe",
        defect="Cells of one lot may short. This is a voluntary step.",
        notice={
            "brand": "Pedelo",
            "where_to_find": "Under the bottom bracket",
            "what_to_do": "Do not charge it.",
            "remedies": ["replace", "refund"],
        },
    )
    assert described.status_code == 200, described.text
    told = (await service.get(url, params={**to_x, "format": "json"}, headers=wang)).json()
    assert (told["missing"], told["warnings"]) == ([], ["voluntary"])
    assert [row[0] for row in told["items"]] == [recall.tell.uri(f"B/{n}") for n in (1, 2, 3)]
    english = await service.get(url, params={**to_x, "format": "text", "lang": "en"}, headers=wang)
    for text in (
        "Product safety recall",
        "Zhao <Li>",
        "+86 571 8888 0000",
        "E-bike City 36",
        "The battery may catch fire",
        "Stop using, selling and shipping",
        "CUSTOMER-2",
        "Replacement",
        "Answer that you got this notice",
        recall.tell.uri("B/2"),
    ):
        assert text in english.text
    assert recall.tell.uri("B/4") not in english.text
    page = await service.get(url, params=to_x, headers=wang)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "产品安全召回通知" in page.text
    assert "Zhao &lt;Li&gt;" in page.text, "what others wrote is no markup"
    assert len(page.headers["Zhuisu-Document-SHA256"]) == 64
    refused = await service.get(url, params=to_x, headers=recall.people.reader)
    assert refused.status_code == 403, "contacts are not for those who only read"


async def test_a_mock_recall_says_on_every_notice_that_it_is_one(recall: Recall) -> None:
    await delivered(recall, "B/1")
    await recall.opened(mode="mock")
    await recall.frozen("B/1")
    url = f"/v1/recalls/{recall.id}/notice"
    page = await recall.service.get(url, params={"consignee": "DEALER-X"}, headers=recall.people.wang)
    assert "演练" in page.text


async def test_a_sample_is_drawn_by_seed_stored_and_its_checks_are_counted(recall: Recall) -> None:
    """US1: level C asks 10 % of the consignees, rounded up, the same ones for the same seed."""
    dealers = [f"DEALER-{n:02d}" for n in range(11)]
    for n, dealer in enumerate(dealers):
        await delivered(recall, f"B/{n}", to=dealer)
    await recall.opened()
    await recall.frozen(*[f"B/{n}" for n in range(11)])
    await recall.told("notifications", {"to": "direct", "how": "mail"})
    drawn = (await recall.post("effectiveness/draw", level="C", seed=7)).json()
    assert (drawn["population"], len(drawn["consignees"])) == (11, 2)
    assert (await recall.post("effectiveness/draw", level="C", seed=7)).json()["consignees"] == drawn["consignees"]
    first, second = drawn["consignees"]
    await recall.told(
        "effectiveness",
        {"consignee": first, "effective": False, "at": "2026-03-04+08:00", "detail": "never heard of it"},
        {"consignee": first, "effective": True, "at": "2026-03-05+08:00"},
        name="checks",
    )
    [sample] = (await recall.get("effectiveness"))["samples"]
    assert (sample["level"], sample["seed"], sample["drawn"]) == ("C", 7, drawn["consignees"])
    assert (sample["checked"], sample["effective"], sample["open"]) == (1, 1, [second])
    made_up = (await recall.post("effectiveness/draw", level="B", share=50)).json()
    assert (len(made_up["consignees"]), isinstance(made_up["seed"], int)) == (6, True)
    wrong = await recall.post("effectiveness/draw", level="B")
    assert (wrong.status_code, wrong.json()["type"]) == (422, "/problems/invalid-command")
