"""DeepFace itself: which of its detectors is used, where its weights come from, and the call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from app.errors import DetectorError
from app.lazy_imports import import_quietly
from app.settings import Settings
from app.vision.faces import Box

YUNET_WEIGHTS = Path(".deepface/weights/face_detection_yunet_2023mar.onnx")
"""Where DeepFace looks for yunet below its home."""

FIVE_LANDMARKS = ("yunet", "mtcnn")
"""Backends whose detector objects compute five landmarks."""

_MTCNN_ORDER = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
"""mtcnn's names of the landmarks; its sides are those of the observer."""

_YUNET_SCORE = 0.7
"""Minimum confidence. DeepFace's default of 0.9 misses a fifth of the faces in group photos."""


def choose_backend(settings: Settings) -> str:
    """DeepFace's name of the detector to use: the setting's, or for `auto` yunet where its weights lie, else mtcnn.

    To be called before anything imports TensorFlow.

    Raises:
        DetectorError: yunet is asked for, its weights are missing, and downloads are not allowed.
    """
    backend = settings.detector
    home = settings.deepface_home or Path.home()
    has_yunet = _provide_yunet(home, settings.detector_home)
    if backend == "auto":
        backend = "yunet" if has_yunet else "mtcnn"
    if backend == "yunet" and not has_yunet and not settings.detector_downloads:
        raise DetectorError(
            f"The yunet detector has no weights at {home / YUNET_WEIGHTS} or below "
            f"{settings.detector_home}. Run `make setup`, or set FACES_DETECTOR=mtcnn."
        )
    if backend != "yunet":
        # Other detectors are written for tf.keras of old: seconds and megabytes that yunet, which is OpenCV's, can do
        # without. TensorFlow reads this while it is imported.
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    return backend


def extract_faces(pixels: np.ndarray, backend: str, downloads: bool) -> list[dict[str, Any]]:
    """One call of DeepFace's `extract_faces`.

    Args:
        pixels: uint8 (height, width, 3) RGB.
        backend: DeepFace's name of the detector.
        downloads: whether DeepFace may fetch weights that are missing.

    Returns:
        DeepFace's answers: dicts of `facial_area` and `confidence`.

    Raises:
        DetectorError: the detector's library or weights are missing.
    """
    try:
        if backend == "mtcnn":
            import_quietly("mtcnn")
        return _deepface(downloads).extract_faces(
            cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR),
            detector_backend=backend,
            enforce_detection=False,
            align=False,
            normalize_face=False,
        )
    except (ImportError, OSError, ValueError) as error:
        # What DeepFace raises when a backend's library or weights are missing.
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise DetectorError(
            f"The {backend} detector cannot be used ({reason}). Install what it lacks, or set FACES_DETECTOR=auto."
        ) from error


def locate_landmarks(pixels: np.ndarray, backend: str, downloads: bool) -> list[tuple[Box, np.ndarray, float]]:
    """Return the faces of a picture with the five landmarks that `extract_faces` drops.

    DeepFace 0.0.101 passes nose and mouth corners on for RetinaFace only, so this asks the detector object that
    DeepFace holds.

    Args:
        pixels: uint8 (height, width, 3) RGB, at most 640 pixels on a side.
        backend: one of `FIVE_LANDMARKS`.
        downloads: whether DeepFace may fetch weights that are missing.

    Returns:
        For each face its box, its landmarks as float64 (5, 2) in the order of `crop.TEMPLATE`, and its confidence.
    """
    _deepface(downloads)
    model = import_quietly("deepface.modules.modeling").build_model("face_detector", backend).model
    if backend == "yunet":
        height, width = pixels.shape[:2]
        model.setInputSize((width, height))
        model.setScoreThreshold(_YUNET_SCORE)
        _, rows = model.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        rows = np.zeros((0, 15), np.float32) if rows is None else rows
        return [
            (Box(*map(round, row[:4].tolist())), row[4:14].reshape(5, 2).astype(np.float64), float(row[14]))
            for row in rows
        ]
    return [
        (
            Box(*map(round, answer["box"])),
            np.array([answer["keypoints"][name] for name in _MTCNN_ORDER], dtype=np.float64),
            float(answer["confidence"]),
        )
        for answer in model.detect_faces(pixels) or []
    ]


def _deepface(downloads: bool):
    """The module that `DeepFace.extract_faces` calls; `deepface` itself imports all else that it can do, from tf.keras
    of old to cryptography (`bench.start` tells what a start costs).
    """
    os.environ.update(yunet_score_threshold=str(_YUNET_SCORE))
    detection = import_quietly("deepface.modules.detection")
    if not downloads:
        # DeepFace and the detectors it wraps fetch weights through gdown, and have no switch for that.
        import_quietly("gdown").download = _refuse_download
    return detection


def _refuse_download(*_args, **_options) -> None:
    raise OSError("its weights are missing, and downloads are off: see FACES_DETECTOR_DOWNLOADS")


def _provide_yunet(*homes: Path) -> bool:
    """Tell DeepFace the first folder that has the weights of yunet; return whether one has them."""
    for home in homes:
        if (home / YUNET_WEIGHTS).is_file():
            os.environ["DEEPFACE_HOME"] = str(home)
            return True
    return False
