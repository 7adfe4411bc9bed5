from types import SimpleNamespace

import numpy as np
import pytest

from app.training import guests, measuring, shipping
from app.training.crops import Crops
from app.training.shipping import Faces
from app.verdict import Head, Rules
from tests import photos

RULES = Rules(Head(6.0, 1.0), ((1, 0.5),), margin=0.0, pair_threshold=0.5)


@pytest.fixture
def root(tmp_path):
    """A collection of three people, one of them with too few pictures; every second file is no picture."""
    for name, count in (("Ann_Lee", 12), ("Bo_Ek", 10), ("Cy_Few", 9)):
        (tmp_path / "lfw" / name).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "lfw" / name / f"{number:04d}.jpg").write_bytes(photos.encode(photos.background(40, 40)))
            (tmp_path / "lfw" / name / f"{number:04d}.txt").touch()
    return tmp_path / "lfw"


@pytest.fixture
def faces(tmp_path, rng) -> Faces:
    crops = Crops(["celebrities/Dee/1.webp"], np.zeros((1, 112, 112, 3), np.uint8), np.ones(1, bool), *np.ones((2, 1)))
    row = rng.normal(size=(1, 8)).astype(np.float32)
    return Faces(tmp_path, crops, np.array(["celebrities/Dee"]), np.array(["train"]), row / np.linalg.norm(row))


def test_those_with_enough_pictures_are_listed(root):
    assert {file.split("/")[0] for file in guests.pictures_of(root, [])} == {"Ann_Lee", "Bo_Ek"}
    assert len(guests.pictures_of(root, ["Ann_Lee"])) == 10


def test_guests_join_the_gallery_by_half_of_their_pictures(root, faces, tmp_path, rng, monkeypatch):
    middles = {name: rng.normal(size=8) for name in ("Ann_Lee", "Bo_Ek")}

    def embed(_network, crops, _cache, _tick):
        rows = np.array([middles[file.split("/")[0]] for file in crops.files]) + rng.normal(scale=0.1, size=(22, 8))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    monkeypatch.setattr(guests, "embed", embed)
    eyes = np.array([[12.0, 18.0], [28.0, 18.0]])
    found = SimpleNamespace(largest=lambda picture: SimpleNamespace(eyes=eyes), backend="none")
    ticks = []
    joined = guests.invite(faces, root, tmp_path / "work", found, None, [], lambda *told: ticks.append(told))
    assert ticks[-1] == ("finding guests", 22, 22)
    assert len(joined.crops.files) == len(joined.embeddings) == 23
    assert set(joined.splits[1:]) == {"train", "guest"}
    assert joined.picture(5).shape == (40, 40, 3)
    snapshot, _ = shipping.choose_gallery(joined, {"Bo Ek": "Bo Ék"}, shipping.QualityFloor(0.0, 0.0))
    assert snapshot.names == ("Ann Lee", "Bo Ék", "Dee")
    test = joined.of("guest")
    names = [shipping.person_of(identity, {"Bo Ek": "Bo Ék"}) for identity in joined.identities[test]]
    closed = measuring.evaluation.closed_set(joined.embeddings[test], names, 0, snapshot, RULES)
    assert (closed["people"], closed["top1"]) == (2, 1.0)
