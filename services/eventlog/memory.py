"""The log in memory, for unit tests: the same laws, nothing durable."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence

from domain.clock import SystemClock
from domain.ports import Clock, LogUnavailable, Position, Record, StoredRecord
from services.eventlog.batcher import Limits
from services.eventlog.partitioning import partition_of


class MemoryEventLog:
    """An EventLog that lives as long as the object. See `go_down` for failures."""

    def __init__(self, *, partitions: int = 4, max_record_bytes: int = 1_000_000, clock: Clock | None = None) -> None:
        self._down: str | None = None
        self._limits = Limits(record_bytes=max_record_bytes)
        self._clock = clock or SystemClock()
        self._identity = uuid.uuid4()
        self._records: list[list[StoredRecord]] = [[] for _ in range(partitions)]
        self._first = [0] * partitions
        self._changed = asyncio.Condition()

    @property
    def max_record_bytes(self) -> int:
        return self._limits.record_bytes

    async def start(self) -> None:
        self._refuse_when_down()

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def append(self, records: Sequence[Record], *, deadline_seconds: float) -> list[Position]:
        """As the port; `deadline_seconds` is not needed."""
        self._limits.costs_of(records)
        if self._down is not None:
            raise LogUnavailable(self._down, [None] * len(records))
        positions = []
        async with self._changed:
            for record in records:
                number = partition_of(record.key, len(self._records))
                partition = self._records[number]
                stamp = self._clock.now()
                if partition and partition[-1].appended_at > stamp:
                    stamp = partition[-1].appended_at  # append time never runs backwards in a partition
                position = Position(number, self._first[number] + len(partition))
                partition.append(StoredRecord(position, stamp, record.key, record.value))
                positions.append(position)
            self._changed.notify_all()
        return positions

    async def partitions(self) -> list[int]:
        self._refuse_when_down()
        return list(range(len(self._records)))

    async def end(self) -> Mapping[int, int]:
        self._refuse_when_down()
        return {number: self._end(number) for number in range(len(self._records))}

    async def identity(self) -> str:
        self._refuse_when_down()
        return f"memory:{self._identity}"

    async def read(
        self, partition: int, *, after: int, max_records: int
    ) -> AsyncGenerator[Sequence[StoredRecord], None]:
        """As the port."""
        while True:
            self._refuse_when_down()
            if after + 1 < self._first[partition] or after >= self._end(partition):
                raise LookupError(f"partition {partition} holds {self._first[partition]}..{self._end(partition) - 1}")
            start = after + 1 - self._first[partition]
            batch = self._records[partition][start : start + max_records]
            if batch:
                after = batch[-1].position.offset
                yield batch
                continue
            async with self._changed:
                while self._end(partition) <= after + 1 and self._down is None:
                    await self._changed.wait()

    async def healthy(self) -> str | None:
        return self._down

    async def go_down(self, reason: str | None) -> None:
        """Every call and every waiting reader fails with this reason from now on; None: works again."""
        async with self._changed:
            self._down = reason
            self._changed.notify_all()

    async def grow(self, partitions: int) -> None:
        """Have `partitions` partitions from now on (never fewer)."""
        while len(self._records) < partitions:
            self._records.append([])
            self._first.append(0)

    async def wipe(self, *, records: Sequence[Record] = (), same: bool = False) -> None:
        """Become another log that holds these records; `same` keeps the identity, as a log that lost its records."""
        self._records, self._first = [[] for _ in self._records], [0] * len(self._first)
        if not same:
            self._identity = uuid.uuid4()
        await self.append(records, deadline_seconds=1)

    async def forget_below(self, partition: int, offset: int) -> None:
        """Drop what lies below `offset`, as a retention setting would: for tests of the LookupError."""
        del self._records[partition][: max(0, offset - self._first[partition])]
        self._first[partition] = max(offset, self._first[partition])

    def _end(self, partition: int) -> int:
        return self._first[partition] + len(self._records[partition])

    def _refuse_when_down(self) -> None:
        if self._down is not None:
            raise LogUnavailable(self._down)
