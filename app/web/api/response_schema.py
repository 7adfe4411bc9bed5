"""Pydantic models of API responses, which `app.serialization` builds."""

from datetime import datetime

from pydantic import Field, NonNegativeInt, RootModel

from app.enrollment.photo_review import OutcomeCode
from app.recognition.decision import PairKind, VerdictKind
from app.web.api.schema import StrictModel


class Box(StrictModel):
    """Bounding box of a face, in pixels of the upright photo."""

    x: NonNegativeInt
    y: NonNegativeInt
    width: NonNegativeInt
    height: NonNegativeInt


class RankedPerson(StrictModel):
    """A person of a ranking; `mean`, `min` and `std` are of the scores against single anchors."""

    person: str
    class_distance: float = Field(ge=0, le=1, description="Distance to the person's template: 0 same ... 1 different")
    mean: float = Field(ge=0, le=1)
    min: float = Field(ge=0, le=1)
    std: float = Field(ge=0)
    anchors: int = Field(ge=1)


class Face(StrictModel):
    """An identified face. Without a usable face the distances are null and the ranking is empty."""

    box: Box
    confidence: float = Field(description="Confidence of the detector")
    verdict: VerdictKind
    person: str | None = Field(description="The matched person. Null for other verdicts.")
    class_distance: float | None = Field(description="Distance to the closest person: 0 same ... 1 different")
    threshold: float | None = Field(description="Largest class distance that matches the closest person")
    candidates: list[str] = Field(description="People whom an ambiguous face may show. Empty for other verdicts.")
    look_alike: str | None = Field(
        description="Closest person of an unknown face, within the distance of look-alikes. Null if none is."
    )
    reason: str = Field(description="Explanation of the verdict, for people")
    ranking: list[RankedPerson] = Field(description="Closest people first")


class PhotoError(StrictModel):
    """Why one photo of several has no result."""

    code: str = Field(examples=["unreadable"])
    message: str


class PhotoResult(StrictModel):
    """Faces of a photo, from left to right. Sizes and rate are null if the server cannot read the photo."""

    file: str = Field(description="File name that the client sent")
    error: PhotoError | None
    width: int | None
    height: int | None
    fpir: float | None = Field(description="False positive identification rate of the verdicts")
    faces: list[Face]


class PhotoResults(StrictModel):
    photos: list[PhotoResult]


class Identification(RootModel[PhotoResult | PhotoResults]):
    """The result of one photo, or the results of several."""


class ComparedFace(StrictModel):
    index: int = Field(ge=1, description="Position in its photo, counted from the left, from 1")
    box: Box
    confidence: float


class FacePair(StrictModel):
    a: ComparedFace
    b: ComparedFace


class Comparison(StrictModel):
    error: None
    score: float = Field(ge=0, le=1, description="0 same person ... 1 different people")
    threshold: float = Field(description="Largest score of the same person, for this number of pairs")
    verdict: PairKind
    pairs: int = Field(ge=1, description="Number of compared pairs")
    faces: FacePair


class Person(StrictModel):
    id: int
    person: str = Field(description="The person's name")
    aliases: list[str] = Field(description="Other names of the person, which searches and names in requests also find")
    anchors: NonNegativeInt = Field(description="Number of enrolled reference photos")
    portrait: str | None = Field(description="Address of the portrait, or null")


class SearchedFiles(StrictModel):
    """A search for erased data in all bytes of files."""

    searched: dict[str, int] = Field(description="Number of erased pictures and embeddings, by kind")
    files: list[str] = Field(description="Searched files. Empty for PostgreSQL, whose files are not searched")
    bytes: NonNegativeInt = Field(description="Size of the files")
    remains: dict[str, int] = Field(description="Number of pieces of 32 bytes that are still there, by kind")


class LibraryErasure(StrictModel):
    """What was erased from the library of FACES_LIBRARY."""

    faces: NonNegativeInt
    tags: NonNegativeInt
    photos: NonNegativeInt = Field(description="Photos with these faces or tags. The photos themselves stay")
    sidecars: int | None = Field(description="Changed sidecars, null unless the request has `sidecars`")
    search: SearchedFiles


