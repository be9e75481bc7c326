"""Why a member is only possible stands beside how sure it is: an evaluation compares both.

Null is what was projected before: its reasons are not compared. A column without a default rewrites no row.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE views.case_members ADD COLUMN reasons TEXT[]")
    op.execute(
        "COMMENT ON COLUMN views.case_members.reasons IS"
        " 'why it is only possible; null of what was projected before 0021'"
    )
    op.execute("COMMENT ON COLUMN views.case_members.change IS 'frozen, added, withdrawn or changed'")
