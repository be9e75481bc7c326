"""Two projectors at once, crashes between steps, and leases that were lost: driven by hand, step by step."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from domain import events as ev
from domain.corrections import Copy, Standing
from domain.envelope import Envelope
from domain.ids import ItemId
from domain.memory import MemoryRecord
from services.database import projector_pool, tenant_transaction
from services.query.standing import judged
from services.readmodel.changes import LeaseLost, ViewWriter
from tests.domain.telling import History, at, item, q
from tests.projections.viewing import Log, batch_of, rows_of
from tests.waiting import eventually


class Stepwise(ViewWriter):
    """Writes all its rows, then commits only when told to."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__(pool)
        self.written, self.may_commit = asyncio.Event(), asyncio.Event()

    async def _prefixes(self, connection: asyncpg.Connection, events: object) -> None:
        await super()._prefixes(connection, events)  # type: ignore[arg-type]
        self.written.set()
        await self.may_commit.wait()


def split(h: History, *partitions: int) -> list[Log]:
    """Each event's log entry alone, in the partition given for it."""
    return [[(dataclasses.replace(c, partition=p), e)] for (c, e), p in zip(h.log, partitions, strict=True)]


async def together(pool: asyncpg.Pool, one: Log, other: Log, *, first_to_commit: int = 0) -> None:
    """Both transactions have written everything before either commits."""
    writers = [Stepwise(pool), Stepwise(pool)]
    tasks = [asyncio.create_task(w.apply(batch_of(log))) for w, log in zip(writers, (one, other), strict=True)]
    async with asyncio.timeout(10):
        for writer in writers:
            await writer.written.wait()
        for no in (first_to_commit, 1 - first_to_commit):
            writers[no].may_commit.set()
            await tasks[no]


async def standings(pool: asyncpg.Pool) -> dict[tuple[str, int], Standing]:
    """How each version that is in any doubt stands."""
    rows = await pool.fetch(
        "SELECT event_no, key_no, log_partition, event_id FROM views.events JOIN views.event_keys USING (key_no)"
    )
    async with pool.acquire() as connection:
        verdicts = await judged(connection, [r["key_no"] for r in rows], vector=None)
    return {
        (r["event_id"], r["log_partition"]): verdicts[r["event_no"]].standing for r in rows if r["event_no"] in verdicts
    }


@pytest.mark.parametrize("first", [0, 1])
async def test_e17_a_void_and_its_target_at_once(empty_views: asyncpg.Pool, first: int) -> None:
    h = History()
    h.tell(ev.Sold(occurred_at=at(1), event_id="sale", items=(q("P"),)))
    h.tell(ev.Voided(occurred_at=at(2), target="sale"))
    await together(empty_views, *split(h, 0, 1), first_to_commit=first)
    assert await standings(empty_views) == {("sale", 0): Standing.VOID}


@pytest.mark.parametrize("first", [0, 1])
async def test_two_contents_of_one_event_at_once(empty_views: asyncpg.Pool, first: int) -> None:
    h = History()
    for name in ("A", "B"):
        h.tell(ev.Sold(occurred_at=at(1), event_id="one", items=(q(name),)))
    await together(empty_views, *split(h, 0, 1), first_to_commit=first)
    assert await standings(empty_views) == {("one", 0): Standing.COUNTS, ("one", 1): Standing.SUPERSEDED}
    reference = MemoryRecord([entry for log in split(h, 0, 1) for entry in log]).as_of()
    assert reference.items == [item("A")]


async def test_a_replacement_and_a_void_at_once(empty_views: asyncpg.Pool) -> None:
    h = History()
    h.tell(ev.Sold(occurred_at=at(1), event_id="old", items=(q("P"),)))
    h.tell(ev.Voided(occurred_at=at(2), target="old", replaced_by=("new",)))
    h.tell(ev.Sold(occurred_at=at(1), event_id="new", items=(q("Q"),)))
    old, void, new = split(h, 0, 1, 2)
    await ViewWriter(empty_views).apply(batch_of(old))
    await together(empty_views, void, new)
    assert (await standings(empty_views))[("old", 0)] is Standing.VOID


def naming(names: list[str], *, partition: int, offset: int = 0) -> Log:
    h = History()
    h.tell(ev.Sold(occurred_at=at(1), event_id=f"{partition}-{offset}", items=tuple(q(n) for n in names)))
    [(copy, envelope)] = h.log
    return [(Copy(copy.appended_us, partition, offset), envelope)]


