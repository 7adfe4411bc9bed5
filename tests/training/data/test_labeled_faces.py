from pathlib import Path

import numpy as np

from app.training.data.crops import Crops
from app.training.data.labeled_faces import LabeledFaces, drop_gallery_impostors


def test_impostors_of_the_gallerys_names_are_dropped():
    identities = np.array(["celebrities/P 2", "people/other", "people/P_2"])
    splits = np.array(["train", "test-famous", "test-impostor"])
    crops = Crops(["1", "2", "3"], np.zeros((3, 112, 112, 3), np.uint8), np.zeros((3, 16), np.float32))
    faces = LabeledFaces(Path(), crops, identities, splits, np.zeros((3, 8), np.float32))
    assert drop_gallery_impostors(faces, {"P 2": "p2"}).splits.tolist() == ["train", "test-famous", "dropped"]
