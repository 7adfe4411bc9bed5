"""Pydantic models of the API routes that change the gallery."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.web.api import schema
from app.web.api.schema import Id, StrictModel


class EnrollQuery(StrictModel):
    """The person to enroll, and how to treat the photos."""

    name: str = Field(max_length=200, description="Name of a new or known person")
    review: bool = Field(False, description="Only return the outcomes and enroll nothing")
    allow: list[Literal["duplicate", "unlike", "lookalike"]] = Field(
        [], description="Outcomes that are enrolled like accepted photos"
    )
    face: list[str] = Field(
        [],
        description="Which face of a photo to enroll, counted from the left: FILE=NUMBER such as us.jpg=2, or "
        "POSITION=NUMBER such as 3=2 for the third photo. Use positions where photos share a file name.",
    )


class RemoveQuery(StrictModel):
    """How to remove."""

    purge: bool = Field(False, description="Erase immediately instead of after FACES_RECOVERY_DAYS")


class ChangesQuery(StrictModel):
    """Length of the list of changes."""

    limit: int = Field(20, ge=1, le=schema.PAGE_SIZE, description="Most changes in the response")


class AnchorPath(schema.PersonPath):
    """An anchor of a person by ID."""

    face_id: Id = Field(description="ID of the list of anchors")


class RejectedFacePath(StrictModel):
    """A rejected face by ID."""

    face_id: Id = Field(description="ID of the list of rejected faces")


class ChangePath(StrictModel):
    """A change by ID."""

    change_id: Id = Field(description="ID of the list of changes")


class RenameBody(StrictModel):
    """The new name."""

    name: str = Field(max_length=200)


class MergeBody(StrictModel):
    """The person to merge into."""

    into: Id = Field(description="ID of the remaining person")


class PhotoOutcome(StrictModel):
    """Outcome of one photo of an enrollment."""

    file: str
    outcome: Literal[
        "accepted", "unreadable", "no_face", "several_faces", "low_quality", "duplicate", "unlike", "lookalike"
    ]
    reason: str = Field(description="Explanation of the outcome, for people")
    faces: list[schema.Box] = Field(description="All faces, from left to right")
    look_alike: str | None = Field(description="Person whom the face resembles, for the outcome `lookalike`")


class SelfCheck(StrictModel):
    """Leave-one-out check: each enrolled photo is identified by the others."""

    identified: int = Field(ge=0, description="Photos that match the person")
    photos: int = Field(ge=1, description="Checked photos")
    message: str = Field(description="Result and advice, for people")


class Enrollment(StrictModel):
    """Result of an enrollment: all accepted photos are enrolled together, or none."""

    name: str
    enrolled: int = Field(ge=0, description="Number of enrolled photos")
    person: schema.Person | None = Field(description="The person after the enrollment. Null if nothing was enrolled.")
    photos: list[PhotoOutcome]
    check: SelfCheck | None = Field(description="Null if nothing was enrolled")


class StoredFace(StrictModel):
    """An anchor, or a rejected face."""

    id: int
    person: str
    note: str = Field(description="Source, such as the file name")
    created: str = Field(description="Time of creation, UTC")


class StoredFaces(StrictModel):
    """Anchors, or rejected faces."""

    faces: list[StoredFace]


class Change(StrictModel):
    """A change of the gallery."""

    id: int
    change: str = Field(description="Description of the change")
    created: str = Field(description="Time of the change, UTC")
    reversible: bool = Field(description="Whether it can be undone once it is the latest such change")
    undone: str | None = Field(description="Time of the undo, or null")


class Changes(StrictModel):
    """The latest changes, latest first."""

    changes: list[Change]


class UndoneChange(StrictModel):
    """The undone change."""

    change: str


class RemovedPerson(schema.Person):
    """A removed person who can be restored."""

    removed: str = Field(description="Time of removal, UTC")


class RemovedPeople(StrictModel):
    """People who can be restored, latest removal first."""

    people: list[RemovedPerson]