@pytest_asyncio.fixture(loop_scope="session")
async def owner(fresh_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Sees what every connection does, and may end it."""
    connection = await asyncpg.connect(fresh_database_url)
    yield connection
    await connection.close()


async def test_a_new_item_in_another_transaction_is_waited_for_and_its_number_taken_over(
    empty_views: asyncpg.Pool, owner: asyncpg.Connection
) -> None:
    async with empty_views.acquire() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("INSERT INTO views.items (item_no, tenant_id, uri) VALUES (7, 1, $1)", item("U/1"))
        applying = asyncio.create_task(ViewWriter(empty_views).apply(batch_of(naming(["U/0", "U/1"], partition=0))))

        async def waits() -> bool:
            query = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%views.items%'"
            return bool(await owner.fetchval(query))

        await eventually(waits)
        await transaction.commit()
    assert await applying == 1
    assert await empty_views.fetchval("SELECT item_no FROM views.items WHERE uri = $1", item("U/1")) == 7
    assert await empty_views.fetchval("SELECT count(*) FROM views.event_items WHERE item_no = 7") == 1


async def test_many_writers_with_the_same_new_items_in_every_order_neither_wait_for_ever_nor_collide(
    empty_views: asyncpg.Pool,
) -> None:
    names = [f"U/{n}" for n in range(60)]
    logs = []
    for partition, order in enumerate((names, names[::-1], names[30:] + names[:30])):
        logs.append([naming(order[n : n + 20], partition=partition, offset=n) for n in range(0, 60, 10)])

    async def work(mine: list[Log]) -> int:
        writer = ViewWriter(empty_views)
        return sum([await writer.apply(batch_of(log)) for log in mine])

    assert await asyncio.gather(*(work(mine) for mine in logs)) == [6, 6, 6]
    tables = await rows_of(empty_views)
    assert len(tables["items"]) == 60


async def test_outputs_of_one_event_get_contiguous_numbers(empty_views: asyncpg.Pool) -> None:
    h = History()
    h.made([f"U/{n:03}" for n in range(300)], ["lot:A/1"], at_hour=1)
    await ViewWriter(empty_views).apply(batch_of(h.log))
    numbers = [
        r[0]
        for r in await empty_views.fetch(
            "SELECT item_no FROM views.event_items JOIN views.items USING (item_no) WHERE role = 2 ORDER BY uri"
        )
    ]
    assert numbers == list(range(numbers[0], numbers[0] + 300))


async def test_a_lost_lease_writes_nothing(empty_views: asyncpg.Pool) -> None:
    writer = ViewWriter(empty_views)
    numbered = await writer.number(batch_of(naming(["A"], partition=0)))
    await empty_views.execute("UPDATE views.checkpoints SET epoch = 2 WHERE log_partition = 0")
    before = await rows_of(empty_views)
    with pytest.raises(LeaseLost):
        await writer.write(numbered)
    assert await rows_of(empty_views) == before
    assert before["events"] == []


async def test_a_lease_taken_while_the_old_holder_writes_waits_and_goes_on_after_it(empty_views: asyncpg.Pool) -> None:
    old = Stepwise(empty_views)
    writing = asyncio.create_task(old.apply(batch_of(naming(["A"], partition=0))))
    await old.written.wait()
    taking = asyncio.create_task(
        empty_views.fetchval("UPDATE views.checkpoints SET epoch = 2 WHERE log_partition = 0 RETURNING applied_offset")
    )
    old.may_commit.set()
    assert await writing == 1
    assert await taking == 0  # not -1: it does not begin with what is there already
    with pytest.raises(LeaseLost):
        await old.apply(batch_of(naming(["B"], partition=0, offset=1)))


async def test_a_crash_after_numbers_were_given_leaves_nothing_that_answers_show(
    empty_views: asyncpg.Pool, fresh_database_url: str
) -> None:
    log = naming(["A", "B"], partition=0)
    numbered = await ViewWriter(empty_views).number(batch_of(log))  # and this projector is no more
    assert (await rows_of(empty_views))["events"] == []
    successor = await projector_pool(fresh_database_url)
    assert await ViewWriter(successor).apply(batch_of(log)) == 1
    await successor.close()
    again = await ViewWriter(empty_views).number(batch_of(log))
    assert (again.items, again.keys) == (numbered.items, numbered.keys)


async def test_a_crash_before_the_commit_leaves_nothing_and_the_next_try_all(
    empty_views: asyncpg.Pool, owner: asyncpg.Connection
) -> None:
    writer = Stepwise(empty_views)
    log = naming(["A", "B"], partition=0)
    writing = asyncio.create_task(writer.apply(batch_of(log)))
    await writer.written.wait()

    async def ended() -> bool:
        query = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'zhuisu_projector' AND state LIKE 'idle in%'"
        )
        return bool(await owner.fetch(query))

    await eventually(ended)
    writer.may_commit.set()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await writing
    assert (await rows_of(empty_views))["events"] == []
    assert await empty_views.fetchval("SELECT applied_offset FROM views.checkpoints WHERE log_partition = 0") == -1
    assert await ViewWriter(empty_views).apply(batch_of(log)) == 1
    assert len((await rows_of(empty_views))["event_items"]) == 2


async def test_numbers_of_tables_that_a_rebuild_replaced_are_never_written(empty_views: asyncpg.Pool) -> None:
    """The epochs would let this writer in; the tables' identity does not."""
    writer = ViewWriter(empty_views)
    numbered = await writer.number(batch_of(naming(["A"], partition=0)))
    other = dataclasses.replace(numbered)
    other.numbers.generation += 1
    with pytest.raises(LeaseLost):
        await writer.write(other)
    assert (await rows_of(empty_views))["events"] == []


async def test_one_id_in_two_tenants_is_two_items_and_two_events(empty_views: asyncpg.Pool) -> None:
    [(copy, envelope)] = naming(["A"], partition=0)
    theirs: Envelope = dataclasses.replace(envelope, tenant_id=2)
    assert (
        await ViewWriter(empty_views).apply(batch_of([(copy, envelope), (Copy(copy.appended_us, 0, 1), theirs)])) == 2
    )
    rows = await empty_views.fetch("SELECT tenant_id, item_no FROM views.items WHERE uri = $1", ItemId(item("A")))
    assert {r[0] for r in rows} == {1, 2}
    assert len({r[1] for r in rows}) == 2
    async with tenant_transaction(empty_views, 1) as connection:
        assert await connection.fetchval("SELECT count(*) FROM views.events WHERE tenant_id = 2") == 1
