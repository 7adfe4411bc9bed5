"""Face verification (1:1): choose the faces of two photos and compare every pair."""

from collections.abc import Sequence

from app.errors import LowQuality, NoFaceFound, NoSuchFace
from app.recognition.decision import Rules
from app.recognition.results import ComparedFace, ComparedPhoto, Comparison, Probe
from app.recognition.scoring import pair_score
from app.vision.decoding import Picture


def choose_faces(picture: Picture, probes: Sequence[Probe], photo: str, face: int | None = None) -> ComparedPhoto:
    """Choose the faces of sufficient quality, or only the one of index `face`, from 1. Errors name the `photo`."""
    faces = tuple(ComparedFace(index, probe) for index, probe in enumerate(probes, start=1))
    if not faces:
        raise NoFaceFound(f"We couldn't find a face in the {photo} photo. Try a sharper, front-on photo.")
    if face is not None and not 1 <= face <= len(faces):
        raise NoSuchFace(
            f"The {photo} photo has no face {face}. Choose a number from 1 to {len(faces)}, counted from the left."
        )
    candidates = faces if face is None else faces[face - 1 : face]
    chosen = tuple(candidate for candidate in candidates if candidate.probe.flaw is None)
    if chosen:
        return ComparedPhoto(picture, faces, chosen)
    largest = max(candidates, key=lambda candidate: candidate.area)
    if len(candidates) > 1:
        sentence = f"None of the {len(faces)} faces in the {photo} photo can be compared. The largest:"
    else:
        name = "The face" if len(faces) == 1 else f"Face {largest.index}"
        sentence = f"{name} in the {photo} photo cannot be compared."
    raise LowQuality(f"{sentence} {largest.probe.flaw}")


def compare_photos(first: ComparedPhoto, second: ComparedPhoto, rules: Rules) -> Comparison:
    """Return the most similar pair of chosen faces, one of each photo."""
    scores = [
        (pair_score(a.probe.embedding, b.probe.embedding, rules.head), a, b)
        for a in first.chosen
        for b in second.chosen
        if a.probe.embedding is not None and b.probe.embedding is not None
    ]
    score, a, b = min(scores, key=lambda pair: pair[0])
    return Comparison(a, b, score, len(scores), rules.pairs)
