"""The plans of a walk: by the indexes, however wrong the planner's sample of the links is (DESIGN §6, the trap).

Half of the links name a few lots, the rest name units that are in two or three events each, and ANALYZE sees one in
seven hundred: as it does in a factory of twenty million links. From such a sample it takes the units for very few, each
in hundreds of events, and would then read whole tables and hash-join them at each step of a walk.
"""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from domain.exposure import Circumstance
from services.cases.watching import SHARED
from services.query import statements as sql
from services.query.exposure_events import AFTER, BEFORE, INSIDE, NEIGHBOURS_READ, ExposureEvents
from services.query.seeding import INSPECTED
from services.readmodel.tables import DISTINCT
from tests.conftest import NewDatabase

EVENTS, LOTS, ASKED = 60_000, 10, 300
LINK_TABLES = frozenset({"event_items", "memberships", "identities", "item_materials", "events", "items"})

_FILLED = f"""
INSERT INTO views.events
    (tenant_id, event_no, key_no, content_hash, log_partition, log_offset, appended_us, kind, source, may_correct,
     occurred_at, earliest_us, latest_us, rank, accepted_us, request_index, mixed, clears_holder, transformation)
SELECT 1, n, n, 'h', 0, n, n, 'transformed', 'mes', false, '2026-03-01T08:00:00Z', n, n, 2, n, 0, false, false,
    'urn:t:' || n
FROM generate_series(1, {EVENTS}) AS n;
INSERT INTO views.event_keys (tenant_id, key_no, event_id) SELECT 1, n, 'e' || n FROM generate_series(1, {EVENTS}) AS n;
INSERT INTO views.items (tenant_id, item_no, uri, kind, material, number)
SELECT 1, n, 'urn:u:' || n, 'unit', 'urn:m:' || n / {ASKED}, n::text FROM generate_series(0, {EVENTS} + 100) AS n;
-- of each event: two of the lots go in, a unit comes out, and the unit of the event before goes in
INSERT INTO views.event_items (tenant_id, event_no, item_no, role, action, flow, by_class)
SELECT 1, n, x.item_no, x.role, 0, 0, false FROM generate_series(1, {EVENTS}) AS n
CROSS JOIN LATERAL (VALUES (n % {LOTS}, 1), ((n + 1) % {LOTS}, 1), (100 + n, 2), (99 + n, 1)) AS x(item_no, role);
INSERT INTO views.memberships (tenant_id, event_no, lot_no, unit_no, at_making)
SELECT 1, n, n % {LOTS}, 100 + n, true FROM generate_series(1, {EVENTS}) AS n;
-- half of what is another name is one of a few lots' own, half of what is declared is of one material
INSERT INTO views.identities (tenant_id, event_no, one_no, other_no)
SELECT 1, n, CASE WHEN n % 2 = 0 THEN n % {LOTS} ELSE 100 + n END, CASE WHEN n % 2 = 1 THEN n % {LOTS} ELSE 100 + n END
FROM generate_series(1, {EVENTS}) AS n;
INSERT INTO views.item_materials (tenant_id, event_no, item_no, material_no)
SELECT 1, n, CASE WHEN n % 2 = 0 THEN n % {LOTS} ELSE 100 + n END, 7 FROM generate_series(1, {EVENTS}) AS n;
"""
_TABLES = ("events", "event_keys", "event_items", "memberships", "identities", "item_materials", "items")
_SAMPLED = f"SET default_statistics_target = 1; ANALYZE {', '.join(f'views.{table}' for table in _TABLES)}"
_UNPINNED = "".join(
    f"ALTER TABLE views.{table} ALTER COLUMN {column} RESET (n_distinct);" for table, column in DISTINCT
)

UNITS = list(range(100, 100 + ASKED * 50, 50))
NUMBERS = list(range(1, ASKED * 50, 50))
WALKING: dict[str, tuple[str, list[Any]]] = {
    "what names these items": (sql.NAMED, [UNITS]),
    "what links these items": (sql.LINKED, [UNITS]),
    "what these events name": (sql.CONTENTS, [NUMBERS]),
    "what these transformations name": (sql.FLOWS, [1, [f"urn:t:{n}" for n in NUMBERS]]),
    "relations of these items": (sql.RELATIONS, [UNITS]),
    "things of these materials": (sql.OF_MATERIAL, [1, ["urn:m:3", "urn:m:7"]]),
    "these events": (sql.HEADERS, [NUMBERS]),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def links(new_database: NewDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(await new_database(), server_settings={"jit": "off"})
    await connection.execute(_FILLED)
    yield connection
    await connection.close()


async def whole_tables_read(connection: asyncpg.Connection, statement: str, arguments: list[Any]) -> set[str]:
    """Link tables that the plan would read whole."""
    told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *arguments)
    return {str(n["Relation Name"]) for n in nodes(json.loads(told)[0]["Plan"]) if n["Node Type"] == "Seq Scan"}


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", []) for node in nodes(part))]


async def joins(connection: asyncpg.Connection, statement: str, arguments: list[Any]) -> set[str]:
    told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *arguments)
    return {
        n["Node Type"] for n in nodes(json.loads(told)[0]["Plan"]) if n["Node Type"] in ("Hash Join", "Nested Loop")
    }


