"""A portrait that a change replaced is kept for as long as the change can be undone."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "former_portrait",
        sa.Column("revision_id", sa.Integer, sa.ForeignKey("revision.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("webp", sa.LargeBinary, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    op.create_index("ix_former_portrait_person_id", "former_portrait", ["person_id"])
