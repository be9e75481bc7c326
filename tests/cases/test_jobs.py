"""What follows by itself: each case by one process at a time, a failure seen in its case and tried again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from domain.clock import SystemClock
from services.cases import jobs as running
from services.cases.commands import CaseDesk
from services.cases.jobs import Job, JobFailed, Jobs, Work
from services.database import api_pool, projector_pool
from services.eventlog.memory import MemoryEventLog
from services.settings import load_settings
from tests.conftest import NewDatabase
from tests.http.serving import serving
from tests.waiting import eventually


class Noting:
    """A job that notes who works on what, and fails as often as it is told to."""

    name = "noting"

    def __init__(self, who: str, notes: list[tuple[str, str]], *, failures: int = 0, lasts: bool = False) -> None:
        self._who, self._notes, self._failures, self._lasts = who, notes, failures, lasts

    async def work(self, work: Work) -> bool:
        self._notes.append((self._who, work.case_id))
        if self._failures and work.case_id == "RJ-2":
            self._failures -= 1
            raise JobFailed("no-luck", "it did not go well: it is tried again")
        if self._lasts:
            await asyncio.Event().wait()
        return False


@asynccontextmanager
async def worker(url: str, job: Job) -> AsyncIterator[asyncio.Task[None]]:
    """A process of its own, as far as the database can tell."""
    api, views = await api_pool(url), await projector_pool(url)
    desk = CaseDesk(log=MemoryEventLog(), pool=api, clock=SystemClock(), settings=load_settings(database_url=url))
    stop = asyncio.Event()
    task = asyncio.create_task(Jobs(desk=desk, views=views, jobs=(job,), pace_seconds=0.05).run(stop))
    yield task
    stop.set()
    await asyncio.gather(task, return_exceptions=True)
    await api.close()
    await views.close()


CASES = ["RJ-1", "RJ-2", *(f"RM-{n}" for n in range(3 * running.CASES_AT_ONCE))]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service_url(new_database: NewDatabase) -> str:
    """A database with cases, and nobody who works on them."""
    url = await new_database()
    async with serving(url) as service:
        for case_id in CASES:
            answer = await service.post("/v1/recalls", json={"id": case_id, "title": "x"})
            assert answer.status_code == 201
    return url


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def service(service_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service_url, roles=frozenset({"query", "projector"})) as client:
        yield client


async def noted(notes: list[tuple[str, str]], who: str, *, times: int = 1) -> None:
    async def enough() -> bool:
        return sum(n[0] == who for n in notes) >= times

    await eventually(enough)


async def all_locked(url: str) -> None:
    """Until somebody holds every case: only so many are worked on at once, but the others wait in the same process."""
    connection = await asyncpg.connect(url)
    locks = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE d.datname = current_database()"

    async def locked() -> bool:
        found: int = await connection.fetchval(f"{locks} AND locktype = 'advisory' AND classid = $1", running._LOCKS)
        return found >= len(CASES)

    await eventually(locked)
    await connection.close()


async def test_a_case_is_worked_on_by_one_process_until_that_one_ends(service_url: str) -> None:
    notes: list[tuple[str, str]] = []
    async with worker(service_url, Noting("first", notes, lasts=True)) as first:
        await noted(notes, "first", times=running.CASES_AT_ONCE)
        await all_locked(service_url)
        async with worker(service_url, Noting("second", notes)):
            held = asyncio.create_task(noted(notes, "second"))
            done, _ = await asyncio.wait({held}, timeout=0.5)
            assert not done, "two processes worked on one case at once"
            first.cancel()  # killed: its connection ends, and its locks with it
            await held


async def test_a_failure_is_seen_in_its_case_and_tried_again_until_it_goes_well(
    service_url: str, service: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_RETRY_SECONDS_MIN", 0.2)
    notes: list[tuple[str, str]] = []

    async def job_of(state: str) -> dict[str, object] | None:
        told = (await service.get("/v1/recalls/RJ-2")).json()["jobs"]
        return next((j for j in told if j["job"] == "noting" and j["state"] == state), None)

    async with worker(service_url, Noting("it", notes, failures=6)):
        failing = await eventually(lambda: job_of("failing"))
        assert failing is not None
        assert (failing["code"], failing["detail"]) == ("no-luck", "it did not go well: it is tried again")
        assert failing["next_at"]
        assert await eventually(lambda: job_of("done"), within_seconds=30)


async def test_what_a_process_said_last_is_taken_back_by_the_next_when_nothing_is_due_any_more(
    service_url: str, service: httpx.AsyncClient
) -> None:
    """It failed, and its process ended; meanwhile the case was closed, say: nobody waits for anything."""

    async def states() -> set[str]:
        told = (await service.get("/v1/recalls/RJ-2")).json()["jobs"]
        return {j["state"] for j in told if j["job"] == "noting"}

    async def failing() -> bool:
        return await states() == {"failing"}

    async def done() -> bool:
        return await states() == {"done"}

    async with worker(service_url, Noting("it", [], failures=1_000)):
        await eventually(failing)
    assert await failing()
    async with worker(service_url, Noting("next", [])):
        await eventually(done)


async def test_what_an_operator_mends_is_waited_for(service_url: str) -> None:
    """A full disk, a right that is missing: the process goes on, and so does what else it serves."""
    notes: list[tuple[str, str]] = []
    owner = await asyncpg.connect(service_url)
    with capture_logs() as told:
        async with worker(service_url, Noting("it", notes)) as task:

            async def works() -> bool:
                return bool(notes)

            async def waits() -> bool:
                return task.done() or any("permission denied" in line.get("reason", "") for line in told)

            await eventually(works)
            await owner.execute("REVOKE SELECT ON views.case_acts FROM zhuisu_api")
            try:
                await eventually(waits)
                assert not task.done()
            finally:
                await owner.execute("GRANT SELECT ON views.case_acts TO zhuisu_api")
            notes.clear()
            await eventually(works)
    await owner.close()


async def test_many_cases_get_their_turn_in_one_round(service_url: str) -> None:
    notes: list[tuple[str, str]] = []
    api, views = await api_pool(service_url), await projector_pool(service_url)
    desk = CaseDesk(
        log=MemoryEventLog(), pool=api, clock=SystemClock(), settings=load_settings(database_url=service_url)
    )
    stop = asyncio.Event()
    jobs = Jobs(desk=desk, views=views, jobs=(Noting("it", notes),), pace_seconds=3600)
    task = asyncio.create_task(jobs.run(stop))

    async def all_of_them() -> bool:
        return set(CASES) <= {case for _, case in notes}

    assert await eventually(all_of_them)
    stop.set()
    await task
    await api.close()
    await views.close()
