"""Health checks for whoever runs the server: is it alive, and is it ready to name faces?"""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from app.errors import ServiceUnavailable
from app.web.api.responses import answer
from app.web.recognizer_loading import RETRY_SECONDS, current_recognizer, loading_of

blueprint = Blueprint("health", __name__)


@blueprint.get("/live")
def live() -> Response:
    """200 as long as the process answers."""
    return answer({"status": "alive"})


@blueprint.get("/ready")
def ready() -> Response:
    """200 once network and gallery are loaded and warm, and what they are; until then 503 and why."""
    try:
        recognizer = current_recognizer()
    except ServiceUnavailable as error:
        # The reason itself names files of the server: it stands in the log, not in an answer to strangers.
        body = {"status": "failed" if loading_of(current_app).error else "loading", "reason": str(error)}
        return answer(body, 503, headers={"Retry-After": str(RETRY_SECONDS)})
    people = recognizer.gallery.people()
    return answer(
        {
            "status": "ready",
            "detector": recognizer.detector.backend,
            "network": recognizer.network.card.id,
            "fpir": recognizer.settings.fpir,
            "people": len(people),
            "anchors": sum(person.anchors for person in people),
        }
    )
