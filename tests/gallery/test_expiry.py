"""The clock that decides what has expired."""

from datetime import UTC, datetime, timedelta

import pytest

from app.gallery.expiry import GalleryClock

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "trusted"),
    [
        ([0], 0),
        ([0, 6, 12, 18, 24], 24),  # used every week
        ([0, 0.5, 0.9], 0.9),
        ([0, 31], 0),  # jumps ahead
        ([0, 31, 33.9], 0),
        ([0, 31, 34], 34),
        ([0, 31, 62, 93, 124], 124),  # used every month: what was removed expires at every other start
        ([0, 31, 62, 93], 62),
        ([0, 31, 1], 1),  # jumps ahead and is corrected
        ([0, 31, 1, 2, 40], 2),
        ([0, -20_000, 1], 1),  # begins in 1970 at each start
    ],
)
def test_a_jump_ahead_is_not_trusted_for_three_days(days, trusted):
    clock = GalleryClock()
    for day in days:
        clock = clock.advance(START + timedelta(days=day))
    assert clock.trusted(START + timedelta(days=days[-1])) == START + timedelta(days=trusted)
