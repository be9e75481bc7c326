"""PostgreSQL by itself, handed most of the answer: a recursive statement over text ids, statistics pinned.

Where each item stands is a finished row, links are settled and marked as certain or not: what it measures is the walk
and copying. For information; the statement that works all of this out is in `from_events.py`.
"""

import io

import asyncpg

from bench.rivals.rival import Exported
from bench.rows import COLUMNS, RowSet, of_csv
from domain.answers import FROM_SHOWN, LINKS_SHOWN
from services.database import API_ROLE

_QUOTED = ", ".join(f'"{name}"' for name in COLUMNS)
# A hop straight back (two names of one thing) is a link, but leads nowhere.
WALK = """
WITH RECURSIVE walk(item, level, possible, source, relation, event_id, back) AS (
    SELECT {lot}::text, 0, false, NULL::text, NULL::text, NULL::text, false
    UNION
    SELECT o.item, w.level + 1, w.possible OR g.possible, g.item, g.relation, g.event_id,
        o.item IS NOT DISTINCT FROM w.source
    FROM walk w {hops}
    WHERE NOT w.back AND o.item <> g.item AND w.level < 200
    AND NOT EXISTS (SELECT 1 FROM rival.voided v WHERE v.event_id = g.event_id)
), reached AS (
    SELECT item, min(level) AS level, bool_or(NOT possible AND NOT back) AS sure
    FROM walk WHERE item <> {lot} GROUP BY item
), links AS (
    SELECT w.item, w.relation, w.source, w.event_id, bool_or(w.level = r.level) AS nearest
    FROM walk w JOIN reached r ON r.item = w.item GROUP BY 1, 2, 3, 4
), told AS (
    SELECT item, count(*) AS link_count,
        {links} AS links, count(DISTINCT source) FILTER (WHERE nearest) AS from_count, {sources} AS sources
    FROM links GROUP BY item
)
SELECT r.item, s.kind, r.level, CASE WHEN r.sure THEN 'certain' ELSE 'possible' END AS certainty,
    CASE WHEN r.sure THEN '' ELSE 'several_inputs' END AS reasons, t.sources AS "from", t.from_count, t.links,
    t.link_count, s.occurred_at, s.status, s.disposition, s.site, s.container, s.containers, s.holder, s.owner,
    s."where", s.on_hold, s.recalls, s.order_uncertain
FROM reached r JOIN told t ON t.item = r.item JOIN rival.states s ON s.item = r.item
"""
LINKS = f"""array_to_string((array_agg(relation || ' ' || source || ' > ' || item || ' by ' || event_id
            ORDER BY relation, source, item, event_id))[:{LINKS_SHOWN}], '; ')"""
SOURCES = f"array_to_string((array_agg(DISTINCT source ORDER BY source) FILTER (WHERE nearest))[:{FROM_SHOWN}], '; ')"
# LATERAL with OFFSET 0: by the index for each row, however wrong the planner is about how many there will be.
_HOPS = """CROSS JOIN LATERAL (SELECT * FROM rival.goes_in g WHERE g.item = w.item OFFSET 0) g
    CROSS JOIN LATERAL (SELECT * FROM rival.comes_out o WHERE o.hop = g.hop OFFSET 0) o"""
STATEMENT = WALK.format(lot="$1", hops=_HOPS, links=LINKS, sources=SOURCES)


class Cte:
    """The statement as a client would run it, answered by COPY. Its walk goes by the indexes at every level."""

    name = "recursive SQL that is handed finished states"
    handicap = "for information: most of the answer is looked up; COPY, no HTTP"

    def __init__(self) -> None:
        self._connection: asyncpg.Connection | None = None

    async def load(self, exported: Exported) -> None:
        settings = {"role": API_ROLE, "jit": "off", "work_mem": "256MB", "statement_timeout": "600000"}
        self._connection = await asyncpg.connect(exported.url, server_settings=settings)

    async def ask(self, lot: str) -> bytes:
        assert self._connection is not None
        taken = io.BytesIO()
        await self._connection.copy_from_query(
            f"SELECT {_QUOTED} FROM ({STATEMENT}) a", lot, output=taken, format="csv"
        )
        return taken.getvalue()

    def rows(self, answer: bytes) -> RowSet:
        return of_csv(answer, header=False)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
