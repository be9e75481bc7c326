"""Relabellings: which id became which (docs/semantics.md 'Identity over time')."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE views.renamings (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    old_no BIGINT NOT NULL,
    new_no BIGINT NOT NULL
);
CREATE INDEX renamings_old_idx ON views.renamings (old_no);
CREATE INDEX renamings_new_idx ON views.renamings (new_no);
CREATE INDEX renamings_tenant_idx ON views.renamings (tenant_id);
GRANT SELECT ON views.renamings TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON views.renamings TO zhuisu_projector;
ALTER TABLE views.renamings ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.renamings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.renamings FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()))
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement)
