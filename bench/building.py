"""The data: factories of two tenants, posted by four systems, written to the log in bulk, projected as ever."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice

import asyncpg

from bench.sizes import Size
from domain.ports import EventLog, Record
from services.access import Caller
from services.factory import SOURCES, Event, generate
from services.ingest.judging import Judged, Posted, judge
from services.ingest.limits import limits_of
from services.settings import load_settings

SEED = 5
TENANTS = ("default", "other")
LOG_PARTITIONS = 2
OTHER_SHARE = 10
"""The second tenant makes one unit for so many of the first, with the same ids: an answer that mixed them up would
differ."""
ACCEPTED_US = 1_790_000_000_000_000
_CHUNK = 2_000


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


def records(tenant: Tenant, units: int) -> Iterator[Record]:
    """What ingest makes of a factory's events, in posting order."""
    limits, posting = limits_of(load_settings()), callers(tenant)
    for number, (source, document) in enumerate(factory(units)):
        posted = Posted(posting[source], ACCEPTED_US + number)
        judged = judge(document, posted, index=0, limits=limits)
        if not isinstance(judged, Judged):
            raise ValueError(f"the factory's event was refused: {judged}")
        yield judged.record


def factory(units: int, seed: int = SEED) -> Iterator[tuple[str, Event]]:
    """(source, event) of the plain factory: 5 % late, 2 % sent twice, voids and swaps among them."""
    return generate(units, seed, line=False)


def everything(tenants: list[Tenant], units: int) -> Iterator[Record]:
    """Both tenants' records; the second's lie between the first's."""
    first, second = tenants
    others = records(second, max(100, units // OTHER_SHARE))
    for number, record in enumerate(records(first, units)):
        yield record
        if number % OTHER_SHARE == 0:
            yield from islice(others, 1)
    yield from others


async def write_log(log: EventLog, size: Size, tenants: list[Tenant], *, told: Callable[[int], None]) -> int:
    """Append everything; returns how many records that were. `told` hears of each chunk."""
    written, source = 0, everything(tenants, size.units)
    while chunk := await asyncio.to_thread(lambda: list(islice(source, _CHUNK))):
        await log.append(chunk, deadline_seconds=120)
        written += len(chunk)
        told(written)
    return written


async def until_projected(pool: asyncpg.Pool, records: int, *, told: Callable[[int], None]) -> None:
    """Until the views hold that many records of the log."""
    while (applied := await _applied(pool)) < records:
        told(applied)
        await asyncio.sleep(0.05)
    told(records)


async def _applied(pool: asyncpg.Pool) -> int:
    applied: int = await pool.fetchval("SELECT coalesce(sum(applied_offset + 1), 0)::bigint FROM views.checkpoints")
    return applied


@asynccontextmanager
async def ended(task: "asyncio.Task[object]") -> AsyncIterator[None]:
    """Ends a task with the body."""
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
