"""Verdicts in words. A visitor reads who it is first; numbers come after."""

from __future__ import annotations

from collections.abc import Sequence

from app.verdict import Verdict

LABELS = {
    "match": "Match",
    "unclear": "Too close to call",
    "unknown": "Not in the gallery",
    "poor": "Cannot be judged",
}
"""Each kind of verdict in two or three words."""

_OTHERS = {
    "unclear": ("unclear face", "unclear faces"),
    "unknown": ("unknown person", "unknown people"),
    "poor": ("face that cannot be judged", "faces that cannot be judged"),
}


NAMED = 3
"""Names a headline has at most."""

NOBODY = "Nobody could be found"
NO_FACES = "No face was found"
UNREAD = "This file could not be used"


def which(number: int, photos: int) -> str:
    """What a sentence about one of several photos begins with; nothing where there is one."""
    return f"Photo {number} of {photos}: " if photos > 1 else ""


def step(which: str, doing: str) -> str:
    """A sentence about what is being done with a photo."""
    return f"{which}{doing}…" if which else f"{doing[:1].upper()}{doing[1:]}…"


def name(verdict: Verdict) -> str:
    """Who a face is, as the heading of its card."""
    if verdict.kind == "match":
        return verdict.person
    if verdict.kind == "unclear":
        return " or ".join(verdict.candidates)
    return "Unknown" if verdict.kind == "unknown" else "Cannot be judged"


def headline(verdicts: Sequence[Verdict]) -> str:
    """Who is in a photo, as the heading of its page: the first names, then how many others."""
    if len(verdicts) == 1:
        return _alone(verdicts[0])
    matched = list(dict.fromkeys(verdict.person for verdict in verdicts if verdict.kind == "match"))
    if len(matched) > NAMED + 1:
        matched = [*matched[:NAMED], f"{len(matched) - NAMED} more"]
    others = [_counted(verdicts, kind) for kind in _OTHERS]
    return _listed(matched + [part for part in others if part])


def _alone(verdict: Verdict) -> str:
    if verdict.kind == "match":
        return f"This looks like {verdict.person}"
    if verdict.kind == "unclear":
        return f"{name(verdict)}? Too close to call"
    return "Unknown person" if verdict.kind == "unknown" else "This face cannot be judged"


def _counted(verdicts: Sequence[Verdict], kind: str) -> str | None:
    count = sum(verdict.kind == kind for verdict in verdicts)
    return f"{count} {_OTHERS[kind][count > 1]}" if count else None


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
