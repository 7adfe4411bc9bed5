"""Similar faces among those of a results page that have no name, so that an administrator can name them together."""

from collections.abc import Sequence

import numpy as np

from app.arrays import FloatArray
from app.recognition.decision import Rules


def find_similar(embeddings: Sequence[FloatArray], photos: Sequence[int], rules: Rules) -> list[list[int]]:
    """Return for each face the positions of the faces that look like it, the most similar first.

    The threshold is that of photo comparisons, for as many pairs as there are other faces. Two faces in one photo are
    never similar, since a person appears once in a photo.

    Args:
        embeddings: One float32 (dims,) of unit length for each face.
        photos: The photo of each face.
        rules: Thresholds of the network.
    """
    if len(embeddings) < 2:
        return [[] for _ in embeddings]
    rows, owners = np.stack(embeddings), np.asarray(photos)
    scores = np.asarray(rules.head.score_cosines(rows @ rows.T))
    scores[owners[:, None] == owners] = np.inf
    threshold = rules.pairs.same_threshold(len(rows) - 1)
    order = np.argsort(scores, axis=1, kind="stable")
    return [[int(other) for other in order[row] if scores[row, other] <= threshold] for row in range(len(rows))]
