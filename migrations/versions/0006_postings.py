"""Postings to orders, and the units of measure of lots and products.

Frozen as written: tests/migrations prove that all migrations make what services/readmodel/tables.py describes today.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE views.events ADD COLUMN posting JSONB;
COMMENT ON COLUMN views.events.posting IS 'domain.facts.PostingFact';
CREATE TABLE views.uom_factors (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    item_no BIGINT NOT NULL,
    quantity NUMERIC NOT NULL,
    uom TEXT,
    equals NUMERIC NOT NULL,
    in_uom TEXT
);
COMMENT ON COLUMN views.uom_factors.item_no IS 'a lot, or the class of lots';
CREATE INDEX uom_factors_item_idx ON views.uom_factors (item_no);
GRANT SELECT ON views.uom_factors TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON views.uom_factors TO zhuisu_projector;
ALTER TABLE views.uom_factors ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.uom_factors FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.uom_factors FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
