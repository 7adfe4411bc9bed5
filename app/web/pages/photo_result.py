"""Result of one uploaded photo, for the results page and for the JSON file that the page offers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app import serialization
from app.recognition.results import Identification


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """Identification of an uploaded photo, None if it is unreadable. `code` and `problem` are "" without a problem."""

    file: str
    identification: Identification | None
    code: str = ""
    problem: str = ""


def answer(results: Sequence[PhotoResult]) -> dict[str, Any]:
    """Return the API's answer: an object for one photo, a list for several."""
    rows = [
        serialization.identification_error(result.file, result.code, result.problem)
        if result.identification is None
        else serialization.identification(result.file, result.identification)
        for result in results
    ]
    return rows[0] if len(rows) == 1 else serialization.identifications(rows)
