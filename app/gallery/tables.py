"""SQLAlchemy tables of the gallery. Each change needs a new version in `migrations/versions`; a test compares both."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

from sqlalchemy import DateTime, Float, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

PersonId = Annotated[int, mapped_column(ForeignKey("person.id", ondelete="CASCADE"))]
ChangeId = Annotated[int, mapped_column(ForeignKey("revision.id", ondelete="CASCADE"))]
Digest = Annotated[str, mapped_column(String(64))]


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def in_utc(time: datetime) -> datetime:
    """Return a time of the database in UTC: SQLite stores no zone, and PostgreSQL returns the zone of its session."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _new_uuid() -> str:
    return str(uuid4())


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {datetime: DateTime(timezone=True), float: Float}  # noqa: RUF012 as SQLAlchemy declares it


class RemovableRow:
    """Columns of rows that are hidden before they are purged; `revision_id` is the change that inserted the row."""

    id: Mapped[int] = mapped_column(primary_key=True)
    created: Mapped[datetime] = mapped_column(default=now)
    removed: Mapped[datetime | None]
    revision_id: Mapped[int | None] = mapped_column(index=True)


class FaceRow(RemovableRow):
    """Columns of a person's faces: the embedding, see `embedding_rows`, and the photo's file name as `note`."""

    person_id: Mapped[PersonId] = mapped_column(index=True)
    embedding: Mapped[bytes]
    note: Mapped[str] = mapped_column(String(500))


def _partial_index(name: str, column: str, condition: str, unique: bool = False) -> Index:
    # On PostgreSQL the migrations set the same condition. `postgresql_where` would import that dialect everywhere.
    return Index(name, column, unique=unique, sqlite_where=text(condition))


class PersonRow(RemovableRow, Base):
    """A person; `key` is `names.key(name)`. Removed people free their name. The last columns are of a `Record`."""

    __tablename__ = "person"
    # Autoincrement never reuses an ID, so an old URL cannot show another person.
    __table_args__ = (
        _partial_index("ix_person_key_present", "key", "removed IS NULL", unique=True),
        _partial_index("ix_person_gone", "removed", "removed IS NOT NULL"),
        {"sqlite_autoincrement": True},
    )

    name: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(300))
    # Names the person in `ErasedPersonRow`, also in backups.
    uuid: Mapped[str | None] = mapped_column(String(36), default=_new_uuid)
    source: Mapped[str | None] = mapped_column(String(200))
    basis: Mapped[str | None] = mapped_column(String(20))
    reference: Mapped[str | None] = mapped_column(String(200))
    basis_date: Mapped[str | None] = mapped_column(String(10))
    expires: Mapped[str | None] = mapped_column(String(10), index=True)


class AliasRow(RemovableRow, Base):
    """Another name of a person; `key` is `names.key(name)`, unique over names and aliases, see `naming`."""

    __tablename__ = "alias"
    __table_args__ = (_partial_index("ix_alias_gone", "removed", "removed IS NOT NULL"),)

    person_id: Mapped[PersonId] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(300), index=True)


class AnchorRow(FaceRow, Base):
    """An embedding of a person."""

    __tablename__ = "anchor"
    __table_args__ = (_partial_index("ix_anchor_gone", "removed", "removed IS NOT NULL"),)


class RejectedFaceRow(FaceRow, Base):
    """A face marked as not this person."""

    __tablename__ = "rejected"
    __table_args__ = (_partial_index("ix_rejected_gone", "removed", "removed IS NOT NULL"),)


class CropRow(Base):
    """The face crop of an anchor as lossless WebP, in its own table so that reading embeddings stays fast."""

    __tablename__ = "crop"
    anchor_id: Mapped[int] = mapped_column(ForeignKey("anchor.id", ondelete="CASCADE"), primary_key=True)
    webp: Mapped[bytes]


class PortraitRow(Base):
    """A person's portrait as WebP, in its own table so that listing people stays fast."""

    __tablename__ = "portrait"
    person_id: Mapped[PersonId] = mapped_column(primary_key=True)
    webp: Mapped[bytes]
    sha256: Mapped[Digest]


class FormerPortraitRow(Base):
    """A portrait that a change replaced, for undo."""

    __tablename__ = "former_portrait"
    revision_id: Mapped[ChangeId] = mapped_column(primary_key=True)
    person_id: Mapped[PersonId] = mapped_column(primary_key=True, index=True)
    webp: Mapped[bytes]
    sha256: Mapped[Digest]


class ImportedPhotoRow(Base):
    """A photo that a folder import reviewed for a person, see `people.ImportedPhotos`."""

    __tablename__ = "imported"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[PersonId] = mapped_column(index=True)
    folder: Mapped[Digest] = mapped_column(index=True)
    photo: Mapped[Digest]
    created: Mapped[datetime] = mapped_column(default=now)


