"""The work on an archive from its beginning to its end, whichever engine does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.batch.identifier import Job
from app.batch.results import Done, Results
from app.batch.sources import Complain, PhotoSources, shown
from app.gallery.store import Gallery
from app.recognition.model_card import read_card
from app.settings import Settings
from app.vision import backends
from app.vision.detection import METHOD

Engine = Callable[[Iterable[str]], Iterator[list[dict[str, Any]]]]
"""Takes pictures and gives their rows, each once, some at a time."""


@dataclass(frozen=True)
class Count:
    """Pictures that have a row, and pictures that lack one."""

    done: int
    missing: int


def prepare(settings: Settings, places: PhotoSources) -> tuple[Job, dict[str, Any]]:
    """What workers need to know, and what decides about their answers besides the pictures.

    Raises:
        gallery.errors.GalleryError, card.ModelError, backends.DetectorError: one of them cannot be used.
    """
    card = read_card(settings.model)
    gallery = Gallery.open(settings.database_url, card.id, settings.shipped_gallery, settings.recovery_days)
    try:
        snapshot = gallery.snapshot()
    finally:
        gallery.close()
    # Settled here once: on every machine the same detector is to look, or none.
    settings = settings.with_changes(detector=backends.choose(settings))
    origin = {
        "network": card.id,
        "detector": f"{settings.detector}, {METHOD}",
        "fpir": settings.fpir,
        "detection": [settings.detection_side, settings.max_faces, settings.min_face_width],
        "gallery": {"revision": snapshot.revision, "people": len(snapshot), "anchors": int(snapshot.counts.sum())},
    }
    return Job(settings, places, snapshot), origin


def count(places: PhotoSources, done: Done, complain: Complain) -> Count:
    """Walk through the archive once, so that progress has an end to count to."""
    missing = found = 0
    for place in places.all(complain):
        found += 1
        missing += shown(place) not in done
    return Count(found - missing, missing)


def go_on(places: PhotoSources, done: Done, results: Results, engine: Engine, tick: Callable[[int], object]) -> None:
    """Do what is missing.

    Args:
        places: the archive.
        done: files that have a row already.
        results: where the rows go.
        engine: who does it.
        tick: called with the number of pictures that were done since it was called last.
    """
    for rows in engine(place for place in places.all() if shown(place) not in done):
        results.add(rows)
        tick(len(rows))
