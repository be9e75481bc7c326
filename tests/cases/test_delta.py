"""The delta over HTTP: late and corrected events change the set, with reasons; nothing leaves it without a decision."""

import itertools

import httpx
import pytest
import pytest_asyncio

from domain.positions import parse_vector
from tests.cases.conftest import People
from tests.cases.following import Live
from tests.waiting import eventually

numbers = itertools.count(1)
LEVELS = ("09521234000075", "19521234000072", "29521234000079")
"""GTINs of a piece, a case and a pallet: they differ in the indicator digit alone."""


@pytest_asyncio.fixture(loop_scope="session")
async def recall(service: httpx.AsyncClient, people: People) -> Live:
    return Live(service, people, name=f"d{next(numbers)}")


async def until_changes(recall: Live, *wanted: tuple[str, str]) -> dict[str, dict[str, object]]:
    """Until these are the changes (what, short name); by short name."""

    def there(found: dict[str, list[dict[str, str]]]) -> bool:
        return {(c["change"], recall.short(c["item"])) for c in found["changes"]} == set(wanted)

    found = await recall.until(there, "delta")
    return {recall.short(c["item"]): c for c in found["changes"]}


async def test_a_late_event_adds_units_with_their_reason_path_an_alert_and_a_hold(recall: Live) -> None:
    tell = recall.tell
    await tell.made(1, ["lot:CELL/L-9"], ["M/3"])
    await recall.begun("lot:CELL/L-9")
    late = await tell.made(2, ["M/3"], ["P/77"])
    await tell.fit(3, "P/77", "B/1042")
    added = await until_changes(recall, ("added", "P/77"), ("added", "B/1042"))
    assert added["P/77"]["came_from"] == [tell.uri("M/3")]
    assert added["P/77"]["event_ids"] == [late]
    assert added["B/1042"]["came_from"] == [tell.uri("P/77")]
    assert (added["B/1042"]["top"], added["P/77"]["top"]) == (True, False)
    assert ("unit_added", "B/1042") in await recall.alerts()
    await recall.until(lambda shown: any(a.get("series", "").startswith("d") for a in shown["history"]))
    assert (await tell.state("B/1042"))["on_hold"] is True


async def test_what_comes_in_is_a_loose_spare_only_where_others_of_its_product_are_fitted(recall: Live) -> None:
    """A pack that was used up, not fitted, makes no spare of another: it is a top unit, which a regulator counts."""
    tell = recall.tell
    await tell.made(1, ["lot:CELL/L-9"], ["P/1", "M/1"])
    await tell.made(2, ["P/1"], ["C/1"])
    await tell.fit(2, "M/1", "C/1")
    await recall.begun("lot:CELL/L-9")
    await tell.made(3, ["lot:CELL/L-9"], ["P/2", "M/2"])
    added = await until_changes(recall, ("added", "P/2"), ("added", "M/2"))
    assert (added["M/2"]["loose_spare"], added["P/2"]["top"]) == (True, True)
    # One that is fitted only after the freeze makes spares of those that come later; once taken out it makes none.
    await tell.fit(4, "P/2", "C/2")
    await tell.remove(4, "M/1", "C/1")
    await tell.made(5, ["lot:CELL/L-9"], ["P/3", "M/3"])
    wanted = [(what, n) for what in ("P", "M") for n in (2, 3)] + [("C", 2)]
    added = await until_changes(recall, *(("added", f"{what}/{n}") for what, n in wanted))
    assert (added["P/3"]["loose_spare"], added["M/3"]["top"]) == (True, True)


async def test_a_correction_withdraws_nothing_by_itself(recall: Live) -> None:
    tell = recall.tell
    made = await tell.made(1, ["lot:CELL/L-9"], ["B/1"])
    await tell.made(1, ["lot:CELL/L-9"], ["B/2"])
    await recall.begun("lot:CELL/L-9")
    await tell.post("voided", 5, target=made, reason="wrong lot")
    changed = await until_changes(recall, ("withdrawn", "B/1"))
    assert changed["B/1"]["decision"] == "pending"
    assert changed["B/1"]["came_from"] == [tell.uri("lot:CELL/L-9")]  # why it was in
    assert (await recall.get("delta"))["totals"]["pending"] == 1
    assert (await recall.get("accounting"))["population"] == 2
    decided = await recall.post(
        "removals", decision="remove", items=[tell.uri("B/1")], reason="see the corrected booking"
    )
    assert decided["history"][-1]["decision"] == "remove"
    after = (await recall.get("delta"))["changes"][0]
    assert (after["decision"], after["decided_by"], after["reason"]) == ("remove", "wang", "see the corrected booking")
    assert (await recall.get("accounting"))["population"] == 1
    # Another event says so again: it is affected again, and comes in by itself.
    await tell.made(2, ["lot:CELL/L-9"], ["B/1"])
    await recall.until(lambda found: [c["change"] for c in found["changes"]] == ["withdrawn", "added"], "delta")
    assert (await recall.get("accounting"))["population"] == 2


