"""Clocks of a case over HTTP: what is due, met, overdue; and the reminders that are in the log once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.settings import SettingsError
from tests.cases.conftest import People, Post
from tests.conftest import NewDatabase
from tests.http.serving import serving
from tests.waiting import eventually


def ago(**delta: float) -> str:
    return (datetime.now(UTC) - timedelta(**delta)).isoformat()


async def opened(service: httpx.AsyncClient, people: People, case_id: str, **more: object) -> None:
    body = {"id": case_id, "title": "Cell lot L-9", "mode": "live", **more}
    answer = await service.post("/v1/recalls", json=body, headers=people.wang)
    assert answer.status_code == 201, answer.text


async def clocks(service: httpx.AsyncClient, case_id: str) -> dict[str, Any]:
    answer = await service.get(f"/v1/recalls/{case_id}/clocks")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def by_name(told: dict[str, Any]) -> dict[str, Any]:
    return {c["clock"]: c for c in told["clocks"]}


async def test_a_duty_is_started_met_and_starts_the_next(service: httpx.AsyncClient, people: People, act: Post) -> None:
    await opened(service, people, "CK-1", regimes=["recall-cn-auto", "gpsr", "of-mars"])
    told = await clocks(service, "CK-1")
    assert (told["clocks"], told["unknown_regimes"], told["complete"]) == ([], ["of-mars"], True)
    assert {w["clock"] for w in told["waiting"]} >= {"recall-cn-auto.plan", "gpsr.gateway"}
    started = await act("CK-1", "clocks/start", trigger="defect_concluded", at=ago(days=1))
    assert by_name(started.json())["recall-cn-auto.plan"]["status"] == "due"
    met = await act("CK-1", "clocks/plan/met", reference="receipt 7")
    assert met.status_code == 200, met.text
    told = by_name(await clocks(service, "CK-1"))
    assert told["recall-cn-auto.plan"]["status"] == "met"
    assert told["recall-cn-auto.publish"]["due_local"].endswith("T00:00:00+08:00")
    assert told["recall-cn-auto.publish"]["seconds_left"] > 0
    history = (await service.get("/v1/recalls/CK-1")).json()["history"]
    assert history[-1]["reference"] == "receipt 7"
    again = await act("CK-1", "clocks/plan/met", reference="receipt 7")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/clock-met")


async def test_a_clock_that_runs_into_a_year_without_announced_holidays_warns(
    service: httpx.AsyncClient, people: People, act: Post
) -> None:
    await opened(service, people, "CK-9", regimes=["recall-cn-auto"])
    known = await act("CK-9", "clocks/start", trigger="defect_concluded", at="2026-03-02T09:00:00+08:00")
    plan = by_name(known.json())["recall-cn-auto.plan"]
    assert (plan["calendar_known"], plan["warning"]) == (True, None)
    await opened(service, people, "CK-10", regimes=["recall-cn-auto"])
    unknown = await act("CK-10", "clocks/start", trigger="defect_concluded", at="2023-12-27T09:00:00+08:00")
    plan = by_name(unknown.json())["recall-cn-auto.plan"]
    assert plan["calendar_known"] is False
    assert "does not know all holidays up to 2024" in plan["warning"]["en"]
    assert "调休" in plan["warning"]["zh"]


async def test_what_is_overdue_says_so_and_is_reminded_of_once(
    service: httpx.AsyncClient, people: People, act: Post
) -> None:
    await opened(service, people, "CK-2", regimes=["cpsc15b"])
    await act("CK-2", "clocks/start", trigger="reportable_information", at=ago(hours=30))

    async def reminded() -> list[dict[str, Any]]:
        history = (await service.get("/v1/recalls/CK-2")).json()["history"]
        return [a for a in history if a["act"] == "reminded"]

    (reminder,) = await eventually(reminded)
    assert (reminder["clock"], reminder["overdue"], reminder["share"]) == ("cpsc15b.report", True, "1")
    assert (reminder["sequence"], reminder["actor"]) == (None, "zhuisu")
    told = by_name(await clocks(service, "CK-2"))["cpsc15b.report"]
    assert (told["status"], told["reminded"]) == ("overdue", ["1"])
    # The jobs went over the case many times more when another reminder is there.
    await opened(service, people, "CK-3", regimes=["cpsc15b"])
    await act("CK-3", "clocks/start", trigger="reportable_information", at=ago(hours=13))

    async def other() -> bool:
        return by_name(await clocks(service, "CK-3"))["cpsc15b.report"]["reminded"] == ["0.5"]

    await eventually(other)
    assert len(await reminded()) == 1
    late = await act("CK-2", "clocks/report/met", reference="web form 11")
    assert by_name(late.json())["cpsc15b.report"]["status"] == "met_late"


async def test_a_drill_is_not_reminded_and_a_closed_recall_still_owes_its_summary(
    service: httpx.AsyncClient, people: People, act: Post
) -> None:
    await opened(service, people, "CK-4", mode="mock", regimes=["cpsc15b"])
    await act("CK-4", "clocks/start", trigger="reportable_information", at=ago(hours=30))
    await opened(service, people, "CK-5", regimes=["recall-cn-consumer", "cpsc15b"])
    await act("CK-5", "clocks/start", trigger="reportable_information", at=ago(hours=30))
    await act("CK-5", "close")
    assert by_name(await clocks(service, "CK-5"))["recall-cn-consumer.summary"]["status"] == "due"

    async def reminded() -> bool:
        return by_name(await clocks(service, "CK-5"))["cpsc15b.report"]["reminded"] == ["1"]

    await eventually(reminded)
    met = await act("CK-5", "clocks/summary/met", reference="summary 3")
    assert by_name(met.json())["recall-cn-consumer.summary"]["status"] == "met"
    assert by_name(await clocks(service, "CK-4"))["cpsc15b.report"]["reminded"] == []


@pytest.mark.parametrize(
    ("command", "body", "status", "code"),
    [
        ("clocks/plan/met", {}, 422, "invalid-command"),
        ("clocks/plan/met", {"reference": "r"}, 409, "several-duties"),
        ("clocks/gateway/met", {"reference": "r"}, 404, "unknown-duty"),
        ("clocks/owners/met", {"reference": "r", "nth": 2}, 409, "clock-not-started"),
        ("clocks/recall-cn-auto.stage/met", {"reference": "r"}, 409, "clock-not-started"),
        ("clocks/owners/met", {"reference": "r", "at": "2999-01-01T00:00:00Z"}, 422, "in-the-future"),
        ("clocks/owners/met", {"reference": "r", "at": "yesterday"}, 422, "invalid-command"),
        ("clocks/start", {"trigger": "approved"}, 422, "unknown-trigger"),
        ("clocks/start", {"trigger": "met:plan"}, 422, "unknown-trigger"),
        ("clocks/start", {"trigger": "order_received", "at": "2999-01-01T00:00:00Z"}, 422, "in-the-future"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    service: httpx.AsyncClient, people: People, act: Post, *, command: str, body: dict[str, Any], status: int, code: str
) -> None:
    await opened(service, people, "CK-6", regimes=["recall-cn-auto", "recall-cn-consumer"])
    refused = await act("CK-6", command, **body)
    assert (refused.status_code, refused.json()["type"]) == (status, f"/problems/{code}"), refused.text


async def test_only_the_role_recall_meets_a_clock_and_a_case_that_is_none_has_none(
    service: httpx.AsyncClient, people: People, act: Post
) -> None:
    await opened(service, people, "CK-7", regimes=["gpsr"])
    for command in ("clocks/gateway/met", "clocks/start"):
        assert (await act("CK-7", command, by=people.reader)).status_code == 403
        assert (await act("CK-7", command, by=people.limited)).json()["type"] == "/problems/site-scope"
        assert (await act("CK-NONE", command, trigger="x", reference="r")).status_code in (404, 422)
    for path in ("/v1/recalls/CK-NONE/clocks", "/v1/incidents/CK-7/clocks"):
        missing = await service.get(path)
        assert (missing.status_code, missing.json()["type"]) == (404, "/problems/unknown-case")
    assert (await service.get("/v1/recalls/CK-7/clocks", headers=people.limited)).status_code == 403


async def test_the_profiles_are_told(service: httpx.AsyncClient, people: People) -> None:
    told = (await service.get("/v1/regimes", headers=people.reader)).json()["regimes"]
    found = {r["regime"]: r for r in told}
    assert found["nhtsa573"]["duties"][2] | {"title": None} == {
        "duty": "quarterly",
        "title": None,
        "trigger": ["notified"],
        "due": {"quarters": 1, "grace_days": 30},
        "repeat": True,
        "repeat_limit": 6,
        "each": False,
        "requires": [],
        "met_by": ["met:quarterly"],
        "ends": [],
        "source": "49 CFR 573.7",
        "checked": "K",
    }
    assert found["recall-cn-auto"]["calendar"]["years"] == [2024, 2025, 2026]


async def test_profiles_of_ones_own_are_served_and_one_that_cannot_be_read_keeps_the_service_from_starting(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    text = (Path("services/regimes") / "gpsr.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text.replace("hours = 24", "days = 3"), encoding="utf-8")
    url = await new_database()
    async with serving(url, regimes_dir=tmp_path) as service:
        found = {r["regime"]: r for r in (await service.get("/v1/regimes")).json()["regimes"]}
        assert found["mine"]["duties"][0]["due"] == {"days": 3}
        assert found["gpsr"]["duties"][0]["due"] == {"hours": 24}
    (tmp_path / "mine.toml").write_text("title = 1", encoding="utf-8")
    with pytest.raises(SettingsError, match="mine"):
        async with serving(url, regimes_dir=tmp_path):
            pass
