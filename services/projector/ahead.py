"""Reading and decoding a partition ahead of who writes it: Python works while the database does.

A batch is what was decoded while the one before was written. At most the records of one read wait to be written; with
little to do nothing is read ahead.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from domain.ports import EventLog, StoredRecord
from services.projector.batches import Sorted, sort_out

BREATH_RECORDS = 50
"""Records decoded before others of the process get their turn."""

WORTH_RECORDS = 2_000
"""Decoded records that are worth a transaction while others that were read with them wait to be decoded."""

Tenants = Callable[[frozenset[int]], Awaitable[frozenset[int]]]
"""The tenants there are; given ids that must be looked up anew."""


@dataclass(slots=True)
class Read:
    """Records as they were read and decoded, from the log of this identity."""

    log_id: str
    records: list[StoredRecord] = field(default_factory=list)
    found: Sorted = field(default_factory=Sorted)

    def add(self, records: Sequence[StoredRecord], found: Sorted) -> None:
        """What comes after these."""
        self.records += records
        self.found.events += found.events
        self.found.dead += found.dead


class Ahead:
    """The batches of a partition after an offset, for one who writes them one after the other. Close it.

    `turn` is one for all partitions of a process: with much to do they are decoded one after the other, so that one is
    written while another is decoded. Else all would be decoded at once, and then all written.
    """

    def __init__(
        self, log: EventLog, partition: int, *, after: int, max_records: int, tenants: Tenants, turn: asyncio.Lock
    ) -> None:
        self._log, self._tenants, self._max_records, self._turn = log, tenants, max_records, turn
        self._pages = log.read(partition, after=after, max_records=max_records)
        self._ready, self._decoding, self._writing = Read(""), False, False
        self._told, self._asked = asyncio.Event(), asyncio.Event()
        self._reading = asyncio.create_task(self._read_on())
        self._reading.add_done_callback(lambda _: self._told.set())

    async def next(self) -> Read | None:
        """What is decoded, once it is worth writing; None at the end. Whoever asks has written all before it.

        Raises what reading raises, when everything before that has been given out.
        """
        self._writing = False
        self._asked.set()
        while not (self._reading.done() or self._is_worth_writing()):
            self._told.clear()
            await self._told.wait()
        if not self._ready.records:
            return self._reading.result()
        batch, self._ready = self._ready, Read(self._ready.log_id)
        self._writing = True
        self._asked.set()
        return batch

    async def close(self) -> None:
        """Stop reading; what was not asked for is dropped."""
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._pages.aclose()

    def _is_worth_writing(self) -> bool:
        ready = len(self._ready.records)
        return ready > 0 and (ready >= WORTH_RECORDS or not self._decoding)

    async def _read_on(self) -> None:
        async for records in self._pages:
            # Asked after they were read: if it is the log that the views were built from, that is where they are from.
            self._ready, self._decoding = Read(await self._log.identity()), True
            much = len(records) >= self._max_records // 2
            async with self._turn if much else nullcontext():
                async for some, found in sorted_out(records, self._tenants):
                    self._ready.add(some, found)
                    self._decoding = some[-1] is not records[-1]
                    self._told.set()
            # Only while there is much to do: otherwise the next batch would be what came in the first moment of this.
            while self._ready.records or (self._writing and not much):
                self._asked.clear()
                await self._asked.wait()


async def sorted_out(
    records: Sequence[StoredRecord], tenants: Tenants
) -> AsyncIterator[tuple[Sequence[StoredRecord], Sorted]]:
    """The records sorted out, some at a time: between them writing and heartbeats go on."""
    known = await tenants(frozenset())
    for start in range(0, len(records), BREATH_RECORDS):
        some = records[start : start + BREATH_RECORDS]
        found = sort_out(some, tenants=known)
        unknown = frozenset(d.tenant_id for d in found.dead if d.code == "unknown_tenant" and d.tenant_id is not None)
        if unknown:
            known = await tenants(unknown)
            found = sort_out(some, tenants=known)
        yield some, found
        await asyncio.sleep(0)
