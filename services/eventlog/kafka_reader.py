"""Reading one partition of a Kafka topic from a position that the caller keeps: no group, no committed offsets."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from domain.ports import LogUnavailable, Position, StoredRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_POLL_MS = 1_000  # how long one poll waits; a new record ends it at once


def new_consumer(client_settings: Mapping[str, Any]) -> AIOKafkaConsumer:
    """A consumer that never commits, never jumps, and holds at most two fetches of 4 MB."""
    return AIOKafkaConsumer(
        **client_settings,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=4_000_000,
        fetch_max_bytes=4_000_000,
    )


async def close_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop it and close its connections. In aiokafka 0.14 a fetch cut short escapes `stop` as a CancelledError."""
    stopping = asyncio.create_task(consumer.stop(), name="kafka-consumer-stop")
    await asyncio.wait([stopping])
    if stopping.cancelled():
        await consumer._client.close()
    else:
        stopping.result()


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionReader:
    """Reads `partition` of `topic`. Gives up (LogUnavailable) when Kafka was out of reach for `patience_seconds`."""

    client_settings: Mapping[str, Any]
    topic: str
    partition: int
    patience_seconds: float

    async def batches(self, *, after: int, max_records: int) -> AsyncGenerator[Sequence[StoredRecord], None]:
        """As domain.ports.EventLog.read."""
        consumer = await self._connect()
        place = TopicPartition(self.topic, self.partition)
        try:
            consumer.assign([place])
            consumer.seek(place, after + 1)
            reached_at = time.monotonic()
            while True:
                try:
                    fetched = await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=max_records)
                    if not fetched:
                        # aiokafka is silent about brokers that are gone: an empty poll may mean either.
                        await self._probe(consumer, place)
                except OffsetOutOfRangeError as error:
                    raise LookupError(
                        f"{self.topic}: partition {self.partition} has nothing at offset {after + 1}: "
                        "records were deleted, or the topic is another one than was read before"
                    ) from error
                except (KafkaError, TimeoutError, OSError) as error:
                    if time.monotonic() - reached_at > self.patience_seconds:
                        raise LogUnavailable(f"{self.topic}-{self.partition} cannot be read: {error!r}") from error
                    await asyncio.sleep(0.1)
                    continue
                reached_at = time.monotonic()
                for records in fetched.values():
                    if records:
                        after = records[-1].offset
                        yield [_stored(record) for record in records]
        finally:
            await close_consumer(consumer)

    async def _connect(self) -> AIOKafkaConsumer:
        deadline = time.monotonic() + self.patience_seconds
        while True:
            consumer = new_consumer(self.client_settings)
            try:
                await consumer.start()
                return consumer
            except (KafkaError, TimeoutError, OSError) as error:
                await close_consumer(consumer)
                if time.monotonic() > deadline:
                    raise LogUnavailable(f"{self.topic}-{self.partition} cannot be read: {error!r}") from error
                await asyncio.sleep(0.2)
            except BaseException:
                await close_consumer(consumer)
                raise

    async def _probe(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> None:
        async with asyncio.timeout(max(1.0, self.patience_seconds / 2)):
            await consumer.end_offsets([place])


def _stored(record: ConsumerRecord[bytes, bytes]) -> StoredRecord:
    return StoredRecord(
        Position(record.partition, record.offset),
        _EPOCH + timedelta(milliseconds=record.timestamp),
        record.key or b"",
        record.value or b"",
    )
