"""Run the network of DeepFace's yunet detector with OpenVINO, in less than half the time that OpenCV takes.

`YuNet` has the methods of `cv2.FaceDetectorYN` that DeepFace calls, and returns the same rows, apart from rounding and
from faces at a padded edge. A test compares both. The network predicts scores, a box and five landmarks for each cell
of three grids (Wu, Peng and Yu 2023, https://doi.org/10.1007/s11633-023-1423-y).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from app import quantization
from app.arrays import ByteArray, FloatArray
from app.settings import RESOURCES

if TYPE_CHECKING:
    import openvino

CLOSE_SIDE = 256
"""Side in pixels of enlarged views of a face."""

TILE_SIZES = ((672, 1600), (1600, 672), (960, 1280), (1280, 960))
"""(height, width) in pixels of the largest parts of a large picture."""

# Sizes, (height, width), to which large pictures are padded: DeepFace reduces pictures to 640 pixels. OpenVINO prepares
# each size for a quarter of a second, so OpenCV detects faces in pictures under half of it.
_SIZES = ((480, 640), (640, 480), (640, 640))
_SMALL_SIDE = 400
_QUEUE_SIZES = ((CLOSE_SIDE, CLOSE_SIDE), *TILE_SIZES)
_STRIDES = (8, 16, 32)  # sides of the grids' cells in pixels
_OVERLAP, _MAX_CANDIDATES = 0.3, 5000  # the defaults of cv2.FaceDetectorYN

RANGES = RESOURCES / "models" / "yunet.ranges.json"
"""Lowest and highest input of each convolution by its name, which `bench.detector_ranges` measures."""


class YuNet:
    """YuNet's ONNX file compiled for all cores, and DeepFace's `cv2.FaceDetectorYN` of the same file.

    Not safe to use from several threads.
    """

    def __init__(self, opencv: cv2.FaceDetectorYN, path: Path, threads: int) -> None:
        self._opencv = opencv
        self._graph = read_graph(path)
        self._tile_graph = quantize(self._graph)
        self._threads = threads
        self._requests: dict[tuple[int, int], openvino.InferRequest] = {}
        self._queues: dict[tuple[int, int], list[openvino.InferRequest]] = {}
        self._score = 0.9

    def setInputSize(self, size: tuple[int, int]) -> None:  # noqa: N802
        """Set (width, height) of the next picture."""
        self._opencv.setInputSize(size)

    def setScoreThreshold(self, score: float) -> None:  # noqa: N802
        """Set the minimum confidence for `detect`."""
        self._opencv.setScoreThreshold(score)
        self._score = score

    def detect(self, pixels: ByteArray) -> tuple[int, FloatArray | None]:
        """Detect faces in a picture of at most 640 pixels on a side, uint8 (height, width, 3) BGR.

        Returns:
            1, and float32 (faces, 15): x, y, width and height of the box, (x, y) of five landmarks, and confidence;
            None without a face.
        """
        if max(pixels.shape[:2]) <= _SMALL_SIDE:
            count, found = self._opencv.detect(pixels)
            # The stubs of OpenCV do not know that there may be no face.
            return count, None if found is None else np.asarray(found, np.float32)
        size = _choose_size(pixels, _SIZES)
        if size not in self._requests:
            self._requests[size] = _compile(self._graph, size, self._threads, is_rgb=False)
        self._requests[size].infer([_pad(pixels, size)[None]], share_inputs=True)
        rows = _decode(self._requests[size], size[1], self._score)
        return 1, rows if len(rows) else None

    def detect_all(self, pictures: Sequence[ByteArray], score: float) -> list[FloatArray]:
        """Detect faces in enlarged views, each on one core, or in tiles.

        Pictures are uint8 (height, width, 3) RGB, of one size: `CLOSE_SIDE`, or at most one of `TILE_SIZES`. The rows,
        float32 (faces, 15) for each picture, are those of `detect`.
        """
        size = _choose_size(pictures[0], _QUEUE_SIZES)
        if size not in self._queues:
            # One network with several streams would do, but OpenVINO 2026.4 compiles it wrong in some processes. A tile
            # occupies all cores, and 40 MB.
            close = size == (CLOSE_SIDE, CLOSE_SIDE)
            networks = self._threads if close else 1
            graph = self._graph if close else self._tile_graph
            self._queues[size] = [_compile(graph, size, self._threads // networks) for _ in range(networks)]
        requests = self._queues[size]
        rows = []
        for start in range(0, len(pictures), len(requests)):
            batch = list(zip(requests, pictures[start : start + len(requests)], strict=False))
            for request, pixels in batch:
                request.start_async([_pad(pixels, size)[None]], share_inputs=True)
            for request, _ in batch:
                request.wait()
                rows.append(_decode(request, size[1], score))
        return rows


def _choose_size(pixels: ByteArray, sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the first (height, width) that a picture fits into."""
    height, width = pixels.shape[:2]
    return next(size for size in sizes if height <= size[0] and width <= size[1])


def _pad(pixels: ByteArray, size: tuple[int, int]) -> ByteArray:
    height, width = pixels.shape[:2]
    if (height, width) == size:
        return np.ascontiguousarray(pixels)
    padded = cv2.copyMakeBorder(pixels, 0, size[0] - height, 0, size[1] - width, cv2.BORDER_CONSTANT)
    return np.asarray(padded, np.uint8)


