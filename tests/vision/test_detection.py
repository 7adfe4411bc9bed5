import math
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app import tracing
from app.errors import DeadlineExceeded, DetectorError
from app.settings import Settings
from app.vision import alignment, backends
from app.vision.backends import YUNET_WEIGHTS
from app.vision.decoding import Picture
from app.vision.detection import Detector
from app.vision.faces import Box, DetectedFace
from app.vision.views import CLOSE_SIDE
from tests import photos
from tests.photos import ORIENTATIONS, OTHER, PERSON

FOUR = (PERSON, OTHER, "Amanda Crew", "Andy Samberg")
LEVEL = np.array([[0.34, 0.46], [0.66, 0.46]])
"""Where the eyes of a shipped portrait lie, about, in parts of its side."""


@pytest.fixture(scope="module")
def detector(recognizer) -> Detector:
    if recognizer.detector.backend != "yunet":
        pytest.fail("set-up did not bring yunet's weights")
    return recognizer.detector


def scene(*names: str, **options) -> Picture:
    return Picture(np.asarray(photos.paste(*(photos.portraits()[name] for name in names), **options)))


def tilt_of(eyes: np.ndarray) -> float:
    """Degrees against the clock, as `photos.paste` counts them."""
    across, down = eyes[1] - eyes[0]
    return float(np.degrees(np.arctan2(-down, across)))


@pytest.mark.parametrize("person", [PERSON, "Amanda Crew"])
def test_a_face_of_40_pixels_in_a_picture_of_2000_is_found(detector, person):
    # The face itself fills about 70 % of a portrait's width.
    (face,) = detector.find_faces(scene(person, size=(2000, 1500), side=56))
    assert 28 <= face.box.width <= 48
    assert np.hypot(*(face.eyes.mean(axis=0) - (1000, 748))) < 8


def test_faces_of_a_panorama_are_found(detector):
    canvas = photos.background(9600, 1200)
    for left in (400, 4600, 9000):
        canvas.paste(photos.paste(photos.portraits()[PERSON], size=(80, 80), side=70), (left, 500))
    boxes = [face.box for face in detector.find_faces(Picture(np.asarray(canvas)))]
    assert [round((box.x + box.width / 2 - 40) / 200) for box in boxes] == [2, 23, 45]


def test_the_eyes_of_a_face_in_a_picture_of_odd_size_are_in_its_pixels(detector):
    (face,) = detector.find_faces(scene(PERSON, size=(4001, 3003), side=700))
    np.testing.assert_allclose((face.eyes - [2000.5 - 350, 1501.5 - 350]) / 700, LEVEL, atol=0.05)


@pytest.mark.parametrize("at", [(30, 30), (1940, 20), (1180, 820), (25, 1440), (1935, 1435)])
def test_a_small_face_is_found_wherever_it_stands(detector, at):
    canvas = photos.background(2000, 1500)
    tile = photos.paste(photos.portraits()[OTHER], size=(64, 64), side=56)
    canvas.paste(tile, (at[0] - 32 + 4, at[1] - 32 + 4))
    faces = detector.find_faces(Picture(np.asarray(canvas)))
    assert len(faces) == 1
    assert np.hypot(*(faces[0].eyes.mean(axis=0) - np.add(at, 4))) < 12


@pytest.mark.parametrize("side", [64, 112, 250])
@pytest.mark.parametrize("name", FOUR)
def test_a_picture_that_is_a_tight_portrait_is_found(detector, name, side):
    portrait = photos.portraits()[name].resize((side, side), Image.Resampling.BICUBIC)
    (face,) = detector.find_faces(Picture(np.asarray(portrait)))
    np.testing.assert_allclose(face.eyes / side, LEVEL, atol=0.1)
    assert abs(tilt_of(face.eyes)) < 12


@pytest.mark.parametrize("tilt", [-30, 0, 30])
def test_the_eye_line_follows_a_tilted_face(detector, tilt):
    errors = []
    for name in FOUR:
        (face,) = detector.find_faces(scene(name, tilt=tilt))
        errors.append(abs(tilt_of(face.eyes) - tilt))
    assert np.median(errors) < 8
    assert max(errors) < 14


def assert_upright(landmarks: np.ndarray) -> None:
    """Check the order of five landmarks: eyes above the nose, the nose above the mouth and between its corners."""
    (left_eye, right_eye, nose, left_mouth, right_mouth) = landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < nose[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])


