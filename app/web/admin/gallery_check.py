"""Gallery check page: findings that make identifications wrong, with advice and links to the people."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template
from flask.typing import ResponseReturnValue

from app import text
from app.enrollment import gallery_check
from app.enrollment.gallery_check import Finding
from app.errors import PersonNotFound
from app.gallery.people import Anchor
from app.gallery.snapshot import Snapshot
from app.gallery.store import Gallery
from app.recognition import impostor_faces
from app.recognition.recognizer import Recognizer
from app.tracing import stage
from app.web.admin.blueprint import blueprint
from app.web.admin.people import suggestions
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

SHOWN, LISTED = 10, 500
"""Findings of a kind that the page shows at first, and that it contains."""


@dataclass(frozen=True, eq=False)
class FindingView:
    """A finding and the anchors concerned."""

    finding: Finding
    anchors: Sequence[Anchor]


@dataclass(frozen=True, eq=False)
class FindingGroup:
    """Findings of a kind on the page, out of `total`; `key` is unique on the page."""

    key: str
    title: str
    findings: Sequence[FindingView]
    total: int

    @property
    def anchor_ids(self) -> list[int]:
        """The anchors of all findings, each once."""
        return list(dict.fromkeys(anchor.id for view in self.findings for anchor in view.anchors))


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
    own_names = {person.name for person in gallery.added_people()}
    own = [finding for finding in result.findings if finding.concerns(own_names)]
    shipped = [finding for finding in result.findings if not finding.concerns(own_names)]
    page = render_template(
        "admin/gallery_check.html",
        result=result,
        own=_group("own", own, gallery, snapshot),
        shipped=_group("shipped", shipped, gallery, snapshot),
        ids=dict(zip(snapshot.names, snapshot.ids, strict=True)),
        time=time.strftime("%H:%M", time.gmtime()),
        shown=SHOWN,
        names=suggestions(),
    )
    return page, 200


def _group(prefix: str, findings: Sequence[Finding], gallery: Gallery, snapshot: Snapshot) -> list[FindingGroup]:
    """Group findings by kind, the worst first."""
    groups, positions = [], {name: position for position, name in enumerate(snapshot.names)}
    for kind, title in TITLES.items():
        found = [finding for finding in findings if finding.kind == kind]
        views = [
            FindingView(finding, _find_anchors(finding, positions[finding.person], gallery, snapshot))
            for finding in found[:LISTED]
        ]
        if views:
            groups.append(FindingGroup(f"{prefix}-{kind}", title, views, len(found)))
    return groups


def _find_anchors(finding: Finding, position: int, gallery: Gallery, snapshot: Snapshot) -> list[Anchor]:
    """Return the anchors of a finding, none if those of the person at `position` changed since the snapshot."""
    if not finding.rows:
        return []
    try:
        anchors = gallery.anchors(snapshot.ids[position])
    except PersonNotFound:
        return []
    current = len(anchors) == snapshot.counts[position]
    return [anchors[row] for row in finding.rows] if current else []
