"""Audit log of a gallery: record entries outside of changes, list, verify, export and expire them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta

from app.errors import GalleryError
from app.gallery import audit, expiry
from app.gallery.actor import Actor
from app.gallery.audit import AuditEntry, Details, Subject, Verification
from app.gallery.database import Database
from app.gallery.tables import now

AUDIT_DAYS = 365
"""Default number of days that entries are kept."""

REFUSED = "sign_in_refused"

_MAX_REFUSALS = 30
_REFUSAL_SPAN = timedelta(hours=1)
_REFUSAL_WAIT_SECONDS = 0.1

log = logging.getLogger(__name__)


class AuditLog:
    """The audit log in a gallery's database. Each method is one transaction and raises `GalleryError` if it fails.

    Example:
        >>> gallery.audit.record("exported", details={"people": 12})
        >>> gallery.audit.verify().problems
        ()
    """

    def __init__(self, database: Database, days: int = AUDIT_DAYS) -> None:
        self.days = days
        self._database = database
        self._unrecorded = 0

    def record(
        self,
        action: str,
        person: str | int | Subject | None = None,
        details: Details | None = None,
        actor: Actor | None = None,
    ) -> None:
        """Append an entry. Arguments are as in `audit.record`."""
        with self._database.writing() as connection:
            audit.record(connection, action, person, details, actor)

    def record_refusal(self, details: Details, actor: Actor | None = None) -> None:
        """Append an entry about a refused sign-in, at most 30 an hour, so that an attacker cannot fill the disk.

        The next entry counts the refusals that this process did not record. A locked or failing database delays and
        changes no request: the refusal becomes a line of the log.
        """
        try:
            recorded = self._try_refusal(details, actor)
        except GalleryError as error:
            recorded = False
            log.warning("refused_sign_in_not_recorded: %s", error)
        self._unrecorded = 0 if recorded else self._unrecorded + 1

    def _try_refusal(self, details: Details, actor: Actor | None) -> bool:
        """Return whether an entry was added, and False if the last hour has enough."""
        with self._database.reading() as connection:
            if audit.count_since(connection, REFUSED, _REFUSAL_SPAN) >= _MAX_REFUSALS:
                return False
        counted = {"unrecorded": self._unrecorded} if self._unrecorded else {}
        with self._database.writing(wait_seconds=_REFUSAL_WAIT_SECONDS) as connection:
            audit.record(connection, REFUSED, details={**details, **counted}, actor=actor)
        return True

    def entries(
        self,
        limit: int | None = None,
        before: int | None = None,
        action: str | None = None,
        person_ids: Sequence[int] = (),
        person_names: Sequence[str] = (),
    ) -> list[AuditEntry]:
        """Return entries, the latest first. Arguments are as in `audit.find_entries`."""
        with self._database.reading() as connection:
            return audit.find_entries(connection, limit, before, action, person_ids, person_names)

    def verify(self) -> Verification:
        """Check the chain of all entries, see `audit.verify`."""
        with self._database.reading() as connection:
            return audit.verify(connection)

    def expire(self) -> int:
        """Delete entries that are older than `days`, in whole days, and return their number.

        After the clock jumped ahead, nothing expires for a grace period, see `expiry.GalleryClock`.
        """
        with self._database.reading() as connection:
            before = expiry.read(connection).trusted(now()) - timedelta(days=self.days)
            before = before.replace(hour=0, minute=0, second=0, microsecond=0)
            if not audit.has_expired(connection, before):
                return 0
        with self._database.writing(purge=True) as connection:
            return audit.expire(connection, before)

    def export(self) -> Iterator[str]:
        """Yield every entry as a line of JSON, the oldest first, with what is needed to verify the chain.

        The entries are those of one moment. At most 1,000 of them are in memory.
        """
        with self._database.reading() as connection:
            for entry in audit.iterate(connection):
                yield json.dumps(audit.entry_json(entry), ensure_ascii=False)
