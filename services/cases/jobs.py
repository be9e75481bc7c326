"""What follows from the acts of cases by itself: one loop a process, each case worked on by one process at a time.

A job looks at the acts of a case, does what is due and can be killed at any instant: what it appends has ids made from
what it is about, so doing it again adds nothing. One that fails is tried again, ever less often, and its case says so.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Protocol

import asyncpg
import structlog

from domain.cases.record import Recorded, counted
from domain.ports import LogUnavailable
from services.cases.commands import CaseDesk
from services.database import QUICK_SECONDS, UNREACHABLE, tenant_transaction
from services.problems import Problem
from services.query.case_acts import LISTING, acts_of, jobs_of

log_to = structlog.get_logger("cases")

CASES_AT_ONCE = 8
"""Cases that are worked on at the same time; the others of a round wait for their turn."""
TOLD_EVERY_SECONDS = 1.0
"""How often a job says how far it is."""
_RETRY_SECONDS_MIN, _RETRY_SECONDS_MAX = 1.0, 60.0
_LOCKS = 0x7A687563  # "zhuc": the first key of the advisory locks on cases


class JobFailed(Exception):
    """A job could not do what is due. `code` is stable; it is tried again."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


Tell = Callable[[str, str], Awaitable[None]]
"""Says in the case what a job waits for, or how far it is: a stable code, and the same for people."""


async def _silent(code: str, detail: str) -> None:
    return


@dataclass(frozen=True, slots=True)
class Work:
    """A case to be worked on: its acts that count, in order. Jobs that take long `tell` how far they are."""

    tenant_id: int
    case_id: str
    acts: Sequence[Recorded]
    tell: Tell = _silent


class Job(Protocol):
    """One thing that follows from acts."""

    name: str

    async def work(self, work: Work) -> bool:
        """Do what is due in this case, if anything; whether acts were appended, so that it is looked at again.

        Raises JobFailed, Problem, LogUnavailable and what asyncpg raises: it is tried again.
        """


NO_CASE = ""
"""The case of work that is about a tenant as a whole; it has no acts."""


