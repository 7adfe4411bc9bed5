"""All photos of the library by date, those of unknown people, and the unreadable files."""

from flask import render_template, request

from app.errors import InvalidParameter
from app.library import browsing, timeline
from app.library.timeline import Selection
from app.text import timestamp
from app.web.library.blueprint import blueprint, current_library
from app.web.library.months import group_by_month, positions

blueprint.add_app_template_filter(timestamp)

MAX_UNREADABLE = 500
"""Unreadable files on a page."""


@blueprint.get("/photos")
def photos() -> str:
    """Show a page of all photos, after or before a position, in a time, or of the faces of unknown people."""
    shown = {name: request.args.get(name, "").strip() for name in ("since", "until", "unknown")}
    unknown, problem = bool(shown["unknown"]), ""
    try:
        selection = Selection(unknown=unknown, since=shown["since"], until=shown["until"])
    except InvalidParameter as error:
        selection, problem = Selection(unknown=unknown), f"{error} The filter is off."
    with current_library().reading() as connection:
        page = timeline.read_page(connection, selection, **positions())
    return render_template(
        "library/photos.html",
        months=group_by_month(page.entries),
        page=page,
        unknown=unknown,
        filter={name: value for name, value in shown.items() if value},
        problem=problem,
    )


@blueprint.get("/unreadable")
def unreadable() -> str:
    """List the files that could not be read."""
    with current_library().reading() as connection:
        files = browsing.list_unreadable(connection, MAX_UNREADABLE)
        total = browsing.count_totals(connection).unreadable
    return render_template("library/unreadable.html", files=files, total=total)
