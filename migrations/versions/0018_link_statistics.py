"""Pinned statistics for the link tables that had none: two names of a thing, materials, relabellings, units of measure.

ANALYZE sees one in hundreds of a large table's rows. Where a few items are in very many of them it takes the rest for
few, too, and a walk would read and hash whole tables at every step.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_PINNED = """
ALTER TABLE views.identities ALTER COLUMN one_no SET (n_distinct = -0.5);
ALTER TABLE views.identities ALTER COLUMN other_no SET (n_distinct = -0.5);
ALTER TABLE views.item_materials ALTER COLUMN item_no SET (n_distinct = -0.5);
ALTER TABLE views.item_materials ALTER COLUMN material_no SET (n_distinct = -0.01);
ALTER TABLE views.renamings ALTER COLUMN old_no SET (n_distinct = -0.5);
ALTER TABLE views.renamings ALTER COLUMN new_no SET (n_distinct = -0.5);
ALTER TABLE views.uom_factors ALTER COLUMN item_no SET (n_distinct = -0.5);
"""


def upgrade() -> None:
    for statement in _PINNED.split(";"):
        if statement.strip():
            op.execute(statement)