class Jobs:
    """Runs jobs on the cases of all tenants. `views` sees every tenant and holds the locks.

    `watches` work on each tenant as a whole: drills that are due, complaints that are too many.
    """

    def __init__(
        self,
        *,
        desk: CaseDesk,
        views: asyncpg.Pool,
        jobs: Sequence[Job],
        watches: Sequence[Job] = (),
        pace_seconds: float,
    ) -> None:
        self._desk, self._views, self._pace_seconds = desk, views, pace_seconds
        self._jobs, self._watches = jobs, watches
        self._known: dict[tuple[int, str], tuple[int, list[Recorded]]] = {}
        self._attempts: dict[tuple[int, str, str], tuple[int, float]] = {}
        self._waiting: frozenset[tuple[int, str, str]] = frozenset()
        """jobs that said last, here or in a process before, that they wait or fail"""
        self._running: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._mine: set[tuple[int, str]] = set()
        self._locking = asyncio.Lock()
        self._turns = asyncio.Semaphore(CASES_AT_ONCE)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; what is being done then is left as it is, to be gone on with.

        A database away is waited for, and what an operator mends: a full disk, a right that is missing.
        """
        try:
            while not stop.is_set():
                try:
                    async with self._views.acquire() as locks:
                        try:
                            while not stop.is_set():
                                await self._round(locks)
                                await self._pause(stop)
                        finally:
                            await self._cancel()
                except (*UNREACHABLE, asyncpg.PostgresError) as error:
                    log_to.warning("case_jobs_wait", reason=f"{type(error).__name__}: {error}".partition("\n")[0])
                    await self._pause(stop)
        finally:
            await self._cancel()

    async def _cancel(self) -> None:
        self._mine.clear()
        running = list(self._running.values())
        self._running.clear()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _pause(self, stop: asyncio.Event) -> None:
        """Until the next round is due, somebody acts in this process, or it is to stop."""
        waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._desk.acted.wait())]
        await asyncio.wait(waits, timeout=self._pace_seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self._desk.acted.clear()

    async def _round(self, locks: asyncpg.Connection) -> None:
        """Begin with every case that is not being worked on; one that takes long does not keep the others."""
        for key, task in list(self._running.items()):
            if task.done():
                del self._running[key]
                if (error := task.exception()) is not None:
                    log_to.error("case_not_worked_on", case=key[1], exc_info=error)
        for work in await self._cases(locks):
            key = (work.tenant_id, work.case_id)
            if key not in self._running:
                self._running[key] = asyncio.create_task(self._alone(work, locks), name=f"case {work.case_id}")

    async def _cases(self, locks: asyncpg.Connection) -> list[Work]:
        """The cases of all tenants, in no order; acts that are known are not read again.

        The connection of the locks is asked for the tenants: when it is gone the locks are, and this is how it is seen.
        """
        found = []
        async with self._locking:  # it does one thing at a time, and cases of the round before may still ask for theirs
            tenants = [r[0] for r in await locks.fetch(_TENANTS, timeout=QUICK_SECONDS)]
        for tenant_id in tenants:
            async with tenant_transaction(self._desk.pool, tenant_id) as connection:
                counts = {r[0]: r[1] for r in await connection.fetch(_COUNTS, tenant_id, list(LISTING))}
                changed = [c for c, n in counts.items() if self._known.get((tenant_id, c), (0, []))[0] != n]
                read = await acts_of(connection, tenant_id, changed) if changed else {}
            for case_id in changed:
                self._known[(tenant_id, case_id)] = (counts[case_id], counted(read.get(case_id, [])))
            found += [Work(tenant_id, c, self._known[(tenant_id, c)][1]) for c in counts]
            found += [Work(tenant_id, NO_CASE, ())] if self._watches else []
        random.shuffle(found)
        return found

    async def _alone(self, work: Work, locks: asyncpg.Connection) -> None:
        """Work on a case if no other process does. It stays locked until this process, or its connection, ends."""
        key = (work.tenant_id, work.case_id)
        if key not in self._mine:
            async with self._locking:
                if not await locks.fetchval(_LOCK, _LOCKS, f"{work.tenant_id}:{work.case_id}"):
                    return
            async with tenant_transaction(self._desk.pool, work.tenant_id) as connection:
                told = await jobs_of(connection, work.tenant_id, work.case_id)
            self._waiting |= {(*key, job["job"]) for job in told if job["state"] != "done"}
            self._mine.add(key)
        async with self._turns:
            await self._work(work)

    async def _work(self, work: Work) -> None:
        """Each job on one case, in turn; again while one did something."""
        again = True
        while again:
            again = False
            for job in self._watches if work.case_id == NO_CASE else self._jobs:
                if await self._try(job, work):
                    try:
                        acts = await self._desk.acts(work.tenant_id, work.case_id)
                    except Problem as error:  # the database is away: the next round looks again
                        log_to.warning("case_jobs_wait", reason=error.detail)
                        return
                    work = Work(work.tenant_id, work.case_id, acts)
                    again = True

    async def _try(self, job: Job, work: Work) -> bool:
        loop = asyncio.get_running_loop()
        key = (work.tenant_id, work.case_id, job.name)
        attempts, not_before = self._attempts.get(key, (0, 0.0))
        if loop.time() < not_before:
            return False
        telling = _Telling(partial(self._report, key, attempts=attempts))
        try:
            done = await job.work(replace(work, tell=telling.tell))
        except (JobFailed, Problem) as error:
            code, detail = error.code, error.detail
        except LogUnavailable as error:
            code, detail = "log-unavailable", str(error)
        except UNREACHABLE as error:
            code, detail = "database-unavailable", f"{type(error).__name__}: {error}"
        except Exception as error:
            log_to.exception("case_job_fault", case=work.case_id, job=job.name)
            code, detail = "internal", f"{type(error).__name__}: {error}"
        else:
            waits = telling.told is not None and not done
            if self._attempts.pop(key, None) is not None or done or (key in self._waiting and not waits):
                await self._report(key, "done")
            self._waiting = self._waiting | {key} if waits else self._waiting - {key}
            return done
        seconds = min(_RETRY_SECONDS_MAX, _RETRY_SECONDS_MIN * 2**attempts) * random.uniform(0.8, 1.2)
        self._attempts[key] = (attempts + 1, loop.time() + seconds)
        log_to.warning("case_job_failed", case=work.case_id, job=job.name, code=code, detail=detail, again_in=seconds)
        await self._report(key, "failing", code=code, detail=detail, attempts=attempts + 1, seconds=seconds)
        return False

    async def _report(
        self,
        key: tuple[int, str, str],
        state: str,
        *,
        code: str | None = None,
        detail: str | None = None,
        attempts: int = 0,
        seconds: float | None = None,
    ) -> None:
        """Say in the case how its job stands. Where the database is away that is logged already."""
        tenant_id, case_id, job = key
        next_at = self._desk.clock.now() + timedelta(seconds=seconds) if seconds is not None else None
        with contextlib.suppress(*UNREACHABLE):
            async with tenant_transaction(
                self._desk.pool, tenant_id, readonly=False, isolation="read_committed"
            ) as connection:
                await connection.execute(_REPORT, tenant_id, case_id, job, state, code, detail, attempts, next_at)


class _Telling:
    """What one run of a job says of itself, not more often than people look."""

    def __init__(self, report: Callable[..., Awaitable[None]]) -> None:
        self._report = report
        self.told: str | None = None
        self._at = 0.0

    async def tell(self, code: str, detail: str) -> None:
        now = asyncio.get_running_loop().time()
        if code != self.told or now - self._at >= TOLD_EVERY_SECONDS:
            self.told, self._at = code, now
            await self._report("running", code=code, detail=detail)


_TENANTS = "SELECT tenant_id FROM public.tenants"
_LOCK = "SELECT pg_try_advisory_lock($1, hashtext($2))"
_COUNTS = """
SELECT case_id, count(*) FROM views.case_acts WHERE tenant_id = $1 AND act <> ALL($2) GROUP BY case_id
"""
"""Rows are only ever added: a case with as many acts as before has the same ones."""

_REPORT = """
INSERT INTO public.case_jobs (tenant_id, case_id, job, state, code, detail, attempts, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, case_id, job) DO UPDATE
SET state = excluded.state, code = excluded.code, detail = excluded.detail, attempts = excluded.attempts,
    next_at = excluded.next_at, changed_at = now()
"""
