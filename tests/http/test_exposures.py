"""What was exposed to a machine, a person, a supplier, a value or an instrument, and what that went into."""

from typing import Any

import httpx
import pytest

DAY = "2026-03-02T{}:00+08:00"


def unit(number: str) -> dict[str, str]:
    return {"product": "X", "serial": number}


def name(node: dict[str, Any]) -> str:
    return str(node["item"]).rsplit(":", 1)[1]


async def post(service: httpx.AsyncClient, *events: dict[str, Any]) -> str:
    answer = await service.post("/v1/events", json=list(events))
    assert (answer.status_code, answer.json()["rejected"]) == (202, 0), answer.text
    return str(answer.json()["position"])


def made(number: str, at: str, **circumstances: Any) -> dict[str, Any]:
    started = circumstances.pop("started_at", None)
    more = {"started_at": DAY.format(started), "ended_at": DAY.format(at)} if started else {}
    outputs = [{"item": unit(number)}]
    return {
        "kind": "transformed",
        "occurred_at": DAY.format(at),
        "outputs": outputs,
        "inputs": [{"item": {"product": "IN", "lot": number}}],
        "circumstances": circumstances,
        **more,
    }


async def exposed(service: httpx.AsyncClient, known: str, **body: Any) -> dict[str, str]:
    """Item -> certain, or the reasons joined."""
    answer = await service.post("/v1/exposures", json=body, params={"wait_for": known})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["question"], told["items"], told["complete"]) == ("exposure", [], True)
    return {name(n): n["certainty"] if n["certainty"] == "certain" else ",".join(n["reasons"]) for n in told["nodes"]}


async def test_a_window_on_a_machine_with_its_doubtful_neighbours(service: httpx.AsyncClient) -> None:
    welder = {"equipment": ["WELDER-2"]}
    fitted = {"parent": unit("bike"), "components": [{"item": unit("in-1")}]}
    position = await post(
        service,
        made("early", "06:00", **welder),
        made("before", "07:50", **welder),
        made("began", "08:20", started_at="07:40", **welder),
        made("ended", "07:55", started_at="07:45", **welder),
        made("in-1", "08:30", **welder),
        made("other", "08:30", equipment=["WELDER-3"]),
        made("after", "09:10", **welder),
        made("late", "10:00", **welder),
        {"kind": "assembled", "occurred_at": DAY.format("11:00"), **fitted},
    )
    window = {"since": DAY.format("08:00"), "until": DAY.format("09:00")}
    found = await exposed(service, position, equipment="WELDER-2", **window)
    assert found == {
        "before": "duration_unknown",
        "began": "certain",
        "in-1": "certain",
        "after": "duration_unknown",
        "bike": "certain",
    }
    nodes = (await service.post("/v1/exposures", json={"equipment": "WELDER-2", **window})).json()["nodes"]
    assert {name(n): n["level"] for n in nodes}["bike"] == 2
    assert {n["level"] for n in nodes if name(n) != "bike"} == {1}
    assert len(await exposed(service, position, equipment="WELDER-2")) == 8


async def test_a_voided_neighbour_is_none(service: httpx.AsyncClient) -> None:
    press = {"tools": ["PRESS-9"]}
    position = await post(
        service,
        made("v-far", "06:00", **press),
        {**made("v-near", "07:00", **press), "event_id": "v-near"},
        made("v-in", "08:10", **press),
        {"kind": "voided", "occurred_at": DAY.format("12:00"), "target": "v-near"},
    )
    found = await exposed(service, position, tool="PRESS-9", since=DAY.format("08:00"), until=DAY.format("09:00"))
    assert found == {"v-far": "duration_unknown", "v-in": "certain"}


async def test_neighbours_are_found_behind_many_voided_ones_and_all_of_one_instant(service: httpx.AsyncClient) -> None:
    oven = {"equipment": ["OVEN-7"]}
    voided = [{**made(f"o-void-{n}", f"07:{10 + n}", **oven), "event_id": f"o-void-{n}"} for n in range(12)]
    position = await post(
        service,
        *(made(f"o-far-{n}", "06:00", **oven) for n in range(2)),
        *voided,
        made("o-in", "08:10", **oven),
        *(made(f"o-next-{n}", "09:10", **oven) for n in range(12)),
        *({"kind": "voided", "occurred_at": DAY.format("12:00"), "target": v["event_id"]} for v in voided),
    )
    found = await exposed(service, position, equipment="OVEN-7", since=DAY.format("08:00"), until=DAY.format("09:00"))
    beside = {f"o-far-{n}" for n in range(2)} | {f"o-next-{n}" for n in range(12)}
    assert found == {"o-in": "certain", **dict.fromkeys(beside, "duration_unknown")}


