"""Writing batches to Kafka so that an answer is true: a position is the broker's word, or there is none.

aiokafka retries an idempotent batch until a broker takes it. Three things it does not do are done here:

- After a refused batch the partition's sequence numbers have a hole and every later batch fails
  (OutOfOrderSequenceNumber), so any failure retires the producer and the next batch gets a new one.
- A duplicate whose place the broker has forgotten succeeds with base offset -1, from which aiokafka would count
  offsets up (0, 1, …) for the batch's other records: batches are sent whole and a negative base means "unknown".
- It waits for ever: a batch unanswered for `give_up_seconds` is left as unknown and the producer, which may cling to
  brokers that have moved, is retired too.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from domain.ports import LogUnavailable, Position, Record

_log = logging.getLogger(__name__)
_DISCARD_TRIES = 5


@dataclass(slots=True, eq=False)
class _Generation:
    """One producer from its start to its end; `in_flight` batches keep it alive after it was retired."""

    producer: AIOKafkaProducer
    in_flight: int = 0
    retired: bool = False


@dataclass(slots=True, kw_only=True)
class ProducerPool:
    """The current producer, built on need and replaced when it failed. One batch at a time for each partition.

    `build` makes an unstarted producer; `topic` is written to.
    """

    build: Callable[[], AIOKafkaProducer]
    topic: str
    start_seconds: float
    give_up_seconds: float
    _current: _Generation | None = None
    _building: asyncio.Lock = field(default_factory=asyncio.Lock)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)
    _last_error: str | None = None

    @property
    def last_error(self) -> str | None:
        """Why there is no producer, or None."""
        return self._last_error if self._current is None else None

    def current(self) -> AIOKafkaProducer | None:
        """The producer in use, for its metadata; None when there is none."""
        return self._current.producer if self._current is not None else None

    async def ready(self) -> None:
        """Return when there is a started producer; tries for as long as it takes."""
        pause = 0.05
        while self._current is None:
            try:
                await self.connect()
            except LogUnavailable:
                await asyncio.sleep(pause)
                pause = min(1.0, pause * 2)

    async def connect(self) -> AIOKafkaProducer:
        """The started producer, or one attempt at building it. Raises LogUnavailable."""
        async with self._building:
            if self._current is None:
                self._current = _Generation(await self._start())
                self._last_error = None
            return self._current.producer

    async def write(self, partition: int, records: Sequence[Record]) -> list[Position | None]:
        """Send the records, in order, and return where each is; None where that is not known."""
        positions: list[Position | None] = []
        while len(positions) < len(records):
            try:
                positions += await self._write_some(partition, records[len(positions) :])
            except LogUnavailable as unavailable:
                if not positions:
                    raise
                _log.warning("partition %d: the rest of a batch is unconfirmed: %s", partition, unavailable)
                break
        return positions + [None] * (len(records) - len(positions))

    async def close(self, *, within_seconds: float) -> None:
        """Let go of every connection; what is still unanswered stays unknown."""
        if self._current is not None:
            self._current.retired = True
            self._close_if_idle(self._current)
            self._current = None
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=within_seconds)

    async def _write_some(self, partition: int, records: Sequence[Record]) -> list[Position | None]:
        generation = self._current
        if generation is None:
            raise LogUnavailable(self._last_error or "there is no connection to Kafka")
        batch = generation.producer.create_batch()
        count = 0
        for record in records:
            if batch.append(key=record.key, value=record.value, timestamp=None) is None:
                break  # full: the caller comes again with the rest
            count += 1
        batch.close()
        generation.in_flight += 1
        try:
            async with asyncio.timeout(self.give_up_seconds):
                sent: Awaitable[RecordMetadata] = await generation.producer.send_batch(
                    batch, self.topic, partition=partition
                )
                base = (await sent).offset
        except TimeoutError as error:
            self._retire(generation, f"no answer for {self.give_up_seconds:g} s")
            raise LogUnavailable(f"Kafka did not answer within {self.give_up_seconds:g} s") from error
        except (KafkaError, OSError, AssertionError) as error:  # AssertionError: aiokafka, a partition it does not know
            self._retire(generation, repr(error))
            raise LogUnavailable(f"Kafka refused the batch: {error!r}") from error
        finally:
            generation.in_flight -= 1
            self._close_if_idle(generation)
        if base < 0:
            return [None] * count
        return [Position(partition, base + place) for place in range(count)]

    async def _start(self) -> AIOKafkaProducer:
        producer = self.build()
        try:
            async with asyncio.timeout(self.start_seconds):
                await producer.start()
                if not await producer.partitions_for(self.topic):
                    raise LogUnavailable(f"topic {self.topic} has no partitions")
        except (KafkaError, OSError, TimeoutError, LogUnavailable) as error:
            self._last_error = f"Kafka cannot be reached: {error!r}"
            self._close_later(producer)
            raise LogUnavailable(self._last_error) from error
        except BaseException:
            self._close_later(producer)
            raise
        return producer

    def _retire(self, generation: _Generation, reason: str) -> None:
        if generation.retired:
            return
        generation.retired = True
        if self._current is generation:
            self._current = None
            self._last_error = reason
        _log.warning("the Kafka producer is replaced: %s", reason)
        self._close_if_idle(generation)

    def _close_if_idle(self, generation: _Generation) -> None:
        if generation.retired and generation.in_flight == 0:
            self._close_later(generation.producer)

    def _close_later(self, producer: AIOKafkaProducer) -> None:
        task = asyncio.create_task(_discard(producer), name="kafka-producer-discard")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _discard(producer: AIOKafkaProducer) -> None:
    """End a producer without waiting for batches that nobody waits for (`stop` alone would flush them, for ever)."""
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    producer._closed = True
    await producer.client.close()  # answers every request in flight with an error, so that the sender can end
    for _ in range(_DISCARD_TRIES):
        if sender is None or sender.done():
            return
        await asyncio.wait([sender], timeout=1.0)
        sender.cancel()  # it waits for a send that waits for metadata which no longer comes
    _log.error("a retired Kafka producer does not end; its task is left behind")
