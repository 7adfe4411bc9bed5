"""API routes for people: list, portraits, enrollment, rename, merge, remove, restore and undo."""

from typing import Any

from flask import Response, url_for

from app import serialization
from app.enrollment.enroll import MAX_PHOTOS, confirm, review
from app.enrollment.face_choices import resolve_face_choices
from app.enrollment.look_alikes import find_look_alikes
from app.enrollment.self_check import check_person
from app.errors import FileTooLarge, PersonNotFound
from app.gallery.record import FIELDS
from app.gallery.store import Person
from app.web.admin.person_erasure import erase
from app.web.api import response_schema, schema
from app.web.api.responses import Responses, admin_blueprint, api_blueprint, json_response, problems
from app.web.portraits import portrait_response, portrait_version
from app.web.recognizer_loading import current_gallery, current_recognizer
from app.web.uploads import Upload, accepts_photos, check_size, read_photos

blueprint = api_blueprint("api_people", "/api/v1/people", "People")

admin = admin_blueprint("api_admin", blueprint)

ERASING = (
    "With status 202, the log of the database contains the erased data until a backup or another reader of the "
    "database ends."
)
"""Part of the description of routes that purge."""

_PORTRAIT: Responses = {
    200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "The client has the current portrait."},
}


@blueprint.get("", responses={200: response_schema.People})
def list_people(query: schema.PeopleQuery) -> Response:
    """List people, or those of whom a name or alias has every word of `q`."""
    found = current_gallery().search(query.q)
    people = found.people
    end = query.offset + query.limit
    next_url = None
    if end < len(people):
        next_url = url_for("api_people.list_people", q=query.q or None, offset=end, limit=query.limit)
    rows = [person_json(person) for person in people[query.offset : end]]
    close = [person_json(person) for person in found.close]
    return json_response(serialization.people_page(rows, len(people), next_url, close))


@blueprint.get(
    "/<int:person_id>",
    description="Includes how many of the person's photos are recognized when left out, the spread of their anchors "
    "and the people who look most like them.",
    responses={200: response_schema.PersonDetails, **problems(404)},
)
def get_person(path: schema.PersonPath) -> Response:
    """Return a person with self-check, spread and look-alikes."""
    recognizer = current_recognizer()
    person = recognizer.gallery.find(path.person_id)
    if person is None:
        raise PersonNotFound(f"No person has the ID {path.person_id}.")
    spread, closest = find_look_alikes(person.id, recognizer.gallery.snapshot(), recognizer.network.card.rules.head)
    check = check_person(recognizer, person.id)
    return json_response(person_json(person) | serialization.similarity(spread, closest, check))


@blueprint.get("/<int:person_id>/portrait", responses=_PORTRAIT | problems(404))
def get_portrait(path: schema.PersonPath, query: schema.PortraitQuery) -> Response:
    """Return the portrait, an average face, as a WebP file with an `ETag`."""
    data = current_gallery().portrait(path.person_id)
    if data is None:
        raise PersonNotFound(f"No portrait exists for the ID {path.person_id}.")
    return portrait_response(data, query.v)


@admin.post(
    "/people",
    description="Adds a new person, or photos of a known one. Every photo has its own outcome. All accepted photos are "
    "enrolled together, or none; with `review` none is. `enrolled` is 0 if no photo was accepted.",
    responses={200: response_schema.Enrollment, **problems(413, 422)},
)
@accepts_photos(MAX_PHOTOS, json=True)
def add_person(query: schema.EnrollQuery, form: schema.PhotosForm) -> Response:
    """Enroll the faces of the photos in the field `image`."""
    recognizer = current_recognizer()
    photos = read_photos("image")
    choices = resolve_face_choices(query.face, [photo.name for photo in photos])
    report = review(recognizer, query.name, [(photo.name, _data(photo)) for photo in photos], choices)
    if not query.review:
        fields = query.model_dump(include=set(FIELDS))
        report = confirm(recognizer, report.allow(query.allow), record=fields)
    person = person_json(report.person) if report.person else None
    return json_response(serialization.enrollment(report, person))


@admin.patch("/people/<int:person_id>", responses={200: response_schema.RenamedPerson, **problems(404, 409, 422)})
def rename_person(path: schema.PersonPath, body: schema.RenameBody) -> Response:
    """Rename a person; anchors and portrait stay."""
    gallery = current_gallery()
    person = gallery.rename(path.person_id, body.name, body.keep_alias)
    return json_response(person_json(person) | {"warning": gallery.name_warning(person.name)})