async def test_what_turns_from_possible_to_certain_and_back_is_told_and_stays(recall: Live) -> None:
    """Two cell lots went into one making: which went into the pack is known once a correction names one of them."""
    tell = recall.tell
    await tell.made(2, ["lot:CELL/L-9", "lot:CELL/L-8"], ["B/1", "B/2"])
    await recall.begun("lot:CELL/L-9")
    sure = await tell.made(3, ["lot:CELL/L-9"], ["B/1"])
    told = (await until_changes(recall, ("changed", "B/1")))["B/1"]
    assert (told["was"], told["certainty"], told["reasons"]) == (
        {"level": 1, "certainty": "possible", "reasons": ["several_inputs"]},
        "certain",
        [],
    )
    assert sure in told["event_ids"]
    assert await recall.alerts() == {("unit_certain", "B/1"), ("used", "lot:CELL/L-9")}
    totals = (await recall.get("delta"))["totals"]
    assert (totals["changed"], totals["became_certain"], totals["became_possible"]) == (1, 1, 0)
    units = {recall.short(m["item"]): m for m in (await recall.get("units"))["members"]}
    assert (units["B/1"]["certainty"], units["B/1"]["change"], units["B/1"]["certainty_now"]) == (
        *("possible", "changed", "certain"),
    )
    assert (units["B/2"]["change"], units["B/2"]["certainty_now"]) == (None, None)
    explained = await recall.get("explain", item=tell.uri("B/1"))
    assert (explained["certainty"], explained["because"]) == ("certain", "changed")
    assert "certain since evaluation 2, possible before" in explained["text"]["en"]
    # The sure making was a mistake: it is only possible again, and nothing goes out of the set.
    await tell.post("voided", 5, target=sure, reason="wrong booking")
    await recall.until(lambda found: [c["change"] for c in found["changes"]] == ["changed", "changed"], "delta")
    shown = await recall.get("delta")
    assert (shown["totals"]["became_possible"], shown["totals"]["pending"]) == (1, 0)
    assert await recall.alerts() == {("unit_certain", "B/1"), ("used", "lot:CELL/L-9")}
    accounting = await recall.get("accounting")
    assert accounting["population"] == 2


async def test_what_comes_nearer_is_not_said_to_have_become_surer(recall: Live) -> None:
    tell = recall.tell
    await tell.made(2, ["lot:CELL/L-9"], ["M/1"])
    await tell.made(3, ["M/1"], ["B/1"])
    await recall.begun("lot:CELL/L-9")
    await tell.made(4, ["lot:CELL/L-9"], ["B/1"])
    told = (await until_changes(recall, ("changed", "B/1")))["B/1"]
    assert (told["was"], told["level"]) == ({"level": 2, "certainty": "certain", "reasons": []}, 1)
    text = (await recall.get("explain", item=tell.uri("B/1")))["text"]
    assert "at another level or for other reasons since evaluation 2" in text["en"]
    assert "自第 2 次评估起层级或原因有变" in text["zh"]
    assert "before" not in text["en"]


async def test_a_removal_needs_a_reason_a_member_and_the_role(recall: Live) -> None:
    tell = recall.tell
    await tell.made(1, ["lot:CELL/L-9"], ["B/1", "B/2"])
    await recall.begun("lot:CELL/L-9")
    url, item = f"/v1/recalls/{recall.id}/removals", tell.uri("B/1")
    for body, code in (
        ({"decision": "remove", "items": [item]}, "invalid-command"),
        ({"decision": "remove", "items": [], "reason": "x"}, "invalid-command"),
        ({"decision": "remove", "items": [tell.uri("B/9")], "reason": "x"}, "not-affected"),
        ({"decision": "forget", "items": [item], "reason": "x"}, "invalid-command"),
    ):
        refused = await recall.service.post(url, json=body, headers=recall.people.wang)
        assert (refused.status_code, refused.json()["type"]) == (422, f"/problems/{code}"), body
    said = {"decision": "remove", "items": [item], "reason": "x"}
    assert (await recall.service.post(url, json=said, headers=recall.people.reader)).status_code == 403


