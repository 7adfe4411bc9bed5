"""The API's routes for people: everyone, one, and their portraits."""

from __future__ import annotations

from flask import Response, url_for

from app import serialization
from app.enrollment.look_alikes import likeness
from app.gallery.store import Person
from app.web.api import schema
from app.web.api.responses import Refused, answer, blueprint_of, problems
from app.web.portraits import portrait_response, portrait_version, search
from app.web.recognizer_loading import current_recognizer

blueprint = blueprint_of("api_people", "/api/v1/people", "People")

_PORTRAIT = {
    200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "The portrait that the client has is the current one."},
}


@blueprint.get("", summary="List everyone who can be recognized, by name.", responses={200: schema.People})
def list_people(query: schema.PeopleQuery) -> Response:
    """A part of the list of people, or of those whose name holds every word of `q`."""
    found = search(current_recognizer().gallery.people(), query.q)
    end = query.offset + query.limit
    following = None
    if end < len(found):
        following = url_for("api_people.list_people", q=query.q or None, offset=end, limit=query.limit)
    rows = [row(person) for person in found[query.offset : end]]
    return answer(serialization.people_part(rows, len(found), following))


@blueprint.get(
    "/<int:person_id>",
    summary="Tell about one person.",
    description="How far the person's anchors lie from each other, and who is most easily taken for them.",
    responses={200: schema.PersonDetails} | problems(404),
)
def get_person(path: schema.PersonPath) -> Response:
    """A person with spread and look-alikes."""
    recognizer = current_recognizer()
    person = recognizer.gallery.person(path.person_id)
    if person is None:
        raise _unknown(path.person_id)
    found = likeness(person.id, recognizer.gallery.snapshot(), recognizer.network.card.rules.head)
    return answer(row(person) | serialization.likeness(*found))


@blueprint.get(
    "/<int:person_id>/portrait", summary="A person's portrait, an average face.", responses=_PORTRAIT | problems(404)
)
def get_portrait(path: schema.PersonPath, query: schema.PortraitQuery) -> Response:
    """The portrait as a WebP file, with an `ETag`."""
    data = current_recognizer().gallery.portrait(path.person_id)
    if data is None:
        raise _unknown(path.person_id)
    return portrait_response(data, query.v)


def _unknown(person_id: int) -> Refused:
    return Refused(404, "not_found", f"There is nobody with the id {person_id}, or they have no portrait.")


def row(person: Person) -> dict:
    """A person as lists have them."""
    version = portrait_version(person)
    address = None if version is None else url_for("api_people.get_portrait", person_id=person.id, v=version)
    return serialization.person(person, address)
