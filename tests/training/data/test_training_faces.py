import numpy as np
import pytest

from app.errors import TrainingError
from app.training.data import training_faces
from app.vision.detection import Detector


def test_load_aligns_every_face_and_caches(photo, tmp_path, recognizer):
    for name in ("Drake", "Eminem"):
        (tmp_path / "faces" / "people" / name).mkdir(parents=True)
        (tmp_path / "faces" / "people" / name / "1.jpg").write_bytes(photo(name))
    (tmp_path / "faces" / "people" / "Eminem" / "2.jpg").write_bytes(b"not a picture")
    steps = []
    faces = training_faces.load(
        tmp_path / "faces", tmp_path / "work", recognizer.detector, progress=lambda *step: steps.append(step)
    )
    assert steps[-1] == ("detecting faces (training-crops)", 3, 3)
    assert faces.identities.tolist() == ["people/Drake", "people/Eminem", "people/Eminem"]
    assert faces.splits[2] == "missed"
    assert not set(faces.splits[:2]) & {"missed", "train"}  # names without a digit are impostors
    assert faces.crops.shape == (3, 112, 112, 3)
    again = training_faces.load(tmp_path / "faces", tmp_path / "work", recognizer.detector, gallery="people")
    np.testing.assert_array_equal(again.crops, faces.crops)
    assert set(again.splits) <= {"train", "calibration", "test", "missed"}


def test_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(TrainingError, match="No pictures below"):
        training_faces.load(tmp_path, tmp_path / "work", Detector("opencv"))
