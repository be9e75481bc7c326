"""The data: factories of two tenants, posted by four systems, written to the log in bulk, projected as ever."""

import asyncio
import contextlib
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import asyncpg

from bench.sizes import Size
from domain.ports import EventLog, LogUnavailable, Record
from services.access import Caller
from services.factory import SOURCES, Event, generate
from services.ingest.judging import Judged, Posted, judge
from services.ingest.limits import limits_of
from services.settings import load_settings

SEED = 5
TENANTS = ("default", "other")
LOG_PARTITIONS = 4
_UNITS_EACH = 6_000
"""of a projector that builds the views: for fewer, to start another takes longer"""
_WRITERS = 2
_PATIENCE = 10
"""of questions to the log without an answer, one after the other"""
_STORY_UNITS, _STORY_EVENTS = 125_000, 3_000
OTHER_SHARE = 10
"""The second tenant makes one unit for so many of the first, with the same ids: an answer that mixed them up would
differ."""
ACCEPTED_US = 1_790_000_000_000_000
Told = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose events they are, and the key that asks for them."""

    tenant_id: int
    name: str
    own_party: str
    key: str


def callers(tenant: Tenant) -> dict[str, Caller]:
    """The four systems of a tenant's factory."""
    return {
        source: Caller(
            tenant_id=tenant.tenant_id,
            tenant_name=tenant.name,
            key_id=number,
            source=source,
            roles=frozenset({"capture"}),
            sites=None,
            zone=None,
            own_party=tenant.own_party,
        )
        for number, source in enumerate(SOURCES, start=1)
    }


Making = Callable[[], Record]
"""Makes an event a record, as ingest does."""


def records(tenant: Tenant, units: int, *, line: bool = False) -> Iterator[Making]:
    """What becomes of a factory's events, in posting order."""
    limits, posting = limits_of(load_settings()), callers(tenant)

    def made(document: Event, posted: Posted) -> Record:
        judged = judge(document, posted, index=0, limits=limits)
        if not isinstance(judged, Judged):
            raise ValueError(f"the factory's event was refused: {judged}")
        return judged.record

    for number, (source, document) in enumerate(factory(units, line=line)):
        yield partial(made, document, Posted(posting[source], ACCEPTED_US + number))


def story(*, line: bool = False) -> str:
    """A digest of how the factory's events begin: another one, and data that were kept are of another factory."""
    told = hashlib.sha256()
    for source, document in islice(factory(_STORY_UNITS, line=line), _STORY_EVENTS):
        told.update(json.dumps([source, document], sort_keys=True).encode())
    return told.hexdigest()[:16]


def factory(units: int, *, line: bool = False) -> Iterator[tuple[str, Event]]:
    """(source, event): 5 % late, 2 % sent twice, voids and swaps among them. `line`: with reels and tanks."""
    return generate(units, SEED, line=line)


def everything(tenants: list[Tenant], units: int, *, line: bool = False) -> Iterator[Making]:
    """Both tenants' records; the second's lie between the first's."""
    first, second = tenants
    others = records(second, max(100, units // OTHER_SHARE), line=line)
    for number, record in enumerate(records(first, units, line=line)):
        yield record
        if number % OTHER_SHARE == 0:
            yield from islice(others, 1)
    yield from others


def projectors(size: Size) -> int:
    """How many build the views: one a partition, and one for a few units."""
    return max(1, min(LOG_PARTITIONS, size.units // _UNITS_EACH))


async def tenants_of(url: str) -> list[Tenant]:
    """Those of a database, the first one first."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT tenant_id, name, own_party FROM tenants ORDER BY tenant_id")
        return [Tenant(r["tenant_id"], r["name"], r["own_party"], f"bench-key-of-{r['name']}") for r in rows]
    finally:
        await connection.close()


async def write_log(url: str, size: Size) -> None:
    """Append everything, by several processes. Raises RuntimeError where one fails."""
    command = [sys.executable, "-m", "bench.writing", "--url", url, "--units", str(size.units), "--of", str(_WRITERS)]
    command += ["--line"] if size.line else []
    processes = [
        await asyncio.create_subprocess_exec(*command, "--number", str(number), cwd=Path(__file__).parents[1])
        for number in range(_WRITERS)
    ]
    try:
        if any(await asyncio.gather(*(process.wait() for process in processes))):
            raise RuntimeError("the log could not be written: a process that writes it failed")
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


async def until_projected(
    log: EventLog, pool: asyncpg.Pool, writing: "asyncio.Task[None]", *, told: tuple[Told, Told]
) -> int:
    """Until all is written and the views hold all of it; returns how many records that are. Raises as the writing.

    `told` hear how many are written, and how many projected.
    """
    wrote, projected = told
    while True:
        done = writing.done()
        written, applied = await _written(log), await _applied(pool)
        wrote(written)
        projected(applied)
        if done:
            writing.result()
            if applied >= written:
                return written
        await asyncio.sleep(0.1)


async def _written(log: EventLog) -> int:
    """How many records the log holds. Raises LogUnavailable where it gives no answer again and again.

    Answers may be late: rivals take their rows in meanwhile, in this process.
    """
    for patience in range(_PATIENCE, -1, -1):
        try:
            return sum((await log.end()).values())
        except LogUnavailable:
            if not patience:
                raise
    raise AssertionError("unreachable")


async def _applied(pool: asyncpg.Pool) -> int:
    applied: int = await pool.fetchval("SELECT coalesce(sum(applied_offset + 1), 0)::bigint FROM views.checkpoints")
    return applied


@asynccontextmanager
async def ended(task: "asyncio.Task[None]") -> AsyncIterator[None]:
    """Ends a task with the body."""
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
