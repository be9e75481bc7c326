"""What equipment and vessels held: mounts, makings, charges and discharges (docs/semantics.md, factory part)."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE views.loadings (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    equipment TEXT NOT NULL,
    position TEXT NOT NULL,
    item_no BIGINT,
    mounts BOOLEAN NOT NULL,
    doubt_units INTEGER NOT NULL,
    earliest_us BIGINT NOT NULL,
    latest_us BIGINT NOT NULL
);
CREATE INDEX loadings_position_idx ON views.loadings (tenant_id, equipment, position, latest_us);
CREATE INDEX loadings_item_idx ON views.loadings (item_no);
COMMENT ON COLUMN views.loadings.item_no IS 'null: an unmount of whatever is there';
CREATE TABLE views.makings (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    equipment TEXT NOT NULL,
    units INTEGER NOT NULL,
    span_class SMALLINT NOT NULL,
    begins_us BIGINT NOT NULL,
    latest_us BIGINT NOT NULL
);
CREATE INDEX makings_begins_idx ON views.makings (tenant_id, equipment, span_class, begins_us);
CREATE INDEX makings_latest_idx ON views.makings (tenant_id, equipment, latest_us);
CREATE INDEX makings_event_idx ON views.makings (event_no);
COMMENT ON COLUMN views.makings.equipment IS 'or line';
COMMENT ON COLUMN views.makings.units IS 'made by the event, at least';
COMMENT ON COLUMN views.makings.span_class IS 'lasts less than 32^n seconds';
CREATE TABLE views.vessel_acts (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    vessel TEXT NOT NULL,
    act SMALLINT NOT NULL,
    compartment TEXT,
    item_no BIGINT,
    quantity NUMERIC,
    uom TEXT,
    mode TEXT,
    part SMALLINT NOT NULL,
    breaks_whole BOOLEAN NOT NULL,
    span_class SMALLINT NOT NULL,
    begins_us BIGINT NOT NULL,
    latest_us BIGINT NOT NULL
);
CREATE INDEX vessel_acts_begins_idx ON views.vessel_acts (tenant_id, vessel, span_class, begins_us);
CREATE INDEX vessel_acts_breaks_idx ON views.vessel_acts (tenant_id, vessel, breaks_whole, latest_us);
CREATE INDEX vessel_acts_item_idx ON views.vessel_acts (item_no);
COMMENT ON COLUMN views.vessel_acts.act IS 'domain.facts.VesselAct';
COMMENT ON COLUMN views.vessel_acts.mode IS 'domain.events.VesselMode';
COMMENT ON COLUMN views.vessel_acts.span_class IS 'lasts less than 32^n seconds';
ALTER TABLE views.makings ALTER COLUMN event_no SET (n_distinct = -0.7);
ALTER TABLE views.loadings ALTER COLUMN item_no SET (n_distinct = -0.5);
ALTER TABLE views.vessel_acts ALTER COLUMN item_no SET (n_distinct = -0.5);
"""

_WHO_MAY = """
GRANT SELECT ON views.{table} TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON views.{table} TO zhuisu_projector;
ALTER TABLE views.{table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.{table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.{table} FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
"""


def upgrade() -> None:
    scripts = [_TABLES, *(_WHO_MAY.format(table=t) for t in ("loadings", "makings", "vessel_acts"))]
    for statement in ";\n".join(scripts).split(";\n"):
        if statement.strip():
            op.execute(statement)
