"""Complaints, one row an item that somebody complained of."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE views.complaints (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    item_no BIGINT NOT NULL,
    channel TEXT NOT NULL,
    harm TEXT,
    latest_us BIGINT NOT NULL,
    CONSTRAINT complaints_pkey PRIMARY KEY (event_no, item_no)
);
CREATE INDEX complaints_item_idx ON views.complaints (item_no);
CREATE INDEX complaints_latest_idx ON views.complaints (tenant_id, latest_us);
GRANT SELECT ON views.complaints TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON views.complaints TO zhuisu_projector;
ALTER TABLE views.complaints ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.complaints FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.complaints FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())
        AND (coalesce(current_setting('zhuisu.sites', true), '') = '' OR false));
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