async def test_values_of_a_parameter_on_a_line(service: httpx.AsyncClient) -> None:
    def at_peak(number: str, value: str, line: str = "SMT-1") -> dict[str, Any]:
        peak = [{"name": "reflow_peak", "value": value, "unit": "CEL"}]
        return made(number, "08:00", line=line, parameters=peak)

    position = await post(
        service,
        at_peak("p-240", "240"),
        at_peak("p-251", "250.5"),
        at_peak("p-252", "252"),
        at_peak("p-x", "252", "SMT-2"),
    )
    hot = {"name": "reflow_peak", "at_least": "250.5"}
    assert set(await exposed(service, position, parameter=hot)) == {"p-251", "p-252", "p-x"}
    assert set(await exposed(service, position, parameter=hot, line="SMT-1")) == {"p-251", "p-252"}
    assert set(await exposed(service, position, parameter={**hot, "at_most": 251}, line="SMT-1")) == {"p-251"}


async def test_lots_of_a_supplier_and_an_instrument_on_a_full_box(service: httpx.AsyncClient) -> None:
    def received(lot: str, supplier: str, material: str) -> dict[str, Any]:
        item = {"product": material, "lot": lot}
        return {"kind": "material_received", "occurred_at": DAY.format("05:00"), "item": item, "supplier": supplier}

    used = made("of-r1", "08:00")
    used["inputs"] = [{"item": {"product": "RESIN", "lot": "r1"}}]
    position = await post(
        service,
        received("r1", "ACME", "RESIN"),
        received("r2", "ACME", "GLUE"),
        received("r3", "OTHER", "RESIN"),
        used,
        {
            "kind": "packed",
            "occurred_at": DAY.format("09:00"),
            "container": "urn:test:box:i1",
            "contents": [{"item": unit("i-a")}, {"item": unit("i-b")}],
        },
        {
            "kind": "inspected",
            "occurred_at": DAY.format("10:00"),
            "items": [{"item": "urn:test:box:i1"}],
            "circumstances": {"instrument": "GAUGE-7"},
        },
    )
    assert set(await exposed(service, position, supplier="ACME")) == {"r1", "r2", "of-r1"}
    assert set(await exposed(service, position, supplier="ACME", material="RESIN")) == {"r1", "of-r1"}
    assert set(await exposed(service, position, instrument="GAUGE-7")) == {"i-a", "i-b"}


