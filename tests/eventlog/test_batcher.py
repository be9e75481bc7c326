"""The batcher alone, with a log that answers when the test lets it."""

import asyncio
from collections.abc import Sequence

import pytest

from domain.ports import LogUnavailable, Position, Record
from services.eventlog.batcher import RECORD_OVERHEAD_BYTES, Batcher, Limits
from tests.waiting import eventually


class Gate:
    """One lane per first byte of the key; each batch waits for an answer from the test."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.written: list[list[bytes]] = []
        self.answers: asyncio.Queue[BaseException | None] = asyncio.Queue()
        self.connected = asyncio.Event()
        self.connected.set()
        self.unknown: set[bytes] = set()
        self.batcher = Batcher(
            lanes_of=lambda records: [r.key[0] for r in records],
            ready=self._ready,
            write=self._write,
            limits=limits or Limits(),
        )

    async def _ready(self) -> None:
        await self.connected.wait()

    async def _write(self, lane: int, records: Sequence[Record]) -> Sequence[Position | None]:
        self.written.append([r.value for r in records])
        error = await self.answers.get()
        if error is not None:
            raise error
        return [None if r.value in self.unknown else Position(lane, int(r.value)) for r in records]

    def append(self, *numbers: int, key: bytes = b"a", deadline_seconds: float = 5.0) -> asyncio.Task[list[Position]]:
        records = [Record(key, str(number).encode()) for number in numbers]
        return asyncio.create_task(self.batcher.append(records, deadline_seconds=deadline_seconds))

    async def until_written(self, batches: int) -> None:
        async def there() -> bool:
            return len(self.written) >= batches

        await eventually(there)


async def test_what_comes_while_a_batch_is_written_goes_into_the_next_one() -> None:
    gate = Gate()
    first = gate.append(1)
    await gate.until_written(1)
    rest = [gate.append(2, 3), gate.append(4)]
    await asyncio.sleep(0)
    gate.answers.put_nowait(None)
    gate.answers.put_nowait(None)
    assert await first == [(97, 1)]
    assert await asyncio.gather(*rest) == [[(97, 2), (97, 3)], [(97, 4)]]
    assert gate.written == [[b"1"], [b"2", b"3", b"4"]]


async def test_who_leaves_in_the_moment_that_room_comes_free_leaves_as_cancelled() -> None:
    gate = Gate(Limits(buffered_bytes=2 * (RECORD_OVERHEAD_BYTES + 2)))
    first = gate.append(1, 2)
    await gate.until_written(1)
    leaving, staying = gate.append(3), gate.append(4)
    await asyncio.sleep(0)
    gate.answers.put_nowait(None)  # the lane has its turn before the one who leaves
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    gate.answers.put_nowait(None)
    assert await first == [(97, 1), (97, 2)]
    assert await staying == [(97, 4)]


async def test_batches_keep_to_their_limits() -> None:
    gate = Gate(Limits(batch_records=2))
    for _ in range(3):
        gate.answers.put_nowait(None)
    assert await gate.append(1, 2, 3, 4, 5) == [(97, n) for n in range(1, 6)]
    assert [len(batch) for batch in gate.written] == [2, 2, 1]
    gate = Gate(Limits(batch_bytes=3 * (RECORD_OVERHEAD_BYTES + 2)))
    for _ in range(2):
        gate.answers.put_nowait(None)
    await gate.append(1, 2, 3, 4, 5)
    assert [len(batch) for batch in gate.written] == [3, 2]


async def test_at_the_deadline_the_queued_are_taken_back_and_those_sent_are_unknown() -> None:
    gate = Gate(Limits(batch_records=2))
    append = gate.append(1, 2, 3, 4, 5, deadline_seconds=0.1)
    gate.answers.put_nowait(None)
    with pytest.raises(LogUnavailable) as unavailable:
        await append
    assert unavailable.value.positions == ((97, 1), (97, 2), None, None, None)
    gate.answers.put_nowait(None)
    gate.answers.put_nowait(None)
    await gate.append(6)
    assert gate.written == [[b"1", b"2"], [b"3", b"4"], [b"6"]]


async def test_nothing_is_sent_of_what_expired_before_there_was_a_connection() -> None:
    gate = Gate()
    gate.connected.clear()
    with pytest.raises(LogUnavailable):
        await gate.append(1, deadline_seconds=0.05)
    gate.connected.set()
    gate.answers.put_nowait(None)
    await gate.append(2)
    assert gate.written == [[b"2"]]


async def test_a_record_the_log_took_without_telling_where_is_unknown_beside_known_ones() -> None:
    gate = Gate()
    gate.unknown = {b"2"}
    gate.answers.put_nowait(None)
    with pytest.raises(LogUnavailable) as unavailable:
        await gate.append(1, 2, 3)
    assert unavailable.value.positions == ((97, 1), None, (97, 3))


async def test_a_lane_that_fails_leaves_the_other_lanes_positions_known() -> None:
    gate = Gate()
    mixed = asyncio.create_task(gate.batcher.append([Record(b"a", b"1"), Record(b"b", b"2")], deadline_seconds=5))
    await gate.until_written(2)
    gate.answers.put_nowait(LogUnavailable("no"))
    gate.answers.put_nowait(None)
    with pytest.raises(LogUnavailable, match="no") as unavailable:
        await mixed
    assert sorted(p is None for p in unavailable.value.positions) == [False, True]


async def test_a_bug_reaches_the_caller_and_the_lane_lives_on() -> None:
    gate = Gate()
    gate.answers.put_nowait(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        await gate.append(1)
    gate.answers.put_nowait(None)
    assert await gate.append(2) == [(97, 2)]


async def test_the_buffer_is_bounded_and_whoever_waits_for_room_keeps_to_the_deadline() -> None:
    cost = RECORD_OVERHEAD_BYTES + 2
    gate = Gate(Limits(buffered_bytes=3 * cost))
    held = [gate.append(n) for n in (1, 2, 3)]
    await gate.until_written(1)
    with pytest.raises(LogUnavailable):
        await gate.append(4, deadline_seconds=0.05)
    waits = gate.append(5)
    for _ in range(4):
        gate.answers.put_nowait(None)
    await asyncio.gather(*held, waits)
    assert [value for batch in gate.written for value in batch] == [b"1", b"2", b"3", b"5"]


async def test_one_append_larger_than_the_buffer_is_let_in_alone() -> None:
    gate = Gate(Limits(buffered_bytes=10))
    for _ in range(2):
        gate.answers.put_nowait(None)
    assert len(await gate.append(1, 2, 3)) == 3
    assert len(await gate.append(4)) == 1


async def test_room_given_up_by_expired_and_cancelled_appends_is_free_again() -> None:
    cost = RECORD_OVERHEAD_BYTES + 2
    gate = Gate(Limits(buffered_bytes=2 * cost))
    gate.connected.clear()
    for _ in range(5):
        with pytest.raises(LogUnavailable):
            await gate.append(1, 2, deadline_seconds=0.01)
    cancelled = gate.append(1, 2)
    waiting = gate.append(3, 4)
    await asyncio.sleep(0)
    cancelled.cancel()
    gate.connected.set()
    gate.answers.put_nowait(None)
    assert await waiting == [(97, 3), (97, 4)]


async def test_close_writes_what_is_queued_and_then_takes_nothing() -> None:
    gate = Gate()
    append = gate.append(1)
    await gate.until_written(1)
    queued = gate.append(2)
    await asyncio.sleep(0)
    gate.answers.put_nowait(None)
    gate.answers.put_nowait(None)
    await gate.batcher.close(flush_seconds=5)
    assert await append == [(97, 1)]
    assert await queued == [(97, 2)]
    with pytest.raises(LogUnavailable):
        await gate.append(3)


async def test_close_leaves_what_the_log_does_not_answer_as_unknown() -> None:
    gate = Gate()
    appends = [gate.append(1)]
    await gate.until_written(1)
    appends.append(gate.append(2))
    await asyncio.sleep(0)
    await gate.batcher.close(flush_seconds=0.05)
    for append in appends:
        with pytest.raises(LogUnavailable):
            await append
