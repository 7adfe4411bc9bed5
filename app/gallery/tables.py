"""The gallery's tables. A change here needs a new version in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Boolean, DateTime, Float, ForeignKey, Index, LargeBinary, String, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """All tables of the gallery."""


class _Removable:
    """A row that is hidden before it is deleted; `revision_id` is the change that brought it, if it can be undone."""

    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    removed: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revision_id: Mapped[int | None] = mapped_column(index=True)


def _partial(name: str, column: str, condition: str, unique: bool = False) -> Index:
    return Index(name, column, unique=unique, sqlite_where=text(condition), postgresql_where=text(condition))


class PersonRow(_Removable, Base):
    """Someone who can be recognized; `key` is the name as `names.key` folds it. Removed people free their name."""

    __tablename__ = "person"
    # Ids are never used twice, so that an old address cannot come to show another person.
    __table_args__ = (
        _partial("ix_person_key_present", "key", "removed IS NULL", unique=True),
        _partial("ix_person_gone", "removed", "removed IS NOT NULL"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(300))


class AnchorRow(_Removable, Base):
    """One embedding of a person: float32 little-endian, length 1; `note` says where it came from."""

    __tablename__ = "anchor"
    __table_args__ = (_partial("ix_anchor_gone", "removed", "removed IS NOT NULL"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[str] = mapped_column(String(500))


class CropRow(Base):
    """The aligned crop of an anchor as a lossless WebP file, apart from `anchor` so that embeddings are read fast."""

    __tablename__ = "crop"

    anchor_id: Mapped[int] = mapped_column(ForeignKey("anchor.id", ondelete="CASCADE"), primary_key=True)
    webp: Mapped[bytes] = mapped_column(LargeBinary)


class RejectedRow(_Removable, Base):
    """A face that is not this person, as an embedding like an anchor's: it weighs against them for faces like it."""

    __tablename__ = "rejected"
    __table_args__ = (_partial("ix_rejected_gone", "removed", "removed IS NOT NULL"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[str] = mapped_column(String(500))


class PortraitRow(Base):
    """A person's portrait as a WebP file, apart from `person` so that lists of people stay cheap."""

    __tablename__ = "portrait"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    webp: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))


class FormerPortraitRow(Base):
    """A portrait that a change replaced: what `undo` puts back. Erased with its person, and when that is too late."""

    __tablename__ = "former_portrait"

    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), primary_key=True, index=True)
    webp: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))


class ImportedRow(Base):
    """A photo of a folder that an import reviewed for a person; see `imports`. Erased with its person."""

    __tablename__ = "imported"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    folder: Mapped[str] = mapped_column(String(64), index=True)
    photo: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)


class RevisionRow(Base):
    """One row a change; the largest id tells whether a snapshot is stale.

    `whole` says that a snapshot has to be read anew, else `ChangedRow` has the people to read. `reversible`
    says whether `undo` may take the change back; `undone` is when it did.
    """

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    change: Mapped[str] = mapped_column(String(300))
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    whole: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    reversible: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    undone: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ChangedRow(Base):
    """A person whom a change touched."""

    __tablename__ = "changed"

    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class CellRow(Base):
    """What a cell held before a change wrote into it: what `undo` writes back. Erased with what it tells of."""

    __tablename__ = "cell"

    id: Mapped[int] = mapped_column(primary_key=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id", ondelete="CASCADE"), index=True)
    place: Mapped[str] = mapped_column(String(20))
    row_id: Mapped[int]
    field: Mapped[str] = mapped_column(String(20))
    before: Mapped[str | None] = mapped_column(String(300))


class ThresholdRow(Base):
    """Shift of the class thresholds at one FPIR, of a gallery that was calibrated."""

    __tablename__ = "threshold"

    fpir: Mapped[float] = mapped_column(Float, primary_key=True, autoincrement=False)
    shift: Mapped[float] = mapped_column(Float)


class NetworkRow(Base):
    """The one network whose anchors these are; `filled` is when the shipped gallery was put in."""

    __tablename__ = "network"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    filled: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
