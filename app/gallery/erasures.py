"""Erased people, whom a restored backup or an earlier export must not bring back.

The list has random IDs, which the people have in backups and exports too, and hashes of their names, see
`erased_names`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import InstrumentedAttribute

from app.errors import PersonNotFound
from app.gallery import erased_names, removal
from app.gallery import people as queries
from app.gallery.database import batches
from app.gallery.people import Person, PersonRef
from app.gallery.tables import (
    AnchorRow,
    CropRow,
    ErasedPersonRow,
    FormerPortraitRow,
    PersonRow,
    PortraitRow,
    RejectedFaceRow,
    in_utc,
)

_BATCH = 100


@dataclass(frozen=True)
class Erasure:
    """An erased person, and when they were erased (UTC)."""

    uuid: str
    erased: datetime


@dataclass(frozen=True)
class Erasable:
    """Whom an erasure concerns.

    `missing` has a sentence for each name that the gallery lacks. `names` are these names, and those that the people
    have and had, apart from names that other people have now. Libraries know people by them.
    """

    people: tuple[Person, ...]
    missing: Mapping[str, str]
    names: tuple[str, ...]

    @property
    def ids(self) -> list[int]:
        """IDs of the people."""
        return [person.id for person in self.people]


def find_erasable(connection: Connection, refs: Sequence[PersonRef], skip_missing: bool = False) -> Erasable:
    """Return people, those who were removed with these names, and those who were merged into them.

    A missing person raises `PersonNotFound`. With `skip_missing`, names that the gallery lacks do not.
    """
    found: list[Person] = []
    missing: dict[str, str] = {}
    for ref in refs:
        try:
            found += removal.find_with_removed(connection, ref)
        except PersonNotFound as error:
            if not skip_missing or isinstance(ref, int):
                raise PersonNotFound(f"{error} No person was erased." if len(refs) > 1 else str(error)) from error
            missing[ref] = str(error)
    everyone = removal.with_merged(connection, list({person.id: person for person in found}.values()))
    ids = [person.id for person in everyone]
    called = erased_names.list_names(connection, ids)
    return Erasable(tuple(everyone), missing, (*missing, *erased_names.without_used(connection, called, ids)))


def list_erasures(connection: Connection) -> list[Erasure]:
    """Return all erased people, the first erased first."""
    rows = connection.execute(select(ErasedPersonRow.uuid, ErasedPersonRow.erased).order_by(ErasedPersonRow.erased))
    return [Erasure(uuid, in_utc(erased)) for uuid, erased in rows]


def list_uuids(connection: Connection) -> set[str]:
    """Return the IDs of all erased people."""
    return set(connection.scalars(select(ErasedPersonRow.uuid)))


def collect_traces(connection: Connection, people: Collection[int]) -> dict[str, list[bytes]]:
    """Return the bytes of people's pictures and embeddings, by kind, to search for them after they are erased."""
    traces: dict[str, list[bytes]] = {"portrait": [], "crop": [], "embedding": []}
    for ids in batches(list(people)):
        anchors = select(AnchorRow.id).where(AnchorRow.person_id.in_(ids))
        for kind, query in (
            ("portrait", select(PortraitRow.webp).where(PortraitRow.person_id.in_(ids))),
            ("portrait", select(FormerPortraitRow.webp).where(FormerPortraitRow.person_id.in_(ids))),
            ("crop", select(CropRow.webp).where(CropRow.anchor_id.in_(anchors))),
            ("embedding", select(AnchorRow.embedding).where(AnchorRow.person_id.in_(ids))),
            ("embedding", select(RejectedFaceRow.embedding).where(RejectedFaceRow.person_id.in_(ids))),
        ):
            traces[kind] += connection.scalars(query)
    return traces


def without_shared(connection: Connection, traces: Mapping[str, Sequence[bytes]]) -> dict[str, list[bytes]]:
    """Leave out data that other people have too, such as the embedding of a photo that was enrolled twice."""
    columns: dict[str, tuple[InstrumentedAttribute[bytes], ...]] = {
        "portrait": (PortraitRow.webp, FormerPortraitRow.webp),
        "crop": (CropRow.webp,),
        "embedding": (AnchorRow.embedding, RejectedFaceRow.embedding),
    }
    shared = {
        data
        for kind, items in traces.items()
        for column in columns[kind]
        for start in range(0, len(items), _BATCH)
        for data in connection.scalars(select(column).where(column.in_(items[start : start + _BATCH])))
    }
    return {kind: [data for data in items if data not in shared] for kind, items in traces.items()}


def apply_erasures(connection: Connection, erasures: Collection[Erasure]) -> list[Person]:
    """Erase the people of a list, such as the one from before a restore, and return them.

    The list of this gallery has them afterwards.
    """
    wanted = {erasure.uuid: erasure.erased for erasure in erasures}
    missing = [{"uuid": uuid, "erased": wanted[uuid]} for uuid in wanted.keys() - list_uuids(connection)]
    if missing:
        connection.execute(insert(ErasedPersonRow), missing)
    ids = [row.id for row in connection.execute(select(PersonRow.id, PersonRow.uuid)) if row.uuid in wanted]
    found = [person for batch in batches(ids) for person in queries.list_people(connection, PersonRow.id.in_(batch))]
    return removal.remove_people(connection, found, purge=True) if found else []
