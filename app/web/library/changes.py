"""Log of decisions about the library, with a button that undoes each."""

from flask import render_template
from flask.typing import ResponseReturnValue

from app.library import changes
from app.library.changes import NAME_GROUP
from app.library.undo import undo as undo_change
from app.web.admin.blueprint import form_id
from app.web.library.blueprint import blueprint, current_library, number_argument, show_message
from app.web.recognizer_loading import current_gallery

PAGE_SIZE = 50
"""Changes on a page."""

NAME_AGAIN = " Name the faces again on the page People: others may have got their names from the group."


@blueprint.get("/changes")
def list_changes() -> str:
    """Show the latest changes, or those before the number `before`."""
    before = number_argument("before")
    found = changes.list_changes(current_library(), PAGE_SIZE + 1, before)
    older = found[PAGE_SIZE - 1].number if len(found) > PAGE_SIZE else None
    return render_template("library/changes.html", changes=found[:PAGE_SIZE], before=before, older=older)


@blueprint.post("/undo")
def undo() -> ResponseReturnValue:
    """Undo the change with the number `change`."""
    undone = undo_change(current_library(), current_gallery(), form_id("change"))
    return show_message(undone.message + NAME_AGAIN * (undone.change.action == NAME_GROUP))
