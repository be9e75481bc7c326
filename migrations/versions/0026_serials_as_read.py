"""What serials of ranges begin with is kept as their ids are read: a letter and its mark are one sign (NFC)."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_STATEMENTS = """
SET LOCAL ROLE zhuisu_projector;
UPDATE views.serial_ranges SET head = normalize(head, NFC) WHERE head IS NOT NFC NORMALIZED;
RESET ROLE
"""


def upgrade() -> None:
    for statement in _STATEMENTS.split(";\n"):
        op.execute(statement.strip())
