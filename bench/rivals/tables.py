"""The first tenant's rows for rivals: text ids, hyperedges as they were recorded, and links made of them.

All in the rivals' favour: serials of ranges are spelt out, what is only possible by its event is marked, and where an
item stands is a finished row that need only be looked up. Left to them is the walk and what it makes of each node:
level, certainty, reasons, predecessors, links. Only relations that these questions meet are there.
"""

import asyncio

import asyncpg

from bench.kept import digest_of
from bench.reference import Reference
from bench.rivals import text_rows
from bench.rivals.once import is_made, sign_of, signed
from bench.rivals.rival import Exported
from bench.rows import COLUMNS
from bench.world import World

STATE_COLUMNS = ("kind", *COLUMNS[COLUMNS.index("occurred_at") :])
"""Columns that a rival looks up by item."""
TABLES = ("goes_in", "comes_out", "voided", "links", "states")

_SCHEMA = """
DROP SCHEMA IF EXISTS rival CASCADE;
CREATE SCHEMA rival;
GRANT USAGE ON SCHEMA rival TO zhuisu_api;
"""
_EVENTS = """
CREATE TEMP TABLE told AS
SELECT e.event_no, k.event_id, e.mixed, coalesce(e.transformation, 'of:' || k.event_id) AS flow, p.uri AS parent
FROM views.events e JOIN views.event_keys k USING (key_no) LEFT JOIN views.items p ON p.item_no = e.parent_no
WHERE e.tenant_id = {tenant};
CREATE INDEX ON told (event_no);
ANALYZE told;
CREATE TABLE rival.voided AS
SELECT DISTINCT k.event_id FROM views.voids v JOIN views.event_keys k ON k.key_no = v.target_key_no
WHERE v.tenant_id = {tenant};
"""
_COMES_OUT = """
CREATE TABLE rival.comes_out AS
WITH spelt AS MATERIALIZED (
    SELECT t.flow, p.uri AS material, r.head || lpad(o.ordinal::text, split_part(r.shape, ' ', 2)::int, '0') AS number
    FROM views.serial_ranges r JOIN told t USING (event_no) JOIN views.items p ON p.item_no = r.product_no
    CROSS JOIN LATERAL generate_series(r.first_ordinal, r.last_ordinal, r.step) AS o(ordinal) WHERE r.role = 2
), units AS MATERIALIZED (
    SELECT uri, material, number FROM views.items WHERE tenant_id = {tenant} AND kind = 'unit'
)
-- outputs by name
SELECT DISTINCT t.flow AS hop, i.uri AS item FROM views.event_items x JOIN told t USING (event_no)
JOIN views.items i USING (item_no) WHERE x.role = 2
-- outputs by range
UNION SELECT s.flow, u.uri FROM spelt s JOIN units u USING (material, number)
-- wholes of components
UNION SELECT 'part:' || t.event_id, t.parent FROM views.event_items x JOIN told t USING (event_no)
WHERE x.role = 6 AND x.action = 1
-- the other name of a thing, either way
UNION SELECT 'same:' || t.event_id || ':1', b.uri FROM views.identities s JOIN told t USING (event_no)
JOIN views.items b ON b.item_no = s.other_no
UNION SELECT 'same:' || t.event_id || ':2', a.uri FROM views.identities s JOIN told t USING (event_no)
JOIN views.items a ON a.item_no = s.one_no;
"""
_GOES_IN = """
CREATE TABLE rival.goes_in AS
WITH taken AS (
    SELECT DISTINCT t.flow, t.event_id, t.mixed, i.uri, i.material, x.role
    FROM views.event_items x JOIN told t USING (event_no) JOIN views.items i USING (item_no)
    WHERE x.role = 1 OR (x.role = 6 AND x.action = 1)
), alike AS (
    SELECT flow, material FROM taken WHERE role = 1 GROUP BY flow, material HAVING count(DISTINCT uri) > 1
), many AS (
    SELECT hop AS flow FROM rival.comes_out GROUP BY hop HAVING count(*) > 1
)
SELECT k.uri AS item, CASE k.role WHEN 1 THEN k.flow ELSE 'part:' || k.event_id END AS hop,
    CASE k.role WHEN 1 THEN 'derivation' ELSE 'part_of' END AS relation, k.event_id,
    k.role = 1 AND NOT k.mixed AND EXISTS (SELECT FROM alike a WHERE (a.flow, a.material) = (k.flow, k.material))
        AND EXISTS (SELECT FROM many m WHERE m.flow = k.flow) AS possible
FROM taken k
UNION SELECT a.uri, 'same:' || t.event_id || ':1', 'identified_as', t.event_id, false
FROM views.identities s JOIN told t USING (event_no) JOIN views.items a ON a.item_no = s.one_no
UNION SELECT b.uri, 'same:' || t.event_id || ':2', 'identified_as', t.event_id, false
FROM views.identities s JOIN told t USING (event_no) JOIN views.items b ON b.item_no = s.other_no;
"""
_LINKS = """
CREATE TABLE rival.links AS
SELECT g.item AS source, o.item AS target, g.relation, g.event_id, g.possible
FROM rival.goes_in g JOIN rival.comes_out o USING (hop)
WHERE g.item <> o.item AND NOT EXISTS (SELECT FROM rival.voided v WHERE v.event_id = g.event_id);
"""
_STATES = f"""
CREATE TABLE rival.states AS
SELECT DISTINCT ON (item) item, {", ".join(f'"{name}"' for name in STATE_COLUMNS)} FROM answers ORDER BY item;
"""
_INDEXED = """
CREATE INDEX ON rival.goes_in (item);
CREATE INDEX ON rival.comes_out (hop);
CREATE UNIQUE INDEX ON rival.voided (event_id);
CREATE UNIQUE INDEX ON rival.states (item);
CREATE INDEX ON rival.links (source);
ALTER TABLE rival.goes_in ALTER COLUMN item SET (n_distinct = -0.5);
ALTER TABLE rival.comes_out ALTER COLUMN hop SET (n_distinct = -0.7);
GRANT SELECT ON ALL TABLES IN SCHEMA rival TO zhuisu_api;
"""


async def export(world: World, references: list[Reference]) -> Exported:
    """Make the rivals' tables of what the views hold, and a file of each, unless they are there."""
    exported = Exported(world.url, world.folder / "rivals", world.tenant.tenant_id)
    exported.folder.mkdir(parents=True, exist_ok=True)
    await asyncio.gather(text_rows.make(world), _made(world, references, exported))
    return exported


async def _made(world: World, references: list[Reference], exported: Exported) -> None:
    statements = (_SCHEMA, _EVENTS, _COMES_OUT, _GOES_IN, _LINKS, _STATES, _INDEXED)
    sign = sign_of(statements, world.data["built_in_seconds"], [digest_of(r.rows) for r in references])
    connection = await asyncpg.connect(world.url)
    try:
        if await is_made(connection, "rival", sign) and all(exported.file(t).exists() for t in TABLES):
            return
        for statement in statements:
            await connection.execute(statement.format(tenant=world.tenant.tenant_id))
        for table in TABLES:
            await connection.execute(f"VACUUM ANALYZE rival.{table}")
            await connection.copy_from_table(
                table, schema_name="rival", output=str(exported.file(table)), format="csv", header=True
            )
        await signed(connection, "rival", sign)
    finally:
        await connection.close()
