"""What the contract suite needs of an adapter beside the port itself."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.ports import EventLog, Position, Record, StoredRecord
from tests.waiting import eventually

DEADLINE_SECONDS = 20.0


class Opener(Protocol):
    """Opens one more adapter, as another process would, on this test's log; started, and stopped after the test."""

    async def __call__(self, *, partitions: int = 4, max_record_bytes: int = 1_000_000) -> EventLog: ...


@dataclass(frozen=True, slots=True)
class Rig:
    """One adapter under test on a log of the test's own. What an adapter cannot be made to do is None."""

    name: str
    open: Opener
    grow: Callable[[int], Awaitable[None]] | None = None
    forget_below: Callable[[int, int], Awaitable[None]] | None = None
    stamps_by_log: bool = True
    make_anew: Callable[[], Awaitable[None]] | None = None


class Breaker(Protocol):
    """A log whose server may be stopped, killed and started again."""

    name: str

    async def open(self) -> EventLog: ...
    async def stop(self) -> None: ...
    async def kill(self) -> None: ...
    async def start(self) -> None: ...


def record(number: int, *, key: str | None = None, value: bytes | None = None) -> Record:
    """A record that can be told from every other."""
    return Record((key or f"key-{number}").encode(), value if value is not None else f"value-{number}".encode())


@contextlib.asynccontextmanager
async def reading(
    log: EventLog, partition: int, *, after: int = -1, max_records: int = 500
) -> AsyncIterator[AsyncIterator[Sequence[StoredRecord]]]:
    """A reader that is closed at the end, whatever happens."""
    reader = log.read(partition, after=after, max_records=max_records)
    try:
        yield reader
    finally:
        await reader.aclose()  # type: ignore[attr-defined]  # the port promises it in words


async def read_up_to(
    log: EventLog, partition: int, end: int, *, after: int = -1, max_records: int = 500
) -> list[StoredRecord]:
    """All records with `after` < offset < `end`."""
    found: list[StoredRecord] = []
    async with reading(log, partition, after=after, max_records=max_records) as reader:
        while (found[-1].position.offset if found else after) < end - 1:
            found += await anext(reader)
    return found


async def read_all(log: EventLog) -> dict[Position, StoredRecord]:
    """All there is in the log now."""
    ends = await log.end()
    batches = [await read_up_to(log, partition, end) for partition, end in ends.items() if end]
    return {stored.position: stored for batch in batches for stored in batch}


async def until_ends_at(log: EventLog, total: int) -> None:
    """Wait until the log holds `total` records."""

    async def there() -> bool:
        return sum((await log.end()).values()) >= total

    await eventually(there, within_seconds=DEADLINE_SECONDS)
