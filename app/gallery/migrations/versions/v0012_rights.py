"""Names of erased people as salted hashes, and the people whom entries of the opt-out list follow."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "erased_name",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "opt_out_person",
        sa.Column("opt_out_id", sa.Integer, sa.ForeignKey("opt_out.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("uuid", sa.String(36), primary_key=True),
    )
    op.create_index("ix_opt_out_person_uuid", "opt_out_person", ["uuid"])
    person, alias = (
        sa.table(
            name, sa.column("id"), sa.column("person_id"), sa.column("key"), sa.column("uuid"), sa.column("removed")
        )
        for name in ("person", "alias")
    )
    opt_out = sa.table("opt_out", sa.column("id"), sa.column("key"))
    by_name = sa.select(opt_out.c.id, person.c.uuid).join(person, person.c.key == opt_out.c.key)
    by_alias = sa.select(opt_out.c.id, person.c.uuid).join(alias, alias.c.key == opt_out.c.key)
    by_alias = by_alias.join(person, person.c.id == alias.c.person_id).where(alias.c.removed.is_(None))
    found = sa.union(by_name.where(person.c.uuid.is_not(None)), by_alias.where(person.c.uuid.is_not(None)))
    followed = sa.table("opt_out_person", sa.column("opt_out_id"), sa.column("uuid"))
    op.get_bind().execute(sa.insert(followed).from_select(["opt_out_id", "uuid"], found))