@admin.put("/people/<int:person_id>/aliases", responses={200: response_schema.RenamedPerson, **problems(404, 409, 422)})
def replace_aliases(path: schema.PersonPath, body: schema.AliasesBody) -> Response:
    """Replace the aliases of a person: other names that searches, imports and requests find them by."""
    gallery = current_gallery()
    person = gallery.replace_aliases(path.person_id, body.aliases)
    warnings = filter(None, map(gallery.name_warning, person.aliases))
    return json_response(person_json(person) | {"warning": next(warnings, None)})


@admin.get("/people/<int:person_id>/record", responses={200: schema.Record, **problems(404)})
def get_record(path: schema.PersonPath) -> Response:
    """Return where a person's photos come from, on which basis they are used, and until when."""
    return json_response(current_gallery().get(path.person_id).record.fields())


@admin.patch("/people/<int:person_id>/record", responses={200: schema.Record, **problems(404, 422)})
def change_record(path: schema.PersonPath, body: schema.RecordFields) -> Response:
    """Change fields of a person's record, and return it."""
    return json_response(current_gallery().change_record(path.person_id, body.model_dump()).record.fields())


@admin.delete(
    "/people/<int:person_id>",
    description="The person can be restored for FACES_RECOVERY_DAYS. `purge` erases them immediately, also if they "
    "were removed before, and people who were merged into them, also from the library of FACES_LIBRARY, and searches "
    "all bytes of the databases for remains. " + ERASING,
    responses={200: response_schema.RemovedOrErased, 202: response_schema.RemovedOrErased, **problems(404)},
)
def remove_person(path: schema.PersonPath, query: schema.RemovePersonQuery) -> Response:
    """Remove a person with all anchors and the portrait, and return who it was, with the proof of an erasure."""
    erased = erase(path.person_id, query.sidecars) if query.purge else None
    removed = erased.people[-1] if erased else current_gallery().remove(path.person_id)
    proof = erased and serialization.erasure(erased)
    return json_response(serialization.person(removed, None) | {"erasure": proof}, removal_status(query.purge))


@admin.post(
    "/people/<int:person_id>/merge",
    description="Moves all anchors, rejected faces and aliases to the other person, and removes this one. The name of "
    "this one becomes an alias.",
    responses={200: response_schema.Person, **problems(404, 409, 422)},
)
def merge_people(path: schema.PersonPath, body: schema.MergeBody) -> Response:
    """Merge two entries of one person and return the remaining one."""
    return json_response(person_json(current_gallery().merge(path.person_id, body.into)))


@admin.get("/removed", responses={200: response_schema.RemovedPeople})
def list_removed() -> Response:
    """List people who can be restored, latest removal first."""
    return json_response(serialization.removed_people(current_gallery().removed_people()))


@admin.post("/removed/<int:person_id>/restore", responses={200: response_schema.Person, **problems(404, 409)})
def restore_person(path: schema.PersonPath) -> Response:
    """Restore a removed person with all anchors."""
    return json_response(person_json(current_gallery().restore(path.person_id)))


@admin.get("/changes", responses={200: response_schema.Changes})
def list_changes(query: schema.ChangesQuery) -> Response:
    """List changes of the gallery by page, API and command line, latest first."""
    return json_response(serialization.changes(current_gallery().history(query.limit)))


@admin.post(
    "/changes/<int:change_id>/undo",
    description="The ID must be that of the latest change that can be undone, so that you never undo an unseen change.",
    responses={200: response_schema.UndoneChange, **problems(409)},
)
def undo_change(path: schema.ChangePath) -> Response:
    """Undo a change and return what it was."""
    return json_response({"change": current_gallery().undo(path.change_id)})


def removal_status(purge: bool) -> int:
    """Return the status of a removal: 202 while purged data is still in the log of the database, otherwise 200."""
    return 202 if purge and current_gallery().erasing_notice else 200


def person_json(person: Person) -> dict[str, Any]:
    """Return a person's JSON object with the address of the portrait."""
    version = portrait_version(person)
    portrait = version and url_for("api_people.get_portrait", person_id=person.id, v=version)
    return serialization.person(person, portrait)


def _data(photo: Upload) -> bytes | FileTooLarge:
    """Return the bytes of a photo; a file that is too large becomes the outcome of its photo."""
    try:
        check_size(photo)
    except FileTooLarge as error:
        return error
    return photo.data
