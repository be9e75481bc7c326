"""Line loading over HTTP: what was made while a reel was mounted derives from it (docs/semantics.md)."""

from typing import Any

import httpx

from tests.http.test_service import ask, post

AT = "2026-03-02T{}+08:00"


def reel(name: str) -> dict[str, str]:
    return {"product": "CAP", "lot": name}


def mounted(name: str, time: str, *, on: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "mounted",
        "occurred_at": AT.format(time),
        "item": reel(name),
        "equipment": on,
        "position": "F12",
        **more,
    }


def board(name: str, time: str, *, on: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "transformed",
        "occurred_at": AT.format(time),
        "outputs": [{"item": {"product": "BOARD", "serial": name}}],
        "circumstances": {"equipment": [on]},
        **more,
    }


def uri(name: str) -> str:
    return f"urn:zhuisu:{name}"


async def forward(service: httpx.AsyncClient, name: str, **more: Any) -> dict[str, str]:
    found = await ask(service, "/v1/trace/forward", item=uri(f"lot:own:CAP:{name}"), **more)
    return {n["item"].rsplit(":", 1)[1]: n["certainty"] for n in found["nodes"]}


async def test_boards_of_a_reel_in_either_order_of_arrival(service: httpx.AsyncClient) -> None:
    early = board("A1", "09:00:00", on="SMT-A")
    await post(service, early)
    off = {"kind": "unmounted", "occurred_at": AT.format("12:00:00"), "equipment": "SMT-A", "position": "F12"}
    late = board("A2", "13:00:00", on="SMT-A")
    across = board("A3", "12:01:00", on="SMT-A", started_at=AT.format("11:59:00"))
    position = await post(service, mounted("A", "08:00:00", on="SMT-A", event_id="mount-A"), off, late, across)
    assert await forward(service, "A", wait_for=position) == {"A1": "certain", "A3": "possible"}
    back = await ask(service, "/v1/trace/backward", item=uri("unit:own:BOARD:A3"))
    [node] = back["nodes"]
    assert (node["item"], node["reasons"]) == (uri("lot:own:CAP:A"), ["edge"])
    [link] = node["links"]
    assert (link["relation"], link["basis"], link["event_id"]) == ("derivation", "mounted", "mount-A")
    assert [g["code"] for g in back["gaps"]] == ["no_upstream"]
    assert (await ask(service, "/v1/trace/backward", item=uri("unit:own:BOARD:A2")))["nodes"] == []


async def test_a_splice_leaves_its_units_in_doubt(service: httpx.AsyncClient) -> None:
    boards = [board(f"S{n}", f"09:{n:02d}:00", on="SMT-S") for n in range(3, 59, 6)]
    boards += [board(f"T{n}", f"10:{n:02d}:00", on="SMT-S") for n in range(3, 59, 6)]
    splice = mounted("S2", "10:00:00", on="SMT-S", spliced=True, doubt_units=2)
    position = await post(service, mounted("S1", "08:00:00", on="SMT-S"), *boards, splice)
    one, two = await forward(service, "S1", wait_for=position), await forward(service, "S2")
    doubtful = {"S51", "S57", "T3", "T9"}
    assert {n for n, sure in one.items() if sure == "possible"} == doubtful
    assert {n for n, sure in two.items() if sure == "possible"} == doubtful
    assert (one["S45"], two["T15"]) == ("certain", "certain")
    assert "T15" not in one
    assert "S45" not in two


async def test_two_reels_at_one_position_are_a_conflict_and_both_stand(service: httpx.AsyncClient) -> None:
    off = {
        "kind": "unmounted",
        "occurred_at": AT.format("12:00:00"),
        "item": reel("C2"),
        "equipment": "SMT-C",
        "position": "F12",
        "event_id": "off-C2",
    }
    start = mounted("C1", "08:00:00", on="SMT-C", event_id="on-C1")
    position = await post(service, start, board("C9", "09:00:00", on="SMT-C"), off)
    found = await ask(service, "/v1/trace/backward", item=uri("unit:own:BOARD:C9"), wait_for=position)
    assert {n["item"]: n["reasons"] for n in found["nodes"]} == {
        uri("lot:own:CAP:C1"): ["edge"],
        uri("lot:own:CAP:C2"): ["inferred"],
    }
    [conflict] = found["conflicts"]
    assert (conflict["code"], conflict["event_ids"]) == ("two_at_position", ["off-C2", "on-C1"])


