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
    purge: bool = Field(False, description="Erase immediately instead of after FACES_RECOVERY_DAYS")


class ChangesQuery(StrictModel):
    limit: int = Field(20, ge=1, le=schema.PAGE_SIZE, description="Most changes in the response")


class AnchorPath(schema.PersonPath):
    face_id: Id = Field(description="ID of the list of anchors")


class RejectedFacePath(StrictModel):
    face_id: Id = Field(description="ID of the list of rejected faces")


class ChangePath(StrictModel):
    change_id: Id = Field(description="ID of the list of changes")


class RenameBody(StrictModel):
    name: str = Field(max_length=200)


class MergeBody(StrictModel):
    into: Id = Field(description="ID of the remaining person")


class PhotoOutcome(StrictModel):
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
    faces: list[StoredFace]


class Change(StrictModel):
    id: int
    change: str = Field(description="Description of the change")
    created: str = Field(description="Time of the change, UTC")
    reversible: bool = Field(description="Whether it can be undone once it is the latest such change")
    undone: str | None = Field(description="Time of the undo, or null")


class Changes(StrictModel):
    changes: list[Change]


class UndoneChange(StrictModel):
    change: str


class RemovedPerson(schema.Person):
    removed: str = Field(description="Time of removal, UTC")


class RemovedPeople(StrictModel):
    people: list[RemovedPerson]
