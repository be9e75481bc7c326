"""Serial ranges over HTTP: one event, one row, and every member answers."""

import httpx
import pytest

from tests.http.test_service import HOUR, ask, post

COUNT = 100_000


def member(n: int, product: str = "RANGE") -> str:
    return f"urn:zhuisu:unit:own:{product}:C{n:06d}"


def commissioned(product: str, first: str, last: str, **more: object) -> dict[str, object]:
    lot = {"product": product, "lot": "L-1"}
    serials = {"product": {"product": product}, "first": first, "last": last, **more}
    return {"kind": "commissioned", "occurred_at": HOUR.format(8), "items": [{"range": serials, "lot": lot}]}


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_hundred_thousand_serials_are_one_event_and_all_answer(service: httpx.AsyncClient) -> None:
    made = commissioned("RANGE", "C000001", f"C{COUNT:06d}")
    made["items"][0]["quantity"] = COUNT  # type: ignore[index]
    position = await post(service, {**made, "event_id": "range-made"})
    state = await ask(service, "/v1/items/state", item=member(4711), wait_for=position)
    assert (state["status"], state["kind"], state["event_count"]) == ("in_stock", "unit", 1)
    events = (await ask(service, "/v1/items/timeline", item=member(4711)))["events"]
    assert [(e["event_id"], e["named"]) for e in events] == [("range-made", [member(4711)])]
    service.timeout = httpx.Timeout(800)
    forward = await ask(service, "/v1/trace/forward", item="urn:zhuisu:lot:own:RANGE:L-1")
    assert (forward["totals"]["units"], forward["totals"]["certain"], forward["complete"]) == (COUNT, COUNT, True)
    assert {forward["nodes"][0]["item"], forward["nodes"][-1]["item"]} == {member(1), member(COUNT)}


async def test_a_serial_beside_the_range_is_unknown_and_its_neighbours_are_named(service: httpx.AsyncClient) -> None:
    position = await post(service, commissioned("NEAR", "C000010", "C000020", step=2))
    assert (await ask(service, "/v1/items/state", item=member(12, "NEAR"), wait_for=position))["status"] == "in_stock"
    for beside, near in ((9, [10]), (21, [20]), (15, [14])):
        answer = await service.get("/v1/items/state", params={"item": member(beside, "NEAR")})
        assert answer.status_code == 404
        assert list(answer.json()["nearest"]) == [member(n, "NEAR") for n in near]


async def test_search_finds_members_by_serial_by_id_and_by_beginning(service: httpx.AsyncClient) -> None:
    position = await post(service, commissioned("SOUGHT", "ZZ9-0100", "ZZ9-0400"))
    for text, count in (("ZZ9-0123", 1), ("urn:zhuisu:unit:own:SOUGHT:ZZ9-0123", 1), ("ZZ9-01", 100), ("ZZ9-0500", 0)):
        found = (await ask(service, "/v1/items", q=text, wait_for=position))["items"]
        assert len(found) == count, text
    assert found == []


async def test_a_recall_by_serials_holds_vehicles_by_their_counter(service: httpx.AsyncClient) -> None:
    made = commissioned("VEHICLE", "1M8GDM9AXKP042788", "1M8GDM9A8KP042790", check="vin")
    scope = {"product": {"product": "VEHICLE"}, "first_serial": "1M8GDM9AXKP042788", "last_serial": "1M8GDM9A1KP042789"}
    recalled = {"kind": "recall_declared", "occurred_at": HOUR.format(9), "recall_id": "R-VIN", "products": [scope]}
    position = await post(service, made, recalled)
    for vin, ids in (("1M8GDM9AXKP042788", ["R-VIN"]), ("1M8GDM9A1KP042789", ["R-VIN"]), ("1M8GDM9A8KP042790", [])):
        item = f"urn:zhuisu:unit:own:VEHICLE:{vin}"
        assert (await ask(service, "/v1/items/state", item=item, wait_for=position))["recalls"] == ids


