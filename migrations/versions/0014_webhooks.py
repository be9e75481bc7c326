"""Webhooks and their deliveries, and the feed of what they and others are told."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE views.feed_entries (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    appended_us BIGINT NOT NULL,
    about TEXT NOT NULL,
    CONSTRAINT feed_entries_pkey PRIMARY KEY (event_no)
);
CREATE INDEX feed_entries_position_idx ON views.feed_entries (tenant_id, log_partition, log_offset);
COMMENT ON COLUMN views.feed_entries.about IS 'hold, case, or void (of any event)';
GRANT SELECT ON views.feed_entries TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON views.feed_entries TO zhuisu_projector;
INSERT INTO views.feed_entries (tenant_id, event_no, log_partition, log_offset, appended_us, about)
SELECT tenant_id, event_no, log_partition, log_offset, appended_us,
    CASE WHEN void IS NOT NULL THEN 'void' ELSE 'hold' END
FROM views.events WHERE void IS NOT NULL OR hold IS NOT NULL;
ALTER TABLE views.feed_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.feed_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.feed_entries FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
CREATE TABLE public.webhooks (
    tenant_id INTEGER NOT NULL,
    webhook_id TEXT NOT NULL,
    url TEXT NOT NULL,
    event_types TEXT[],
    description TEXT,
    secret BYTEA NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    created_by BIGINT NOT NULL,
    seen JSONB NOT NULL,
    failing_since TIMESTAMPTZ,
    delivered_at TIMESTAMPTZ,
    disabled_at TIMESTAMPTZ,
    disabled_because TEXT,
    CONSTRAINT webhooks_pkey PRIMARY KEY (tenant_id, webhook_id)
);
COMMENT ON COLUMN public.webhooks.event_types IS 'services.webhooks.messages.TYPES it wants; null: all';
COMMENT ON COLUMN public.webhooks.secret IS 'signs each call; shown once, when it is made';
COMMENT ON COLUMN public.webhooks.created_by IS 'key id of who made it';
COMMENT ON COLUMN public.webhooks.seen IS 'services.webhooks.messages.Seen: what was queued for it';
COMMENT ON COLUMN public.webhooks.failing_since IS 'first failure since the last success';
COMMENT ON COLUMN public.webhooks.delivered_at IS 'newest success';
CREATE TABLE public.webhook_deliveries (
    tenant_id INTEGER NOT NULL,
    webhook_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    type TEXT NOT NULL,
    body BYTEA NOT NULL,
    queued_at TIMESTAMPTZ NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending'
        CONSTRAINT webhook_deliveries_state_check CHECK (state IN ('pending', 'delivered', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    due_at TIMESTAMPTZ NOT NULL,
    last_status INTEGER,
    last_error TEXT,
    settled_at TIMESTAMPTZ,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (tenant_id, webhook_id, message_id),
    CONSTRAINT webhook_deliveries_webhook_fkey FOREIGN KEY (tenant_id, webhook_id)
        REFERENCES public.webhooks (tenant_id, webhook_id) ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_due_idx ON public.webhook_deliveries (tenant_id, webhook_id, due_at)
    WHERE state = 'pending';
CREATE INDEX webhook_deliveries_settled_idx ON public.webhook_deliveries (tenant_id, webhook_id, state, settled_at);
COMMENT ON COLUMN public.webhook_deliveries.message_id IS 'the same at every attempt and every replay';
COMMENT ON COLUMN public.webhook_deliveries.body IS 'exactly what is signed and sent';
COMMENT ON COLUMN public.webhook_deliveries.due_at IS 'when it is tried next';
COMMENT ON COLUMN public.webhook_deliveries.last_status IS 'HTTP status of the newest answer';
COMMENT ON COLUMN public.webhook_deliveries.last_error IS 'why the newest attempt failed';
COMMENT ON COLUMN public.webhook_deliveries.settled_at IS 'delivered, or given up';
ALTER TABLE public.webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.webhooks FOR ALL TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())) WITH CHECK (tenant_id = (SELECT public.zhuisu_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON public.webhooks TO zhuisu_api;
GRANT SELECT (tenant_id, webhook_id, disabled_at) ON public.webhooks TO zhuisu_projector;
ALTER TABLE public.webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.webhook_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.webhook_deliveries FOR ALL TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())) WITH CHECK (tenant_id = (SELECT public.zhuisu_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON public.webhook_deliveries TO zhuisu_api;
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
