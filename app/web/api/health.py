"""Liveness and readiness checks."""

from flask import Blueprint, Response, current_app

from app.errors import GalleryError, ServiceUnavailable
from app.web.api.responses import json_response
from app.web.http_errors import describe
from app.web.recognizer_loading import current_recognizer, loader_of

blueprint = Blueprint("health", __name__, url_prefix="/healthz")


@blueprint.get("/live")
def live() -> Response:
    """Return 200 while the process answers."""
    return json_response({"status": "alive"})


@blueprint.get("/ready")
def ready() -> Response:
    """Return 200 with network and gallery size once photos can be identified, else 503."""
    try:
        recognizer = current_recognizer()
    except ServiceUnavailable as error:
        # Only the log has the cause: it can name files of the server.
        status = "failed" if loader_of(current_app).error else "loading"
        return json_response({"status": status, "reason": str(error)}, 503, headers=describe(error).headers)
    try:
        recognizer.gallery.check_file()
        people = recognizer.gallery.people()
    except GalleryError as error:
        problem = describe(error)
        return json_response({"status": "failed", "reason": problem.message}, problem.status, headers=problem.headers)
    return json_response(
        {
            "status": "ready",
            "detector": recognizer.detector.backend,
            "network": recognizer.network.card.id,
            "fpir": recognizer.settings.fpir,
            "people": len(people),
            "anchors": sum(person.anchors for person in people),
        }
    )
