"""Which places an event happened at or led to, for keys limited to sites; and the secrets behind opaque placeholders.

Row-level security shows places of events, and with them their bodies, to such a key for its own sites only.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_STATEMENTS = """
CREATE TABLE views.event_places (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    place TEXT NOT NULL,
    CONSTRAINT event_places_pkey PRIMARY KEY (event_no, place)
);
COMMENT ON COLUMN views.event_places.place IS 'its place, its destination, and the sites these belong to by their id';
GRANT SELECT ON views.event_places TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON views.event_places TO zhuisu_projector;
SET LOCAL ROLE zhuisu_projector;
INSERT INTO views.event_places (tenant_id, event_no, place)
SELECT DISTINCT e.tenant_id, e.event_no, p.place
FROM views.events e CROSS JOIN LATERAL unnest(ARRAY[e.site, e.to_place]) AS w(whole)
CROSS JOIN LATERAL (VALUES (w.whole), (CASE WHEN w.whole LIKE 'https://id.gs1.org/%'
    THEN split_part(w.whole, '/254/', 1) ELSE w.whole END)) AS p(place)
WHERE p.place IS NOT NULL;
RESET ROLE;
ALTER TABLE views.event_places ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.event_places FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.event_places FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())
    AND (coalesce(current_setting('zhuisu.sites', true), '') = ''
    OR place = ANY (string_to_array(current_setting('zhuisu.sites', true), chr(10)))));
DROP POLICY tenant ON views.event_bodies;
ALTER TABLE views.event_bodies DROP COLUMN site;
CREATE POLICY tenant ON views.event_bodies FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())
    AND (coalesce(current_setting('zhuisu.sites', true), '') = ''
    OR EXISTS (SELECT FROM views.event_places p WHERE p.event_no = event_bodies.event_no)));
CREATE TABLE public.scope_secrets (
    tenant_id INTEGER NOT NULL,
    secret BYTEA NOT NULL,
    CONSTRAINT scope_secrets_pkey PRIMARY KEY (tenant_id)
);
COMMENT ON TABLE public.scope_secrets IS 'what turns an id that a key may not see into an opaque one';
ALTER TABLE public.scope_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.scope_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON public.scope_secrets FOR ALL TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant())) WITH CHECK (tenant_id = (SELECT public.zhuisu_tenant()));
GRANT SELECT, INSERT ON public.scope_secrets TO zhuisu_api;
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
