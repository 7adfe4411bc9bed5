"""The pages about people: everyone who can be recognized, and each of them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from app.enrollment.look_alikes import Lookalike, likeness
from app.enrollment.self_check import check_person
from app.gallery.store import Person
from app.web.portraits import Tile, search, tile
from app.web.recognizer_loading import current_recognizer

blueprint = Blueprint("people", __name__, url_prefix="/people")

PAGE = 60
"""People on a page: with portraits it stays under 300 kB, however many there are."""


@dataclass(frozen=True)
class Entry:
    """Someone in the list."""

    id: int
    anchors: int
    tile: Tile


@dataclass(frozen=True)
class LookalikeView:
    """Someone that a person is taken for: a row of the table."""

    id: int
    tile: Tile
    distance: float
    mistaken: int


@blueprint.get("")
def index() -> str:
    """A page of everyone who can be recognized, or of those whose name holds every word of `q`."""
    people = current_recognizer().gallery.people()
    query = request.args.get("q", "").strip()
    found = search(people, query)
    last = max(1, -(-len(found) // PAGE))
    page = request.args.get("page", 1, type=int)
    if not 1 <= page <= last:
        raise NotFound
    shown = found[(page - 1) * PAGE : page * PAGE]
    return render_template(
        "people.html",
        query=query,
        total=len(people),
        found=len(found),
        entries=[Entry(person.id, person.anchors, tile(person)) for person in shown],
        page=page,
        last=last,
    )


@blueprint.get("/<int:person_id>")
def profile(person_id: int) -> str:
    """A person: their average face, how many anchors, how far these lie apart, and who is easily taken for them."""
    recognizer = current_recognizer()
    gallery, rules = recognizer.gallery, recognizer.rules(recognizer.gallery.snapshot())
    person = gallery.person(person_id)
    if person is None:
        raise NotFound
    spread, closest = likeness(person.id, gallery.snapshot(), rules.head)
    others = {one.id: gallery.person(one.id) for one in closest}
    return render_template(
        "person.html",
        person=person,
        tile=tile(person),
        spread=spread,
        check=check_person(recognizer, person.id),
        threshold=rules.threshold(person.anchors, len(gallery.snapshot())),
        lookalikes=[_view(one, others[one.id]) for one in closest if others[one.id] is not None],
    )


def _view(one: Lookalike, person: Person) -> LookalikeView:
    return LookalikeView(one.id, tile(person), one.class_distance, one.mistaken)
