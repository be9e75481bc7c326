"""Group commit: concurrent appends of one process are gathered and written together, one batch in flight a lane.

A lane is what the log writes in one go: a partition for Kafka, the whole log for Postgres. While one batch is being
written the next one collects, so the log's latency sets the size of batches and nobody waits for a timer.

An append that passes its deadline takes back what was not sent yet; what was sent stays unknown (None) until the log
answers, and nobody is told a position that the log did not give.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain.ports import LogUnavailable, Position, Record, RecordTooLarge

# What a record costs beside its key and value, in Kafka's batch format at worst and in our own bookkeeping.
RECORD_OVERHEAD_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on all a batcher holds. `record_bytes`: key and value of one; `buffered_bytes`: queued or in flight."""

    record_bytes: int = 1_000_000
    batch_records: int = 5_000
    batch_bytes: int = 4_000_000
    buffered_bytes: int = 64_000_000

    def costs_of(self, records: Sequence[Record]) -> list[int]:
        """Bytes that each record takes up. Raises RecordTooLarge for the first over `record_bytes`."""
        costs = [len(record.key) + len(record.value) + RECORD_OVERHEAD_BYTES for record in records]
        if costs and max(costs) > self.record_bytes + RECORD_OVERHEAD_BYTES:
            for index, cost in enumerate(costs):
                if (size := cost - RECORD_OVERHEAD_BYTES) > self.record_bytes:
                    raise RecordTooLarge(index, size, self.record_bytes)
        return costs


class _Call:
    """One append: its records' positions as they become known, and a future that ends when all are settled."""

    __slots__ = ("abandoned", "done", "error", "pieces", "positions", "unsettled")

    def __init__(self, count: int) -> None:
        self.positions: list[Position | None] = [None] * count
        self.unsettled = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.error: BaseException | None = None
        self.pieces: list[tuple[_Lane, _Piece]] = []
        self.abandoned = False

    def settle(self, indexes: Sequence[int], positions: Sequence[Position | None], otherwise: BaseException) -> None:
        """Those of the call's records are where `positions` say; `otherwise` is what is to be said of one without."""
        for index, position in zip(indexes, positions, strict=True):
            self.positions[index] = position
        if None in positions:
            self.error = self.error or otherwise
        self.unsettled -= len(indexes)
        if self.unsettled == 0 and not self.done.done():
            self.done.set_result(None)


class _Piece:
    """The records of one call that go to one lane, where they stand in the call, and what each costs.

    `cursor` marks those already taken into a batch, `rest_bytes` is what the others cost.
    """

    __slots__ = ("call", "costs", "cursor", "indexes", "records", "rest_bytes")

    def __init__(self, call: _Call, indexes: Sequence[int], *, records: Sequence[Record], costs: Sequence[int]) -> None:
        self.call, self.indexes, self.records, self.costs = call, indexes, records, costs
        self.cursor, self.rest_bytes = 0, sum(costs)


@dataclass(frozen=True, slots=True)
class _Slice:
    """Records of a piece that are written in one batch."""

    call: _Call
    indexes: Sequence[int]
    records: Sequence[Record]
    cost_bytes: int


class _Room:
    """A budget of bytes, first come first served. One request larger than all of it is let in when nobody else is."""

    def __init__(self, limit: int) -> None:
        self._limit, self._used = limit, 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, amount: int) -> None:
        if not self._waiting and self._fits(amount):
            self._used += amount
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ticket = (amount, turn)
        self._waiting.append(ticket)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(amount)  # it was granted in the same moment
            elif ticket in self._waiting:  # else it was passed over already, when room came free in the same moment
                self._waiting.remove(ticket)
                self.give(0)
            raise

    def give(self, amount: int) -> None:
        self._used -= amount
        while self._waiting and self._fits(self._waiting[0][0]):
            wanted, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._used += wanted
                turn.set_result(None)

    def _fits(self, amount: int) -> bool:
        return self._used == 0 or self._used + amount <= self._limit


class _Lane:
    """A queue of pieces (insertion-ordered, removable) and the task that writes it."""

    def __init__(self) -> None:
        self.queue: dict[_Piece, None] = {}
        self.filled = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.writing_since: float | None = None

    def put(self, piece: _Piece) -> None:
        self.queue[piece] = None
        self.filled.set()

    def take(self, limits: Limits) -> list[_Slice]:
        """The next batch: at least one record if there are any, else within the limits."""
        batch: list[_Slice] = []
        count, size = 0, 0
        while self.queue:
            piece = next(iter(self.queue))
            start = piece.cursor
            end, cost = _fitting(piece, count=count, size=size, limits=limits)
            if end > start:
                batch.append(_Slice(piece.call, piece.indexes[start:end], piece.records[start:end], cost))
            count, size = count + end - start, size + cost
            piece.cursor, piece.rest_bytes = end, piece.rest_bytes - cost
            if end < len(piece.records):
                return batch
            del self.queue[piece]
        self.filled.clear()
        return batch


def _fitting(piece: _Piece, *, count: int, size: int, limits: Limits) -> tuple[int, int]:
    """Up to where a batch of `count` records and `size` bytes still takes the piece's, and what those cost."""
    end, cost = len(piece.records), piece.rest_bytes
    if count + end - piece.cursor <= limits.batch_records and size + cost <= limits.batch_bytes:
        return end, cost  # as nearly always
    end, cost = piece.cursor, 0
    for one in piece.costs[piece.cursor :]:
        taken = count + end - piece.cursor
        if taken and (taken >= limits.batch_records or size + cost + one > limits.batch_bytes):
            break
        end, cost = end + 1, cost + one
    return end, cost


