"""Decision rules: apply the thresholds of the model card to the ranking of a face, or to the score of two faces.

Error rates have the names of ISO/IEC 19795-1. The FPIR is the share of people outside the gallery who get a name. The
FMR is the share of pairs of different people that pass as one person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np

from app import settings
from app.arrays import AnyArray, BoolArray, FloatArray, IntArray
from app.errors import InvalidParameter
from app.recognition.scoring import Head, PersonDistance
from app.vision.time_span import TimeSpan

VerdictKind = Literal["match", "ambiguous", "unknown", "low_quality"]
PairKind = Literal["same", "uncertain", "different"]

PAIR_LABELS: dict[PairKind, str] = {"same": "Same person", "uncertain": "Can't tell", "different": "Different people"}

OPTED_OUT = "This person asked not to be named."
"""The reason of the verdict on a face of the opt-out list."""

ThresholdTable = tuple[tuple[int, tuple[tuple[int, float], ...]], ...]
"""Rows of (people in the gallery, ((anchors of the person, class distance), ...)); both counts rise."""

FPIRS = settings.FPIRS


def requested_fpir(setting: float, request: float | None) -> float:
    """Return the FPIR of a request: the setting, or a stricter one of `FPIRS`. Others raise `InvalidParameter`."""
    if request is None:
        return setting
    allowed = [rate for rate in FPIRS if rate <= setting]
    if request not in allowed:
        rates = ", ".join(f"{rate:g}" for rate in allowed)
        raise InvalidParameter(
            f"The FPIR cannot be {request:g}. Choose the rate of FACES_FPIR or a stricter one: {rates}."
        )
    return request


@dataclass(frozen=True)
class PairRules:
    """Thresholds for the comparison of two photos."""

    false_matches: tuple[tuple[float, float], ...]  # (FMR, score) with falling FMR
    different: float  # the score that few pairs of one person exceed
    fmr: float = 0.001  # share of comparisons of unrelated photos that may say "same"

    def same_threshold(self, pairs: int = 1) -> float:
        """Return the largest score of "same" for the most similar of `pairs` face pairs.

        To keep the FMR of the whole comparison, each pair gets the `pairs`-th part of it (Bonferroni correction).
        """
        rates, scores = zip(*self.false_matches, strict=True)
        # np.interp needs rising rates. Below the smallest measured rate it returns that rate's score.
        return float(np.interp(np.log(self.fmr / max(1, pairs)), np.log(rates[::-1]), scores[::-1]))

    def different_threshold(self, pairs: int = 1) -> float:
        """Return the score above which the most similar of `pairs` face pairs shows different people."""
        return max(self.different, self.same_threshold(pairs))

    def decide(self, score: float, pairs: int = 1) -> PairKind:
        """Return the verdict on the most similar of `pairs` face pairs."""
        if score <= self.same_threshold(pairs):
            return "same"
        return "different" if score > self.different_threshold(pairs) else "uncertain"


@dataclass(frozen=True)
class Rules:
    """Thresholds and margin of a model card, for one FPIR.

    A threshold is the largest class distance of a match. It falls with the number of people in the gallery, because
    more of them resemble an impostor, and depends on the number of anchors of the closest person.
    """

    head: Head
    thresholds: tuple[tuple[float, ThresholdTable], ...]  # (FPIR, table) for each of `FPIRS`
    margin: float  # smallest difference to the runner-up's class distance
    pairs: PairRules
    look_alike: float = 0.0  # largest class distance of a look-alike, in a gallery of any size
    fpir: float = FPIRS[0]
    shifts: tuple[tuple[float, float], ...] = ()  # (FPIR, shift) of a calibrated gallery, added to the thresholds

    def for_gallery(self, fpir: float, shifts: tuple[tuple[float, float], ...]) -> Rules:
        """Return the rules for a gallery, with the operator's FPIR and `Snapshot.shifts`."""
        return replace(self, fpir=fpir, shifts=shifts)

    def with_fpir(self, fpir: float | None) -> Rules:
        """Return the rules for another one of `FPIRS`; None keeps it."""
        if fpir is None:
            return self
        if fpir not in FPIRS:
            rates = ", ".join(f"{rate:g}" for rate in FPIRS)
            raise InvalidParameter(f"There are no thresholds for an FPIR of {fpir:g}. Choose one of: {rates}.")
        return replace(self, fpir=fpir)

    def threshold(self, anchors: int, people: int) -> float:
        """Return the threshold for a person's number of anchors and the gallery's number of people.

        It is interpolated over the logarithms of both. Beyond the largest measured gallery, the mean slope continues.
        """
        return self._threshold(self.fpir, anchors, people)

    def strong_threshold(self, anchors: int, people: int) -> float:
        """Return the threshold of a strong match: that of the strictest FPIR."""
        return self._threshold(FPIRS[-1], anchors, people)

    def _threshold(self, fpir: float, anchors: int, people: int) -> float:
        table = dict(self.thresholds)[fpir]
        return max(0.0, _read_threshold(table, anchors, people) + dict(self.shifts).get(fpir, 0.0))


@lru_cache(maxsize=4096)
def _read_threshold(table: ThresholdTable, anchors: int, people: int) -> float:
    rows = [(size, _interpolate(anchors, row)) for size, row in table]
    threshold = _interpolate(people, rows)
    (smallest, first), (largest, last) = rows[0], rows[-1]
    if people > largest > smallest:
        threshold += min(0.0, last - first) * np.log(people / largest) / np.log(largest / smallest)
    return float(threshold)


def _interpolate(number: int, rows: Sequence[tuple[int, float]]) -> float:
    counts, values = zip(*rows, strict=True)
    return float(np.interp(np.log(max(1, number)), np.log(counts), values))