async def test_a_voided_mount_changes_the_answer_and_not_the_history(service: httpx.AsyncClient) -> None:
    start = mounted("V1", "08:00:00", on="SMT-V", event_id="wrong-reel")
    before = await post(service, start, board("V9", "09:00:00", on="SMT-V"))
    void = {"kind": "voided", "occurred_at": AT.format("10:00:00"), "target": "wrong-reel"}
    after = await post(service, void)
    assert await forward(service, "V1", wait_for=after) == {}
    assert await forward(service, "V1", as_of=before) == {"V9": "certain"}


async def test_what_came_off_before_the_output_was_booked_may_be_in_it(service: httpx.AsyncClient) -> None:
    """Two reels while the order was worked on, one that came off the day before it was issued to."""
    order = {"site": "PLANT-B", "order": "B-4711"}
    issued = [{"item": {"product": "PCB", "lot": "B"}, "quantity": 100, "uom": "EA"}]
    issue = {"kind": "issued_to_order", "occurred_at": AT.format("07:00:00"), "items": issued, **order}
    first = mounted("B1", "08:00:00", on="SMT-B")
    earlier = {**mounted("B0", "05:00:00", on="SMT-B"), "occurred_at": "2026-03-01T05:00:00+08:00"}
    off = {"kind": "unmounted", "occurred_at": "2026-03-01T06:00:00+08:00", "equipment": "SMT-B", "position": "F12"}
    second = mounted("B2", "12:00:00", on="SMT-B")
    booked = {
        "kind": "output_reported",
        "occurred_at": AT.format("20:00:00"),
        "outputs": [{"item": {"product": "BOARD", "serial": "B9"}}],
        "circumstances": {"equipment": ["SMT-B"]},
        **order,
    }
    position = await post(service, booked, second, earlier, off, first, issue)
    assert await forward(service, "B1", wait_for=position) == {"B9": "possible"}
    assert await forward(service, "B2") == {"B9": "possible"}
    assert await forward(service, "B0") == {}
    back = await ask(service, "/v1/trace/backward", item=uri("unit:own:BOARD:B9"))
    assert {n["item"]: n["reasons"] for n in back["nodes"]} == {
        uri("lot:own:CAP:B1"): ["booked_later"],
        uri("lot:own:CAP:B2"): ["booked_later"],
        uri("lot:own:PCB:B"): [],
    }
    exposure = {"equipment": "SMT-B", "since": AT.format("09:00:00"), "until": AT.format("10:00:00")}
    answer = await service.post("/v1/exposures", json=exposure)
    assert {n["item"]: n["reasons"] for n in answer.json()["nodes"]} == {uri("unit:own:BOARD:B9"): ["booked_later"]}


async def test_a_booking_of_an_order_that_nothing_bounds_says_so(service: httpx.AsyncClient) -> None:
    booked = {
        "kind": "output_reported",
        "occurred_at": AT.format("20:00:00"),
        "site": "PLANT-B",
        "order": "B-4712",
        "outputs": [{"item": {"product": "BOARD", "serial": "B8"}}],
        "circumstances": {"equipment": ["SMT-B2"]},
    }
    long_ago = {**mounted("B3", "05:00:00", on="SMT-B2"), "occurred_at": "2026-01-02T05:00:00+08:00"}
    gone = {"kind": "unmounted", "occurred_at": "2026-01-03T06:00:00+08:00", "equipment": "SMT-B2", "position": "F12"}
    a_week = {**mounted("B4", "05:00:00", on="SMT-B2"), "occurred_at": "2026-02-23T05:00:00+08:00"}
    off = {**gone, "occurred_at": "2026-02-24T06:00:00+08:00"}
    position = await post(service, booked, long_ago, gone, a_week, off)
    back = await ask(service, "/v1/trace/backward", item=uri("unit:own:BOARD:B8"), wait_for=position)
    assert [n["item"] for n in back["nodes"]] == [uri("lot:own:CAP:B4")]
    assert "no_making" in {g["code"] for g in back["gaps"]}
    assert await forward(service, "B3") == {}


async def test_a_product_without_lot_is_not_mounted(service: httpx.AsyncClient) -> None:
    wrong = mounted("X", "08:00:00", on="SMT-X", item={"product": "CAP"})
    answer = await service.post("/v1/events", json=[wrong])
    assert "name the lot or the reel that is mounted" in answer.text
