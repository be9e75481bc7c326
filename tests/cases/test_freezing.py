"""Freezing: deferred until the views are there, stored once, the same bytes for ever, whoever is killed meanwhile."""

import asyncio
import csv
import hashlib
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio

from domain.cases.acts import SetFrozen
from domain.clock import SystemClock
from domain.events import CaseRecorded
from domain.moments import to_us
from domain.ports import EventLog, Position, Record
from domain.positions import parse_vector
from services.cases.commands import CaseDesk
from services.cases.freezing import FreezeJob
from services.cases.jobs import Work
from services.codec import (
    content_hash,
    decode,
    decode_members_aside,
    decode_with_document,
    event_document,
    member_document,
)
from services.database import api_pool, projector_pool, tenant_transaction
from services.eventlog.postgres import PostgresEventLog
from services.projector.rebuild import rebuild
from services.query.evaluating import Evaluator, snapshot_at
from services.query.freshness import applied_vector
from services.query.frozen_set import line_of
from services.query.graph.keeper import Graphs
from services.query.graph.members import MemberColumns
from services.query.set_lines import SetLines
from services.settings import load_settings
from tests.cases.conftest import People, Post
from tests.cases.factory import DAY_2, RECORD, fitted, lot, post, unit
from tests.conftest import NewDatabase
from tests.http.serving import serving
from tests.waiting import eventually

L9 = lot("CELL", "L-9")
B1 = unit("BIKE", "B-1")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def position(service: httpx.AsyncClient) -> str:
    return await post(service)


async def in_state(service: httpx.AsyncClient, case_id: str, state: str) -> dict[str, Any]:
    async def there() -> dict[str, Any] | None:
        shown: dict[str, Any] = (await service.get(f"/v1/recalls/{case_id}")).json()
        return shown if shown["state"] == state else None

    return await eventually(there) or {}


async def scoped(service: httpx.AsyncClient, people: People, act: Post, *, case_id: str, rule: Any) -> None:
    opened = await service.post("/v1/recalls", json={"id": case_id, "title": "x", "mode": "live"}, headers=people.wang)
    assert opened.status_code == 201, opened.text
    assert (await act(case_id, "scope", change="set", rule=rule)).status_code == 200


async def lines_of(service: httpx.AsyncClient, case_id: str, **params: Any) -> bytes:
    answer = await service.get(f"/v1/recalls/{case_id}/units", params={"format": "ndjson", **params})
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_a_scope_is_frozen_and_a_second_person_approves(
    service: httpx.AsyncClient, people: People, act: Post, *, position: str
) -> None:
    await scoped(service, people, act, case_id="RF-1", rule={"lots": [L9]})
    early = await act("RF-1", "approve", by=people.li)
    assert (early.status_code, early.json()["type"]) == (409, "/problems/not-frozen")
    none = await service.get("/v1/recalls/RF-1/units")
    assert (none.status_code, none.json()["type"]) == (409, "/problems/not-frozen")
    asked = await act("RF-1", "freeze")
    assert (asked.status_code, asked.json()["state"]) == (202, "freezing")
    shown = await in_state(service, "RF-1", "frozen")
    freeze = shown["freeze"]
    assert (freeze["units"], freeze["top_units"], freeze["loose_spares"], freeze["possible"]) == (5, 1, 3, 2)
    for refused in (await act("RF-1", "approve"), await act("RF-1", "approve", by=people.li, actor="wang")):
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/second-person")
    approved = await act("RF-1", "approve", by=people.li)
    assert (approved.status_code, approved.json()["freeze"]["approved_by"]) == (200, "li")
    assert (await act("RF-1", "approve", by=people.li)).json()["type"] == "/problems/already-approved"
    # The lines are what the hash in the log is made over: anybody can check the set.
    lines = await lines_of(service, "RF-1")
    assert hashlib.sha256(lines).hexdigest() == freeze["sha256"]
    by_item = {m["item"]: m for m in map(json.loads, lines.splitlines())}
    assert len(by_item) == freeze["members"]
    assert (by_item[B1]["top"], by_item[unit("MODULE", "M-4")]["loose_spare"]) == (True, True)
    assert by_item[B1]["came_from"] == [unit("MODULE", "M-1")]


