"""Decision rules: from distances to the verdict on a face, and on a pair of photos.

This is the only module that decides who a face is; `ranking` orders everyone for it. Every number comes from the model
card. Rates are named as in ISO/IEC 19795-1: the FPIR is the share of people outside the gallery who get a name, the FMR
the share of pairs of different people that pass for one person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from app import settings
from app.recognition.scoring import Head, PersonDistance

VerdictKind = Literal["match", "ambiguous", "unknown", "low_quality"]

PairKind = Literal["same", "uncertain", "different"]

PAIR_LABELS: dict[PairKind, str] = {
    "same": "Same person",
    "uncertain": "Can't tell",
    "different": "Different people",
}
"""Each verdict on a pair as a page and the command line show it."""

ThresholdTable = tuple[tuple[int, tuple[tuple[int, float], ...]], ...]
"""Class distances by (people in the gallery, ((anchors of the person, class distance), ...)), both rising."""

FPIRS = settings.FPIRS
"""The false positive identification rates that an operator can choose from, the loosest first."""

LOOK_ALIKE_FPIR = 0.1
"""A look-alike is shown where only this share of people outside the gallery comes as close to somebody in it."""


def requested_fpir(setting: float, request: float | None) -> float:
    """Return the FPIR for a request: that of the setting, or a stricter one of `FPIRS` that the request asks for.

    Raises:
        ValueError: the request asks for a looser rate or one without thresholds.
    """
    allowed = [rate for rate in FPIRS if rate <= setting]
    if request is None or request in allowed:
        return setting if request is None else request
    rates = ", ".join(f"{rate:g}" for rate in allowed)
    raise ValueError(f"The FPIR cannot be {request:g}. Choose the rate of FACES_FPIR or a stricter one: {rates}.")


@dataclass(frozen=True)
class PairRules:
    """Thresholds for comparing photos.

    `false_matches` holds (FMR, score) with falling FMR: the share of pairs of different people under that score.
    `different` is the score that only a few pairs of the same person exceed. `fmr` is the share of comparisons of
    unrelated photos that may say "same person".
    """

    false_matches: tuple[tuple[float, float], ...]
    different: float
    fmr: float = 0.001

    def same_threshold(self, pairs: int = 1) -> float:
        """Return the largest score that says "same person" when the closest of `pairs` face pairs has it.

        Each pair may err: for the comparison to keep its FMR, a pair must keep a `pairs`-th of it.
        """
        rates, scores = zip(*self.false_matches, strict=True)
        # np.interp wants rising rates; below the smallest measured one its score holds.
        return float(np.interp(np.log(self.fmr / max(1, pairs)), np.log(rates[::-1]), scores[::-1]))

    def different_threshold(self, pairs: int = 1) -> float:
        """Return the score above which the closest of `pairs` face pairs shows different people."""
        return max(self.different, self.same_threshold(pairs))

    def decide(self, score: float, pairs: int = 1) -> PairKind:
        """Return what the score of the closest of `pairs` face pairs says."""
        if score <= self.same_threshold(pairs):
            return "same"
        return "different" if score > self.different_threshold(pairs) else "uncertain"


@dataclass(frozen=True)
class Rules:
    """What the card says about verdicts.

    `thresholds` holds (FPIR, class distances) for each of `FPIRS`, the largest class distance that names a person, and
    for `LOOK_ALIKE_FPIR`. It falls with the number of people in the gallery, since more people come near an impostor,
    and depends on the number of anchors of the closest person. `margin` is the smallest lead over the runner-up. `fpir`
    is the rate in use. `shifts` holds (FPIR, shift) of a gallery that was calibrated: added to the class distances.
    """

    head: Head
    thresholds: tuple[tuple[float, ThresholdTable], ...]
    margin: float
    pairs: PairRules
    fpir: float = FPIRS[0]
    shifts: tuple[tuple[float, float], ...] = ()

    def for_gallery(self, fpir: float, shifts: tuple[tuple[float, float], ...]) -> Rules:
        """Return the rules in use for a gallery.

        Args:
            fpir: the operator's choice of `FPIRS`.
            shifts: see above, `Snapshot.shifts`.
        """
        return replace(self, fpir=fpir, shifts=shifts)

    def with_fpir(self, fpir: float | None) -> Rules:
        """Return the rules for another FPIR, for None the same.

        Raises:
            ValueError: the card has no thresholds for this rate.
        """
        if fpir is None or fpir == self.fpir:
            return self
        if fpir not in FPIRS:
            rates = ", ".join(f"{rate:g}" for rate in FPIRS)
            raise ValueError(f"There are no thresholds for an FPIR of {fpir:g}. Choose one of: {rates}.")
        return replace(self, fpir=fpir)

    def threshold(self, anchors: int, people: int) -> float:
        """Return the class threshold at the FPIR in use, interpolated over the logarithms of both numbers.

        Args:
            anchors: of the person.
            people: in the gallery. Beyond the largest gallery measured, the threshold falls on along the mean slope.
        """
        rows = [(size, _interpolated(anchors, row)) for size, row in dict(self.thresholds)[self.fpir]]
        shift = dict(self.shifts).get(self.fpir, 0.0)
        if people <= rows[-1][0] or len(rows) == 1:
            return max(0.0, _interpolated(people, rows) + shift)
        (smaller, over), (larger, under) = rows[0], rows[-1]
        slope = (under - over) / np.log(larger / smaller)
        return max(0.0, float(under + min(0.0, slope) * np.log(people / larger)) + shift)

    def strong_threshold(self, anchors: int, people: int) -> float:
        """Return the class threshold of a strong match: that of the strictest FPIR."""
        return replace(self, fpir=FPIRS[-1]).threshold(anchors, people)

    def look_alike_threshold(self, anchors: int, people: int) -> float:
        """Return the largest class distance at which somebody is worth showing as a look-alike."""
        return replace(self, fpir=LOOK_ALIKE_FPIR).threshold(anchors, people)


def _interpolated(number: int, rows: Sequence[tuple[int, float]]) -> float:
    counts, values = zip(*rows, strict=True)
    return float(np.interp(np.log(max(1, number)), np.log(counts), values))


@dataclass(frozen=True)
class Verdict:
    """Who a face is.

    `kind` is match, ambiguous (two people too close to tell apart, or a person who is already in the photo), unknown,
    or low_quality. `person` is set for a match only. `class_distance` and `threshold` are those of the closest person,
    None where nothing could be compared. `ranking` is everyone, smallest distance first: a
    `ranking.Ranking` where it comes from `rank`. `reason` is a sentence for a person. `candidates` are the people
    an ambiguous face may show. `look_alike` is the closest person of an unknown face, None if nobody is close enough.
    """

    kind: VerdictKind
    person: str | None
    class_distance: float | None
    threshold: float | None
    ranking: Sequence[PersonDistance]
    reason: str
    candidates: tuple[str, ...] = ()
    look_alike: str | None = None


def decide(
    ranking: Sequence[PersonDistance], rules: Rules, flaw: str | None = None, people: int | None = None
) -> Verdict:
    """Name the face, or say why not.

    Args:
        ranking: as `rank` returns it; empty if the face has no embedding or the gallery has nobody.
        rules: thresholds and margin.
        flaw: a sentence saying why the face cannot be judged, or None.
        people: how many the gallery has, where `ranking` is only the start of the whole.
    """
    if not ranking:
        reason = flaw or "The gallery is empty, so there is nobody to compare with."
        return Verdict("low_quality" if flaw else "unknown", None, None, None, (), reason)
    first = ranking[0]
    threshold = rules.threshold(first.anchors, people or len(ranking))
    if flaw:
        return Verdict("low_quality", None, first.class_distance, threshold, ranking, flaw)
    if first.class_distance > threshold:
        close = first.class_distance <= rules.look_alike_threshold(first.anchors, people or len(ranking))
        look_alike = first.person if close else None
        reason = (
            f"Nobody in the gallery is close enough: {look_alike or 'the closest person'} is at "
            f"{first.class_distance:.3f}, and a match needs {threshold:.3f} or less."
        )
        return Verdict("unknown", None, first.class_distance, threshold, ranking, reason, (), look_alike)
    if len(ranking) > 1 and ranking[1].class_distance - first.class_distance < rules.margin:
        reason = (
            f"{first.person} ({first.class_distance:.3f}) and {ranking[1].person} ({ranking[1].class_distance:.3f}) "
            f"are too close to tell apart: a match needs a lead of {rules.margin:.3f}."
        )
        candidates = (first.person, ranking[1].person)
        return Verdict("ambiguous", None, first.class_distance, threshold, ranking, reason, candidates)
    reason = f"{first.person} is closest at {first.class_distance:.3f}; a match needs {threshold:.3f} or less."
    return Verdict("match", first.person, first.class_distance, threshold, ranking, reason)


def find_matches(distances: np.ndarray, anchors: np.ndarray, rules: Rules) -> np.ndarray:
    """Return whom `judge` names, for many faces.

    Args:
        distances: float (faces, people), class distances to everyone.
        anchors: int (people,), of each person.
        rules: thresholds and margin.

    Returns:
        int (faces,), positions of people; -1 for faces that get no name.
    """
    if not distances.size:
        return np.full(len(distances), -1)
    limits = np.array([rules.threshold(int(count), len(anchors)) for count in anchors])
    closest = distances.argmin(axis=1)
    near = distances.min(axis=1) <= limits[closest]
    return np.where(near & (margins_to_runner_up(distances) >= rules.margin), closest, -1)


def margins_to_runner_up(distances: np.ndarray) -> np.ndarray:
    """Return how far the runner-up is behind the closest: float (faces, people) to (faces,); infinite without one."""
    if distances.shape[1] < 2:
        return np.full(len(distances), np.inf)
    first, second = np.partition(distances, 1, axis=1)[:, :2].T
    return second - first


def resolve_duplicate_matches(verdicts: Sequence[Verdict], rules: Rules, people: int) -> list[Verdict]:
    """Let each person be named once in a photo, unless further faces are strong matches too.

    Collages aside, nobody appears twice in a photo: of several faces that match one person the closest keeps the name,
    and another needs the threshold of a strong match or becomes ambiguous.

    Args:
        verdicts: of the faces of one photo.
        rules: thresholds.
        people: how many the gallery has.
    """
    closest: dict[str, float] = {}
    for verdict in verdicts:
        if verdict.person is not None:
            closest[verdict.person] = min(closest.get(verdict.person, np.inf), verdict.class_distance)
    return [_unless_taken(verdict, closest, rules, people) for verdict in verdicts]


def _unless_taken(verdict: Verdict, closest: dict[str, float], rules: Rules, people: int) -> Verdict:
    if verdict.person is None or verdict.class_distance <= closest[verdict.person]:
        return verdict
    strong = rules.strong_threshold(verdict.ranking[0].anchors, people)
    if verdict.class_distance <= strong:
        return verdict
    reason = (
        f"{verdict.person} is closest at {verdict.class_distance:.3f}, but another face in this photo is closer to "
        f"them. A second match in one photo needs {strong:.3f} or less."
    )
    return replace(verdict, kind="ambiguous", person=None, reason=reason, candidates=(verdict.person,))
