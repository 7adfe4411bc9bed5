"""API routes for the opt-out list: list, add and remove entries."""

from flask import Response, request

from app import serialization
from app.enrollment.opt_out_photos import read_faces
from app.web.api import people, response_schema, schema
from app.web.api.responses import admin_blueprint, json_response, problems
from app.web.recognizer_loading import current_gallery, current_recognizer
from app.web.uploads import accepts_photos, check_size, read_photos

blueprint = admin_blueprint("api_opt_outs", people.blueprint)


@blueprint.get("/opt-outs", responses={200: response_schema.OptOuts})
def list_opt_outs() -> Response:
    """List the people who are never named or enrolled, the oldest entry first."""
    return json_response(serialization.opt_outs(current_gallery().rights.list_opt_outs()))


@blueprint.post(
    "/opt-outs",
    description="By `name`, by the face in photos, or by both. Each photo becomes an entry, of which the first is "
    "returned. The server stores the embedding of a photo only. People of the gallery with this name or face stay in "
    "it until you erase them, but are not named.",
    responses={200: response_schema.OptOut, **problems(413, 422)},
)
@accepts_photos(json=True)
def add_opt_out(query: schema.OptOutQuery, form: schema.OptOutForm) -> Response:
    """Never name or enroll a person."""
    faces = None
    if request.files:
        photos = read_photos("image")
        for photo in photos:
            check_size(photo)
        faces = read_faces(current_recognizer(), [(photo.name, photo.data) for photo in photos], query.face)
    added = current_gallery().rights.add_opt_out(query.name, faces, query.reference)
    return json_response(serialization.opt_out(added))


@blueprint.delete("/opt-outs/<int:opt_out_id>", responses={204: None, **problems(404)})
def remove_opt_out(path: schema.OptOutPath) -> Response:
    """Remove an entry of the list, and erase its face."""
    current_gallery().rights.remove_opt_out(path.opt_out_id)
    return Response(status=204, headers={"Cache-Control": "no-store"})
