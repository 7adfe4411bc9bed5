"""Record of a person: where their photos come from, on which legal basis they are used, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Literal, Self, get_args

from app.errors import InvalidRecord
from app.text import one_line

Basis = Literal["consent", "contract", "public_interest", "own_use"]
BASES: tuple[Basis, ...] = get_args(Basis)
"""Legal bases: consent, contract, public interest, and own use at home."""

MAX_LENGTH = 200
"""Longest source and reference, in characters."""


@dataclass(frozen=True)
class Record:
    """A person's record; empty fields are unknown.

    `source` says where the photos come from, and `reference` where the proof is, such as a form. `date` is when the
    basis was given, and `expires` the first day without it, both as 2026-12-31. The person is hidden on that day, and
    erased after `FACES_RECOVERY_DAYS`.
    """

    source: str = ""
    basis: Basis | Literal[""] = ""
    reference: str = ""
    date: str = ""
    expires: str = ""

    @classmethod
    def from_columns(cls, values: Iterable[str | None]) -> Self:
        """Return the record of a row's columns, in the order of the fields."""
        return cls(**{name: value or "" for name, value in zip(FIELDS, values, strict=True)})  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        return any(self.fields().values())

    def fields(self) -> dict[str, str]:
        """Return the fields by name."""
        return asdict(self)

    def change(self, values: Mapping[str, str | None]) -> Self:
        """Return the record with other fields. None keeps a field, and an empty one is deleted.

        Raises:
            InvalidRecord: A value is invalid, or the record would have expired.
        """
        changed = {name: _clean(name, value) for name, value in values.items() if value is not None}
        record = replace(self, **changed)  # type: ignore[arg-type]
        if record.date and record.expires and record.expires <= record.date:
            raise InvalidRecord(f"The record expires on {record.expires}, but is of {record.date}.")
        if changed.get("expires") and record.has_expired():
            raise InvalidRecord(f"The record would have expired on {record.expires}. Give a day after today.")
        return record

    def has_expired(self) -> bool:
        """Whether the record has expired today, in UTC."""
        return bool(self.expires) and self.expires <= today()


NO_RECORD = Record()

FIELDS = tuple(field.name for field in fields(Record))
"""Names of the fields of a record."""


def today() -> str:
    """Return the date in UTC, as 2026-12-31."""
    return datetime.now(UTC).date().isoformat()


def _clean(name: str, value: str) -> str:
    value = one_line(" ".join(value.split()))
    if not value:
        return ""
    if name == "basis":
        value = value.lower().replace(" ", "_").replace("-", "_")
        if value not in BASES:
            raise InvalidRecord(f"The basis is {value!r}. It must be one of: {', '.join(BASES)}.")
    elif name in ("date", "expires"):
        try:
            if date.fromisoformat(value).isoformat() != value:
                raise ValueError
        except ValueError:
            raise InvalidRecord(f"The date is {value!r}. Write it as 2026-12-31.") from None
    elif len(value) > MAX_LENGTH:
        raise InvalidRecord(f"The {name} has {len(value)} characters. The limit is {MAX_LENGTH}.")
    return value
