"""Verdicts in words: labels, headings and sentences of the pages."""

from collections.abc import Sequence

from app import text
from app.recognition.decision import Verdict

LABELS = {"match": "Match", "ambiguous": "Ambiguous", "unknown": "Unknown", "low_quality": "Low quality"}

MAX_NAMES = 3
"""Largest number of names in a headline."""

NO_FACE = "No face found"
UNREADABLE = "Unreadable file"
UNRECOGNIZED = "We don't recognize this person"
UNCLEAR = "Too unclear to tell"

_COUNTED = {
    "ambiguous": ("ambiguous face", "ambiguous faces"),
    "unknown": ("unknown person", "unknown people"),
    "low_quality": ("low-quality face", "low-quality faces"),
}


def photo_prefix(number: int, photos: int) -> str:
    """Return the start of a sentence about one of several photos, "" for a single photo."""
    return f"Photo {number} of {photos}: " if photos > 1 else ""


def step(prefix: str, action: str) -> str:
    """Return a sentence about the step that is running for a photo."""
    return f"{prefix}{action}…" if prefix else f"{action[:1].upper()}{action[1:]}…"


def name(verdict: Verdict) -> str:
    """Return who a face shows, for the heading of its card."""
    if verdict.kind == "ambiguous":
        return f"Could be {' or '.join(verdict.candidates)}"
    return verdict.person or (UNRECOGNIZED if verdict.kind == "unknown" else UNCLEAR)


def label(verdict: Verdict) -> str:
    """Return a short name for a face in the photo, "" if the verdict has no name."""
    return verdict.person or (f"{' or '.join(verdict.candidates)}?" if verdict.candidates else "")


def strength(verdict: Verdict, strong_threshold: float) -> str:
    """Return the verdict in words; `strong_threshold` is the largest class distance of a strong match."""
    if verdict.kind != "match" or verdict.class_distance is None:
        return LABELS[verdict.kind]
    return "Strong match" if verdict.class_distance <= strong_threshold else "Likely match"


def summary(verdict: Verdict) -> str:
    """Return a sentence that adds to the heading and to the strength, "" if there is nothing to add."""
    if verdict.kind == "low_quality" or verdict.class_distance is None:
        return verdict.reason
    if verdict.kind != "ambiguous":
        return ""
    if len(verdict.candidates) == 1:
        return f"Another face in this photo is a better match for {verdict.candidates[0]}."
    return f"{' and '.join(verdict.candidates)} are too similar to tell apart here."


def totals(states: Sequence[str], faces: int) -> str:
    """Return the totals of several photos, from the state of each: named, unknown or failed."""
    counted = [f"{count:,} {state}" for state in ("named", "unknown", "failed") if (count := states.count(state))]
    return f"{text.count(len(states), 'photo')}, {text.count(faces, 'face')}: {', '.join(counted)}"


def headline(verdicts: Sequence[Verdict]) -> str:
    """Return who is in a photo, for the heading of its page."""
    return _single_headline(verdicts[0]) if len(verdicts) == 1 else names(verdicts)


def names(verdicts: Sequence[Verdict]) -> str:
    """Return who is in a photo: the first names, then counts."""
    found = list(dict.fromkeys(verdict.person for verdict in verdicts if verdict.person is not None))
    if len(found) > MAX_NAMES + 1:
        found = [*found[:MAX_NAMES], f"{len(found) - MAX_NAMES} more"]
    for kind, nouns in _COUNTED.items():
        if count := sum(verdict.kind == kind for verdict in verdicts):
            found.append(f"{count} {nouns[count > 1]}")
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def percent(rate: float) -> str:
    """Return a rate in percent, with two significant digits: 0.003 is 0.3 %, 1.0 is 100 %."""
    return f"{float(f'{100 * rate:.2g}'):g} %"


def one_in(rate: float) -> str:
    """Return a rate as a share of a hundred or a thousand: 1 in 100, 3 in 1,000."""
    whole = 100 if rate >= 0.01 else 1000
    return f"{round(rate * whole)} in {whole:,}"


def identification_rate(fpir: float) -> str:
    """Return a sentence that explains a false positive identification rate."""
    share = one_in(fpir)
    verb = "gets" if share.startswith("1 ") else "get"
    return (
        f"The false positive identification rate is {percent(fpir)}: about {share} people outside the gallery {verb} "
        "a wrong name."
    )


def _single_headline(verdict: Verdict) -> str:
    if verdict.kind == "match":
        return f"This looks like {verdict.person}"
    if verdict.kind == "ambiguous":
        return f"This could be {' or '.join(verdict.candidates)}"
    return name(verdict)
