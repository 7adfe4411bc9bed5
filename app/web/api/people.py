"""API routes that read people and portraits."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for

from app import serialization
from app.enrollment.look_alikes import find_look_alikes
from app.errors import PersonNotFound
from app.gallery.store import Person
from app.web.api import schema
from app.web.api.responses import Responses, api_blueprint, json_response, problems
from app.web.portraits import portrait_response, portrait_version
from app.web.recognizer_loading import current_recognizer

blueprint = api_blueprint("api_people", "/api/v1/people", "People")

_PORTRAIT: Responses = {
    200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "The client has the current portrait."},
}


@blueprint.get("", responses={200: schema.People})
def list_people(query: schema.PeopleQuery) -> Response:
    """List people, or those whose name has every word of `q`."""
    people = current_recognizer().gallery.search(query.q)
    end = query.offset + query.limit
    next_url = None
    if end < len(people):
        next_url = url_for("api_people.list_people", q=query.q or None, offset=end, limit=query.limit)
    rows = [person_json(person) for person in people[query.offset : end]]
    return json_response(serialization.people_page(rows, len(people), next_url))


@blueprint.get(
    "/<int:person_id>",
    description="Includes the spread of the person's anchors and the people who look most like them.",
    responses={200: schema.PersonDetails, **problems(404)},
)
def get_person(path: schema.PersonPath) -> Response:
    """Return a person with spread and look-alikes."""
    recognizer = current_recognizer()
    person = recognizer.gallery.find(path.person_id)
    if person is None:
        raise PersonNotFound(f"No person has the ID {path.person_id}.")
    spread, closest = find_look_alikes(person.id, recognizer.gallery.snapshot(), recognizer.network.card.rules.head)
    return json_response(person_json(person) | serialization.similarity(spread, closest))


@blueprint.get("/<int:person_id>/portrait", responses=_PORTRAIT | problems(404))
def get_portrait(path: schema.PersonPath, query: schema.PortraitQuery) -> Response:
    """Return the portrait, an average face, as a WebP file with an `ETag`."""
    data = current_recognizer().gallery.portrait(path.person_id)
    if data is None:
        raise PersonNotFound(f"No portrait exists for the ID {path.person_id}.")
    return portrait_response(data, query.v)


def person_json(person: Person) -> dict[str, Any]:
    """Return a person's JSON object with the address of the portrait."""
    version = portrait_version(person)
    portrait = None
    if version is not None:
        portrait = url_for("api_people.get_portrait", person_id=person.id, v=version)
    return serialization.person(person, portrait)
