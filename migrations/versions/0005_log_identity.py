"""Each log has an identity, and the views say which log they were built from: they are never continued on another.

The Postgres log's is a number given here, once; a topic's comes from Kafka. Views that were built before this take over
the identity of the log that they are continued on, once its newest record was found to be theirs.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE log_settings ADD COLUMN log_id uuid NOT NULL DEFAULT gen_random_uuid()")
    op.execute("ALTER TABLE views.checkpoints ADD COLUMN log_id text")
    op.execute(
        "COMMENT ON COLUMN views.checkpoints.log_id IS 'which log it was applied from: domain.ports.EventLog.identity'"
    )
    op.execute("ALTER TABLE views.projectors ADD COLUMN log_id text")
    # UPDATE and DELETE are refused already.
    op.execute(
        """
        CREATE TRIGGER log_records_never_emptied BEFORE TRUNCATE ON log_records
        FOR EACH STATEMENT EXECUTE FUNCTION log_refuse_change()
        """
    )
