"""The gallery's health as a page: what makes names wrong, what to do about each, and for whom."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from flask import Response, make_response

from app import text
from app.enrollment import gallery_check
from app.enrollment.gallery_check import Finding, Health
from app.errors import PersonNotFound
from app.gallery.people import Anchor
from app.recognition import impostor_faces
from app.recognition.recognizer import Recognizer
from app.tracing import stage
from app.web import progress_stream
from app.web.admin.blueprint import blueprint, page
from app.web.progress_stream import Work
from app.web.recognizer_loading import current_recognizer

LARGEST = 60_000
"""With more anchors a check takes longer than a page may: the command does it."""

SHOWN, LISTED = 10, 500
"""Findings of a kind that are shown at once, and that are in the page at all."""

TITLES = {
    "outlier": "Anchors unlike the rest of their person",
    "duplicate": "Nearly the same picture twice",
    "confused": "People who are taken for each other",
    "few": "Too few anchors",
    "wide": "Anchors too far from each other",
    "stranger": "Names that strangers would get",
}
"""What each kind of finding is called."""


@dataclass(frozen=True)
class FindingView:
    """A finding: the people it is about by name and id, its sentence, and the anchors meant."""

    person: str
    person_id: int
    other: str | None
    other_id: int | None
    detail: str
    anchors: tuple[Anchor, ...]


@dataclass(frozen=True)
class Group:
    """The findings of one kind, the gravest first, and what to do about them: `shown` at once, and the `rest`."""

    title: str
    advice: str
    count: int
    shown: tuple[FindingView, ...]
    rest: tuple[FindingView, ...]


@blueprint.get("/health")
def gallery_check_form() -> str:
    """What a check does, and the button that starts it."""
    snapshot = current_recognizer().gallery.snapshot()
    anchors = int(snapshot.offsets[-1])
    large = anchors > LARGEST
    return page(
        "gallery_check.html", people=len(snapshot), anchors=anchors, large=large, found=None, own=(), shipped=()
    )


@blueprint.post("/health")
def check_gallery() -> Response:
    """Check the whole gallery and show what was found."""
    recognizer = current_recognizer()
    if recognizer.gallery.snapshot().offsets[-1] > LARGEST:
        return progress_stream.unkept(make_response(gallery_check_form()))
    return progress_stream.answer(_checked(recognizer))


def _checked(recognizer: Recognizer) -> Work:
    card, gallery = recognizer.network.card, recognizer.gallery
    snapshot = gallery.snapshot()
    yield f"Looking at {text.count(len(snapshot), 'person')}…"
    faces = impostor_faces.read_impostors(recognizer.settings.model, card)
    with stage("check"):
        found = gallery_check.check(snapshot, recognizer.rules(snapshot), faces)
    ids = dict(zip(snapshot.names, snapshot.ids, strict=True))
    own_names = {person.name for person in gallery.own_people()}
    own = [finding for finding in found.findings if finding.concerns(own_names)]
    shipped = [finding for finding in found.findings if not finding.concerns(own_names)]
    return _page(found, _groups(recognizer, own, ids), _groups(recognizer, shipped, ids)), 200


def _page(found: Health, own: Sequence[Group], shipped: Sequence[Group]) -> str:
    at = time.strftime("%H:%M", time.gmtime())
    return page(
        "gallery_check.html",
        people=found.people,
        anchors=found.anchors,
        large=False,
        found=found,
        own=own,
        shipped=shipped,
        at=at,
    )


def _groups(recognizer: Recognizer, findings: Sequence[Finding], ids: Mapping[str, int]) -> list[Group]:
    kinds = groupby(findings, key=lambda finding: finding.kind)
    return [_group(recognizer, kind, list(group), ids) for kind, group in kinds]


def _group(recognizer: Recognizer, kind: str, found: Sequence[Finding], ids: Mapping[str, int]) -> Group:
    listed = tuple(_view(recognizer, one, ids) for one in found[:LISTED])
    return Group(TITLES[kind], found[0].advice, len(found), listed[:SHOWN], listed[SHOWN:])


def _view(recognizer: Recognizer, one: Finding, ids: Mapping[str, int]) -> FindingView:
    own: list[Anchor] = []
    # Somebody may have been removed while the others were looked at.
    with suppress(PersonNotFound):
        own = recognizer.gallery.anchors(ids[one.person]) if one.rows else []
    anchors = tuple(own[row] for row in one.rows if row < len(own))
    # The page makes links of both names of a pair, so the sentence begins after them.
    detail = one.detail.removeprefix(f"and {one.other}: ")
    if anchors:
        detail = f"{text.count(len(anchors), 'anchor')} {detail}"
    return FindingView(one.person, ids[one.person], one.other, one.other and ids[one.other], detail, anchors)