@pytest.mark.parametrize("mode", ["mock", "live"])
async def test_what_touches_nothing_evaluates_nothing(recall: Live, mode: str) -> None:
    tell = recall.tell
    await tell.made(1, ["lot:CELL/L-9"], ["B/1"])
    await recall.begun("lot:CELL/L-9", mode=mode)
    await tell.made(2, ["lot:CELL/L-8"], ["B/2"])
    await tell.made(3, ["B/2"], ["C/2"])
    here = tell.position
    await tell.made(3, ["B/1"], ["C/1"])
    await until_changes(recall, ("added", "C/1"))
    told = [a for a in (await recall.get())["history"] if a["act"] == "evaluated"]
    assert len(told) == 2
    assert here


async def test_items_bound_by_what_they_have_in_common_come_in(recall: Live) -> None:
    """Events that name no member: of one transformation, one order, one vessel."""
    tell = recall.tell
    run, line = f"urn:run:{recall.id}", [tell.line("lot:CELL/L-9", 5)]
    await tell.post("transformed", 1, transformation_id=run, inputs=line, outputs=[])
    await tell.post("issued_to_order", 1, order=f"PO-{recall.id}", items=[tell.line("lot:CELL/L-9", 5)], site="urn:t:s")
    await tell.post("charged", 1, vessel=f"V-{recall.id}", inputs=[tell.line("lot:CELL/L-9", 5)])
    await recall.begun("lot:CELL/L-9")
    await tell.post("transformed", 2, transformation_id=run, inputs=[], outputs=tell.lines("T/1"))
    await tell.post("output_reported", 2, order=f"PO-{recall.id}", outputs=tell.lines("O/1"), site="urn:t:s")
    await tell.post("discharged", 2, vessel=f"V-{recall.id}", outputs=[tell.line("lot:W/1", 3)])
    await until_changes(recall, ("added", "T/1"), ("added", "O/1"), ("added", "lot:W/1"))


async def test_a_rule_that_narrows_watches_its_parts(recall: Live) -> None:
    """x is of one part only; a later event makes it of both, and names no member of the whole."""
    tell = recall.tell
    both = {"all": [{"items": [tell.uri("lot:A/1")]}, {"items": [tell.uri("lot:B/1")]}]}
    await tell.made(1, ["lot:A/1"], ["X/1"])
    await tell.made(1, ["lot:B/1"], ["Y/1"])
    await recall.begun(rule=both)
    await tell.made(2, ["Y/1"], ["X/1"])
    await until_changes(recall, ("added", "X/1"))


async def test_a_supplier_and_a_product_of_a_rule_are_watched(recall: Live) -> None:
    tell = recall.tell
    supplier = f"urn:example:supplier:{recall.id}"
    rule = {"any": [{"supplier": supplier}, {"product": tell.uri("class:P")}]}
    received = {"supplier": supplier, "quantity": 5, "item": tell.uri("lot:R/1")}
    await tell.post("material_received", 1, **received)
    await tell.made(1, [], ["P/1"])
    await recall.begun(rule=rule)
    await tell.post("material_received", 2, **(received | {"item": tell.uri("lot:R/2")}))
    await tell.made(2, [], ["P/2"])
    await until_changes(recall, ("added", "lot:R/2"), ("added", "P/2"))


async def test_a_transformation_or_an_order_that_a_member_joins_later_is_watched(recall: Live) -> None:
    """The events that bring something out name no member, and the run is not known yet when the set is frozen."""
    tell = recall.tell
    run, line = f"urn:run:{recall.id}", [tell.line("lot:CELL/L-9", 5)]
    await tell.made(1, ["lot:CELL/L-9"], ["B/1"])
    await recall.begun("lot:CELL/L-9")
    await tell.post("transformed", 2, transformation_id=run, inputs=line, outputs=[])
    await tell.post("issued_to_order", 2, order=f"PO-{recall.id}", items=line, site="urn:t:s")
    seen = parse_vector(tell.position)
    await recall.until(lambda told: all(parse_vector(told["evaluated_to"])[p] >= o for p, o in seen.items()), "delta")
    await tell.post("transformed", 3, transformation_id=run, inputs=[], outputs=tell.lines("T/1"))
    await tell.post("output_reported", 3, order=f"PO-{recall.id}", outputs=tell.lines("O/1"), site="urn:t:s")
    await until_changes(recall, ("added", "T/1"), ("added", "O/1"))


