"""Vessels over HTTP: what came out, from all that went in since it was clean (docs/semantics.md)."""

from typing import Any

import httpx

from tests.http.test_service import HOUR, ask, post


def lot(name: str) -> dict[str, str]:
    return {"product": name.split("/")[0], "lot": name.split("/")[1]}


def charged(name: str, hour: int, *, vessel: str, kg: str | None = None) -> dict[str, Any]:
    amount = {"quantity": kg, "uom": "KGM"} if kg else {}
    inputs = [{"item": lot(name), **amount}]
    return {"kind": "charged", "occurred_at": HOUR.format(hour), "vessel": vessel, "inputs": inputs}


def discharged(name: str, hour: int, *, vessel: str, **more: Any) -> dict[str, Any]:
    outputs = [{"item": lot(name)}]
    return {"kind": "discharged", "occurred_at": HOUR.format(hour), "vessel": vessel, "outputs": outputs, **more}


def uri(name: str) -> str:
    return f"urn:zhuisu:lot:own:{name.replace('/', ':')}"


async def forward(service: httpx.AsyncClient, name: str, **more: Any) -> dict[str, list[str]]:
    found = await ask(service, "/v1/trace/forward", item=uri(name), **more)
    return {n["item"]: n["reasons"] or [n["certainty"]] for n in found["nodes"]}


async def test_a_discharge_holds_every_charge_since_the_last_clean_break(service: httpx.AsyncClient) -> None:
    tank = "TANK-B"
    position = await post(
        service,
        charged("EB/K1", 6, vessel=tank),
        {"kind": "emptied", "occurred_at": HOUR.format(7), "vessel": tank},
        charged("EB/K2", 8, vessel=tank),
        discharged("FB/W", 10, vessel=tank, mode="mixed"),
        charged("EB/K3", 11, vessel=tank),
    )
    assert await forward(service, "EB/K1", wait_for=position) == {uri("FB/W"): ["certain"]}
    assert await forward(service, "EB/K3") == {}
    back = await ask(service, "/v1/trace/backward", item=uri("FB/W"))
    assert {n["item"] for n in back["nodes"]} == {uri("EB/K1"), uri("EB/K2")}
    assert {link["basis"] for n in back["nodes"] for link in n["links"]} == {"scanned"}
    cleaned = {"kind": "cleaned", "occurred_at": HOUR.format(7), "vessel": tank, "event_id": "clean-b"}
    position = await post(service, cleaned)
    assert await forward(service, "EB/K1", wait_for=position) == {}
    position = await post(service, {"kind": "voided", "occurred_at": HOUR.format(12), "target": "clean-b"})
    assert await forward(service, "EB/K1", wait_for=position) == {uri("FB/W"): ["certain"]}


async def test_a_cleaning_by_date_alone_is_doubt_not_safety(service: httpx.AsyncClient) -> None:
    tank = "TANK-D"
    position = await post(
        service,
        charged("ED/K1", 6, vessel=tank),
        discharged("FD/W", 10, vessel=tank, mode="mixed"),
        {"kind": "cleaned", "occurred_at": "2026-03-01+08:00", "vessel": tank},
    )
    assert await forward(service, "ED/K1", wait_for=position) == {uri("FD/W"): ["edge"]}


async def test_fifo_shares_are_told_and_take_no_link_away(service: httpx.AsyncClient) -> None:
    tank = "TANK-F"
    amount = {"quantity": "150", "uom": "KGM"}
    position = await post(
        service,
        charged("EF/K1", 6, vessel=tank, kg="100"),
        charged("EF/K2", 7, vessel=tank, kg="100"),
        discharged("FF/W", 10, vessel=tank, mode="fifo", **amount),
        discharged("FF/X", 11, vessel=tank, mode="fifo", quantity="10", uom="KGM"),
    )
    found = await ask(service, "/v1/trace/backward", item=uri("FF/W"), wait_for=position)
    shares = {n["item"]: n["links"][0]["share"] for n in found["nodes"]}
    assert shares == {uri("EF/K1"): "0.666667", uri("EF/K2"): "0.333333"}
    assert {tuple(n["reasons"]) for n in found["nodes"]} == {("several_inputs",)}
    assert await forward(service, "EF/K1") == {uri("FF/W"): ["several_inputs"], uri("FF/X"): ["several_inputs"]}


