"""DeepFace's face detectors: choice of the backend, its weights, and calls."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from app.arrays import ByteArray, FloatArray
from app.errors import DetectorError
from app.lazy_imports import import_quietly
from app.settings import Settings
from app.vision.faces import Box, DetectedFace
from app.vision.yunet import YuNet

YUNET_WEIGHTS = Path(".deepface/weights/face_detection_yunet_2023mar.onnx")  # in DeepFace's home

FIVE_LANDMARKS = ("yunet", "mtcnn")
"""Backends that compute five landmarks."""

# mtcnn calls left and right what the observer sees there.
_MTCNN_LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")

SCORE = 0.7
"""Minimum confidence of yunet's faces. DeepFace's default of 0.9 misses a fifth of the faces in group photos."""


def choose_backend(settings: Settings) -> str:
    """Return DeepFace's name of the detector: the setting, or for `auto` yunet if it has weights, otherwise mtcnn.

    Call it before anything imports TensorFlow. A `DetectorError` says that yunet has no weights, and downloads are off.
    """
    backend = settings.detector
    home = settings.deepface_home or Path.home()
    homes_with_weights = [path for path in (home, settings.detector_home) if (path / YUNET_WEIGHTS).is_file()]
    if homes_with_weights:
        os.environ["DEEPFACE_HOME"] = str(homes_with_weights[0])
    if backend == "auto":
        backend = "yunet" if homes_with_weights else "mtcnn"
    if backend == "yunet" and not homes_with_weights and not settings.detector_downloads:
        raise DetectorError(
            f"The yunet detector has no weights at {home / YUNET_WEIGHTS} or below "
            f"{settings.detector_home}. Run `make setup`, or set FACES_DETECTOR=mtcnn."
        )
    if backend != "yunet":
        # Other backends need the old tf.keras. TensorFlow reads the variable when it is imported. yunet runs in OpenCV
        # and saves the seconds and megabytes of tf.keras.
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    return backend


def extract_faces(pixels: ByteArray, backend: str, downloads: bool, score: float = SCORE) -> list[DetectedFace]:
    """Call DeepFace's `extract_faces` for pixels, uint8 (height, width, 3) RGB. Only yunet applies `score`."""
    os.environ.update(yunet_score_threshold=str(score))
    try:
        found = _import_deepface(backend, downloads).extract_faces(
            cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR),
            detector_backend=backend,
            enforce_detection=False,
            align=False,
            normalize_face=False,
        )
    except (ImportError, OSError, ValueError) as error:
        # DeepFace's exceptions if the library or the weights of a backend are missing.
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise DetectorError(
            f"The {backend} detector cannot be used ({reason}). Install what it lacks, or set FACES_DETECTOR=auto."
        ) from error
    height, width = pixels.shape[:2]
    return [_to_face(answer) for answer in found if not _is_whole_picture(answer, width, height)]


def locate_landmarks(
    pictures: Sequence[ByteArray], backend: str, downloads: bool, score: float = SCORE
) -> list[list[DetectedFace]]:
    """Return the faces of each picture with five landmarks, from the detector object that DeepFace holds.

    DeepFace 0.0.101 passes nose and mouth corners on for RetinaFace only. `pictures` are uint8 (height, width, 3) RGB,
    of sizes that `YuNet.detect_all` takes. `backend` is one of `FIVE_LANDMARKS`.
    """
    _import_deepface(backend, downloads)
    model = _build_client(backend).model
    if backend == "yunet":
        found = model.detect_all(pictures, score)
        return [[_row_to_face(row) for row in rows] for rows in found]
    return [
        [
            DetectedFace(
                Box(*map(round, answer["box"])),
                np.array([answer["keypoints"][name] for name in _MTCNN_LANDMARKS], dtype=np.float64),
                float(answer["confidence"]),
            )
            for answer in model.detect_faces(pixels) or []
        ]
        for pixels in pictures
    ]


def _build_client(backend: str) -> Any:
    """Return DeepFace's detector, which it builds once."""
    return import_quietly("deepface.modules.modeling").build_model("face_detector", backend)


def _import_deepface(backend: str, downloads: bool) -> ModuleType:
    """Import the module of `extract_faces`, and let OpenVINO run DeepFace's yunet detector.

    Package `deepface` itself also imports tf.keras (`bench.server start`).
    """
    detection = import_quietly("deepface.modules.detection")
    if not downloads:
        # DeepFace and its detectors download with gdown, and have no switch for that.
        vars(import_quietly("gdown"))["download"] = _refuse_download
    if backend == "yunet" and not isinstance((client := _build_client(backend)).model, YuNet):
        home = import_quietly("deepface.commons.folder_utils").get_deepface_home()
        client.model = YuNet(client.model, Path(home) / YUNET_WEIGHTS, cv2.getNumThreads())
    return detection


def _row_to_face(row: FloatArray) -> DetectedFace:
    """Convert a row of `YuNet.detect`."""
    return DetectedFace(Box(*map(round, row[:4].tolist())), row[4:14].reshape(5, 2).astype(np.float64), float(row[14]))


def _refuse_download(*_args: object, **_options: object) -> None:
    raise OSError("its weights are missing, and downloads are off: see FACES_DETECTOR_DOWNLOADS")


def _to_face(answer: dict[str, Any]) -> DetectedFace:
    area = answer["facial_area"]
    # DeepFace's left and right eye are the person's. It truncates to whole pixels, hence the half.
    eyes = [area.get("right_eye"), area.get("left_eye")]
    landmarks = None if None in eyes or eyes[0] == eyes[1] else np.array(eyes, dtype=np.float64) + 0.5
    return DetectedFace(Box(area["x"], area["y"], area["w"], area["h"]), landmarks, answer["confidence"])


def _is_whole_picture(answer: dict[str, Any], width: int, height: int) -> bool:
    """Return whether DeepFace reports that it found no face, which it does with the whole picture."""
    area = answer["facial_area"]
    return bool(answer["confidence"] == 0 and area["w"] >= width - 1 and area["h"] >= height - 1)
