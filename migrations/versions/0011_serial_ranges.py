"""Ranges of serials: stored as ranges, found by where a serial's counter stands."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE views.serial_ranges (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    line INTEGER NOT NULL,
    product_no BIGINT NOT NULL,
    lot_no BIGINT,
    role SMALLINT NOT NULL,
    flow SMALLINT NOT NULL,
    status TEXT,
    shape TEXT NOT NULL,
    head TEXT NOT NULL,
    first_ordinal BIGINT NOT NULL,
    last_ordinal BIGINT NOT NULL,
    span_bits SMALLINT NOT NULL,
    step BIGINT NOT NULL,
    excluded BIGINT[],
    CONSTRAINT serial_ranges_pkey PRIMARY KEY (event_no, line)
);
CREATE INDEX serial_ranges_ordinal_idx ON views.serial_ranges
    (product_no, shape, span_bits, head, first_ordinal);
CREATE INDEX serial_ranges_lot_idx ON views.serial_ranges (lot_no);
CREATE INDEX serial_ranges_tenant_idx ON views.serial_ranges (tenant_id, product_no);
COMMENT ON COLUMN views.serial_ranges.line IS 'which of its event''s ranges';
COMMENT ON COLUMN views.serial_ranges.role IS 'domain.facts.Role';
COMMENT ON COLUMN views.serial_ranges.flow IS 'domain.facts.Flow';
COMMENT ON COLUMN views.serial_ranges.shape IS 'domain.serials.Shape: how its serials are written';
COMMENT ON COLUMN views.serial_ranges.head IS 'what its serials begin with';
COMMENT ON COLUMN views.serial_ranges.span_bits IS 'last_ordinal - first_ordinal is less than 2 to this';
COMMENT ON COLUMN views.serial_ranges.excluded IS 'ordinals left out';
GRANT SELECT ON views.serial_ranges TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON views.serial_ranges TO zhuisu_projector;
ALTER TABLE views.serial_ranges ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.serial_ranges FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.serial_ranges FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()))
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
