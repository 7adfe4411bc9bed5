"""Pictures of the library's photos and faces for its pages, which browsers keep as long as the photo is the same."""

from collections.abc import Callable

from flask import Response, current_app, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from app.errors import PhotoError
from app.library.pictures import StoredPhoto, face_kind
from app.vision.faces import Box
from app.web.library.blueprint import blueprint, current_library, current_pictures

_VERSION_DIGITS = 16
_CACHE_SECONDS = 86_400

_MESSAGES = {"not_found": "File not found", "changed": "File has changed"}
_UNREADABLE = "File cannot be read"

_PLACEHOLDER = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320" role="img" aria-label="{text}">'
    '<rect width="320" height="320" fill="#808696"/>'
    '<path d="M100 90h120v90H100zM100 165l36-32 30 26 20-16 34 28" fill="none" stroke="#fff" stroke-width="8"/>'
    '<text x="160" y="232" fill="#fff" font-family="sans-serif" font-size="30" text-anchor="middle">{text}</text></svg>'
)

_FACE = """
SELECT photo_id, x, y, width, height, webp FROM face LEFT JOIN thumbnail ON face_id = face.id WHERE face.id = ?
"""


def photo_thumbnail(photo_id: int, digest: bytes | None) -> str:
    """Return the address of the thumbnail of a photo."""
    return url_for("library.photo_thumbnail", photo_id=photo_id, v=photo_version(digest))


def photo_preview(photo_id: int, digest: bytes | None) -> str:
    """Return the address of the preview of a photo."""
    return url_for("library.photo_preview", photo_id=photo_id, v=photo_version(digest))


def face_thumbnail(face_id: int, digest: bytes | None, box: Box) -> str:
    """Return the address of the thumbnail of a face."""
    return url_for("library.face_thumbnail", face_id=face_id, v=face_version(digest, box))


def photo_version(digest: bytes | None) -> str:
    """Return a text that differs for photos with other bytes."""
    return digest.hex()[:_VERSION_DIGITS] if digest else ""


def face_version(digest: bytes | None, box: Box) -> str:
    """Return a text that differs for faces of other photos, and other boxes."""
    return f"{photo_version(digest)}-{box.x}-{box.y}-{box.width}-{box.height}"


blueprint.add_app_template_global(photo_thumbnail)
blueprint.add_app_template_global(photo_preview)
blueprint.add_app_template_global(face_thumbnail)


@blueprint.get("/pictures/photos/<int:photo_id>.webp", endpoint="photo_thumbnail")
def show_photo_thumbnail(photo_id: int) -> Response:
    """Send a photo, at most 320 pixels large."""
    photo = _find_photo(photo_id)
    version = photo_version(photo.digest)
    return _respond(lambda: current_pictures().thumbnail(photo), version, "image/webp")


@blueprint.get("/pictures/previews/<int:photo_id>.jpg", endpoint="photo_preview")
def show_photo_preview(photo_id: int) -> Response:
    """Send a photo, at most 1,600 pixels large."""
    photo = _find_photo(photo_id)
    version = photo_version(photo.digest)
    return _respond(lambda: current_pictures().preview(photo), version, "image/jpeg")


@blueprint.get("/pictures/faces/<int:face_id>.webp", endpoint="face_thumbnail")
def show_face_thumbnail(face_id: int) -> Response:
    """Send the picture of a face that the library has, or cut it from its photo."""
    with current_library().reading() as connection:
        found = connection.execute(_FACE, (face_id,)).fetchone()
    if not found:
        raise NotFound
    photo_id, *sides, webp = found
    photo, box = _find_photo(photo_id), Box(*sides)
    if webp is None and box not in photo.boxes:
        raise NotFound

    def make() -> bytes:
        return webp or current_pictures().thumbnail(photo, face_kind(box))

    return _respond(make, face_version(photo.digest, box), "image/webp")


def _find_photo(photo_id: int) -> StoredPhoto:
    photo = StoredPhoto.load(current_library(), photo_id)
    if photo is None:
        raise NotFound
    return photo


def _respond(make: Callable[[], bytes], version: str, media_type: str) -> Response:
    """Send a picture, or a placeholder that says why there is none. A browser that has this version gets status 304."""
    response = current_app.response_class(mimetype=media_type)
    if version in request.if_none_match:
        response.status_code = 304
    else:
        try:
            response.data = make()
        except PhotoError as error:
            placeholder = _PLACEHOLDER.format(text=_MESSAGES.get(error.code, _UNREADABLE))
            return Response(placeholder, mimetype="image/svg+xml", headers={"Cache-Control": "private, no-cache"})
    response.set_etag(version)
    current = request.args.get("v") == version
    lifetime = f"max-age={_CACHE_SECONDS}, immutable" if current else "no-cache"
    response.headers["Cache-Control"] = f"private, {lifetime}"
    return response
