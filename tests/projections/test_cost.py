"""What an event costs the projector does not grow with the history of what it names (SEMANTICS §4).

Counted in buffers that PostgreSQL touched in the views, not in seconds: those are the same on every machine.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest
import pytest_asyncio

from domain import events as ev
from domain.corrections import Copy
from services.database import projector_pool
from services.readmodel.changes import ViewWriter
from tests.domain.telling import History, at, item, q
from tests.projections.viewing import batch_of, open_partitions

EARLIER = {"lot:A/1": 10, "lot:A/2": 1_000, "lot:A/3": 100_000}
"""Earlier events that name the lot: all in one database, so that its size is the same for each."""
MEASURED = 20

_HISTORY = """
WITH lot AS (
    INSERT INTO views.items (tenant_id, item_no, uri, kind)
    VALUES (1, $1, $2, 'lot') RETURNING item_no
), made AS (
    SELECT n, $1 * 1000000 + n AS no FROM generate_series(1, $3) AS n
), keys AS (
    INSERT INTO views.event_keys (tenant_id, key_no, event_id) SELECT 1, no, $2 || n FROM made
), bodies AS (
    INSERT INTO views.event_bodies (tenant_id, event_no, body) SELECT 1, no, '{"kind": "shipped"}' FROM made
), events AS (
    INSERT INTO views.events
        (tenant_id, event_no, key_no, content_hash, log_partition, log_offset, appended_us, kind, source, may_correct,
         occurred_at, earliest_us, latest_us, rank, accepted_us, request_index, mixed, clears_holder, transformation)
    SELECT 1, no, no, 'h' || no, 1, no, no, 'shipped', 'mes', false,
           '2026-03-01T08:00:00Z', n, n, 3, n, 0, false, false, 'urn:t:' || $2
    FROM made
), members AS (
    INSERT INTO views.memberships (tenant_id, event_no, lot_no, unit_no, at_making)
    SELECT 1, no, $1, no, false FROM made
), voids AS (
    INSERT INTO views.voids (tenant_id, event_no, target_key_no, replacement_key_nos)
    SELECT 1, no, $1 * 1000000 + 1, ARRAY[]::bigint[] FROM made
)
INSERT INTO views.event_items (tenant_id, event_no, item_no, role, action, flow, by_class, quantity, uom)
SELECT 1, no, $1, 1, 1, 1, false, 1, 'KGM' FROM made
"""

_TOUCHED = """
SELECT sum(coalesce(heap_blks_read, 0) + coalesce(heap_blks_hit, 0) + coalesce(idx_blks_read, 0)
         + coalesce(idx_blks_hit, 0) + coalesce(toast_blks_read, 0) + coalesce(toast_blks_hit, 0))::bigint
FROM pg_statio_user_tables WHERE schemaname = 'views'
"""

_NO_VACUUM = """
DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT relname FROM pg_class WHERE relnamespace = 'views'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('ALTER TABLE views.%I SET (autovacuum_enabled = false)', one.relname);
    END LOOP;
END $$
"""


def of_every_kind(lot: str, n: int) -> History:
    """One of each way in which an event names a lot: as input, as what moves, with a member, voided, of one process."""
    h = History()
    name = f"{lot}-{n}"
    h.tell(
        ev.Transformed(
            event_id=f"t{name}", occurred_at=at(1), transformation_id=f"urn:t:{item(lot)}",
            inputs=(ev.Input(item=item(lot)),), outputs=(ev.Output(item=item(f"U/{name}")),),
        )
    )  # fmt: skip
    h.tell(ev.Shipped(event_id=f"s{name}", occurred_at=at(2), items=(q(lot),)))
    h.tell(
        ev.Commissioned(
            event_id=f"c{name}", occurred_at=at(2), items=(ev.Output(item=item(f"V/{name}"), lot=item(lot)),)
        )
    )
    h.tell(ev.Voided(event_id=f"v{name}", occurred_at=at(3), target=f"{item(lot)}1"))
    return h


@dataclass(slots=True)
class Meter:
    """A projector with one connection, and what its batches touch."""

    pool: asyncpg.Pool
    owner: asyncpg.Connection
    offset: int = 0

    async def earlier(self, number: int, lot: str, count: int) -> None:
        """A lot with that many events, in a partition of their own."""
        await self.owner.execute(_HISTORY, number, str(item(lot)), count)

    async def touched(self) -> int:
        """Counted by then. A server process tells at most once a second, or when it was idle for ten, what it touched:
        the owner's large statements would count as the cost of whatever is measured at that moment.
        """
        async with self.pool.acquire() as connection:
            await connection.execute("SELECT pg_stat_force_next_flush()")
        await self.owner.execute("SELECT pg_stat_force_next_flush()")
        found: int = await self.owner.fetchval(_TOUCHED)
        return found

    async def costs(self, lot: str) -> float:
        """Buffers for one event of each kind, one batch an event, by a projector that has no number in its memory."""
        writer = ViewWriter(self.pool)
        before = await self.touched()
        for _ in range(MEASURED):
            for copy, envelope in of_every_kind(lot, self.offset).log:
                await writer.apply(batch_of([(Copy(copy.appended_us, 0, self.offset), envelope)]))
                self.offset += 1
        return (await self.touched() - before) / MEASURED


@pytest_asyncio.fixture(loop_scope="session")
async def meter(fresh_database_url: str) -> AsyncIterator[Meter]:
    pool = await projector_pool(fresh_database_url, max_connections=1)
    await open_partitions(pool, 3)
    owner = await asyncpg.connect(fresh_database_url)
    await owner.execute(_NO_VACUUM)  # what it reads is counted, too, and it comes when it likes
    yield Meter(pool, owner)
    await owner.close()
    await pool.close()


@pytest.mark.timeout(180)
async def test_an_event_costs_what_the_first_did_whatever_happened_to_its_lot_before(meter: Meter) -> None:
    for number, (lot, count) in enumerate(EARLIER.items(), start=1):
        await meter.earlier(number, lot, count)
    await meter.owner.execute("ANALYZE")
    await meter.costs("lot:W/1")
    found = {count: await meter.costs(lot) for lot, count in EARLIER.items()}
    assert found[10] > 20, "nothing was measured"
    assert max(found.values()) <= 1.1 * min(found.values()), found


@pytest.mark.timeout(180)
async def test_statements_planned_while_the_views_were_empty_serve_full_ones(meter: Meter) -> None:
    """No statistics, plans kept from the first batches: what a rebuild works with. Indexes grow by a level or two."""
    empty = await meter.costs("lot:W/1")
    await meter.earlier(1, "lot:A/1", 100_000)
    full = await meter.costs("lot:A/1")
    assert full <= 3 * empty, (empty, full)
