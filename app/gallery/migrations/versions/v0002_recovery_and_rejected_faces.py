"""Removed people free their name; changes can be undone; crops of anchors; rejected faces."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_REMOVABLE = ("person", "anchor", "rejected")


def upgrade() -> None:
    """Create the new tables and columns. On SQLite, create tables with changed constraints again."""
    if op.get_bind().dialect.name == "sqlite":
        _remake_people()
    else:
        op.drop_constraint("person_name_key", "person")
        op.drop_constraint("person_key_key", "person")
    for table in ("person", "anchor"):
        op.add_column(table, sa.Column("revision_id", sa.Integer))
    op.create_table(
        "rejected",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed", sa.DateTime(timezone=True)),
        sa.Column("revision_id", sa.Integer),
    )
    op.create_index("ix_rejected_person_id", "rejected", ["person_id"])
    op.create_table(
        "crop",
        sa.Column("anchor_id", sa.Integer, sa.ForeignKey("anchor.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("webp", sa.LargeBinary, nullable=False),
    )
    for table in _REMOVABLE:
        op.create_index(f"ix_{table}_revision_id", table, ["revision_id"])
        _index(f"ix_{table}_gone", table, "removed", "removed IS NOT NULL")
    _index("ix_person_key_present", "person", "key", "removed IS NULL", unique=True)
    _changes()


def _changes() -> None:
    op.add_column("revision", sa.Column("whole", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("revision", sa.Column("reversible", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("revision", sa.Column("undone", sa.DateTime(timezone=True)))
    to_revision = sa.ForeignKey("revision.id", ondelete="CASCADE")
    op.create_table(
        "changed",
        sa.Column("revision_id", sa.Integer, to_revision, primary_key=True),
        sa.Column("person_id", sa.Integer, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "cell",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision_id", sa.Integer, sa.ForeignKey("revision.id", ondelete="CASCADE"), nullable=False),
        sa.Column("place", sa.String(20), nullable=False),
        sa.Column("row_id", sa.Integer, nullable=False),
        sa.Column("field", sa.String(20), nullable=False),
        sa.Column("before", sa.String(300)),
    )
    op.create_index("ix_cell_revision_id", "cell", ["revision_id"])


def _index(name: str, table: str, column: str, condition: str, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], unique=unique, sqlite_where=where, postgresql_where=where)


def _remake_people() -> None:
    # SQLite cannot drop a constraint, and dropping a table others refer to deletes their rows: so all three go over.
    op.drop_index("ix_anchor_person_id", "anchor")
    for table in ("person", "anchor", "portrait"):
        op.rename_table(table, f"old_{table}")
    op.create_table(
        "person",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("key", sa.String(300), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed", sa.DateTime(timezone=True)),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "anchor",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.String(500), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "portrait",
        sa.Column("person_id", sa.Integer, sa.ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("webp", sa.LargeBinary, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
    )
    for table, columns in {
        "person": "id, name, key, created, removed",
        "anchor": "id, person_id, embedding, note, created, removed",
        "portrait": "person_id, webp, sha256",
    }.items():
        op.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM old_{table}")
    op.create_index("ix_anchor_person_id", "anchor", ["person_id"])
    # Ids of people deleted before are not used again either.
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'person'")
    op.execute("INSERT INTO sqlite_sequence SELECT 'person', seq FROM sqlite_sequence WHERE name = 'old_person'")
    for table in ("portrait", "anchor", "person"):
        op.drop_table(f"old_{table}")
