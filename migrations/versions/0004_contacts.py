"""Contacts say who wrote them, and every access is recorded without the data."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STATEMENTS = """
ALTER TABLE public.contacts ADD COLUMN changed_by BIGINT NOT NULL;
COMMENT ON COLUMN public.contacts.party IS 'canonical party id, as events name it';
COMMENT ON COLUMN public.contacts.contact IS 'services.contacts.store.Contact';
COMMENT ON COLUMN public.contacts.changed_by IS 'key id of who wrote it';
CREATE TABLE public.contact_accesses (
    access_no BIGINT GENERATED ALWAYS AS IDENTITY,
    tenant_id INTEGER NOT NULL,
    party TEXT NOT NULL,
    action TEXT NOT NULL CONSTRAINT contact_accesses_action_check CHECK (action IN ('read', 'written', 'erased')),
    key_id BIGINT NOT NULL,
    accessed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT contact_accesses_pkey PRIMARY KEY (access_no)
);
CREATE INDEX contact_accesses_party_idx ON public.contact_accesses (tenant_id, party, access_no);
COMMENT ON TABLE public.contact_accesses IS 'who read, wrote or erased whose contact, never what was in it';
COMMENT ON COLUMN public.contact_accesses.key_id IS 'who did it: a number of GET /v1/keys';
ALTER TABLE public.contact_accesses ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.contact_accesses FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.contact_accesses FOR ALL TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())) WITH CHECK (tenant_id = (SELECT public.zhuisu_tenant()));
GRANT SELECT, INSERT ON public.contact_accesses TO zhuisu_api;
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
