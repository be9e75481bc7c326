"""Circumstances by when they were: an exposure to a machine reads its week, not all that it ever did.

No projector of an older version writes into these views any more: it names a column that there is not, which stops it
and loses nothing. Batches begin with the checkpoint, so none is under way while the rows are copied. What older
projectors wrote since migration 0022 without inspection results is made up for.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# 31 days and the classes, as domain/bookings.py and services/readmodel/dimensions.py have them.
_STATEMENTS = """
LOCK TABLE views.checkpoints IN EXCLUSIVE MODE;
CREATE TABLE views.dimensions_in_time (
    tenant_id INTEGER NOT NULL,
    event_no BIGINT NOT NULL,
    dimension TEXT NOT NULL,
    value TEXT NOT NULL,
    span_class SMALLINT NOT NULL,
    begun_us BIGINT NOT NULL,
    latest_us BIGINT NOT NULL
);
COMMENT ON COLUMN views.dimensions_in_time.span_class IS
    'n: lasts less than 32^n seconds; -1 - n: the same, and tells no start; less 8: nor makes anything';
COMMENT ON COLUMN views.dimensions_in_time.begun_us IS 'at the earliest; what is only booked reaches back';
GRANT SELECT ON views.dimensions_in_time TO zhuisu_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON views.dimensions_in_time TO zhuisu_projector;
SET LOCAL ROLE zhuisu_projector;
INSERT INTO views.dimensions_in_time (tenant_id, event_no, dimension, value, span_class, begun_us, latest_us)
SELECT d.tenant_id, d.event_no, d.dimension, d.value,
    CASE WHEN e.started_us IS NOT NULL OR e.kind = 'output_reported' THEN span.digits
         ELSE -1 - CASE WHEN b.begun_us = e.latest_us THEN 0 ELSE greatest(1, span.digits) END
             - CASE WHEN f.event_no IS NULL THEN 8 ELSE 0 END END,
    b.begun_us, e.latest_us
FROM views.dimensions d JOIN views.events e USING (event_no)
LEFT JOIN (
    SELECT event_no FROM views.event_items WHERE role IN (2, 5) OR (role = 0 AND flow = 1)
    UNION SELECT event_no FROM views.serial_ranges WHERE role IN (2, 5) OR (role = 0 AND flow = 1)
) AS f USING (event_no)
CROSS JOIN LATERAL (SELECT coalesce(e.started_us,
    e.earliest_us - CASE e.kind WHEN 'output_reported' THEN 2678400000000 ELSE 0 END)) AS b(begun_us)
CROSS JOIN LATERAL (SELECT width_bucket(greatest(0, (e.latest_us - b.begun_us) / 1000000),
    ARRAY[1, 32, 1024, 32768, 1048576, 33554432, 1073741824]::bigint[])) AS span(digits)
ORDER BY d.event_no;
INSERT INTO views.measurements (tenant_id, event_no, line, characteristic, value, verdict, begins_us, latest_us)
SELECT e.tenant_id, e.event_no, m.n - 1, m.said ->> 'characteristic', (m.said ->> 'value')::numeric,
    coalesce(m.said ->> 'verdict', b.body ->> 'verdict'), coalesce(e.started_us, e.earliest_us), e.latest_us
FROM views.events e JOIN views.event_bodies b USING (event_no)
CROSS JOIN LATERAL jsonb_array_elements(b.body -> 'measurements') WITH ORDINALITY AS m(said, n)
WHERE e.kind = 'inspected' AND NOT EXISTS (SELECT FROM views.measurements old WHERE old.event_no = e.event_no);
RESET ROLE;
CREATE INDEX dimensions_begun_idx ON views.dimensions_in_time (tenant_id, dimension, value, span_class, begun_us);
CREATE INDEX dimensions_latest_idx ON views.dimensions_in_time (tenant_id, dimension, value, latest_us)
    WHERE span_class < -1 AND span_class <> -9;
ALTER TABLE views.dimensions_in_time ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.dimensions_in_time FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON views.dimensions_in_time FOR SELECT TO zhuisu_api
    USING (tenant_id = (SELECT public.zhuisu_tenant()));
DROP TABLE views.dimensions;
ALTER TABLE views.dimensions_in_time RENAME TO dimensions;
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
