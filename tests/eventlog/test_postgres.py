"""What only Postgres can do to us: late commits, stale plans, lost notifications, the roles of requests."""

import asyncio
import time
from functools import partial

import asyncpg
import pytest

from domain.ports import LogUnavailable, Record
from services.eventlog.postgres import PostgresEventLog
from services.eventlog.postgres_waker import Waker
from tests.contract.rigs import DEADLINE_SECONDS, read_all, reading, record
from tests.waiting import eventually


async def opened(url: str, *, partitions: int = 1, poll_seconds: float = 0.5) -> PostgresEventLog:
    log = PostgresEventLog(dsn=url, partitions=partitions, poll_seconds=poll_seconds)
    await log.start()
    return log


async def test_an_append_that_commits_late_is_not_overtaken(fresh_database_url: str) -> None:
    """The trap of `id > n`: a later number must not be visible before an earlier one. Nor may `end` pass it."""
    log = await opened(fresh_database_url)
    slow = await asyncpg.connect(fresh_database_url)
    transaction = slow.transaction()
    await transaction.start()
    assert await slow.fetchval("SELECT log_append(1, '{0}', ARRAY['k'::bytea], ARRAY['slow'::bytea])") == [0]
    overtaking = asyncio.create_task(log.append([Record(b"k", b"quick")], deadline_seconds=DEADLINE_SECONDS))
    asking = asyncio.create_task(log.end())
    done, _ = await asyncio.wait([overtaking, asking], timeout=0.3)
    assert not done
    await transaction.commit()
    assert await overtaking == [(0, 1)]
    assert (await asking)[0] in (1, 2)
    assert [s.value for s in (await read_all(log)).values()] == [b"slow", b"quick"]
    await slow.close()
    await log.stop()


async def test_whatever_is_appended_after_an_end_is_stamped_after_it(fresh_database_url: str) -> None:
    """Stamped before the question, committed after it: `end` must wait for such a record and count it."""
    log = await opened(fresh_database_url)
    slow = await asyncpg.connect(fresh_database_url)
    transaction = slow.transaction()
    await transaction.start()
    await slow.fetchval("SELECT log_append(1, '{0}', ARRAY['k'::bytea], ARRAY['slow'::bytea])")
    asked_at = await slow.fetchval("SELECT clock_timestamp()")
    asking = asyncio.create_task(log.end())
    await asyncio.wait([asking], timeout=0.2)
    await transaction.commit()
    end = (await asking)[0]
    await log.append([record(1)], deadline_seconds=DEADLINE_SECONDS)
    later = [s for p, s in (await read_all(log)).items() if p.offset >= end]
    assert later
    assert all(s.appended_at >= asked_at for s in later)
    await slow.close()
    await log.stop()


async def test_append_time_does_not_follow_a_clock_that_was_set_back(fresh_database_url: str) -> None:
    log = await opened(fresh_database_url)
    connection = await asyncpg.connect(fresh_database_url)
    await connection.execute("INSERT INTO log_records VALUES (0, 0, clock_timestamp() + interval '1 hour', 'k', 'v')")
    await connection.close()
    await log.append([record(1), record(2)], deadline_seconds=DEADLINE_SECONDS)
    stored = list((await read_all(log)).values())
    assert stored[1].appended_at == stored[2].appended_at == stored[0].appended_at
    await log.stop()


async def test_a_reader_in_another_process_is_woken_not_polled(fresh_database_url: str) -> None:
    writer, other = await opened(fresh_database_url), await opened(fresh_database_url, poll_seconds=3_600.0)
    async with reading(other, 0) as reader:
        for number in range(5):
            waiting = asyncio.ensure_future(anext(reader))
            await asyncio.wait([waiting], timeout=0.05)
            began = time.monotonic()
            await writer.append([record(number)], deadline_seconds=DEADLINE_SECONDS)
            assert (await asyncio.wait_for(waiting, DEADLINE_SECONDS))[0].value == record(number).value
            assert time.monotonic() - began < 1.0
    await writer.stop()
    await other.stop()


async def test_without_notifications_a_reader_still_finds_what_is_new(fresh_database_url: str) -> None:
    log = await opened(fresh_database_url, poll_seconds=0.05)
    connection = await asyncpg.connect(fresh_database_url)
    async with reading(log, 0) as reader:
        waiting = asyncio.ensure_future(anext(reader))
        await asyncio.wait([waiting], timeout=0.1)
        await connection.fetchval("SELECT log_append(1, '{0}', ARRAY['k'::bytea], ARRAY['silent'::bytea])")
        assert (await asyncio.wait_for(waiting, DEADLINE_SECONDS))[0].value == b"silent"
    await connection.close()
    await log.stop()


