"""What the API's routes that change the gallery take and answer; `schema` has the others."""

from __future__ import annotations

from typing import Literal

from flask_openapi3 import FileStorage
from pydantic import Field

from app.gallery.people import LARGEST_ID
from app.web.api import schema
from app.web.api.schema import Exact


class AddQuery(Exact):
    """Whom the photos show, and what to do with them."""

    name: str = Field(max_length=200, description="the person's, new or known")
    review: bool = Field(False, description="only say what would become of the photos")
    allow: list[Literal["duplicate", "unlike", "lookalike"]] = Field(
        [], description="outcomes that are learnt all the same"
    )
    face: list[str] = Field(
        [],
        description="which face of a photo with several, counted from the left: FILE=NUMBER such as us.jpg=2, or "
        "POSITION=NUMBER such as 3=2 for the third photo of the request, where several photos have one name",
    )


class RemoveQuery(Exact):
    """How something is removed."""

    now: bool = Field(False, description="erase at once and for good, instead of after FACES_RECOVERY_DAYS")


class ChangesQuery(Exact):
    """How many changes."""

    limit: int = Field(20, ge=1, le=schema.MOST_PEOPLE, description="changes in the answer, at most")


class FacePath(schema.PersonPath):
    """Which anchor of which person."""

    face_id: int = Field(ge=0, le=LARGEST_ID, description="the id that the list of them gives")


class RejectedPath(Exact):
    """Which rejected face."""

    face_id: int = Field(ge=0, le=LARGEST_ID, description="the id that the list of them gives")


class ChangePath(Exact):
    """Which change."""

    change_id: int = Field(ge=0, le=LARGEST_ID, description="the id that the list of changes gives")


class Photos(Exact):
    """Photos, one or several."""

    image: list[FileStorage] = Field(min_length=1, description="a picture file; the field may come several times")


class NewName(Exact):
    """A person's new name."""

    name: str = Field(max_length=200)


class Into(Exact):
    """Whom a person is merged into."""

    into: int = Field(ge=0, le=LARGEST_ID, description="the id of the person who stays")


class PhotoOutcome(Exact):
    """What became, or would become, of a photo."""

    file: str
    outcome: Literal[
        "accepted", "unreadable", "no_face", "several_faces", "low_quality", "duplicate", "unlike", "lookalike"
    ]
    reason: str = Field(description="why, for a person")
    faces: list[schema.Box] = Field(description="all faces in it, from left to right")
    other: str | None = Field(description="whom the face looks like, for a lookalike")


class SelfCheck(Exact):
    """How many of a person's photos would be named if they were new, each compared with the others (leave-one-out)."""

    named: int = Field(ge=0)
    photos: int = Field(ge=1)
    message: str = Field(description="result and advice as sentences")


class Enrollment(Exact):
    """What became of a person's photos: all accepted photos are enrolled together, or none."""

    name: str
    entered: int = Field(ge=0, description="photos that were learnt")
    person: schema.Person | None = Field(description="as they are now, null if nothing entered")
    photos: list[PhotoOutcome]
    check: SelfCheck | None = Field(description="null if nothing was enrolled")


class KeptFace(Exact):
    """An anchor, or a face that was marked as not this person."""

    id: int
    person: str
    note: str = Field(description="where it came from")
    created: str = Field(description="when, UTC")


class KeptFaces(Exact):
    """Some of them."""

    faces: list[KeptFace]


class Change(Exact):
    """A change of the gallery."""

    id: int
    change: str = Field(description="what was done")
    created: str = Field(description="when, UTC")
    reversible: bool = Field(description="whether undo could take it back, once it is the newest such change")
    undone: str | None = Field(description="when it was taken back")


class Changes(Exact):
    """The last changes, the newest first."""

    changes: list[Change]


class Undone(Exact):
    """What was taken back."""

    change: str


class RemovedPerson(schema.Person):
    """Someone who was removed and can be restored."""

    removed: str = Field(description="when, UTC")


class Removed(Exact):
    """Those who can be restored, the last removed first."""

    people: list[RemovedPerson]
