"""A person of the library: a timeline of their photos, by month, with faces to select and correct."""

from flask import render_template, request
from werkzeug.exceptions import NotFound

from app.errors import FacesError, InvalidParameter, PersonNotFound
from app.library import browsing, people, timeline
from app.library.timeline import Selection
from app.web.library.blueprint import blueprint, current_library
from app.web.library.months import group_by_month, positions
from app.web.recognizer_loading import current_gallery

MAX_TAGGED = 60
"""Photos without a visible face on a page, the newest."""


@blueprint.get("/people/<int:person_id>")
def person(person_id: int) -> str:
    """Show a page of the person's photos, after or before a position, in a time, or those that no user confirmed."""
    arguments, problem = request.args, ""
    shown = {name: arguments.get(name, "").strip() for name in ("since", "until", "unconfirmed", "with")}
    with current_library().reading() as connection:
        found = browsing.find_person(connection, person_id)
        if found is None:
            raise NotFound
        selection = Selection(person_id)
        try:
            others = (people.find(connection, shown["with"]),) if shown["with"] else ()
            selection = Selection(
                person_id,
                unconfirmed=bool(shown["unconfirmed"]),
                others=others,
                since=shown["since"],
                until=shown["until"],
            )
        except (InvalidParameter, PersonNotFound) as error:
            problem = _sentence(error)
        page = timeline.read_page(connection, selection, **positions())
        face = browsing.find_clearest(connection, person_id)
        tagged = [] if any(shown.values()) else browsing.list_tagged(connection, person_id, MAX_TAGGED)
    listed, photos = found
    return render_template(
        "library/person.html",
        person=listed,
        photos=photos,
        face=face,
        months=group_by_month(page.entries),
        page=page,
        filter={name: value for name, value in shown.items() if value},
        problem=problem,
        tagged=tagged,
        in_gallery=current_gallery().find(listed.name),
    )


def _sentence(error: FacesError) -> str:
    return f"{error} The filter is off."
