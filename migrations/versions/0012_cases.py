"""Cases: their acts, what they list, and the alerts they raise."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE views.case_acts (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    case_id TEXT NOT NULL,
    case_type TEXT NOT NULL,
    sequence INTEGER,
    act TEXT NOT NULL,
    actor TEXT NOT NULL,
    key_id INTEGER,
    reason TEXT,
    body JSONB NOT NULL,
    CONSTRAINT case_acts_pkey PRIMARY KEY (event_no)
);
CREATE INDEX case_acts_case_idx ON views.case_acts (tenant_id, case_id, sequence);
CREATE INDEX case_acts_act_idx ON views.case_acts (tenant_id, act, case_type);
COMMENT ON COLUMN views.case_acts.case_type IS 'domain.cases.acts.CaseType';
COMMENT ON COLUMN views.case_acts.sequence IS 'null for what the service lists in chunks';
COMMENT ON COLUMN views.case_acts.body IS 'domain.cases.acts, without the members it lists';
CREATE TABLE views.case_members (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    case_id TEXT NOT NULL,
    change TEXT NOT NULL,
    number INTEGER NOT NULL,
    chunk INTEGER NOT NULL,
    line INTEGER NOT NULL,
    item_no BIGINT NOT NULL,
    kind TEXT NOT NULL,
    level SMALLINT NOT NULL,
    certainty TEXT NOT NULL,
    top BOOLEAN NOT NULL,
    loose_spare BOOLEAN NOT NULL,
    seed BOOLEAN NOT NULL,
    quantity NUMERIC,
    uom TEXT,
    CONSTRAINT case_members_pkey PRIMARY KEY (event_no, change, line)
);
CREATE INDEX case_members_item_idx ON views.case_members (item_no);
CREATE INDEX case_members_case_idx ON views.case_members (tenant_id, case_id, change, number, chunk, line);
COMMENT ON COLUMN views.case_members.change IS 'frozen, added or withdrawn';
COMMENT ON COLUMN views.case_members.number IS 'of the freeze, else of the evaluation';
COMMENT ON COLUMN views.case_members.line IS 'in the list of its act, from 0';
COMMENT ON COLUMN views.case_members.top IS 'counted by a regulator (SEMANTICS 7)';
COMMENT ON COLUMN views.case_members.seed IS 'named by the rule itself';
COMMENT ON COLUMN views.case_members.quantity IS 'of a lot without serials';
CREATE TABLE views.case_alerts (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    case_id TEXT NOT NULL,
    item_no BIGINT NOT NULL,
    alert TEXT NOT NULL,
    CONSTRAINT case_alerts_pkey PRIMARY KEY (event_no, case_id, item_no, alert)
);
CREATE INDEX case_alerts_case_idx ON views.case_alerts (tenant_id, case_id);
COMMENT ON COLUMN views.case_alerts.alert IS 'what happened: shipped, sold, installed, unit_added ...';
"""

_WHO_MAY = """
GRANT SELECT ON views.{table} TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON views.{table} TO zhuisu_projector;
ALTER TABLE views.{table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.{table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.{table} FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())
        AND (coalesce(current_setting('zhuisu.sites', true), '') = '' OR false));
"""


def upgrade() -> None:
    scripts = [_TABLES, *(_WHO_MAY.format(table=t) for t in ("case_acts", "case_members", "case_alerts"))]
    for statement in ";\n".join(scripts).split(";\n"):
        if statement.strip():
            op.execute(statement)
