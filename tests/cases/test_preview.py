"""What a scope rule would freeze: every leaf and every combination, with counts and cost."""

import csv
import hashlib
import io
import json
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.cases.conftest import People, Post
from tests.cases.factory import DAY_1, DAY_2, RECORD, SUPPLIER, lot, measured, modules, post, product, received, unit

L9, L8 = lot("CELL", "L-9"), lot("CELL", "L-8")
M1, M2, M3, M4 = (unit("MODULE", f"M-{n}") for n in (1, 2, 3, 4))
M33 = unit("MODULE", "M-33")
B1, B2 = unit("BIKE", "B-1"), unit("BIKE", "B-2")
S9, S8 = (f"urn:zhuisu:lot:urn%3Aparty%3Acells:CELL:S-{n}" for n in (9, 8))
EVERYTHING = {L9, L8, M1, M2, M3, M33, M4, B1, B2, S9, S8}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def position(service: httpx.AsyncClient) -> str:
    return await post(service)


async def preview(service: httpx.AsyncClient, position: str, rule: dict[str, Any], **more: str) -> dict[str, Any]:
    answer = await service.post("/v1/recalls/preview", json={"rule": rule}, params={"wait_for": position, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["cost"]["rows"] == len(found["members"])
    return found


def members(found: dict[str, Any], *, possible: bool | None = None) -> set[str]:
    wanted = {None: ("certain", "possible"), True: ("possible",), False: ("certain",)}[possible]
    return {m["item"] for m in found["members"] if m["certainty"] in wanted}


async def test_a_lot_and_all_it_went_into_with_why_and_where(service: httpx.AsyncClient, position: str) -> None:
    found = await preview(service, position, {"lots": [L9]})
    assert members(found, possible=False) - {S9} == {L9, M1, M4, B1}
    assert members(found, possible=True) == {M3, M33}
    by_item = {m["item"]: m for m in found["members"]}
    assert (by_item[L9]["seed"], by_item[L9]["level"]) == (True, 0)
    bike = by_item[B1]
    assert (bike["level"], bike["from"], bike["status"], bike["top"]) == (2, [M1], "sold", True)
    assert len(bike["event_ids"]) == 1
    assert by_item[M3]["reasons"] == ["several_inputs"]
    assert [(m["level"], m["item"]) for m in found["members"]] == sorted(
        (m["level"], m["item"]) for m in found["members"]
    )
    # The bike is what a regulator counts; three modules that are in no bike are a line apart.
    totals = found["totals"]
    assert (totals["units"], totals["top_units"], totals["loose_spares"]) == (5, 1, 3)
    assert (totals["certain"] + totals["possible"], totals["possible"]) == (totals["items"], 2)
    assert totals["by_status"]["sold"] == 1
    assert found["cost"]["seconds"] > 0


MADE = {"basis": "plant_local_production_date", "from": "2026-03-01", "until": "2026-03-01"}
CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("items", {"items": [M2]}, {M2, B2}),
    ("seeds alone", {"lots": [L9], "follow": "none"}, {L9}),
    ("supplier's lots", {"supplier_lots": {"supplier": SUPPLIER, "lots": ["S-8"]}}, {L8, S8, M2, M3, M33, B2}),
    ("a supplier", {"supplier": SUPPLIER}, EVERYTHING),
    ("a supplier before anything came", {"supplier": SUPPLIER, "until": "2026-02-01T00:00:00Z"}, set()),
    ("a product", {"product": product("BIKE")}, {product("BIKE"), B1, B2}),
    ("a product's units alone", {"product": "MODULE", "follow": "none"}, {product("MODULE"), M1, M2, M3, M33, M4}),
    ("serials", {"product": "MODULE", "serials": {"first": "M-2", "last": "M-9"}}, {M2, M3, M4, B2}),
    ("made on a day", {"product": "MODULE", "made": {**MADE, "day_starts": "00:00"}}, {M1, M2, M3, M33, B1, B2}),
    (
        "made on a day that starts at six",
        {"product": "MODULE", "made": {**MADE, "day_starts": "06:00"}},
        {M2, M3, M33, M4, B2},
    ),
    (
        "made on a day elsewhere",
        {"product": "MODULE", "made": {**MADE, "day_starts": "00:00", "zone": "UTC"}},
        {M3, M33, M4},
    ),
    ("a line", {"exposure": {"line": "LINE-2"}}, {M2, B2}),
    (
        "a line in a window",
        {"exposure": {"line": "LINE-1", "since": "2026-03-01T22:00:00+08:00", "until": "2026-03-02T05:00:00+08:00"}},
        {M1, M3, M33, M4, B1},
    ),
    ("failed components", {"failed_component_lots": {"items": [B2], "material": "CELL"}}, {L8, M2, M3, M33, B2, S8}),
    (
        "what two failed items share",
        {"failed_component_lots": {"items": [M1, M4], "material": "CELL", "shared_by": 2}},
        {L9, M1, M3, M33, M4, B1, S9},
    ),
    ("an inspection's result", {"inspection": {"characteristic": "impedance", "at_least": "1.5"}}, {M2, B2}),
    ("an inspection's limits", {"inspection": {"characteristic": "impedance", "at_most": "1.2"}}, {M1, B1}),
    ("any", {"any": [{"items": [M2]}, {"items": [M1]}]}, {M1, M2, B1, B2}),
    ("all", {"all": [{"lots": [L9]}, {"lots": [L8]}]}, {M3, M33}),
    ("except what is certain", {"except": [{"lots": [L9]}, {"items": [M1]}]}, {L9, M3, M33, M4, S9}),
    ("except what is possible", {"except": [{"lots": [L8]}, {"lots": [L9]}]}, {L8, M2, M3, M33, B2, S8}),
    ("as maintained before", {"items": [M1], "mode": "as_maintained", "at": "2026-03-02T08:00:00+08:00"}, {M1}),
    ("as built", {"items": [M1], "mode": "as_built"}, {M1, B1}),
]


@pytest.mark.parametrize(("rule", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
async def test_every_kind_of_rule(
    service: httpx.AsyncClient, position: str, rule: dict[str, Any], *, expected: set[str]
) -> None:
    assert members(await preview(service, position, rule)) == expected


async def test_what_the_neighbour_of_a_window_made_is_only_possible(service: httpx.AsyncClient, position: str) -> None:
    window = {"line": "LINE-1", "since": "2026-03-01T22:00:00+08:00", "until": "2026-03-02T05:00:00+08:00"}
    found = await preview(service, position, {"exposure": window})
    assert members(found, possible=False) == {M3, M33}


async def test_what_the_rule_names_and_no_event_does_is_told(service: httpx.AsyncClient, position: str) -> None:
    found = await preview(service, position, {"any": [{"items": [unit("MODULE", "M-99")]}, {"lots": [L9]}]})
    assert [g["items"] for g in found["gaps"] if g["code"] == "unknown_item"] == [[unit("MODULE", "M-99")]]


async def test_as_of_an_earlier_position_what_came_later_is_not_known(
    service: httpx.AsyncClient, position: str
) -> None:
    before = (await preview(service, position, {"lots": [L9]}))["as_of"]["position"]
    later = {**RECORD[2], "outputs": [{"item": {"product": "MODULE", "serial": "M-5"}}]}
    after = await post(service, [later])
    assert unit("MODULE", "M-5") in members(await preview(service, after, {"lots": [L9]}))
    assert unit("MODULE", "M-5") not in members(await preview(service, after, {"lots": [L9]}, as_of=before))


async def test_it_streams_in_three_forms_with_the_same_rows(service: httpx.AsyncClient, position: str) -> None:
    asked = {"rule": {"lots": [L8]}}
    found = await preview(service, position, asked["rule"])
    lines = (await service.post("/v1/recalls/preview", json=asked, params={"format": "ndjson"})).content.splitlines(
        True
    )
    header, trailer = json.loads(lines[0]), json.loads(lines[-1])
    assert (header["type"], header["cost"]["rows"], trailer["rows"]) == ("header", len(lines) - 2, len(lines) - 2)
    assert trailer["hash"] == "sha256:" + hashlib.sha256(b"".join(lines[1:-1])).hexdigest()
    assert [json.loads(line)["item"] for line in lines[1:-1]] == [m["item"] for m in found["members"]]
    sheet = await service.post("/v1/recalls/preview", json=asked, headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(sheet.text)))
    assert [r["item"] for r in rows] == [m["item"] for m in found["members"]]


async def test_a_recalls_own_scope_is_previewed_by_who_may_read(
    service: httpx.AsyncClient, people: People, act: Post, *, position: str
) -> None:
    await service.post("/v1/recalls", json={"id": "RP-1", "title": "x"}, headers=people.wang)
    none = await service.get("/v1/recalls/RP-1/preview", headers=people.reader)
    assert (none.status_code, none.json()["type"]) == (409, "/problems/no-scope")
    await act("RP-1", "scope", change="set", rule={"items": [M2]})
    found = await service.get("/v1/recalls/RP-1/preview", params={"wait_for": position}, headers=people.reader)
    assert members(found.json()) == {M2, B2}
    limited = await service.get("/v1/recalls/RP-1/preview", headers=people.limited)
    assert limited.json()["type"] == "/problems/site-scope"


@pytest.mark.parametrize(
    ("body", "code"),
    [({"rule": {"lot": [L9]}}, "invalid-rule"), ({"rules": {}}, "invalid-body"), ([], "invalid-body")],
)
async def test_what_is_no_rule_is_refused(service: httpx.AsyncClient, body: Any, code: str) -> None:
    answer = await service.post("/v1/recalls/preview", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{code}")


LATE: list[dict[str, Any]] = [
    # what would be a seed, or made another day, had it been known
    {"kind": "commissioned", "occurred_at": DAY_1.format(0), "items": [{"item": {"product": "BIKE", "serial": "B-1"}}]},
    {
        "kind": "commissioned",
        "occurred_at": DAY_1.format(0),
        "items": [{"item": {"product": "MODULE", "serial": "M-9"}}],
    },
    # what is a container from now on, so that asked about it would stand for what it holds
    {
        "kind": "packed",
        "occurred_at": DAY_2.format(20),
        "container": {"product": "MODULE", "serial": "M-2"},
        "contents": [{"item": {"product": "MODULE", "serial": "M-9"}}],
    },
    received("L-7", "S-8"),
    modules(["M-8"], ["L-9", "L-8"], DAY_1.format(9)),
    measured("M-4", "1.7", DAY_2.format(6)),
]
AS_OF_RULES: list[dict[str, Any]] = [
    {"items": [unit("MODULE", "M-9"), M1]},
    {"product": "MODULE", "serials": {"first": "M-2", "last": "M-9"}},
    {"product": "BIKE", "made": {**MADE, "from": "2026-03-02", "until": "2026-03-02", "day_starts": "00:00"}},
]


async def test_as_of_a_position_every_rule_comes_to_the_same_whatever_is_told_later(
    service: httpx.AsyncClient, position: str
) -> None:
    """A freeze that was killed is done again after more was told: it must come to the same, level by level."""
    rules = [rule for _, rule, _ in CASES] + AS_OF_RULES
    before = [await preview(service, position, rule) for rule in rules]
    then = before[0]["as_of"]["position"]
    later = await post(service, LATE)
    changed = 0
    for rule, known in zip(rules, before, strict=True):
        again = await preview(service, later, rule, as_of=then)
        for name in ("members", "totals", "gaps"):
            assert again[name] == known[name], (rule, name)
        changed += (await preview(service, later, rule))["members"] != known["members"]
    assert changed > 10
