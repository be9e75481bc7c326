"""What a case watches: written beside the views by the cases service, read by every projector's batch.

Members are watched by their rows in `case_members`. This adds the containers that held them, and what other events
have in common with theirs; and it looks for what happened to members before they were watched. All of it can be done
again at any time: rows that are there stay, alerts that were raised are not raised again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from services.readmodel.alerting import MOVES, Approval, Candidate, approvals, raise_alerts
from services.readmodel.tables import SCHEMA
from services.readmodel.watching import Key

MEMBERS_AT_ONCE = 2_000

_BARRIER = "SELECT log_partition, applied_offset FROM views.checkpoints ORDER BY log_partition FOR SHARE"
"""Waits for every batch that was begun before: what is committed now, all later batches see."""
_LOOK = """
SELECT 'views.checkpoints'::regclass::oid::bigint AS generation, log_partition, applied_offset FROM views.checkpoints
"""

_MEMBERS = """
SELECT DISTINCT item_no FROM views.case_members WHERE tenant_id = $1 AND case_id = $2 AND change = $3 AND number = $4
AND chunk = $5
"""
_CHUNKS = """
SELECT coalesce(max(chunk), -1) FROM views.case_members
WHERE tenant_id = $1 AND case_id = $2 AND change = $3 AND number = $4
"""
_TOUCHED = """
SELECT EXISTS (
    SELECT FROM unnest($3::int[], $4::bigint[]) AS v(p, o) JOIN views.case_touches t
    ON t.tenant_id = $1 AND t.case_id = $2 AND t.log_partition = v.p AND t.log_offset > v.o
)
"""
_BOXES = """
-- containers that any of these was ever packed in, and that were not watched yet
INSERT INTO views.watched_items (tenant_id, item_no, case_id, holds_members)
SELECT DISTINCT $1::int, p.item_no, $2, $4::boolean
FROM views.event_items m JOIN views.event_items p ON p.event_no = m.event_no AND p.role = 3
WHERE m.item_no = ANY($3::bigint[]) AND m.role = 4 AND m.action IN (1, 3)
ON CONFLICT (item_no, tenant_id, case_id) DO UPDATE SET holds_members = true
WHERE excluded.holds_members AND NOT watched_items.holds_members
RETURNING item_no
"""
SHARED = """
-- what events of these have in common with events that do not name them; each event is looked up by its number: joined
-- at once, all events of the tenant would be gone through for every thousand members
WITH named AS MATERIALIZED (
    SELECT e.transformation, e.posting
    FROM (SELECT DISTINCT event_no FROM views.event_items WHERE item_no = ANY($3::bigint[])) AS m
    CROSS JOIN LATERAL (SELECT transformation, posting FROM views.events WHERE event_no = m.event_no LIMIT 1) AS e
    WHERE e.transformation IS NOT NULL OR e.posting IS NOT NULL
), lots AS MATERIALIZED (
    SELECT uri, material FROM views.items WHERE item_no = ANY($3::bigint[]) AND kind = 'lot'
)
INSERT INTO views.watched_keys (tenant_id, topic, subject, case_id)
SELECT DISTINCT $1::int, k.topic, k.subject, $2 FROM (
    SELECT 'transformation' AS topic, transformation AS subject FROM named
    WHERE NOT starts_with(transformation, 'event ')
    UNION SELECT 'order', posting ->> 'order' FROM named
    UNION SELECT 'vessel', vessel FROM views.vessel_acts WHERE item_no = ANY($3::bigint[])
    UNION SELECT 'equipment', equipment FROM views.loadings WHERE item_no = ANY($3::bigint[])
    UNION SELECT 'class', material FROM lots
    -- domain.ids.at_any_level: the GTIN without indicator and check digit, and the lot's number
    UNION SELECT 'level', substring(uri, 24, 12) || substring(uri, 37) FROM lots
    WHERE uri ~ '^https://id[.]gs1[.]org/01/[0-9]{14}/10/'
) AS k
WHERE k.subject IS NOT NULL ON CONFLICT DO NOTHING
"""
_KEYS = """
INSERT INTO views.watched_keys (tenant_id, topic, subject, case_id)
SELECT $1, k.topic, k.subject, $2 FROM unnest($3::text[], $4::text[]) AS k(topic, subject) ON CONFLICT DO NOTHING
RETURNING 1
"""
_UNWATCHED = """
SELECT i.item_no FROM views.items i WHERE i.tenant_id = $1 AND i.uri = ANY($3) AND NOT EXISTS (
    SELECT FROM views.watched_items w WHERE w.item_no = i.item_no AND w.tenant_id = $1 AND w.case_id = $2)
