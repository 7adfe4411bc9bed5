"""What became of one photo that a visitor sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app import serialization
from app.recognition.results import Identification


@dataclass(frozen=True, eq=False)
class Outcome:
    """A photo, what was found in it, and what went wrong.

    `name` is what the visitor calls the file. `found` is None if it could not be read; `code` and `problem` (a
    sentence) say why there is nobody to be shown, and are None if there is.
    """

    name: str
    found: Identification | None
    code: str | None = None
    problem: str | None = None

    @property
    def answer(self) -> dict[str, Any]:
        """The same as the API tells it."""
        if self.found is None:
            return serialization.identification_error(self.name, self.code, self.problem)
        return serialization.identification(self.name, self.found)


def answers(outcomes: list[Outcome]) -> dict[str, Any]:
    """Several photos as the API tells them: one alone, or all in a list."""
    rows = [outcome.answer for outcome in outcomes]
    return rows[0] if len(rows) == 1 else serialization.identifications(rows)
