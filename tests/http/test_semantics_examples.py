"""SEMANTICS §9 over HTTP: every example is posted to a running service and asked of its real routes.

Each example has products of its own, so one service serves all.
"""

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx

from tests.http.telling import CERTAIN, DAY, Example, hour

GLN_A, GLN_B = "0614141000012", "0614141000029"


async def test_e1_a_lot_goes_up_into_module_pack_and_bike(service: httpx.AsyncClient) -> None:
    e = Example(service, "E1")
    await e.made(8, ["lot:CELL/L-9"], ["M"])
    await e.fit(9, "M", "P")
    await e.fit(10, "P", "B")
    assert await e.trace("lot:CELL/L-9") == e.expect(M=CERTAIN, P=CERTAIN, B=CERTAIN)
    totals = (await e.ask("/v1/trace/forward", "lot:CELL/L-9"))["totals"]
    assert (totals["units"], totals["top_units"], totals["certain"]) == (3, 1, 3)


async def test_e2_a_component_that_came_after_the_module_left(service: httpx.AsyncClient) -> None:
    e = Example(service, "E2")
    await e.fit(1, "M", "B1")
    await e.remove(3, "M", "B1")
    await e.fit(5, "C", "M")
    assert await e.trace("C") == e.expect(M=CERTAIN, B1="against_time")
    assert await e.trace("C", mode="as_maintained", at=hour(6)) == e.expect(M=CERTAIN)


async def test_e3_fluid_drained_while_the_part_was_in(service: httpx.AsyncClient) -> None:
    e = Example(service, "E3")
    await e.fit(1, "C", "U")
    await e.made(3, ["U"], ["lot:F/W"])
    await e.remove(5, "C", "U")
    assert await e.trace("C", mode="as_maintained", at=hour(10)) == e.named({"lot:F/W": CERTAIN})


async def test_e4_fluid_drained_before_the_part_came(service: httpx.AsyncClient) -> None:
    e = Example(service, "E4")
    await e.made(3, ["U"], ["lot:F/W"])
    await e.fit(6, "C", "U")
    assert await e.trace("C", mode="as_maintained", at=hour(10)) == e.expect(U=CERTAIN)
    assert await e.trace("C") == e.named({"U": CERTAIN, "lot:F/W": "against_time"})


async def test_e5_two_lots_of_one_material_and_another_material(service: httpx.AsyncClient) -> None:
    e = Example(service, "E5")
    serials = [f"S/{n}" for n in range(100)]
    await e.made(1, ["lot:CELL/A", "lot:CELL/B", "lot:ELY/K"], serials)
    assert await e.trace("lot:CELL/A") == e.named(dict.fromkeys(serials, "several_inputs"))
    assert await e.trace("lot:ELY/K") == e.named(dict.fromkeys(serials, CERTAIN))
    links = (await e.ask("/v1/trace/backward", "S/7"))["nodes"]
    assert {n["item"]: [(k["certainty"], k["reasons"]) for k in n["links"]] for n in links} == {
        e.uri("lot:CELL/A"): [("possible", ["several_inputs"])],
        e.uri("lot:CELL/B"): [("possible", ["several_inputs"])],
        e.uri("lot:ELY/K"): [(CERTAIN, [])],
    }


async def test_e6_a_tray_stands_for_what_it_held_then(service: httpx.AsyncClient) -> None:
    e = Example(service, "E6")
    for serial, lot in (("C/1", "lot:CELL/L"), ("C/2", "lot:CELL/L2")):
        await e.post("commissioned", 1, items=[e.line(serial, lot=e.uri(lot))])
    await e.pack(2, "box:T", e.line("C/1"))
    await e.made(3, ["box:T"], ["M"])
    await e.pack(4, "box:T", e.line("C/2"))
    await e.made(5, ["box:T"], ["M2"])
    assert await e.trace("lot:CELL/L") == e.named({"C/1": CERTAIN, "M": CERTAIN})
    assert await e.trace("M2", "backward") == e.named({"C/2": CERTAIN, "lot:CELL/L2": CERTAIN})


async def test_e7_a_lot_is_in_several_places_and_adds_up(service: httpx.AsyncClient) -> None:
    e = Example(service, "E7")
    lot = "lot:CELL/L"
    await e.post("material_received", 1, item=e.uri(lot), quantity=1000, site="E7-HOME")
    await e.post("shipped", 2, items=[e.line(lot, 400)], site="E7-HOME", to_place="E7-X")
    await e.post("shipped", 3, items=[e.line(lot, 300)], site="E7-HOME", to_place="E7-Y")
    await e.pack(4, "box:1", e.line(lot, 10), site="E7-HOME")
    await e.post("unpacked", 5, container=e.uri("box:1"), contents=[e.line(lot, 4)], site="E7-HOME")
    state = await e.state(lot)
    rows = {(w["site"], w["container"]): Decimal(w["quantity"]) for w in state["where"]}
    home = "E7-HOME"
    assert rows == {(home, None): 294, (home, e.uri("box:1")): 6, ("E7-X", None): 400, ("E7-Y", None): 300}
    assert sum(rows.values()) == 1000
    assert (state["holder"], state["site"], state["status"]) == (None, None, None)


