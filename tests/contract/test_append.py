"""What an acknowledgement means."""

import asyncio

import pytest

from domain.ports import LogUnavailable, Position, Record, RecordTooLarge
from services.eventlog.partitioning import partition_of
from tests.contract.rigs import DEADLINE_SECONDS, Rig, read_all, read_up_to, record


async def test_acknowledged_records_are_where_their_positions_say(rig: Rig) -> None:
    log = await rig.open()
    sent = [record(number) for number in range(200)]
    positions = await log.append(sent, deadline_seconds=DEADLINE_SECONDS)
    stored = await read_all(await rig.open())
    assert len(set(positions)) == len(sent)
    assert {p: (s.key, s.value) for p, s in stored.items()} == {
        p: (r.key, r.value) for p, r in zip(positions, sent, strict=True)
    }


async def test_a_position_is_the_records_own(rig: Rig) -> None:
    log = await rig.open()
    (position,) = await log.append([record(1)], deadline_seconds=DEADLINE_SECONDS)
    (stored,) = await read_up_to(log, position.partition, position.offset + 1, after=position.offset - 1)
    assert (stored.position, stored.key, stored.value) == (position, b"key-1", b"value-1")
    assert position.token == f"{position.partition}-{position.offset}"


async def test_order_within_a_partition_is_append_order(rig: Rig) -> None:
    log = await rig.open()
    for first in range(0, 60, 20):
        await log.append([record(n, key="one") for n in range(first, first + 20)], deadline_seconds=DEADLINE_SECONDS)
    stored = (await read_all(log)).values()
    assert [s.value for s in stored] == [f"value-{n}".encode() for n in range(60)]


async def test_a_key_always_goes_to_the_partition_of_its_hash(rig: Rig) -> None:
    first, second = await rig.open(), await rig.open()
    count = len(await first.partitions())
    for log in (first, second):
        sent = [record(number) for number in range(40)]
        positions = await log.append(sent, deadline_seconds=DEADLINE_SECONDS)
        assert [p.partition for p in positions] == [partition_of(r.key, count) for r in sent]
        assert len({p.partition for p in positions}) == count


async def test_an_empty_append_is_nothing(rig: Rig) -> None:
    log = await rig.open()
    assert await log.append([], deadline_seconds=DEADLINE_SECONDS) == []
    assert sum((await log.end()).values()) == 0


async def test_empty_values_and_keys_of_any_bytes_come_back(rig: Rig) -> None:
    log = await rig.open()
    sent = [Record(b"\x00\xff", b""), Record(b"k", bytes(range(256))), Record("键".encode(), "值".encode())]
    positions = await log.append(sent, deadline_seconds=DEADLINE_SECONDS)
    stored = await read_all(log)
    assert [Record(stored[p].key, stored[p].value) for p in positions] == sent


async def test_an_oversized_record_is_refused_and_the_next_one_lands(rig: Rig) -> None:
    log = await rig.open(max_record_bytes=1_000)
    fits = Record(b"k", b"x" * 999)
    with pytest.raises(RecordTooLarge) as refused:
        await log.append([fits, Record(b"k", b"x" * 1_000)], deadline_seconds=DEADLINE_SECONDS)
    assert (refused.value.index, refused.value.size_bytes, refused.value.limit_bytes) == (1, 1_001, 1_000)
    assert sum((await log.end()).values()) == 0, "nothing of a refused call is appended"
    (position,) = await log.append([fits], deadline_seconds=DEADLINE_SECONDS)
    assert [(s.position, s.value) for s in (await read_all(log)).values()] == [(position, fits.value)]


async def test_records_of_the_largest_size_land(rig: Rig) -> None:
    log = await rig.open()
    value = b"x" * (log.max_record_bytes - 5)
    sent = [record(number, key=f"key-{number}", value=value) for number in range(6)]
    positions = await log.append(sent, deadline_seconds=DEADLINE_SECONDS)
    assert {p: len(s.value) for p, s in (await read_all(log)).items()} == dict.fromkeys(positions, len(value))


async def test_append_time_is_the_logs_and_never_runs_backwards(rig: Rig) -> None:
    if not rig.stamps_by_log:
        pytest.skip(f"{rig.name} keeps the sender's time")
    log = await rig.open(partitions=1)
    for number in range(20):
        await log.append([record(number)], deadline_seconds=DEADLINE_SECONDS)
    stamps = [s.appended_at for s in await read_up_to(log, 0, 20)]
    assert stamps == sorted(stamps)
    assert stamps[0].utcoffset() is not None


async def test_concurrent_appends_get_each_their_own_positions(rig: Rig) -> None:
    logs = [await rig.open(), await rig.open()]

    async def append(number: int) -> dict[Position, bytes]:
        sent = [record(number * 10 + n) for n in range(number % 7 + 1)]
        positions = await logs[number % 2].append(sent, deadline_seconds=DEADLINE_SECONDS)
        return {p: r.value for p, r in zip(positions, sent, strict=True)}

    acknowledged: dict[Position, bytes] = {}
    for answer in await asyncio.gather(*(append(number) for number in range(120))):
        assert not acknowledged.keys() & answer.keys()
        acknowledged |= answer
    assert {p: s.value for p, s in (await read_all(logs[0])).items()} == acknowledged


async def test_a_cancelled_append_harms_nobody(rig: Rig) -> None:
    log = await rig.open()
    gone = asyncio.create_task(log.append([record(1)], deadline_seconds=DEADLINE_SECONDS))
    stays = asyncio.create_task(log.append([record(2)], deadline_seconds=DEADLINE_SECONDS))
    await asyncio.sleep(0)
    gone.cancel()
    (position,) = await stays
    assert (await read_all(log))[position].value == b"value-2"


async def test_a_stopped_log_says_so(rig: Rig) -> None:
    if rig.name == "memory":
        pytest.skip("memory has nothing to let go of")
    log = await rig.open()
    await log.append([record(1)], deadline_seconds=DEADLINE_SECONDS)
    await log.stop()
    assert await log.healthy() is not None
    with pytest.raises(LogUnavailable):
        await log.append([record(2)], deadline_seconds=DEADLINE_SECONDS)
    with pytest.raises(LogUnavailable):
        await log.end()
    await log.start()
    await log.append([record(3)], deadline_seconds=DEADLINE_SECONDS)
    assert sorted(s.value for s in (await read_all(log)).values()) == [b"value-1", b"value-3"]


async def test_a_log_that_works_is_healthy(rig: Rig) -> None:
    log = await rig.open()
    assert await log.healthy() is None
