"""From a trained twin to what ships: anchors and portraits of the gallery's people, the card with every number.

The numbers are chosen on `calibration` faces; see `splits.split_of`. `measuring` tells, on `test` faces, what came
of it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from app.gallery import shipped
from app.gallery.snapshot import Snapshot
from app.recognition import impostor_faces, model_card
from app.recognition.decision import Rules
from app.recognition.scoring import Head
from app.training.calibration import quality_floor, thresholds
from app.training.data.labeled_faces import LabeledFaces, Progress, no_progress, person_name
from app.training.release import anchors
from app.vision.quality import QualityFloor


def choose_gallery(
    faces: LabeledFaces, spellings: dict[str, str], floor: QualityFloor
) -> tuple[Snapshot, list[np.ndarray]]:
    """Choose everyone's anchors from training faces that are worth judging.

    Returns:
        The gallery, its people in order of their names, and the positions of each person's anchors in `faces`.
    """
    usable = faces.positions("train")
    good = floor.accepts(faces.crops.qualities)
    people, chosen = [], []
    for identity in sorted(set(faces.identities[usable]), key=lambda one: person_name(one, spellings)):
        own = usable[faces.identities[usable] == identity]
        own = own[good[own]] if good[own].sum() >= 3 else own
        people.append(person_name(identity, spellings))
        chosen.append(own[anchors.choose(faces.embeddings[own])])
    # float16, as it will be stored: thresholds must hold for what ships.
    matrix = np.concatenate([faces.embeddings[own] for own in chosen]).astype(np.float16).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in chosen])])
    return Snapshot(tuple(people), tuple(range(len(people))), matrix, offsets, 0), chosen


def calibrate(
    faces: LabeledFaces, spellings: dict[str, str], network, pretrained: bool = False, progress: Progress = no_progress
) -> tuple[Rules, QualityFloor, Snapshot]:
    """Choose head, thresholds, margin and quality floor, and the gallery they hold for.

    Args:
        faces: as `gather` returns them.
        spellings: names by folder name.
        network: what embeds; degraded faces are embedded again.
        pretrained: whether the network has seen none of the faces. Then those of the gallery's people that do not
            become anchors are held out too.
        progress: called with the progress.
    """
    floor = quality_floor.choose(
        faces.crops, faces.embeddings, faces.positions("calibration"), network.embed_raw, progress
    )
    snapshot, chosen = choose_gallery(faces, spellings, floor)
    good = floor.accepts(faces.crops.qualities)
    known = np.concatenate(
        [faces.positions("calibration"), np.setdiff1d(faces.positions("train"), np.concatenate(chosen))]
    )
    known = known if pretrained else faces.positions("calibration")
    impostors, famous = faces.positions("calibration-impostor"), faces.positions("calibration-famous")
    known, impostors, famous = (places[good[places]] for places in (known, impostors, famous))
    # Left-over pictures are the least typical ones, wrong labels among them: they would widen "can't tell".
    judged = np.concatenate([impostors, np.intersect1d(known, faces.positions("calibration"))])
    people = np.array([person_name(identity, spellings) for identity in faces.identities[known]])
    head = Head(thresholds.SCALE, thresholds.fit_shift(faces.embeddings[judged], faces.identities[judged]))
    pairs = thresholds.pair_rules(faces.embeddings[judged], faces.identities[judged], head)
    kinds = {
        "ordinary people": thresholds.Impostors(faces.embeddings[impostors]),
        "famous people": thresholds.Impostors(faces.embeddings[famous]),
        "look-alikes": thresholds.Impostors(faces.embeddings[known], people),
    }
    progress("choosing thresholds", 0, 1)
    margin = thresholds.best_margin(faces.embeddings[known], people, kinds, snapshot, head)
    table = thresholds.class_thresholds(kinds, snapshot, head, margin)
    progress("choosing thresholds", 1, 1)
    return Rules(head, table, margin, pairs), floor, snapshot


def write(
    model: Path, raw: dict, weights: dict[str, np.ndarray], rules: Rules, floor: QualityFloor
) -> model_card.ModelCard:
    """Write the card with its numbers, and the weights beside it.

    Args:
        model: the card to write.
        raw: what else the card says.
        weights: of the twin, by name.
        rules: thresholds and margin.
        floor: the smallest and blurriest face worth judging.
    """
    numbers = {"head": asdict(rules.head), "verdict": model_card.verdict_section(rules), "quality": floor.to_dict()}
    model_card.write_card(model, raw | numbers, weights)
    return model_card.read_card(model)


def write_impostors(model: Path, network_id: str, faces: LabeledFaces) -> int:
    """Write the strangers' embeddings beside the card, for `people check`; gives back how many.

    They are those of `test-impostor`: no threshold was chosen on them, so a gallery is not judged by the faces that
    its thresholds were made for.

    Args:
        model: the card.
        network_id: of the card.
        faces: as `gather` gives them.
    """
    embeddings = faces.embeddings[faces.positions("test-impostor")]
    impostor_faces.write_impostors(model, network_id, embeddings)
    return len(embeddings)


def write_gallery(
    folder: Path,
    network_id: str,
    faces: LabeledFaces,
    spellings: dict[str, str],
    floor: QualityFloor,
    progress: Progress = no_progress,
) -> None:
    """Write the shipped gallery: everyone's anchors, and the average face of the most typical.

    Args:
        folder: to write to.
        network_id: of the card.
        faces: as `gather` gives them.
        spellings: names by folder name.
        floor: faces below it do not become anchors.
        progress: told the progress.
    """
    snapshot, chosen = choose_gallery(faces, spellings, floor)
    people = []
    for number, (name, own) in enumerate(zip(snapshot.names, chosen, strict=True)):
        typical = own[: anchors.AVERAGED]
        pictures = [faces.read_picture(place) for place in typical]
        landmarks = [face.landmarks for place in typical if (face := faces.crops.face(place))]
        details = [quality.detail for place in typical if (quality := faces.crops.qualities[place])]
        portrait = anchors.portrait(pictures, landmarks, np.array(details))
        people.append((name, snapshot.anchors[snapshot.offsets[number] : snapshot.offsets[number + 1]], portrait))
        progress("averaging faces", number + 1, len(chosen))
    shipped.write(folder, network_id, people)
