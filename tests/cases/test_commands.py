"""Commands on recalls over HTTP: who may, what may follow, and what happens to two at once."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from domain.clock import FixedClock
from domain.ports import Position
from services.cases.commands import CaseDesk
from services.database import api_pool
from services.eventlog.memory import MemoryEventLog
from services.problems import Problem
from services.settings import load_settings
from tests.cases.conftest import People, Post

RULE = {"lots": ["urn:zhuisu:lot:own:CELL:L-9"]}


async def opened(service: httpx.AsyncClient, people: People, case_id: str, **more: object) -> None:
    body = {"id": case_id, "title": "Cell lot L-9", **more}
    answer = await service.post("/v1/recalls", json=body, headers=people.wang)
    assert answer.status_code == 201, answer.text


async def test_a_recall_is_opened_scoped_stopped_closed_and_reopened_and_its_history_says_who_and_why(
    service: httpx.AsyncClient, people: People, act: Post
) -> None:
    await opened(
        service, people, "RC-1", mode="live", hazard="fire", actor="Wang Fang", reason="a report from the field"
    )
    assert (await act("RC-1", "scope", change="set", rule=RULE)).json()["state"] == "scoped"
    assert (await act("RC-1", "describe", contact="recall@example.com")).json()["contact"] == "recall@example.com"
    assert (await act("RC-1", "close", reason="opened by mistake")).json()["state"] == "closed"
    refused = await act("RC-1", "scope", change="widened", rule=RULE)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/case-closed")
    reopened = await act("RC-1", "reopen", items=["urn:zhuisu:unit:own:BIKE:1042"])
    assert reopened.json()["state"] == "scoped"
    shown = (await service.get("/v1/recalls/RC-1", headers=people.reader)).json()
    assert shown["complete"] is True
    assert [(a["sequence"], a["act"], a["actor"], a["reason"]) for a in shown["history"]] == [
        (1, "opened", "Wang Fang", "a report from the field"),
        (2, "scoped", "wang", "as the test says"),
        (3, "described", "wang", "as the test says"),
        (4, "closed", "wang", "opened by mistake"),
        (5, "reopened", "wang", "as the test says"),
    ]
    assert shown["history"][4]["items"] == ["urn:zhuisu:unit:own:BIKE:1042"]
    # What was known when the first act alone was there.
    then = await service.get("/v1/recalls/RC-1", params={"as_of": shown["history"][0]["position"]})
    assert (then.json()["state"], len(then.json()["history"])) == ("opened", 1)


async def test_only_the_role_recall_changes_a_case_and_only_unlimited_keys_see_one(
    service: httpx.AsyncClient, people: People, act: Post
) -> None:
    await opened(service, people, "RC-2")
    for command in ("describe", "scope", "freeze", "approve", "stop", "close", "reopen"):
        refused = await act("RC-2", command, by=people.reader)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden"), command
        limited = await act("RC-2", command, by=people.limited)
        assert (limited.status_code, limited.json()["type"]) == (403, "/problems/site-scope"), command
    assert (await service.post("/v1/recalls", json={"title": "x"}, headers=people.reader)).status_code == 403
    for path in ("/v1/recalls", "/v1/recalls/RC-2"):
        assert (await service.get(path, headers=people.reader)).status_code == 200
        limited = await service.get(path, headers=people.limited)
        assert limited.json()["type"] == "/problems/site-scope"


async def test_of_two_who_act_at_once_one_is_told(service: httpx.AsyncClient, people: People, act: Post) -> None:
    await opened(service, people, "RC-3")
    answers = await asyncio.gather(
        *(act("RC-3", "scope", change="set", rule={"items": [f"urn:zhuisu:lot:own:CELL:L-{n}"]}) for n in range(6))
    )
    done = [a for a in answers if a.status_code == 200]
    refused = [a for a in answers if a.status_code == 409]
    assert len(done) + len(refused) == 6
    assert done
    assert refused
    assert {a.json()["type"] for a in refused} == {"/problems/case-changed"}
    history = (await service.get("/v1/recalls/RC-3")).json()["history"]
    assert len(history) == 1 + len(done)
    assert {a.json()["scope"]["items"][0] for a in done} == {h["rule"]["items"][0] for h in history[1:]}


async def test_a_command_sent_again_is_done_once(service: httpx.AsyncClient, people: People, act: Post) -> None:
    await opened(service, people, "RC-4")
    await opened(service, people, "RC-4")
    other = await service.post("/v1/recalls", json={"id": "RC-4", "title": "else"}, headers=people.wang)
    assert (other.status_code, other.json()["type"]) == (409, "/problems/case-exists")
    for _ in range(2):
        answer = await act("RC-4", "scope", change="set", rule=RULE, expected_sequence=1)
        assert (answer.status_code, answer.json()["sequence"]) == (200, 2)
    stale = await act("RC-4", "scope", change="widened", rule=RULE, expected_sequence=1)
    assert (stale.status_code, stale.json()["type"], stale.json()["sequence"]) == (409, "/problems/case-changed", 2)


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "said"),
    [
        ("RC-0/scope", {"change": "set", "rule": RULE, "reason": "x"}, 404, "unknown-case", "no recall RC-0"),
        ("", {"id": "a b", "title": "x"}, 422, "invalid-command", "id: use 1 to 100"),
        ("", {"id": "RC-9"}, 422, "invalid-command", "title"),
        ("", {"title": "x", "colour": "red"}, 422, "invalid-command", "colour"),
        ("", {"title": "x", "mode": "secret"}, 422, "invalid-command", "mode"),
        ("RC-1/scope", {"change": "set", "rule": RULE}, 422, "invalid-command", "reason"),
        ("RC-1/scope", {"change": "set", "rule": {"lot": ["x"]}, "reason": "x"}, 422, "invalid-rule", "says nothing"),
        (
            "RC-1/scope",
            {"change": "set", "rule": {"exposure": {"machine": "M"}}, "reason": "x"},
            *(422, "invalid-rule", "exposure: machine is not known"),
        ),
        ("RC-1/scope", {"change": "bigger", "rule": RULE, "reason": "x"}, 422, "invalid-command", "change"),
    ],
)
async def test_a_command_that_is_none_is_refused_with_the_field(
    service: httpx.AsyncClient, path: str, body: dict[str, object], *, status: int, code: str, said: str
) -> None:
    answer = await service.post(f"/v1/recalls{'/' if path else ''}{path}", json=body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}"), answer.text
    assert said in answer.json()["detail"]


async def test_recalls_are_listed_by_the_page(service: httpx.AsyncClient, people: People) -> None:
    for n in range(5):
        await opened(service, people, f"RL-{n}", mode="mock")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await service.get("/v1/recalls", params={"limit": "2", **cursor})).json()
        seen += [one["recall"] for one in page["recalls"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert [s for s in seen if s.startswith("RL-")] == [f"RL-{n}" for n in reversed(range(5))]
    assert len(seen) == len(set(seen))
    mock = (await service.get("/v1/recalls", params={"mode": "mock"})).json()["recalls"]
    assert {one["recall"] for one in mock} == {f"RL-{n}" for n in range(5)}


async def test_nobody_else_may_post_the_acts_of_a_case(service: httpx.AsyncClient, people: People) -> None:
    event = {
        "kind": "case_recorded",
        "occurred_at": "2026-03-01T00:00:00Z",
        "case_id": "RC-1",
        "act": {"act": "closed"},
    }
    answer = await service.post("/v1/events", json=event, headers=people.reader)
    assert answer.status_code == 422


async def test_an_act_that_the_log_does_not_take_is_refused_with_the_way_out(
    service: httpx.AsyncClient, people: People, act: Post
) -> None:
    await opened(service, people, "RC-LARGE")
    rule = {"items": [f"urn:zhuisu:unit:own:BIKE:{n:060d}" for n in range(15_000)]}
    refused = await act("RC-LARGE", "scope", change="set", rule=rule)
    assert (refused.status_code, refused.json()["type"]) == (413, "/problems/act-too-large")
    assert "name lots or products" in refused.json()["detail"]
    assert (await act("RC-LARGE", "scope", change="set", rule=RULE)).json()["state"] == "scoped"


async def test_a_command_that_the_views_do_not_have_in_time_says_where_it_is_and_what_to_do(
    service: httpx.AsyncClient, service_url: str
) -> None:
    """The projector is away, or busy with views that were just rebuilt: nothing of the log is applied here."""
    pool = await api_pool(service_url)
    desk = CaseDesk(
        log=MemoryEventLog(),
        pool=pool,
        clock=FixedClock(datetime(2026, 3, 1, tzinfo=UTC)),
        settings=load_settings(command_deadline_seconds=0.05),
    )
    try:
        with pytest.raises(Problem) as late:
            await desk.seen([Position(0, 10**9), Position(0, 3)])
    finally:
        await pool.close()
    assert (late.value.status, late.value.code) == (503, "not-yet-applied")
    assert "expected_sequence" in late.value.detail
    assert f"wait_for=0-{10**9}" in late.value.detail


async def test_a_character_that_no_view_can_hold_is_refused_before_it_is_in_the_log(
    service: httpx.AsyncClient, people: People, act: Post
) -> None:
    """It would be put aside, the case could not go on, and every answer would be incomplete."""
    await opened(service, people, "RC-NUL")
    rule = {"exposure": {"equipment": "a\0"}}
    for command, fields in (("describe", {"hazard": "a\0b"}), ("scope", {"change": "set", "rule": rule})):
        refused = await act("RC-NUL", command, **fields)
        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-command")
        assert "NUL" in refused.json()["detail"]
    assert (await act("RC-NUL", "describe", hazard="a\\u0000b")).json()["hazard"] == "a\\u0000b"
    assert (await service.get("/v1/recalls/RC-NUL", headers=people.reader)).json()["incomplete_because"] == []
