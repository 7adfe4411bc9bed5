"""Identification in small galleries of people not seen in training, by the number of enrolled photos."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.arrays import AnyArray, BoolArray, IntArray, TextArray
from app.recognition.decision import FPIRS, Rules, margins_to_runner_up
from app.recognition.evaluation_table import Metrics
from app.recognition.scoring import SAME_PICTURE
from app.training.evaluation.identification import tpir

ENROLLED = (1, 2, 3, 5, 10)
PROBES_PER_PERSON = 10
SEEDS = 5
"""Random choices of the enrolled photos."""


@dataclass(frozen=True, eq=False)
class Collection:
    """Faces for small galleries.

    `usable` is False for missed faces and faces of low quality. `members`, `impostors` and `held_out` are positions: of
    people to enroll, of impostors, and of the impostors on which no threshold of the card was chosen.
    """

    embeddings: AnyArray
    usable: BoolArray
    people: TextArray
    members: IntArray
    impostors: IntArray
    held_out: IntArray


Measure = Callable[[AnyArray, Sequence[AnyArray]], AnyArray]
"""Distances of probes, (probes, dims), to people by their anchors, (anchors, dims) each: float (probes, people)."""


def template_distances(probes: AnyArray, anchors: Sequence[AnyArray]) -> AnyArray:
    """Return Euclidean distances to templates, with the same-picture rule of `scoring.rank`; see `Measure`."""
    templates = np.stack([own.mean(axis=0) for own in anchors])
    templates /= np.maximum(np.linalg.norm(templates, axis=1, keepdims=True), 1e-6)
    cosines = probes @ templates.T
    closest = np.stack([(probes @ own.T).max(axis=1) for own in anchors], axis=1)
    cosines = np.where(closest >= SAME_PICTURE, np.maximum(cosines, closest), cosines)
    return np.asarray(np.sqrt(np.maximum(0, 2 - 2 * cosines)))


def own_gallery_rates(faces: Collection, rules: Rules | None = None, measure: Measure = template_distances) -> Metrics:
    """Measure small galleries by the number of enrolled photos, which are chosen at random.

    The further photos of a person are probes. Unusable photos are not enrolled, and are errors among the probes.

    Returns:
        One of `rows` per number in `ENROLLED` has means over seeds. `spread` is the standard deviation of the TPIR.
        With rules, `rates` have the shares at the card's thresholds: `matched`, and `impostors_matched` of the held-out
        impostors. A system without thresholds has no rules.
    """
    rows = []
    for count in ENROLLED:
        runs = [_run(faces, rules, measure, count, seed) for seed in range(SEEDS)]
        rates = []
        for fpir in FPIRS:
            of_runs = [run_rates[fpir] for _, _, run_rates in runs]
            means = {name: float(np.mean([rate[name] for rate in of_runs])) for name in of_runs[0]}
            spread = float(np.std([rate["tpir"] for rate in of_runs], ddof=1))
            rates.append({"fpir": fpir, **means, "spread": spread})
        probes, rank1 = np.mean([run[:2] for run in runs], axis=0).tolist()
        rows.append({"enrolled": count, "probes": round(probes), "rank1": rank1, "rates": rates})
    return {
        "people": len(set(faces.people[faces.members])),
        "impostors": len(faces.impostors),
        "held_out": len(faces.held_out),
        "seeds": SEEDS,
        "rows": rows,
    }


def _run(
    faces: Collection, rules: Rules | None, measure: Measure, count: int, seed: int
) -> tuple[int, float, dict[float, dict[str, float]]]:
    """Return the number of probes, rank-1, and the rates at each of `FPIRS`."""
    rng = np.random.default_rng(seed)
    anchors: list[AnyArray] = []
    probes: list[int] = []
    owners: list[int] = []
    for number, person in enumerate(np.unique(faces.people[faces.members])):
        order = rng.permutation(faces.members[faces.people[faces.members] == person])
        usable = order[faces.usable[order]]
        enrolled = usable[:count] if len(usable) else order[:1]
        own_probes = order[~np.isin(order, enrolled)][:PROBES_PER_PERSON]
        anchors.append(faces.embeddings[enrolled])
        probes += own_probes.tolist()
        owners += [number] * len(own_probes)
    known, impostors, held_out = (
        np.where(faces.usable[positions, None], measure(faces.embeddings[positions], anchors), np.inf)
        for positions in (np.array(probes), faces.impostors, faces.held_out)
    )
    is_correct = (known.argmin(axis=1) == owners) & faces.usable[probes]
    rates = {}
    for fpir in FPIRS:
        rates[fpir] = {"tpir": tpir(known.min(axis=1), is_correct, impostors.min(axis=1), fpir)}
        if rules:
            threshold = rules.with_fpir(fpir).threshold(count, len(anchors))
            rates[fpir]["matched"] = float((is_correct & _is_match(known, rules, threshold)).mean())
            rates[fpir]["impostors_matched"] = float(_is_match(held_out, rules, threshold).mean())
    return len(probes), float(is_correct.mean()), rates


def _is_match(distances: AnyArray, rules: Rules, threshold: float) -> BoolArray:
    """Return whether faces match, as `decision.decide` decides: float (faces, people) to bool (faces,)."""
    scores = rules.head.score(np.partition(distances, 1, axis=1)[:, :2])
    return (scores[:, 0] <= threshold) & (margins_to_runner_up(scores) >= rules.margin)
