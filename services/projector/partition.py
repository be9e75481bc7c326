"""Projecting one leased partition: read, sort out, write, again; a poison record is found and put aside.

While there is much to catch up with, the next batch is read and decoded while the database takes the one before.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

from domain.moments import to_us
from domain.ports import EventLog, StoredRecord
from services.projector.batches import Sorted, dead_letter, sort_out
from services.projector.leases import Lease
from services.readmodel.changes import Batch, ViewWriter

TOLD_EVENTS = 20
"""Event ids of a batch that are told."""

BREATH_RECORDS = 50
"""Records decoded before others of the process get their turn."""

Tenants = Callable[[frozenset[int]], Awaitable[frozenset[int]]]
"""The tenants there are; given ids that must be looked up anew."""

POISON = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,  # a name too long for an index
    ValueError,
    ArithmeticError,
    TypeError,
)
"""What one bad record raises, as opposed to a database that is away or a lease that is lost."""


class BatchOverdue(TimeoutError):
    """The database did not take a batch in time: something holds it up, and the partition does not get on."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What one batch came to. `event_ids` are the first of it, `tenants` whose events it held."""

    partition: int
    records: int
    new_events: int
    dead_letters: int
    applied_offset: int
    event_ids: tuple[str, ...] = ()
    tenants: frozenset[int] = frozenset()


async def project(
    lease: Lease,
    *,
    log: EventLog,
    writer: ViewWriter,
    tenants: Tenants,
    max_records: int,
    batch_seconds: float = 120.0,
    told: Callable[[Progress], None],
) -> None:
    """Apply the partition from the lease's checkpoint on, until cancelled.

    Raises LeaseLost, BatchOverdue (after `batch_seconds` for one batch), LogUnavailable, LookupError (the log no longer
    has what comes next), and what asyncpg raises when the database is away.
    """
    batches = log.read(lease.partition, after=lease.applied_offset, max_records=max_records)
    upcoming = asyncio.create_task(_next(batches, log, tenants))
    try:
        while (read := await upcoming) is not None:
            # Only while there is much to do: otherwise the next batch would be what came in the first moment of this.
            catches_up = len(read.records) >= max_records // 2
            if catches_up:
                upcoming = asyncio.create_task(_next(batches, log, tenants))
            try:
                async with asyncio.timeout(batch_seconds):
                    done = await apply_read(read, lease=lease, writer=writer, tenants=tenants)
            except TimeoutError as error:
                raise BatchOverdue(
                    f"{len(read.records)} records were not written within {batch_seconds:g} s: see what holds locks on "
                    "the views, and the database's disk"
                ) from error
            told(done)
            if not catches_up:
                upcoming = asyncio.create_task(_next(batches, log, tenants))
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
        await batches.aclose()


@dataclass(frozen=True, slots=True)
class Read:
    """A batch as it was read and decoded, from the log of this identity."""

    records: Sequence[StoredRecord]
    found: Sorted
    log_id: str


async def _next(batches: AsyncGenerator[Sequence[StoredRecord], None], log: EventLog, tenants: Tenants) -> Read | None:
    """The next batch, decoded while the one before it is being written; None at the end."""
    records = await anext(batches, None)
    if records is None:
        return None
    # Asked after they were read: if it is the log that the views were built from, that is where they are from.
    log_id = await log.identity()
    return Read(records, await _sorted(records, tenants), log_id)


async def _sorted(records: Sequence[StoredRecord], tenants: Tenants) -> Sorted:
    """The records sorted out, with a breath now and then: writing and heartbeats go on meanwhile."""
    known, found = await tenants(frozenset()), Sorted()
    for start in range(0, len(records), BREATH_RECORDS):
        some = records[start : start + BREATH_RECORDS]
        told = sort_out(some, tenants=known)
        unknown = frozenset(d.tenant_id for d in told.dead if d.code == "unknown_tenant" and d.tenant_id is not None)
        if unknown:
            known = await tenants(unknown)
            told = sort_out(some, tenants=known)
        found.events += told.events
        found.dead += told.dead
        await asyncio.sleep(0)
    return found


async def apply_read(read: Read, *, lease: Lease, writer: ViewWriter, tenants: Tenants) -> Progress:
    """Write one batch; if a record in it cannot be written, halve it until that one stands alone, and bury it."""
    records, found, log_id = read.records, read.found, read.log_id
    try:
        new = await writer.apply(_batch(records, found, lease=lease, log_id=log_id))
    except POISON as error:
        if len(records) > 1:
            half = len(records) // 2
            halves = [Read(part, await _sorted(part, tenants), log_id) for part in (records[:half], records[half:])]
            first, second = [await apply_read(h, lease=lease, writer=writer, tenants=tenants) for h in halves]
            return Progress(
                lease.partition,
                len(records),
                first.new_events + second.new_events,
                first.dead_letters + second.dead_letters,
                second.applied_offset,
                (first.event_ids + second.event_ids)[:TOLD_EVENTS],
                first.tenants | second.tenants,
            )
        record = records[0]
        # By its first line: what follows may be the record itself.
        detail = f"{type(error).__name__}: {error}".partition("\n")[0]
        # As it was read: the validator, which looks at a frozen set's members too, may refuse just what is wrong here.
        envelope = found.events[0].envelope if found.events else None
        found = Sorted(dead=[dead_letter(record, envelope, code="unwritable_event", detail=detail)])
        new = await writer.apply(_batch(records, found, lease=lease, log_id=log_id))
    return Progress(
        lease.partition,
        len(records),
        new,
        len(found.dead),
        records[-1].position.offset,
        tuple(e.facts.event_id for e in found.events[:TOLD_EVENTS]),
        frozenset(e.envelope.tenant_id for e in found.events),
    )


def _batch(records: Sequence[StoredRecord], found: Sorted, *, lease: Lease, log_id: str) -> Batch:
    last = records[-1]
    return Batch(
        partition=lease.partition,
        epoch=lease.epoch,
        applied_offset=last.position.offset,
        applied_us=to_us(last.appended_at),
        log_id=log_id,
        events=found.events,
        dead=found.dead,
    )
