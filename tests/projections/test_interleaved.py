"""Two projectors whose halves (numbers, then rows) interleave in any order write what one alone would have written."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.database import projector_pool
from services.readmodel.changes import Numbered, ViewWriter
from tests.conftest import NewDatabase
from tests.domain.histories import histories
from tests.domain.telling import History
from tests.projections.test_any_order import clear, spread
from tests.projections.test_two_writers import Stepwise
from tests.projections.viewing import Log, batch_of, open_partitions, rows_of


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cleared(new_database: NewDatabase) -> AsyncIterator[asyncpg.Pool]:
    pool = await projector_pool(await new_database())
    await open_partitions(pool, 3)
    yield pool
    await pool.close()


@dataclass(slots=True)
class Hand:
    """A projector of some partitions, moved by hand: number, write, commit, and again with the next batch."""

    writer: Stepwise
    batches: list[Log]
    numbered: Numbered | None = None
    writing: "asyncio.Task[int] | None" = None

    @property
    def over(self) -> bool:
        return not self.batches and self.writing is None

    async def step(self) -> None:
        """The next step of its batch."""
        if self.writing is not None:
            self.writer.may_commit.set()
            await self.writing
            self.writing = None
            self.batches.pop(0)
        elif self.numbered is None:
            self.numbered = await self.writer.number(batch_of(self.batches[0]))
        else:
            self.writer.written.clear()
            self.writer.may_commit.clear()
            self.writing = asyncio.create_task(self.writer.write(self.numbered))
            self.numbered = None
            await self.writer.written.wait()


def cut(log: Log, *, partitions: set[int], size: int) -> list[Log]:
    """Batches of one partition each, in the order in which a projector of these partitions meets them."""
    batches: list[Log] = []
    for partition in sorted(partitions):
        mine = [entry for entry in log if entry[0].partition == partition]
        batches += [mine[n : n + size] for n in range(0, len(mine), size)]
    return batches


@given(
    h=histories,
    cuts=st.lists(st.integers(0, 2), min_size=1, max_size=5),
    turns=st.lists(st.booleans(), max_size=40),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
@pytest.mark.timeout(600)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
async def test_two_projectors_in_any_interleaving_write_what_one_alone_writes(
    cleared: asyncpg.Pool, h: History, *, cuts: list[int], turns: list[bool], sizes: tuple[int, int]
) -> None:
    log = spread(h, cuts)
    await clear(cleared)
    alone = ViewWriter(cleared)
    for batch in cut(log, partitions={0, 1, 2}, size=3):
        await alone.apply(batch_of(batch))
    wanted = await rows_of(cleared)
    await clear(cleared)
    one = Hand(Stepwise(cleared), cut(log, partitions={0, 2}, size=sizes[0]))
    other = Hand(Stepwise(cleared), cut(log, partitions={1}, size=sizes[1]))
    remaining = iter(turns)
    async with asyncio.timeout(30):
        while not (one.over and other.over):
            first = next(remaining, True)
            chosen, rest = (one, other) if first else (other, one)
            await (rest if chosen.over else chosen).step()
    assert await rows_of(cleared) == wanted