@pytest.mark.parametrize("tilt", [-30, 0, 30])
def test_a_face_has_five_landmarks_that_follow_its_tilt(detector, tilt):
    for name in FOUR[:2]:
        (face,) = detector.find_faces(scene(name, tilt=tilt))
        turn = np.exp(1j * np.radians(tilt))
        upright = (face.landmarks @ [1, 1j]) * turn
        assert_upright(np.column_stack([upright.real, upright.imag]))


def test_landmarks_come_near_the_template_after_alignment(detector):
    # Portraits are aligned averages, so that only the detector's errors remain.
    for name in FOUR:
        (face,) = detector.find_faces(scene(name))
        matrix = alignment.similarity_transform(face.landmarks, alignment.TEMPLATE)
        aligned = face.landmarks @ matrix[:, :2].T + matrix[:, 2]
        assert np.abs(aligned - alignment.TEMPLATE).max() < 6


def test_several_faces_come_from_left_to_right(detector):
    faces = detector.find_faces(scene(*FOUR, size=(1600, 600)))
    middles = [face.box.x + face.box.width / 2 for face in faces]
    assert middles == pytest.approx([320, 640, 960, 1280], abs=30)
    for face in faces:
        (left, top), (right, bottom) = face.eyes
        assert face.box.x < left < right < face.box.x + face.box.width
        assert face.box.y < min(top, bottom)
        assert max(top, bottom) < face.box.y + face.box.height
        assert 0.5 < face.confidence <= 1


def test_a_face_that_two_parts_of_a_large_picture_show_counts_once(detector):
    faces = detector.find_faces(scene(PERSON, OTHER, size=(1400, 900), side=400))
    assert len(faces) == 2


@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_boxes_lie_inside_the_picture(detector, corner):
    whole = np.asarray(photos.portraits()[PERSON].resize((300, 300)))
    across, down = (slice(45, None) if edge == 0 else slice(None, 255) for edge in corner)
    picture = Picture(np.ascontiguousarray(whole[down, across]))
    (face,) = detector.find_faces(picture)
    assert face.box.x >= 0
    assert face.box.y >= 0
    assert face.box.x + face.box.width <= picture.width
    assert face.box.y + face.box.height <= picture.height


def test_boxes_are_in_pixels_of_a_picture_that_was_reduced(detector):
    picture = scene(PERSON, size=(1200, 800), side=360)
    (face,) = Detector(detector.backend, side=400).find_faces(picture)
    (same,) = detector.find_faces(picture)
    np.testing.assert_allclose(face.eyes, same.eyes, atol=10)
    assert face.box.width == pytest.approx(same.box.width, rel=0.1)


def test_only_the_largest_faces_are_kept(detector):
    picture = Picture(np.vstack([scene(PERSON, side=160).pixels, scene(OTHER, "Lionel Messi", side=300).pixels]))
    everyone = detector.find_faces(picture)
    assert len(everyone) == 3
    kept = Detector(detector.backend, max_faces=2).find_faces(picture)
    assert [face.box for face in kept] == [face.box for face in everyone if face.box.width > 150]


def test_smaller_faces_than_asked_for_are_left_out(detector):
    picture = scene(PERSON, side=200)
    (face,) = detector.find_faces(picture)
    assert len(Detector(detector.backend, min_face_width=face.box.width).find_faces(picture)) == 1
    assert Detector(detector.backend, min_face_width=face.box.width + 1).find_faces(picture) == ()


@pytest.mark.parametrize(
    "size", [(900, 700), (200, 200), (16, 16), (1, 1), (1300, 200), (1000, 30), (1000, 1), (1, 1300)]
)
def test_a_picture_without_a_face_gives_none(detector, size):
    assert detector.find_faces(Picture(np.asarray(photos.background(*size)))) == ()


