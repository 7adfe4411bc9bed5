"""Gallery check page: findings that make identifications wrong, with advice and links to the people."""

import time

from flask import render_template
from flask.typing import ResponseReturnValue

from app import text
from app.enrollment import gallery_check
from app.enrollment.gallery_check import Finding
from app.errors import PersonNotFound
from app.gallery.people import Anchor
from app.recognition import impostor_faces
from app.recognition.recognizer import Recognizer
from app.tracing import stage
from app.web.admin.blueprint import blueprint
from app.web.progress_stream import Step, Steps, respond
from app.web.recognizer_loading import current_recognizer

MAX_ANCHORS = 60_000
"""Largest gallery that is checked within the request deadline."""

TITLES: dict[gallery_check.Kind, str] = {
    "outlier": "Reference photos unlike the others of their person",
    "duplicate": "Duplicate reference photos",
    "confused": "Easily confused people",
    "few": "Too few reference photos",
    "wide": "Inconsistent reference photos",
    "impostor": "Names that unknown people would get",
}
"""Headings by kind of finding, the worst kind first."""


@blueprint.get("/check")
def gallery_check_form() -> str:
    """Show what the check does, and the button that starts it."""
    snapshot = current_recognizer().gallery.snapshot()
    people, anchors = len(snapshot), int(snapshot.offsets[-1])
    return render_template("admin/gallery_check.html", people=people, anchors=anchors, limit=MAX_ANCHORS)


@blueprint.post("/check")
def check_gallery() -> ResponseReturnValue:
    """Check the gallery and show the findings."""
    recognizer = current_recognizer()
    if recognizer.gallery.snapshot().offsets[-1] > MAX_ANCHORS:
        return gallery_check_form()
    return respond(_check(recognizer))


def _check(recognizer: Recognizer) -> Steps:
    gallery = recognizer.gallery
    snapshot = gallery.snapshot()
    yield Step(f"Checking {text.count(len(snapshot), 'person')}…")
    impostors = impostor_faces.read_impostors(recognizer.settings.model, recognizer.network.card)
    with stage("check"):
        result = gallery_check.check_gallery(snapshot, recognizer.rules(snapshot), impostors)
    ids = dict(zip(snapshot.names, snapshot.ids, strict=True))
    own_names = {person.name for person in gallery.added_people()}

    def concerned_anchors(finding: Finding) -> list[Anchor]:
        try:
            anchors = gallery.anchors(ids[finding.person]) if finding.rows else []
        except PersonNotFound:  # removed since the snapshot
            return []
        return [anchors[row] for row in finding.rows if row < len(anchors)]

    page = render_template(
        "admin/gallery_check.html",
        result=result,
        own=[finding for finding in result.findings if finding.concerns(own_names)],
        shipped=[finding for finding in result.findings if not finding.concerns(own_names)],
        titles=TITLES,
        ids=ids,
        concerned_anchors=concerned_anchors,
        time=time.strftime("%H:%M", time.gmtime()),
    )
    return page, 200
