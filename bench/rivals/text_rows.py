"""The first tenant's views as tables of text ids, row for row: what a SQL user keeps who has our events and no more.

Nothing here relates two events, but that an id has several versions, which whoever inserts the second one sees.
In its favour: serials of ranges are spelt out, an order in time is one text that sorts, each look has its index.
"""

import asyncpg

from bench.rivals.once import is_made, sign_of, signed
from bench.world import World

_SCHEMA = """
DROP SCHEMA IF EXISTS plain CASCADE;
CREATE SCHEMA plain;
GRANT USAGE ON SCHEMA plain TO zhuisu_api;
"""
_EVENTS = """
CREATE TABLE plain.events AS
SELECT e.event_no,
    (k.event_id || '@' || e.log_partition || '.' || e.log_offset) COLLATE "C" AS version,
    k.event_id COLLATE "C" AS event_id,
    (lpad(e.appended_us::text, 17, '0') || lpad(e.log_partition::text, 4, '0')
        || lpad(e.log_offset::text, 12, '0')) COLLATE "C" AS copy,
    (lpad(e.latest_us::text, 17, '0') || e.rank || lpad(e.accepted_us::text, 17, '0')
        || lpad(e.request_index::text, 6, '0') || k.event_id) COLLATE "C" AS ord,
    e.source, e.may_correct, e.rank, e.earliest_us, e.latest_us, coalesce(e.started_us, e.earliest_us) AS begins_us,
    p.uri COLLATE "C" AS parent,
    coalesce(e.transformation, 'of:' || k.event_id) COLLATE "C" AS flow, e.mixed,
    e.site, CASE WHEN e.clears_holder THEN '' ELSE e.holder END AS holder, e.owner, e.disposition,
    e.hold ->> 'hold_id' AS hold_id, (e.hold ->> 'placed')::boolean AS placed,
    (e.hold ->> 'for_all')::boolean AS for_all,
    e.recall ->> 'recall_id' AS recall_id, e.recall ->> 'action' AS recall_action
FROM views.events e JOIN views.event_keys k USING (key_no) LEFT JOIN views.items p ON p.item_no = e.parent_no
WHERE e.tenant_id = {tenant};
CREATE UNIQUE INDEX events_no ON plain.events (event_no);
ANALYZE plain.events;
CREATE TABLE plain.items AS
SELECT item_no, uri COLLATE "C" AS item, coalesce(kind, 'unit') AS kind, material COLLATE "C" AS material, number
FROM views.items WHERE tenant_id = {tenant};
CREATE UNIQUE INDEX items_no ON plain.items (item_no);
ANALYZE plain.items;
"""
_NAMED = """
CREATE TEMP TABLE spelt AS
SELECT e.version, e.flow, p.item AS material, l.item AS lot, r.role, r.flow AS movement, r.status,
    r.head || lpad(o.ordinal::text, split_part(r.shape, ' ', 2)::int, '0') AS number
FROM views.serial_ranges r JOIN plain.events e USING (event_no)
JOIN plain.items p ON p.item_no = r.product_no LEFT JOIN plain.items l ON l.item_no = r.lot_no
CROSS JOIN LATERAL generate_series(r.first_ordinal, r.last_ordinal, r.step) AS o(ordinal);
ANALYZE spelt;
CREATE TEMP TABLE units AS
SELECT s.*, i.item FROM spelt s JOIN plain.items i USING (material, number) WHERE i.kind = 'unit';
CREATE TABLE plain.event_items AS
SELECT e.version, i.item, i.material, e.flow, x.role, x.action, x.flow AS movement, x.quantity, x.uom, x.status
FROM views.event_items x JOIN plain.events e USING (event_no) JOIN plain.items i USING (item_no)
-- serials of ranges, each by its name
UNION ALL
SELECT version, item, material, flow, role, 0, movement, NULL, NULL, status FROM units;
CREATE TABLE plain.members AS
SELECT e.version, l.item AS lot, u.item AS unit
FROM views.memberships m JOIN plain.events e USING (event_no)
JOIN plain.items l ON l.item_no = m.lot_no JOIN plain.items u ON u.item_no = m.unit_no
UNION ALL
SELECT version, lot, item FROM units WHERE lot IS NOT NULL;
CREATE TABLE plain.names AS
SELECT e.version, a.item AS one, b.item AS other
FROM views.identities s JOIN plain.events e USING (event_no)
JOIN plain.items a ON a.item_no = s.one_no JOIN plain.items b ON b.item_no = s.other_no;
CREATE TABLE plain.voids AS
SELECT e.version, t.event_id COLLATE "C" AS target,
    ARRAY(SELECT k.event_id FROM views.event_keys k WHERE k.key_no = ANY (v.replacement_key_nos)) AS replaced_by
FROM views.voids v JOIN plain.events e USING (event_no) JOIN views.event_keys t ON t.key_no = v.target_key_no;
CREATE TABLE plain.several AS
SELECT event_id FROM plain.events GROUP BY event_id HAVING count(*) > 1;
ALTER TABLE plain.events DROP COLUMN event_no;
ALTER TABLE plain.items DROP COLUMN item_no;
"""
_INDEXED = """
CREATE UNIQUE INDEX ON plain.events (version);
CREATE INDEX ON plain.events (event_id);
CREATE INDEX ON plain.events (hold_id) WHERE hold_id IS NOT NULL;
CREATE INDEX ON plain.events (recall_id) WHERE recall_id IS NOT NULL;
CREATE UNIQUE INDEX ON plain.items (item);
CREATE INDEX ON plain.event_items (item, role);
CREATE INDEX ON plain.event_items (flow, role);
CREATE INDEX ON plain.event_items (version);
CREATE INDEX ON plain.members (lot);
CREATE INDEX ON plain.members (unit);
CREATE INDEX ON plain.names (one);
CREATE INDEX ON plain.names (other);
ALTER TABLE plain.event_items ALTER COLUMN item SET (n_distinct = -0.25);
ALTER TABLE plain.event_items ALTER COLUMN flow SET (n_distinct = -0.2);
ALTER TABLE plain.event_items ALTER COLUMN version SET (n_distinct = -0.3);
ALTER TABLE plain.members ALTER COLUMN unit SET (n_distinct = -1.0);
GRANT SELECT ON ALL TABLES IN SCHEMA plain TO zhuisu_api;
"""
_TABLES = ("events", "items", "event_items", "members", "names", "voids", "several")


async def make(world: World) -> None:
    """See that the tables are there, as this file makes them of the built data."""
    sign = sign_of(_EVENTS, _NAMED, _INDEXED, world.data["built_in_seconds"])
    connection = await asyncpg.connect(world.url)
    try:
        if await is_made(connection, "plain", sign):
            return
        for statement in (_SCHEMA, _EVENTS, _NAMED, _INDEXED):
            await connection.execute(statement.format(tenant=world.tenant.tenant_id))
        for table in _TABLES:
            await connection.execute(f"VACUUM ANALYZE plain.{table}")
        await signed(connection, "plain", sign)
    finally:
        await connection.close()
