"""Batch job: the settings and photo sources that every worker receives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.batch.rows import digest, digest_file
from app.batch.sources import PhotoFile, PhotoSources
from app.recognition.model_card import read_card
from app.settings import Settings
from app.vision import backends, photo_files


@dataclass(frozen=True, eq=False)
class BatchJob:
    """What a worker needs to know."""

    settings: Settings
    sources: PhotoSources
    model_id: str
    thumbnails: bool = False

    @classmethod
    def prepare(cls, settings: Settings, sources: PhotoSources, thumbnails: bool = False) -> BatchJob:
        """Choose the detector, so that every machine uses the same one."""
        settings = settings.with_changes(detector=backends.choose_backend(settings))
        return cls(settings, sources, read_card(settings.model).id, thumbnails)

    def digest(self, photo: PhotoFile) -> bytes:
        """Return what identifies the bytes of a file, see `rows.digest`, or raise `UnreadableFile`."""
        if photo_files.is_video(photo.path):
            # Without a copy on this machine, unlike `open_video`.
            with photo_files.explain_errors(), self.sources.open_stream(photo.path) as file:
                return digest_file(file)
        return digest(self.sources.read(photo.path, self.settings.max_file_bytes))

    @property
    def origin(self) -> dict[str, Any]:
        """What determines the rows apart from the photos."""
        settings = self.settings
        return {
            "network": self.model_id,
            "detector": settings.detector,
            "detection": [settings.detection_side, settings.max_faces, settings.min_face_width],
        }
