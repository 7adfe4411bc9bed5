"""Gallery check page: findings that make identifications wrong, with advice and links to the people."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from flask import Response, make_response

from app import text
from app.enrollment import gallery_check
from app.enrollment.gallery_check import Finding
from app.errors import PersonNotFound
from app.gallery.people import Anchor
from app.recognition import impostor_faces
from app.recognition.recognizer import Recognizer
from app.tracing import stage
from app.web.admin.blueprint import blueprint, render
from app.web.progress_stream import Steps, prevent_caching, respond
from app.web.recognizer_loading import current_recognizer

MAX_ANCHORS = 60_000
"""Largest gallery that is checked within the request deadline."""

SHOWN, LISTED = 10, 500
"""Findings of a kind that the page shows, and that it contains."""

TITLES = {
    "outlier": "Reference photos unlike the others of their person",
    "duplicate": "Duplicate reference photos",
    "confused": "Easily confused people",
    "few": "Too few reference photos",
    "wide": "Inconsistent reference photos",
    "impostor": "Names that unknown people would get",
}
"""Headings by kind of finding."""


@dataclass(frozen=True)
class FindingView:
    """A finding: one or two people by name and ID, its sentence, and the anchors concerned."""

    person: str
    person_id: int
    other: str | None
    other_id: int | None
    detail: str
    anchors: tuple[Anchor, ...]


@dataclass(frozen=True)
class Group:
    """The findings of one kind, the worst first: `shown` first, and the `rest` on demand."""

    title: str
    advice: str
    count: int
    shown: tuple[FindingView, ...]
    rest: tuple[FindingView, ...]


@blueprint.get("/check")
def gallery_check_form() -> str:
    """Show what the check does, and the button that starts it."""
    snapshot = current_recognizer().gallery.snapshot()
    anchors = int(snapshot.offsets[-1])
    large = anchors > MAX_ANCHORS
    return render("gallery_check.html", people=len(snapshot), anchors=anchors, large=large, limit=MAX_ANCHORS)


@blueprint.post("/check")
def check_gallery() -> Response:
    """Check the gallery and show the findings."""
    recognizer = current_recognizer()
    if recognizer.gallery.snapshot().offsets[-1] > MAX_ANCHORS:
        return prevent_caching(make_response(gallery_check_form()))
    return respond(_check(recognizer))


def _check(recognizer: Recognizer) -> Steps:
    gallery = recognizer.gallery
    snapshot = gallery.snapshot()
    yield f"Checking {text.count(len(snapshot), 'person')}…"
    impostors = impostor_faces.read_impostors(recognizer.settings.model, recognizer.network.card)
    with stage("check"):
        result = gallery_check.check_gallery(snapshot, recognizer.rules(snapshot), impostors)
    ids = dict(zip(snapshot.names, snapshot.ids, strict=True))
    own_names = {person.name for person in gallery.added_people()}
    own = [finding for finding in result.findings if finding.concerns(own_names)]
    shipped = [finding for finding in result.findings if not finding.concerns(own_names)]
    page = render(
        "gallery_check.html",
        result=result,
        people=result.people,
        anchors=result.anchors,
        impostors=result.impostors,
        fpir=result.measured_fpir,
        own=_groups(recognizer, own, ids),
        shipped=_groups(recognizer, shipped, ids),
        time=time.strftime("%H:%M", time.gmtime()),
    )
    return page, 200


def _groups(recognizer: Recognizer, findings: Sequence[Finding], ids: Mapping[str, int]) -> list[Group]:
    groups = []
    for kind, items in groupby(findings, key=lambda finding: finding.kind):
        found = list(items)
        views = tuple(_view(recognizer, finding, ids) for finding in found[:LISTED])
        groups.append(Group(TITLES[kind], found[0].advice, len(found), views[:SHOWN], views[SHOWN:]))
    return groups


def _view(recognizer: Recognizer, finding: Finding, ids: Mapping[str, int]) -> FindingView:
    anchors: list[Anchor] = []
    # The person may have been removed since the snapshot.
    with suppress(PersonNotFound):
        anchors = recognizer.gallery.anchors(ids[finding.person]) if finding.rows else []
    concerned = tuple(anchors[row] for row in finding.rows if row < len(anchors))
    detail = finding.detail
    if concerned:
        detail = f"{text.count(len(concerned), 'reference photo')} {detail}"
    other_id = None if finding.other is None else ids[finding.other]
    return FindingView(finding.person, ids[finding.person], finding.other, other_id, detail, concerned)
