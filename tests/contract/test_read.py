"""What a reader sees, and what it may rely on."""

import asyncio

import pytest

from tests.contract.rigs import DEADLINE_SECONDS, Rig, read_all, read_up_to, reading, record
from tests.waiting import eventually


async def test_reading_resumes_after_any_position(rig: Rig) -> None:
    log = await rig.open()
    await log.append([record(n, key="one") for n in range(30)], deadline_seconds=DEADLINE_SECONDS)
    whole = list((await read_all(log)).values())
    partition, end = whole[0].position.partition, whole[-1].position.offset + 1
    for seen in whole[:-1]:
        after = seen.position.offset
        rest = await read_up_to(await rig.open() if after == 3 else log, partition, end, after=after, max_records=7)
        assert rest == [stored for stored in whole if stored.position.offset > after]


async def test_a_reader_at_the_end_waits_and_wakes(rig: Rig) -> None:
    log, other = await rig.open(), await rig.open()
    (position,) = await log.append([record(1, key="one")], deadline_seconds=DEADLINE_SECONDS)
    async with reading(log, position.partition, after=position.offset) as reader:
        waiting = asyncio.ensure_future(anext(reader))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        await other.append([record(2, key="one")], deadline_seconds=DEADLINE_SECONDS)
        batch = await asyncio.wait_for(waiting, DEADLINE_SECONDS)
        assert [stored.value for stored in batch] == [b"value-2"]


async def test_batches_have_at_most_max_records(rig: Rig) -> None:
    log = await rig.open(partitions=1)
    positions = await log.append([record(n, key="one") for n in range(25)], deadline_seconds=DEADLINE_SECONDS)
    sizes: list[int] = []
    async with reading(log, positions[0].partition, max_records=10) as reader:
        while sum(sizes) < 25:
            sizes.append(len(await anext(reader)))
    assert max(sizes) <= 10


async def test_a_reader_can_be_closed_while_it_waits_and_before_it_began(rig: Rig) -> None:
    log = await rig.open()
    untouched = log.read(0, after=-1, max_records=10)
    await untouched.aclose()  # type: ignore[attr-defined]
    reader = log.read(0, after=-1, max_records=10)
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.wait([waiting], timeout=0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await reader.aclose()  # type: ignore[attr-defined]


async def test_many_readers_do_not_disturb_each_other(rig: Rig) -> None:
    log = await rig.open()
    await log.append([record(n) for n in range(50)], deadline_seconds=DEADLINE_SECONDS)
    first, second, third = await asyncio.gather(read_all(log), read_all(log), read_all(await rig.open()))
    assert first == second == third
    assert len(first) == 50


async def test_everything_below_end_is_readable_and_nothing_new_appears_there(rig: Rig) -> None:
    """Two appenders write while ends are taken; what lay below an end then is what lies below it afterwards."""
    logs, observer = [await rig.open(), await rig.open()], await rig.open()
    snapshots: list[tuple[int, int, list[bytes]]] = []
    enough = asyncio.Event()

    async def write(which: int) -> None:
        for number in range(which, 200, 2):  # bounded: the mock cluster keeps 5 MB a partition
            if enough.is_set():
                return
            batch = [record(number * 10 + n) for n in range(5)]
            await logs[which].append(batch, deadline_seconds=DEADLINE_SECONDS)
            await asyncio.sleep(0)  # memory never waits by itself

    async def look() -> None:
        while len(snapshots) < 20:
            for partition, end in (await observer.end()).items():
                if end:
                    below = await read_up_to(observer, partition, end)
                    values = [s.value for s in below if s.position.offset < end]
                    assert len(values) == end
                    snapshots.append((partition, end, values))
            await asyncio.sleep(0)
        enough.set()

    await asyncio.gather(look(), write(0), write(1))
    final = await read_all(logs[0])
    for partition, end, values in snapshots:
        assert values == [s.value for p, s in final.items() if p.partition == partition and p.offset < end]


async def test_concurrent_appenders_never_hide_a_record_from_a_reader(rig: Rig) -> None:
    """A reader that follows only `offset > last seen` while many append at once misses nothing."""
    logs = [await rig.open() for _ in range(3)]
    partitions = await logs[0].partitions()
    seen: list[bytes] = []

    async def follow(partition: int) -> None:
        async with reading(logs[0], partition, max_records=3) as reader:
            async for batch in reader:
                seen.extend(stored.value for stored in batch)

    readers = [asyncio.create_task(follow(partition)) for partition in partitions]
    sent = [record(number) for number in range(600)]
    await asyncio.gather(
        *(logs[n % 3].append(sent[n : n + 3], deadline_seconds=DEADLINE_SECONDS) for n in range(0, len(sent), 3))
    )

    async def all_seen() -> bool:
        return len(seen) >= len(sent)

    await eventually(all_seen, within_seconds=DEADLINE_SECONDS)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    assert sorted(seen) == sorted(r.value for r in sent)


async def test_new_partitions_are_discovered_and_used(rig: Rig) -> None:
    if rig.grow is None:
        pytest.skip(f"{rig.name} cannot grow")
    log, other = await rig.open(partitions=2), await rig.open(partitions=2)
    await log.append([record(1)], deadline_seconds=DEADLINE_SECONDS)
    assert await log.partitions() == [0, 1]
    await rig.grow(5)

    async def grown() -> bool:
        return await log.partitions() == [0, 1, 2, 3, 4] and await other.partitions() == [0, 1, 2, 3, 4]

    await eventually(grown, within_seconds=DEADLINE_SECONDS)
    positions = await log.append([record(n) for n in range(100)], deadline_seconds=DEADLINE_SECONDS)
    assert {p.partition for p in positions} == {0, 1, 2, 3, 4}
    assert len(await read_all(other)) == 101


async def test_records_that_are_gone_are_a_lookup_error_never_skipped(rig: Rig) -> None:
    if rig.forget_below is None:
        pytest.skip(f"{rig.name} cannot lose records on demand")
    log = await rig.open(partitions=1)
    await log.append([record(n) for n in range(10)], deadline_seconds=DEADLINE_SECONDS)
    await rig.forget_below(0, 5)
    for after in (-1, 3):
        async with reading(log, 0, after=after) as reader:
            with pytest.raises(LookupError):
                await asyncio.wait_for(anext(reader), DEADLINE_SECONDS)
    rest = await read_up_to(log, 0, 10, after=4)
    assert [s.position.offset for s in rest] == [5, 6, 7, 8, 9]


async def test_a_position_beyond_the_end_belongs_to_another_log(rig: Rig) -> None:
    log = await rig.open(partitions=1)
    await log.append([record(n, key="one") for n in range(3)], deadline_seconds=DEADLINE_SECONDS)
    async with reading(log, 0, after=1_000) as reader:
        with pytest.raises(LookupError):
            await asyncio.wait_for(anext(reader), DEADLINE_SECONDS)
