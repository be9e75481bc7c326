"""Inspection results by characteristic and value: a scope by results reads no event's body."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE views.measurements (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    line INTEGER NOT NULL,
    characteristic TEXT NOT NULL,
    value NUMERIC,
    verdict TEXT,
    begins_us BIGINT NOT NULL,
    latest_us BIGINT NOT NULL,
    CONSTRAINT measurements_pkey PRIMARY KEY (event_no, line)
);
COMMENT ON COLUMN views.measurements.line IS 'in the event''s list, from 0';
COMMENT ON COLUMN views.measurements.value IS 'null of what was not measured as a number';
COMMENT ON COLUMN views.measurements.verdict IS 'its own, else the inspection''s';
COMMENT ON COLUMN views.measurements.begins_us IS 'when the inspection began at the earliest';
GRANT SELECT ON views.measurements TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON views.measurements TO zhuisu_projector;
SET LOCAL ROLE zhuisu_projector;
INSERT INTO views.measurements (tenant_id, event_no, line, characteristic, value, verdict, begins_us, latest_us)
SELECT e.tenant_id, e.event_no, m.n - 1, m.said ->> 'characteristic', (m.said ->> 'value')::numeric,
    coalesce(m.said ->> 'verdict', b.body ->> 'verdict'), coalesce(e.started_us, e.earliest_us), e.latest_us
FROM views.events e JOIN views.event_bodies b USING (event_no)
CROSS JOIN LATERAL jsonb_array_elements(b.body -> 'measurements') WITH ORDINALITY AS m(said, n)
WHERE e.kind = 'inspected';
RESET ROLE;
CREATE INDEX measurements_value_idx ON views.measurements (tenant_id, characteristic, value);
ALTER TABLE views.measurements ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.measurements FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.measurements FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())
        AND (coalesce(current_setting('zhuisu.sites', true), '') = '' OR false));
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
