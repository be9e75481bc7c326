"""A projector process: it leases partitions, projects each, beats, and takes over from those that died."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import structlog

from domain.ports import EventLog, LogUnavailable
from services.database import UNREACHABLE
from services.projector import continuity
from services.projector.continuity import LogNow
from services.projector.leases import Lease, Leases
from services.projector.partition import Progress, project
from services.readmodel.changes import LeaseLost, ViewWriter
from services.readmodel.tables import SCHEMA

log_to = structlog.get_logger("projector")

AWAY = (*UNREACHABLE, LogUnavailable, asyncpg.PostgresError)
"""What passes by itself, or when an operator has helped (a full disk, a missing right): tried again with patience.
What a record is to blame for never comes here (`partition.POISON`)."""

_STRANGERS = -1  # no partition: the place of what they are told under


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a projector works: records a batch and the seconds it may take, seconds a lease lasts, between heartbeats.

    `items_remembered`: whose numbers are kept in memory. `skew_seconds`: how far the log's clocks may be apart.
    """

    batch_records: int = 2_000
    batch_seconds: float = 120.0
    lease_seconds: float = 10.0
    heartbeat_seconds: float = 1.0
    retry_seconds: float = 0.5
    items_remembered: int = 500_000
    skew_seconds: float = 0.0


