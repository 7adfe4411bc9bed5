"""People pages: the paged and searchable list, and a profile with threshold, spread and look-alikes."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from app.enrollment.look_alikes import find_look_alikes
from app.enrollment.self_check import check_person
from app.web.portraits import Tile, person_heading, tile
from app.web.recognizer_loading import current_recognizer

blueprint = Blueprint("people", __name__, url_prefix="/people")

PAGE_SIZE = 60
"""People on a page: with their portraits it stays under 300 kB."""


@dataclass(frozen=True)
class PersonView:
    """A person in the list."""

    id: int
    anchors: int
    tile: Tile


@dataclass(frozen=True)
class LookalikeView:
    """A row of the look-alike table; `mistaken` counts the person's anchors that are closer to the look-alike."""

    id: int
    tile: Tile
    distance: float
    mistaken: int


@blueprint.get("")
def index() -> str:
    """Show a page of the gallery, or of the people whose name contains every word of `q`."""
    people = current_recognizer().gallery.people()
    query = request.args.get("q", "").strip()
    found = current_recognizer().gallery.search(query)
    last = max(1, -(-len(found) // PAGE_SIZE))
    page = request.args.get("page", 1, type=int)
    if not 1 <= page <= last:
        raise NotFound
    shown = found[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return render_template(
        "people.html",
        query=query,
        total=len(people),
        found=len(found),
        people=[PersonView(person.id, person.anchors, tile(person)) for person in shown],
        page=page,
        last=last,
    )


@blueprint.get("/<int:person_id>")
def profile(person_id: int) -> str:
    """Show a person: average face, number and spread of reference photos, threshold and look-alikes."""
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
        tile=tile(person),
        spread=spread,
        check=check_person(recognizer, person.id),
        threshold=rules.threshold(person.anchors, len(snapshot)),
        lookalikes=[
            LookalikeView(other.id, tile(other), row.class_distance, row.closer_anchors)
            for row in closest
            if (other := gallery.find(row.id)) is not None
        ],
        person_heading=person_heading(gallery),
    )
