"""Suspect instruments, recipes in use, cavities, conditions of storage and software versions, asked over HTTP."""

from typing import Any

import httpx
import pytest

from tests.http.test_exposures import DAY, exposed, made, post, unit


def inspected(number: str, at: str, instrument: str) -> dict[str, Any]:
    around = {"instrument": instrument}
    begun = {"started_at": DAY.format(at.replace(":30", ":20"))}
    subject = [{"item": unit(number)}]
    return {"kind": "inspected", "occurred_at": DAY.format(at), "items": subject, "circumstances": around, **begun}


def calibrated(at: str, instrument: str, verdict: str, **more: Any) -> dict[str, Any]:
    said = {"instrument": instrument, "verdict": verdict, **more}
    return {"kind": "calibrated", "occurred_at": DAY.format(at), **said}


async def test_c1_c2_what_a_gauge_let_through_since_it_was_last_good(service: httpx.AsyncClient) -> None:
    bike = {"parent": unit("c1-bike"), "components": [{"item": unit("c1-b")}]}
    position = await post(
        service,
        calibrated("08:00", "C1", "out_of_tolerance", left_verdict="in_tolerance", event_id="c1-out"),
        *(inspected(f"c1-{name}", at, "C1") for name, at in (("old", "02:30"), ("a", "04:30"), ("b", "07:30"))),
        inspected("c1-after", "09:30", "C1"),
        {"kind": "assembled", "occurred_at": DAY.format("11:00"), **bike},
        calibrated("03:00", "C1", "in_tolerance"),
        calibrated("05:00", "C1", "in_tolerance", event_id="c1-wrong"),
    )
    asked = {"instrument": "C1", "since_last_good": True}
    assert await exposed(service, position, **asked) == {"c1-b": "certain", "c1-bike": "certain"}
    assert await exposed(service, position, calibration="c1-out") == {"c1-b": "certain", "c1-bike": "certain"}
    assert await exposed(service, position, **asked, until=DAY.format("07:00")) == {}
    void = {"kind": "voided", "occurred_at": DAY.format("12:00"), "target": "c1-wrong"}
    position = await post(service, void)
    found = await exposed(service, position, **asked)
    assert found == {"c1-a": "certain", "c1-b": "certain", "c1-bike": "certain"}


async def test_an_instrument_nobody_calibrated_or_a_strange_calibration_is_refused(service: httpx.AsyncClient) -> None:
    position = await post(service, inspected("n", "04:30", "NEVER"), calibrated("08:00", "EVER", "in_tolerance"))
    assert await exposed(service, position, instrument="EVER", since_last_good=True) == {}
    for body, word in (
        ({"instrument": "NEVER", "since_last_good": True}, "nothing says when it was good"),
        ({"calibration": "no-such-event"}, "no-such-event"),
    ):
        answer = await service.post("/v1/exposures", json=body)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown-circumstance")
        assert word in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"since_last_good": True, "equipment": "W"}, "instrument"),
        ({"instrument": "G", "since_last_good": "yes"}, "true or false"),
        ({"version": "7"}, "recipe"),
    ],
)
async def test_half_a_question_is_refused(service: httpx.AsyncClient, body: dict[str, Any], word: str) -> None:
    answer = await service.post("/v1/exposures", json=body)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]


async def test_c7_what_was_made_by_a_recipe(service: httpx.AsyncClient) -> None:
    def change(at: str, version: str | None, on: str = "R-OVEN") -> dict[str, Any]:
        return {
            "kind": "recipe_changed",
            "occurred_at": DAY.format(at),
            "equipment": on,
            "recipe": "R-SAC",
            "version": version,
        }

    def baked(number: str, at: str, **around: Any) -> dict[str, Any]:
        begun = at.replace(":30", ":20")
        return made(f"r-{number}", at, started_at=begun, equipment=["R-OVEN"], **around)

    position = await post(
        service,
        change("03:00", "6"),
        change("05:00", "7"),
        change("07:00", "8"),
        baked("old", "02:30"),
        baked("six", "04:30"),
        baked("seven", "05:30"),
        baked("says", "06:30", recipe="R-OTHER"),
        baked("eight", "07:30"),
        made("r-elsewhere", "08:00", line="R-LINE", recipe="R-SAC", version="7"),
        made("r-open", "08:00", line="R-LINE", recipe="R-SAC"),
    )
    seven = {"r-seven": "certain", "r-says": "inferred", "r-elsewhere": "certain", "r-open": "inferred"}
    assert await exposed(service, position, recipe="R-SAC", version="7") == seven
    found = await exposed(service, position, recipe="R-SAC")
    certain = dict.fromkeys(("r-six", "r-seven", "r-eight", "r-elsewhere", "r-open"), "certain")
    assert found == {**certain, "r-says": "inferred"}
    window = {"since": DAY.format("07:10"), "until": DAY.format("07:50")}
    assert await exposed(service, position, recipe="R-SAC", equipment="R-OVEN", **window) == {"r-eight": "certain"}


