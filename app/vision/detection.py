"""DeepFace's detectors: a picture -> the faces in it, with boxes, eyes and confidence.

yunet looks at 640 pixels whatever the picture's size, wants a border around tight pictures, and its eyes
follow a face's tilt the better the larger the face: by an eighth at 80 pixels, a half at 130, four fifths
at 200. So large pictures are also looked at in parts, small ones with a border, and every face is looked at
again as large as that, turned back until it stands upright; and a picture that shows no face is turned.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from app.settings import Settings
from app.tracing import check_deadline
from app.vision import backends
from app.vision.decoding import Picture
from app.vision.faces import Box, DetectedFace, between, suppress_overlaps, tilt

DETECTION_VERSION = "looks-6"
"""Version of the search for faces and landmarks. Change it whenever landmarks change, so that caches notice."""

_WHOLE_SIDE = 1200
_PART_SIDE = 800
_PART_OVERLAP = 0.2
_TIGHT_SIDE = 480
_BORDER = 0.2
_LEAST_SIDE = 64
_MOST_RATIO = 8
_LOOKS = 3
_SURE = 0.92
_MUCH_SURER = 0.025
_LOOK_SIDE = 256
_LOOK_REACH = 1.25
_UPRIGHT_DEGREES = 3.0
_TILT_OF_REPORTED = 1.25
_MOST_DEGREES = 50.0
_TURNS = (30, -30, 90, -90, 180)
_GRAY = (127, 127, 127)


class Detector:
    """Finds faces with one of DeepFace's backends; safe to use from several threads.

    Args:
        backend: DeepFace's name of it.
        side: pictures are reduced to this many pixels on their largest side.
        most: faces given back at most, the largest first kept.
        smallest: least width of a face in pixels of the picture.
        downloads: whether DeepFace may fetch weights that are missing.
    """

    def __init__(
        self, backend: str, side: int = 2400, most: int = 64, smallest: int = 16, downloads: bool = False
    ) -> None:
        self.backend = backend
        self.side = side
        self.most = most
        self.smallest = smallest
        self.downloads = downloads
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> Detector:
        """The detector that the settings name.

        Raises:
            backends.DetectorError: yunet is asked for, its weights are missing, and downloads are not allowed.
        """
        backend = backends.choose_backend(settings)
        return cls(
            backend, settings.detection_side, settings.max_faces, settings.min_face_width, settings.detector_downloads
        )

    def find_faces(self, picture: Picture) -> tuple[DetectedFace, ...]:
        """Every face of an upright picture, from left to right.

        Raises:
            backends.DetectorError: DeepFace could not run the detector.
            unavailable.TooLate: the request's time was over before all was looked at.
        """
        pixels, scale = _reduced(picture.pixels, self.side)
        with self._lock:
            faces = self._found(pixels) or self._found_turned(pixels)
        faces = [face.scaled(scale * picture.scale, picture.width, picture.height) for face in faces]
        faces = [face for face in faces if face.box.width >= self.smallest]
        faces = sorted(faces, key=lambda face: -face.box.area)[: self.most]
        return tuple(sorted(faces, key=lambda face: (face.box.x, face.box.y)))

    def warm_up(self, picture: Picture) -> None:
        """Look at a picture once, as it is, for the detector to get ready for pictures of its size.

        Raises:
            backends.DetectorError: as `find_faces`.
        """
        with self._lock:
            self._ask(picture.pixels)

    def find_largest_face(self, picture: Picture) -> DetectedFace | None:
        """The largest face that has eyes, if there is one."""
        faces = [face for face in self.find_faces(picture) if face.eyes is not None]
        return max(faces, key=lambda face: face.box.area, default=None)

    def _found(self, pixels: np.ndarray) -> list[DetectedFace]:
        return [self._upright(pixels, face) for face in self._seen(pixels)]

    def _seen(self, pixels: np.ndarray) -> list[DetectedFace]:
        """The faces as the looks at a picture show them, each once."""
        return suppress_overlaps([face for look in self._looks(pixels) for face in look])

    def _found_turned(self, pixels: np.ndarray) -> list[DetectedFace]:
        """The faces of the turn that shows the most, and the surest, in pixels of the picture as it came."""
        views = [rotate_picture(pixels, degrees) for degrees in _TURNS]
        seen = [self._seen(view) for view, _ in views]
        best = max(range(len(views)), key=lambda turn: sum(face.confidence for face in seen[turn]))
        view, matrix = views[best]
        back = cv2.invertAffineTransform(matrix)
        return [self._upright(view, face).transformed(back) for face in seen[best]]

    def _looks(self, pixels: np.ndarray) -> Iterator[list[DetectedFace]]:
        """The faces of each look at the picture: as it is, with a border if tight, in parts if large."""
        side = max(pixels.shape[:2])
        whole = self._ask(pixels) if side > _TIGHT_SIDE else self._ask_with_border(pixels)
        yield whole
        if not whole and side > _TIGHT_SIDE:
            yield self._ask_with_border(pixels)
        if self.backend == "yunet" and side > _WHOLE_SIDE:
            for left, top, right, bottom in _parts(pixels.shape[1], pixels.shape[0]):
                found = self._ask(pixels[top:bottom, left:right])
                yield [
                    face.moved(left, top) for face in found if not _cut_off(face, (left, top, right, bottom), pixels)
                ]

    def _ask_with_border(self, pixels: np.ndarray) -> list[DetectedFace]:
        border = max(8, round(_BORDER * max(pixels.shape[:2])))
        framed = cv2.copyMakeBorder(pixels, *[border] * 4, cv2.BORDER_CONSTANT, value=_GRAY)
        return [face.moved(-border, -border) for face in self._ask(framed)]

    def _ask(self, pixels: np.ndarray) -> list[DetectedFace]:
        """One look, a call of DeepFace on RGB pixels, if there is time for it."""
        check_deadline()
        pixels = _filled_up(pixels)
        found = backends.extract_faces(pixels, self.backend, self.downloads)
        height, width = pixels.shape[:2]
        return [_face(answer) for answer in found if not _is_whole_picture(answer, width, height)]

    def _upright(self, pixels: np.ndarray, face: DetectedFace) -> DetectedFace:
        """Return the face with landmarks from enlarged views, rotated until the eyes are level.

        yunet under-reports tilt; other detectors report it right in the first view.
        """
        if self.backend not in backends.FIVE_LANDMARKS or face.eyes is None:
            return face
        if self.backend != "yunet":
            seen = self._look_again(pixels, face.box, 0)
            return face if seen is None else _with_landmarks(face, seen)
        start, seen = self._standing(pixels, face.box)
        best, least, degrees = None, np.inf, start
        for _ in range(_LOOKS):
            if seen is None:
                break
            reported = between(tilt(seen.eyes), degrees)
            if abs(reported) < least:
                best, least = seen, abs(reported)
            if least < _UPRIGHT_DEGREES:
                break
            off = between(degrees, start) + _TILT_OF_REPORTED * reported
            degrees = start + float(np.clip(off, -_MOST_DEGREES, _MOST_DEGREES))
            seen = self._look_again(pixels, face.box, degrees)
        return replace(face, close_confidence=0.0) if best is None else _with_landmarks(face, best)

    def _standing(self, pixels: np.ndarray, box: Box) -> tuple[float, DetectedFace | None]:
        """By which quarter turn a face stands upright, and how it looks then: yunet finds faces upside down too,
        with eyes where none are, but is less sure of them.
        """
        as_it_is = self._look_again(pixels, box, 0)
        if as_it_is is not None and as_it_is.confidence >= _SURE:
            return 0, as_it_is
        looks = [(0, as_it_is), *((turn, self._look_again(pixels, box, turn)) for turn in (90, 180, -90))]
        sure = [_MUCH_SURER * (turn == 0) + look.confidence if look else 0 for turn, look in looks]
        return looks[int(np.argmax(sure))]

    def _look_again(self, pixels: np.ndarray, box: Box, degrees: float) -> DetectedFace | None:
        """Return the face in a box, seen enlarged and rotated back by `degrees`, in pixels of the picture."""
        check_deadline()
        center = np.array([box.x + box.width / 2, box.y + box.height / 2])
        zoom = _LOOK_SIDE / (_LOOK_REACH * max(box.width, box.height))
        matrix = cv2.getRotationMatrix2D(tuple(center), degrees, zoom)
        matrix[:, 2] += _LOOK_SIDE / 2 - center
        patch = cv2.warpAffine(pixels, matrix, (_LOOK_SIDE, _LOOK_SIDE), flags=cv2.INTER_LINEAR, borderValue=_GRAY)
        found = [DetectedFace(*face) for face in backends.locate_landmarks(patch, self.backend, self.downloads)]
        if not found:
            return None
        middle = min(found, key=lambda face: np.hypot(*(face.landmarks[:2].mean(axis=0) - _LOOK_SIDE / 2)))
        return middle.transformed(cv2.invertAffineTransform(matrix))


def _with_landmarks(face: DetectedFace, close: DetectedFace) -> DetectedFace:
    """Return a face with the landmarks of its enlarged view."""
    return replace(face, landmarks=close.landmarks, close_confidence=close.confidence)


def rotate_picture(pixels: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """A picture turned against the clock about its middle, whole, on a gray ground.

    Args:
        pixels: uint8 (height, width, 3).
        degrees: how far.

    Returns:
        uint8 (height, width, 3), larger where it has to be, and the float64 (2, 3) matrix that takes
        points of the picture to points of the result.
    """
    height, width = pixels.shape[:2]
    angle = np.radians(degrees)
    across, along = abs(np.cos(angle)), abs(np.sin(angle))
    size = np.array([width * across + height * along, width * along + height * across])
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    matrix[:, 2] += (size - [width, height]) / 2
    out = (max(1, round(size[0])), max(1, round(size[1])))
    return cv2.warpAffine(pixels, matrix, out, flags=cv2.INTER_LINEAR, borderValue=_GRAY), matrix


def _reduced(pixels: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    """The picture at most `side` large, and what to multiply its coordinates with to come back."""
    scale = max(pixels.shape[:2]) / side
    if scale <= 1:
        return pixels, 1.0
    size = (max(1, round(pixels.shape[1] / scale)), max(1, round(pixels.shape[0] / scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), scale


def _filled_up(pixels: np.ndarray) -> np.ndarray:
    """The picture with gray to its right or below it where it is tiny or a strip, which detectors fail on."""
    height, width = pixels.shape[:2]
    least = max(_LEAST_SIDE, -(-max(height, width) // _MOST_RATIO))
    if min(height, width) >= least:
        return pixels
    below, right = max(0, least - height), max(0, least - width)
    return cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_CONSTANT, value=_GRAY)


def _parts(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Overlapping parts of at most 800 pixels that cover a picture: (left, top, right, bottom)."""

    def cuts(length: int) -> list[tuple[int, int]]:
        step = _PART_SIDE * (1 - _PART_OVERLAP)
        count = max(1, int(np.ceil((length - _PART_SIDE * _PART_OVERLAP) / step)))
        size = min(length, _PART_SIDE)
        starts = np.linspace(0, length - size, count).astype(int)
        return [(int(start), int(start) + size) for start in starts]

    for top, bottom in cuts(height):
        for left, right in cuts(width):
            yield left, top, right, bottom


