"""PostgreSQL by itself over rows as the views have them, with text ids: the walk, and all that an answer says, at once.

What counts (copies, voids), certainty, and where each item stands are worked out when it is asked, as of now. It
follows SEMANTICS as far as these data go: voids that wait for a replacement, paths that do not hold together in time,
lots in several places or containers and stretches of serials under recall are left out, all in its favour.
"""

import io
from pathlib import Path

import asyncpg

from bench.rivals.cte import LINKS, SOURCES
from bench.rivals.rival import Exported
from bench.rows import COLUMNS, RowSet, of_csv
from services.database import API_ROLE

_QUOTED = ", ".join(f'"{name}"' for name in COLUMNS)
_NOW = "9223372036854775807"
# Few: an id of which there are several versions, an event that a void names. All other rows are looked up in these.
_COUNTS = """
lost AS MATERIALIZED (
    SELECT e.version FROM plain.several s JOIN plain.events e USING (event_id)
    WHERE EXISTS (SELECT FROM plain.events r WHERE r.event_id = e.event_id AND r.copy < e.copy)
), void AS MATERIALIZED (
    SELECT e.version FROM plain.voids v JOIN plain.events b USING (version) JOIN plain.events e ON e.event_id = v.target
    WHERE (b.may_correct OR b.source = e.source) AND v.version NOT IN (SELECT version FROM lost)
    AND NOT EXISTS (SELECT FROM plain.voids o WHERE o.version = e.version)
    AND NOT EXISTS (SELECT FROM unnest(v.replaced_by) AS n(id)
                    WHERE NOT EXISTS (SELECT FROM plain.events r WHERE r.event_id = n.id))
), dead AS MATERIALIZED (
    SELECT version FROM lost UNION SELECT version FROM void
)"""
# LATERAL with OFFSET 0: by the index for each row, however wrong the planner is about how many there will be.
_WALK = """
walk(item, level, possible, source, relation, event_id, begins_us, back) AS (
    SELECT $1::text COLLATE "C", 0, false, NULL::text COLLATE "C", NULL::text, NULL::text COLLATE "C",
        NULL::bigint, false
    UNION
    SELECT o.item, w.level + 1, w.possible OR o.possible, w.item, o.relation, o.event_id, o.begins_us,
        o.item IS NOT DISTINCT FROM w.source
    FROM walk w CROSS JOIN LATERAL (
        -- what it was made into: all outputs of the transformation
        SELECT made.item, 'derivation' AS relation, e.event_id, by.begins_us,
            NOT e.mixed AND EXISTS (
                SELECT FROM plain.event_items a WHERE a.flow = x.flow AND a.role = 1
                AND a.material = x.material AND a.item <> x.item AND a.version NOT IN (SELECT version FROM dead)
            ) AND EXISTS (
                SELECT FROM plain.event_items b WHERE b.flow = x.flow AND b.role = 2
                AND b.item <> made.item AND b.version NOT IN (SELECT version FROM dead)
            ) AS possible
        FROM plain.event_items x JOIN plain.events e USING (version)
        JOIN plain.event_items made ON made.flow = x.flow AND made.role = 2
        JOIN plain.events by ON by.version = made.version
        WHERE x.item = w.item AND x.role = 1
        AND x.version NOT IN (SELECT version FROM dead) AND made.version NOT IN (SELECT version FROM dead)
        UNION ALL
        -- what it was fitted into
        SELECT e.parent, 'part_of', e.event_id, e.begins_us, false
        FROM plain.event_items x JOIN plain.events e USING (version)
        WHERE x.item = w.item AND x.role = 6 AND x.action = 1 AND x.version NOT IN (SELECT version FROM dead)
        UNION ALL
        -- its other names
        SELECT CASE w.item WHEN n.one THEN n.other ELSE n.one END, 'identified_as', e.event_id, e.begins_us, false
        FROM plain.names n JOIN plain.events e USING (version)
        WHERE (n.one = w.item OR n.other = w.item) AND n.version NOT IN (SELECT version FROM dead)
        UNION ALL
        -- its members
        SELECT m.unit, 'member_of_lot', e.event_id, e.begins_us, false
        FROM plain.members m JOIN plain.events e USING (version)
        WHERE m.lot = w.item AND m.version NOT IN (SELECT version FROM dead)
        OFFSET 0
    ) o
    WHERE NOT w.back AND o.item <> w.item AND w.level < 200
), reached AS MATERIALIZED (
    SELECT item, i.kind, min(level) AS level, bool_or(NOT possible AND NOT back) AS sure
    FROM walk w JOIN plain.items i USING (item) WHERE item <> $1 GROUP BY item, i.kind
), links AS (
    SELECT w.item, w.relation, w.source, w.event_id, min(w.begins_us) AS begins_us,
        bool_or(w.level = r.level) AS nearest
    FROM walk w JOIN reached r ON r.item = w.item GROUP BY 1, 2, 3, 4
), told AS (
    SELECT item, count(*) AS link_count, min(begins_us) AS begins_us,
        {links} AS links, count(DISTINCT source) FILTER (WHERE nearest) AS from_count, {sources} AS sources
    FROM links GROUP BY item
)"""
# Everything said of the units reached and of what they are or were in, read once; intervals are made of it.
_SAID = """
around AS (
    SELECT item FROM reached
    UNION
    SELECT e.parent FROM around a CROSS JOIN LATERAL (
        SELECT e.parent FROM plain.event_items x JOIN plain.events e USING (version)
        WHERE x.item = a.item AND x.role IN (4, 6) AND x.action IN (1, 3) OFFSET 0
    ) e
), said AS MATERIALIZED (
    SELECT a.item, x.* FROM around a CROSS JOIN LATERAL (
        SELECT x.role, x.action, x.movement, x.quantity, x.uom, x.status, e.ord, e.rank, e.earliest_us, e.latest_us,
            e.parent, e.site, e.holder, e.owner, e.disposition
        FROM plain.event_items x JOIN plain.events e USING (version)
        WHERE x.item = a.item AND x.version NOT IN (SELECT version FROM dead) OFFSET 0
    ) x
), marks AS MATERIALIZED (
    SELECT item, role, action, parent, ord, latest_us FROM said WHERE role IN (1, 4, 6) OR (role = 3 AND action = 4)
), stays AS (
    SELECT s.item, s.parent, s.ord, s.latest_us AS since_us, true AS stay,
        least(min(n.latest_us), min(t.latest_us)) AS until_us
    FROM marks s
    -- taken out, put elsewhere, used up or fitted
    LEFT JOIN marks n ON n.item = s.item AND n.ord > s.ord AND CASE n.role
        WHEN 4 THEN (n.action = 2) = (n.parent = s.parent) WHEN 6 THEN n.action <> 2 WHEN 1 THEN true END
    -- all taken out
    LEFT JOIN marks t ON t.item = s.parent AND t.role = 3 AND t.ord > s.ord
    WHERE s.role = 4 AND s.action IN (1, 3) GROUP BY 1, 2, 3, 4
), parts AS (
    SELECT s.item, s.parent, s.ord, s.latest_us AS since_us, false AS stay, min(n.latest_us) AS until_us
    FROM marks s
    LEFT JOIN marks n ON n.item = s.item AND n.role = 6 AND n.action = 2 AND n.parent = s.parent AND n.ord > s.ord
    WHERE s.role = 6 AND s.action = 1 GROUP BY 1, 2, 3, 4
), within AS MATERIALIZED (
    SELECT item, parent, ord, since_us, stay, coalesce(until_us, {now}) AS until_us FROM stays
    UNION ALL
    SELECT item, parent, ord, since_us, stay, coalesce(until_us, {now}) FROM parts
), up(root, item, until_us, since_us, ord, stays, depth) AS (
    SELECT item, item, {now}::bigint, 0::bigint, '' COLLATE "C", true, 0 FROM reached WHERE kind <> 'lot'
    UNION
    SELECT u.root, w.parent, least(u.until_us, w.until_us), greatest(u.since_us, w.since_us), greatest(u.ord, w.ord),
        u.stays AND w.stay, u.depth + 1
    FROM up u JOIN within w ON w.item = u.item AND w.since_us <= u.until_us
    WHERE w.parent <> u.root AND u.depth < 50
)"""
# The greatest fact in the order of time, of the item and of all it was in while it was in there.
_STANDS = """
spoken AS (
    SELECT p.item, p.until_us,
        max(s.ord || E'\\x01' || s.site) AS site, max(s.ord || E'\\x01' || s.holder) AS holder,
        max(s.ord || E'\\x01' || s.owner) AS owner
    FROM (SELECT DISTINCT item, until_us FROM up) p
    JOIN said s ON s.item = p.item AND s.latest_us <= p.until_us AND s.role <> 1 GROUP BY 1, 2
), placed AS (
    SELECT u.root AS item, max(s.site) AS site, max(s.holder) AS holder, max(s.owner) AS owner
    FROM up u JOIN spoken s ON s.item = u.item AND s.until_us = u.until_us GROUP BY 1
), statuses AS MATERIALIZED (
    SELECT s.item, s.ord, s.rank, s.earliest_us, s.latest_us, s.status
    FROM said s JOIN reached r USING (item) WHERE s.status IS NOT NULL
    UNION ALL
    SELECT u.root, s.ord, s.rank, s.earliest_us, s.latest_us, s.status
    FROM up u JOIN said s ON s.item = u.item
    WHERE u.stays AND u.depth > 0 AND s.rank BETWEEN 3 AND 7 AND s.status NOT IN ('consumed', 'installed')
    AND s.latest_us BETWEEN u.since_us AND u.until_us AND s.ord > u.ord
), last_status AS (
    SELECT DISTINCT ON (item) item, ord, rank, earliest_us, latest_us, status
    FROM statuses ORDER BY item, ord DESC, status DESC
), doubted AS (
    SELECT DISTINCT l.item FROM last_status l JOIN statuses s ON s.item = l.item AND s.status <> l.status
    WHERE (s.latest_us, s.rank, s.earliest_us) = (l.latest_us, l.rank, l.earliest_us)
    OR ((s.earliest_us < s.latest_us OR l.earliest_us < l.latest_us) AND s.latest_us >= l.earliest_us)
), boxes AS (
    SELECT root AS item, array_agg(item ORDER BY depth) AS containers
    FROM up WHERE stays AND depth > 0 AND until_us = {now} GROUP BY root
), dispositions AS (
    SELECT item, max(ord || E'\\x01' || disposition) AS disposition FROM said WHERE role <> 1 GROUP BY item
), stock AS (
    SELECT item, site, uom, sum(quantity) AS quantity FROM (
        SELECT s.item, s.site, s.uom, CASE WHEN s.movement IN (1, 4) THEN s.quantity ELSE -s.quantity END AS quantity
        FROM said s JOIN reached r USING (item) WHERE r.kind = 'lot' AND s.movement IN (1, 2, 4)
    ) m GROUP BY 1, 2, 3 HAVING sum(quantity) <> 0
), heaps AS (
    SELECT item, count(*) AS heaps, min(site) AS site,
        string_agg(concat_ws(', ', concat_ws(' ', trim_scale(quantity)::text, uom), 'in_stock', 'site ' || site), '; '
            ORDER BY site, uom) AS told
    FROM stock GROUP BY item
)"""
# Few are on hold or recalled: from these to what they reach.
_RESTRAINED = """
held AS MATERIALIZED (
    SELECT DISTINCT h.item FROM (
        SELECT DISTINCT ON (x.item, e.hold_id) x.item, e.hold_id, e.placed, e.ord
        FROM plain.events e JOIN plain.event_items x USING (version)
        WHERE e.hold_id IS NOT NULL AND e.version NOT IN (SELECT version FROM dead)
        ORDER BY x.item, e.hold_id, e.ord DESC
    ) h WHERE h.placed AND NOT EXISTS (
        SELECT FROM plain.events o WHERE o.hold_id = h.hold_id AND o.for_all AND NOT o.placed AND o.ord > h.ord
        AND o.version NOT IN (SELECT version FROM dead)
    )
), recalled AS MATERIALIZED (
    SELECT x.item, e.recall_id FROM plain.events e JOIN plain.event_items x USING (version)
    WHERE e.recall_id IS NOT NULL AND e.version NOT IN (SELECT version FROM dead)
    GROUP BY x.item, e.recall_id
    HAVING max(e.ord) FILTER (WHERE e.recall_action = 'declared')
        > coalesce(max(e.ord) FILTER (WHERE e.recall_action IN ('remedied', 'closed')), '')
), restrained AS MATERIALIZED (
    SELECT item, recall_id FROM (SELECT item, NULL AS recall_id FROM held UNION ALL SELECT * FROM recalled) r
    UNION SELECT m.unit, r.recall_id FROM plain.members m
        JOIN (SELECT item, NULL AS recall_id FROM held UNION ALL SELECT * FROM recalled) r ON r.item = m.lot
    UNION SELECT CASE r.item WHEN n.one THEN n.other ELSE n.one END, r.recall_id FROM plain.names n
        JOIN (SELECT item, NULL AS recall_id FROM held UNION ALL SELECT * FROM recalled) r ON r.item IN (n.one, n.other)
), restraints AS (
    SELECT item, string_agg(DISTINCT recall_id, '; ') AS recalls FROM (
        SELECT item, recall_id FROM restrained
        UNION ALL SELECT u.root, r.recall_id FROM up u JOIN restrained r ON r.item = u.item
        WHERE u.stays AND u.depth > 0 AND u.until_us = {now}
    ) r GROUP BY item
)"""
_ANSWER = """
SELECT r.item, r.kind, r.level, CASE WHEN r.sure THEN 'certain' ELSE 'possible' END AS certainty,
    CASE WHEN r.sure THEN '' ELSE 'several_inputs' END AS reasons, t.sources AS "from", t.from_count, t.links,
    t.link_count,
    to_char(to_timestamp(t.begins_us / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS occurred_at,
    s.status, split_part(d.disposition, E'\\x01', 2) AS disposition, s.site, b.containers[1] AS container,
    array_to_string(b.containers, '; ') AS containers, s.holder, split_part(p.owner, E'\\x01', 2) AS owner,
    CASE WHEN r.kind = 'lot' THEN h.told WHEN coalesce(s.status, s.site, s.holder, b.containers[1]) IS NOT NULL THEN
        concat_ws(', ', '1', s.status, 'site ' || s.site, 'holder ' || s.holder, 'container ' || b.containers[1])
    END AS "where",
    CASE WHEN e.item IS NULL THEN 'false' ELSE 'true' END AS on_hold, coalesce(e.recalls, '') AS recalls,
    CASE WHEN o.item IS NULL THEN 'false' ELSE 'true' END AS order_uncertain
FROM reached r JOIN told t ON t.item = r.item
LEFT JOIN placed p ON p.item = r.item LEFT JOIN last_status l ON l.item = r.item LEFT JOIN heaps h ON h.item = r.item
LEFT JOIN boxes b ON b.item = r.item LEFT JOIN dispositions d ON d.item = r.item
LEFT JOIN restraints e ON e.item = r.item LEFT JOIN doubted o ON o.item = r.item
CROSS JOIN LATERAL (SELECT
    CASE WHEN r.kind <> 'lot' OR h.heaps IS NULL THEN l.status WHEN h.heaps = 1 THEN 'in_stock' END AS status,
    CASE WHEN r.kind <> 'lot' THEN nullif(split_part(p.site, E'\\x01', 2), '') WHEN h.heaps = 1 THEN h.site END AS site,
    CASE WHEN r.kind <> 'lot' THEN nullif(split_part(p.holder, E'\\x01', 2), '') END AS holder
) s
"""
STATEMENT = (
    "WITH RECURSIVE"
    + ",".join((_COUNTS, _WALK, _SAID, _STANDS, _RESTRAINED)).format(links=LINKS, sources=SOURCES, now=_NOW)
    + _ANSWER
)


