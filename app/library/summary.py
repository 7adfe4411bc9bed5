"""Counts over a library."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice

from app.library import people
from app.library.store import Library

FAILURES = 10
"""Maximum length of `Summary.failures`."""


@dataclass
class Summary:
    """Counts over a library; equal files count as photos or videos each, and their faces once.

    `people` has the most frequent people and their numbers of faces, `failures` the first files with an error, and its
    message.
    """

    photos: int
    videos: int
    faces: int
    verdicts: Counter[str]
    errors: int
    people: list[tuple[str, int]]
    failures: list[tuple[str, str]]


def summarize(library: Library, most_frequent: int = 10) -> Summary:
    """Count photos, faces, verdicts, errors and people."""
    with library.reading() as connection:
        verdicts = Counter(
            dict(connection.execute("SELECT coalesce(verdict, 'not_named_yet'), count(*) FROM face GROUP BY 1"))
        )
        failed = "FROM photo JOIN file ON photo_id = photo.id WHERE error IS NOT NULL"
        files, videos = connection.execute(
            "SELECT count(*), count(duration) FROM file JOIN photo ON photo.id = photo_id"
        ).fetchone()
        return Summary(
            photos=files - videos,
            videos=videos,
            faces=verdicts.total(),
            verdicts=verdicts,
            errors=connection.execute(f"SELECT count(*) {failed}").fetchone()[0],
            people=list(islice(people.list_names(connection), most_frequent)),
            failures=connection.execute(f"SELECT path, message {failed} ORDER BY path LIMIT {FAILURES}").fetchall(),
        )
