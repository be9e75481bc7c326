"""How the jobs of cases stand, so that one that fails is seen in its case."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE public.case_jobs (
    tenant_id INTEGER NOT NULL,
    case_id TEXT NOT NULL,
    job TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    detail TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at TIMESTAMPTZ,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT case_jobs_pkey PRIMARY KEY (tenant_id, case_id, job)
);
COMMENT ON COLUMN public.case_jobs.job IS 'freeze, delta, holds, reminders ...';
COMMENT ON COLUMN public.case_jobs.state IS 'running, done or failing';
COMMENT ON COLUMN public.case_jobs.code IS 'a problem''s, where it fails';
COMMENT ON COLUMN public.case_jobs.detail IS 'why it fails, for people';
COMMENT ON COLUMN public.case_jobs.attempts IS 'that failed, since it last went well';
COMMENT ON COLUMN public.case_jobs.next_at IS 'when it is tried again';
ALTER TABLE public.case_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.case_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.case_jobs FOR ALL TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())) WITH CHECK (tenant_id = (SELECT public.zhuisu_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON public.case_jobs TO zhuisu_api;
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
