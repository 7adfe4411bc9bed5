"""Bring names to the normal form of `app.gallery.names`. Names that become equal are numbered."""

import sqlalchemy as sa
from alembic import op

from app.gallery import names
from app.gallery.tables import now

revision = "0006"
down_revision = "0005"

_person = sa.table("person", sa.column("id"), sa.column("name"), sa.column("key"), sa.column("removed"))
_revision = sa.table("revision", sa.column("change"), sa.column("created", sa.DateTime(timezone=True)))


def upgrade() -> None:
    connection = op.get_bind()
    people = connection.execute(sa.select(_person).order_by(_person.c.id)).all()
    taken = {person.key for person in people if not person.removed}
    for person in people:
        name = names.repair(person.name) or f"Person {person.id}"
        if (name, names.key(name)) == (person.name, person.key):
            continue
        if not person.removed:
            taken.discard(person.key)
            name = _unique(name, taken)
            taken.add(names.key(name))
        update = sa.update(_person).where(_person.c.id == person.id)
        connection.execute(update.values(name=name, key=names.key(name)))
        if names.key(name) != names.key(person.name):
            change = f"renamed person {person.id}, whose name had invisible characters or equaled another"
            connection.execute(sa.insert(_revision).values(change=change, created=now()))


def _unique(name: str, taken: set[str]) -> str:
    number, unique = 2, name
    while names.key(unique) in taken:
        suffix = f" ({number})"
        number, unique = number + 1, name[: names.MAX_LENGTH - len(suffix)] + suffix
    return unique
