"""Photos that are decoded at reduced scale keep the pixels of small faces."""

import cv2
import numpy as np
import pytest
from PIL import Image

from app.errors import UnreadableImage
from app.recognition.recognizer import Recognizer
from app.vision import decoding
from app.vision.alignment import CROP_EYE_DISTANCE, align, compose_transforms, invert_transform, transform_points
from app.vision.closeups import Closeups, Window
from app.vision.cropping import cut_square
from app.vision.decoder_pool import DecoderPool
from app.vision.decoding import DecodeLimits, Picture, choose_reduction
from app.vision.detection import Detector
from app.vision.faces import Box, DetectedFace
from app.vision.views import View
from tests import photos
from tests.photos import ORIENTATIONS, OTHER, PERSON

LIMITS = DecodeLimits(max_pixels=40_000_000, side=600, seconds=10, memory=1_000_000_000)


@pytest.fixture(scope="module")
def decoder():
    decoder = DecoderPool(LIMITS)
    yield decoder
    decoder.close()


@pytest.mark.parametrize(
    ("size", "reduction"),
    [
        ((3199, 2400), 1),
        ((3200, 1800), 2),
        ((3000, 4000), 2),
        ((6400, 4800), 4),
        ((50_000, 40_000), 8),
        ((10, 1), 1),
        # A panorama keeps more, up to an aspect ratio of 8.
        ((6400, 1600), 2),
        ((1600, 9600), 2),
        ((20_000, 500), 4),
    ],
)
def test_a_reduced_picture_keeps_the_pixels_of_the_search(size, reduction):
    assert choose_reduction(*size, side=1600) == reduction


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("reduction", [1, 2])
def test_windows_are_parts_of_the_upright_picture(decoder, orientation, reduction):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = photos.paste(photos.portraits()[PERSON], size=(1600, 1200), side=500)
    data = photos.encode(stored, exif=exif)
    whole = decoding.decode(data, side=1600 // reduction).pixels
    windows = [Window(3, 5, 130, 90), Window(410, 300, 600, 333)]
    for window, found in zip(windows, decoder._read_windows(data, windows, reduction), strict=True):
        np.testing.assert_array_equal(found, whole[window.top : window.bottom, window.left : window.right])


def test_crowded_windows_are_read_as_one():
    read = []

    def decode(windows, reduction):
        read.append((windows, reduction))
        return [np.zeros((window.height, window.width, 3), np.uint8) for window in windows]

    closeups = Closeups((1000, 800), decode)
    closeups.load([Window(100, 100, 300, 300), Window(150, 120, 350, 290), Window(-20, 90, 260, 280)], 2.9)
    assert read == [([Window(0, 45, 175, 150)], 2)]
    assert closeups.find(Window(-50, 100, 340, 290)).pixels.shape == (105, 175, 3)
    assert closeups.find(Window(100, 80, 340, 290)) is None


def small_face(recognizer: Recognizer, decoder: DecoderPool) -> tuple[Picture, Picture, DetectedFace]:
    """Return a photo at full and at reduced scale with two faces, and the small one."""
    image = photos.paste(photos.portraits()[PERSON], size=(2400, 1800), side=110)
    image.paste(photos.portraits()[OTHER].resize((600, 600), Image.Resampling.BICUBIC), (100, 100))
    data = photos.encode(image, quality=95)
    whole = decoding.decode(data)
    faces = Detector(recognizer.detector.backend).find_faces(whole)
    face = min(faces, key=lambda face: face.box.area)
    assert len(faces) == 2
    assert face.box.width < 4 * CROP_EYE_DISTANCE
    return whole, decoder.decode(data), face


def test_the_crop_of_a_small_face_is_that_of_the_whole_picture(recognizer, decoder):
    whole, reduced, face = small_face(recognizer, decoder)
    assert (whole.scale, reduced.scale) == (1, 4)
    crops = [align(whole.pixels, face.landmarks)]
    crops.append(align(reduced.pixels, reduced.region(Window(0, 0, 1, 1)).locate(face.landmarks)))
    found = recognizer.crop_faces(reduced, [face])[0]
    expected = recognizer.crop_faces(whole, [face])[0]
    same, enlarged = recognizer.network.embed(np.stack(crops)) @ recognizer.network.embed(found.crop[None])[0]
    np.testing.assert_array_equal(found.crop, crops[0])
    assert found.quality.eye_distance == pytest.approx(expected.quality.eye_distance)
    assert found.quality.detail == expected.quality.detail
    assert same > 0.999
    assert enlarged < 0.97


def test_portraits_of_small_faces_have_their_pixels(recognizer, decoder):
    _, reduced, face = small_face(recognizer, decoder)
    assert cut_square(reduced, face.box).shape[0] < 50
    recognizer.crop_faces(reduced, [face])
    assert cut_square(reduced, face.box).shape[0] > 120


@pytest.mark.parametrize("degrees", [0, 90, 30])
def test_enlarged_views_of_small_faces_have_the_pixels_of_the_file(recognizer, decoder, degrees):
    whole, reduced, face = small_face(recognizer, decoder)
    view = View.of(reduced, 600).rotate(degrees)
    landmarks = transform_points(face.landmarks, invert_transform(view.to_file))
    left, top = np.round(landmarks.mean(axis=0) - 14).astype(int).tolist()
    turned = DetectedFace(Box(left, top, 28, 28), landmarks, 0.9)
    np.testing.assert_allclose(view.place(turned).landmarks, face.landmarks)
    matrix, without = view.enlarge(turned.box, 0)
    assert view.load_closeups([turned])
    assert not view.load_closeups([turned])
    _, found = view.enlarge(turned.box, 0)
    from_file = compose_transforms(matrix, invert_transform(view.to_file))
    expected = cv2.warpAffine(whole.pixels, from_file, found.shape[:2])
    difference, blur = (np.abs(pixels.astype(int) - expected).mean() for pixels in (found, without))
    assert difference < 0.5
    assert blur > 2


def test_weak_faces_that_enlarged_views_show_in_the_same_place_are_looked_at_again(monkeypatch):
    picture = Picture(
        np.zeros((600, 800, 3), np.uint8),
        (3200, 2400),
        closeups=Closeups(
            (3200, 2400),
            lambda windows, _reduction: [np.zeros((window.height, window.width, 3), np.uint8) for window in windows],
        ),
    )
    weak = [DetectedFace(Box(100, 100, 40, 40), np.full((5, 2), 110.0), 0.5, 0.6) for _ in range(2)]
    passes = []
    monkeypatch.setattr(Detector, "_refine", lambda _detector, _view, faces: passes.append(len(faces)) or list(faces))
    assert len(Detector("yunet", 600)._refine_with_closeups(View.of(picture, 600), [], weak)) == 2
    assert passes == [2, 2]


@pytest.mark.parametrize("names", [(), (PERSON, OTHER)])
def test_a_photo_without_small_faces_is_decoded_once(recognizer, decoder, photo, monkeypatch, names):
    monkeypatch.setattr(decoder, "_read_windows", lambda *_arguments: pytest.fail("decoded again"))
    picture = decoder.decode(photo(*names, size=(2400, 1800), side=800))
    assert picture.scale == 4
    assert len(recognizer.detect(picture)) == len(names)


def test_a_photo_that_cannot_be_decoded_with_more_pixels_keeps_those_it_has(recognizer, decoder, monkeypatch):
    def refuse(*_arguments):
        raise UnreadableImage("too_complex", "Too much.")

    monkeypatch.setattr(decoder, "_read_windows", refuse)
    _, reduced, face = small_face(recognizer, decoder)
    (crop,) = recognizer.crop_faces(reduced, [face])
    assert crop.quality.eye_distance < 20


def test_landmarks_have_the_same_place_at_every_scale():
    eyes = np.array([[10.0, 20.0], [30.5, 20.0]])
    face = DetectedFace(Box(5, 5, 30, 40), eyes, 0.9).resize(4)
    np.testing.assert_allclose(
        Picture(np.zeros((50, 60, 3), np.uint8), (240, 200)).region(Window(0, 0, 9, 9)).locate(face.landmarks), eyes
    )
    assert face.landmarks[0].tolist() == [41.5, 81.5]