@dataclass(frozen=True)
class Verdict:
    """The verdict on a face, which is ambiguous if two people are too close or another face matches the person.

    `class_distance` and `threshold` are those of the closest person, None without a ranking. `ranking` has everyone in
    the gallery, the smallest class distance first.
    """

    kind: VerdictKind
    person: str | None  # for a match only
    class_distance: float | None
    threshold: float | None
    ranking: Sequence[PersonDistance]
    reason: str  # a sentence for the user
    candidates: tuple[str, ...] = ()  # whom an ambiguous face may show
    look_alike: str | None = None  # of an unknown face: the closest person, if within `Rules.look_alike`
    opted_out: bool = False  # of an unknown face: it is like one of the opt-out list


def find_opted_out(embeddings: FloatArray, opted_out: FloatArray | None, rules: Rules) -> BoolArray:
    """Return which faces, float32 (faces, dims) of unit length, are on the opt-out list: bool (faces,).

    That is the verdict "same person" for the most similar face of the list, see `Snapshot.opted_out`.
    """
    if opted_out is None or not len(embeddings):
        return np.zeros(len(embeddings), bool)
    closest = rules.head.score_cosines((embeddings @ opted_out.T).max(axis=1))
    return np.asarray(closest <= rules.pairs.same_threshold(len(opted_out)), bool)


def decide(
    ranking: Sequence[PersonDistance],
    rules: Rules,
    flaw: str | None = None,
    people: int | None = None,
    opted_out: bool = False,
) -> Verdict:
    """Return the verdict on a face, whose ranking is empty without an embedding or people.

    `flaw` says why the quality is too low. `people` counts the gallery if `ranking` is cut short. A face that is
    `opted_out`, see `find_opted_out`, is unknown and has no ranking.
    """
    if opted_out:
        return Verdict("unknown", None, None, None, (), OPTED_OUT, opted_out=True)
    if not ranking:
        kind: VerdictKind = "low_quality" if flaw else "unknown"
        return Verdict(kind, None, None, None, (), flaw or "The gallery is empty. Add people first.")
    first, people = ranking[0], people or len(ranking)
    threshold = rules.threshold(first.anchors, people)
    fixed = first.class_distance, threshold, ranking
    if flaw:
        return Verdict("low_quality", None, *fixed, flaw)
    if first.class_distance > threshold:
        similar = first.class_distance <= rules.look_alike
        closest = f"The closest person{f', {first.person},' if similar else ''} is at a distance of"
        distances = f"{first.class_distance:.3f}. The threshold is {threshold:.3f}."
        reason = f"We don't recognize this person. {closest} {distances}"
        return Verdict("unknown", None, *fixed, reason, look_alike=first.person if similar else None)
    if len(ranking) > 1 and ranking[1].class_distance - first.class_distance < rules.margin:
        reason = (
            f"{first.person} ({first.class_distance:.3f}) and {ranking[1].person} ({ranking[1].class_distance:.3f}) "
            f"are too close to tell apart. The minimum margin is {rules.margin:.3f}."
        )
        return Verdict("ambiguous", None, *fixed, reason, candidates=(first.person, ranking[1].person))
    reason = f"{first.person} matches at a distance of {first.class_distance:.3f}. The threshold is {threshold:.3f}."
    return Verdict("match", first.person, *fixed, reason)


def find_matches(distances: AnyArray, anchors: IntArray, rules: Rules) -> IntArray:
    """Return the position of the person whom `decide` matches, -1 without a match, for many faces: int (faces,).

    `distances` are class distances, float (faces, people), and `anchors` the numbers of anchors, int (people,).
    """
    if not distances.size:
        return np.full(len(distances), -1)
    closest = distances.argmin(axis=1)
    counts, rows = np.unique(anchors[closest], return_inverse=True)
    thresholds = np.array([rules.threshold(int(count), len(anchors)) for count in counts])
    near = distances.min(axis=1) <= thresholds[rows]
    return np.where(near & (margins_to_runner_up(distances) >= rules.margin), closest, -1)


def margins_to_runner_up(distances: AnyArray) -> AnyArray:
    """Return the second smallest minus the smallest distance: float (faces, people) to (faces,); infinite for one."""
    if distances.shape[1] < 2:
        return np.full(len(distances), np.inf)
    first, second = np.partition(distances, 1, axis=1)[:, :2].T
    return np.asarray(second - first)


def resolve_duplicate_matches(
    verdicts: Sequence[Verdict], rules: Rules, people: int, times: Sequence[TimeSpan] | None = None
) -> list[Verdict]:
    """Let each person match one face of a photo, unless further faces are strong matches.

    Collages aside, a person appears once in a photo. The closest face keeps the match, and another one without a
    strong match becomes ambiguous. `people` is the number of people in the gallery. With `times`, the faces are of a
    video, and the rule is for those that are there at the same time.
    """
    matches: dict[str, list[tuple[int, float]]] = {}
    for index, verdict in enumerate(verdicts):
        if verdict.person:
            matches.setdefault(verdict.person, []).append((index, verdict.ranking[0].class_distance))
    resolved = list(verdicts)
    for index, verdict in enumerate(verdicts):
        if (person := verdict.person) is None:
            continue
        distance = verdict.ranking[0].class_distance
        strong = rules.strong_threshold(verdict.ranking[0].anchors, people)
        rivals = (other for row, other in matches[person] if times is None or times[index].overlaps(times[row]))
        if distance > max(strong, min(rivals)):
            reason = (
                f"Another face in this {'photo' if times is None else 'part of the video'} matches {person} more "
                "closely. A second match needs a distance of "
                f"{strong:.3f} or less, and this face is at {distance:.3f}."
            )
            resolved[index] = replace(verdict, kind="ambiguous", person=None, reason=reason, candidates=(person,))
    return resolved