class RevisionRow(Base):
    """A change of the gallery, described with person IDs instead of names. The largest ID dates a snapshot.

    After a change of the `whole` gallery, snapshots are loaded completely. Otherwise `ChangedPersonRow` lists people.
    """

    __tablename__ = "revision"
    id: Mapped[int] = mapped_column(primary_key=True)
    change: Mapped[str] = mapped_column(String(300))
    created: Mapped[datetime] = mapped_column(default=now)
    whole: Mapped[bool] = mapped_column(default=False, server_default=false())
    reversible: Mapped[bool] = mapped_column(default=False, server_default=false())
    undone: Mapped[datetime | None]
    actor: Mapped[str | None] = mapped_column(String(200))


class ChangedPersonRow(Base):
    """A person that a change affected."""

    __tablename__ = "changed"
    revision_id: Mapped[ChangeId] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class FormerValueRow(Base):
    """A value that a change replaced, for undo."""

    __tablename__ = "cell"
    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[ChangeId] = mapped_column(index=True)
    table: Mapped[str] = mapped_column("place", String(20), key="table")
    row_id: Mapped[int]
    column: Mapped[str] = mapped_column("field", String(20), key="column")
    value: Mapped[str | None] = mapped_column("before", String(300), key="value")


class ThresholdRow(Base):
    """Shift of the class thresholds at one FPIR, in a calibrated gallery."""

    __tablename__ = "threshold"
    fpir: Mapped[float] = mapped_column(primary_key=True, autoincrement=False)
    shift: Mapped[float]


class ErasedPersonRow(Base):
    """A person who was erased, and whom a restored backup must not bring back, see `erasures`."""

    __tablename__ = "erased"
    uuid: Mapped[str] = mapped_column(String(36), primary_key=True)
    erased: Mapped[datetime] = mapped_column(default=now)


class ErasedNameRow(Base):
    """A name of an erased person, as SHA-256 of salt and `names.key`, see `erased_names`."""

    __tablename__ = "erased_name"
    id: Mapped[int] = mapped_column(primary_key=True)
    salt: Mapped[str] = mapped_column(String(32))
    hash: Mapped[Digest]


class OptOutRow(Base):
    """A person who must never be named, by name, by a face or both; `key` is `names.key(name)`."""

    __tablename__ = "opt_out"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 as SQLAlchemy declares it
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(String(100))
    key: Mapped[str | None] = mapped_column(String(300), index=True)
    embedding: Mapped[bytes | None]
    reference: Mapped[str | None] = mapped_column(String(200))
    created: Mapped[datetime] = mapped_column(default=now)


class OptOutPersonRow(Base):
    """A person whom an entry of the opt-out list follows under every name; `uuid` is that of `PersonRow`."""

    __tablename__ = "opt_out_person"
    opt_out_id: Mapped[int] = mapped_column(ForeignKey("opt_out.id", ondelete="CASCADE"), primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), primary_key=True, index=True)


class NetworkRow(Base):
    """The network that made the anchors; `filled` is when the shipped gallery was added.

    `seen` and `held_until` are the fields of `expiry.GalleryClock`.
    """

    __tablename__ = "network"
    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    filled: Mapped[datetime | None]
    seen: Mapped[datetime | None]
    held_until: Mapped[datetime | None]


class AuditSubjectRow(Base):
    """A name in the audit log, with the salt of its commitment. Deleting the row erases the name, see `audit`."""

    __tablename__ = "audit_subject"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int | None] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(300), index=True)
    salt: Mapped[str] = mapped_column(String(32))


class AuditRow(Base):
    """An entry of the audit log. `made` and `details` are the texts that the hash covers."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_action", "action", "made"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    made: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(40))
    person_id: Mapped[int | None] = mapped_column(index=True)
    commitment: Mapped[Digest | None]
    details: Mapped[str] = mapped_column(Text)
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("audit_subject.id", ondelete="SET NULL"), index=True)
    hash: Mapped[Digest]


class AccessKeyRow(Base):
    """A named key of the server. `hash` is the SHA-256 of the key, `hint` its first characters."""

    __tablename__ = "access_key"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(300), unique=True, index=True)
    hint: Mapped[str] = mapped_column(String(20))
    hash: Mapped[Digest] = mapped_column(unique=True, index=True)
    scopes: Mapped[str] = mapped_column(String(100))
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime | None]
    used: Mapped[datetime | None]
    revoked: Mapped[datetime | None]


class SessionRow(Base):
    """A sign-in on the pages, with a key or with the token of the settings, whose fingerprint is `token`."""

    __tablename__ = "session"
    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[Digest] = mapped_column(unique=True, index=True)
    key_id: Mapped[int | None] = mapped_column(ForeignKey("access_key.id", ondelete="CASCADE"), index=True)
    token: Mapped[Digest | None]
    created: Mapped[datetime]
    seen: Mapped[datetime]


class SigningSecretRow(Base):
    """The secret that signs cookies and sealed form fields, shared by all servers of the gallery."""

    __tablename__ = "signing_secret"
    id: Mapped[int] = mapped_column(primary_key=True)
    secret: Mapped[Digest]