async def test_a_member_that_something_happened_to_keeps_its_beginning(service: httpx.AsyncClient) -> None:
    sold = {"items": [{"item": {"product": "LATER", "serial": "C000002"}}]}
    position = await post(
        service,
        {**commissioned("LATER", "C000001", "C000003"), "event_id": "later-made"},
        {"kind": "sold", "occurred_at": HOUR.format(9), **sold, "event_id": "later-sold"},
        {"kind": "voided", "occurred_at": HOUR.format(10), "target": "later-made"},
    )
    events = (await ask(service, "/v1/items/timeline", item=member(2, "LATER"), wait_for=position))["events"]
    assert [(e["event_id"], e["voided_by"] is not None) for e in events] == [
        ("later-made", True),
        ("later-sold", False),
    ]
    assert (await ask(service, "/v1/items/state", item=member(1, "LATER")))["event_count"] == 0


async def test_members_are_exposed_to_what_their_range_was_made_on(service: httpx.AsyncClient) -> None:
    made = commissioned("EXPOSED", "C000001", "C000003") | {"circumstances": {"equipment": ["RANGE-PRESS"]}}
    position = await post(service, made)
    asked = {"equipment": "RANGE-PRESS", "since": HOUR.format(7), "until": HOUR.format(9)}
    answer = await service.post("/v1/exposures", params={"wait_for": position}, json=asked)
    assert answer.status_code == 200, answer.text
    assert [n["item"] for n in answer.json()["nodes"]] == [member(n, "EXPOSED") for n in (1, 2, 3)]


async def test_members_hold_what_was_mounted_when_their_range_was_made(service: httpx.AsyncClient) -> None:
    reel = {"product": "RCAP", "lot": "R-1"}
    mounted = {"kind": "mounted", "equipment": "RANGE-SMT", "position": "F1", "item": reel}
    made = commissioned("LOADED", "C000001", "C000003") | {"circumstances": {"equipment": ["RANGE-SMT"]}}
    position = await post(service, {**mounted, "occurred_at": HOUR.format(7)}, made)
    uri = "urn:zhuisu:lot:own:RCAP:R-1"
    forward = await ask(service, "/v1/trace/forward", item=uri, wait_for=position)
    assert [(n["item"], n["certainty"]) for n in forward["nodes"]] == [
        (member(n, "LOADED"), "certain") for n in (1, 2, 3)
    ]
    back = await ask(service, "/v1/trace/backward", item=member(2, "LOADED"))
    assert uri in {n["item"] for n in back["nodes"]}


@pytest.mark.parametrize(
    ("changed", "field"),
    [({"last": "C000002", "step": 2}, "last"), ({"check": "vin"}, "first"), ({"exclude": ["C000009"]}, "exclude")],
)
async def test_a_range_that_does_not_count_up_is_refused_by_name(
    service: httpx.AsyncClient, changed: dict[str, object], field: str
) -> None:
    event = commissioned("BAD", "C000001", "C000005")
    event["items"][0]["range"] |= changed  # type: ignore[index]
    answer = await service.post("/v1/events", json=event)
    assert answer.status_code == 422
    error = answer.json()["outcomes"][0]["error"]
    assert error["field"].endswith(field), error


async def test_serials_longer_than_an_id_are_refused_by_name(service: httpx.AsyncClient) -> None:
    """A set that had one lost the part that listed it."""
    answer = await service.post("/v1/events", json=commissioned("LONG", "S" * 600 + "1", "S" * 600 + "5"))
    assert answer.status_code == 422
    error = answer.json()["outcomes"][0]["error"]
    assert (error["field"], error["fix"][:7]) == ("items.0.range.first", "shorten")


async def test_a_letter_and_its_mark_in_serials_are_asked_for_as_one_sign(service: httpx.AsyncClient) -> None:
    position = await post(service, commissioned("MARKED", "e\u03011", "e\u03015"))
    for serial in ("e\u03012", "\xe92"):
        item = f"urn:zhuisu:unit:own:MARKED:{serial}"
        assert (await ask(service, "/v1/items/state", item=item, wait_for=position))["status"] == "in_stock"
