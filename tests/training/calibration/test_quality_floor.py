from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from app.training.calibration import quality_floor
from app.training.calibration.quality_floor import Recognition
from app.training.data.crops import Crops, Pipeline
from app.training.data.labeled_faces import LabeledFaces
from app.vision.alignment import TEMPLATE
from app.vision.quality import Quality, QualityFloor, measure_quality
from tests import photos

PEOPLE = 20


@pytest.fixture(scope="module")
def faces() -> LabeledFaces:
    """Two faces of each person: a shipped portrait, and the same with less light."""
    portraits = [np.asarray(face.resize((112, 112))) for _, face in sorted(photos.portraits().items())[:PEOPLE]]
    crops = np.stack([face for portrait in portraits for face in (portrait, portrait // 2)])
    files = [f"person-{number}/{light}.webp" for number in range(PEOPLE) for light in ("light", "dark")]
    row = np.concatenate([[30, 30, 80, 100, 0.95, 0.93], TEMPLATE.ravel()]).astype(np.float32)
    embeddings = embed(crops)
    norms = np.linalg.norm(embeddings, axis=1)
    found = Crops(files, crops, np.tile(row, (len(files), 1)), norms)
    identities = np.array([file.split("/")[0] for file in files])
    return LabeledFaces([], found, identities, np.full(len(files), "calibration"), embeddings / norms[:, None])


def embed(faces: np.ndarray) -> np.ndarray:
    """Return fine structures as embeddings: a network that recognizes them and nothing else."""
    gray = [cv2.cvtColor(face, cv2.COLOR_RGB2GRAY).astype(np.float32) for face in faces]
    return np.stack([(face - cv2.GaussianBlur(face, (0, 0), 1.5)).ravel() for face in gray])


def test_the_floor_lies_where_reduced_faces_are_no_longer_recognized(faces):
    crops = faces.crops.crops
    network = SimpleNamespace(embed_raw=embed)
    floor = quality_floor.choose(faces, Pipeline(None, network, Path()))
    assert 4 < floor.eye_distance < 13
    recognition = Recognition.fit(faces.identities, faces.embeddings, np.arange(2 * PEOPLE))
    rates = [
        recognition.rate(embed(quality_floor.reduce_faces(crops, floor.eye_distance * scale))) for scale in (0.7, 1.4)
    ]
    assert rates[0] < quality_floor.STILL_RECOGNIZED < rates[1]
    reduced = quality_floor.reduce_faces(crops[::2], floor.eye_distance / 1.5)
    refused = [floor.flaw(measure_quality(face, TEMPLATE)) for face in reduced]
    assert sum(flaw is not None and "blurred or enlarged" in flaw for flaw in refused) > PEOPLE / 2
    assert floor.flaw(measure_quality(crops[0], TEMPLATE)) is None


def test_ordinary_faces_are_hardly_ever_refused(rng):
    faces = [
        Quality(*row) for row in zip(*(rng.lognormal(size=2000) for _ in range(2)), *rng.random((3, 2000)), strict=True)
    ]
    most = QualityFloor(eye_distance=100.0, detail=0.001, yaw=1.0)
    floor = quality_floor.fit(faces, most)
    refused = 1 - floor.accepts(faces).mean()
    assert quality_floor.REFUSED / 2 < refused <= quality_floor.REFUSED
    assert floor.eye_distance < 1
    assert (floor.detail, floor.yaw) == (0.001, 1.0)
    assert floor.norm > 0 < floor.close_confidence


def test_a_face_is_recognized_by_the_other_faces_of_its_person(unit_vectors):
    people = unit_vectors(4)
    embeddings = np.repeat(people, 2, axis=0)
    recognition = Recognition.fit(np.repeat(list("abcd"), 2), embeddings, np.arange(8))
    assert recognition.rate(embeddings) == 1
    assert recognition.rate(-embeddings) == 0


def test_single_faces_are_not_enough(unit_vectors):
    with pytest.raises(ValueError, match="Fewer than two people have two faces"):
        Recognition.fit(np.array(list("abcc")), unit_vectors(4), np.arange(4))
