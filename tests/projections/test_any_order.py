"""Any batching, any turn-taking of partitions, any redelivery: the same tables but for their numbers."""

import dataclasses
import itertools
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.corrections import Copy
from services.database import projector_pool
from services.readmodel.changes import ViewWriter
from services.readmodel.tables import TENANT_TABLES
from tests.conftest import NewDatabase
from tests.domain.histories import histories
from tests.domain.telling import History
from tests.projections.viewing import Log, batch_of, open_partitions, rows_of


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cleared(new_database: NewDatabase) -> AsyncIterator[asyncpg.Pool]:
    pool = await projector_pool(await new_database())
    await open_partitions(pool, 3)
    yield pool
    await pool.close()


async def clear(pool: asyncpg.Pool) -> None:
    for table in TENANT_TABLES:  # in a fresh database DELETE is far cheaper than TRUNCATE
        await pool.execute(f"DELETE FROM views.{table.name}")
    await pool.execute("UPDATE views.checkpoints SET applied_offset = -1")


def spread(h: History, cuts: list[int]) -> Log:
    """Over three partitions; some events a second time, in their own partition or another."""
    log = [(dataclasses.replace(c, partition=cuts[i % len(cuts)]), e) for i, (c, e) in enumerate(h.log)]
    again = [(Copy(c.appended_us + 1_000, (c.partition + i) % 3, len(log) + i), e) for i, (c, e) in enumerate(log[::2])]
    return [*log, *again]


async def deliver(pool: asyncpg.Pool, log: Log, *, turns: list[int], sizes: list[int]) -> None:
    """Partitions take turns, one writer each; every third batch comes twice, and every fifth starts too early."""
    writers = [ViewWriter(pool), ViewWriter(pool), ViewWriter(pool)]
    queues = [[entry for entry in log if entry[0].partition == p] for p in range(3)]
    done: list[list[tuple[Copy, object]]] = [[], [], []]
    for no, (turn, size) in enumerate(zip(itertools.cycle([*turns, 0, 1, 2]), itertools.cycle(sizes), strict=False)):
        if not any(queues):
            return
        chunk, queues[turn] = queues[turn][:size], queues[turn][size:]
        if not chunk:
            continue
        early = done[turn][-1:] if no % 5 == 0 else []
        for _ in range(2 if no % 3 == 0 else 1):
            await writers[turn].apply(batch_of([*early, *chunk]))  # type: ignore[list-item]
        done[turn] += chunk


schedules = st.tuples(st.lists(st.integers(0, 2), max_size=6), st.lists(st.integers(1, 5), min_size=1, max_size=3))


@given(h=histories, cuts=st.lists(st.integers(0, 2), min_size=1, max_size=5), one=schedules, other=schedules)
@pytest.mark.timeout(600)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_delivery_gives_the_same_tables(
    cleared: asyncpg.Pool,
    h: History,
    *,
    cuts: list[int],
    one: tuple[list[int], list[int]],
    other: tuple[list[int], list[int]],
) -> None:
    log = spread(h, cuts)
    found = []
    for turns, sizes in (one, other):
        await clear(cleared)
        await deliver(cleared, log, turns=turns, sizes=sizes)
        found.append(await rows_of(cleared))
    assert found[0] == found[1]
    assert len(found[0]["event_keys"]) >= len({e.event_id for _, e in log})


@given(h=histories, order=st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
async def test_another_order_in_the_log_changes_positions_alone(
    cleared: asyncpg.Pool, h: History, order: object
) -> None:
    shuffled = list(h.log)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    relaid = [(h.log[i][0], envelope) for i, (_, envelope) in enumerate(shuffled)]
    found = []
    for log in (h.log, relaid):
        await clear(cleared)
        await deliver(cleared, log, turns=[0], sizes=[4])
        found.append(await rows_of(cleared, positions=False))
    assert found[0] == found[1]
