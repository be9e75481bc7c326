"""Members of cases have two indexes in place of three: by item, and by case, which is the key now.

Nobody asked for them by event, and each row of a set of a million was written into an index for it. Batches begin with
the checkpoint, so none is under way while the key is made.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_STATEMENTS = """
LOCK TABLE views.checkpoints IN EXCLUSIVE MODE;
DROP INDEX views.case_members_case_idx;
ALTER TABLE views.case_members DROP CONSTRAINT case_members_pkey;
ALTER TABLE views.case_members ADD CONSTRAINT case_members_pkey
    PRIMARY KEY (tenant_id, case_id, change, number, chunk, line, event_no);
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
