"""The gallery's tables. A change here needs a new version in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import DateTime, ForeignKey, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """All tables of the gallery."""


class PersonRow(Base):
    """Someone who can be recognised; `key` is the name as `names.key` folds it."""

    __tablename__ = "person"
    # Ids are never used twice, so that an old address cannot come to show another person.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    key: Mapped[str] = mapped_column(String(300), unique=True)
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    removed: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AnchorRow(Base):
    """One embedding of a person: float32 little-endian, length 1; `note` says where it came from."""

    __tablename__ = "anchor"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[str] = mapped_column(String(500))
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    removed: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class PortraitRow(Base):
    """A person's portrait as a WebP file, apart from `person` so that lists of people stay cheap."""

    __tablename__ = "portrait"

    person_id: Mapped[int] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    webp: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))


class RevisionRow(Base):
    """One row a change; the largest id tells whether a snapshot is stale."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    change: Mapped[str] = mapped_column(String(300))
    created: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)


class NetworkRow(Base):
    """The one network whose anchors these are; `filled` is when the shipped gallery was put in."""

    __tablename__ = "network"

    id: Mapped[str] = mapped_column(String(100), primary_key=True)
    filled: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
