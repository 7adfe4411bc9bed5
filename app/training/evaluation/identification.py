"""Open-set identification: rank-1, TPIR at FPIR, and the verdicts of impostors.

Terms follow ISO/IEC 19795-1 and NIST FRTE 1:N (Grother et al., https://doi.org/10.6028/NIST.IR.8271). A known face
counts for the TPIR if its own person is the closest and within the threshold; an impostor counts for the FPIR if
anybody is. Faces that the detector misses or the quality gate refuses are never named; a missed face also counts
against rank-1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.recognition.decision import FPIRS, Rules
from app.recognition.scoring import SAME_PICTURE
from app.training.evaluation.judged import Judged, arrays

ENROLLED = (1, 2, 3, 5, 10)
"""Numbers of enrolled photos at which own galleries are measured."""

PROBES = 10
"""Probes of a person at most."""

SEEDS = 5
"""Random choices of the enrolled photos."""


def threshold(impostors: np.ndarray, fpir: float) -> float:
    """Return the distance that at most a share `fpir` of the impostors comes under: float (impostors,), rate."""
    return float(np.sort(impostors)[int(len(impostors) * fpir)])


def tpir(distances: np.ndarray, right: np.ndarray, impostors: np.ndarray, fpir: float) -> float:
    """Return the TPIR at the threshold that keeps an FPIR.

    Args:
        distances: float (faces,), of known faces to their closest person.
        right: bool (faces,), whether that is the true one.
        impostors: float (impostors,), of impostors to their closest person.
        fpir: the false positive identification rate.
    """
    return float((right & (distances < threshold(impostors, fpir))).mean())


def curve(known: Sequence[Judged], impostors: Sequence[Judged], points: int = 60) -> list[list[float]]:
    """Return pairs of (FPIR, TPIR), even in the logarithm of the first."""
    distances, right = arrays(known)
    others = arrays(impostors)[0]
    # Less than one impostor cannot be measured.
    rates = np.geomspace(1 / len(others), 1 - 1 / len(others), points)
    return [[float(rate), tpir(distances, right, others, rate)] for rate in rates]


def known_faces(known: Sequence[Judged], impostors: Sequence[Judged], rules: Rules) -> dict:
    """Count the answers about people of the gallery.

    Args:
        known: their faces, with those that the detector missed.
        impostors: whose FPIR the thresholds of the TPIR keep.
        rules: of the card.

    Returns:
        `faces`, `people`, `missed`, `refused` (by the quality gate), `impostors`, `rank1`, `rank5`; `rates`, a row for
        each FPIR: `fpir`, `tpir`, and the shares `named`, `misnamed` and `ambiguous` at the card's thresholds.
    """
    distances, right = arrays(known)
    others = arrays(impostors)[0]
    rates = []
    for fpir in FPIRS:
        verdicts = [face.verdict(rules.with_fpir(fpir)) for face in known]
        named = [one.person == face.person for one, face in zip(verdicts, known, strict=True)]
        matches = np.mean([one.person is not None for one in verdicts])
        rates.append(
            {
                "fpir": fpir,
                "tpir": tpir(distances, right, others, fpir),
                "named": float(np.mean(named)),
                "misnamed": float(matches - np.mean(named)),
                "ambiguous": float(np.mean([bool(one.candidates) for one in verdicts])),
            }
        )
    return {
        "faces": len(known),
        "people": len({face.person for face in known}),
        "missed": sum(not face.ranking for face in known),
        "refused": sum(bool(face.ranking) and face.flaw is not None for face in known),
        "impostors": len(impostors),
        "rank1": float(right.mean()),
        "rank5": float(np.mean([face.person in [row.person for row in face.ranking[:5]] for face in known])),
        "rates": rates,
    }


def impostor_faces(impostors: Sequence[Judged], rules: Rules) -> dict:
    """Count the answers about people who are not in the gallery.

    Returns:
        `faces`, `people`; `rates`, a row for each FPIR of the card's thresholds: `fpir`, and the shares `named` (the
        FPIR that came of it) and `ambiguous`.
    """
    rates = []
    for fpir in FPIRS:
        verdicts = [face.verdict(rules.with_fpir(fpir)) for face in impostors]
        named = float(np.mean([one.person is not None for one in verdicts]))
        rates.append(
            {"fpir": fpir, "named": named, "ambiguous": float(np.mean([bool(one.candidates) for one in verdicts]))}
        )
    return {"faces": len(impostors), "people": len({face.identity for face in impostors}), "rates": rates}


@dataclass(frozen=True, eq=False)
class Collection:
    """Faces for small galleries of people whom a system has not seen.

    `embeddings` is float (faces, dims), zeros where the detector missed. `usable` is bool (faces,): False where the
    detector missed the face or the quality gate refused it. `people` is str (faces,). `members`, `impostors` and
    `held_out` are positions; the last are the impostors on whom no threshold of the card was chosen.
    """

    embeddings: np.ndarray
    usable: np.ndarray
    people: np.ndarray
    members: np.ndarray
    impostors: np.ndarray
    held_out: np.ndarray


Measure = Callable[[np.ndarray, Sequence[np.ndarray]], np.ndarray]
"""Distances of probes, (probes, dims), to people by their anchors, (anchors, dims) each: float (probes, people)."""


def template_distances(probes: np.ndarray, anchors: Sequence[np.ndarray]) -> np.ndarray:
    """Return Euclidean distances to templates, or to an anchor that is the same picture, as `ranking.rank` does."""
    templates = np.stack([own.mean(axis=0) for own in anchors])
    templates /= np.maximum(np.linalg.norm(templates, axis=1, keepdims=True), 1e-6)
    cosines = probes @ templates.T
    closest = np.stack([(probes @ own.T).max(axis=1) for own in anchors], axis=1)
    cosines = np.where(closest >= SAME_PICTURE, np.maximum(cosines, closest), cosines)
    return np.sqrt(np.maximum(0, 2 - 2 * cosines))


def own_galleries(faces: Collection, rules: Rules | None = None, measure: Measure = template_distances) -> dict:
    """Measure small galleries by the number of enrolled photos, which are chosen at random.

    A person's further photos are probes. Unusable photos are not enrolled, and are errors among the probes.

    Args:
        faces: the members, each of whom is enrolled, and the impostors.
        rules: of the card; None for a system without thresholds.
        measure: distances of the system.

    Returns:
        `people`, `impostors`, `held_out`, `seeds`; `rows`, one for each of `ENROLLED`, means over seeds: `enrolled`,
        `probes`, `rank1`; `rates` with `fpir`, `tpir`, `spread` of the TPIR (standard deviation over seeds), and with
        rules the shares `named` and `impostors_named` at the card's thresholds, the latter of the held-out impostors.
    """
    rows = []
    for count in ENROLLED:
        runs = [_own_gallery(faces, rules, measure, count, seed) for seed in range(SEEDS)]
        rates = []
        for number, fpir in enumerate(FPIRS):
            own = [rates_of_run[number] for _, _, rates_of_run in runs]
            means = {name: float(np.mean([rate[name] for rate in own])) for name in own[0]}
            spread = float(np.std([rate["tpir"] for rate in own], ddof=1))
            rates.append({"fpir": fpir, **means, "spread": spread})
        probes, rank1 = (float(np.mean([run[part] for run in runs])) for part in (0, 1))
        rows.append({"enrolled": count, "probes": round(probes), "rank1": rank1, "rates": rates})
    return {
        "people": len(set(faces.people[faces.members])),
        "impostors": len(faces.impostors),
        "held_out": len(faces.held_out),
        "seeds": SEEDS,
        "rows": rows,
    }


def _own_gallery(
    faces: Collection, rules: Rules | None, measure: Measure, count: int, seed: int
) -> tuple[int, float, list[dict[str, float]]]:
    """Return the number of probes, rank-1, and the shares at each of `FPIRS`."""
    rng = np.random.default_rng(seed)
    anchors, probes, whose = [], [], []
    for number, person in enumerate(np.unique(faces.people[faces.members])):
        order = rng.permutation(faces.members[faces.people[faces.members] == person])
        usable = order[faces.usable[order]]
        enrolled = usable[:count] if len(usable) else order[:1]
        others = order[~np.isin(order, enrolled)][:PROBES]
        anchors.append(faces.embeddings[enrolled])
        probes += others.tolist()
        whose += [number] * len(others)
    known, others, fresh = (
        np.where(faces.usable[places, None], measure(faces.embeddings[places], anchors), np.inf)
        for places in (np.array(probes), faces.impostors, faces.held_out)
    )
    right = (known.argmin(axis=1) == whose) & faces.usable[probes]
    rates = []
    for fpir in FPIRS:
        rate = {"tpir": tpir(known.min(axis=1), right, others.min(axis=1), fpir)}
        if rules:
            limit = rules.with_fpir(fpir).threshold(count, len(anchors))
            rate["named"] = float((right & _within(known, rules, limit)).mean())
            rate["impostors_named"] = float(_within(fresh, rules, limit).mean())
        rates.append(rate)
    return len(probes), float(right.mean()), rates


def _within(distances: np.ndarray, rules: Rules, limit: float) -> np.ndarray:
    """Return which faces get a name, as `verdict.judge` decides: float (faces, people) to bool (faces,)."""
    scores = rules.head.score(np.partition(distances, 1, axis=1)[:, :2])
    return (scores[:, 0] <= limit) & (scores[:, 1] - scores[:, 0] >= rules.margin)
