"""Thresholds of a gallery that was calibrated on its own people."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "threshold",
        sa.Column("fpir", sa.Float, primary_key=True),
        sa.Column("shift", sa.Float, nullable=False),
    )
