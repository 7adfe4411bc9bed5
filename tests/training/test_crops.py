import numpy as np
import pytest

from app.training import crops as cutting
from app.training.crops import collect, embed


@pytest.fixture
def root(photo, tmp_path):
    for number, name in enumerate(("Drake", "Eminem")):
        (tmp_path / f"{number}.jpg").write_bytes(photo(name))
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    return tmp_path


FILES = ["0.jpg", "1.jpg", "broken.jpg"]


def test_faces_are_cropped_and_embedded_once(root, recognizer):
    found = collect(root, FILES, recognizer.detector, root / "cache")
    assert found.found.tolist() == [True, True, False]
    measured, embeddings = embed(recognizer.network, found, root / "cache")
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), [1, 1, 0], atol=1e-5)
    norms = np.linalg.norm(recognizer.network.vectors(found.crops[:2]), axis=1)
    np.testing.assert_allclose(measured.norms, [*norms, 0], rtol=1e-5)
    assert [quality and quality.norm for quality in measured.qualities] == [*measured.norms[:2].tolist(), None]
    ticks, counting = [], Counting(recognizer.detector)
    collect(root, FILES, counting, root / "cache", lambda: ticks.append(1))
    assert (ticks, counting.asked) == ([], 0)


class Counting:
    """A detector that counts the pictures it is asked about."""

    def __init__(self, detector) -> None:
        self.detector = detector
        self.backend = detector.backend
        self.asked = 0

    def find_faces(self, picture):
        self.asked += 1
        return self.detector.find_faces(picture)


def test_crops_of_another_detection_are_embedded_again(root, recognizer, monkeypatch):
    first = collect(root, FILES, recognizer.detector, root / "cache")
    _, before = embed(recognizer.network, first, root / "cache")
    (root / "0.jpg").write_bytes((root / "1.jpg").read_bytes())
    monkeypatch.setattr(cutting, "METHOD", "looks-test")
    _, after = embed(recognizer.network, collect(root, FILES, recognizer.detector, root / "cache"), root / "cache")
    assert np.abs(after[0] - before[0]).max() > 0.01
    np.testing.assert_allclose(after[0], after[1], atol=1e-4)
