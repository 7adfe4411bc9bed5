"""SQLAlchemy tables of the gallery. Each change needs a new version in `migrations/versions`; a test compares both."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Boolean, DateTime, Float, ForeignKey, Index, LargeBinary, String, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""


class _Removable:
    """Columns of rows that are hidden before they are purged; `revision_id` is the change that inserted the row."""

    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    removed: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revision_id: Mapped[int | None] = mapped_column(index=True)


def _partial_index(name: str, column: str, condition: str, unique: bool = False) -> Index:
    return Index(name, column, unique=unique, sqlite_where=text(condition), postgresql_where=text(condition))


class PersonRow(_Removable, Base):
    """A person; `key` is `names.key(name)`. Removed people free their name."""

    __tablename__ = "person"
    # Autoincrement never reuses an ID, so an old URL cannot show another person.
    __table_args__ = (
        _partial_index("ix_person_key_present", "key", "removed IS NULL", unique=True),
        _partial_index("ix_person_gone", "removed", "removed IS NOT NULL"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(300))


class AnchorRow(_Removable, Base):
    """An embedding of a person, see `embedding_rows`; `note` is the file name of the photo."""

    __tablename__ = "anchor"
    __table_args__ = (_partial_index("ix_anchor_gone", "removed", "removed IS NOT NULL"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[str] = mapped_column(String(500))


class CropRow(Base):
    """The face crop of an anchor as lossless WebP, in its own table so that reading embeddings stays fast."""

    __tablename__ = "crop"

    anchor_id: Mapped[int] = mapped_column(ForeignKey("anchor.id", ondelete="CASCADE"), primary_key=True)
    webp: Mapped[bytes] = mapped_column(LargeBinary)


class RejectedFaceRow(_Removable, Base):
    """A face marked as not this person; columns as in `AnchorRow`."""

    __tablename__ = "rejected"
    __table_args__ = (_partial_index("ix_rejected_gone", "removed", "removed IS NOT NULL"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[str] = mapped_column(String(500))


class PortraitRow(Base):
    """A person's portrait as WebP, in its own table so that listing people stays fast."""

    __tablename__ = "portrait"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    webp: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))


class FormerPortraitRow(Base):
    """A portrait that a change replaced, for undo."""

    __tablename__ = "former_portrait"

    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), primary_key=True, index=True)
    webp: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))


class ImportedPhotoRow(Base):
    """A photo that a folder import reviewed for a person, see `imported_photos`."""

    __tablename__ = "imported"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    folder: Mapped[str] = mapped_column(String(64), index=True)
    photo: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)


class RevisionRow(Base):
    """A change of the gallery. The largest ID shows whether a snapshot is stale.

    Attributes:
        change: A description with person IDs instead of names.
        whole: Whether snapshots must be loaded again completely. Otherwise `ChangedPersonRow` lists the people.
        reversible: Whether the change can be undone.
        undone: When the change was undone.
    """

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    change: Mapped[str] = mapped_column(String(300))
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    whole: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    reversible: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    undone: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ChangedPersonRow(Base):
    """A person that a change affected."""

    __tablename__ = "changed"

    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class FormerValueRow(Base):
    """A value that a change replaced, for undo."""

    __tablename__ = "cell"

    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id", ondelete="CASCADE"), index=True)
    table: Mapped[str] = mapped_column("place", String(20), key="table")
    row_id: Mapped[int]
    column: Mapped[str] = mapped_column("field", String(20), key="column")
    value: Mapped[str | None] = mapped_column("before", String(300), key="value")


class ThresholdRow(Base):
    """Shift of the class thresholds at one FPIR, in a calibrated gallery."""

    __tablename__ = "threshold"

    fpir: Mapped[float] = mapped_column(Float, primary_key=True, autoincrement=False)
    shift: Mapped[float] = mapped_column(Float)


class NetworkRow(Base):
    """The network that made the anchors; `filled` is when the shipped gallery was added."""

    __tablename__ = "network"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    filled: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
