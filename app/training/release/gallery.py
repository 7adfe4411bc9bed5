"""Shipped gallery: choice of the anchors of each person, and gallery files with average faces as portraits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.arrays import FloatArray, IntArray
from app.gallery import shipped
from app.gallery.snapshot import Snapshot
from app.recognition import impostor_faces
from app.training.data.labeled_faces import LabeledFaces, Progress, no_progress, person_name
from app.training.release import portraits
from app.vision.quality import QualityFloor

MAX_ANCHORS = 64
"""Anchors per person. A template of 64 identifies more of the celebrities than one of 32."""

PORTRAIT_FACES = 12
"""Faces that a portrait averages. More faces blur it, fewer would show a single photo."""

_MIN_USABLE = 3
"""With fewer faces above the quality floor, all faces of a person may become anchors."""


def choose_anchors(embeddings: FloatArray, count: int = MAX_ANCHORS) -> IntArray:
    """Return the positions of the faces of a person closest to their mean, the most typical first: int64 (anchors,).

    This excludes outliers and wrong labels. At the same FPIR these anchors gave a higher TPIR than farthest-first
    traversal, even steps and random choice. `embeddings` is float32 (faces, dims) of unit length.
    """
    return np.argsort(-(embeddings @ embeddings.mean(axis=0)), kind="stable")[:count]


def choose_gallery(
    faces: LabeledFaces, spellings: dict[str, str], floor: QualityFloor
) -> tuple[Snapshot, list[IntArray]]:
    """Choose everyone's anchors from training faces above the quality floor.

    Returns:
        The gallery, sorted by name, and the positions of each person's anchors in `faces`.
    """
    usable = faces.positions("train")
    is_good = floor.accepts(faces.crops.qualities)
    people, chosen = [], []
    for identity in sorted(set(faces.identities[usable]), key=lambda identity: person_name(identity, spellings)):
        own = usable[faces.identities[usable] == identity]
        own = own[is_good[own]] if is_good[own].sum() >= _MIN_USABLE else own
        people.append(person_name(identity, spellings))
        chosen.append(own[choose_anchors(faces.embeddings[own])])
    # Rounded to float16 as stored, so that the thresholds hold for the shipped gallery.
    anchors = np.concatenate([faces.embeddings[own] for own in chosen]).astype(np.float16).astype(np.float32)
    anchors /= np.linalg.norm(anchors, axis=1, keepdims=True)
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in chosen])])
    return Snapshot(tuple(people), tuple(range(len(people))), anchors, offsets, 0), chosen


def write_gallery(
    folder: Path,
    network_id: str,
    faces: LabeledFaces,
    spellings: dict[str, str],
    floor: QualityFloor,
    progress: Progress = no_progress,
) -> None:
    """Write the shipped gallery: everyone's anchors and portraits."""
    snapshot, chosen = choose_gallery(faces, spellings, floor)
    people = []
    for number, (name, own) in enumerate(zip(snapshot.names, chosen, strict=True)):
        found = [(position, faces.crops.face(position)) for position in own[:PORTRAIT_FACES]]
        shown = [(position, face.landmarks) for position, face in found if face and face.landmarks is not None]
        portrait = portraits.average_face(
            [faces.read_picture(position) for position, _ in shown],
            [landmarks for _, landmarks in shown],
            np.array([faces.crops.qualities[position].detail for position, _ in shown]),
        )
        people.append((name, snapshot.anchors[snapshot.offsets[number] : snapshot.offsets[number + 1]], portrait))
        progress("averaging faces", number + 1, len(chosen))
    shipped.write(folder, network_id, people)


def write_impostors(model: Path, network_id: str, faces: LabeledFaces) -> None:
    """Write the impostors' embeddings by the model card, for `people check` and `calibrate`.

    They are those of `test-impostor`, on which no threshold was chosen.
    """
    impostor_faces.write_impostors(model, network_id, faces.embeddings[faces.positions("test-impostor")])