"""
_ITEMS = """
INSERT INTO views.watched_items (tenant_id, item_no, case_id, holds_members)
SELECT $1, n, $2, false FROM unnest($3::bigint[]) AS n ON CONFLICT DO NOTHING
"""
_JOINED = """
-- what events that touched the case since have in common with events to come: runs, orders, vessels, equipment
INSERT INTO views.watched_keys (tenant_id, topic, subject, case_id)
SELECT DISTINCT $1::int, k.topic, k.subject, $2 FROM views.case_touches t JOIN views.events e USING (event_no)
CROSS JOIN LATERAL (
    SELECT 'transformation' AS topic, e.transformation AS subject WHERE NOT starts_with(e.transformation, 'event ')
    UNION ALL SELECT 'order', e.posting ->> 'order'
    UNION ALL SELECT 'vessel', a.vessel FROM views.vessel_acts a WHERE a.event_no = e.event_no
    UNION ALL SELECT 'equipment', l.equipment FROM views.loadings l WHERE l.event_no = e.event_no
) AS k
WHERE t.tenant_id = $1 AND t.case_id = $2 AND k.subject IS NOT NULL AND t.log_offset > coalesce(
    (SELECT v.o FROM unnest($3::int[], $4::bigint[]) AS v(p, o) WHERE v.p = t.log_partition), -1)
ON CONFLICT DO NOTHING RETURNING 1
"""
_MOVED = """
-- what happened to these that must not, since the approval or told since
SELECT m.event_no, m.item_no, m.flow FROM views.event_items m JOIN views.events e USING (event_no)
WHERE m.item_no = ANY($1::bigint[]) AND m.flow = ANY($2::smallint[])
AND (e.latest_us >= $3 OR e.appended_us > $4)
"""
_PENDING = """
-- events that voids of what touched the case wait for
SELECT DISTINCT r.event_id FROM views.case_touches t JOIN views.voids v USING (event_no)
JOIN views.event_keys r ON r.key_no = ANY(v.replacement_key_nos)
WHERE t.tenant_id = $1 AND t.case_id = $2
"""
_TOUCHING_ITEMS = """
-- what was packed by events that touched the case since: members, and containers that hold some
SELECT DISTINCT m.item_no FROM views.case_touches t JOIN views.event_items m USING (event_no)
WHERE t.tenant_id = $1 AND t.case_id = $2 AND m.role = 4 AND t.log_offset > coalesce(
    (SELECT v.o FROM unnest($3::int[], $4::bigint[]) AS v(p, o) WHERE v.p = t.log_partition), -1)
AND (EXISTS (SELECT FROM views.case_members c WHERE c.item_no = m.item_no AND c.case_id = $2)
    OR EXISTS (SELECT FROM views.watched_items w WHERE w.item_no = m.item_no AND w.case_id = $2 AND w.holds_members))
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """The case that watches."""

    tenant_id: int
    case_id: str


@dataclass(frozen=True, slots=True)
class Look:
    """The views: their identity (a rebuild brings others), and what is applied in them."""

    generation: int
    applied: Mapping[int, int]


