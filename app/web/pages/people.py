"""People pages: the paged and searchable list, and a profile with self-check, statistics and look-alikes."""

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from app.enrollment.look_alikes import find_look_alikes
from app.enrollment.self_check import check_person
from app.web.pages.identify import search_query
from app.web.portraits import person_heading
from app.web.recognizer_loading import current_gallery, current_recognizer

blueprint = Blueprint("people", __name__, url_prefix="/people")

PAGE_SIZE = 60
"""People on a page: with their portraits it stays under 300 kB."""


@blueprint.get("")
def index() -> str:
    """Show a page of the gallery, or of the people whose name matches `q`, otherwise those with similar names."""
    query = search_query()
    listing = current_gallery().listing()
    found = listing.search(query)
    last = max(1, -(-len(found.people) // PAGE_SIZE))
    page = request.args.get("page", 1, type=int)
    if not 1 <= page <= last:
        raise NotFound
    initials = {} if query or last == 1 else listing.initials
    return render_template(
        "people.html",
        query=query,
        total=len(listing.people),
        found=len(found.people),
        people=found.people[(page - 1) * PAGE_SIZE : page * PAGE_SIZE] or found.close,
        close=found.close,
        page=page,
        last=last,
        initials={letter: position // PAGE_SIZE + 1 for letter, position in initials.items()},
        targets={listing.people[position].id: letter for letter, position in initials.items()},
    )


@blueprint.get("/<int:person_id>")
def profile(person_id: int) -> str:
    """Show a person: portrait, how many reference photos are recognized when left out, statistics and look-alikes."""
    recognizer = current_recognizer()
    gallery = recognizer.gallery
    person, snapshot = gallery.find(person_id), gallery.snapshot()
    if person is None:
        raise NotFound
    rules = recognizer.rules(snapshot)
    spread, closest = find_look_alikes(person.id, snapshot, rules.head)
    return render_template(
        "person.html",
        person=person,
        spread=spread,
        check=check_person(recognizer, person.id),
        threshold=rules.threshold(person.anchors, len(snapshot)),
        look_alikes=[(other, row) for row in closest if (other := gallery.find(row.id))],
        person_heading=person_heading(gallery),
    )
