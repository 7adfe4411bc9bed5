"""OpenCV's YuNet and SFace with their defaults as a peer to compare with."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

YUNET, SFACE = "face_detection_yunet_2023mar.onnx", "face_recognition_sface_2021dec.onnx"


class OpenCV:
    """The program that many would write: detect, align and embed with OpenCV alone.

    `folder` has the ONNX files `YUNET` and `SFACE`. Pictures are reduced to `side` pixels, if there is one.
    """

    def __init__(self, folder: Path, side: int | None = None) -> None:
        self._detector = cv2.FaceDetectorYN.create(str(folder / YUNET), "", (320, 320))
        self._network = cv2.FaceRecognizerSF.create(str(folder / SFACE), "")
        self._side = side

    def read(self, path: Path) -> np.ndarray:
        """Read a picture, uint8 (height, width, 3) BGR."""
        picture = cv2.imread(str(path))
        scale = self._side / max(picture.shape[:2]) if self._side else 1.0
        return picture if scale >= 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)

    def detect(self, picture: np.ndarray) -> list[np.ndarray]:
        """Return a row for each face, the box first."""
        self._detector.setInputSize(picture.shape[1::-1])
        found = self._detector.detect(picture)[1]
        return [] if found is None else list(found)

    def embed(self, picture: np.ndarray, face: np.ndarray) -> np.ndarray:
        """Return the embedding of a face, float32 (128,), of unit length."""
        embedding = self._network.feature(self._network.alignCrop(picture, face))[0]
        return embedding / np.linalg.norm(embedding)
