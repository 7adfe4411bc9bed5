"""Verdicts in words. A visitor reads who it is first; numbers come after."""

from __future__ import annotations

from collections.abc import Sequence

from app.recognition.decision import Verdict

LABELS = {
    "match": "Match",
    "ambiguous": "Ambiguous",
    "unknown": "Unknown",
    "low_quality": "Low quality",
}
"""Each kind of verdict as a label."""

_OTHERS = {
    "ambiguous": ("ambiguous face", "ambiguous faces"),
    "unknown": ("unknown person", "unknown people"),
    "low_quality": ("low-quality face", "low-quality faces"),
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
    """Return who a face is, as the heading of its card and the label of its box."""
    if verdict.kind == "match":
        return verdict.person
    if verdict.kind == "ambiguous":
        return f"{' or '.join(verdict.candidates)}?"
    return "Unknown person" if verdict.kind == "unknown" else "Low-quality face"


def headline(verdicts: Sequence[Verdict]) -> str:
    """Who is in a photo, as the heading of its page: the first names, then how many others."""
    if len(verdicts) == 1:
        return _alone(verdicts[0])
    matched = list(dict.fromkeys(verdict.person for verdict in verdicts if verdict.kind == "match"))
    if len(matched) > NAMED + 1:
        matched = [*matched[:NAMED], f"{len(matched) - NAMED} more"]
    others = [_counted(verdicts, kind) for kind in _OTHERS]
    return _listed(matched + [part for part in others if part])


def percent(rate: float) -> str:
    """Return a rate in percent: 0.003 is 0.3 %."""
    return f"{100 * rate:g} %"


def one_in(rate: float) -> str:
    """Return a rate as a share of a hundred or a thousand: 1 in 100, 3 in 1,000."""
    whole = 100 if rate >= 0.01 else 1000
    return f"{round(rate * whole)} in {whole:,}"


def identification_rate(fpir: float) -> str:
    """Return a sentence that says what the false positive identification rate means."""
    share = one_in(fpir)
    gets = "gets" if share.startswith("1 ") else "get"
    return (
        f"Names are given at a false positive identification rate of {percent(fpir)}: about {share} people outside "
        f"the gallery {gets} a wrong name."
    )


def _alone(verdict: Verdict) -> str:
    if verdict.kind == "match":
        return f"This looks like {verdict.person}"
    if verdict.kind == "ambiguous":
        return f"This could be {' or '.join(verdict.candidates)}"
    return name(verdict)


def _counted(verdicts: Sequence[Verdict], kind: str) -> str | None:
    count = sum(verdict.kind == kind for verdict in verdicts)
    return f"{count} {_OTHERS[kind][count > 1]}" if count else None


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