class Watching:
    """`views` acts as the projector: past row-level security, each statement names the tenant.

    `skew_us`: how far the append times of two partitions may be apart at one instant.
    """

    def __init__(self, views: asyncpg.Pool, *, look_seconds: float = 0.25, skew_us: int = 0) -> None:
        self._views, self._skew_us = views, skew_us
        self.look_seconds = look_seconds
        self._looked: tuple[float, Look] | None = None

    async def look(self) -> Look:
        """Which views these are and how far they are, as of a moment ago: asked once for all cases of a round."""
        now = asyncio.get_running_loop().time()
        if self._looked is None or now - self._looked[0] >= self.look_seconds:
            rows = await self._views.fetch(_LOOK)
            generation = rows[0]["generation"] if rows else 0
            self._looked = (now, Look(generation, {r["log_partition"]: r["applied_offset"] for r in rows}))
        return self._looked[1]

    async def barrier(self) -> dict[int, int]:
        """Wait for the batches that are being written; the vector that is applied then."""
        async with self._views.acquire() as connection, connection.transaction():
            return {r[0]: r[1] for r in await connection.fetch(_BARRIER) if r[1] >= 0}

    async def touched(self, of: Subject, *, since: dict[int, int]) -> bool:
        """Whether an event after the vector touched the case."""
        partitions = list((await self.look()).applied)
        after = [since.get(p, -1) for p in partitions]
        found: bool = await self._views.fetchval(_TOUCHED, of.tenant_id, of.case_id, partitions, after)
        return found

    async def watch_series(self, of: Subject, *, change: str, number: int) -> None:
        """Watch what belongs to the members of a freeze (`frozen`), or of an evaluation (`added`)."""
        async for members in self._members(of, change=change, number=number):
            await self._views.execute(SHARED, of.tenant_id, of.case_id, members)
            await self.watch_boxes(of, members)

    async def watch_boxes(self, of: Subject, items: Iterable[int], *, members: bool = True) -> list[int]:
        """Watch the containers that held these (`members`: of the case), and the containers of these; those new."""
        found: list[int] = []
        frontier = list(items)
        while frontier:
            rows = await self._views.fetch(_BOXES, of.tenant_id, of.case_id, frontier, members)
            frontier = [r[0] for r in rows]
            found += frontier
        return found

    async def watch_keys(self, of: Subject, keys: Iterable[Key]) -> bool:
        """Whether any of them is new."""
        wanted = sorted(set(keys))
        if not wanted:
            return False
        topics, subjects = zip(*wanted, strict=True)
        return bool(await self._views.fetch(_KEYS, of.tenant_id, of.case_id, topics, subjects))

    async def watch_items(self, of: Subject, items: Sequence[str]) -> bool:
        """Watch items that are no members, and what belongs to them; whether any is new."""
        new = False
        for start in range(0, len(items), MEMBERS_AT_ONCE):
            some = items[start : start + MEMBERS_AT_ONCE]
            numbers = [r[0] for r in await self._views.fetch(_UNWATCHED, of.tenant_id, of.case_id, some)]
            if numbers:
                new = True
                # The items last: killed before, all of it is done again.
                await self._views.execute(SHARED, of.tenant_id, of.case_id, numbers)
                await self.watch_boxes(of, numbers, members=False)
                await self._views.execute(_ITEMS, of.tenant_id, of.case_id, numbers)
        return new

    async def catch_up(self, of: Subject, *, since: dict[int, int]) -> bool:
        """Follow what touched the case since: runs and orders that were joined, containers of containers, what voids
        wait for; and their alerts. Whether more is watched than before.
        """
        after = [list(since), list(since.values())]
        joined = await self._views.fetch(_JOINED, of.tenant_id, of.case_id, *after)
        pending = [r[0] for r in await self._views.fetch(_PENDING, of.tenant_id, of.case_id)]
        packed = [r[0] for r in await self._views.fetch(_TOUCHING_ITEMS, of.tenant_id, of.case_id, *after)]
        awaited = await self.watch_keys(of, (("event", event_id) for event_id in pending))
        boxes = await self.watch_boxes(of, packed)
        if boxes:
            await self.barrier()
            await self._sweep(of, boxes)
        return bool(joined or awaited or boxes)

    async def sweep_series(self, of: Subject, *, change: str, number: int) -> None:
        """Raise what happened to members, and to containers of theirs, before they were watched."""
        async for members in self._members(of, change=change, number=number):
            await self._sweep(of, members)

    async def sweep_boxes(self, of: Subject) -> None:
        """Raise what happened to the containers that are watched."""
        statement = (
            "SELECT item_no FROM views.watched_items WHERE tenant_id = $1 AND case_id = $2 AND holds_members ORDER BY 1"
        )
        boxes = [r[0] for r in await self._views.fetch(statement, of.tenant_id, of.case_id)]
        for start in range(0, len(boxes), MEMBERS_AT_ONCE):
            await self._sweep(of, boxes[start : start + MEMBERS_AT_ONCE])

    async def _sweep(self, of: Subject, items: Sequence[int]) -> None:
        async with self._views.acquire() as connection, connection.transaction():
            approved = await self._approval(connection, of)
            if approved is None:
                return
            rows = await connection.fetch(
                _MOVED, list(items), [int(f) for f in MOVES], approved.latest_us, approved.told_us(self._skew_us)
            )
            candidates = [Candidate(r[0], r[1], MOVES[r[2]]) for r in rows]
            if candidates:
                await raise_alerts(connection, SCHEMA, candidates, skew_us=self._skew_us)

    async def _approval(self, connection: asyncpg.Connection, of: Subject) -> Approval | None:
        found = await approvals(connection, SCHEMA, [(of.tenant_id, of.case_id)])
        return found.get((of.tenant_id, of.case_id))

    async def _members(self, of: Subject, *, change: str, number: int) -> AsyncIterator[list[int]]:
        """Chunk by chunk, without keeping a connection from others meanwhile."""
        series = (of.tenant_id, of.case_id, change, number)
        last: int = await self._views.fetchval(_CHUNKS, *series)
        for chunk in range(last + 1):
            yield [r[0] for r in await self._views.fetch(_MEMBERS, *series, chunk)]
