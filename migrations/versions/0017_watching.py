"""What cases watch, which events touched them, and alerts in the order in which they were noticed."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE views.watched_items (
    tenant_id INTEGER NOT NULL,
    item_no BIGINT NOT NULL,
    case_id TEXT NOT NULL,
    holds_members BOOLEAN NOT NULL,
    CONSTRAINT watched_items_pkey PRIMARY KEY (item_no, tenant_id, case_id)
);
CREATE INDEX watched_items_case_idx ON views.watched_items (tenant_id, case_id);
COMMENT ON COLUMN views.watched_items.holds_members IS 'a container that held members or such containers';
CREATE TABLE views.watched_keys (
    tenant_id INTEGER NOT NULL,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    case_id TEXT NOT NULL,
    CONSTRAINT watched_keys_pkey PRIMARY KEY (tenant_id, topic, subject, case_id)
);
CREATE INDEX watched_keys_case_idx ON views.watched_keys (tenant_id, case_id);
COMMENT ON COLUMN views.watched_keys.topic IS 'services.readmodel.watching.TOPICS';
CREATE TABLE views.case_touches (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    case_id TEXT NOT NULL,
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    CONSTRAINT case_touches_pkey PRIMARY KEY (event_no, case_id)
);
CREATE INDEX case_touches_case_idx ON views.case_touches (tenant_id, case_id, log_partition, log_offset);
ALTER TABLE views.case_alerts ADD COLUMN late BOOLEAN NOT NULL;
ALTER TABLE views.case_alerts ADD COLUMN noticed_no BIGINT NOT NULL;
ALTER TABLE views.case_alerts ADD COLUMN noticed_us BIGINT NOT NULL;
COMMENT ON COLUMN views.case_alerts.late IS 'it happened before the approval, and was told after';
COMMENT ON COLUMN views.case_alerts.noticed_no IS 'counts a tenant''s alerts in the order of commits';
DROP INDEX views.case_alerts_case_idx;
CREATE INDEX case_alerts_case_idx ON views.case_alerts (tenant_id, case_id, noticed_no);
CREATE INDEX case_alerts_noticed_idx ON views.case_alerts (tenant_id, noticed_no);
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
    scripts = [_TABLES, *(_WHO_MAY.format(table=t) for t in ("watched_items", "watched_keys", "case_touches"))]
    for statement in ";\n".join(scripts).split(";\n"):
        if statement.strip():
            op.execute(statement)
