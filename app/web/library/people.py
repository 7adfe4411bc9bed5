"""People of the library: the list with counts, and naming of all faces."""

from flask import render_template, request
from werkzeug.exceptions import NotFound

from app.gallery.name_search import NameSearch
from app.library import browsing
from app.library.browsing import ListedPerson
from app.web.library.blueprint import blueprint, current_library
from app.web.pages.identify import search_query
from app.web.portraits import initials

PAGE_SIZE = 60
"""People on a page."""

blueprint.add_app_template_filter(initials)


@blueprint.get("")
def index() -> str:
    """Show totals, and a page of the people, or of those whose name matches `q`."""
    query = search_query()
    page = request.args.get("page", 1, type=int)
    with current_library().reading() as connection:
        totals = browsing.count_totals(connection)
        people = browsing.list_people(connection)
        found, close = search_people(people, query)
        last = max(1, -(-len(found) // PAGE_SIZE))
        if not 1 <= page <= last:
            raise NotFound
        shown = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE] or close
        summaries = browsing.summarize_people(connection, shown)
    decided = current_library().read_property("naming") is None
    return render_template(
        "library/people.html",
        query=query,
        totals=totals,
        total=len(people),
        found=len(found),
        close=close,
        people=summaries,
        page=page,
        last=last,
        decided=decided,
    )


def search_people(people: list[ListedPerson], query: str) -> tuple[list[ListedPerson], list[ListedPerson]]:
    """Return the people whose name matches a query, or people with similar names if there is none."""
    if not query:
        return people, []
    matches = NameSearch([person.name] for person in people).find(query)
    return [people[row] for row in matches.exact], [people[row] for row in matches.close]
