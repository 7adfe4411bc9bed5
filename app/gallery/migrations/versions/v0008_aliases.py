"""Aliases: other names of people."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "alias",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed", sa.DateTime(timezone=True)),
        sa.Column("revision_id", sa.Integer),
    )
    for column in ("person_id", "key", "revision_id"):
        op.create_index(f"ix_alias_{column}", "alias", [column])
    where = sa.text("removed IS NOT NULL")
    op.create_index("ix_alias_gone", "alias", ["removed"], sqlite_where=where, postgresql_where=where)
