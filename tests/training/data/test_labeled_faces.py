from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from app.recognition.scoring import Head
from app.training.data import crops as crops_module
from app.training.data import labeled_faces
from app.training.data.crops import Crops, Pipeline
from app.training.data.labeled_faces import LabeledFaces, drop_gallery_impostors
from app.training.evaluation.identification import rank_faces
from app.training.release import gallery
from app.vision.faces import Box, DetectedFace
from app.vision.quality import QualityFloor
from tests import photos


@pytest.fixture
def root(tmp_path):
    """A collection of three people, one of them with too few pictures; every second file is not a picture."""
    for name, count in (("Ann_Lee", 12), ("Bo_Ek", 10), ("Cy_Few", 9)):
        (tmp_path / "lfw" / name).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "lfw" / name / f"{number:04d}.jpg").write_bytes(photos.encode(photos.background(40, 40)))
            (tmp_path / "lfw" / name / f"{number:04d}.txt").touch()
    return tmp_path / "lfw"


@pytest.fixture
def faces(tmp_path, rng) -> LabeledFaces:
    row = np.arange(16, dtype=np.float32)[None]
    crops = Crops(["celebrities/Dee/1.webp"], np.zeros((1, 112, 112, 3), np.uint8), row, np.full(1, 9.0))
    row = rng.normal(size=(1, 8)).astype(np.float32)
    path = tmp_path / "celebrities/Dee/1.webp"
    return LabeledFaces([path], crops, np.array(["celebrities/Dee"]), np.array(["train"]), row / np.linalg.norm(row))


def test_people_with_enough_pictures_are_members(root):
    members, others = labeled_faces.list_lfw_pictures(root, [])
    assert {file.split("/")[0] for file in members} == {"Ann_Lee", "Bo_Ek"}
    assert {file.split("/")[0] for file in others} == {"Cy_Few"}
    assert len(labeled_faces.list_lfw_pictures(root, ["Ann_Lee"])[0]) == 10


def test_lfw_people_join_the_gallery_with_half_of_their_pictures(root, faces, tmp_path, rng, monkeypatch):
    means = {name: rng.normal(size=8) for name in ("Ann_Lee", "Bo_Ek", "Cy_Few")}

    def embed(_network, crops, _cache, _progress):
        rows = np.array([means[file.split("/")[0]] for file in crops.files]) + rng.normal(scale=0.1, size=(31, 8))
        norms = np.linalg.norm(rows, axis=1)
        return replace(crops, norms=norms), (rows / norms[:, None]).astype(np.float32)

    monkeypatch.setattr(crops_module, "embed", embed)
    face = DetectedFace(Box(10, 10, 20, 24), np.array([[12.0, 18.0], [28.0, 18.0]]), 0.9)
    detector = SimpleNamespace(find_largest_face=lambda picture: face, backend="none")
    steps = []
    pipeline = Pipeline(detector, None, tmp_path / "work", lambda *step: steps.append(step))
    joined = replace(labeled_faces.add_lfw(faces, root, [], pipeline), spellings={"Bo Ek": "Bo Ék"})
    assert steps[-1] == ("detecting faces (unseen)", 31, 31)
    assert len(joined.crops.files) == len(joined.embeddings) == 32
    few = np.char.endswith(joined.identities, "Cy_Few")
    assert set(joined.splits[~few]) == {"train", "test-unseen"}
    assert set(joined.splits[few]) <= {"calibration-impostor", "test-impostor"}
    assert joined.read_picture(5).shape == (40, 40, 3)
    floor = QualityFloor()
    snapshot, _ = gallery.choose_gallery(joined, floor)
    assert snapshot.names == ("Ann Lee", "Bo Ék", "Dee")
    card = SimpleNamespace(rules=SimpleNamespace(head=Head(6.0, 1.0)), quality=floor)
    found = rank_faces(joined, joined.positions("test-unseen"), snapshot, card)
    assert {face.person for face in found} == {"Ann Lee", "Bo Ék"}
    assert all(face.is_rank1 for face in found)


def test_people_whom_the_gallery_leaves_out_are_no_impostors(faces, tmp_path):
    splits = ["train", "calibration", "test", "test-unseen", "test-famous", "train"]
    identities = np.array([*["celebrities/P_2"] * 4, "people/P_2", "celebrities/Dee"])
    collection = replace(faces, identities=identities, splits=np.array(splits), spellings={"P 2": "Pé 2"})
    assert labeled_faces.leave_out(collection, labeled_faces.read_left_out(tmp_path)).splits.tolist() == splits
    (tmp_path / "left_out.json").write_text('["Pé 2", "Zoe"]', encoding="utf-8")
    kept = labeled_faces.leave_out(collection, labeled_faces.read_left_out(tmp_path))
    assert kept.splits.tolist() == [*["left-out"] * 4, "test-famous", "train"]


def test_impostors_of_the_gallerys_names_are_dropped():
    identities = np.array(["celebrities/P 2", "people/other", "people/P_2"])
    splits = np.array(["train", "test-famous", "test-impostor"])
    crops = Crops(["1", "2", "3"], np.zeros((3, 112, 112, 3), np.uint8), np.zeros((3, 16), np.float32))
    faces = LabeledFaces([], crops, identities, splits, np.zeros((3, 8), np.float32), {"P 2": "p2"})
    assert drop_gallery_impostors(faces).splits.tolist() == ["train", "test-famous", "dropped"]
