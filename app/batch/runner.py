"""Prepare and run a batch job with the process pool or the Ray engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from app.batch.identifier import BatchJob
from app.batch.results import FileSet, Results
from app.batch.schema import Row
from app.batch.sources import OnError, PhotoSources, display_path
from app.gallery.store import Gallery
from app.recognition.model_card import read_card
from app.settings import Settings
from app.vision import backends
from app.vision.detection import DETECTION_VERSION

Engine = Callable[[Iterable[str]], Iterator[list[Row]]]
"""Yields the rows of photos in batches, each row once."""


def prepare_job(settings: Settings, sources: PhotoSources) -> tuple[BatchJob, dict[str, Any]]:
    """Return what workers need to know, and the origin of their results for `Results`.

    Raises:
        GalleryError: The gallery cannot be opened.
        ModelError: The model card cannot be used.
        DetectorError: The detector cannot be used.
    """
    card = read_card(settings.model)
    gallery = Gallery.open(settings.database_url, card.id, settings.shipped_gallery, settings.recovery_days)
    try:
        snapshot = gallery.snapshot()
    finally:
        gallery.close()
    # "auto" is resolved here, so that every machine uses the same detector.
    settings = settings.with_changes(detector=backends.choose_backend(settings))
    origin = {
        "network": card.id,
        "detector": f"{settings.detector}, {DETECTION_VERSION}",
        "fpir": settings.fpir,
        "detection": [settings.detection_side, settings.max_faces, settings.min_face_width],
        "gallery": {"revision": snapshot.revision, "people": len(snapshot), "anchors": int(snapshot.counts.sum())},
    }
    return BatchJob(settings, sources, snapshot), origin


def count_photos(sources: PhotoSources, finished: FileSet, on_error: OnError) -> tuple[int, int]:
    """Return how many photos of the archive have a row, and how many have none."""
    counts = Counter(display_path(photo) in finished for photo in sources.photos(on_error))
    return counts[True], counts[False]


def run(
    sources: PhotoSources, finished: FileSet, results: Results, engine: Engine, on_progress: Callable[[int], object]
) -> None:
    """Identify the photos that have no row yet.

    Args:
        sources: The archive.
        finished: Files with a row.
        results: Folder that receives the rows.
        engine: `identify` of a process pool or Ray cluster.
        on_progress: Called with the number of photos of each batch.
    """
    for rows in engine(photo for photo in sources.photos() if display_path(photo) not in finished):
        results.add(rows)
        on_progress(len(rows))
