"""Upload page: the form for photos, and the people in the gallery."""

from __future__ import annotations

from flask import render_template, request

from app.web.portraits import tile
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import upload_limits

MAX_TILES = 48


def upload_page(problem: str | None = None) -> str:
    """Return the upload page as HTML.

    Args:
        problem: a sentence that says why the last upload failed, or None.
    """
    people = current_recognizer().gallery.people()
    query = request.args.get("q", "").strip()
    found = current_recognizer().gallery.search(query)
    return render_template(
        "upload.html",
        problem=problem,
        query=query,
        total=len(people),
        found=len(found),
        tiles=[tile(person) for person in found[:MAX_TILES]],
        limits=upload_limits(),
    )
