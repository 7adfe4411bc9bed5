import cv2
import numpy as np
import pytest

from app.vision.alignment import SIZE, TEMPLATE, align, aligned_eyes, normalize, similarity_transform


def starlit(width: int, height: int, landmarks: np.ndarray, spread: float) -> np.ndarray:
    """A dark picture with a soft bright spot on each landmark: uint8 (height, width, 3)."""
    picture = np.zeros((height, width))
    for x, y in landmarks:
        across = np.exp(-((np.arange(width) - x) ** 2) / (2 * spread**2))
        down = np.exp(-((np.arange(height) - y) ** 2) / (2 * spread**2))
        picture += 250 * np.outer(down, across)
    return np.repeat(picture.round().astype(np.uint8)[..., None], 3, axis=2)


def center_near(crop: np.ndarray, spot: np.ndarray, reach: int = 14) -> np.ndarray:
    """The center of light within `reach` pixels of a spot: (x, y)."""
    x, y = np.round(spot).astype(int)
    light = crop[y - reach : y + reach + 1, x - reach : x + reach + 1, 0].astype(float)
    down, across = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.array([x + (light * across).sum() / light.sum(), y + (light * down).sum() / light.sum()])


@pytest.mark.parametrize("degrees", [0, 10, -30, 60, 135, 180])
@pytest.mark.parametrize("distance", [20, 35.24, 60, 90, 400])
@pytest.mark.parametrize("count", [2, 5])
def test_landmarks_land_on_the_template(degrees, distance, count):
    turn = distance / 35.24 * np.exp(1j * np.radians(degrees))
    points = (TEMPLATE - SIZE / 2) @ [1, 1j] * turn
    middle = np.array([distance * 2.1 + 0.3, distance * 2.3 + 0.6])
    landmarks = (np.column_stack([points.real, points.imag]) + middle)[:count]
    picture = starlit(round(distance * 4.3), round(distance * 4.5), landmarks, spread=distance / 14)
    crop = align(picture, landmarks)
    assert crop.shape == (SIZE, SIZE, 3)
    assert crop.dtype == np.uint8
    reach = 14 if count == 2 else 8
    found = np.stack([center_near(crop, spot, reach) for spot in TEMPLATE[:count]])
    np.testing.assert_allclose(found, TEMPLATE[:count], atol=0.7)


def test_the_similarity_is_the_least_squares_one(rng):
    source, target = TEMPLATE, TEMPLATE @ [[0.9, 0.4], [-0.4, 0.9]] + rng.normal(scale=3, size=(5, 2))
    found = similarity_transform(source, target)

    def error(matrix: np.ndarray) -> float:
        return float(((source @ matrix[:, :2].T + matrix[:, 2] - target) ** 2).sum())

    (a, b), (c, d) = found[:, :2]
    assert (a, b) == pytest.approx((d, -c))
    for row, column in np.ndindex(2, 3):
        for step in (-1e-3, 1e-3):
            # Steps that keep it a similarity: both entries of rotation and scale move together.
            worse = found.copy()
            worse[row, column] += step
            if column < 2:
                worse[1 - row, 1 - column] += step if row == column else -step
            assert error(worse) > error(found)


def test_a_rotation_of_the_template_is_found():
    turned = TEMPLATE @ [[0, 2], [-2, 0]] + [30, 7]
    np.testing.assert_allclose(similarity_transform(TEMPLATE, turned), [[0, -2, 30], [2, 0, 7]], atol=1e-9)


def test_aligning_by_the_aligned_eyes_gives_the_crop_of_all_landmarks(rng):
    picture = cv2.resize(
        rng.integers(0, 256, size=(20, 20, 3), dtype=np.uint8), (300, 300), interpolation=cv2.INTER_CUBIC
    )
    # A head turned away: nose and mouth lie to the left, the eyes close together.
    landmarks = np.array([[110.0, 120], [160, 112], [105, 160], [118, 205], [150, 200]])
    five, eyes = align(picture, landmarks), align(picture, aligned_eyes(landmarks))
    assert np.abs(five.astype(int) - eyes).max() <= 2
    assert np.abs(five.astype(int) - align(picture, landmarks[:2])).mean() > 10
    np.testing.assert_allclose(aligned_eyes(landmarks[:2]), landmarks[:2], atol=1e-9)


def test_large_pictures_are_averaged_not_sampled(rng):
    noise = rng.integers(0, 256, size=(1600, 1600, 3), dtype=np.uint8)
    crop = align(noise, np.array([[600.0, 700.0], [1000.0, 700.0]]))
    # One crop pixel covers about 130 of the picture's: their mean barely varies.
    assert crop[20:90, 20:90].std() < 16


def test_a_reduced_copy_gives_the_same_crop(rng):
    large = cv2.resize(
        rng.integers(0, 256, size=(24, 24, 3), dtype=np.uint8), (1200, 1200), interpolation=cv2.INTER_CUBIC
    )
    small = cv2.resize(large, (400, 400), interpolation=cv2.INTER_AREA)
    eyes = np.array([[450.0, 500.0], [750.0, 540.0]])
    one, other = align(large, eyes), align(small, (eyes + 0.5) / 3 - 0.5)
    assert np.abs(one.astype(int) - other).mean() < 2


def test_pixels_outside_the_picture_are_gray():
    crop = align(np.full((60, 60, 3), 200, np.uint8), np.array([[5.0, 5.0], [40.0, 5.0]]))
    assert crop[0, 0].tolist() == [127, 127, 127]
    crop = align(np.full((600, 600, 3), 200, np.uint8), np.array([[50.0, 50.0], [400.0, 50.0]]))
    assert crop[0, 0].tolist() == [127, 127, 127]
    assert crop[SIZE // 2 + 4, SIZE // 2].tolist() == [200, 200, 200]


def test_eyes_far_outside_give_a_gray_crop():
    assert (align(np.zeros((50, 50, 3), np.uint8), np.array([[900.0, 900.0], [1200.0, 900.0]])) == 127).all()


def test_coinciding_landmarks_are_refused():
    with pytest.raises(ValueError, match="landmarks coincide"):
        align(np.zeros((50, 50, 3), np.uint8), np.array([[20.0, 20.0]] * 5))


def test_normalize_centers_on_zero():
    crops = np.array([0, 255], np.uint8).reshape(2, 1, 1, 1)
    found = normalize(crops)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.ravel(), [-127.5 / 128, 127.5 / 128])
