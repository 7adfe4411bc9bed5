"""Shipped gallery: choice of the anchors of each person, and gallery files with average faces as portraits."""

from pathlib import Path

import numpy as np

from app.arrays import FloatArray, IntArray
from app.gallery import shipped
from app.gallery.snapshot import Snapshot
from app.recognition.inference import to_unit_length
from app.training.data.crops import Progress, no_progress
from app.training.data.labeled_faces import LabeledFaces
from app.training.release import portraits
from app.vision.quality import QualityFloor

MAX_ANCHORS = 64
"""Anchors per person. A template of 64 identifies more of the celebrities than one of 32."""

PORTRAIT_CANDIDATES = 24
"""Most typical faces of a person, from which a portrait chooses `portraits.FACES`."""

_MIN_USABLE = 3  # with fewer faces above the quality floor, all faces of a person may become anchors


def choose_anchors(embeddings: FloatArray, count: int = MAX_ANCHORS) -> IntArray:
    """Return the positions of the faces of a person closest to their mean, the most typical first: int64 (anchors,).

    This excludes outliers and wrong labels. At the same FPIR these anchors gave a higher TPIR than farthest-first
    traversal, even steps and random choice. `embeddings` is float32 (faces, dims) of unit length.
    """
    return np.argsort(-(embeddings @ embeddings.mean(axis=0)), kind="stable")[:count]


def choose_gallery(faces: LabeledFaces, floor: QualityFloor) -> tuple[Snapshot, list[IntArray]]:
    """Choose everyone's anchors from training faces above the quality floor.

    Returns:
        The gallery, sorted by name, and the positions of each person's anchors in `faces`.
    """
    training = faces.positions("train")
    is_good = floor.accepts(faces.crops.qualities)
    people = np.unique(faces.names[training]).tolist()
    chosen = []
    for person in people:
        own = training[faces.names[training] == person]
        own = own[is_good[own]] if is_good[own].sum() >= _MIN_USABLE else own
        chosen.append(own[choose_anchors(faces.embeddings[own])])
    # Rounded to float16 as stored, so that the thresholds hold for the shipped gallery.
    anchors = to_unit_length(faces.embeddings[np.concatenate(chosen)].astype(np.float16).astype(np.float32))
    offsets = np.cumsum([0, *map(len, chosen)])
    return Snapshot(people, range(len(people)), anchors, offsets, 0), chosen


def write_gallery(
    folder: Path, network_id: str, faces: LabeledFaces, floor: QualityFloor, progress: Progress = no_progress
) -> None:
    """Write the shipped gallery: everyone's anchors and portraits."""
    snapshot, chosen = choose_gallery(faces, floor)
    people = []
    for number, (name, own) in enumerate(zip(snapshot.names, chosen, strict=True)):
        found = [(position, faces.crops.face(position)) for position in own[:PORTRAIT_CANDIDATES]]
        shown = [(position, face.landmarks) for position, face in found if face and face.landmarks is not None]
        portrait = portraits.average_face(
            [faces.read_picture(position) for position, _ in shown],
            [landmarks for _, landmarks in shown],
            np.array([faces.crops.qualities[position].detail for position, _ in shown]),
        )
        people.append((name, snapshot.person(number), portrait))
        progress("averaging faces", number + 1, len(chosen))
    shipped.write(folder, network_id, people)
