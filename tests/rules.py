"""Decision rules for tests."""

from app.recognition.decision import FPIRS, PairRules, Rules
from app.recognition.scoring import Head

PAIRS = PairRules(((0.01, 0.4), (0.001, 0.3), (0.0001, 0.2)), different=0.6)


def make_rules(
    head: Head, *rows: tuple[int, float], margin: float = 0.0, people: tuple[tuple[int, float], ...] = ((1, 1.0),)
) -> Rules:
    """Return rules with thresholds that shrink at stricter rates.

    Args:
        head: from distance to score.
        rows: (anchors, class distance) at an FPIR of 1 %.
        margin: smallest lead over the runner-up.
        people: (people, factor), what a gallery of that size multiplies the class distances by.
    """

    def table(strictness: float):
        return tuple(
            (count, tuple((anchors, value * factor * strictness) for anchors, value in rows))
            for count, factor in people
        )

    strictness = dict(zip(FPIRS, (1.0, 0.8, 0.6), strict=True))
    return Rules(head, tuple((fpir, table(value)) for fpir, value in strictness.items()), margin, PAIRS, look_alike=0.6)
