"""Groups of unknown faces: the largest first, the faces of one, *Who is this?*, and grouping of new faces."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from app import text
from app.enrollment.enroll import DEBATABLE
from app.enrollment.photo_review import PhotoOutcome
from app.errors import FacesError, LibraryLocked
from app.gallery import names
from app.library import group_naming, group_pages, suggestions
from app.library import groups as face_groups
from app.library.group_naming import REVIEWED, GroupReview
from app.library.group_pages import Cursor
from app.library.groups import Grouping
from app.library.store import Library
from app.web import inline_images
from app.web.admin.add_person import LABELS
from app.web.admin.blueprint import entered_record, form_ids
from app.web.library.blueprint import blueprint, current_library, open_library, show_message, unavailable_page
from app.web.library.decisions import NONE_SELECTED, ask_person
from app.web.library.name_choices import allowed_name, find_choices
from app.web.library.naming import run_naming
from app.web.progress_stream import Page, Step, Steps, respond
from app.web.recognizer_loading import current_gallery, current_recognizer
from app.web.uploads import current_settings

PAGE_SIZE = 24
"""Groups on a page."""
FACES = 60
"""Faces of a group on a page."""

_STEP_SECONDS = 0.5


@dataclass(frozen=True)
class OutcomeView:
    """A reviewed face on the page: its photo, the color and label of its outcome, and its crop as a data URI."""

    photo: str
    kind: str
    label: str
    reason: str
    crop: str | None


@blueprint.get("/groups")
def list_groups() -> str:
    """Show the largest groups, or those after the cursor `after`."""
    return _groups_page(Cursor.parse(request.args.get("after", "")))


def _groups_page(after: Cursor | None = None, grouping: Grouping | None = None) -> str:
    with current_library().reading() as connection:
        tiles, following = group_pages.list_largest(connection, PAGE_SIZE, after)
        total = group_pages.count_groups(connection)
        pairs = len(suggestions.list_stored(connection))
    return render_template(
        "library/groups.html",
        groups=tiles,
        after=after,
        following=following,
        total=total,
        pairs=pairs,
        grouping=grouping,
    )


@blueprint.get("/groups/<int:number>")
def show_group(number: int) -> ResponseReturnValue:
    """Show a page of the faces of a group, the clearest first."""
    page = request.args.get("page", 1, type=int)
    with current_library().reading() as connection:
        size = group_pages.measure_group(connection, number)
        last = -(-size.faces // FACES) if size else 0
        if size is None or not 1 <= page <= last:
            raise NotFound
        faces = group_pages.list_faces(connection, number, FACES, (page - 1) * FACES)
    return render_template("library/group.html", number=number, size=size, faces=faces, page=page, last=last)


@blueprint.post("/groups/<int:number>/faces")
def remove_faces(number: int) -> ResponseReturnValue:
    """Remove the selected faces from a group, since they show other people."""
    faces, library = list(dict.fromkeys(form_ids("face"))), current_library()
    if not faces:
        return show_message(NONE_SELECTED, "problem")
    face_groups.remove_faces(library, number, faces)
    with library.reading() as connection:
        remaining = group_pages.measure_group(connection, number)
    address = None if remaining else url_for("library.list_groups")
    return show_message(f"{text.count(len(faces), 'face')} removed from group {number}.", address=address)


@blueprint.post("/groups/<int:number>/name")
def name_group(number: int) -> ResponseReturnValue:
    """Review and enroll the faces of a group, and name it: `name` is typed, `person` was chosen.

    `allow` are outcomes to enroll anyway, and with `confirm` no face is enrolled. The fields of the person's record are
    optional, unless `FACES_REQUIRE_BASIS` is on.
    """
    library, form, record = current_library(), request.form, entered_record()
    name = names.clean(form.get("person") or form.get("name", ""))
    known = allowed_name(library, current_gallery(), name)
    if known is None and "person" not in form and find_choices(library, current_gallery(), name).people:
        return ask_person(name, list(record.items()))
    name = known or name
    if "confirm" in form:
        faces = group_naming.confirm_group(library, number, name)
        sentence = f"{text.count(faces, 'face')} confirmed as {name}. None was enrolled."
        return show_message(sentence, address=url_for("library.list_groups"))
    with library.lock():
        # An unknown group, another run, or a missing basis is an error before the answer begins.
        members = face_groups.members(library, number)
    current_gallery().check_record(name, record)
    return respond(_name(number, members, name, form.getlist("allow"), record))


def _name(number: int, members: Sequence[int], name: str, allow: Sequence[str], record: Mapping[str, str]) -> Steps:
    recognizer = current_recognizer()
    with open_library() as library, library.lock():
        outcomes: list[PhotoOutcome] = []
        most = min(REVIEWED, len(members))
        yield Step(f"Reading face 1 of {most}…")
        for outcome in group_naming.examine_group(library, recognizer, members):
            outcomes.append(outcome)
            if len(outcomes) < most:
                yield Step(f"Reading face {len(outcomes) + 1} of {most}…")
        yield Step("Comparing the faces with the gallery…")
        review = group_naming.compare_group(recognizer, number, name, members, outcomes)
        review = review.allow([outcome for outcome in allow if outcome in DEBATABLE])
        if not group_naming.can_enroll(recognizer.gallery, review):
            return _named_page(review, named=0, change=None)
        review = group_naming.name_group(library, recognizer, review, record)
        change = library.last_change
    named = None
    # Another run may have begun meanwhile, and the group has its name.
    with suppress(LibraryLocked):
        thread = yield from run_naming(library.folder, recognizer)
        named = thread.report.named + thread.report.renamed
    return _named_page(review, named, change)


def _named_page(review: GroupReview, named: int | None, change: int | None) -> Page:
    library, enrollment = current_library(), review.enrollment
    with library.reading() as connection:
        person = connection.execute("SELECT id FROM person WHERE key = ?", (names.key(enrollment.name),)).fetchone()
    page = render_template(
        "library/group_named.html",
        review=review,
        enrollment=enrollment,
        outcomes=[_outcome(photo) for photo in enrollment.photos],
        debatable=sorted({photo.outcome for photo in enrollment.photos} & set(DEBATABLE)),
        named=named,
        change=change,
        person_id=person and person[0],
        record=entered_record(),
    )
    return page, 200


def _outcome(photo: PhotoOutcome) -> OutcomeView:
    kind, label, sentence = LABELS[photo.outcome]
    crop = None if photo.face is None else inline_images.crop(photo.face.crop)
    reason = photo.reason if photo.accepted else sentence or photo.reason
    return OutcomeView(photo.file.rpartition("/")[2], kind, label, reason, crop)


@blueprint.post("/grouping")
def group_faces() -> ResponseReturnValue:
    """Group the unknown faces that were added since, and find similar groups."""
    with current_library().lock():
        # Another run is an error before the answer begins.
        pass
    return respond(_group(cast(Path, current_settings().library)))


class _GroupingThread(threading.Thread):
    """Groups faces with a connection of its own; also if the client leaves."""

    def __init__(self, folder: Path) -> None:
        super().__init__(name="library_grouping")
        self._folder = folder
        self.state = "Grouping the unknown faces…"
        self.grouping = Grouping()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            with Library.open(self._folder) as library, library.lock():
                self.grouping = face_groups.group_faces(library)
                self.state = "Comparing groups and people…"
                suggestions.store_suggestions(library)
        except Exception as error:
            self.error = error


def _group(folder: Path) -> Steps:
    thread = _GroupingThread(folder)
    thread.start()
    while thread.is_alive():
        yield Step(thread.state)
        thread.join(_STEP_SECONDS)
    if isinstance(thread.error, FacesError):
        return unavailable_page(thread.error)
    if thread.error:
        raise thread.error
    return _groups_page(grouping=thread.grouping), 200


@blueprint.get("/grouping")
def grouping_ended() -> ResponseReturnValue:
    """Show the groups after a reload of the page."""
    return redirect(url_for("library.list_groups"), 303)


@blueprint.get("/groups/<int:number>/name")
def naming_group_ended(number: int) -> ResponseReturnValue:
    """Show the group, or all if it has a name now, after a reload of the page with the outcomes."""
    with current_library().reading() as connection:
        is_unknown = group_pages.measure_group(connection, number)
    group = url_for("library.show_group", number=number)
    return redirect(group if is_unknown else url_for("library.list_groups"), 303)
