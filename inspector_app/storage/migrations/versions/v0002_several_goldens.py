"""Several goldens judge one image: which, and in which frame their map lies.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the further goldens of an inspection, and the frame of a map; earlier maps had one golden each."""
    op.create_table(
        "other_goldens",
        sa.Column("inspection_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("golden_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["golden_id"], ["goldens.id"], name=op.f("fk_other_goldens_golden_id_goldens")
        ),
        sa.ForeignKeyConstraint(
            ["inspection_id"], ["inspections.id"], name=op.f("fk_other_goldens_inspection_id_inspections")
        ),
        sa.PrimaryKeyConstraint("inspection_id", "place", name=op.f("pk_other_goldens")),
        sqlite_with_rowid=False,
    )
    column: sa.Column[bool] = sa.Column(
        "in_test_frame", sa.Boolean(), server_default=sa.text("0"), nullable=False
    )
    op.add_column("change_maps", column)
