"""Cross-origin resource sharing (CORS): pages of the origins in the settings may use the API."""

import re

from flask import Flask, Response, request
from werkzeug.datastructures import HeaderSet

from app.errors import SettingsError
from app.settings import Settings
from app.web.uploads import current_settings

_API = "/api/v1/"
_ORIGIN = re.compile(r"\*|https?://[a-z0-9_.:\[\]-]+")
_MAX_AGE = 600  # seconds that browsers remember a preflight


def install(app: Flask, settings: Settings) -> None:
    """Add CORS headers to responses of the API. It ignores cookies, so pages of other origins need the token."""
    for origin in settings.allowed_origins:
        if not _ORIGIN.fullmatch(origin):
            raise SettingsError(
                f"FACES_CORS_ORIGINS has {origin!r}. Use off, *, or origins with commas, with http:// or https:// and "
                "without a path: https://app.example,http://localhost:3000."
            )

    def add_headers(response: Response) -> Response:
        if not request.path.startswith(_API):
            return response
        origin = allowed_origin()
        if origin != "*":
            response.vary.add("Origin")
        if origin is not None:
            response.access_control_allow_origin = origin
            response.access_control_expose_headers = HeaderSet(["ETag", "Retry-After", "X-Request-ID"])
        if origin is not None and request.method == "OPTIONS":
            response.access_control_allow_methods = response.allow
            response.access_control_allow_headers = HeaderSet(["Authorization", "Content-Type", "X-Request-ID"])
            response.access_control_max_age = _MAX_AGE
        return response

    if settings.allowed_origins:
        app.after_request(add_headers)


def allowed_origin() -> str | None:
    """Return the origin that may use this address: that of the request, `*` for any, or None."""
    origins, origin = current_settings().allowed_origins, request.headers.get("Origin", "")
    if not request.path.startswith(_API):
        return None
    if "*" in origins:
        return "*"
    return origin if origin.lower() in origins else None