class Erasure(StrictModel):
    """What was erased, and the proof."""

    people: list[str] = Field(description="Names of the erased people: the person, and who was merged into them")
    gallery: SearchedFiles
    library: LibraryErasure | None = Field(description="Null without FACES_LIBRARY")
    complete: bool = Field(description="Whether nothing remains, and all sidecars could be written")
    problems: list[str] = Field(description="What remains and what to do, for people")


class RemovedOrErased(Person):
    erasure: Erasure | None = Field(description="Null unless the request has `purge`")


class OptOutPerson(StrictModel):
    id: int
    person: str


class OptOut(StrictModel):
    """An entry of the opt-out list."""

    id: int
    name: str | None
    has_face: bool = Field(description="Whether the person is recognized by a face")
    reference: str | None
    created: datetime = Field(description="Time of creation, UTC")
    people: list[OptOutPerson] = Field(description="People of the gallery who are not named because of the name")


class OptOuts(StrictModel):
    opt_outs: list[OptOut]


class RenamedPerson(Person):
    warning: str | None = Field(description="A sentence, if a new name looks like the name of another person")


class People(StrictModel):
    people: list[Person]
    total: int = Field(description="Number of people on all pages")
    next: str | None = Field(description="Address of the next page. Null on the last.")
    suggestions: list[Person] = Field(description="People with similar names, the best first, if no name matches `q`")


class Spread(StrictModel):
    """Class distances of a person's anchors to their other anchors."""

    mean: float
    min: float
    max: float


class LookAlike(StrictModel):
    id: int
    person: str
    class_distance: float = Field(description="Mean distance of this person's anchors to the look-alike")
    closer_anchors: int = Field(description="Anchors that are closer to the look-alike than to their own person")


class SelfCheck(StrictModel):
    """Leave-one-out check: each enrolled photo is identified by the others."""

    identified: NonNegativeInt = Field(description="Photos that match the person")
    photos: int = Field(ge=1, description="Checked photos")
    message: str = Field(description="Result and advice, for people")


class PersonDetails(Person):
    check: SelfCheck | None = Field(description="Null for a person without anchors")
    spread: Spread | None = Field(description="Null for fewer than two anchors")
    look_alikes: list[LookAlike] = Field(description="Closest first")


class PhotoOutcome(StrictModel):
    file: str
    outcome: OutcomeCode
    reason: str = Field(description="Explanation of the outcome, for people")
    faces: list[Box] = Field(description="All faces, from left to right")
    look_alike: str | None = Field(description="Person whom the face resembles, for the outcome `look_alike`")


class Enrollment(StrictModel):
    """Result of an enrollment. ID, anchors, portrait and check are null if nothing was enrolled."""

    id: int | None
    person: str = Field(description="The person's name")
    aliases: list[str] = Field(description="Other names of the person")
    anchors: int | None = Field(description="Number of the person's reference photos after the enrollment")
    portrait: str | None = Field(description="Address of the portrait")
    enrolled: NonNegativeInt = Field(description="Number of enrolled photos")
    photos: list[PhotoOutcome]
    check: SelfCheck | None
    warning: str | None = Field(description="A sentence, if the new name looks like the name of another person")


class StoredFace(StrictModel):
    """An anchor, or a rejected face."""

    id: int
    person: str
    note: str = Field(description="Source, such as the file name")
    created: datetime = Field(description="Time of creation, UTC")


class StoredFaces(StrictModel):
    faces: list[StoredFace]


class Change(StrictModel):
    id: int
    change: str = Field(description="Description of the change")
    created: datetime = Field(description="Time of the change, UTC")
    reversible: bool = Field(description="Whether it can be undone once it is the latest such change")
    undone: datetime | None = Field(description="Time of the undo, UTC, or null")
    actor: str | None = Field(
        description="Who made the change, such as `key:NAME`. Null for changes of earlier versions"
    )


class Changes(StrictModel):
    changes: list[Change]


class UndoneChange(StrictModel):
    change: str


class RemovedPerson(Person):
    removed: datetime = Field(description="Time of removal, UTC")


class RemovedPeople(StrictModel):
    people: list[RemovedPerson]