class FromEvents:
    """The statement as a client would run it, answered by COPY."""

    name = "recursive SQL, text ids"
    handicap = "works out states, voids, copies and certainty of the same rows as ours; COPY, no HTTP"

    def __init__(self) -> None:
        self._connection: asyncpg.Connection | None = None

    async def load(self, exported: Exported) -> None:
        await self.connect(exported.url)

    async def connect(self, url: str) -> None:
        """To the database that has `text_rows`."""
        settings = {"role": API_ROLE, "jit": "off", "work_mem": "256MB", "statement_timeout": "1800000"}
        self._connection = await asyncpg.connect(url, server_settings=settings)

    async def ask(self, lot: str) -> bytes:
        taken = io.BytesIO()
        await self._copy(lot, taken)
        return taken.getvalue()

    async def write(self, lot: str, file: Path) -> None:
        """The answer to a file, under a header."""
        await self._copy(lot, file, header=True)

    async def _copy(self, lot: str, output: io.BytesIO | Path, *, header: bool = False) -> None:
        assert self._connection is not None
        told = f"SELECT {_QUOTED} FROM ({STATEMENT}) a"
        await self._connection.copy_from_query(told, lot, output=output, format="csv", header=header)

    async def explained(self, lot: str) -> str:
        """What PostgreSQL did for the answer."""
        assert self._connection is not None
        # A plan is asked for with the lot in it: EXPLAIN takes no parameter.
        statement = STATEMENT.replace("$1", "'" + lot.replace("'", "''") + "'")
        return "\n".join(r[0] for r in await self._connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) {statement}"))

    def rows(self, answer: bytes) -> RowSet:
        return of_csv(answer, header=False)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