class Batcher:
    """Gathers appends into batches. Build and use it on one event loop.

    `lanes_of(records)` chooses each one's lane. `ready()` returns when a write may be tried (a connection is there),
    however long that takes. `write(lane, records)` returns each record's position, None where the log took it without
    telling where, and raises LogUnavailable when nothing is known of any of them.
    """

    def __init__(
        self,
        *,
        lanes_of: Callable[[Sequence[Record]], Sequence[int]],
        ready: Callable[[], Awaitable[None]],
        write: Callable[[int, Sequence[Record]], Awaitable[Sequence[Position | None]]],
        limits: Limits,
    ) -> None:
        self._lanes_of, self._ready, self._write, self._limits = lanes_of, ready, write, limits
        self._lanes: dict[int, _Lane] = {}
        self._room = _Room(limits.buffered_bytes)
        self._closed = False

    async def append(self, records: Sequence[Record], *, deadline_seconds: float) -> list[Position]:
        """As domain.ports.EventLog.append."""
        costs = self._limits.costs_of(records)
        if not records:
            return []
        call = _Call(len(records))
        try:
            async with asyncio.timeout(deadline_seconds):
                await self._room.take(sum(costs))
                self._enqueue(call, records, costs)
                await call.done
        except TimeoutError:
            confirmed = sum(p is not None for p in call.positions)
            raise LogUnavailable(
                f"the log confirmed {confirmed} of {len(records)} records within {deadline_seconds:g} s", call.positions
            ) from None
        finally:
            self._withdraw(call)
        if call.error is not None:
            if isinstance(call.error, LogUnavailable):
                raise LogUnavailable(str(call.error), call.positions) from call.error
            raise call.error
        return [position for position in call.positions if position is not None]

    def stuck_seconds(self) -> float:
        """For how long the oldest batch in flight has been waiting for the log's answer."""
        now = time.monotonic()
        return max((now - lane.writing_since for lane in self._lanes.values() if lane.writing_since), default=0.0)

    async def close(self, *, flush_seconds: float) -> None:
        """Take no more, write what is queued within `flush_seconds`, then fail the rest as unknown."""
        self._closed = True
        deadline = time.monotonic() + flush_seconds
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for lane in self._lanes.values():
            lane.filled.set()  # an idle task sees that it may end
        if tasks:
            await asyncio.wait(tasks, timeout=max(0.0, deadline - time.monotonic()))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for lane in self._lanes.values():
            self._settle(
                lane.take(Limits(batch_records=2**62, batch_bytes=2**62)), LogUnavailable("the log was closed")
            )
        self._lanes.clear()

    def _enqueue(self, call: _Call, records: Sequence[Record], costs: Sequence[int]) -> None:
        if self._closed:
            self._room.give(sum(costs))
            raise LogUnavailable("the log is not started", call.positions)
        lanes = self._lanes_of(records)
        chosen: dict[int, list[int]] = {}
        for index, number in enumerate(lanes):
            chosen.setdefault(number, []).append(index)
        for number, indexes in chosen.items():
            piece = _Piece(call, indexes, records=[records[n] for n in indexes], costs=[costs[n] for n in indexes])
            lane = self._lanes.setdefault(number, _Lane())
            call.pieces.append((lane, piece))
            lane.put(piece)
            if lane.task is None:
                lane.task = asyncio.create_task(self._run(number, lane), name=f"log-lane-{number}")

    def _withdraw(self, call: _Call) -> None:
        """The caller is gone: what no batch has taken yet leaves the queue, and its room is given back."""
        call.abandoned = True
        for lane, piece in call.pieces:
            if piece in lane.queue:
                del lane.queue[piece]
                self._room.give(piece.rest_bytes)
        call.pieces.clear()

    async def _run(self, number: int, lane: _Lane) -> None:
        while True:
            if not lane.queue:
                lane.filled.clear()
                if self._closed:
                    return
                await lane.filled.wait()
                continue
            try:
                await self._ready()
            except Exception as bug:  # noqa: BLE001 - handed to every caller of the batch; the lane must live on
                self._settle(lane.take(self._limits), bug)
                continue
            batch = lane.take(self._limits)
            if batch:
                await self._write_batch(number, lane, batch)

    async def _write_batch(self, number: int, lane: _Lane, batch: list[_Slice]) -> None:
        lane.writing_since = time.monotonic()
        try:
            positions = await self._write(number, [record for part in batch for record in part.records])
        except asyncio.CancelledError:
            self._settle(batch, LogUnavailable("the log was closed before it answered"))
            raise
        except LogUnavailable as unavailable:
            self._settle(batch, unavailable)
        except Exception as bug:  # noqa: BLE001 - handed to every caller of the batch; the lane must live on
            self._settle(batch, bug)
        else:
            self._settle(batch, LogUnavailable("the log took the record without telling where"), positions)
        finally:
            lane.writing_since = None

    def _settle(
        self, batch: Sequence[_Slice], otherwise: BaseException, positions: Sequence[Position | None] | None = None
    ) -> None:
        place = 0
        for part in batch:
            count = len(part.indexes)
            told = positions[place : place + count] if positions is not None else [None] * count
            part.call.settle(part.indexes, told, otherwise)
            place += count
        self._room.give(sum(part.cost_bytes for part in batch))
