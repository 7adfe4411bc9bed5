"""The API's routes that change people: add, rename, merge, remove, restore, and taking changes back."""

from __future__ import annotations

from flask import Response
from werkzeug.datastructures import FileStorage

from app import serialization
from app.enrollment.enroll import MOST_PHOTOS, EnrollmentReport, confirm, resolve_picks, review
from app.errors import InvalidFaceChoice, UnreadableImage
from app.gallery.store import with_names
from app.web.api import admin_schema as models
from app.web.api import people, schema
from app.web.api.authorization import managing_blueprint
from app.web.api.request_files import chosen, content
from app.web.api.responses import Refused, answer, problems
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import allow_files

blueprint = managing_blueprint("api_people_changes")


@blueprint.before_request
def limit() -> None:
    """Let a request hold dozens of photos."""
    allow_files(MOST_PHOTOS)


@blueprint.post(
    "/people",
    summary="Add a person by photos, or photos of a known one.",
    description="Every photo has its own report. All that are accepted enter at once, or nothing; with `review` "
    "nothing enters. Where none is accepted, `entered` is 0.",
    responses={200: models.Enrollment} | problems(413, 422),
)
def add_person(query: models.AddQuery, form: models.Photos) -> Response:
    """Learn the faces of the photos in the field `image`."""
    recognizer = current_recognizer()
    uploads = chosen(form.image, MOST_PHOTOS)
    try:
        picks = resolve_picks(query.face, [upload.filename for upload in uploads])
    except InvalidFaceChoice as error:
        raise Refused(400, "bad_parameter", f"The parameter face cannot be used. {error}") from error
    photos = [(upload.filename, _data(upload)) for upload in uploads]
    reviewed = review(recognizer, query.name, photos, picks)
    also = [place for place, photo in enumerate(reviewed.photos) if photo.outcome in query.allow]
    done = EnrollmentReport(reviewed.name, reviewed.photos) if query.review else confirm(recognizer, reviewed, also)
    who = done.person and people.row(done.person)
    return answer(serialization.enrollment(done.name, done.accepted if who else 0, who, done.photos, done.check))


@blueprint.patch(
    "/people/<int:person_id>",
    summary="Rename a person.",
    responses={200: schema.Person} | problems(404, 409, 422),
)
def rename_person(path: schema.PersonPath, body: models.NewName) -> Response:
    """Give a person another name; anchors and portrait stay."""
    return answer(people.row(current_recognizer().gallery.rename(path.person_id, body.name)))


@blueprint.delete(
    "/people/<int:person_id>",
    summary="Remove a person.",
    description="They can be restored for the server's FACES_RECOVERY_DAYS, unless `now` erases them; also those who "
    "were removed before can be erased so.",
    responses={200: schema.Person} | problems(404),
)
def remove_person(path: schema.PersonPath, query: models.RemoveQuery) -> Response:
    """Remove a person with all anchors and the portrait; the answer is who it was."""
    gone = current_recognizer().gallery.remove(path.person_id, for_good=query.now)
    return answer(serialization.person(gone, None))


@blueprint.post(
    "/people/<int:person_id>/merge",
    summary="Merge a person into another.",
    description="The other gets all anchors and rejected faces, and the first is removed.",
    responses={200: schema.Person} | problems(404, 409),
)
def merge_people(path: schema.PersonPath, body: models.Into) -> Response:
    """Make two entries of one person one; the answer is who stays."""
    return answer(people.row(current_recognizer().gallery.merge(path.person_id, body.into)))


@blueprint.get("/removed", summary="List who was removed and can be restored.", responses={200: models.Removed})
def list_removed() -> Response:
    """Those who were removed, the last removed first."""
    gone = current_recognizer().gallery.removed()
    rows = [serialization.person(one, None) | {"removed": one.removed.isoformat()} for one in gone]
    return answer({"people": rows})


@blueprint.post(
    "/removed/<int:person_id>/restore",
    summary="Restore a removed person.",
    responses={200: schema.Person} | problems(404, 409),
)
def restore_person(path: schema.PersonPath) -> Response:
    """Bring a removed person back, with all anchors."""
    return answer(people.row(current_recognizer().gallery.restore(path.person_id)))


@blueprint.get("/changes", summary="List the last changes.", responses={200: models.Changes})
def list_changes(query: models.ChangesQuery) -> Response:
    """What was done to the gallery by whichever way, the newest first."""
    gallery = current_recognizer().gallery
    return answer(serialization.changes(gallery.history(query.limit), with_names(gallery)))


@blueprint.post(
    "/changes/<int:change_id>/undo",
    summary="Take the newest change back.",
    description="Only the newest that can be undone: so nobody undoes what another has just done without seeing it.",
    responses={200: models.Undone} | problems(409),
)
def undo_change(path: models.ChangePath) -> Response:
    """Take a change back; the answer says what it was."""
    gallery = current_recognizer().gallery
    undone = gallery.undo(path.change_id)
    return answer({"change": with_names(gallery)(undone)})


def _data(upload: FileStorage) -> bytes | UnreadableImage:
    """A photo's bytes; one that is too large has its own report, as one that cannot be read."""
    try:
        return content(upload)
    except Refused as error:
        return UnreadableImage(error.code, str(error))