async def test_cavity_shift_and_a_store_that_was_too_warm(service: httpx.AsyncClient) -> None:
    def stored(container: str, value: str) -> dict[str, Any]:
        parameters = [{"name": "store_temperature", "value": value, "unit": "CEL"}]
        around = {"parameters": parameters}
        subject = [{"item": container}]
        return {"kind": "stored", "occurred_at": DAY.format("10:00"), "items": subject, "circumstances": around}

    position = await post(
        service,
        made("m-1", "08:00", cavity="MOULD-7/1", shift="early"),
        made("m-2", "08:00", cavity="MOULD-7/2", shift="early"),
        made("m-3", "08:00", cavity="MOULD-7/2", shift="late"),
        *(
            {
                "kind": "packed",
                "occurred_at": DAY.format("09:00"),
                "container": f"urn:test:box:m{n}",
                "contents": [{"item": unit(f"m-{n}")}],
            }
            for n in (1, 2)
        ),
        stored("urn:test:box:m1", "9.5"),
        stored("urn:test:box:m2", "4"),
    )
    assert set(await exposed(service, position, cavity="MOULD-7/2")) == {"m-2", "m-3"}
    assert set(await exposed(service, position, cavity="MOULD-7/2", shift="late")) == {"m-3"}
    warm = {"name": "store_temperature", "at_least": "8"}
    assert await exposed(service, position, parameter=warm) == {"m-1": "certain"}


async def test_c8_a_software_version_is_traced_like_a_part(service: httpx.AsyncClient) -> None:
    def installed(version: str, at: str) -> dict[str, Any]:
        software = {"product": "FW", "lot": version}
        return {"kind": "software_installed", "occurred_at": DAY.format(at), "item": unit("s-1"), "software": software}

    position = await post(service, installed("2.1", "05:00"), installed("2.0", "02:00"))
    for version, mode, expected in (("2.0", "ever", 1), ("2.0", "as_maintained", 0), ("2.1", "as_maintained", 1)):
        asked = {"item": f"urn:zhuisu:lot:own:FW:{version}", "mode": mode, "wait_for": position}
        answer = await service.get("/v1/trace/forward", params=asked)
        assert (answer.status_code, len(answer.json()["nodes"])) == (200, expected), (version, mode)


async def test_a_key_limited_to_sites_is_told_of_calibrations_elsewhere(service: httpx.AsyncClient) -> None:
    """Whose laboratory found the gauge out of tolerance makes no difference to those whose units it let through."""
    position = await post(
        service,
        {**inspected("cs-own", "04:30", "CS"), "site": "CS-OWN"},
        {**inspected("cs-other", "04:30", "CS"), "site": "CS-OTHER"},
        {**calibrated("03:00", "CS", "in_tolerance"), "site": "CS-LAB"},
        {**calibrated("08:00", "CS", "out_of_tolerance"), "site": "CS-LAB"},
    )
    scoped = {"name": "cs-site", "roles": ["read"], "sites": ["CS-OWN"]}
    headers = {"Authorization": f"Bearer {(await service.post('/v1/keys', json=scoped)).json()['key']}"}
    body = {"instrument": "CS", "since_last_good": True}
    answer = await service.post("/v1/exposures", json=body, headers=headers, params={"wait_for": position})
    assert (answer.status_code, answer.json()["incomplete_because"]) == (200, ["scope"]), answer.text
    assert [n["item"] for n in answer.json()["nodes"]] == ["urn:zhuisu:unit:own:X:cs-own"]


async def test_more_stretches_than_are_looked_into_are_refused(service: httpx.AsyncClient) -> None:
    changes = [
        {
            "kind": "recipe_changed",
            "occurred_at": f"2026-03-{1 + n // 1440:02d}T{n % 1440 // 60:02d}:{n % 60:02d}:00Z",
            "equipment": "MANY-OVEN",
            "recipe": f"MANY-{n % 2}",
        }
        for n in range(2_010)
    ]
    position = ""
    for start in range(0, len(changes), 500):
        position = await post(service, *changes[start : start + 500])
    asked = {"recipe": "MANY-0"}
    answer = await service.post("/v1/exposures", json=asked, params={"wait_for": position})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/too-many-stretches")
    window = {"since": "2026-03-01T00:10:00Z", "until": "2026-03-01T00:20:00Z"}
    assert (await service.post("/v1/exposures", json={**asked, **window})).status_code == 200