async def test_it_comes_in_every_format_and_by_the_page(service: httpx.AsyncClient) -> None:
    position = await post(service, *(made(f"f-{n}", "08:00", line="F") for n in range(5)))
    body = {"line": "F"}
    whole = await service.post("/v1/exposures", json=body, params={"wait_for": position})
    lines = await service.post("/v1/exposures", json=body, headers={"Accept": "text/csv"})
    assert lines.text.count("\r\n") == 6
    first = (await service.post("/v1/exposures", json=body, params={"limit": 3})).json()
    second = (await service.post("/v1/exposures", json=body, params={"limit": 3, "cursor": first["next"]})).json()
    assert [*first["nodes"], *second["nodes"]] == whole.json()["nodes"]
    other = await service.post("/v1/exposures", json={"tool": "F"}, params={"limit": 3, "cursor": first["next"]})
    assert other.json()["type"] == "/problems/foreign-cursor"


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 422, "equipment"),
        ({"since": DAY.format("08:00")}, 422, "equipment"),
        ({"machine": "W"}, 422, "machine"),
        ({"equipment": 7}, 422, "equipment"),
        ({"equipment": "NOBODY-HAS-IT"}, 404, "NOBODY-HAS-IT"),
        ({"parameter": {"name": "nobody_has_it"}}, 404, "nobody_has_it"),
        ({"parameter": "weld"}, 422, "parameter"),
        ({"parameter": {"name": "w", "at_least": "x"}}, 422, "at_least"),
        ({"parameter": {"name": "w", "at_least": "1e999999"}}, 422, "at_least"),
        ({"parameter": {"name": "w", "at_most": "1e-20000"}}, 422, "at_most"),
        ({"equipment": "a\0b"}, 422, "NUL"),
        ({"calibration": "a\0b"}, 422, "NUL"),
        ({"parameter": {"name": "w", "at_least": "2", "at_most": "1"}}, 422, "between"),
        ({"line": "F", "since": "yesterday"}, 422, "since"),
        ({"line": "F", "since": DAY.format("09:00"), "until": DAY.format("08:00")}, 422, "until"),
        ({"line": "F", "mode": "x"}, 422, "mode"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(
    service: httpx.AsyncClient, body: dict[str, Any], *, status: int, word: str
) -> None:
    answer = await service.post("/v1/exposures", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.json()["detail"]


async def test_a_key_limited_to_sites_begins_with_what_its_own_events_made(service: httpx.AsyncClient) -> None:
    def welded(site: str, serial: str, *, on: str) -> dict[str, Any]:
        made = {
            "inputs": [{"item": {"product": "XS-CELL", "lot": "L"}}],
            "outputs": [{"item": {"product": "XS", "serial": serial}}],
        }
        around = {"circumstances": {"equipment": [on]}, "occurred_at": DAY.format("08:00")}
        return {"kind": "transformed", "site": site, **made, **around}

    position = await post(
        service,
        welded("XS-OWN", "1", on="XS-WELDER"),
        welded("XS-OTHER", "2", on="XS-WELDER"),
        welded("XS-OTHER", "3", on="XS-SECRET"),
        {
            "kind": "assembled",
            "occurred_at": DAY.format("09:00"),
            "parent": {"product": "XS-BIKE", "serial": "1"},
            "components": [{"item": {"product": "XS", "serial": "1"}}],
        },
    )
    scoped = {"name": "one-site", "roles": ["read"], "sites": ["XS-OWN"]}
    headers = {"Authorization": f"Bearer {(await service.post('/v1/keys', json=scoped)).json()['key']}"}
    params = {"wait_for": position}
    answer = await service.post("/v1/exposures", json={"equipment": "XS-WELDER"}, headers=headers, params=params)
    shown = [(n["item"], n.get("hidden", False)) for n in answer.json()["nodes"]]
    assert shown[0] == ("urn:zhuisu:unit:own:XS:1", False)
    assert [hidden for _, hidden in shown] == [False, True]
    assert answer.json()["incomplete_because"] == ["scope"]
    assert not {"XS:2", "XS-BIKE", "XS-OTHER"} & {
        word for word in ("XS:2", "XS-BIKE", "XS-OTHER") if word in answer.text
    }
    secret = await service.post("/v1/exposures", json={"equipment": "XS-SECRET"}, headers=headers)
    assert (secret.status_code, secret.json()["nearest"]) == (404, [])


async def test_what_was_made_with_an_engineering_change_and_without(service: httpx.AsyncClient) -> None:
    pack = {"product": "ECOPACK"}
    made_at = [("C1", "08:00"), ("C2", "10:00"), ("C3", "12:00")]
    packs = [
        {
            "kind": "transformed",
            "occurred_at": DAY.format(time),
            "outputs": [{"item": {**pack, "serial": number}}],
            "inputs": [{"item": {"product": "IN", "lot": number}}],
        }
        for number, time in made_at
    ]
    fitted = {"parent": unit("ecobike"), "components": [{"item": {**pack, "serial": "C3"}}]}
    told = {"kind": "change_effective", "change": "ECO-1", "product": pack, "occurred_at": DAY.format("11:00")}
    position = await post(
        service,
        *packs,
        {"kind": "assembled", "occurred_at": DAY.format("13:00"), **fitted},
        {**told, "from_time": DAY.format("11:00")},
        {**told, "change": "ECO-2", "from_serial": "C2"},
        {**told, "change": "ECO-3", "from_time": "2026-03-02+08:00"},
    )
    assert await exposed(service, position, change="ECO-1") == {"C3": "certain", "ecobike": "certain"}
    before = await exposed(service, position, change="ECO-1", without_change=True)
    assert before == {"C1": "certain", "C2": "certain"}
    assert set(await exposed(service, position, change="ECO-2")) == {"C2", "C3", "ecobike"}
    assert await exposed(service, position, change="ECO-2", without_change=True) == {"C1": "certain"}
    day = await exposed(service, position, change="ECO-3")
    assert day == await exposed(service, position, change="ECO-3", without_change=True)
    assert set(day.values()) == {"edge"}
    unknown = await service.post("/v1/exposures", json={"change": "ECO-99"})
    assert (unknown.status_code, unknown.json()["dimension"]) == (404, "change")
    for body in ({"change": "ECO-1", "line": "L"}, {"without_change": True}, {"change": "ECO-1", "without_change": 1}):
        refused = await service.post("/v1/exposures", json=body)
        assert refused.status_code == 422, body


async def test_what_was_made_while_a_feeder_was_in_use(service: httpx.AsyncClient) -> None:
    feeder = {"equipment": "SMT-POS", "position": "F7"}
    reel = {"item": {"product": "CAP", "lot": "POS"}}
    on = {"equipment": ["SMT-POS"]}
    position = await post(
        service,
        made("p-early", "06:00", **on),
        made("p-before", "07:00", **on),
        made("p-told", "07:30", started_at="07:20", **on),
        {"kind": "mounted", "occurred_at": DAY.format("08:00"), **feeder, **reel},
        made("p-in", "09:00", **on),
        made("p-edge", "10:10", started_at="09:50", **on),
        {"kind": "unmounted", "occurred_at": DAY.format("10:00"), **feeder},
        made("p-after", "11:00", **on),
        made("p-late", "12:00", **on),
    )
    beside = {"p-before": "duration_unknown", "p-after": "duration_unknown"}
    assert await exposed(service, position, **feeder) == {"p-in": "certain", "p-edge": "edge", **beside}
    since = DAY.format("09:30")
    expected = {"p-in": "duration_unknown", "p-edge": "edge", "p-after": "duration_unknown"}
    assert await exposed(service, position, **feeder, since=since) == expected
    assert await exposed(service, position, **feeder, since=since, until=DAY.format("09:40")) == {
        "p-in": "duration_unknown",
        "p-after": "duration_unknown",
    }
    lasting = await exposed(service, position, **feeder, since=DAY.format("10:30"))
    assert lasting == {"p-in": "duration_unknown"}, "it was made from the feeder, and may have gone on until then"
    unknown = await service.post("/v1/exposures", json={**feeder, "position": "F8"})
    assert (unknown.status_code, unknown.json()["dimension"]) == (404, "position")
    assert (await service.post("/v1/exposures", json={"position": "F7"})).status_code == 422
