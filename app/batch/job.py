"""Batch job: the settings, photo sources and gallery snapshot that every worker receives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.batch.sources import PhotoSources
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery
from app.recognition.model_card import read_card
from app.settings import Settings
from app.vision import backends
from app.vision.detection import DETECTION_VERSION

Row = dict[str, Any]
"""The result of one photo, as `serialization.identification` and `serialization.identification_error` return it."""

Engine = Callable[[Iterable[str]], Iterator[list[Row]]]
"""Yields the rows of photos in batches, each row once."""


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
