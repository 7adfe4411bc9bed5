import numpy as np
import pytest

from app.recognition.siamese import import_keras

keras = import_keras()

from app.training.augmentation import RandomLowResolution, build_augmentation  # noqa: E402


@pytest.fixture
def crops() -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (8, 7, 7, 3)).repeat(16, axis=1).repeat(16, axis=2).astype(np.float32)


def test_augmentation_changes_crops_within_their_range(crops):
    augmentation = build_augmentation(1)
    changed = np.asarray(augmentation(crops, training=True))
    assert changed.shape == crops.shape
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert (np.abs(changed - crops).mean(axis=(1, 2, 3)) > 1).all()
    assert np.abs(np.asarray(augmentation(crops, training=True)) - changed).mean() > 1
    np.testing.assert_array_equal(np.asarray(augmentation(crops, training=False)), crops)


def test_augmentation_repeats_with_its_seed(crops):
    first, second, other = (np.asarray(build_augmentation(seed)(crops, training=True)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).mean() > 1


def test_low_resolution_removes_detail_and_keeps_brightness(rng):
    noise = rng.integers(0, 256, (16, 112, 112, 3)).astype(np.float32)
    reduced = np.asarray(RandomLowResolution(1.0, seed=1)(noise, training=True))
    assert (reduced.std(axis=(1, 2, 3)) < 0.8 * noise.std(axis=(1, 2, 3))).all()
    np.testing.assert_allclose(reduced.mean(axis=(1, 2)), noise.mean(axis=(1, 2)), atol=2)
    same = np.asarray(RandomLowResolution(1e-9, seed=1)(noise, training=True))
    np.testing.assert_allclose(same, noise, atol=1e-3)
