"""Relabelled things over HTTP: one thing under all its ids."""

import httpx

from tests.http.test_service import HOUR, ask, post, unit


def uri(name: str) -> str:
    product, serial = name.split("/")
    return f"urn:zhuisu:unit:own:{product}:{serial}"


async def test_a_relabelled_unit_answers_under_both_ids_and_counts_once(service: httpx.AsyncClient) -> None:
    made = {"inputs": [{"item": {"product": "RCELL", "lot": "L-1"}}], "outputs": [{"item": unit("RL/1")}]}
    position = await post(
        service,
        {"kind": "transformed", "occurred_at": HOUR.format(8), "event_id": "rl-made", **made},
        {
            "kind": "reidentified",
            "occurred_at": HOUR.format(9),
            "event_id": "rl-renamed",
            "old_id": unit("RL/1"),
            "new_id": unit("RL/2"),
            "reason": "label replaced",
        },
        {"kind": "sold", "occurred_at": HOUR.format(10), "event_id": "rl-sold", "items": [{"item": unit("RL/2")}]},
    )
    forward = await ask(service, "/v1/trace/forward", item="urn:zhuisu:lot:own:RCELL:L-1", wait_for=position)
    assert [(n["item"], n["level"], n["certainty"], n["status"]) for n in forward["nodes"]] == [
        (uri("RL/2"), 1, "certain", "sold"),
        (uri("RL/1"), 2, "certain", "sold"),
    ]
    [link] = forward["nodes"][1]["links"]
    assert (link["relation"], link["from"], link["to"]) == ("identified_as", uri("RL/1"), uri("RL/2"))
    assert (forward["totals"]["units"], forward["totals"]["items"], forward["totals"]["top_units"]) == (1, 1, 1)
    for name in ("RL/1", "RL/2"):
        state = await ask(service, "/v1/items/state", item=uri(name))
        assert (state["item"], state["goes_by"], state["status"]) == (uri(name), uri("RL/2"), "sold")
        assert state["ids"] == [uri("RL/1"), uri("RL/2")]
        events = (await ask(service, "/v1/items/timeline", item=uri(name)))["events"]
        assert [(e["event_id"], len(e["named"])) for e in events] == [("rl-made", 1), ("rl-renamed", 2), ("rl-sold", 1)]


async def test_one_new_id_for_two_is_a_conflict_that_names_both(service: httpx.AsyncClient) -> None:
    position = await post(
        service,
        *(
            {
                "kind": "reidentified",
                "occurred_at": HOUR.format(hour),
                "event_id": f"twice-{hour}",
                "old_id": unit(f"TW/{hour}"),
                "new_id": unit("TW/N"),
            }
            for hour in (8, 9)
        ),
    )
    state = await ask(service, "/v1/items/state", item=uri("TW/8"), wait_for=position)
    [conflict] = state["conflicts"]
    assert (conflict["code"], conflict["event_ids"]) == ("reidentified_twice", ["twice-8", "twice-9"])
    forward = await ask(service, "/v1/trace/forward", item=uri("TW/8"))
    assert {(n["item"], n["certainty"]) for n in forward["nodes"]} == {
        (uri("TW/9"), "possible"),
        (uri("TW/N"), "possible"),
    }
    assert [c["code"] for c in forward["conflicts"]] == ["reidentified_twice"]


async def test_the_supplier_s_number_of_a_lot_does_not_count_as_one_more(service: httpx.AsyncClient) -> None:
    """Asked by either number, one unit is affected, and no lot: the one asked about is left out."""
    lot = {"product": "SUPM", "lot": "A"}
    receipt = {"kind": "material_received", "occurred_at": HOUR.format(7), "site": "PL", "item": lot}
    more = {"quantity": 10, "uom": "KGM", "supplier": "acme", "supplier_lot": "X9"}
    made = {"inputs": [{"item": lot}], "outputs": [{"item": unit("SUPU/1")}]}
    position = await post(service, receipt | more, {"kind": "transformed", "occurred_at": HOUR.format(9), **made})
    for asked in ("urn:zhuisu:lot:own:SUPM:A", "urn:zhuisu:lot:acme:SUPM:X9"):
        found = await ask(service, "/v1/trace/forward", item=asked, wait_for=position)
        assert len(found["nodes"]) == 2
        assert (found["totals"]["units"], found["totals"]["lots"]) == (1, 0)
    back = await ask(service, "/v1/trace/backward", item="urn:zhuisu:unit:own:SUPU:1")
    assert (len(back["nodes"]), back["totals"]["lots"]) == (2, 1)
