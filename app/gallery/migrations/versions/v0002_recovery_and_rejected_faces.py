"""Free the names of removed people; add undo, crops of anchors, and rejected faces."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _drop_unique_names_sqlite()
    else:
        _drop_unique_names()
    for table in ("person", "anchor"):
        op.add_column(table, sa.Column("revision_id", sa.Integer))
    # Descriptions had names, which would survive purging a person.
    for action in ("added", "removed", "renamed"):
        op.execute(f"UPDATE revision SET change = '{action} by an earlier version' WHERE change LIKE '{action} %'")
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
    for table in ("person", "anchor", "rejected"):
        op.create_index(f"ix_{table}_revision_id", table, ["revision_id"])
        _create_index(f"ix_{table}_gone", table, "removed", "removed IS NOT NULL")
    _create_index("ix_person_key_present", "person", "key", "removed IS NULL", unique=True)
    op.add_column("revision", sa.Column("whole", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("revision", sa.Column("reversible", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("revision", sa.Column("undone", sa.DateTime(timezone=True)))
    op.create_table(
        "changed",
        sa.Column("revision_id", sa.Integer, sa.ForeignKey("revision.id", ondelete="CASCADE"), primary_key=True),
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


def _create_index(name: str, table: str, column: str, condition: str, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], unique=unique, sqlite_where=where, postgresql_where=where)


def _drop_unique_names() -> None:
    # SQLite cannot drop a constraint of a table: Alembic copies the table, and finds its unnamed constraints by these.
    names = {"uq": "%(table_name)s_%(column_0_name)s_key"}
    autoincrement = {"sqlite_autoincrement": True}
    with op.batch_alter_table("person", naming_convention=names, table_kwargs=autoincrement) as person:
        person.drop_constraint("person_name_key", type_="unique")
        person.drop_constraint("person_key_key", type_="unique")


def _drop_unique_names_sqlite() -> None:
    for table in ("anchor", "portrait"):
        op.execute(f"CREATE TEMPORARY TABLE kept_{table} AS SELECT * FROM {table}")
    last_id = op.get_bind().scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'person'"))
    # Dropping the old table also deletes the rows that refer to it.
    _drop_unique_names()
    for table in ("anchor", "portrait"):
        op.execute(f"INSERT INTO {table} SELECT * FROM kept_{table}")
        op.execute(f"DROP TABLE kept_{table}")
    # IDs of people who were deleted before are not reused either.
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'person'")
    op.execute(f"INSERT INTO sqlite_sequence VALUES ('person', {last_id or 0})")
