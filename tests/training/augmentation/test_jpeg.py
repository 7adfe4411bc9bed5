import cv2
import numpy as np
import pytest

from app.training.augmentation import jpeg


@pytest.fixture
def faces() -> np.ndarray:
    """Two smooth pictures with an edge in them: uint8 (2, 112, 112, 3)."""
    rng = np.random.default_rng(1)
    small = rng.integers(40, 220, (2, 9, 9, 3), dtype=np.uint8)
    smooth = np.stack([cv2.resize(one, (112, 112), interpolation=cv2.INTER_CUBIC) for one in small])
    smooth[:, 30:60, 50:80] = [200, 30, 90]
    return smooth


@pytest.mark.parametrize("quality", [15, 40, 79])
def test_pictures_lose_what_a_jpeg_loses(faces, quality):
    ours = np.asarray(jpeg.compressed(faces.astype(np.float32), np.full(2, quality, np.int32)))
    written = [cv2.imencode(".jpg", one[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for one in faces]
    theirs = np.stack([cv2.imdecode(one, cv2.IMREAD_COLOR_RGB) for one in written]).astype(np.float32)
    lost = np.abs(theirs - faces).mean()
    assert np.abs(ours - theirs).mean() < 0.5 * lost
    assert np.abs(ours - faces).mean() == pytest.approx(lost, rel=0.3)


def test_each_picture_has_a_quality_of_its_own(faces):
    same = np.stack([faces[0]] * 2).astype(np.float32)
    coarse, fine = np.abs(np.asarray(jpeg.compressed(same, np.int32([10, 90]))) - same).mean(axis=(1, 2, 3))
    assert coarse > 2 * fine
