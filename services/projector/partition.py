"""Projecting one leased partition: read, sort out, write, again; a poison record is found and put aside."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import asyncpg

from domain.moments import to_us
from domain.ports import EventLog, StoredRecord
from services.projector.ahead import Ahead, Read, Tenants, sorted_out
from services.projector.batches import Sorted, dead_letter, without_nul
from services.projector.leases import Lease
from services.readmodel.changes import Batch, ViewWriter
from services.readmodel.rows import Applied

TOLD_EVENTS = 20
"""Event ids of a batch that are told."""

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


@dataclass(slots=True)
class Stamps:
    """Append times of a partition never run backwards in the views, as they do not in a log of ours: a broker's clock
    may be put back. What is newer is looked for by time (graphs, `as_of`, `since`), and would not be found.
    """

    newest_us: int

    def raised(self, events: Sequence[Applied]) -> list[Applied]:
        """These, each at the earliest when the newest before it was appended."""
        newest_us, found = self.newest_us, []
        for one in events:
            newest_us = max(newest_us, one.appended_us)
            found.append(one if one.appended_us == newest_us else replace(one, appended_us=newest_us))
        return found

    def passed(self, records: Sequence[StoredRecord]) -> None:
        """These are in the views."""
        self.newest_us = max(self.newest_us, to_us(max(r.appended_at for r in records)))


async def project(
    lease: Lease,
    *,
    log: EventLog,
    writer: ViewWriter,
    tenants: Tenants,
    max_records: int,
    batch_seconds: float = 120.0,
    told: Callable[[Progress], None],
    turn: asyncio.Lock,
) -> None:
    """Apply the partition from the lease's checkpoint on, until cancelled.

    Raises LeaseLost, BatchOverdue (after `batch_seconds` for one batch), LogUnavailable, LookupError (the log no longer
    has what comes next), and what asyncpg raises when the database is away.
    """
    stamps = Stamps(await writer.newest_us(lease.partition))
    ahead = Ahead(log, lease.partition, after=lease.applied_offset, max_records=max_records, tenants=tenants, turn=turn)
    try:
        while (read := await ahead.next()) is not None:
            try:
                async with asyncio.timeout(batch_seconds):
                    done = await apply_read(read, lease=lease, writer=writer, tenants=tenants, stamps=stamps)
            except TimeoutError as error:
                raise BatchOverdue(
                    f"{len(read.records)} records were not written within {batch_seconds:g} s: see what holds locks on "
                    "the views, and the database's disk"
                ) from error
            told(done)
    finally:
        await ahead.close()


async def apply_read(read: Read, *, lease: Lease, writer: ViewWriter, tenants: Tenants, stamps: Stamps) -> Progress:
    """Write one batch; if a record in it cannot be written, halve it until that one stands alone, and bury it."""
    records, found, log_id = read.records, read.found, read.log_id
    try:
        new = await writer.apply(_batch(records, found, lease=lease, log_id=log_id, stamps=stamps))
    except POISON as error:
        if len(records) > 1:
            half = len(records) // 2
            halves = [await _again(part, tenants, log_id) for part in (records[:half], records[half:])]
            first, second = [
                await apply_read(part, lease=lease, writer=writer, tenants=tenants, stamps=stamps) for part in halves
            ]
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
        if (marked := without_nul(record)) is not None:
            return await apply_read(
                await _again([marked], tenants, log_id), lease=lease, writer=writer, tenants=tenants, stamps=stamps
            )
        # By its first line: what follows may be the record itself.
        detail = f"{type(error).__name__}: {error}".partition("\n")[0]
        # As it was read: the validator, which looks at a frozen set's members too, may refuse just what is wrong here.
        envelope = found.events[0].envelope if found.events else None
        found = Sorted(dead=[dead_letter(record, envelope, code="unwritable_event", detail=detail)])
        new = await writer.apply(_batch(records, found, lease=lease, log_id=log_id, stamps=stamps))
    stamps.passed(records)
    return Progress(
        lease.partition,
        len(records),
        new,
        len(found.dead),
        records[-1].position.offset,
        tuple(e.facts.event_id for e in found.events[:TOLD_EVENTS]),
        frozenset(e.envelope.tenant_id for e in found.events),
    )


async def _again(records: Sequence[StoredRecord], tenants: Tenants, log_id: str) -> Read:
    """Some of a batch, as if only they had been read."""
    read = Read(log_id)
    async for some, found in sorted_out(records, tenants):
        read.add(some, found)
    return read


def _batch(records: Sequence[StoredRecord], found: Sorted, *, lease: Lease, log_id: str, stamps: Stamps) -> Batch:
    last = records[-1]
    return Batch(
        partition=lease.partition,
        epoch=lease.epoch,
        applied_offset=last.position.offset,
        applied_us=to_us(last.appended_at),
        log_id=log_id,
        events=stamps.raised(found.events),
        dead=found.dead,
    )
