"""Page of the opt-out list: add people who must never be named or enrolled, and remove entries."""

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from app.enrollment.opt_out_photos import read_faces
from app.errors import FaceError, InvalidName, InvalidRecord, PhotoError
from app.web.admin.blueprint import blueprint, form_id, show_message
from app.web.recognizer_loading import current_gallery, current_recognizer
from app.web.uploads import Upload, accepts_photos, check_size, current_settings, upload_limits

MAX_PHOTOS = 10
"""Photos of one entry. Each recognizes the face from another side."""

NAME_AGAIN = "Name the faces of the library again: until then, they keep the name."


@blueprint.get("/opt-outs")
def list_opt_outs() -> str:
    """Show the list, and the form for a new entry."""
    return _page(request.args.get("name", "").strip())


@blueprint.post("/opt-outs")
@accepts_photos(MAX_PHOTOS)
def add_opt_out() -> ResponseReturnValue:
    """Add a person by name, by photos, or by both."""
    name, reference = request.form.get("name", "").strip(), request.form.get("reference", "").strip()
    photos = [Upload(file.filename, file.read()) for file in request.files.getlist("image") if file.filename]
    if not name and not photos:
        return _page(problem="Enter a name, choose a photo, or both."), 422
    if len(photos) > MAX_PHOTOS:
        return _page(name, reference, f"You sent {len(photos)} photos. The limit is {MAX_PHOTOS}."), 422
    try:
        faces = None
        if photos:
            for photo in photos:
                check_size(photo, f"photo {photo.name}")
            files = [(photo.name, photo.data) for photo in photos]
            faces = read_faces(current_recognizer(), files, request.form.get("face", type=int))
        entry = current_gallery().rights.add_opt_out(name or None, faces, reference)
    except (FaceError, InvalidName, InvalidRecord, PhotoError) as error:
        return _page(name, reference, str(error)), 422
    sentence = f"{name or 'The person of the photo'} was added as number {entry.id}."
    if current_settings().library:
        sentence = f"{sentence} {NAME_AGAIN}"
    return show_message(sentence, url_for("admin.list_opt_outs"))


@blueprint.post("/opt-outs/remove")
def remove_opt_out() -> Response:
    """Remove an entry, and erase its face."""
    number = form_id("number")
    current_gallery().rights.remove_opt_out(number)
    return show_message(f"Number {number} was removed.", url_for("admin.list_opt_outs"))


def _page(name: str = "", reference: str = "", problem: str = "") -> str:
    return render_template(
        "admin/opt_outs.html",
        entries=current_gallery().rights.list_opt_outs(),
        name=name,
        reference=reference,
        problem=problem,
        limits=upload_limits() | {"max_photos": MAX_PHOTOS},
    )
