"""Records of people, the list of erased people, and the opt-out list."""

from datetime import UTC
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_person = sa.table("person", sa.column("id"), sa.column("uuid"), sa.column("created", sa.DateTime))


def upgrade() -> None:
    lengths = {"uuid": 36, "source": 200, "basis": 20, "reference": 200, "basis_date": 10, "expires": 10}
    for name, length in lengths.items():
        op.add_column("person", sa.Column(name, sa.String(length)))
    op.create_index("ix_person_expires", "person", ["expires"])
    connection = op.get_bind()
    for person in connection.execute(sa.select(_person.c.id, _person.c.created)).all():
        # The same for a backup of this gallery, which is migrated later: always an SQLite file, which stores no zone.
        created = person.created if person.created.tzinfo is None else person.created.astimezone(UTC)
        uuid = str(uuid5(NAMESPACE_URL, f"person {person.id} {created.replace(tzinfo=None)}"))
        connection.execute(sa.update(_person).where(_person.c.id == person.id).values(uuid=uuid))
    op.create_table(
        "erased",
        sa.Column("uuid", sa.String(36), primary_key=True),
        sa.Column("erased", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "opt_out",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(100)),
        sa.Column("key", sa.String(300)),
        sa.Column("embedding", sa.LargeBinary),
        sa.Column("reference", sa.String(200)),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_opt_out_key", "opt_out", ["key"])
