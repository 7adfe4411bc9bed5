"""Pydantic models of API requests and responses; `app.serialization` builds the responses."""

from datetime import datetime
from typing import Annotated, Literal

from flask_openapi3 import FileStorage
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, RootModel
from werkzeug.datastructures import FileStorage as WerkzeugFile

from app import serialization
from app.enrollment.photo_review import OutcomeCode
from app.gallery.people import LARGEST_ID
from app.gallery.record import BASES
from app.recognition.decision import PairKind, VerdictKind

PAGE_SIZE = 1000
"""Most rows of one page of a list."""

Id = Annotated[int, Field(ge=0, le=LARGEST_ID)]

FaceNumber = Annotated[int | None, Field(ge=1, le=1000, description="Face of the photo, counted from the left, from 1")]


class StrictModel(BaseModel):
    """A model that rejects unknown fields, so that a mistyped parameter is an error."""

    model_config = ConfigDict(extra="forbid")


class PhotoFile(FileStorage):
    """A file that was chosen: browsers send a file without a name for an empty field."""

    @classmethod
    def validate(cls, value: WerkzeugFile | str, *_args: object, **_kwargs: object) -> WerkzeugFile:
        """Reject text and files without a name."""
        if isinstance(value, str) or not value.filename:
            raise ValueError("no file")
        return value


class Problem(StrictModel):
    """Problem details (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(description="Phrase of the status", examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(description="What happened and what to do, for people")
    code: str = Field(description="What happened, for programs. Codes never change.", examples=["unreadable"])
    request_id: str = Field(description="Request ID of the server's log and of the header X-Request-ID")


class PhotosForm(StrictModel):
    image: list[PhotoFile] = Field(min_length=1, description="A photo. Repeat the field for several.")


class IdentifyQuery(StrictModel):
    top: int = Field(serialization.RANKING_ROWS, ge=1, le=100_000, description="Most people in each ranking")
    all: bool = Field(False, description="Rank all people and ignore `top`")
    fpir: float | None = Field(
        None, description="False positive identification rate: the server's (default) or a stricter one"
    )


class CompareQuery(StrictModel):
    face_a: FaceNumber = None
    face_b: FaceNumber = None


class CompareForm(StrictModel):
    a: PhotoFile
    b: PhotoFile


class EncodedPhoto(StrictModel):
    """A photo in a JSON body."""

    data: str = Field(
        description="The file as base64 (RFC 4648, section 4), without line breaks",
        json_schema_extra={"format": "byte", "contentEncoding": "base64"},
    )
    name: str = Field("", max_length=500, description="File name, for the result. Default: photo-1, photo-2, ….")


class PhotosBody(StrictModel):
    """Photos in JSON, instead of the form."""

    image: list[EncodedPhoto] = Field(min_length=1)


class CompareBody(StrictModel):
    """Two photos in JSON, instead of the form."""

    a: EncodedPhoto
    b: EncodedPhoto


class OptOutForm(StrictModel):
    image: list[PhotoFile] = Field([], description="A photo of the person. Repeat the field for several.")


class OptOutBody(StrictModel):
    """Photos in JSON, instead of the form."""

    image: list[EncodedPhoto] = []


JSON_BODIES: dict[type[BaseModel], type[BaseModel]] = {
    PhotosForm: PhotosBody,
    CompareForm: CompareBody,
    OptOutForm: OptOutBody,
}
"""The JSON body that replaces each form with photos."""


class PeopleQuery(StrictModel):
    q: str = Field("", max_length=100, description="Words of the name or of an alias. Case and accents do not matter.")
    offset: Id = Field(0, description="People to skip")
    limit: int = Field(100, ge=1, le=PAGE_SIZE, description="Most people in the response")


class PersonPath(StrictModel):
    person_id: NonNegativeInt


class PortraitQuery(StrictModel):
    v: str = Field("", description="Version in the portrait's address. Caches may keep this address forever.")


class EnrollOptions(StrictModel):
    name: str = Field(max_length=200, description="Name of a new or known person")
    review: bool = Field(False, description="Only return the outcomes and enroll nothing")
    allow: list[Literal["duplicate", "unlike", "look_alike"]] = Field(
        [], description="Outcomes that are enrolled like accepted photos"
    )
    face: list[str] = Field(
        [],
        description="Which face of a photo to enroll, counted from the left: FILE=NUMBER such as us.jpg=2, or "
        "POSITION=NUMBER such as 3=2 for the third photo. Use positions where photos share a file name.",
    )


class Record(StrictModel):
    """Record of a person. Empty fields are unknown."""

    source: str = Field(description="Where the photos come from")
    basis: Literal["", "consent", "contract", "public_interest", "own_use"] = Field(description="Legal basis")
    reference: str = Field(description="Where the proof of the basis is, such as the number of a form")
    date: str = Field(description="Day of the basis, as 2026-12-31")
    expires: str = Field(description="First day without the basis, as 2026-12-31. The person is hidden then")


class RecordFields(StrictModel):
    """Fields of a record to change. Missing ones stay, and empty ones are deleted."""

    source: str | None = Field(None, max_length=200, description="Where the photos come from")
    basis: str | None = Field(None, max_length=20, description=f"Legal basis: {', '.join(BASES)}")
    reference: str | None = Field(None, max_length=200, description="Where the proof of the basis is")
    date: str | None = Field(None, max_length=10, description="Day of the basis, as 2026-12-31")
    expires: str | None = Field(None, max_length=10, description="First day without the basis, as 2026-12-31")


class EnrollQuery(EnrollOptions, RecordFields):
    """Who is enrolled, how, and fields of the person's record."""


class RemoveQuery(StrictModel):
    purge: bool = Field(False, description="Erase immediately instead of after FACES_RECOVERY_DAYS")


class RemovePersonQuery(RemoveQuery):
    sidecars: bool = Field(
        False, description="With `purge`: also remove the names that `library write-metadata` wrote into sidecars"
    )


class OptOutQuery(StrictModel):
    name: str | None = Field(None, max_length=200, description="Name of the person")
    face: FaceNumber = None
    reference: str | None = Field(None, max_length=200, description="Where the request of the person is")


class OptOutPath(StrictModel):
    opt_out_id: Id = Field(description="Number of the entry")


class ChangesQuery(StrictModel):
    limit: int = Field(20, ge=1, le=PAGE_SIZE, description="Most changes in the response")


class AnchorPath(PersonPath):
    face_id: Id = Field(description="ID of the list of anchors")


class RejectedFacePath(StrictModel):
    face_id: Id = Field(description="ID of the list of rejected faces")


class ChangePath(StrictModel):
    change_id: Id


class RenameBody(StrictModel):
    name: str = Field(max_length=200)
    keep_alias: bool = Field(False, description="Keep the former name as an alias")


class AliasesBody(StrictModel):
    aliases: list[Annotated[str, Field(max_length=200)]] = Field(
        max_length=100, description="All other names of the person. Names and aliases of all people are unique."
    )


class MergeBody(StrictModel):
    into: Id = Field(description="ID of the remaining person")


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
