"""The event log in Apache Kafka: the default wherever there is more than one machine."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from domain.ports import LogUnavailable, Position, Record, StoredRecord
from services.eventlog.batcher import Batcher, Limits
from services.eventlog.kafka_producer import ProducerPool
from services.eventlog.kafka_reader import PartitionReader, close_consumer, new_consumer
from services.eventlog.kafka_topic import BATCH_OVERHEAD_BYTES, Topic, ensure_topic
from services.eventlog.kafka_topic_id import topic_id
from services.eventlog.partitioning import partition_of

_ANSWER_SECONDS = 5.0  # for questions about the cluster: metadata, offsets
_STUCK_SECONDS = 5.0  # a batch in flight for longer makes the log unhealthy
_BATCH_BYTES = 1_000_000  # under Kafka's default for the largest batch, so any broker takes it


class KafkaEventLog:
    """EventLog on one Kafka topic. Offsets are Kafka's; append time is the broker's (LogAppendTime, milliseconds).

    `partitions`, `replication_factor`, `min_insync_replicas` count when the topic is created; an existing topic keeps
    its partitions and is refused (TopicMisconfigured) if its settings would lose records. `verify_topic=False` leaves
    that check out, for brokers that cannot be asked. `security` takes aiokafka's `security_protocol`, `ssl_context`
    and `sasl_…`. Times are seconds: `start_seconds` to wait for a broker at start, `give_up_seconds` until an
    unanswered batch is left as unknown, `patience_seconds` until a reader without a broker raises.
    """

    def __init__(
        self,
        *,
        bootstrap_servers: str,
        topic: str,
        partitions: int = 6,
        replication_factor: int = 3,
        min_insync_replicas: int = 2,
        max_record_bytes: int = 1_000_000,
        max_buffered_bytes: int = 64_000_000,
        start_seconds: float = 30.0,
        give_up_seconds: float = 30.0,
        patience_seconds: float = 30.0,
        verify_topic: bool = True,
        security: Mapping[str, Any] | None = None,
    ) -> None:
        self._topic = Topic(
            name=topic,
            partitions=partitions,
            replication_factor=replication_factor,
            min_insync_replicas=min_insync_replicas,
            max_record_bytes=max_record_bytes,
        )
        self._limits = Limits(
            record_bytes=max_record_bytes, batch_bytes=_BATCH_BYTES, buffered_bytes=max_buffered_bytes
        )
        self._client_settings: dict[str, Any] = {
            **(security or {}),
            "bootstrap_servers": bootstrap_servers,
            "client_id": "zhuisu",
            "request_timeout_ms": 10_000,
            "retry_backoff_ms": 100,
            "metadata_max_age_ms": 30_000,
        }
        self._start_seconds, self._give_up_seconds = start_seconds, give_up_seconds
        self._patience_seconds, self._verify_topic = patience_seconds, verify_topic
        self._partition_count = 0
        self._producers: ProducerPool | None = None
        self._batcher: Batcher | None = None
        self._watcher: AIOKafkaConsumer | None = None
        self._watching: asyncio.Lock = asyncio.Lock()

    @property
    def max_record_bytes(self) -> int:
        return self._limits.record_bytes

    async def start(self) -> None:
        """Connect and create the topic if missing. Raises LogUnavailable, TopicMisconfigured."""
        deadline = time.monotonic() + self._start_seconds
        producers = ProducerPool(
            build=self._build_producer,
            topic=self._topic.name,
            start_seconds=_ANSWER_SECONDS,
            give_up_seconds=self._give_up_seconds,
        )
        while True:
            try:
                await ensure_topic(self._topic, client_settings=self._client_settings, verify=self._verify_topic)
                await producers.connect()
                break
            except LogUnavailable:
                if time.monotonic() > deadline:
                    await producers.close(within_seconds=_ANSWER_SECONDS)
                    raise
                await asyncio.sleep(0.2)
        self._producers = producers
        self._count_partitions()
        self._batcher = Batcher(
            lanes_of=self._lanes_of, ready=producers.ready, write=producers.write, limits=self._limits
        )

    async def stop(self) -> None:
        """Write what was accepted, for a few seconds at most, and close every connection."""
        batcher, self._batcher = self._batcher, None
        producers, self._producers = self._producers, None
        if batcher is not None:
            await batcher.close(flush_seconds=_ANSWER_SECONDS)
        if producers is not None:
            await producers.close(within_seconds=_ANSWER_SECONDS)
        await self._drop_watcher()

    async def append(self, records: Sequence[Record], *, deadline_seconds: float) -> list[Position]:
        """As the port."""
        if self._batcher is None:
            raise LogUnavailable("the Kafka log is not started", [None] * len(records))
        return await self._batcher.append(records, deadline_seconds=deadline_seconds)

    async def partitions(self) -> list[int]:
        """As the port; asks the cluster."""
        if self._producers is None:
            raise LogUnavailable("the Kafka log is not started")
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                producer = await self._producers.connect()
                if not await producer.client.force_metadata_update():
                    raise LogUnavailable("no Kafka broker answers")
        except TimeoutError as error:
            raise LogUnavailable(f"no Kafka broker answered within {_ANSWER_SECONDS:g} s") from error
        self._count_partitions()
        return list(range(self._partition_count))

    async def end(self) -> Mapping[int, int]:
        """As the port: the high watermarks."""
        places = [TopicPartition(self._topic.name, number) for number in await self.partitions()]
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                watcher = await self._watch()
                offsets = await watcher.end_offsets(places)
        except (KafkaError, OSError, TimeoutError) as error:
            await self._drop_watcher()
            raise LogUnavailable(f"Kafka does not tell where the log ends: {error!r}") from error
        return {place.partition: offset for place, offset in offsets.items()}

    async def identity(self) -> str:
        """As the port: the topic's id. Brokers without topic ids (before 2.8) tell topics apart by name only."""
        if self._producers is None:
            raise LogUnavailable("the Kafka log is not started")
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                producer = await self._producers.connect()
                found = await topic_id(producer.client, self._topic.name)
        except (KafkaError, OSError, TimeoutError) as error:
            raise LogUnavailable(f"Kafka does not tell which topic {self._topic.name} is: {error!r}") from error
        return f"kafka:{found or self._topic.name}"

    def read(self, partition: int, *, after: int, max_records: int) -> AsyncGenerator[Sequence[StoredRecord], None]:
        """As the port; each reader has a connection of its own."""
        reader = PartitionReader(
            client_settings=self._client_settings,
            topic=self._topic.name,
            partition=partition,
            patience_seconds=self._patience_seconds,
        )
        return reader.batches(after=after, max_records=max_records)

    async def healthy(self) -> str | None:
        """As the port."""
        if self._batcher is None:
            return "the Kafka log is not started"
        if (stuck := self._batcher.stuck_seconds()) > _STUCK_SECONDS:
            return f"Kafka has not confirmed a batch for {stuck:.0f} s"
        try:
            await self.partitions()
        except LogUnavailable as unavailable:
            return str(unavailable)
        return None

    def _build_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._client_settings,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,  # batches are gathered before they get here
            max_batch_size=max(_BATCH_BYTES, self._limits.record_bytes) + BATCH_OVERHEAD_BYTES,
        )

    def _lanes_of(self, records: Sequence[Record]) -> list[int]:
        self._count_partitions()
        return [partition_of(record.key, self._partition_count) for record in records]

    def _count_partitions(self) -> None:
        """Take over what the producer's metadata knows; between producers, the last count stands."""
        producer = self._producers.current() if self._producers is not None else None
        known = producer.client.cluster.partitions_for_topic(self._topic.name) if producer is not None else None
        if known:
            self._partition_count = len(known)

    async def _watch(self) -> AIOKafkaConsumer:
        async with self._watching:
            if self._watcher is None:
                watcher = new_consumer(self._client_settings)
                try:
                    await watcher.start()
                except BaseException:
                    await close_consumer(watcher)
                    raise
                self._watcher = watcher
            return self._watcher

    async def _drop_watcher(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            await close_consumer(watcher)
