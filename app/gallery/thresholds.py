"""Shifts of the class thresholds of a calibrated gallery, within a transaction."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert

from app.gallery.change_history import Change
from app.gallery.tables import ThresholdRow


def shift(connection: Connection, shifts: Sequence[tuple[float, float]]) -> None:
    """Replace the shifts of the class thresholds, pairs of FPIR and shift, see `Rules.for_gallery`."""
    connection.execute(delete(ThresholdRow))
    for fpir, distance in shifts:
        connection.execute(insert(ThresholdRow).values(fpir=fpir, shift=distance))
    source = "calibrated on this gallery" if shifts else "of the network"
    Change(connection, reversible=False, whole=True).describe(f"set the thresholds {source}")