async def test_the_same_lot_number_at_another_packaging_level_is_watched(recall: Live) -> None:
    """Cases and pieces of one batch: whichever level is named later, by itself or as the lot of a unit."""
    tell = recall.tell
    number = recall.id.replace("-", "")
    piece, case, pallet = (f"https://id.gs1.org/01/{gtin}/10/{number}" for gtin in LEVELS)
    await tell.post("commissioned", 1, items=[{"item": piece, "quantity": 100, "uom": "C62"}])
    await recall.begun(rule={"items": [piece]})
    await tell.post("commissioned", 2, items=[{"item": case, "quantity": 10, "uom": "C62"}])
    found = await recall.until(lambda told: [c["item"] for c in told["changes"]] == [case], "delta")
    assert (found["changes"][0]["certainty"], found["changes"][0]["reasons"]) == ("possible", ["packaging_level"])
    await tell.post("commissioned", 3, items=[{"item": f"{pallet}/21/1"}])
    await recall.until(lambda told: pallet in [c["item"] for c in told["changes"]], "delta")


async def test_what_is_upstream_of_a_failed_component_is_watched(recall: Live) -> None:
    """The motor's maker is known when the bike fails; what went into the maker's rotor is booked afterwards."""
    tell = recall.tell
    await tell.made(1, ["lot:MAGNET/7"], ["ROTOR/1"])
    await tell.made(1, ["lot:MAGNET/7"], ["OTHER/1"])
    await tell.fit(3, "MOTOR/1", "B/1")
    rule = {"failed_component_lots": {"items": [tell.uri("B/1")], "material": tell.uri("class:MAGNET")}}
    await recall.begun(rule=rule)
    await tell.made(2, ["ROTOR/1"], ["MOTOR/1"])  # names neither the bike nor a magnet
    await recall.until(lambda told: tell.uri("OTHER/1") in [c["item"] for c in told["changes"]], "delta")


async def test_a_part_of_a_narrowing_rule_is_watched_by_what_it_shares(recall: Live) -> None:
    """Y comes of a run that a lot of one part joined; X, of the other part already, was made of Y."""
    tell = recall.tell
    run = f"urn:run:{recall.id}"
    await tell.made(1, ["lot:A/1"], ["X/1"])
    await tell.post("transformed", 1, transformation_id=run, inputs=[tell.line("lot:B/1", 5)], outputs=[])
    await tell.made(4, ["Y/1"], ["X/1"])
    await recall.begun(rule={"all": [{"items": [tell.uri("lot:A/1")]}, {"items": [tell.uri("lot:B/1")]}]})
    await tell.post("transformed", 3, transformation_id=run, inputs=[], outputs=tell.lines("Y/1"))
    await until_changes(recall, ("added", "X/1"))


async def test_what_the_approved_rule_adds_does_not_wait_for_a_narrower_one_to_be_approved(recall: Live) -> None:
    """Until a second person agrees that the rest is not affected, what comes from it is."""
    await recall.tell.made(1, ["lot:C/L-1"], ["M/1"])
    await recall.tell.made(1, ["lot:C/L-2"], ["M/2"])
    await recall.begun("lot:C/L-1", "lot:C/L-2")
    await recall.scoped("lot:C/L-1", change="narrowed")
    await recall.post("freeze", position=recall.tell.position)
    await recall.until(lambda shown: shown["freeze"]["number"] == 2 and shown["freeze"]["state"] == "frozen")
    await recall.tell.made(2, ["lot:C/L-2"], ["M/3"])

    async def held(short: str) -> bool:
        return bool((await recall.tell.state(short))["on_hold"])

    await eventually(lambda: held("M/3"), within_seconds=20)
    assert ("unit_added", "M/3") in await recall.alerts()
    await recall.tell.made(2, ["lot:C/L-2"], ["M/4"])
    await eventually(lambda: held("M/4"), within_seconds=20)
    await until_changes(recall, ("added", "M/3"), ("added", "M/4"))
    assert (await recall.tell.state("M/2"))["on_hold"] is True
    await recall.post("approve", by=recall.people.li)

    async def released() -> bool:
        return not (await recall.tell.state("M/2"))["on_hold"]

    await eventually(released, within_seconds=20)
    assert (await recall.tell.state("M/1"))["on_hold"] is True
    assert (await recall.tell.state("M/3"))["on_hold"] is True, "until somebody decides otherwise"
