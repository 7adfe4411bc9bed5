"""Pydantic models of API requests, and of errors."""

from typing import Annotated, Literal

from flask_openapi3 import FileStorage
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from werkzeug.datastructures import FileStorage as WerkzeugFile

from app import serialization
from app.gallery.people import LARGEST_ID
from app.gallery.record import BASES

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