async def test_vessel_into_vessel_into_cells(service: httpx.AsyncClient) -> None:
    position = await post(
        service,
        charged("EC/K1", 6, vessel="MIXER-C"),
        {
            "kind": "discharged",
            "occurred_at": HOUR.format(8),
            "vessel": "MIXER-C",
            "into": "FILLER-C",
            "event_id": "pump-c",
        },
        {
            "kind": "transformed",
            "occurred_at": HOUR.format(9),
            "event_id": "fill-c",
            "draws": [{"vessel": "FILLER-C"}],
            "outputs": [{"item": {"product": "CELLC", "serial": "1"}}, {"item": {"product": "CELLC", "serial": "2"}}],
        },
    )
    cells = {f"urn:zhuisu:unit:own:CELLC:{n}": ["certain"] for n in (1, 2)}
    between = {"urn:zhuisu:lot:own:vessel/MIXER-C:pump-c": ["certain"]}
    drawn = {"urn:zhuisu:lot:own:vessel/FILLER-C:fill-c": ["certain"]}
    assert await forward(service, "EC/K1", wait_for=position) == between | drawn | cells
    back = await ask(service, "/v1/trace/backward", item="urn:zhuisu:unit:own:CELLC:1")
    assert [n["item"] for n in back["nodes"]] == [*drawn, *between, uri("EC/K1")]
    assert back["totals"]["certain"] == 3


async def test_a_vessel_into_itself_is_refused(service: httpx.AsyncClient) -> None:
    wrong = {"kind": "discharged", "occurred_at": HOUR.format(8), "vessel": "T", "into": "T"}
    answer = await service.post("/v1/events", json=[wrong])
    assert "must name another vessel" in answer.text


async def test_an_exposure_to_a_vessel_starts_with_what_came_out_of_it(service: httpx.AsyncClient) -> None:
    tank = "TANK-E"
    cells = {"outputs": [{"item": {"product": "CELLE", "serial": "1"}}], "draws": [{"vessel": tank}]}
    position = await post(
        service,
        charged("EE/K1", 6, vessel=tank),
        discharged("FE/W", 8, vessel=tank),
        {"kind": "discharged", "occurred_at": HOUR.format(9), "vessel": tank, "into": "T2-E", "event_id": "pump-e"},
        {"kind": "transformed", "occurred_at": HOUR.format(10), **cells},
        discharged("FE/X", 20, vessel=tank),
    )
    window = {"since": HOUR.format(7), "until": HOUR.format(11)}
    answer = await service.post("/v1/exposures", json={"equipment": tank, **window}, params={"wait_for": position})
    found = {n["item"]: n["reasons"] for n in answer.json()["nodes"]}
    assert found == {
        uri("FE/W"): [],
        "urn:zhuisu:lot:own:vessel/TANK-E:pump-e": [],
        "urn:zhuisu:unit:own:CELLE:1": [],
        uri("FE/X"): ["duration_unknown"],
    }


async def test_words_with_wide_spaces_and_breaks_are_traced_as_any_other(service: httpx.AsyncClient) -> None:
    """What was accepted is in the answers, whatever a lot and a vessel are called."""
    tank = "槽　1\n甲" + "V" * 480
    position = await post(
        service,
        charged("电解液/批号　5", 6, vessel=tank),
        discharged("电芯/批号　6", 7, vessel=tank),
        {"kind": "discharged", "occurred_at": HOUR.format(8), "vessel": tank, "into": "TANK-W", "event_id": ":" * 99},
    )
    found = await forward(service, "电解液/批号　5", wait_for=position)
    assert found.pop(uri("电芯/批号　6")) == ["certain"]
    [drawn] = found
    assert drawn.startswith("urn:zhuisu:lot:own:sha256:")
    back = await ask(service, "/v1/trace/backward", item=drawn)
    assert [n["item"] for n in back["nodes"]] == [uri("电解液/批号　5")]
