"""How other detectors lay faces: `.venv/bin/python -m bench.detectors LFW_FOLDER [--faces 300] [--other mtcnn]`.

Another detector finds the faces of the same test pictures of the gallery's people. Prints how far its eyes are from
those of the serving detector, and the share of faces that get their own name.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from app.gallery import shipped
from app.recognition.decision import decide
from app.recognition.scoring import rank
from app.settings import Settings
from app.training.data import unseen_people
from app.training.data.labeled_faces import person_name, read_spellings
from app.vision import alignment, decoding
from app.vision.detection import Detector

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def moves(eyes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How a crop by `others` lies beside one by `eyes`, each (faces, 2, 2).

    Returns:
        (4, faces): degrees turned, logarithm of the scale, and the shift to the right and down in parts of the eyes'
        distance.
    """
    (left, right), (other_left, other_right) = (pair.astype(float).swapaxes(0, 1) @ [1, 1j] for pair in (eyes, others))
    turn = (other_right - other_left) / (right - left)
    shift = (other_left + other_right - left - right) / 2 / (right - left)
    return np.stack([np.degrees(np.angle(turn)), np.log(np.abs(turn)), shift.real, shift.imag])


@click.command()
@click.argument("lfw", type=FOLDER)
@click.option("--faces", "count", default=300, show_default=True, help="Pictures, evenly taken.")
@click.option("--other", default="mtcnn", show_default=True, help="DeepFace's name of the other detector.")
def main(lfw: Path, count: int, other: str) -> None:
    """Measure and print."""
    settings = Settings()
    # First: what is not OpenCV's must be chosen before TensorFlow is imported.
    detectors = {other: Detector.from_settings(settings.with_changes(detector=other))}
    detectors = {"the one that serves": Detector.from_settings(settings)} | detectors
    from app.recognition import inference

    network, snapshot = inference.load_network(settings.model), shipped.read(settings.anchors).snapshot()
    held_out = [file for file in unseen_people.list_pictures(lfw, []) if unseen_people.split_of(file) == "guest"]
    spelling = read_spellings(settings.anchors)
    whose = {file: person_name(file.rpartition("/")[0], spelling) for file in held_out}
    held_out = [file for file in held_out if whose[file] in snapshot.names]
    chosen = [held_out[place] for place in np.linspace(0, len(held_out) - 1, min(count, len(held_out))).astype(int)]
    eyes: dict[str, list] = {name: [] for name in detectors}
    first, named = dict.fromkeys(detectors, 0), dict.fromkeys(detectors, 0)
    for file in chosen:
        picture = decoding.decode((lfw / file).read_bytes())
        for name, detector in detectors.items():
            face = detector.find_largest_face(picture)
            eyes[name].append(np.full((2, 2), np.nan) if face is None else face.eyes)
            if face is None:
                continue
            row = network.embed(alignment.align(picture.pixels, face.landmarks)[None])
            verdict = decide(rank(row[0], snapshot, network.card.rules.head), network.card.rules)
            first[name] += verdict.ranking[0].person == whose[file]
            named[name] += verdict.person == whose[file]
    print(f"{len(chosen)} pictures of people of the gallery whom the network has not learnt from")
    print(f"{'':<22}{'found':>8}{'first':>9}{'named':>9}")
    for name, own in eyes.items():
        found = sum(not np.isnan(pair).any() for pair in own)
        print(f"{name:<22}{found:>8}{first[name] / len(chosen):>9.1%}{named[name] / len(chosen):>9.1%}")
    mine, theirs = (np.array(own) for own in eyes.values())
    both = ~np.isnan(mine).any(axis=(1, 2)) & ~np.isnan(theirs).any(axis=(1, 2))
    print("\nStandard deviations      turn     scale   right    down")
    turn, scale, right, down = moves(mine[both], theirs[both]).std(axis=1)
    print(f"{other:<22}{turn:>6.1f}°{scale:>9.1%}{right:>8.1%}{down:>8.1%}")


if __name__ == "__main__":
    main()
