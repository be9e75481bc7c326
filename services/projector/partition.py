"""Projecting one leased partition: read, sort out, write, again; a poison record is found and put aside."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

from domain.moments import to_us
from domain.ports import EventLog, StoredRecord
from services.codec import decode
from services.projector.batches import Sorted, dead_letter, sort_out
from services.projector.leases import Lease
from services.readmodel.changes import Batch, ViewWriter

TOLD_EVENTS = 20
"""Event ids of a batch that are told."""

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
    try:
        async for records in batches:
            # Asked after they were read: if it is the log that the views were built from, that is where they are from.
            log_id = await log.identity()
            try:
                async with asyncio.timeout(batch_seconds):
                    done = await apply_records(records, lease=lease, log_id=log_id, writer=writer, tenants=tenants)
            except TimeoutError as error:
                raise BatchOverdue(
                    f"{len(records)} records were not written within {batch_seconds:g} s: see what holds locks on the "
                    "views, and the database's disk"
                ) from error
            told(done)
    finally:
        await batches.aclose()


async def apply_records(
    records: Sequence[StoredRecord], *, lease: Lease, log_id: str, writer: ViewWriter, tenants: Tenants
) -> Progress:
    """Write one batch; if a record in it cannot be written, halve it until that one stands alone, and bury it."""
    found = sort_out(records, tenants=await tenants(frozenset()))
    if any(d.code == "unknown_tenant" for d in found.dead):
        unknown = frozenset(d.tenant_id for d in found.dead if d.tenant_id is not None)
        found = sort_out(records, tenants=await tenants(unknown))
    try:
        new = await writer.apply(_batch(records, found, lease=lease, log_id=log_id))
    except POISON as error:
        if len(records) > 1:
            half = len(records) // 2
            first = await apply_records(records[:half], lease=lease, log_id=log_id, writer=writer, tenants=tenants)
            second = await apply_records(records[half:], lease=lease, log_id=log_id, writer=writer, tenants=tenants)
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
        envelope = decode(record.value) if found.events else None
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
