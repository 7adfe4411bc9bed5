"""What the API takes and answers, for its document; what is answered is `serialize`'s, and tests hold both together."""

from __future__ import annotations

from typing import Literal

from flask_openapi3 import FileStorage
from pydantic import BaseModel, ConfigDict, Field, RootModel

from app import serialization

MOST_PEOPLE = 1000
"""People in one part of a list, at most."""


class Exact(BaseModel):
    """A model that takes no field it does not know: a mistyped parameter is said, not ignored."""

    model_config = ConfigDict(extra="forbid")


class Problem(Exact):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(description="the status in words", examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(description="what was wrong and what to do, for a person")
    code: str = Field(description="what was wrong, for programs; it never changes", examples=["unreadable"])
    request_id: str = Field(description="what the server's log calls this request; also in the header X-Request-ID")


class IdentifyQuery(Exact):
    """Length of the rankings, and the rate at which names are given."""

    top: int = Field(
        serialization.BEST, ge=1, le=100_000, description="people in each face's ranking, the closest first"
    )
    all: bool = Field(False, description="rank everyone, whatever top says")
    fpir: float | None = Field(
        None,
        description="false positive identification rate: the server's (default) or a stricter one",
    )


class IdentifyForm(Exact):
    """One picture or several."""

    image: list[FileStorage] = Field(min_length=1, description="a picture file; the field may come several times")


class CompareQuery(Exact):
    """The faces to compare; without an index all faces of enough quality."""

    face_a: int | None = Field(None, ge=1, le=1000, description="face of picture a, counted from the left, from 1")
    face_b: int | None = Field(None, ge=1, le=1000, description="face of picture b, counted from the left, from 1")


class CompareForm(Exact):
    """Two pictures."""

    a: FileStorage = Field(description="a picture file")
    b: FileStorage = Field(description="a picture file")


class PeopleQuery(Exact):
    """Which part of the list of people."""

    q: str = Field("", max_length=100, description="words of the name, whatever their case and accents")
    offset: int = Field(0, ge=0, le=2**31 - 1, description="people left out at the beginning")
    limit: int = Field(100, ge=1, le=MOST_PEOPLE, description="people in the answer, at most")


class PersonPath(Exact):
    """Which person."""

    person_id: int = Field(ge=0, description="the id that the list of people gives")


class PortraitQuery(Exact):
    """Which version of a portrait."""

    v: str = Field("", description="the hash in the portrait's address: such an address may be cached for ever")


class Box(Exact):
    """A face's place, in pixels of the upright picture."""

    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: int = Field(ge=0)
    height: int = Field(ge=0)


class Ranked(Exact):
    """A person of a ranking; mean, min and std describe the scores against their anchors (0 same ... 1 different)."""

    person: str
    class_distance: float = Field(
        ge=0, le=1, description="of the face to the person's template: 0 same ... 1 different"
    )
    mean: float = Field(ge=0, le=1)
    min: float = Field(ge=0, le=1)
    std: float = Field(ge=0)
    anchors: int = Field(ge=1)


class Face(Exact):
    """A face and who it is. Distances are null, the ranking empty, where nothing could be compared."""

    box: Box
    confidence: float = Field(description="the detector's")
    verdict: Literal["match", "ambiguous", "unknown", "low_quality"]
    person: str | None = Field(description="null unless it is a match")
    class_distance: float | None = Field(description="of the closest person: 0 same ... 1 different")
    threshold: float | None = Field(description="the largest class distance that names this person")
    candidates: list[str] = Field(description="people that an ambiguous face may show; empty for other verdicts")
    look_alike: str | None = Field(description="the closest person of an unknown face; null if nobody is close")
    reason: str = Field(description="why this verdict, for a person")
    ranking: list[Ranked]


class PictureError(Exact):
    """Why a picture among several has no answer."""

    code: str = Field(examples=["unreadable"])
    message: str


class Picture(Exact):
    """A picture's faces, from left to right; sizes and rate are null if the server cannot read it."""

    file: str = Field(description="the name it was sent with")
    error: PictureError | None
    width: int | None
    height: int | None
    fpir: float | None = Field(
        description="share of people outside the gallery who may get a name (false positive identification rate)"
    )
    faces: list[Face]


class Pictures(Exact):
    """Several pictures, in the order sent."""

    images: list[Picture]


class Identified(RootModel[Picture | Pictures]):
    """One picture is answered with its object, several with a list of theirs."""


class Place(Exact):
    """A face that was compared."""

    index: int = Field(ge=1, description="of the face in its picture, counted from the left, from 1")
    box: Box
    confidence: float


class Pair(Exact):
    """The two faces that were most alike, one of each picture."""

    a: Place
    b: Place


class Compared(Exact):
    """How alike two pictures' faces are."""

    error: None
    score: float = Field(ge=0, le=1, description="0 the same person ... 1 different people")
    threshold: float = Field(description="the largest score that means the same person, for this number of pairs")
    verdict: Literal["same", "uncertain", "different"]
    pairs: int = Field(ge=1, description="pairs of faces that were compared")
    faces: Pair


class Person(Exact):
    """Someone in the gallery."""

    id: int
    person: str
    anchors: int = Field(ge=0, description="pictures of theirs that a face is compared with")
    portrait: str | None = Field(description="the address of their portrait, or null if there is none")


class People(Exact):
    """A part of the list of people."""

    people: list[Person]
    total: int = Field(description="people in the whole list")
    next: str | None = Field(description="the address of the next part, or null at the end")


class Spread(Exact):
    """Class distances of a person's anchors to the others of the same person."""

    mean: float
    min: float
    max: float


class Lookalike(Exact):
    """Another person, close to this one."""

    id: int
    person: str
    class_distance: float = Field(description="mean over the anchors of the person asked for")
    mistaken: int = Field(description="anchors of the person asked for that lie closer to this one than to their own")


class PersonDetails(Person):
    """Someone in the gallery, how far their anchors lie from each other, and whom they are closest to."""

    spread: Spread | None = Field(description="null for fewer than two anchors")
    lookalikes: list[Lookalike] = Field(description="the closest first")
