"""Face detection with DeepFace: a picture to boxes, landmarks and confidences.

DeepFace reduces every picture to 640 pixels for yunet. Tiles of a larger copy show small faces. Both report weak faces
too, which count if an enlarged view confirms them, at any quarter turn. So a picture without a face takes few looks: a
small copy decides whether a rotation shows one. Small pictures get a border instead, and are searched at several
rotations.

yunet under-reports the tilt of small faces: an eighth at 80 pixels, a half at 130 and four fifths at 200. Each of the
largest faces is enlarged and rotated until upright.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field, replace
from itertools import filterfalse, product

import cv2
import numpy as np

from app.arrays import ByteArray, DoubleArray
from app.scheduling import FairLock
from app.settings import Settings
from app.tracing import check_deadline
from app.vision import backends, yunet
from app.vision.alignment import invert_transform
from app.vision.decoding import Picture, search_side
from app.vision.faces import Box, DetectedFace, angle_difference, suppress_overlaps
from app.vision.views import CLOSE_SIDE, View, pad, reduce_to, rotate_picture

DETECTION_VERSION = "looks-13"
"""Version of the search. Change it whenever landmarks change, so that caches are discarded."""

# Sides in pixels. yunet sees a picture with a side over 1,200 at half its size or less: tiles show more. Faces larger
# than their overlap are in the whole picture. It misses a portrait that fills the picture: a border of a fifth helps.
_TILED_SIDE, _TILE_OVERLAP, _EDGE = 1200, 144, 3
_BORDERED_SIDE, _BORDER = 480, 0.2
_MIN_SIDE, _MAX_ASPECT_RATIO = 64, 8

# Confidence from which a face is weak, how many of the most confident weak faces are enlarged, and the
# confidence of such a view that makes them faces.
_WEAK_SCORE, _MAX_WEAK_FACES, _VERIFIED = 0.4, 12, 0.87

# Enlarged views of a face, 1.25 times as large as its box: at 256 pixels yunet reports four fifths of the tilt.
_MAX_CLOSE_VIEWS, _CLOSE_VIEWS_PER_CORE = 3, 2
_TRUE_TO_REPORTED_TILT, _MAX_TILT, _UPRIGHT_DEGREES = 1.25, 50.0, 3.0

# Confidence from which a face counts as upright, and by how much a quarter turn has to exceed the upright view.
_QUARTER_TURNS, _CONFIDENT, _UPRIGHT_BONUS = (0.0, 90.0, 180.0, -90.0), 0.92, 0.025

# Rotations in degrees of a picture without a face, and the side in pixels to which each reduces the picture.
_TURNS, _TURNED_SIDE = (90, -90, 180), yunet.CLOSE_SIDE
_ROTATIONS = {30: 1050, -30: 1050, 90: 1280, -90: 1280, 180: 1280}


@dataclass(eq=False)
class Detector:
    """Find faces with one of DeepFace's backends. Safe to use from several threads."""

    backend: str
    side: int = 1600  # the longer side in pixels to which pictures are reduced to search for small faces
    max_faces: int = 64  # the largest are kept
    min_face_width: int = 16  # in pixels of the picture
    downloads: bool = False  # of missing weights
    _lock: FairLock = field(default_factory=FairLock, init=False, repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> Detector:
        """Return the detector of the settings, or raise the errors of `backends.choose_backend`."""
        backend, side = backends.choose_backend(settings), settings.detection_side
        return cls(backend, side, settings.max_faces, settings.min_face_width, settings.detector_downloads)

    def find_faces(self, picture: Picture, rotations: bool = True) -> tuple[DetectedFace, ...]:
        """Return the faces of an upright picture from left to right, or raise `DetectorError` or `DeadlineExceeded`.

        With `rotations`, a picture without a face is also searched at several rotations, which takes longer.
        """
        view = View.of(picture, self.side)
        found = self._find_faces(view)
        if rotations and (degrees := self._choose_rotation(view.pixels, found)):
            found = max(found or [], self._find_faces(view.rotate(degrees)) or [], key=len)
        return tuple(sorted(found or (), key=lambda face: (face.box.x, face.box.y)))

    def find_largest_face(self, picture: Picture) -> DetectedFace | None:
        """Return the largest face with eyes, None without one."""
        faces = [face for face in self.find_faces(picture) if face.eyes is not None]
        return max(faces, key=lambda face: face.box.area, default=None)

    def warm_up(self, picture: Picture) -> None:
        """Run each network of the backend once, which compiles it and allocates its memory."""
        with self._lock:
            self._detect(picture.pixels, backends.SCORE)
            if self.backend == "yunet":
                self._search_tiles(picture.pixels)
                self._detect_close(View.of(picture, self.side), [(Box(64, 64, 128, 128), 0.0)])

    def _find_faces(self, view: View) -> list[DetectedFace] | None:
        """Return the largest faces of a view, placed in the file's picture, and None if it has no face of any size."""
        with self._lock:
            faces = self._search(view.pixels)
        # Refining is the most expensive step, so choose the faces first. It changes no box of a confident face.
        confident = [face for face in faces if face.confidence >= backends.SCORE]
        weak = sorted((face for face in faces if face.confidence < backends.SCORE), key=lambda face: -face.confidence)
        refined = self._refine_with_closeups(view, self._choose_largest(confident, view), weak[:_MAX_WEAK_FACES])
        verified = [face for face in refined if face.confidence >= backends.SCORE]
        if not confident and not verified:
            return None
        return [view.place(face) for face in self._choose_largest(suppress_overlaps(verified), view)]

    def _refine_with_closeups(
        self, view: View, confident: list[DetectedFace], weak: list[DetectedFace]
    ) -> list[DetectedFace]:
        """Refine faces, and decode the photo again if small ones need more pixels than the view has."""
        if self.backend not in backends.FIVE_LANDMARKS:
            return confident + weak
        if view.load_closeups(confident, others=weak):
            return self._refine(view, confident + weak)
        refined = self._refine(view, confident + weak)
        doubtful = list(filter(_is_doubtful, refined))
        if not view.load_closeups(doubtful):
            return refined
        return list(filterfalse(_is_doubtful, refined)) + self._refine(view, doubtful)

    def _choose_largest(self, faces: list[DetectedFace], view: View) -> list[DetectedFace]:
        boxes = [(view.place(face).box, face) for face in faces]
        chosen = [(box, face) for box, face in boxes if box.width >= self.min_face_width]
        return [face for _, face in sorted(chosen, key=lambda pair: -pair[0].area)[: self.max_faces]]

    def _reports_weak_faces(self, pixels: ByteArray) -> bool:
        """Return whether `_search` reports weak faces, which are then enlarged and turned."""
        return self.backend == "yunet" and max(pixels.shape[:2]) > _BORDERED_SIDE

    def _search(self, pixels: ByteArray) -> list[DetectedFace]:
        """Return the faces of the whole picture, with a border if it is small, and of the tiles of a large one.

        In a large picture, yunet also reports weak faces, whose confidence is under `backends.SCORE`.
        """
        side = max(pixels.shape[:2])
        score = _WEAK_SCORE if self._reports_weak_faces(pixels) else backends.SCORE
        faces = self._detect(pixels, score) if side > _BORDERED_SIDE else []
        # A portrait that fills the picture is at least a weak face.
        if not any(face.confidence >= backends.SCORE for face in faces) and (faces or score == backends.SCORE):
            border = max(8, round(_BORDER * side))
            faces += [face.translate(-border, -border) for face in self._detect(pixels, score, border)]
        if self.backend == "yunet" and side > _TILED_SIDE:
            faces += self._search_tiles(pixels)
        return suppress_overlaps(faces)

    def _search_tiles(self, pixels: ByteArray) -> list[DetectedFace]:
        """Return the small faces of a large picture."""
        pixels, scale = reduce_to(pixels, search_side(pixels.shape[1], pixels.shape[0], self.side))
        height, width = pixels.shape[:2]
        faces: list[DetectedFace] = []
        for tile in _split_into_tiles(height, width):
            check_deadline()
            self._lock.share()
            left, top, right, bottom = tile
            [found] = backends.locate_landmarks(
                [pixels[top:bottom, left:right]], self.backend, self.downloads, _WEAK_SCORE
            )
            complete = [face for face in found if not _is_cut_off(face.box, tile, width, height)]
            faces += [face.translate(left, top).resize(scale) for face in complete]
        return faces

    def _choose_rotation(self, pixels: ByteArray, found: list[DetectedFace] | None) -> int:
        """Return the rotation in degrees of another search, 0 for none: that of all faces, or one that shows a face."""
        if found is not None:
            turns = {round(face.tilt / 90) % 4 for face in found}
            return 90 * turns.pop() if len(turns) == 1 else 0
        with self._lock:
            if self._reports_weak_faces(pixels):
                # Weak faces were turned one by one. All turns of a small copy take as long as one look.
                check_deadline()
                small = reduce_to(pixels, _TURNED_SIDE)[0]
                views = [rotate_picture(small, degrees)[0] for degrees in _TURNS]
                faces = backends.locate_landmarks(views, self.backend, self.downloads)
                totals = {turn: sum(face.confidence for face in seen) for turn, seen in zip(_TURNS, faces, strict=True)}
            else:
                # One view at a time, because many requests may wait for their turns with one.
                totals = {degrees: self._total_confidence(pixels, degrees) for degrees in _ROTATIONS}
        best = max(totals, key=totals.__getitem__)
        return best if totals[best] else 0

    def _total_confidence(self, pixels: ByteArray, degrees: int) -> float:
        view, _ = rotate_picture(reduce_to(pixels, _ROTATIONS[degrees])[0], degrees)
        return sum(face.confidence for face in self._search(view))

    def _detect(self, pixels: ByteArray, score: float, border: int = 0) -> list[DetectedFace]:
        check_deadline()
        self._lock.share()
        if border:
            # Now, because a request that waits for its turn should hold no copy of its picture.
            pixels = pad(pixels, border, border, border, border)
        return backends.extract_faces(_pad_narrow(pixels), self.backend, self.downloads, score)

    def _refine(self, view: View, faces: list[DetectedFace]) -> list[DetectedFace]:
        """Return the faces with the landmarks of enlarged views, several at a time, which occupies all cores."""
        refined, refinements = list(faces), {}
        for number, face in enumerate(faces):
            if face.eyes is not None:
                refinements[number] = _refine_face(face, self.backend == "yunet")
        answers: dict[int, list[DetectedFace | None]] = {}
        while refinements:
            requests: list[tuple[int, float]] = []
            for number, refinement in list(refinements.items()):
                try:
                    turns = refinement.send(answers[number]) if number in answers else next(refinement)
                    requests += [(number, degrees) for degrees in turns]
                except StopIteration as end:
                    refined[number] = end.value
                    del refinements[number]
            answers = {number: [] for number, _ in requests}
            # More would delay other requests.
            at_once = _CLOSE_VIEWS_PER_CORE * cv2.getNumThreads()
            for start in range(0, len(requests), at_once):
                batch = requests[start : start + at_once]
                with self._lock:
                    found = self._detect_close(view, [(faces[number].box, degrees) for number, degrees in batch])
                for (number, _), answer in zip(batch, found, strict=True):
                    answers[number].append(answer)
        return refined

    def _detect_close(self, view: View, requests: list[tuple[Box, float]]) -> list[DetectedFace | None]:
        """Return the face of each box from a view that is enlarged and rotated back by some degrees."""
        check_deadline()
        matrices, enlarged = zip(*(view.enlarge(box, degrees) for box, degrees in requests), strict=True)
        found = backends.locate_landmarks(enlarged, self.backend, self.downloads)
        central = [min(faces, key=_distance_to_center, default=None) for faces in found]
        return [
            None if face is None else _from_close_view(face, matrix)
            for face, matrix in zip(central, matrices, strict=True)
        ]


def _refine_face(
    face: DetectedFace, under_reports_tilt: bool
) -> Generator[list[float], list[DetectedFace | None], DetectedFace]:
    """Yield rotations for enlarged views of a face, receive the views, and return the face with better landmarks."""
    [close] = yield [0.0]
    if not under_reports_tilt:
        return face if close is None else _with_landmarks(face, close)
    start = 0.0
    if close is None or close.confidence < _CONFIDENT:
        # yunet also finds faces that are upside down, with wrong landmarks, but with less confidence.
        views = dict(zip(_QUARTER_TURNS, [close, *(yield list(_QUARTER_TURNS[1:]))], strict=True))
        start = max(views, key=lambda turn: _quarter_turn_score(turn, views[turn]))
        close = views[start]
    best, smallest, degrees = None, np.inf, start
    for view in range(1, _MAX_CLOSE_VIEWS + 1):
        if close is None:
            break
        reported = angle_difference(close.tilt, degrees)
        if abs(reported) < smallest:
            best, smallest = close, abs(reported)
        if smallest < _UPRIGHT_DEGREES or view == _MAX_CLOSE_VIEWS:
            break
        correction = angle_difference(degrees, start) + _TRUE_TO_REPORTED_TILT * reported
        degrees = start + float(np.clip(correction, -_MAX_TILT, _MAX_TILT))
        [close] = yield [degrees]
    if best is None:
        return replace(face, close_confidence=0.0)
    if face.confidence < backends.SCORE:
        # The box of a weak face may be that of a rotated one.
        confidence = backends.SCORE if best.confidence >= _VERIFIED else face.confidence
        face = replace(face, box=best.box, confidence=confidence)
    return _with_landmarks(face, best)


def _is_doubtful(face: DetectedFace) -> bool:
    """Return whether an enlarged view shows a weak face without confirming it."""
    return face.confidence < backends.SCORE and bool(face.close_confidence)


def _quarter_turn_score(turn: float, face: DetectedFace | None) -> float:
    return 0.0 if face is None else face.confidence + _UPRIGHT_BONUS * (turn == 0)


def _from_close_view(face: DetectedFace, matrix: DoubleArray) -> DetectedFace:
    """Return a face of an enlarged view in the view that was enlarged. `matrix` leads from there."""
    zoom = float(np.hypot(*matrix[0, :2]))
    box, found = face.box, face.transform(invert_transform(matrix)).box
    width, height = round(box.width / zoom), round(box.height / zoom)
    x, y = found.x + (found.width - width) / 2, found.y + (found.height - height) / 2
    landmarks = face.transform(invert_transform(matrix)).landmarks
    return replace(face, box=Box(round(x), round(y), width, height), landmarks=landmarks)


def _with_landmarks(face: DetectedFace, close: DetectedFace) -> DetectedFace:
    return replace(face, landmarks=close.landmarks, close_confidence=close.confidence)


def _distance_to_center(face: DetectedFace) -> float:
    return np.inf if face.eyes is None else float(np.hypot(*(face.eyes.mean(axis=0) - CLOSE_SIDE / 2)))


def _pad_narrow(pixels: ByteArray) -> ByteArray:
    """Pad tiny and narrow pictures with gray at the bottom or right, because detectors fail on them."""
    height, width = pixels.shape[:2]
    side = max(_MIN_SIDE, -(-max(height, width) // _MAX_ASPECT_RATIO))
    return pad(pixels, 0, max(0, side - height), 0, max(0, side - width)) if min(height, width) < side else pixels


def _split_into_tiles(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Return (left, top, right, bottom) of overlapping tiles of the size that takes the fewest pixels for a picture."""
    splits = [(_tile_edges(height, rows), _tile_edges(width, columns)) for rows, columns in yunet.TILE_SIZES]
    areas = [
        len(rows) * len(columns) * np.prod(size) for (rows, columns), size in zip(splits, yunet.TILE_SIZES, strict=True)
    ]
    rows, columns = splits[int(np.argmin(areas))]
    return [(left, top, right, bottom) for (top, bottom), (left, right) in product(rows, columns)]


def _tile_edges(length: int, side: int) -> list[tuple[int, int]]:
    """Return the edges of overlapping tiles along a side of a picture."""
    count = max(1, int(np.ceil((length - _TILE_OVERLAP) / (side - _TILE_OVERLAP))))
    size = min(length, side)
    return [(start, start + size) for start in np.linspace(0, length - size, count).astype(int).tolist()]


def _is_cut_off(box: Box, tile: tuple[int, int, int, int], width: int, height: int) -> bool:
    """Return whether an inner edge of the tile may cut the face, which another tile or the whole picture has complete.

    A face wider than the overlap may be cut in every tile. The whole picture shows it large enough.
    """
    left, top, right, bottom = tile
    return (
        max(box.width, box.height) > _TILE_OVERLAP
        or (left > 0 and box.x <= _EDGE)
        or (top > 0 and box.y <= _EDGE)
        or (right < width and box.x + box.width >= right - left - _EDGE)
        or (bottom < height and box.y + box.height >= bottom - top - _EDGE)
    )
