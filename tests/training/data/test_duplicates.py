import cv2
import numpy as np

from app.training.data.crops import Crops
from app.training.data.splits import find_duplicates
from app.vision import alignment
from tests import photos
from tests.training.data.test_crops import rows_of

NAMES = ("Drake", "Eminem", "Lionel Messi", "Cristiano Ronaldo")


def crops_of(pictures: list[np.ndarray]) -> Crops:
    files = [f"{number}.webp" for number in range(len(pictures))]
    return Crops(files, np.stack(pictures), rows_of(len(pictures)))


def test_find_duplicates_of_training_faces():
    faces = [np.asarray(photos.portraits()[name].resize((alignment.SIZE,) * 2)) for name in NAMES]
    _, file = cv2.imencode(".jpg", faces[0], [cv2.IMWRITE_JPEG_QUALITY, 20])
    worse = cv2.convertScaleAbs(cv2.imdecode(file, cv2.IMREAD_COLOR), alpha=0.8, beta=20)
    mirrored = cv2.GaussianBlur(faces[1][:, ::-1], (0, 0), 1.0)
    crops = crops_of([*faces[:2], worse, mirrored, faces[2], faces[3], worse])
    identities = np.array(["a"] * 6 + ["b"])
    splits = np.array(["train", "train", "test", "calibration", "test", "calibration", "test"])
    # The last face is a copy too, but training saw nothing of its folder.
    assert find_duplicates(crops, identities, splits).tolist() == [2, 3]


def test_no_duplicates_without_held_out_faces():
    faces = [np.asarray(photos.portraits()[name].resize((alignment.SIZE,) * 2)) for name in NAMES[:2]]
    assert find_duplicates(crops_of(faces), np.array(["a", "a"]), np.array(["train"] * 2)).tolist() == []
