"""Page of the audit log."""

from flask import render_template, request

from app.gallery.people import LARGEST_ID
from app.web.admin.blueprint import blueprint
from app.web.recognizer_loading import current_gallery

PAGE_SIZE = 50
"""Entries on a page."""


@blueprint.app_template_filter("actor")
def actor(text: str) -> str:
    """Return an actor for people: `key newsroom` for `key:newsroom`."""
    return "administrator token" if text == "token" else text.replace(":", " ", 1)


@blueprint.get("/audit")
def audit_log() -> str:
    """Show the latest entries, or those before the number `before`."""
    before = request.args.get("before", type=int)
    before = before if before is not None and 0 <= before <= LARGEST_ID else None
    entries = current_gallery().audit.entries(PAGE_SIZE + 1, before)
    older = entries[PAGE_SIZE - 1].number if len(entries) > PAGE_SIZE else None
    return render_template("admin/audit_log.html", entries=entries[:PAGE_SIZE], before=before, older=older)