async def test_units_come_in_three_forms_and_by_the_page_the_same_each_time(
    service: httpx.AsyncClient, people: People, act: Post, *, position: str
) -> None:
    await scoped(service, people, act, case_id="RF-2", rule={"lots": [L9]})
    await act("RF-2", "freeze")
    await in_state(service, "RF-2", "frozen")
    whole = (await service.get("/v1/recalls/RF-2/units")).json()
    items = [m["item"] for m in whole["members"]]
    assert (whole["count"], whole["next"]) == (len(items), None)
    again = await service.get("/v1/recalls/RF-2/units")
    assert again.json() == whole
    sheet = await service.get("/v1/recalls/RF-2/units", params={"format": "csv"})
    assert [r["item"] for r in csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig")))] == items
    paged: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await service.get("/v1/recalls/RF-2/units", params={"limit": 2, **cursor})).json()
        paged += [m["item"] for m in page["members"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert paged == items
    wrong = await service.get("/v1/recalls/RF-2/units", params={"freeze": "7"})
    assert (wrong.status_code, wrong.json()["type"]) == (404, "/problems/unknown-freeze")


async def test_what_is_written_without_making_members_is_what_the_model_reads_and_writes(
    service: httpx.AsyncClient, people: People, act: Post, *, position: str, service_url: str
) -> None:
    """Each part of a set, as it is in the log: read by the model, written by it, hashed by it, projected from it."""
    await scoped(service, people, act, case_id="RF-5", rule={"lots": [L9]})
    await act("RF-5", "freeze")
    await in_state(service, "RF-5", "frozen")
    found = await parts_of(service_url, "RF-5")
    assert found
    lines = b""
    for value in found:
        envelope, document = decode_with_document(value)
        assert event_document(envelope.event) == document
        assert content_hash(envelope.event) == envelope.content_hash
        assert isinstance(envelope.event, CaseRecorded)
        assert isinstance(envelope.event.act, SetFrozen)
        lines += b"".join(line_of(member_document(m)) for m in envelope.event.act.members)
        aside, beside, members = decode_members_aside(value)
        assert members is not None
        assert orjson.loads(orjson.dumps(members.back_in(beside))) == document
        assert aside.event == replace(envelope.event, act=replace(envelope.event.act, members=()))
    assert lines == await lines_of(service, "RF-5")


async def parts_of(url: str, case_id: str) -> list[bytes]:
    """The records of the log that hold parts of the set, in order."""
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT value FROM log_records ORDER BY appended_at, log_partition, log_offset")
    await connection.close()
    found = {}
    for (value,) in rows:
        match decode(value).event:
            case CaseRecorded(case_id=of, act=SetFrozen(chunk=chunk)) if of == case_id:
                found.setdefault(chunk, value)
    return [value for _, value in sorted(found.items())]


async def test_what_comes_later_does_not_change_a_frozen_set_and_a_wider_one_is_another_freeze(
    service: httpx.AsyncClient, people: People, act: Post, *, position: str
) -> None:
    await scoped(service, people, act, case_id="RF-3", rule={"lots": [L9]})
    await act("RF-3", "freeze")
    await in_state(service, "RF-3", "frozen")
    before = await lines_of(service, "RF-3")
    late = {**RECORD[2], "outputs": [{"item": {"product": "MODULE", "serial": "M-77"}}]}
    after = await post(service, [late])
    assert await lines_of(service, "RF-3", wait_for=after) == before
    assert (await act("RF-3", "freeze")).status_code == 202
    await eventually(lambda: _frozen_twice(service))
    second = await lines_of(service, "RF-3")
    assert unit("MODULE", "M-77").encode() in second
    assert await lines_of(service, "RF-3", freeze=1) == before


async def _frozen_twice(service: httpx.AsyncClient) -> bool:
    shown = (await service.get("/v1/recalls/RF-3")).json()
    return [f["state"] for f in shown["freezes"]] == ["frozen", "frozen"]


async def test_a_freeze_waits_for_the_position_and_one_that_cannot_be_asked_fails_with_its_reason(
    service: httpx.AsyncClient, people: People, act: Post, *, position: str
) -> None:
    await scoped(service, people, act, case_id="RF-4", rule={"exposure": {"line": "LINE-404"}})
    ahead = await act("RF-4", "freeze", position="0-999999")
    assert (ahead.status_code, ahead.json()["type"]) == (422, "/problems/invalid-command")
    await act("RF-4", "freeze")
    shown = await in_state(service, "RF-4", "scoped")
    assert (shown["freeze"]["state"], shown["freeze"]["code"]) == ("failed", "unknown-circumstance")
    assert "LINE-404" in shown["freeze"]["detail"]


async def test_a_clock_that_is_behind_the_logs_freezes_what_was_recorded(service_url: str, position: str) -> None:
    """What a box holds is asked for an instant: all that is below the position had happened by then."""
    api, settings, vector = await api_pool(service_url), load_settings(), parse_vector(position)
    earlier_us = to_us(datetime(2020, 1, 1, tzinfo=UTC))
    async with snapshot_at(api, settings, tenant_id=1, vector=vector, now_us=earlier_us) as asked:
        recorded_us = asked.fresh.now_us
    async with snapshot_at(api, settings, tenant_id=1, vector=vector, now_us=recorded_us + 1) as asked:
        assert (asked.fresh.now_us, asked.vector) == (recorded_us + 1, vector)
    await api.close()
    assert to_us(datetime.now(UTC)) - 3_600_000_000 < recorded_us <= to_us(datetime.now(UTC))


async def test_a_rebuild_gives_the_same_bytes(new_database: NewDatabase) -> None:
    url = await new_database()
    async with serving(url, case_jobs_pace_seconds=0.1) as service:
        await post(service)
        await service.post("/v1/recalls", json={"id": "RB-1", "title": "x"})
        await service.post("/v1/recalls/RB-1/scope", json={"change": "set", "rule": {"lots": [L9]}, "reason": "x"})
        await service.post("/v1/recalls/RB-1/freeze", json={"reason": "x"})
        await in_state(service, "RB-1", "frozen")
        shown = await eventually(lambda: _evaluated(service, "RB-1"))
        before = await lines_of(service, "RB-1")
        log, views = PostgresEventLog(dsn=url), await projector_pool(url)
        await log.start()
        await rebuild(url, log=log, views=views)
        await log.stop()
        await views.close()
        assert await lines_of(service, "RB-1") == before
        again = (await service.get("/v1/recalls/RB-1")).json()
        assert again["freeze"] == shown["freeze"]
        assert again["history"] == shown["history"]


async def _evaluated(service: httpx.AsyncClient, case_id: str) -> dict[str, Any] | None:
    """The recall once its delta is known: no act of the service's own comes by itself then."""
    shown: dict[str, Any] = (await service.get(f"/v1/recalls/{case_id}")).json()
    return shown if shown["evaluated_to"] is not None else None


class Dying:
    """A log whose user is killed when it has appended so many times."""

    def __init__(self, log: EventLog, appends: int) -> None:
        self._log, self._left = log, appends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, records: Sequence[Record], *, deadline_seconds: float) -> list[Position]:
        done = await self._log.append(records, deadline_seconds=deadline_seconds)
        self._left -= 1
        if self._left == 0:
            raise asyncio.CancelledError
        return done


async def _asleep(self: FreezeJob, work: Work) -> bool:
    return False


@pytest.mark.parametrize("appends", [1, 2, 3])
async def test_a_freeze_that_is_killed_goes_on_and_the_set_is_the_same(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, *, appends: int
) -> None:
    """Killed after each of its appends (two of two chunks, and the act that ends it), and done by another process."""
    monkeypatch.setattr("services.cases.freezing.CHUNK_ITEMS_MAX", 2)
    monkeypatch.setattr("services.cases.freezing.CHUNKS_AT_ONCE", 2)
    url = await new_database()
    async with serving(url, case_jobs_pace_seconds=3600) as service:
        await post(service)
        with monkeypatch.context() as patched:
            patched.setattr("services.cases.freezing.FreezeJob.work", _asleep)  # the service's own
            await service.post("/v1/recalls", json={"id": "RK-1", "title": "x"})
            scope = {"change": "set", "rule": {"lots": [L9]}, "reason": "x"}
            await service.post("/v1/recalls/RK-1/scope", json=scope)
            await service.post("/v1/recalls/RK-1/freeze", json={"reason": "x"})
        settings = load_settings(database_url=url)
        log, pool = PostgresEventLog(dsn=url), await api_pool(url)
        await log.start()

        def desk(dies_after: int) -> CaseDesk:
            dying: Any = Dying(log, dies_after)
            return CaseDesk(log=dying, pool=pool, clock=SystemClock(), settings=settings)

        work = Work(1, "RK-1", await desk(-1).acts(1, "RK-1"))
        evaluator = Evaluator(Graphs(pool, settings), settings)
        with pytest.raises(asyncio.CancelledError):
            await FreezeJob(desk(appends), evaluator).work(work)
        assert await FreezeJob(desk(-1), evaluator).work(work)
        shown = await in_state(service, "RK-1", "frozen")
        lines = await lines_of(service, "RK-1")
        assert hashlib.sha256(lines).hexdigest() == shown["freeze"]["sha256"]
        assert (shown["freeze"]["chunks"], shown["freeze"]["members"]) == (4, len(lines.splitlines()))
        assert await pool_count(pool, "set_frozen") == 4
        await pool.close()
        await log.stop()


class Interrupted:
    """A log with which something is done after so many appends."""

    def __init__(self, log: EventLog, appends: int, do: Callable[[], Awaitable[None]]) -> None:
        self._log, self._left, self._do = log, appends, do

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, records: Sequence[Record], *, deadline_seconds: float) -> list[Position]:
        done = await self._log.append(records, deadline_seconds=deadline_seconds)
        self._left -= 1
        if self._left == 0:
            await self._do()
        return done


