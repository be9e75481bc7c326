"""The server stopped, killed and frozen under load: no false position, an answer in time, recovery by itself."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field

import asyncpg
import pytest

from domain.ports import EventLog, LogUnavailable, Position
from tests.contract.conftest import KafkaBreaker, PostgresBreaker
from tests.contract.rigs import DEADLINE_SECONDS, Breaker, read_all, reading, record
from tests.waiting import eventually

SLACK_SECONDS = 1.5  # two shared cores: an answer may come this much after its deadline


@dataclass
class Load:
    """Appends one record after another and keeps what it was told of each."""

    log: EventLog
    prefix: str
    told: dict[Position, bytes] = field(default_factory=dict)
    unknown: int = 0
    slowest_seconds: float = 0.0
    deadline_seconds: float = 1.0
    stopped: bool = False

    async def run(self) -> None:
        number = 0
        while not self.stopped:
            batch = [
                record(n, key=f"{self.prefix}-{n}", value=f"{self.prefix}-{n}".encode()) for n in (number, number + 1)
            ]
            number += 2
            began = time.monotonic()
            try:
                positions: list[Position | None] = list(
                    await self.log.append(batch, deadline_seconds=self.deadline_seconds)
                )
            except LogUnavailable as unavailable:
                positions = list(unavailable.positions)
                self.unknown += 1
            self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
            for sent, position in zip(batch, positions, strict=True):
                if position is not None:
                    assert position not in self.told, "one position was given twice"
                    self.told[position] = sent.value
            await asyncio.sleep(0)


async def appends_again(log: EventLog, value: bytes) -> Position:
    """The position of a record appended as soon as the log takes one."""

    async def attempt() -> Position | None:
        try:
            (position,) = await log.append([record(0, value=value)], deadline_seconds=2.0)
        except LogUnavailable:
            return None
        return position

    position = await eventually(attempt, within_seconds=DEADLINE_SECONDS)
    assert position is not None
    return position


async def test_a_stopped_server_is_unavailable_within_the_deadline_and_comes_back(breaker: Breaker) -> None:
    log = await breaker.open()
    before = await log.append([record(n) for n in range(10)], deadline_seconds=DEADLINE_SECONDS)
    await breaker.stop()
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(LogUnavailable) as unavailable:
            await log.append([record(100), record(101)], deadline_seconds=0.7)
        assert time.monotonic() - began < 0.7 + SLACK_SECONDS
        assert unavailable.value.positions == (None, None)
    assert await log.healthy() is not None
    await breaker.start()
    after = await appends_again(log, b"after")

    async def healthy() -> bool:
        return await log.healthy() is None

    await eventually(healthy, within_seconds=DEADLINE_SECONDS)
    stored = await read_all(log)
    assert [stored[p].value for p in before] == [record(n).value for n in range(10)]
    assert stored[after].value == b"after"


async def test_every_position_told_is_true_after_kill_9_under_load(breaker: Breaker) -> None:
    log = await breaker.open()
    loads = [Load(log, f"load{number}") for number in range(8)]
    running = [asyncio.create_task(load.run()) for load in loads]

    def told() -> int:
        return sum(len(load.told) for load in loads)

    for _ in range(2):
        enough = told() + 200

        async def enough_told(goal: int = enough) -> bool:
            return told() >= goal

        await eventually(enough_told, within_seconds=30.0)
        await breaker.kill()

        async def noticed() -> bool:
            return all(load.unknown for load in loads)

        await eventually(noticed, within_seconds=30.0)
        await breaker.start()
    await appends_again(log, b"after")
    for load in loads:
        load.stopped = True
    await asyncio.gather(*running)
    stored = await read_all(log)
    for load in loads:
        assert {p: stored[p].value for p in load.told} == load.told
        assert load.slowest_seconds < load.deadline_seconds + SLACK_SECONDS


async def test_a_waiting_reader_outlives_a_restart(breaker: Breaker) -> None:
    log = await breaker.open()
    (position,) = await log.append([record(1, key="one")], deadline_seconds=DEADLINE_SECONDS)
    async with reading(log, position.partition, after=position.offset) as reader:
        waiting = asyncio.ensure_future(anext(reader))
        await asyncio.wait([waiting], timeout=0.1)
        await breaker.kill()
        await breaker.start()

        async def append() -> bool:
            try:
                await log.append([record(2, key="one")], deadline_seconds=2.0)
            except LogUnavailable:
                return False
            return True

        # A restart that takes longer than the reader's patience ends it; it may then be opened again.
        try:
            await eventually(append, within_seconds=DEADLINE_SECONDS)
            batch = await asyncio.wait_for(waiting, DEADLINE_SECONDS)
        except LogUnavailable:
            async with reading(log, position.partition, after=position.offset) as again:
                batch = await asyncio.wait_for(anext(again), DEADLINE_SECONDS)
        assert batch[0].value == b"value-2"


async def test_a_reader_gives_up_on_a_log_that_stays_away(breaker: Breaker) -> None:
    log = await breaker.open()
    (position,) = await log.append([record(1, key="one")], deadline_seconds=DEADLINE_SECONDS)
    async with reading(log, position.partition, after=position.offset) as reader:
        waiting = asyncio.ensure_future(anext(reader))
        await asyncio.wait([waiting], timeout=0.1)
        await breaker.stop()
        with pytest.raises(LogUnavailable):
            await asyncio.wait_for(waiting, DEADLINE_SECONDS)
    with pytest.raises(LogUnavailable):
        await log.end()


async def test_a_frozen_broker_is_unavailable_and_recovers(kafka_breaker: KafkaBreaker) -> None:
    log = await kafka_breaker.open()
    await log.append([record(1)], deadline_seconds=DEADLINE_SECONDS)
    kafka_breaker.broker.pause()
    began = time.monotonic()
    with pytest.raises(LogUnavailable) as unavailable:
        await log.append([record(2)], deadline_seconds=0.5)
    assert time.monotonic() - began < 0.5 + SLACK_SECONDS
    assert unavailable.value.positions == (None,)

    async def noticed() -> bool:
        return await log.healthy() is not None

    await eventually(noticed, within_seconds=DEADLINE_SECONDS)
    kafka_breaker.broker.resume()
    position = await appends_again(log, b"after")
    assert (await read_all(log))[position].value == b"after"


async def test_a_frozen_or_killed_backend_is_unavailable_and_recovers(postgres_breaker: PostgresBreaker) -> None:
    log = await postgres_breaker.open()
    await log.append([record(1)], deadline_seconds=DEADLINE_SECONDS)
    admin = await asyncpg.connect(postgres_breaker.url)
    backends = await admin.fetch(
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'zhuisu_log' AND query LIKE '%log_append%'"
    )
    assert len(backends) == 1
    os.kill(backends[0]["pid"], signal.SIGSTOP)
    try:
        with pytest.raises(LogUnavailable) as unavailable:
            await log.append([record(2)], deadline_seconds=0.5)
        assert unavailable.value.positions == (None,)
    finally:
        os.kill(backends[0]["pid"], signal.SIGCONT)
    await appends_again(log, b"after freezing")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'zhuisu_log'")
    position = await appends_again(log, b"after killing")
    assert (await read_all(log))[position].value == b"after killing"
    await admin.close()


async def test_an_append_behind_a_held_lock_is_unknown_and_lands_once(postgres_breaker: PostgresBreaker) -> None:
    """The one in flight cannot be taken back; those still queued are."""
    log = await postgres_breaker.open()
    holder = await asyncpg.connect(postgres_breaker.url)
    for partition in (0, 1):
        await holder.execute("SELECT pg_advisory_lock(2053926759, $1)", partition)
    in_flight = asyncio.create_task(log.append([record(1)], deadline_seconds=0.4))
    await asyncio.wait([in_flight], timeout=0.1)
    queued = asyncio.create_task(log.append([record(2)], deadline_seconds=0.2))
    for task in (in_flight, queued):
        with pytest.raises(LogUnavailable):
            await task
    await holder.close()
    await appends_again(log, b"after")
    assert sorted(s.value for s in (await read_all(log)).values()) == [b"after", b"value-1"]
