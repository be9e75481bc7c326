"""How far the delta of each case is."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE public.case_deltas (
    tenant_id INTEGER NOT NULL,
    case_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    watched TEXT[] NOT NULL,
    swept TEXT[] NOT NULL,
    freeze_no INTEGER NOT NULL,
    evaluation INTEGER NOT NULL,
    vector TEXT NOT NULL,
    as_of_us BIGINT NOT NULL,
    checked TEXT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    CONSTRAINT case_deltas_pkey PRIMARY KEY (tenant_id, case_id)
);
COMMENT ON COLUMN public.case_deltas.generation IS 'of the views: after a rebuild all is watched anew';
COMMENT ON COLUMN public.case_deltas.watched IS 'series of members that are watched: f1, d2 ...';
COMMENT ON COLUMN public.case_deltas.swept IS 'series whose members were looked at for alerts';
COMMENT ON COLUMN public.case_deltas.freeze_no IS 'that the newest evaluation is about';
COMMENT ON COLUMN public.case_deltas.evaluation IS 'number of the newest';
COMMENT ON COLUMN public.case_deltas.vector IS 'as known at which it is evaluated; empty: it is done';
COMMENT ON COLUMN public.case_deltas.as_of_us IS 'and for which instant';
COMMENT ON COLUMN public.case_deltas.checked IS 'vector: the set is as it should be as known at it';
COMMENT ON COLUMN public.case_deltas.seconds IS 'that the newest one took';
ALTER TABLE public.case_deltas ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.case_deltas FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.case_deltas FOR ALL TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())) WITH CHECK (tenant_id = (SELECT public.zhuisu_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON public.case_deltas TO zhuisu_api;
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
