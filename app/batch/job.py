"""Batch job: the settings, photo sources and gallery snapshot that every worker receives."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from threading import Event
from typing import Any

from app import serialization
from app.batch.sources import PhotoFile, PhotoSources
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery
from app.recognition.model_card import read_card
from app.recognition.results import Identification
from app.settings import Settings
from app.text import display_path
from app.vision import backends
from app.vision.detection import DETECTION_VERSION

Row = dict[str, Any]
"""The result of one photo: the fields of `serialization.identification`, and `bytes` and `modified_ns` of its file."""

Engine = Callable[[Iterable[PhotoFile], Event], Generator[list[Row], None, None]]
"""Yields the rows of photos in batches, each row once, and ends early after the event is set."""


def photo_row(photo: PhotoFile, result: Identification) -> Row:
    """Return the row of an identified photo."""
    return serialization.identification(display_path(photo.path), result) | photo.version


def error_row(photo: PhotoFile, code: str, message: str) -> Row:
    """Return the row of a photo that cannot be identified."""
    return serialization.identification_error(display_path(photo.path), code, message) | photo.version


@dataclass(frozen=True, eq=False)
class BatchJob:
    """What a worker needs to know. The gallery is a snapshot from the start of the job."""

    settings: Settings
    sources: PhotoSources
    snapshot: Snapshot
    model_id: str

    @classmethod
    def prepare(cls, settings: Settings, sources: PhotoSources) -> BatchJob:
        """Take a snapshot of the gallery and choose the detector, so that every machine uses the same one."""
        model_id = read_card(settings.model).id
        gallery = Gallery.open(settings.database_url, model_id, settings.shipped_gallery, settings.recovery_days)
        try:
            snapshot = gallery.snapshot()
        finally:
            gallery.close()
        settings = settings.with_changes(detector=backends.choose_backend(settings))
        return cls(settings, sources, snapshot, model_id)

    @property
    def origin(self) -> dict[str, Any]:
        """What determines the results apart from the photos, for `Results`."""
        settings, snapshot = self.settings, self.snapshot
        return {
            "network": self.model_id,
            "detector": f"{settings.detector}, {DETECTION_VERSION}",
            "fpir": settings.fpir,
            "detection": [settings.detection_side, settings.max_faces, settings.min_face_width],
            "gallery": {"revision": snapshot.revision, "people": len(snapshot), "anchors": int(snapshot.counts.sum())},
        }
