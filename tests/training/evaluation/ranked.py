"""Rules and ranked faces for tests of the evaluation."""

from app.recognition.decision import FPIRS, PairRules, Rules
from app.recognition.scoring import Head, PersonDistance
from app.training.evaluation.identification import RankedFace

RULES = Rules(
    Head(4.0, 1.0),
    tuple((fpir, ((1, ((1, limit),)),)) for fpir, limit in zip((*FPIRS, 0.1), (0.3, 0.2, 0.1, 0.6), strict=True)),
    margin=0.02,
    pairs=PairRules(((1e-3, 0.2),), 0.5),
)


def face(
    person: str | None, *ranking: tuple[str, float], identity: str = "", source: str = "web", flaw=None
) -> RankedFace:
    rows = tuple(PersonDistance(name, distance, distance, distance, 0.0, 32) for name, distance in ranking)
    return RankedFace(identity or f"known/{person}", person, source, rows, 100, flaw)
