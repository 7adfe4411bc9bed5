"""Open-set identification (1:N) in the shipped gallery: rank-1, TPIR at FPIR, and verdicts on impostors.

Terms follow ISO/IEC 19795-1 and NIST FRTE 1:N (Grother et al., https://doi.org/10.6028/NIST.IR.8271). A known face
counts for the TPIR if its own person is the closest and within the threshold. An impostor counts for the FPIR if any
person is. Missed faces and faces of low quality never match. A missed face is also a rank-1 error.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.arrays import AnyArray, BoolArray
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


def open_set_curve(known: Sequence[RankedFace], impostors: Sequence[RankedFace], points: int = 60) -> list[list[float]]:
    """Return [FPIR, TPIR] points, evenly spaced in log FPIR from one impostor to all."""
    others = distances(impostors)
    rates = np.geomspace(1 / len(others), 1 - 1 / len(others), points).tolist()
    return [[rate, tpir(distances(known), rank1_hits(known), others, rate)] for rate in rates]


def known_face_rates(known: Sequence[RankedFace], impostors: Sequence[RankedFace], rules: Rules) -> Metrics:
    """Count rankings and verdicts of faces of gallery people, including missed ones.

    Returns:
        `faces`, `people`, `missed`, `refused` (low quality), `impostors`, `rank1`, `rank5`, and `rates`, one row per
        FPIR: `fpir`, `tpir` with the threshold set on `impostors`, and with the card's thresholds the shares `matched`
        (right person), `misidentified` and `ambiguous`.
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
    """Count verdicts on faces of people who are not in the gallery.

    Returns:
        `faces`, `people`, and `rates`, one row per FPIR setting: `fpir`, and with the card's thresholds the shares
        `matched` (the measured FPIR) and `ambiguous`.
    """
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