async def test_a_stream_of_commits_is_told_now_and_then_and_its_last_one_too(fresh_database_url: str) -> None:
    waker = Waker(partial(asyncpg.connect, fresh_database_url))
    listener = await asyncpg.connect(fresh_database_url)
    heard: list[str] = []
    await listener.add_listener("zhuisu_log", lambda *told: heard.append(told[3]))
    waker.start()
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        waker.appended([0])
        await asyncio.sleep(0)
    waker.appended([7])

    async def the_last() -> bool:
        return any(told.endswith("7") for told in heard)

    await eventually(the_last)
    assert len(heard) <= (time.monotonic() - began) / 0.005 + 1
    await waker.stop()
    await listener.close()


async def test_a_commit_in_the_pause_is_told_although_the_connection_breaks(fresh_database_url: str) -> None:
    opened_here: list[asyncpg.Connection] = []

    async def connect() -> asyncpg.Connection:
        opened_here.append(await asyncpg.connect(fresh_database_url))
        return opened_here[-1]

    waker = Waker(connect)
    listener = await asyncpg.connect(fresh_database_url)
    heard: list[str] = []
    await listener.add_listener("zhuisu_log", lambda *told: heard.append(told[3]))
    waker.start()
    waker.appended([0])

    async def first_told() -> bool:
        return "0" in heard

    await eventually(first_told, every_seconds=0)
    waker.appended([7])
    opened_here[0].terminate()

    async def the_last() -> bool:
        return "7" in heard

    await eventually(the_last, within_seconds=3)
    assert len(opened_here) > 1
    await waker.stop()
    await listener.close()


async def test_concurrent_appends_share_commits(fresh_database_url: str) -> None:
    log = await opened(fresh_database_url)
    connection = await asyncpg.connect(fresh_database_url)
    await asyncio.gather(*(log.append([record(n)], deadline_seconds=DEADLINE_SECONDS) for n in range(500)))
    commits = await connection.fetchval("SELECT count(DISTINCT xmin::text) FROM log_records")
    assert commits <= 20
    await connection.close()
    await log.stop()


async def test_large_records_are_read_in_batches_of_bounded_bytes(fresh_database_url: str) -> None:
    log = await opened(fresh_database_url)
    value = b"x" * (log.max_record_bytes - 10)
    await log.append([record(n, value=value) for n in range(20)], deadline_seconds=DEADLINE_SECONDS)
    sizes: list[int] = []
    async with reading(log, 0) as reader:
        while sum(sizes) < 20:
            sizes.append(len(await anext(reader)))
    assert max(sizes) <= 9
    await log.stop()


async def test_plans_made_on_an_empty_log_use_its_index(fresh_database_url: str) -> None:
    """Plans cached since the log was a page that is quickest read whole must not come to scan all of it later."""
    log = await opened(fresh_database_url)
    connection = await asyncpg.connect(fresh_database_url)
    await connection.execute("ALTER TABLE log_records SET (autovacuum_enabled = off)")
    await log.append([record(0)], deadline_seconds=DEADLINE_SECONDS)
    await connection.execute("ANALYZE log_records")
    for number in range(10):  # a plan is kept from the sixth use on
        await log.append([record(number)], deadline_seconds=DEADLINE_SECONDS)
        await read_all(log)
        await log.end()
    await log.append([record(n) for n in range(5_000)], deadline_seconds=DEADLINE_SECONDS)
    await read_all(log)
    for number in range(10):
        await log.append([record(number)], deadline_seconds=DEADLINE_SECONDS)
        await log.end()
    await log.stop()

    async def scans() -> tuple[int, int]:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        row = await connection.fetchrow(
            "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname='log_records'"
        )
        assert row is not None
        return row["seq_scan"], row["idx_scan"]

    seq_scans, index_scans = await scans()
    assert seq_scans == 0
    assert index_scans > 20
    await connection.close()


async def test_the_log_cannot_be_changed_nor_seen_by_requests(fresh_database_url: str) -> None:
    log = await opened(fresh_database_url)
    await log.append([record(1)], deadline_seconds=DEADLINE_SECONDS)
    await log.stop()
    connection = await asyncpg.connect(fresh_database_url)
    for change in ("UPDATE log_records SET value = ''", "DELETE FROM log_records"):
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await connection.execute(change)
    await connection.execute("SET ROLE zhuisu_api")
    for forbidden in ("SELECT FROM log_records", "SELECT log_append(1, '{}', '{}', '{}')", "SELECT * FROM log_end()"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)
    await connection.close()


async def test_a_database_without_the_schema_says_what_to_do(fresh_database_url: str) -> None:
    connection = await asyncpg.connect(fresh_database_url)
    await connection.execute("DROP TABLE log_settings")
    await connection.close()
    with pytest.raises(LogUnavailable, match="schema"):
        await opened(fresh_database_url)


async def test_the_stored_number_of_partitions_stands(fresh_database_url: str) -> None:
    first, second = await opened(fresh_database_url, partitions=3), await opened(fresh_database_url, partitions=7)
    assert await second.partitions() == [0, 1, 2]
    await first.grow(2)
    assert await first.partitions() == [0, 1, 2]
    await first.stop()
    await second.stop()
