"""A photo of the library: preview with boxes, files, and its faces with the decisions about each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from flask import render_template
from werkzeug.exceptions import NotFound

from app.arrays import FloatArray
from app.library import browsing, tags, timeline
from app.library.browsing import Photo, PhotoFace
from app.library.files import PhotoFile
from app.library.naming import OPTED_OUT
from app.recognition.decision import VerdictKind
from app.text import timestamp
from app.vision.time_span import TimeSpan
from app.web import wording
from app.web.library.blueprint import blueprint, current_library, number_argument
from app.web.library.name_choices import closest_people
from app.web.pages.face_labels import Label, place_labels
from app.web.portraits import Tile
from app.web.recognizer_loading import current_recognizer


@dataclass(frozen=True)
class VerdictView:
    """The kind of a verdict: a class of the style sheet."""

    kind: str


@dataclass(frozen=True)
class FaceView:
    """A face on the page, with the fields that templates/_photo.html needs.

    `title` is who the face shows, `words` how that is known, and `closest` are people whom a face without a name may
    show. `label` is None for a face that is in another frame of a video than the picture, and `times` say when a video
    shows it.
    """

    face: PhotoFace
    label: Label | None
    key: str
    number: int
    verdict: VerdictView
    title: str
    name: str
    words: str
    times: str
    closest: Sequence[Tile] = ()
    correction: None = None


@dataclass(frozen=True)
class FileView:
    """A file of the photo, and what is wrong with it since it was indexed, "" if nothing is."""

    file: PhotoFile
    problem: str


@blueprint.get("/photos/<int:photo_id>")
def photo(photo_id: int) -> str:
    """Show a photo. The photos before and after it are those of `person`, or all."""
    person_id = number_argument("person")
    with current_library().reading() as connection:
        found = browsing.find_photo(connection, photo_id)
        if found is None:
            raise NotFound
        person = browsing.find_person(connection, person_id) if person_id else None
        person_id = person[0].id if person else None
        embeddings = browsing.read_embeddings(connection, photo_id)
        newer, older = timeline.find_neighbors(connection, photo_id, found.taken, person_id)
    return render_template(
        "library/photo.html",
        photo=found,
        title=_title(found),
        duration=found.duration and timestamp(found.duration),
        taken=datetime.fromisoformat(found.taken) if found.taken else None,
        files=[FileView(file, _problem(file)) for file in found.files],
        faces=_faces(found, embeddings),
        tagged=tags.of_photo(current_library(), photo_id),
        person=person[0] if person else None,
        newer=newer,
        older=older,
    )


def _title(photo: Photo) -> str:
    return photo.files[0].file.rpartition("/")[2] if photo.files else f"Photo {photo.id}"


def _problem(file: PhotoFile) -> str:
    """Say what happened to a file of this machine. Asking an object store would take too long."""
    try:
        current = file.is_current()
    except FileNotFoundError:
        return "File not found. It was moved or deleted, or its disk is not mounted."
    except OSError as error:
        return f"The file cannot be read ({error.strerror})."
    return "The file has changed since the last library index. Run it again." if current is False else ""


def _faces(photo: Photo, embeddings: Mapping[int, FloatArray]) -> list[FaceView]:
    if not photo.width or not photo.height:
        return []
    shown = [face for face in photo.faces if face.in_picture]
    boxes = [face.image.box for face in shown]
    placed = place_labels(boxes, [face.person or "" for face in shown], photo.width, photo.height)
    labels = {face.image.id: label for face, label in zip(shown, placed, strict=True)}
    return [
        FaceView(
            face=face,
            label=labels.get(face.image.id),
            key=str(face.image.id),
            number=number,
            verdict=VerdictView(_kind(face.verdict)),
            title=_name(face),
            name=face.person or "",
            words=_words(face),
            times=_times(face.time),
            closest=_closest(face, embeddings),
        )
        for number, face in enumerate(photo.faces, start=1)
    ]


def _kind(verdict: str | None) -> VerdictKind:
    return "unknown" if verdict in (None, OPTED_OUT) else cast(VerdictKind, verdict)


def _name(face: PhotoFace) -> str:
    if face.person:
        return face.person
    return f"Could be {face.candidate}" if face.candidate and face.verdict == "ambiguous" else "Unknown person"


def _closest(face: PhotoFace, embeddings: Mapping[int, FloatArray]) -> Sequence[Tile]:
    embedding = embeddings.get(face.image.id)
    if face.person or embedding is None or face.verdict in ("low_quality", OPTED_OUT):
        return ()
    return closest_people(current_recognizer(), embedding, face.rejected)


def _times(time: TimeSpan | None) -> str:
    return f"{timestamp(time.start)} to {timestamp(time.end)}, best at {timestamp(time.best)}" if time else ""


def _words(face: PhotoFace) -> str:
    if face.source == "confirmed":
        return "Confirmed"
    if face.source == "drawn":
        return "Added by hand"
    if face.verdict is None:
        return "Not judged yet"
    if face.verdict == OPTED_OUT:
        return "On the opt-out list"
    label = wording.LABELS[_kind(face.verdict)]
    # The closest person may be one whom the user ruled out.
    known = face.distance is not None and (face.person or not face.rejected)
    return f"{label}, distance {face.distance:.3f}" if known else label