@pytest.mark.parametrize("appends", [0, 1, 2])
async def test_a_rebuild_while_a_freeze_runs_changes_nothing_of_the_set(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, *, appends: int
) -> None:
    """Views that are swapped between the chunks, or while the rule is walked (0): the same bytes as without."""
    monkeypatch.setattr("services.cases.freezing.CHUNK_ITEMS_MAX", 2)
    monkeypatch.setattr("services.cases.freezing.CHUNKS_AT_ONCE", 2)
    monkeypatch.setattr("services.query.walks.FEW_STARTS", -1)
    monkeypatch.setattr("services.cases.app.FreezeJob", _Asleep)  # the service's own
    url = await new_database()
    async with serving(url, case_jobs_pace_seconds=3600) as service, working_on(url) as (desk, graphs):
        position = await post(service)
        for case in ("RR-1", "RR-2"):
            await service.post("/v1/recalls", json={"id": case, "title": "x"})
            scope = {"change": "set", "rule": {"lots": [L9]}, "reason": "x"}
            await service.post(f"/v1/recalls/{case}/scope", json=scope)
            await service.post(f"/v1/recalls/{case}/freeze", json={"reason": "x", "position": position})
        views = await projector_pool(url)

        async def anew() -> None:
            await rebuild(url, log=desk.log, views=views)

        beside = asyncio.create_task(anew()) if appends == 0 else None
        interrupted: Any = Interrupted(desk.log, appends, anew)
        disturbed = CaseDesk(log=interrupted, pool=desk.pool, clock=desk.clock, settings=desk.settings)
        for case, using in (("RR-1", disturbed), ("RR-2", desk)):
            work = Work(1, case, await desk.acts(1, case))
            assert await FreezeJob(using, Evaluator(graphs, desk.settings)).work(work)
        if beside is not None:
            await beside
        one, other = await in_state(service, "RR-1", "frozen"), await in_state(service, "RR-2", "frozen")
        lines = await lines_of(service, "RR-1")
        assert hashlib.sha256(lines).hexdigest() == one["freeze"]["sha256"] == other["freeze"]["sha256"]
        assert lines == await lines_of(service, "RR-2")
        assert one["freeze"]["chunks"] == 4
        await views.close()


