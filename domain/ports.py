"""Ports: what the core and the services need of the world outside, as Protocols.

Words: an *offset* is a record's place in one partition, counted from 0 without promise of being gapless. A *position*
is one (partition, offset). A *vector* is one offset a partition: all that a reader has seen, the offset included.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol


class Position(NamedTuple):
    """One record's place in the log. Its token, `"<partition>-<offset>"`, is what users see."""

    partition: int
    offset: int

    @property
    def token(self) -> str:
        return f"{self.partition}-{self.offset}"


@dataclass(frozen=True, slots=True)
class Record:
    """What is appended: `key` chooses the partition (same key, same partition), `value` is the encoded envelope."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as the log holds it. `appended_at` is the log's own clock (UTC), never the sender's."""

    position: Position
    appended_at: datetime
    key: bytes
    value: bytes


class LogUnavailable(Exception):
    """The log did not confirm in time. What was sent may or may not be in it: retry with the same event ids.

    `positions[i]` is where record *i* of the call is known to be, None where unknown.
    """

    def __init__(self, message: str, positions: Sequence[Position | None] = ()) -> None:
        super().__init__(message)
        self.positions = tuple(positions)


class RecordTooLarge(ValueError):
    """A record over `max_record_bytes`; nothing of the call was appended. `index` names it."""

    def __init__(self, index: int, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(f"record {index} has {size_bytes} bytes, the log takes at most {limit_bytes}")
        self.index, self.size_bytes, self.limit_bytes = index, size_bytes, limit_bytes


class EventLog(Protocol):
    """An append-only, partitioned, durable log. Adapters: Kafka, Postgres, memory; one contract suite for all.

    Laws (tests/contract): an acknowledged record is read by every reader for ever; a reader that has seen offset n of a
    partition will never see a new record at or below n; records of one key are in one partition in append order.
    """

    @property
    def max_record_bytes(self) -> int: ...

    async def start(self) -> None:
        """Connect, and create what is missing (topic, tables). Raises LogUnavailable."""

    async def stop(self) -> None:
        """Flush what was accepted and let go of every connection."""

    async def append(self, records: Sequence[Record], *, deadline_seconds: float) -> list[Position]:
        """Append all durably and return each one's position, in order.

        Many concurrent calls are committed together. Not atomic: on LogUnavailable some may be in the log.
        Raises RecordTooLarge before anything is sent; LogUnavailable when not confirmed within the deadline.
        """

    async def partitions(self) -> list[int]:
        """The partitions there are now; more may come."""

    async def end(self) -> Mapping[int, int]:
        """Each partition's next offset: everything below it is readable, and nothing new can appear below it."""

    async def identity(self) -> str:
        """Which log this is, asked anew at each call: one made anew under the same name has another.

        What was read before the answer was read from this log, if that is the one that was begun with.
        Raises LogUnavailable.
        """

    def read(self, partition: int, *, after: int, max_records: int) -> AsyncGenerator[Sequence[StoredRecord], None]:
        """Batches of records with offset > `after` (-1: from the start), in order, as they come; waits for more.

        An iterator is closed with `aclose()`. Raises LogUnavailable when the log cannot be reached for long, and
        LookupError when records after `after` are no longer in the log (never skips over them).
        """

    async def healthy(self) -> str | None:
        """None when an append would now be tried with hope; otherwise a short reason for people."""


class Clock(Protocol):
    """The only source of 'now'."""

    def now(self) -> datetime:
        """The current instant, timezone-aware UTC."""
