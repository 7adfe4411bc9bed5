"""Audit log, see `app.gallery.audit`, and the actor of each change."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "audit_subject",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
    )
    for column in ("person_id", "key"):
        op.create_index(f"ix_audit_subject_{column}", "audit_subject", [column])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("made", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("person_id", sa.Integer),
        sa.Column("commitment", sa.String(64)),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("subject_id", sa.Integer, sa.ForeignKey("audit_subject.id", ondelete="SET NULL")),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    for column in ("person_id", "subject_id"):
        op.create_index(f"ix_audit_{column}", "audit", [column])
    op.create_index("ix_audit_action", "audit", ["action", "made"])
    op.add_column("revision", sa.Column("actor", sa.String(200)))
