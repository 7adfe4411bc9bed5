"""A person of the library: a timeline of their photos, by month, with faces to select and correct."""

from datetime import datetime
from itertools import groupby

from flask import render_template, request
from werkzeug.exceptions import NotFound

from app.errors import InvalidParameter
from app.library import browsing, timeline
from app.library.timeline import Filter, Position, TimelineFace
from app.web.library.blueprint import blueprint, current_library
from app.web.recognizer_loading import current_gallery


@blueprint.get("/people/<int:person_id>")
def person(person_id: int) -> str:
    """Show a page of the person's photos, after or before a position, in a time, or those that no user confirmed."""
    arguments, problem = request.args, ""
    try:
        shown = Filter.checked(
            arguments.get("since", ""), arguments.get("until", ""), arguments.get("unconfirmed") is not None
        )
    except InvalidParameter as error:
        shown, problem = Filter(), str(error)
    after, before = (Position.parse(arguments.get(name, "")) for name in ("after", "before"))
    with current_library().reading() as connection:
        found = browsing.find_person(connection, person_id)
        if found is None:
            raise NotFound
        page = timeline.read_page(connection, person_id, shown, after, before)
        face = browsing.find_clearest(connection, person_id)
    listed, photos = found
    return render_template(
        "library/person.html",
        person=listed,
        photos=photos,
        face=face,
        months=[(title, list(faces)) for title, faces in groupby(page.faces, key=_month)],
        page=page,
        shown=shown,
        filter={"since": shown.since or None, "until": shown.until or None, "unconfirmed": shown.unconfirmed or None},
        problem=problem,
        in_gallery=current_gallery().find(listed.name),
    )


def _month(face: TimelineFace) -> str:
    return datetime.fromisoformat(face.taken).strftime("%B %Y") if face.taken else "No date"
