"""What was only booked may have been made before: its makings reach back, and are counted as none in between."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# 31 days, and the class of what lasts so long, as domain/bookings.py and services/readmodel/equipment.py have them.
_STATEMENTS = """
SET LOCAL ROLE zhuisu_projector;
UPDATE views.makings m SET units = 0 FROM views.events e
WHERE e.event_no = m.event_no AND e.kind = 'output_reported';
UPDATE views.makings m SET begins_us = e.earliest_us - 2678400000000, span_class = 5 FROM views.events e
WHERE e.event_no = m.event_no AND e.kind = 'output_reported' AND e.started_us IS NULL;
RESET ROLE;
DROP INDEX views.makings_latest_idx;
CREATE INDEX makings_latest_idx ON views.makings (tenant_id, equipment, latest_us) WHERE units > 0;
COMMENT ON COLUMN views.makings.units IS 'made by the event, at least; 0: it only books them';
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
