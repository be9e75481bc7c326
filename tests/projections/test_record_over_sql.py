"""Answers over SQL equal the reference in memory: everything delivered twice, by two projectors in turn."""

import dataclasses
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.balance import TOLERANCE
from domain.corrections import Copy
from domain.envelope import Envelope
from domain.genealogy import Way, trace
from domain.ids import PlaceId
from domain.memory import MemoryRecord
from domain.order_balance import order_balance
from domain.order_facts import order_key
from domain.ports import Position
from domain.record import answer, answer_async
from domain.state import states
from domain.walk import Mode
from services.database import api_pool, projector_pool, tenant_transaction
from services.query.record import SqlRecord
from services.readmodel.changes import Batch, ViewWriter
from services.readmodel.rows import Applied
from tests.conftest import NewDatabase
from tests.domain.histories import BOXES, LOTS, UNITS, build, histories, steps
from tests.domain.scans import scan_steps
from tests.domain.telling import History, item, us

scanned = st.lists(scan_steps() | steps(), min_size=3, max_size=10).map(build)
"""Histories in which lots with quantities and scans of serials meet."""


@dataclasses.dataclass
class Views:
    projector: asyncpg.Pool
    api: asyncpg.Pool
    url: str
    tenant: int = 0
    offset: int = -1

    async def fresh_tenant(self) -> int:
        """A tenant nobody has used: one database serves all examples."""
        self.tenant += 1
        return self.tenant


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def views(new_database: NewDatabase) -> AsyncIterator[Views]:
    url = await new_database()
    projector, api = await projector_pool(url), await api_pool(url)
    await projector.execute(
        "INSERT INTO views.checkpoints (log_partition, applied_offset, log_end, measured_us, epoch, leased_until_us)"
        " SELECT p, -1, 0, 0, 1, 0 FROM generate_series(0, 1) p"
    )
    yield Views(projector, api, url)
    await projector.close()
    await api.close()


def partitioned(h: History, cuts: list[bool], tenant: int) -> list[tuple[Copy, Envelope]]:
    """The history with its events spread over two partitions, and as another tenant's."""
    return [
        (Copy(copy.appended_us, int(cuts[i % len(cuts)]), copy.offset), dataclasses.replace(e, tenant_id=tenant))
        for i, (copy, e) in enumerate(h.log)
    ]


async def apply(views: Views, log: list[tuple[Copy, Envelope]], size: int) -> None:
    """Two writers, one a partition, take turns; each batch is delivered twice. Offsets go on from earlier examples."""
    writers = [ViewWriter(views.projector), ViewWriter(views.projector)]
    queues = [[entry for entry in log if entry[0].partition == p] for p in (0, 1)]
    base = views.offset + 1
    turn = 0
    while any(queues):
        turn += 1
        partition = turn % 2
        chunk, queues[partition] = queues[partition][:size], queues[partition][size:]
        if not chunk:
            continue
        events = [Applied.of(Position(partition, base + c.offset), c.appended_us, e) for c, e in chunk]
        last = base + chunk[-1][0].offset
        batch = Batch(partition, 1, last, chunk[-1][0].appended_us, events)
        await writers[partition].apply(batch)
        assert await writers[partition].apply(batch) == 0
    views.offset = base + max((c.offset for c, _ in log), default=0)


@given(
    h=histories | scanned, cuts=st.lists(st.booleans(), min_size=1, max_size=4), size=st.integers(1, 4), data=st.data()
)
@pytest.mark.timeout(600)
@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
async def test_sql_answers_equal_the_reference(
    views: Views, h: History, *, cuts: list[bool], size: int, data: st.DataObject
) -> None:
    tenant = await views.fresh_tenant()
    base = views.offset + 1
    log = partitioned(h, cuts, tenant)
    await apply(views, log, size)
    last = data.draw(st.none() | st.integers(0, len(log)))
    vector = None if last is None else {0: last, 1: last}
    sql_vector = None if vector is None else {p: base + o for p, o in vector.items()}
    reference = MemoryRecord(log).as_of(vector)
    mode = data.draw(st.sampled_from(list(Mode)))
    way = data.draw(st.sampled_from(list(Way)))
    names = data.draw(st.lists(st.sampled_from(UNITS + LOTS + BOXES), min_size=1, max_size=2, unique=True))
    everything = [item(n) for n in UNITS + LOTS + BOXES]
    async with tenant_transaction(views.api, tenant) as connection:
        record = SqlRecord(connection, tenant, vector=sql_vector)
        asked = {"way": way, "mode": mode, "now_us": us(100), "follow_all": data.draw(st.booleans())}
        items = [item(n) for n in names]
        over_sql = await answer_async(trace(items, **asked), record.look_up)
        assert over_sql == answer(trace(items, **asked), reference.look_up)
        state_sql = await answer_async(
            states(everything, at_us=us(6)), SqlRecord(connection, tenant, vector=sql_vector).look_up
        )
        assert state_sql == answer(states(everything, at_us=us(6)), reference.look_up)
        order = {"key": order_key(PlaceId.parse("S"), "7"), "at_us": us(6), "tolerance": TOLERANCE}
        order_sql = await answer_async(order_balance(**order), SqlRecord(connection, tenant, vector=sql_vector).look_up)
        assert order_sql == answer(order_balance(**order), reference.look_up)


async def test_another_tenants_rows_do_not_exist(views: Views) -> None:
    """The second wall: as the request role, even plain SQL sees one tenant only."""
    h = History()
    h.fit("B", "P", at_hour=1)
    tenant = await views.fresh_tenant()
    await apply(views, partitioned(h, [False], tenant), 10)
    for reader, expected in ((tenant, 2), (tenant + 1000, 0)):
        async with tenant_transaction(views.api, reader) as connection:
            count = await connection.fetchval("SELECT count(*) FROM views.event_items WHERE tenant_id = $1", tenant)
            assert count == expected
