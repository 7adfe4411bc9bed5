"""API routes that add, rename, merge, remove and restore people, and undo changes."""

from __future__ import annotations

from flask import Response

from app import serialization
from app.enrollment.enroll import MAX_PHOTOS, confirm, review
from app.enrollment.face_choices import resolve_face_choices
from app.errors import FileTooLarge
from app.web.api import admin_schema, people, schema
from app.web.api.responses import admin_blueprint, json_response, problems
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import Upload, allow_photos, check_size, read_photos

blueprint = admin_blueprint("api_people_changes", people.blueprint)


@blueprint.before_request
def limit_body() -> None:
    """Limit the body to the photos of one enrollment."""
    allow_photos(MAX_PHOTOS)


@blueprint.post(
    "/people",
    description="Adds a new person, or photos of a known one. Every photo has its own outcome. All accepted photos are "
    "enrolled together, or none; with `review` none is. `enrolled` is 0 if no photo was accepted.",
    responses={200: admin_schema.Enrollment, **problems(413, 422)},
)
def add_person(query: admin_schema.EnrollQuery, form: schema.PhotosForm) -> Response:
    """Enroll the faces of the photos in the field `image`."""
    recognizer = current_recognizer()
    photos = read_photos("image", MAX_PHOTOS)
    picks = resolve_face_choices(query.face, [photo.name for photo in photos])
    reviewed = review(recognizer, query.name, [(photo.name, _data(photo)) for photo in photos], picks)
    report = reviewed if query.review else confirm(recognizer, reviewed.allow(query.allow))
    person = people.person_json(report.person) if report.person else None
    enrolled = report.accepted if person else 0
    return json_response(serialization.enrollment(report.name, enrolled, person, report.photos, report.check))


@blueprint.patch("/people/<int:person_id>", responses={200: schema.Person, **problems(404, 409, 422)})
def rename_person(path: schema.PersonPath, body: admin_schema.RenameBody) -> Response:
    """Rename a person; anchors and portrait stay."""
    return json_response(people.person_json(current_recognizer().gallery.rename(path.person_id, body.name)))


@blueprint.delete(
    "/people/<int:person_id>",
    description="The person can be restored for FACES_RECOVERY_DAYS. `purge` erases them immediately, also if they "
    "were removed before.",
    responses={200: schema.Person, **problems(404)},
)
def remove_person(path: schema.PersonPath, query: admin_schema.RemoveQuery) -> Response:
    """Remove a person with all anchors and the portrait, and return who it was."""
    removed = current_recognizer().gallery.remove(path.person_id, purge=query.purge)
    return json_response(serialization.person(removed, None))


@blueprint.post(
    "/people/<int:person_id>/merge",
    description="Moves all anchors and rejected faces to the other person, and removes this one.",
    responses={200: schema.Person, **problems(404, 409)},
)
def merge_people(path: schema.PersonPath, body: admin_schema.MergeBody) -> Response:
    """Merge two entries of one person and return the remaining one."""
    return json_response(people.person_json(current_recognizer().gallery.merge(path.person_id, body.into)))


@blueprint.get("/removed", responses={200: admin_schema.RemovedPeople})
def list_removed() -> Response:
    """List people who can be restored, latest removal first."""
    removed = current_recognizer().gallery.removed_people()
    rows = [
        serialization.person(person, None) | {"removed": person.removed and person.removed.isoformat()}
        for person in removed
    ]
    return json_response({"people": rows})


@blueprint.post("/removed/<int:person_id>/restore", responses={200: schema.Person, **problems(404, 409)})
def restore_person(path: schema.PersonPath) -> Response:
    """Restore a removed person with all anchors."""
    return json_response(people.person_json(current_recognizer().gallery.restore(path.person_id)))


@blueprint.get("/changes", responses={200: admin_schema.Changes})
def list_changes(query: admin_schema.ChangesQuery) -> Response:
    """List changes of the gallery by page, API and command line, latest first."""
    gallery = current_recognizer().gallery
    return json_response(serialization.changes(gallery.history(query.limit)))


@blueprint.post(
    "/changes/<int:change_id>/undo",
    description="The ID must be that of the latest change that can be undone, so that you never undo an unseen change.",
    responses={200: admin_schema.UndoneChange, **problems(409)},
)
def undo_change(path: admin_schema.ChangePath) -> Response:
    """Undo a change and return what it was."""
    gallery = current_recognizer().gallery
    undone = gallery.undo(path.change_id)
    return json_response({"change": undone})


def _data(photo: Upload) -> bytes | FileTooLarge:
    """Return the bytes of a photo; a file that is too large becomes the outcome of its photo."""
    try:
        check_size(photo)
    except FileTooLarge as error:
        return error
    return photo.data