async def test_a_graph_is_begun_when_a_recall_has_a_scope_and_not_only_when_it_is_frozen(
    new_database: NewDatabase,
) -> None:
    """Then the freeze need not wait for it."""
    url = await new_database()
    async with serving(url, case_jobs_pace_seconds=3600) as service, working_on(url) as (desk, graphs):
        await post(service)
        await service.post("/v1/recalls", json={"id": "RG-1", "title": "x"})
        job = FreezeJob(desk, Evaluator(graphs, desk.settings))
        assert not await job.work(Work(1, "RG-1", await desk.acts(1, "RG-1")))
        await graphs.built(1)
        assert not graphs.tenants  # no scope: nobody asks
        scope = {"change": "set", "rule": {"lots": [L9]}, "reason": "x"}
        await service.post("/v1/recalls/RG-1/scope", json=scope)
        assert not await job.work(Work(1, "RG-1", await desk.acts(1, "RG-1")))
        await graphs.built(1)
        assert graphs.tenants == {1}


async def test_a_freeze_waits_for_the_graph_of_its_process_which_may_know_more_than_the_set(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart, say. What came after the position is not in the set; the domain is asked of that alone."""
    monkeypatch.setattr("services.query.walks.FEW_STARTS", -1)
    monkeypatch.setattr("services.cases.app.FreezeJob", _Asleep)  # the service's own
    url = await new_database()
    async with serving(url, case_jobs_pace_seconds=3600) as service, working_on(url) as (desk, graphs):
        await post(service)
        for path, body in (
            ("", {"id": "RG-2", "title": "x"}),
            ("/RG-2/scope", {"change": "set", "rule": {"lots": [L9]}, "reason": "x"}),
            ("/RG-2/freeze", {"reason": "x"}),
        ):
            await service.post(f"/v1/recalls{path}", json=body)
        late = {**RECORD[2], "outputs": [{"item": {"product": "MODULE", "serial": "M-77"}}]}
        await post(service, [late, fitted(("BIKE", "B-77"), ("MODULE", "M-4"), DAY_2.format(11))])
        told: list[tuple[str, str]] = []
        found: list[SetLines] = []
        evaluator = Evaluator(graphs, desk.settings)
        lines = evaluator.lines

        async def seen(rule: Any, asked: Any) -> SetLines:
            found.append(await lines(rule, asked))
            return found[-1]

        async def tell(code: str, detail: str) -> None:
            told.append((code, detail))

        monkeypatch.setattr(evaluator, "lines", seen)
        work = Work(1, "RG-2", await desk.acts(1, "RG-2"), tell)
        assert await FreezeJob(desk, evaluator).work(work)
        assert graphs.tenants == {1}
        assert [type(one) for one in found] == [MemberColumns]
        assert [code for code, _ in told] == ["graph-drawing", "evaluating", "storing"]
        shown = await in_state(service, "RG-2", "frozen")
        stored = await lines_of(service, "RG-2")
        assert hashlib.sha256(stored).hexdigest() == shown["freeze"]["sha256"]
        assert unit("MODULE", "M-77").encode() not in stored
        assert unit("BIKE", "B-77").encode() not in stored
        assert B1.encode() in stored


async def test_a_freeze_says_in_its_case_what_it_waits_for(
    service: httpx.AsyncClient, people: People, act: Post, *, monkeypatch: pytest.MonkeyPatch, position: str
) -> None:
    behind = asyncio.Event()

    async def nothing_yet(connection: asyncpg.Connection) -> dict[int, int]:
        return await applied_vector(connection) if behind.is_set() else {}

    monkeypatch.setattr("services.cases.freezing.applied_vector", nothing_yet)
    await scoped(service, people, act, case_id="RF-6", rule={"lots": [L9]})
    await act("RF-6", "freeze")

    async def freeze_job() -> dict[str, Any] | None:
        jobs = (await service.get("/v1/recalls/RF-6")).json()["jobs"]
        return next((j for j in jobs if j["job"] == "freeze"), None)

    waiting = await eventually(freeze_job)
    assert waiting is not None
    assert (waiting["state"], waiting["code"]) == ("running", "views-behind")
    behind.set()
    await in_state(service, "RF-6", "frozen")

    async def done() -> bool:
        job = await freeze_job()
        return job is not None and job["state"] == "done"

    await eventually(done)


class _Asleep(FreezeJob):
    async def work(self, work: Work) -> bool:
        return False


@asynccontextmanager
async def working_on(url: str) -> AsyncIterator[tuple[CaseDesk, Graphs]]:
    """What a job needs, in a process of its own that has no graph yet."""
    settings = load_settings(database_url=url, trace_graph_min_links=0)
    log, pool = PostgresEventLog(dsn=url), await api_pool(url)
    await log.start()
    graphs = Graphs(pool, settings)
    yield CaseDesk(log=log, pool=pool, clock=SystemClock(), settings=settings), graphs
    await graphs.stop()
    await log.stop()
    await pool.close()


async def pool_count(pool: asyncpg.Pool, act: str) -> int:
    async with tenant_transaction(pool, 1) as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM views.case_acts WHERE act = $1", act)
        return found
