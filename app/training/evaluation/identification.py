"""Open-set identification (1:N) in the shipped gallery: rank-1, TPIR at FPIR, verdicts on impostors, and reliability.

Terms follow ISO/IEC 19795-1 and NIST FRTE 1:N (Grother et al., https://doi.org/10.6028/NIST.IR.8271). A known face
counts for the TPIR if its own person is the closest and within the threshold. An impostor counts for the FPIR if any
person is. Missed faces and faces of low quality never match. A missed face is also a rank-1 error.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.arrays import AnyArray, BoolArray, DoubleArray
from app.recognition.decision import FPIRS, Rules
from app.recognition.evaluation_table import Metrics
from app.training.evaluation.ranked_faces import RankedFace, distances, rank1_hits, share


def tpir(known: AnyArray, is_correct: BoolArray, impostors: AnyArray, fpir: float) -> float:
    """Return the TPIR at the threshold that at most a share `fpir` of the impostors falls below.

    Args:
        known: float (faces,), distances of known faces to their closest person.
        is_correct: bool (faces,), whether that is the right person.
        impostors: float (impostors,), distances of impostors to their closest person.
        fpir: False positive identification rate.
    """
    threshold = np.sort(impostors)[int(len(impostors) * fpir)]
    return float((is_correct & (known < threshold)).mean())


def tpir_curve(known: AnyArray, is_correct: BoolArray, impostors: AnyArray, points: int = 60) -> list[list[float]]:
    """Return [FPIR, TPIR] points, evenly spaced in log FPIR from one impostor to all."""
    rates = np.geomspace(1 / len(impostors), 1 - 1 / len(impostors), points).tolist()
    return [[rate, tpir(known, is_correct, impostors, rate)] for rate in rates]


def open_set_curve(known: Sequence[RankedFace], impostors: Sequence[RankedFace], points: int = 60) -> list[list[float]]:
    """Return the points of `tpir_curve`."""
    return tpir_curve(distances(known), rank1_hits(known), distances(impostors), points)


def known_face_rates(known: Sequence[RankedFace], impostors: Sequence[RankedFace], rules: Rules) -> Metrics:
    """Count rankings and verdicts of faces of gallery people, including missed ones.

    The rates of each FPIR are `tpir` with the threshold set on `impostors`, and with the card's thresholds the shares
    `matched` (right person), `misidentified` and `ambiguous`. `refused` faces have a low quality.
    """
    rates = []
    for fpir in FPIRS:
        matched, other, ambiguous = _verdict_shares(known, rules.with_fpir(fpir))
        at_fpir = tpir(distances(known), rank1_hits(known), distances(impostors), fpir)
        shares = {"matched": matched, "misidentified": other, "ambiguous": ambiguous}
        rates.append({"fpir": fpir, "tpir": at_fpir, **shares})
    return {
        "faces": len(known),
        "people": len({face.person for face in known}),
        "missed": sum(not face.ranking for face in known),
        "refused": sum(bool(face.ranking) and face.flaw is not None for face in known),
        "impostors": len(impostors),
        "rank1": share(known, lambda face: face.is_rank1),
        "rank5": share(known, lambda face: face.is_rank5),
        "rates": rates,
    }


def impostor_rates(impostors: Sequence[RankedFace], rules: Rules) -> Metrics:
    """Count verdicts on impostors: with the card's thresholds the shares `matched` (the FPIR) and `ambiguous`."""
    rates = []
    for fpir in FPIRS:
        _, matched, ambiguous = _verdict_shares(impostors, rules.with_fpir(fpir))
        rates.append({"fpir": fpir, "matched": matched, "ambiguous": ambiguous})
    return {"faces": len(impostors), "people": len({face.identity for face in impostors}), "rates": rates}


def _verdict_shares(faces: Sequence[RankedFace], rules: Rules) -> tuple[float, float, float]:
    """Return the shares of faces that match the right person, match another one, and are ambiguous."""
    verdicts = [(face.person, face.verdict(rules)) for face in faces]
    matched = sum(verdict.person is not None for _, verdict in verdicts) / len(faces)
    right = sum(verdict.person == person for person, verdict in verdicts if verdict.person) / len(faces)
    return right, matched - right, sum(bool(verdict.candidates) for _, verdict in verdicts) / len(faces)


def reliability_bins(
    distances: DoubleArray, is_correct: BoolArray, width: float = 0.02, min_faces: int = 60
) -> list[Metrics]:
    """Count faces and correct rank-1 people by class distance.

    Args:
        distances: float64 (faces,), class distances of the closest people.
        is_correct: bool (faces,), whether the closest person is the right one. Never true for impostors.
        width: Width of a bin before merging.
        min_faces: A bin with fewer faces is merged with the next.

    Returns:
        Rows of `from`, `to` (exclusive), `faces` and `correct` (a number of faces), rising from 0 to 1.
    """
    rows: list[Metrics] = []
    start = 0.0
    for end in np.round(np.arange(width, 1.0 + width, width), 6).clip(0, 1).tolist():
        is_last = end == 1.0
        inside = (distances >= start) & ((distances < end) | is_last)
        if is_last or (inside.sum() >= min_faces and (distances >= end).sum() >= min_faces):
            correct = int(is_correct[inside].sum())
            rows.append({"from": start, "to": end, "faces": int(inside.sum()), "correct": correct})
            start = end
        if is_last:
            break
    return rows
