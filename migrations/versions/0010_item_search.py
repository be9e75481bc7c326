"""Items are found by a fragment of their number, through an index, and by product in the order of their ids.

Row-level security keeps conditions that might leak from an index: a pattern is one. So the look-up is a function that
acts as the projector and asks for the caller's tenant itself; what it gives are row numbers, which the caller reads
under row-level security like any others.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE SCHEMA finding;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SET LOCAL ROLE zhuisu_projector;
UPDATE views.items SET number = nullif(regexp_replace(uri, '^.*[/:]', ''), '') WHERE number IS NULL;
RESET ROLE;
COMMENT ON COLUMN views.items.number IS 'serial or lot number, else what its id ends with: for search';
CREATE INDEX items_number_part_idx ON views.items USING gin (number gin_trgm_ops);
DROP INDEX views.items_material_idx;
CREATE INDEX items_material_idx ON views.items (tenant_id, material, uri);
"""

# Planned with the pattern that is asked for, and with row numbers alone kept until they are in order.
_FUNCTION = """
CREATE FUNCTION finding.items_like(pattern text, whole text, of_material text, of_kind text, after text, most int)
RETURNS SETOF bigint LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off
AS $$
BEGIN
    RETURN QUERY EXECUTE '
        WITH hits AS MATERIALIZED (
            SELECT i.item_no, i.uri, i.material, i.kind FROM views.items i WHERE i.tenant_id = $1 AND i.number ILIKE $2
        )
        SELECT h.item_no FROM hits h
        WHERE ($3 IS NULL OR h.uri ILIKE $3) AND ($5 IS NULL OR h.kind = $5 OR h.kind IS NULL)
        AND ($4 IS NULL OR h.material = $4 OR EXISTS (
            SELECT FROM views.item_materials m JOIN views.items c ON c.item_no = m.material_no
            WHERE m.item_no = h.item_no AND c.uri = $4))
        AND ($6 IS NULL OR h.uri > $6) ORDER BY h.uri LIMIT $7'
    USING public.zhuisu_tenant(), pattern, whole, of_material, of_kind, after, most;
END
$$
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
    op.execute(_FUNCTION)
    signature = "finding.items_like(text, text, text, text, text, int)"
    op.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO zhuisu_api")
    op.execute("GRANT USAGE ON SCHEMA finding TO zhuisu_api")
    # A new owner must be allowed to make functions there; afterwards it is not. The schema is one that we may grant on.
    op.execute("GRANT CREATE ON SCHEMA finding TO zhuisu_projector")
    op.execute(f"ALTER FUNCTION {signature} OWNER TO zhuisu_projector")
    op.execute("REVOKE CREATE ON SCHEMA finding FROM zhuisu_projector")
