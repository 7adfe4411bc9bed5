import numpy as np
import pytest

from app.training.data import crops as cutting
from app.training.data.crops import collect, embed
from app.vision import alignment, decoding
from app.vision.detection import Detector
from tests.photos import OTHER, PERSON


@pytest.fixture
def root(photo, tmp_path):
    for number, name in enumerate((PERSON, OTHER)):
        (tmp_path / f"{number}.jpg").write_bytes(photo(name))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    return tmp_path


FILES = ["0.jpg", "1.jpg", "broken.jpg"]


def rows_of(faces: int) -> np.ndarray:
    """Return rows as `collect` caches them, of frontal faces 100 pixels wide: float32 (faces, 16)."""
    return np.tile(np.float32([0, 0, 100, 100, 0.95, 0.95, *alignment.TEMPLATE.ravel()]), (faces, 1))


def test_faces_are_aligned_and_embedded_once(root, recognizer):
    found = collect(root, FILES, recognizer.detector, root / "cache")
    assert found.found.tolist() == [True, True, False]
    measured, embeddings = embed(recognizer.network, found, root / "cache")
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), [1, 1, 0], atol=1e-5)
    for place, file in enumerate(FILES[:2]):
        picture = decoding.decode((root / file).read_bytes())
        face = recognizer.detector.find_largest_face(picture)
        np.testing.assert_array_equal(found.crops[place], alignment.align(picture.pixels, face.landmarks))
        cached = found.face(place)
        np.testing.assert_allclose(cached.landmarks, face.landmarks, atol=1e-3)
        assert (cached.box, cached.confidence) == (face.box, pytest.approx(face.confidence))
    assert found.face(2) is None
    assert [one is None for one in found.qualities] == [False, False, True]
    norms = np.linalg.norm(recognizer.network.embed_raw(found.crops[:2]), axis=1)
    np.testing.assert_allclose(measured.norms, [*norms, 0], rtol=1e-5)
    assert [quality and quality.norm for quality in measured.qualities] == [*measured.norms[:2].tolist(), None]
    ticks, counting = [], Counting(recognizer.detector)
    collect(root, FILES, counting, root / "cache", lambda *step: ticks.append(step))
    assert (ticks, counting.asked) == ([], 0)


class Counting:
    """A detector that counts the pictures it is asked about."""

    def __init__(self, detector) -> None:
        self.detector = detector
        self.backend = detector.backend
        self.asked = 0

    def find_largest_face(self, picture):
        self.asked += 1
        return self.detector.find_largest_face(picture)


def test_interrupted_detection_resumes(root, recognizer):
    counting = Counting(recognizer.detector)
    with pytest.raises(KeyboardInterrupt):
        collect(root, FILES, counting, root / "cache", interrupt)
    found = collect(root, FILES, counting, root / "cache")
    assert counting.asked == 2
    assert found.found.tolist() == [True, True, False]


def interrupt(*_) -> None:
    raise KeyboardInterrupt


def test_another_detection_discards_crops_and_embeddings(root, recognizer, monkeypatch):
    first = collect(root, FILES, recognizer.detector, root / "cache")
    _, before = embed(recognizer.network, first, root / "cache")
    (root / "0.jpg").write_bytes((root / "1.jpg").read_bytes())
    monkeypatch.setattr(cutting, "DETECTION_VERSION", "looks-test")
    _, after = embed(recognizer.network, collect(root, FILES, recognizer.detector, root / "cache"), root / "cache")
    assert np.abs(after[0] - before[0]).max() > 0.01
    np.testing.assert_allclose(after[0], after[1], atol=1e-4)


def test_a_backend_of_eyes_alone_keeps_two_landmarks(root):
    found = collect(root, FILES[:1], Detector("opencv"), root / "cache")
    assert found.face(0).landmarks.shape == (2, 2)
    assert found.face(0).close_confidence is None
