"""The upload page: where photos are chosen, and who can be recognized."""

from __future__ import annotations

from flask import render_template, request

from app.vision import decoding
from app.web.portraits import search, tile
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import current_settings

TILES = 48
"""People shown at once; the search finds the others."""


def upload_page(problem: str | None = None) -> str:
    """The upload page as HTML.

    Args:
        problem: a sentence that says why the last upload gave no result, or None.
    """
    everyone = current_recognizer().gallery.people()
    query = request.args.get("q", "").strip()
    found = search(everyone, query)
    return render_template(
        "upload.html",
        problem=problem,
        query=query,
        total=len(everyone),
        found=len(found),
        tiles=[tile(person) for person in found[:TILES]],
        intake=intake(),
    )


def intake() -> dict[str, object]:
    """What a form tells of the files it takes, to visitors and to the script that looks at them before they go."""
    settings = current_settings()
    return {
        "formats": decoding.FORMAT_NAMES,
        "accept": ",".join(["image/*", *sorted(decoding.SUFFIXES)]),
        "suffixes": " ".join(sorted(decoding.SUFFIXES)),
        "max_bytes": settings.max_file_bytes,
        "max_request_bytes": settings.max_request_bytes,
        "max_images": settings.max_photos,
        "max_pixels": settings.max_pixels,
    }
