"""A stronger network to learn from, as an ONNX file: it embeds the crops that the student sees.

Any face network of one input, 112 x 112 pixels, and one output will do. How it takes its pixels differs, and
nothing in the file tells: the command's options do.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from app.errors import TrainingError
from app.vision import alignment


class Teacher:
    """An ONNX network that embeds crops; safe to use from several threads.

    Args:
        path: the file.
        color: `rgb` or `bgr`, the order of its channels.
        values: `bytes` if it takes 0 to 255, `unit` if it takes -1 to 1.
        threads: crops worked on at once, one core each.

    Raises:
        TrainingError: openvino is missing, or the file is no such network.
    """

    def __init__(self, path: Path, color: str = "rgb", values: str = "bytes", threads: int = 2) -> None:
        try:
            import openvino
            from openvino.frontend import FrontEndManager, GeneralFailure
        except ImportError as error:
            raise TrainingError(
                "A teacher needs openvino: .venv/bin/pip install -r requirements-training.txt."
            ) from error
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        # `read_model` would ask the readers of all other formats too, which speak up on standard error.
        reader = FrontEndManager().load_by_framework("onnx")
        try:
            network = reader.convert(reader.load(str(path)))
            # Of some files that are none it makes a network of nothing.
            readable = bool(network.inputs)
        except (GeneralFailure, RuntimeError):
            readable = False
        if not readable:
            raise TrainingError(f"{path} is no ONNX network that OpenVINO can read.")
        self._layout = _layout(network, path)
        network.reshape([1, *list(network.inputs[0].partial_shape)[1:]])
        # Of several crops at once each has a core of its own; that is faster than many cores for one.
        self._network = openvino.compile_model(
            network, "CPU", {"NUM_STREAMS": threads, "INFERENCE_NUM_THREADS": threads}
        )
        self._own = threading.local()
        self._bgr, self._unit = color == "bgr", values == "unit"
        self.threads = threads
        # Two threads that ask first at the same time may wait for each other for ever: openvino's Python layer makes
        # something ready in its first call, in the middle of which it lets another thread run.
        self.embed_one(np.zeros((alignment.SIZE, alignment.SIZE, 3), np.uint8))

    def embed_one(self, face: np.ndarray) -> np.ndarray:
        """Embed one crop: uint8 (112, 112, 3) RGB -> float32 (dims,) of length 1."""
        pixels = alignment.normalize(face) if self._unit else face.astype(np.float32)
        pixels = pixels[:, :, ::-1] if self._bgr else pixels
        pixels = pixels.transpose(2, 0, 1) if self._layout == "channels first" else pixels
        if not hasattr(self._own, "request"):
            self._own.request = self._network.create_infer_request()
        # A request answers with an array of its own that its next answer overwrites.
        answer = self._own.request.infer([np.ascontiguousarray(pixels[None])])[0].ravel()
        return answer / max(1e-9, float(np.linalg.norm(answer)))

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Embed crops: uint8 (faces, 112, 112, 3) RGB -> float32 (faces, dims) of length 1."""
        return np.stack(list(self.map(len(crops), crops.__getitem__)))

    def map(self, count: int, make) -> Iterator[np.ndarray]:
        """The answers about the crops `make(0)` to `make(count - 1)`, which are made where they are embedded."""
        with ThreadPoolExecutor(self.threads) as pool:
            yield from pool.map(lambda number: self.embed_one(make(number)), range(count))


def _layout(network, path: Path) -> str:
    """Where the channels of the network's one input lie."""
    inputs = [str(taken.partial_shape) for taken in network.inputs]
    sides = [str(side) for side in network.inputs[0].partial_shape][1:] if len(inputs) == 1 else []
    if sides == ["3", str(alignment.SIZE), str(alignment.SIZE)]:
        return "channels first"
    if sides == [str(alignment.SIZE), str(alignment.SIZE), "3"]:
        return "channels last"
    taken = inputs[0] if len(inputs) == 1 else f"{len(inputs)} inputs"
    raise TrainingError(
        f"{path} takes {taken}; a teacher takes one picture of 3 x {alignment.SIZE} x {alignment.SIZE}."
    )
