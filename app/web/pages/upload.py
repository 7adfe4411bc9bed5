"""The upload page: where photos are chosen, and who can be recognized."""

from __future__ import annotations

from flask import render_template, request

from app.web.portraits import search, tile
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import intake

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