def _cut_off(face: DetectedFace, part: tuple[int, int, int, int], pixels: np.ndarray) -> bool:
    """Whether a part's inner edge may run through the face: another look has it whole.

    A face as wide as parts overlap is left to the look at the whole picture, where it is large enough.
    """
    left, top, right, bottom = part
    box, edge = face.box, 3
    height, width = pixels.shape[:2]
    return (
        max(box.width, box.height) > _PART_SIDE * _PART_OVERLAP
        or (left > 0 and box.x <= edge)
        or (top > 0 and box.y <= edge)
        or (right < width and box.x + box.width >= right - left - edge)
        or (bottom < height and box.y + box.height >= bottom - top - edge)
    )


def _face(answer: dict) -> DetectedFace:
    area = answer["facial_area"]
    box = Box(area["x"], area["y"], area["w"], area["h"])
    # DeepFace's left and right eye are the person's; truncated to whole pixels, hence the half.
    eyes = [area.get("right_eye"), area.get("left_eye")]
    if any(eye is None for eye in eyes) or eyes[0] == eyes[1]:
        return DetectedFace(box, None, answer["confidence"])
    return DetectedFace(box, np.array(eyes, dtype=np.float64) + 0.5, answer["confidence"])


def _is_whole_picture(answer: dict, width: int, height: int) -> bool:
    """DeepFace's way of saying that it found nothing."""
    area = answer["facial_area"]
    return answer["confidence"] == 0 and area["w"] >= width - 1 and area["h"] >= height - 1