def read_graph(path: Path) -> openvino.Model:
    """Read the ONNX file, whose quantized weights become float32 constants, which halves the time to compile a size."""
    import openvino
    from openvino import passes

    graph = openvino.Core().read_model(path)
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())
    manager.run_passes(graph)
    return graph


def quantize(graph: openvino.Model) -> openvino.Model:
    """Return the network with 8-bit convolutions, which take half the time, or unchanged on other processors.

    Landmarks lose precision, so this suits tiles, which only locate faces. Another file of the network may name its
    convolutions differently, and stays unchanged too.
    """
    ranges: Mapping[str, tuple[float, float]] = json.loads(RANGES.read_text(encoding="utf-8"))
    names = {node.get_friendly_name() for node in _convolutions(graph)}
    if not quantization.is_supported() or names != ranges.keys():
        return graph
    graph = graph.clone()
    rounded: dict[str, openvino.Node] = {}
    for node in _convolutions(graph):
        activations = node.input(0).get_source_output()
        source = activations.get_node().get_friendly_name()
        if source not in rounded:
            low, high = ranges[node.get_friendly_name()]
            rounded[source] = quantization.quantize_activations(activations, max(-low, high), signed=low < 0)
        node.input(0).replace_source_output(rounded[source].output(0))
        weights = node.input(1).get_source_output().get_node().get_data()
        node.input(1).replace_source_output(quantization.quantize_weights(weights, 0).output(0))
    return graph


def measure_ranges(graph: openvino.Model, tiles: Iterable[ByteArray]) -> dict[str, tuple[float, float]]:
    """Return the lowest and highest input of each convolution, by its name, in RGB tiles of `TILE_SIZES[0]`."""
    graph = graph.clone()
    convolutions = {node.get_friendly_name(): node.input(0).get_source_output() for node in _convolutions(graph)}
    sources = {output.get_node().get_friendly_name(): output for output in convolutions.values()}
    inputs = [name for name, output in sources.items() if output.get_node().get_type_name() == "Parameter"]
    ranges = dict.fromkeys(sources, (0.0, 0.0)) | dict.fromkeys(inputs, (0.0, 255.0))
    measured = [name for name in sources if name not in inputs]
    first = len(graph.outputs)
    graph.add_outputs([sources[name] for name in measured])
    request = _compile(graph, TILE_SIZES[0], cv2.getNumThreads(), precise=True)
    for pixels in tiles:
        request.infer([_pad(pixels, TILE_SIZES[0])[None]])
        for number, name in enumerate(measured, start=first):
            values, (low, high) = request.get_output_tensor(number).data, ranges[name]
            ranges[name] = min(low, float(values.min())), max(high, float(values.max()))
    return {name: ranges[output.get_node().get_friendly_name()] for name, output in convolutions.items()}


def _convolutions(graph: openvino.Model) -> list[openvino.Node]:
    return [node for node in graph.get_ordered_ops() if node.get_type_name() in ("Convolution", "GroupConvolution")]


def _compile(
    graph: openvino.Model, size: tuple[int, int], threads: int, precise: bool = False, is_rgb: bool = True
) -> openvino.InferRequest:
    """Compile the network for pictures of one size, uint8 (1, height, width, 3), RGB or BGR."""
    import openvino
    from openvino.preprocess import PrePostProcessor

    graph = graph.clone()
    graph.reshape([1, 3, *size])
    processor = PrePostProcessor(graph)
    processor.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    processor.input().model().set_layout(openvino.Layout("NCHW"))
    if is_rgb:
        # OpenVINO reverses the weights of the first layer, not the pixels.
        processor.input().preprocess().reverse_channels()
    # With pinning, all networks of one thread would run on the first core.
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
    if precise or size not in TILE_SIZES:
        # bfloat16, the default where the processor multiplies it, takes two thirds of the time but moves the landmarks
        # of large faces by pixels. Tiles only locate faces.
        options["INFERENCE_PRECISION_HINT"] = openvino.Type.f32
    return openvino.compile_model(processor.build(), "CPU", options).create_infer_request()


def _decode(request: openvino.InferRequest, width: int, threshold: float) -> FloatArray:
    """Return the rows of a padded picture after non-maximum suppression, the most confident first."""
    parts = []
    for stride in _STRIDES:
        classes, objects, boxes, landmarks = (
            request.get_tensor(f"{name}_{stride}").data[0] for name in ("cls", "obj", "bbox", "kps")
        )
        scores = np.sqrt(classes.clip(0, 1) * objects.clip(0, 1))[:, 0]
        cells = np.flatnonzero(scores >= threshold)
        corners = np.column_stack([cells % (width // stride), cells // (width // stride)]).astype(np.float32)
        sizes = np.exp(boxes[cells, 2:]) * stride
        centers = (boxes[cells, :2] + corners) * stride
        points = (landmarks[cells] + np.tile(corners, 5)) * stride
        parts.append(np.column_stack([centers - sizes / 2, sizes, points, scores[cells]]))
    rows = np.concatenate(parts)
    if len(rows) > 1:
        kept = cv2.dnn.NMSBoxes(
            rows[:, :4].astype(int).tolist(), rows[:, 14].tolist(), threshold, _OVERLAP, 1.0, _MAX_CANDIDATES
        )
        rows = rows[np.asarray(kept, dtype=int)]
    return rows
