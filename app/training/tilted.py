"""Are tilted faces named as well as upright ones? Test pictures are turned in the plane and go the whole way again."""

from __future__ import annotations

import numpy as np

from app import crop, images
from app.detection import Detector, turned
from app.gallery.snapshot import Snapshot
from app.images import Picture
from app.training.shipping import Faces, Tick, person_of, quiet
from app.verdict import Head, rank

DEGREES = (0, 15, 30, -30)
SAMPLE = 400


def measure(
    faces: Faces,
    spelling: dict[str, str],
    snapshot: Snapshot,
    detector: Detector,
    network,
    tick: Tick = quiet,
) -> dict:
    """Closed-set top-1 of the same faces at each tilt; a face that is missed counts as an error.

    Arguments:
        faces: as `shipping.gather` gives them.
        spelling: names by folder name.
        snapshot: the gallery.
        detector: the one that serves.
        network: a `siamese.Network`.
        tick: told the progress.
    """
    known = np.flatnonzero(faces.splits == "test")
    sample = known[:: max(1, len(known) // SAMPLE)]
    names = [person_of(identity, spelling) for identity in faces.identities[sample]]
    pictures = [images.decode((faces.root / faces.crops.files[place]).read_bytes()).pixels for place in sample]
    result: dict = {"faces": len(sample)}
    for number, degrees in enumerate(DEGREES, start=1):
        result[f"top1_at_{degrees}"] = _top1(
            [turned(one, degrees)[0] for one in pictures], names, snapshot, detector, network
        )
        tick("turning faces", number, len(DEGREES))
    return result


def _top1(pictures: list[np.ndarray], names: list[str], snapshot: Snapshot, detector: Detector, network) -> float:
    head: Head = network.card.rules.head
    right = 0
    for picture, name in zip(pictures, names, strict=True):
        found = [face for face in detector.find_faces(Picture(picture)) if face.eyes is not None]
        if found:
            face = max(found, key=lambda face: face.box.area)
            embedding = network.embed(crop.align(picture, face.eyes)[None])[0]
            right += rank(embedding, snapshot, head)[0].person == name
    return right / len(names)