class Projector:
    """Keeps the views of one schema. Run as many as there are partitions; each partition has one at a time."""

    def __init__(
        self,
        *,
        log: EventLog,
        pool: asyncpg.Pool,
        name: str,
        pace: Pace | None = None,
        schema: str = SCHEMA,
        told: Callable[[Progress], None] | None = None,
    ) -> None:
        self._log = log
        self._pool = pool
        self._pace = pace or Pace()
        self._told = told or (lambda progress: None)
        self._ends: dict[int, int] = {}
        self._schema = schema
        self._name = name
        self.writer = ViewWriter(
            pool,
            schema=schema,
            cache_size=self._pace.items_remembered,
            skew_us=int(self._pace.skew_seconds * 1_000_000),
        )
        self._leases = Leases(pool, schema=schema, name=name, seconds=self._pace.lease_seconds)
        self._held: dict[int, Lease] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._tenants: frozenset[int] = frozenset()
        self._trusted: set[int] = set()
        self._troubles: dict[int | None, str] = {}
        self._turn = asyncio.Lock()

    @property
    def trouble(self) -> str | None:
        """Why it, or one of its partitions, does not get on right now; None while all do."""
        return next(iter(self._troubles.values()), None)

    def lag_records(self) -> dict[int, int]:
        """Records in the log that the views lack, by partition it holds, as of the last beat and batch."""
        held = self._held.values()
        return {h.partition: max(0, self._ends.get(h.partition, 0) - 1 - h.applied_offset) for h in held}

    async def run(self, stop: asyncio.Event) -> None:
        """Project until told to stop; then give the leases back."""
        try:
            while not stop.is_set():
                try:
                    # A database or log that accepts and never answers would hold it for ever, and nobody would be told.
                    async with asyncio.timeout(self._pace.lease_seconds):
                        await self._beat()
                    self._troubles.pop(None, None)
                except (*AWAY, continuity.ForeignLog) as error:
                    self._troubles[None] = _reason(error)
                    log_to.warning("projector_waits", projector=self._name, reason=_reason(error))
                waits = None in self._troubles
                await _wait(stop, self._pace.retry_seconds if waits else self._pace.heartbeat_seconds)
        finally:
            await self._end()

    async def _beat(self) -> None:
        checkpoints = await continuity.applied(self._pool, schema=self._schema)
        seen_us = await self._leases.now_us()
        ends = self._ends = dict(await self._log.end())
        now = LogNow(await self._log.identity(), ends, seen_us)
        try:
            await continuity.check(self._log, now, checkpoints=checkpoints, trusted=self._trusted)
            lost = await self._leases.beat(now, self._held, fresh=await self._alone(now.identity))
        except continuity.ForeignLog:
            self._trusted.clear()
            for partition in list(self._held):
                await self._drop(partition)
            await self._leases.distrust(now.identity)
            raise
        for partition in lost:
            await self._drop(partition)
        share = await self._leases.fair_share(now.identity)
        for partition in sorted(self._held)[share:]:
            lease = self._held[partition]
            await self._drop(partition)
            await self._leases.release(lease)
        if len(self._held) < share:
            for lease in await self._leases.take(share - len(self._held)):
                self._held[lease.partition] = lease
        for partition, lease in self._held.items():
            task = self._tasks.get(partition)
            if task is not None and task.done() and not task.cancelled() and (error := task.exception()) is not None:
                # A fault of ours: told, and tried again at each beat; other partitions and captures go on.
                self._troubles[partition] = f"partition {partition}: {_reason(error)}"
                log_to.error("partition_failed", partition=partition, reason=_reason(error), exc_info=error)
            if task is None or task.done():
                self._tasks[partition] = asyncio.create_task(self._project(lease), name=f"partition {partition}")

    async def _alone(self, identity: str) -> bool:
        """Whether all projectors of these views read one log: what another log takes is in no view, and answers say so.

        Both sides tell it until an operator ends one of them.
        """
        names = await self._leases.strangers(identity)
        if not names:
            self._troubles.pop(_STRANGERS, None)
            return True
        self._troubles[_STRANGERS] = (
            f"projectors of another log are at work on the same views ({', '.join(sorted(names))}): stop them, "
            "or give them a database of their own"
        )
        return False

    async def _project(self, lease: Lease) -> None:
        """One partition, until its lease is lost; what passes by itself is tried again from the checkpoint."""

        def told(progress: Progress) -> None:
            here = Lease(lease.partition, lease.epoch, progress.applied_offset)
            if self._held.get(lease.partition, here).epoch == lease.epoch:
                self._held[lease.partition] = here
            self._troubles.pop(lease.partition, None)
            self._told(progress)

        partition_waits = False
        while True:
            current = self._held.get(lease.partition)
            if current is None or current.epoch != lease.epoch:
                return
            if partition_waits:
                self._troubles.pop(lease.partition, None)  # it is idle now, or fails again
            partition_waits = False
            try:
                await project(
                    current,
                    log=self._log,
                    writer=self.writer,
                    tenants=self._known_tenants,
                    max_records=self._pace.batch_records,
                    batch_seconds=self._pace.batch_seconds,
                    told=told,
                    turn=self._turn,
                )
                return
            except LeaseLost as error:
                log_to.info("lease_lost", partition=lease.partition, reason=str(error))
                # After a rebuild it may be ours: numbers of the views before made the batch fail. Nobody waits for it.
                with contextlib.suppress(*AWAY):
                    await self._leases.release(current)
                self._held.pop(lease.partition, None)
                self._troubles.pop(lease.partition, None)
                return
            except AWAY as error:
                partition_waits = True
                self._troubles[lease.partition] = f"partition {lease.partition}: {_reason(error)}"
                log_to.warning("partition_waits", partition=lease.partition, reason=_reason(error))
            except LookupError as error:  # never skipped over: an operator must bring the log back, or rebuild
                self._troubles[lease.partition] = f"partition {lease.partition}: {_reason(error)}"
                log_to.error("partition_stuck", partition=lease.partition, reason=_reason(error))
            await asyncio.sleep(self._pace.retry_seconds)

    async def _known_tenants(self, doubtful: frozenset[int]) -> frozenset[int]:
        if not self._tenants or doubtful - self._tenants:
            self._tenants = frozenset(r[0] for r in await self._pool.fetch("SELECT tenant_id FROM public.tenants"))
        return self._tenants

    async def _drop(self, partition: int) -> None:
        self._held.pop(partition, None)
        self._troubles.pop(partition, None)
        task = self._tasks.pop(partition, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _end(self) -> None:
        held = dict(self._held)
        for partition in list(self._tasks):
            await self._drop(partition)
        try:
            for lease in held.values():
                await self._leases.release(lease)
            await self._leases.leave()
        except AWAY as error:
            log_to.warning("leases_run_out", projector=self._name, reason=f"{type(error).__name__}: {error}")


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Until stopped, at most `seconds`."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
