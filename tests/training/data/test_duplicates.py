import cv2
import numpy as np

from app.training.data import duplicates
from app.training.data.crops import Crops
from app.vision import alignment
from tests import photos
from tests.training.data.test_crops import rows_of

NAMES = ("Drake", "Eminem", "Lionel Messi", "Cristiano Ronaldo")


def crops_of(pictures: list[np.ndarray]) -> Crops:
    files = [f"{number}.webp" for number in range(len(pictures))]
    return Crops(files, np.stack(pictures), rows_of(len(pictures)))


def test_copies_of_training_faces_are_found_and_others_are_not():
    faces = [np.asarray(photos.portraits()[name].resize((alignment.SIZE,) * 2)) for name in NAMES]
    _, file = cv2.imencode(".jpg", faces[0], [cv2.IMWRITE_JPEG_QUALITY, 20])
    worse = cv2.convertScaleAbs(cv2.imdecode(file, cv2.IMREAD_COLOR), alpha=0.8, beta=20)
    mirrored = cv2.GaussianBlur(faces[1][:, ::-1], (0, 0), 1.0)
    crops = crops_of([*faces[:2], worse, mirrored, faces[2], faces[3], worse])
    identities = np.array(["a"] * 6 + ["b"])
    splits = np.array(["train", "train", "test", "calibration", "test", "calibration", "test"])
    # The last is a copy too, but in a folder that training saw nothing of.
    assert duplicates.repeated(crops, identities, splits, None).tolist() == [2, 3]


def test_a_teacher_tells_copies_that_pixels_do_not():
    faces = [np.asarray(photos.portraits()[name].resize((alignment.SIZE,) * 2)) for name in NAMES[:3]]
    targets = np.float32([[1, 0], [0.95, np.sqrt(1 - 0.95**2)], [0, 1]])
    splits, identities = np.array(["train", "test", "test"]), np.array(["a"] * 3)
    assert duplicates.repeated(crops_of(faces), identities, splits, targets).tolist() == [1]
    assert len(duplicates.repeated(crops_of(faces), identities, splits, None)) == 0


def test_nothing_held_out_means_no_copies():
    faces = [np.asarray(photos.portraits()[name].resize((alignment.SIZE,) * 2)) for name in NAMES[:2]]
    assert duplicates.repeated(crops_of(faces), np.array(["a", "a"]), np.array(["train"] * 2), None).tolist() == []