async def test_a_walk_goes_by_the_indexes_with_the_pinned_statistics(links: asyncpg.Connection) -> None:
    await links.execute(_SAMPLED)
    for asked, (statement, arguments) in WALKING.items():
        assert not await whole_tables_read(links, statement, arguments) & LINK_TABLES, asked
    assert await joins(links, *WALKING["things of these materials"]) == {"Nested Loop"}


async def test_without_them_it_would_read_and_hash_whole_tables(links: asyncpg.Connection) -> None:
    """Else the test above would hold of any statistics, and the pins could be left out."""
    transaction = links.transaction()
    await transaction.start()
    try:
        await links.execute(_UNPINNED + _SAMPLED)
        assert await whole_tables_read(links, *WALKING["what links these items"]) == {"event_items"}
        assert "Hash Join" in await joins(links, *WALKING["things of these materials"])
    finally:
        await transaction.rollback()


async def test_a_scope_by_inspection_results_reads_neither_bodies_nor_other_characteristics(
    links: asyncpg.Connection,
) -> None:
    await links.execute(
        f"""
        INSERT INTO views.measurements (tenant_id, event_no, line, characteristic, value, verdict, begins_us, latest_us)
        SELECT 1, n, 0, 'c' || n % 50, n, 'pass', n, n FROM generate_series(1, {EVENTS}) AS n;
        ANALYZE views.measurements
        """
    )
    asked = [1, "c7", Decimal(100), Decimal(200), None, None, None]
    told = await links.fetchval(f"EXPLAIN (FORMAT JSON) {INSPECTED}", *asked)
    scans = {(n["Node Type"], n["Relation Name"]) for n in nodes(json.loads(told)[0]["Plan"]) if "Relation Name" in n}
    assert scans
    assert all(table == "measurements" and scan != "Seq Scan" for scan, table in scans), scans
    assert [r[0] for r in await links.fetch(INSPECTED, *asked)] == [107, 157]


async def test_watching_members_reads_their_events_and_no_others(links: asyncpg.Connection) -> None:
    """However many there are: a set of a million is watched two thousand members at a time."""
    transaction = links.transaction()
    await transaction.start()
    try:
        await links.execute(_SAMPLED)
        await links.execute("SET LOCAL enable_seqscan = off")  # as the projector, whose connection it is
        for mode in ("force_custom_plan", "force_generic_plan"):
            await links.execute(f"SET LOCAL plan_cache_mode = {mode}")
            told = json.loads(await links.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {SHARED}", 1, "RC-1", UNITS))
            scans = [n for n in nodes(told[0]["Plan"]) if n.get("Relation Name") == "events"]
            assert scans
            read = sum(n["Actual Loops"] * (n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) for n in scans)
            assert read < 3 * len(UNITS)
        await links.execute(SHARED, 1, "RC-1", UNITS)
        runs = await links.fetchval("SELECT count(*) FROM views.watched_keys WHERE topic = 'transformation'")
        assert runs == 2 * ASKED - 1  # the first unit came out of none
    finally:
        await transaction.rollback()


@pytest.mark.parametrize("span_class", [-1, -4, 3])
@pytest.mark.parametrize("more", [(), (("tool", "T"),)], ids=["alone", "with another"])
async def test_an_exposure_reads_its_window_and_no_more_of_what_the_machine_ever_did(
    links: asyncpg.Connection, span_class: int, more: tuple[tuple[str, str], ...]
) -> None:
    """Whether its events tell their start or not, and however many there were before and after."""
    lasts_us = 0 if span_class == -1 else 1_500_000_000
    await links.execute(
        f"""
        TRUNCATE views.dimensions;
        INSERT INTO views.dimensions (tenant_id, event_no, dimension, value, span_class, begun_us, latest_us)
        SELECT 1, n, d.name, d.value, {span_class}, n * 1000000000::bigint, n * 1000000000::bigint + {lasts_us}
        FROM generate_series(1, {EVENTS}) AS n CROSS JOIN (VALUES ('equipment', 'W'), ('tool', 'T')) AS d(name, value);
        ANALYZE views.dimensions
        """
    )
    window = {"since_us": 30_000 * 10**9, "until_us": 30_050 * 10**9}
    asked: Any = SimpleNamespace(connection=links, tenant_id=1)
    events = ExposureEvents(asked, Circumstance(dimensions=(("equipment", "W"), *more), **window))
    statement, arguments = events.statement([INSIDE, BEFORE, AFTER], NEIGHBOURS_READ)
    for mode in ("force_custom_plan", "force_generic_plan"):
        await links.execute(f"SET plan_cache_mode = {mode}")
        told = json.loads(await links.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", *arguments))
        scans = [n for n in nodes(told[0]["Plan"]) if "Relation Name" in n]
        assert {n["Node Type"] for n in scans} <= {"Index Scan", "Index Only Scan"}
        read = sum(n["Actual Loops"] * (n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) for n in scans)
        assert read < 1_500
    found = await events.around()
    assert len(found.inside) == (50 if span_class == -1 else 51)