async def test_e8_a_release_names_its_hold(service: httpx.AsyncClient) -> None:
    e = Example(service, "E8")
    await e.post("held", 1, hold_id="E8-H1", items=e.lines("U"))
    await e.post("held", 2, hold_id="E8-H2", items=e.lines("U"))
    await e.post("hold_released", 3, hold_id="E8-H1")
    state = await e.state("U")
    assert (state["on_hold"], [h["hold_id"] if isinstance(h, dict) else h for h in state["holds"]]) == (True, ["E8-H2"])


async def test_e9_a_voided_sale_uncovers_the_shipment(service: httpx.AsyncClient) -> None:
    e = Example(service, "E9")
    ship = await e.post("shipped", 10, items=e.lines("U"))
    sale = await e.post("sold", 11, items=e.lines("U"))
    before = e.position
    await e.post("voided", 12, target=sale)
    assert (await e.state("U"))["status"] == "in_transit"
    assert (await e.state("U", as_of=before))["status"] == "sold"
    events = (await e.ask("/v1/items/timeline", "U"))["events"]
    told = {x["event_id"]: x["voided_by"] for x in events}
    assert told.keys() >= {ship, sale}
    assert (told[ship], told[sale] is not None) == (None, True)
    stood = {x["event_id"]: (x["standing"], x["voided_by"]) for x in events}
    assert (stood[ship][0], stood[sale][0]) == ("counts", "void")
    events = (await e.ask("/v1/items/timeline", "U", as_of=before))["events"]
    assert {x["event_id"]: (x["standing"], x["voided_by"]) for x in events}[sale] == ("counts", None)


async def test_e10_received_in_its_pallet_and_unpacked_in_the_same_second(service: httpx.AsyncClient) -> None:
    """By EPCIS documents, as warehouses send it; the unpacking does not say where it was."""
    pallet, unit = "urn:epc:id:sscc:0614141.1234567890", "urn:epc:id:sgtin:0614141.107346.E10"

    def event(kind: str, time: int, place: str | None, **more: Any) -> dict[str, Any]:
        where = {"bizLocation": {"id": f"urn:epc:id:sgln:0614141.0000{place}.0"}} if place else {}
        return {"type": kind, "eventTime": hour(time), "eventTimeZoneOffset": "+08:00", **where, **more}

    inside = {"parentID": pallet, "childEPCs": [unit]}
    events = [
        event("ObjectEvent", 1, "1", action="ADD", epcList=[unit], bizStep="commissioning"),
        event("AggregationEvent", 2, "1", action="ADD", bizStep="packing", **inside),
        event("ObjectEvent", 3, "2", action="OBSERVE", epcList=[pallet], bizStep="receiving"),
        event("AggregationEvent", 3, None, action="DELETE", bizStep="unpacking", **inside),
    ]
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": hour(4),
        "epcisBody": {"eventList": events},
    }
    answer = await service.post("/epcis/v2/capture", json=document)
    assert answer.status_code == 202, answer.text
    asked = {"item": unit, "wait_for": answer.headers["location"].rsplit("~", 1)[1]}
    before = (await service.get("/v1/items/state", params={**asked, "at": hour(2)})).json()
    after = (await service.get("/v1/items/state", params=asked)).json()
    assert (before["site"], after["site"]) == tuple(f"https://id.gs1.org/414/{gln}" for gln in (GLN_A, GLN_B))
    assert (before["container"], after["container"]) == ("https://id.gs1.org/00/106141412345678908", None)


async def test_e11_packed_elsewhere_without_unpacking(service: httpx.AsyncClient) -> None:
    e = Example(service, "E11")
    await e.pack(1, "box:C1", e.line("u"))
    await e.pack(2, "box:C2", e.line("u"))
    await e.post("unpacked", 3, container=e.uri("box:C1"), all_contents=True)
    assert (await e.state("u"))["container"] == e.uri("box:C2")
    (then,) = (await e.ask("/v1/items/contents", "box:C1", at=hour(1)))["items"]
    assert (then["item"], then["until_inferred"]) == (e.uri("u"), True)
    assert datetime.fromisoformat(then["until"]) == datetime.fromisoformat(hour(2))


async def test_e12_a_void_that_waits_for_its_replacement(service: httpx.AsyncClient) -> None:
    e = Example(service, "E12")
    wrong = await e.made(1, ["lot:CELL/A"], ["M"])
    await e.post("voided", 2, target=wrong, replaced_by=["E12-right"])
    assert await e.trace("lot:CELL/A") == e.expect(M="replacement_pending")
    await e.made(1, ["lot:CELL/B"], ["M"], event_id="E12-right")
    assert await e.trace("lot:CELL/A") == {}
    assert await e.trace("lot:CELL/B") == e.expect(M=CERTAIN)


