"""The read model: views of the log in a schema of their own, which a rebuild can replace as a whole.

Frozen as written: tests/migrations prove that it makes what services/readmodel/tables.py describes today.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE views.capture_jobs (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    capture_id TEXT NOT NULL,
    job JSONB NOT NULL,
    CONSTRAINT capture_jobs_pkey PRIMARY KEY (event_no)
);
CREATE INDEX capture_jobs_capture_idx ON views.capture_jobs (tenant_id, capture_id);
CREATE TABLE views.checkpoints (
    log_partition INTEGER NOT NULL,
    applied_offset BIGINT NOT NULL,
    applied_us BIGINT,
    log_end BIGINT NOT NULL,
    measured_us BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    leased_by TEXT,
    leased_until_us BIGINT NOT NULL,
    CONSTRAINT checkpoints_pkey PRIMARY KEY (log_partition)
);
COMMENT ON COLUMN views.checkpoints.applied_offset IS 'everything at or below it is in the views';
COMMENT ON COLUMN views.checkpoints.applied_us IS 'append time of the newest applied record';
COMMENT ON COLUMN views.checkpoints.log_end IS 'next offset, when last measured';
COMMENT ON COLUMN views.checkpoints.measured_us IS 'when log_end was measured';
COMMENT ON COLUMN views.checkpoints.epoch IS 'grows with each lease: a commit of an older one is refused';
CREATE TABLE views.company_prefixes (
    tenant_id INTEGER NOT NULL,
    prefix TEXT NOT NULL,
    CONSTRAINT company_prefixes_pkey PRIMARY KEY (tenant_id, prefix)
);
CREATE TABLE views.dead_letters (
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    appended_us BIGINT NOT NULL,
    tenant_id INTEGER,
    event_id TEXT,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    key BYTEA NOT NULL,
    value BYTEA NOT NULL,
    replayed_as TEXT,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (log_partition, log_offset)
);
COMMENT ON COLUMN views.dead_letters.tenant_id IS 'null where the record does not tell';
COMMENT ON COLUMN views.dead_letters.replayed_as IS 'position of the record that replaced it';
CREATE TABLE views.dimensions (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    dimension TEXT NOT NULL,
    value TEXT NOT NULL,
    begins_us BIGINT NOT NULL
);
CREATE INDEX dimensions_value_idx ON views.dimensions (tenant_id, dimension, value, begins_us);
CREATE TABLE views.event_bodies (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    site TEXT,
    body JSONB NOT NULL,
    original JSONB,
    CONSTRAINT event_bodies_pkey PRIMARY KEY (event_no)
);
CREATE TABLE views.event_items (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    item_no BIGINT NOT NULL,
    role SMALLINT NOT NULL,
    action SMALLINT NOT NULL,
    flow SMALLINT NOT NULL,
    by_class BOOLEAN NOT NULL,
    quantity NUMERIC,
    uom TEXT,
    basis TEXT,
    status TEXT
);
CREATE INDEX event_items_event_idx ON views.event_items (event_no);
CREATE INDEX event_items_item_idx ON views.event_items (item_no, role);
COMMENT ON COLUMN views.event_items.role IS 'domain.facts.Role';
COMMENT ON COLUMN views.event_items.action IS 'domain.facts.Action';
COMMENT ON COLUMN views.event_items.flow IS 'domain.facts.Flow';
CREATE TABLE views.event_keys (
    tenant_id INTEGER NOT NULL,
    key_no BIGINT NOT NULL,
    event_id TEXT NOT NULL,
    CONSTRAINT event_keys_pkey PRIMARY KEY (key_no),
    CONSTRAINT event_keys_event_id_key UNIQUE (tenant_id, event_id)
);
CREATE TABLE views.events (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    key_no BIGINT NOT NULL,
    content_hash TEXT NOT NULL,
    log_partition INTEGER NOT NULL,
    log_offset BIGINT NOT NULL,
    appended_us BIGINT NOT NULL,
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    may_correct BOOLEAN NOT NULL,
    occurred_at TEXT NOT NULL,
    earliest_us BIGINT NOT NULL,
    latest_us BIGINT NOT NULL,
    started_us BIGINT,
    rank SMALLINT NOT NULL,
    accepted_us BIGINT NOT NULL,
    request_index INTEGER NOT NULL,
    parent_no BIGINT,
    transformation TEXT,
    mixed BOOLEAN NOT NULL,
    site TEXT,
    to_place TEXT,
    holder TEXT,
    clears_holder BOOLEAN NOT NULL,
    owner TEXT,
    disposition TEXT,
    set_flags TEXT[],
    unset_flags TEXT[],
    hold JSONB,
    recall JSONB,
    void JSONB,
    CONSTRAINT events_pkey PRIMARY KEY (event_no),
    CONSTRAINT events_version_key UNIQUE (key_no, content_hash, log_partition)
);
CREATE INDEX events_position_idx ON views.events (log_partition, appended_us);
CREATE INDEX events_transformation_idx ON views.events (tenant_id, transformation);
COMMENT ON COLUMN views.events.occurred_at IS 'as sent, with its offset';
COMMENT ON COLUMN views.events.hold IS 'domain.facts.HoldFact';
COMMENT ON COLUMN views.events.recall IS 'domain.facts.RecallFact';
COMMENT ON COLUMN views.events.void IS 'domain.facts.VoidFact';
CREATE TABLE views.identities (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    one_no BIGINT NOT NULL,
    other_no BIGINT NOT NULL
);
CREATE INDEX identities_one_idx ON views.identities (one_no);
CREATE INDEX identities_other_idx ON views.identities (other_no);
CREATE TABLE views.item_materials (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    item_no BIGINT NOT NULL,
    material_no BIGINT NOT NULL
);
CREATE INDEX item_materials_item_idx ON views.item_materials (item_no);
CREATE INDEX item_materials_material_idx ON views.item_materials (material_no);
CREATE TABLE views.items (
    tenant_id INTEGER NOT NULL,
    item_no BIGINT NOT NULL,
    uri TEXT NOT NULL,
    kind TEXT,
    material TEXT,
    number TEXT,
    CONSTRAINT items_pkey PRIMARY KEY (item_no),
    CONSTRAINT items_uri_key UNIQUE (tenant_id, uri)
);
CREATE INDEX items_material_idx ON views.items (tenant_id, material);
CREATE INDEX items_number_idx ON views.items (tenant_id, number);
COMMENT ON COLUMN views.items.uri IS 'canonical id';
COMMENT ON COLUMN views.items.kind IS 'unit, lot, class or container; null where only its events tell';
COMMENT ON COLUMN views.items.material IS 'the class its id shows';
COMMENT ON COLUMN views.items.number IS 'serial or lot number, for search';
CREATE TABLE views.master_data (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    valid_from_us BIGINT NOT NULL,
    described JSONB NOT NULL,
    CONSTRAINT master_data_pkey PRIMARY KEY (event_no)
);
CREATE INDEX master_data_subject_idx ON views.master_data (tenant_id, topic, subject);
COMMENT ON COLUMN views.master_data.topic IS 'party, place or product';
CREATE TABLE views.memberships (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    lot_no BIGINT NOT NULL,
    unit_no BIGINT NOT NULL,
    at_making BOOLEAN NOT NULL
);
CREATE INDEX memberships_lot_idx ON views.memberships (lot_no);
CREATE INDEX memberships_unit_idx ON views.memberships (unit_no);
CREATE TABLE views.notices (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL
);
CREATE INDEX notices_subject_idx ON views.notices (tenant_id, topic, subject);
COMMENT ON COLUMN views.notices.topic IS 'hold, recall, or product (a recall on the class `subject`)';
CREATE TABLE views.parameters (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    name TEXT NOT NULL,
    value NUMERIC NOT NULL,
    unit TEXT
);
CREATE INDEX parameters_event_idx ON views.parameters (event_no);
CREATE INDEX parameters_name_idx ON views.parameters (tenant_id, name, value);
CREATE TABLE views.projectors (
    name TEXT NOT NULL,
    alive_until_us BIGINT NOT NULL,
    CONSTRAINT projectors_pkey PRIMARY KEY (name)
);
CREATE TABLE views.voids (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    target_key_no BIGINT NOT NULL,
    replacement_key_nos BIGINT[] NOT NULL
);
CREATE INDEX voids_event_idx ON views.voids (event_no);
CREATE INDEX voids_target_idx ON views.voids (target_key_no);
GRANT USAGE ON SCHEMA views TO zhuisu_api, zhuisu_projector;
GRANT SELECT ON ALL TABLES IN SCHEMA views TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA views TO zhuisu_projector;
CREATE SEQUENCE views.numbers;
GRANT USAGE ON SEQUENCE views.numbers TO zhuisu_projector;
ALTER TABLE views.items ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.items FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.items FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.event_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.event_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.event_keys FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.events FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.event_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.event_items FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.event_items FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.memberships FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.memberships FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.identities FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.identities FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.item_materials ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.item_materials FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.item_materials FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.voids ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.voids FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.voids FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.notices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.notices FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.dimensions ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.dimensions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.dimensions FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.parameters ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.parameters FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.parameters FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.event_bodies ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.event_bodies FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.event_bodies FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())
    AND (coalesce(current_setting('zhuisu.sites', true), '') = ''
    OR site = ANY (string_to_array(current_setting('zhuisu.sites', true), chr(10)))));
ALTER TABLE views.company_prefixes ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.company_prefixes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.company_prefixes FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.capture_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.capture_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.capture_jobs FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.master_data ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.master_data FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.master_data FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.dead_letters ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.dead_letters FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.dead_letters FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE views.event_items ALTER COLUMN item_no SET (n_distinct = -0.25);
ALTER TABLE views.event_items ALTER COLUMN event_no SET (n_distinct = -0.2);
ALTER TABLE views.memberships ALTER COLUMN lot_no SET (n_distinct = -0.01);
ALTER TABLE views.memberships ALTER COLUMN unit_no SET (n_distinct = -1.0);
"""

_OUTSIDE = """
CREATE TABLE public.contacts (
    tenant_id INTEGER NOT NULL,
    party TEXT NOT NULL,
    contact JSONB NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT contacts_pkey PRIMARY KEY (tenant_id, party)
);
CREATE TABLE public.as_of_times (
    tenant_id INTEGER NOT NULL,
    instant_us BIGINT NOT NULL,
    vector JSONB NOT NULL,
    CONSTRAINT as_of_times_pkey PRIMARY KEY (tenant_id, instant_us)
);
COMMENT ON TABLE public.as_of_times IS 'what "as known at" an instant was found to mean: never found again';
ALTER TABLE public.contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.contacts FOR ALL TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())) WITH CHECK (tenant_id = (SELECT public.zhuisu_tenant()));
ALTER TABLE public.as_of_times ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.as_of_times FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.as_of_times FOR ALL TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())) WITH CHECK (tenant_id = (SELECT public.zhuisu_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON public.contacts TO zhuisu_api;
GRANT SELECT, INSERT ON public.as_of_times TO zhuisu_api;
"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA views")
    for script in (_STATEMENTS, _OUTSIDE):
        for statement in script.split(";\n"):
            if statement.strip():
                op.execute(statement)
