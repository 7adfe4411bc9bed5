"""A stronger network to learn from, as an ONNX file: it embeds the crops that the student sees.

Any face network of one input, 112 x 112 pixels, and one output will do. How it takes its pixels differs, and
nothing in the file tells: the command's options do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from app import crop
from app.training.errors import TrainingError


class Teacher:
    """An ONNX network that embeds crops; safe to use from several threads.

    Arguments:
        path: the file.
        colour: `rgb` or `bgr`, the order of its channels.
        values: `bytes` if it takes 0 to 255, `unit` if it takes -1 to 1.
        threads: crops worked on at once, one core each.

    Raises:
        TrainingError: onnxruntime is missing, or the file is no such network.
    """

    def __init__(self, path: Path, colour: str = "rgb", values: str = "bytes", threads: int = 2) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise TrainingError(
                "A teacher needs onnxruntime: .venv/bin/pip install -r requirements-training.txt."
            ) from error
        options = onnxruntime.SessionOptions()
        # Of several crops at once each has a core of its own; that is faster than many cores for one.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors share no class of their own
            raise TrainingError(f"{path} is no ONNX network ({str(error).splitlines()[0]:.120}).") from error
        self._name, self._layout = _input(self._session, path)
        self._bgr, self._unit = colour == "bgr", values == "unit"
        self.threads = threads

    def embed_one(self, face: np.ndarray) -> np.ndarray:
        """Embed one crop: uint8 (112, 112, 3) RGB -> float32 (dims,) of length 1."""
        pixels = crop.normalise(face) if self._unit else face.astype(np.float32)
        pixels = pixels[:, :, ::-1] if self._bgr else pixels
        pixels = pixels.transpose(2, 0, 1) if self._layout == "channels first" else pixels
        answer = self._session.run(None, {self._name: np.ascontiguousarray(pixels[None])})[0].ravel()
        return answer / max(1e-9, float(np.linalg.norm(answer)))

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Embed crops: uint8 (faces, 112, 112, 3) RGB -> float32 (faces, dims) of length 1."""
        return np.stack(list(self.map(len(crops), crops.__getitem__)))

    def map(self, count: int, make) -> Iterator[np.ndarray]:
        """The answers about the crops `make(0)` to `make(count - 1)`, which are made where they are embedded."""
        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(lambda number: self.embed_one(make(number)), range(count))


def _input(session, path: Path) -> tuple[str, str]:
    """The name of the input and where its channels lie."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if len(inputs) == 1 else []
    if list(shape[1:]) == [3, crop.SIZE, crop.SIZE]:
        return inputs[0].name, "channels first"
    if list(shape[1:]) == [crop.SIZE, crop.SIZE, 3]:
        return inputs[0].name, "channels last"
    taken = shape or f"{len(inputs)} inputs"
    raise TrainingError(f"{path} takes {taken}; a teacher takes one picture of 3 x {crop.SIZE} x {crop.SIZE}.")