@pytest.mark.parametrize(("names", "most"), [((), 2), (FOUR, 2)], ids=["while it is turned", "at a face again"])
def test_a_request_past_its_deadline_is_given_up_between_two_looks(detector, monkeypatch, names, most):
    picture, course, looks = scene(*names, size=(1300, 600)), tracing.RequestTrace(deadline=math.inf), []

    def counted(look):
        def wrapper(*question):
            looks.append(question)
            if len(looks) == most:
                course.deadline = 0
            return look(*question)

        return wrapper

    for name in ("extract_faces", "locate_landmarks"):
        monkeypatch.setattr(backends, name, counted(getattr(backends, name)))
    tracing.start_trace(course)
    try:
        with pytest.raises(DeadlineExceeded):
            detector.find_faces(picture)
    finally:
        tracing.end_trace()
    assert len(looks) == most
    # Whoever comes next need not wait for it.
    assert len(detector.find_faces(picture)) == len(names)


@pytest.mark.parametrize(("faces", "most"), [(0, 7), (400, 4 + (64 + 12) * 6)], ids=["no face", "a crowd"])
def test_the_detector_calls_for_a_photo_are_limited(monkeypatch, faces, most):
    looks, rng = [], np.random.default_rng(1)

    def found(pixels, *_backend):
        looks.append(pixels.shape)
        corners = rng.integers(5, 700, (faces, 2)).tolist()
        return [DetectedFace(Box(x, y, 20, 20), np.add([[4, 6], [14, 6]], [x, y]) + 0.5, 0.8) for x, y in corners]

    def tilted(pictures, *_backend):
        """Return a face without confidence that never becomes upright, which takes the most views."""
        looks.extend(pixels.shape for pixels in pictures)
        tilted = DetectedFace(Box(60, 60, 120, 120), np.array([[90.0, 90], [150, 150]]), 0.8)
        return [[tilted] if faces else [] for _ in pictures]

    monkeypatch.setattr(backends, "extract_faces", found)
    monkeypatch.setattr(backends, "locate_landmarks", tilted)
    blank = Picture(np.full((2400, 2400, 3), 200, dtype=np.uint8))
    assert len(Detector("yunet").find_faces(blank)) == min(faces, 64)
    assert len(looks) <= most


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1280, 960), 1), ((816, 1225), 1), ((1600, 1200), 2), ((1200, 1600), 2), ((1600, 500), 1), ((1210, 1210), 2)],
)
def test_tiles_of_the_best_size_cover_a_picture(monkeypatch, size, expected):
    tiles = []

    def locate_landmarks(pictures, *_options):
        tiles.extend(pixels for pixels in pictures if max(pixels.shape) > CLOSE_SIDE)
        return [[] for _ in pictures]

    monkeypatch.setattr(backends, "extract_faces", lambda *_options: [])
    monkeypatch.setattr(backends, "locate_landmarks", locate_landmarks)
    row_of = np.indices(size[::-1])[0]
    Detector("yunet").find_faces(Picture(np.dstack([row_of // 256, row_of % 256, row_of % 2]).astype(np.uint8)))
    assert len(tiles) == expected
    shown = {256 * int(high) + int(low) for tile in tiles for high, low, _ in tile[:, 0]}
    assert shown == set(range(size[1]))


@pytest.mark.parametrize(("close_confidence", "count"), [(0.9, 1), (0.8, 0)])
def test_a_weak_face_counts_if_an_enlarged_view_confirms_it(monkeypatch, close_confidence, count):
    eyes = np.array([[110.0, 110], [150, 110]])
    weak, close = DetectedFace(Box(90, 80, 80, 100), eyes, 0.5), DetectedFace(Box(78, 78, 100, 100), eyes, 0.9)
    monkeypatch.setattr(backends, "extract_faces", lambda *_options: [weak])
    answer = [replace(close, confidence=close_confidence)]
    monkeypatch.setattr(backends, "locate_landmarks", lambda pictures, *_options: [answer for _ in pictures])
    assert len(Detector("yunet").find_faces(Picture(np.full((500, 700, 3), 200, dtype=np.uint8)), False)) == count


def test_a_turned_photo_of_a_large_picture_has_upright_landmarks(detector):
    turned = Picture(np.ascontiguousarray(np.rot90(scene(*FOUR[:2], size=(2000, 1500), side=300).pixels)))
    faces = detector.find_faces(turned)
    assert len(faces) == 2
    for face in faces:
        assert tilt_of(face.eyes) == pytest.approx(90, abs=12)


def test_settings_reach_the_detector(detector):
    found = Detector.from_settings(Settings().with_changes(detection_side=1000, max_faces=3, min_face_width=20))
    assert (found.backend, found.side, found.max_faces, found.min_face_width) == ("yunet", 1000, 3, 20)


@pytest.fixture
def bare(tmp_path, monkeypatch) -> Settings:
    """Settings of a machine without yunet's weights."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("DEEPFACE_HOME", str(home))
    return Settings().with_changes(detector_home=tmp_path / "nowhere")


def test_auto_takes_mtcnn_where_yunet_has_no_weights(bare):
    fallback = Detector.from_settings(bare)
    assert fallback.backend == "mtcnn"
    (face,) = fallback.find_faces(scene(PERSON, size=(320, 260), side=200, tilt=15))
    assert tilt_of(face.eyes) == pytest.approx(15, abs=8)
    assert face.landmarks.shape == (5, 2)
    assert_upright(face.landmarks)


def test_a_backend_without_five_landmarks_falls_back_to_the_eyes():
    (face,) = Detector("opencv").find_faces(scene(PERSON, size=(400, 320), side=260))
    assert face.landmarks.shape == (2, 2)
    np.testing.assert_allclose((face.eyes - [70, 30]) / 260, LEVEL, atol=0.1)


def test_yunet_without_weights_says_what_to_do(bare):
    with pytest.raises(DetectorError, match=r"no weights at .*home.*make setup.*FACES_DETECTOR=mtcnn"):
        Detector.from_settings(bare.with_changes(detector="yunet"))


def test_the_operators_weights_come_before_those_of_set_up(bare, tmp_path):
    for home in ("home", "nowhere"):
        weights = tmp_path / home / YUNET_WEIGHTS
        weights.parent.mkdir(parents=True)
        weights.touch()
    assert Detector.from_settings(bare).backend == "yunet"
    assert os.environ["DEEPFACE_HOME"] == str(tmp_path / "home")
    (tmp_path / "home" / YUNET_WEIGHTS).unlink()
    assert Detector.from_settings(bare).backend == "yunet"
    assert os.environ["DEEPFACE_HOME"] == str(tmp_path / "nowhere")


def test_a_detector_without_weights_fetches_none_unasked(bare):
    with pytest.raises(DetectorError, match="The centerface detector cannot be used") as caught:
        Detector("centerface").find_faces(scene(PERSON, size=(320, 260), side=200))
    reasons, error = [], caught.value
    while error := error.__cause__:
        reasons.append(str(error))
    assert any("FACES_DETECTOR_DOWNLOADS" in reason for reason in reasons)


def test_a_backend_that_is_not_installed_says_what_to_do():
    with pytest.raises(DetectorError, match=r"The mediapipe detector cannot be used \(.*FACES_DETECTOR=auto"):
        Detector("mediapipe").find_faces(scene(PERSON, size=(320, 260), side=200))


@pytest.fixture(scope="module")
def upright(recognizer):
    """Two people beside each other, and what is found there."""
    image = photos.paste(photos.portraits()[PERSON], photos.portraits()[OTHER])
    return image, recognizer.identify(photos.encode(image, "PNG"))


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_exif_orientation_gives_one_identification(recognizer, upright, orientation):
    image, expected = upright
    how, exif = ORIENTATIONS[orientation], Image.Exif()
    exif[0x0112] = orientation
    lying = image if how is None else image.transpose(how)
    found = recognizer.identify(photos.encode(lying, "JPEG", quality=95, exif=exif))
    assert (found.width, found.height) == image.size
    assert len(found.faces) == len(expected.faces) == 2
    for one, same in zip(found.faces, expected.faces, strict=True):
        boxes = np.array([(f.face.box.x, f.face.box.y, f.face.box.width, f.face.box.height) for f in (one, same)])
        # JPEG compresses blocks of a rotated picture differently, which moves a box by up to 3 % of the face.
        assert np.ptp(boxes, axis=0).max() <= 0.03 * same.face.box.height
        assert one.verdict.kind == same.verdict.kind
        assert one.verdict.ranking[0].person == same.verdict.ranking[0].person
    assert [face.verdict.ranking[0].person for face in found.faces] == [PERSON, OTHER]


@pytest.mark.parametrize("tilt", [-30, 30])
def test_a_tilted_face_has_the_name_of_an_upright_one(recognizer, photo, tilt):
    (face,) = recognizer.identify(photo(PERSON, tilt=tilt)).faces
    assert (face.verdict.kind, face.verdict.person) == ("match", PERSON)
