"""Clock of the gallery: a clock that jumps ahead must not expire what was removed yesterday."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from app.gallery import change_history
from app.gallery.tables import NetworkRow, in_utc, now

log = logging.getLogger(__name__)

GRACE = timedelta(days=3)
"""Time during which a clock that jumped ahead expires nothing, so that it can be corrected."""

_LARGEST_STEP = timedelta(days=7)
_PRECISION = timedelta(days=1)  # Starting a command should not write into the database.


@dataclass(frozen=True)
class GalleryClock:
    """`seen` is the latest time that is trusted, and `held_until` the end of the grace period after a jump.

    A jump is a difference of more than seven days: of a wrong clock, or of a gallery that was not used for so long.
    """

    seen: datetime | None = None
    held_until: datetime | None = None

    def advance(self, time: datetime) -> GalleryClock:
        """Return the clock at a time."""
        held_until = self.held_until
        if held_until is not None and held_until - GRACE <= time < held_until:
            return self
        if self.seen is None or (held_until is not None and held_until <= time):
            return GalleryClock(time)
        if time - self.seen > _LARGEST_STEP:
            return GalleryClock(self.seen, time + GRACE)
        if held_until is None and time - self.seen < _PRECISION:
            return self
        return GalleryClock(max(self.seen, time))

    def trusted(self, time: datetime) -> datetime:
        """Return a time, or during the grace period the latest time before the jump."""
        return time if self.held_until is None or self.seen is None else self.seen


@dataclass(frozen=True)
class Due:
    """What to do now: store the clock, and purge what was removed before a time if something was."""

    clock: GalleryClock
    before: datetime
    expired: bool


def find_due(connection: Connection, recovery: timedelta) -> Due | None:
    """Return what is due, None for nothing. Warn of people who will expire because the clock jumped ahead."""
    current, known = now(), read(connection)
    clock = known.advance(current)
    before = clock.trusted(current) - recovery
    expired = change_history.has_expired(connection, before)
    if clock.held_until and not expired and change_history.has_expired(connection, current - recovery):
        log.warning(
            "gallery_clock_ahead: The clock is %d days ahead of the last use of the gallery. Removed people are "
            "erased from %s on. Correct the clock before, if it is wrong.",
            (current - recovery - before).days,
            f"{clock.held_until:%Y-%m-%d %H:%M} UTC",
        )
    return Due(clock, before, expired) if expired or clock != known else None


def purge(connection: Connection, due: Due) -> int:
    """Do what is due, and return the number of purged rows."""
    write(connection, due.clock)
    return change_history.purge_expired(connection, due.before) if due.expired else 0


def read(connection: Connection) -> GalleryClock:
    """Read the clock."""
    row = connection.execute(select(NetworkRow.seen, NetworkRow.held_until)).first()
    return GalleryClock(*(time and in_utc(time) for time in row)) if row else GalleryClock()


def write(connection: Connection, clock: GalleryClock) -> None:
    """Store the clock."""
    connection.execute(update(NetworkRow).values(seen=clock.seen, held_until=clock.held_until))