async def test_e13_the_first_copy_counts(service: httpx.AsyncClient) -> None:
    e = Example(service, "E13")
    await e.made(1, ["lot:CELL/A"], ["M"], event_id="E13-x")
    await e.made(1, ["lot:CELL/B"], ["M"], event_id="E13-x")
    assert await e.trace("M", "backward") == e.named({"lot:CELL/A": CERTAIN})
    conflicts = (await e.ask("/v1/trace/backward", "M"))["conflicts"]
    assert [(c["code"], c["event_ids"]) for c in conflicts] == [("conflicting_copies", ["E13-x"])]


async def test_e14_issued_to_an_order_and_nothing_reported(service: httpx.AsyncClient) -> None:
    e = Example(service, "E14")
    line = e.line("lot:STEEL/L", 300, uom="KGM")
    await e.post("issued_to_order", 1, site="S", order="4711", document="E14-1", items=[line])
    found = await e.ask("/v1/trace/forward", "lot:STEEL/L")
    assert found["nodes"] == []
    gaps = [(g["code"], g["items"], Decimal(g["quantity"] or 0)) for g in found["gaps"]]
    assert gaps == [("open_wip", [e.uri("lot:STEEL/L")], 300)]


async def test_e15_material_booked_without_lot(service: httpx.AsyncClient) -> None:
    e = Example(service, "E15")
    for lot, site in (("lot:M/1", "E15-S"), ("lot:M/2", "E15-T")):
        await e.post("material_received", 1, item=e.uri(lot), quantity=5, uom="KGM", site=site)
    used = e.line("class:M", 2, uom="KGM", basis="backflushed")
    await e.post("transformed", 2, site="E15-S", inputs=[used], outputs=e.lines("P"))
    assert await e.trace("lot:M/1") == e.expect(P="basis,class_level")
    assert await e.trace("lot:M/2") == {}


async def test_e16_a_date_means_the_whole_day(service: httpx.AsyncClient) -> None:
    e = Example(service, "E16")
    await e.post("sold", f"{DAY}+08:00", items=e.lines("U"))
    await e.post("shipped", 9, items=e.lines("U"))
    state = await e.state("U")
    assert state["status"] == "sold"
    assert "order_uncertain" in {g["code"] for g in state["gaps"]}


async def test_e17_void_and_event_at_once(service: httpx.AsyncClient) -> None:
    """Void and event are posted at once, twenty times: void, always. Two projectors: tests/projections."""
    examples = [Example(service, f"E17-{n}") for n in range(20)]

    async def at_once(e: Example) -> None:
        target = f"{e.name}-x"
        other = Example(service, e.name)
        await asyncio.gather(other.post("voided", 2, target=target), e.made(1, ["lot:CELL/A"], ["M"], event_id=target))
        e.position = f"{e.position},{other.position}"

    await asyncio.gather(*(at_once(e) for e in examples))
    for e in examples:
        assert await e.trace("lot:CELL/A") == {}


async def test_e18_pairwise_they_meet_all_three_never(service: httpx.AsyncClient) -> None:
    e = Example(service, "E18")
    for part, whole, since, until in (("C", "M", 1, 3), ("M", "P", 2, 6), ("P", "B", 4, 9)):
        await e.fit(since, part, whole)
        await e.remove(until, part, whole)
    assert await e.trace("C") == e.expect(M=CERTAIN, P=CERTAIN, B="against_time")


async def test_e19_certain_by_a_second_path(service: httpx.AsyncClient) -> None:
    e = Example(service, "E19")
    await e.made(3, ["lot:CELL/L", "lot:CELL/L2"], ["M", "N"])
    await e.made(1, ["lot:CELL/L"], ["lot:PASTE/K"])
    await e.made(2, ["lot:PASTE/K"], ["M"])
    found = {n["item"]: n for n in (await e.ask("/v1/trace/forward", "lot:CELL/L"))["nodes"]}
    module = found[e.uri("M")]
    assert (module["level"], module["certainty"]) == (1, CERTAIN)
    assert found[e.uri("N")]["reasons"] == ["several_inputs"]


async def test_e20_drained_after_the_part_left(service: httpx.AsyncClient) -> None:
    e = Example(service, "E20")
    await e.fit(1, "C", "U")
    await e.remove(5, "C", "U")
    await e.made(7, ["U"], ["lot:F/W"])
    assert await e.trace("C") == e.named({"U": CERTAIN, "lot:F/W": "touched"})
    assert await e.trace("C", mode="as_maintained", at=hour(10)) == {}


async def test_e21_a_container_that_was_an_output(service: httpx.AsyncClient) -> None:
    e = Example(service, "E21")
    await e.made(1, ["lot:CELL/L"], ["box:P"])
    await e.pack(2, "box:P", e.line("c"))
    await e.made(3, ["box:P"], ["Q"])
    assert await e.trace("lot:CELL/L") == e.named({"box:P": CERTAIN, "Q": CERTAIN})
    assert await e.trace("c") == e.expect(Q=CERTAIN)
