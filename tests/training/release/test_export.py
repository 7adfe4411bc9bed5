from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
from onnx import helper, numpy_helper

from app.errors import TrainingError
from app.recognition.model_card import TwinConfig
from app.recognition.siamese import CONVOLUTION_EPSILON, EMBEDDING_EPSILON, build_twin, set_weights
from app.training.release import export
from app.vision import alignment

LAYOUT = TwinConfig(stem=4, stages=((8, 0), (8, 1), (8, 0), (16, 0)), embedding=8)


class OnnxTwin:
    """An ONNX network of a small layout with random weights, built like SFace: pixels, convolutions, dense layer."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.add("Sub", np.float32(alignment.LEVEL_MIDDLE))
        self.add("Mul", np.float32(1 / alignment.LEVEL_SPREAD))
        channels = self.convolve(3, LAYOUT.stem)
        channels = self.separable(channels, 2 * LAYOUT.stem)
        for stage, blocks in LAYOUT.stages:
            for strides in (2, *[1] * blocks):
                channels = self.separable(channels, stage, strides)
        self.normalize(channels, EMBEDDING_EPSILON)
        self.add("Dropout")
        self.add("Flatten")
        self.add("Gemm", self.random(LAYOUT.embedding, channels * 49), self.random(LAYOUT.embedding), transB=1)
        self.normalize(LAYOUT.embedding, EMBEDDING_EPSILON)

    def random(self, *shape: int) -> np.ndarray:
        return self.rng.normal(scale=0.3, size=shape).astype(np.float32)

    def add(self, kind: str, *constants: np.ndarray, **attributes: object) -> None:
        """Append an operator that takes the output of the one before."""
        number = len(self.nodes)
        names = [f"{number}-{index}" for index in range(len(constants))]
        self.constants += [numpy_helper.from_array(each, name) for each, name in zip(constants, names, strict=True)]
        self.nodes.append(helper.make_node(kind, [f"x{number}", *names], [f"x{number + 1}"], **attributes))

    def normalize(self, channels: int, epsilon: float) -> None:
        scale, offset, mean = (self.random(channels) for _ in range(3))
        self.add("BatchNormalization", 1 + scale, offset, mean, 1 + np.abs(self.random(channels)), epsilon=epsilon)

    def convolve(self, inputs: int, outputs: int, side: int = 3, strides: int = 1, group: int = 1) -> int:
        weights = self.random(outputs, inputs // group, side, side)
        self.add("Conv", weights, strides=[strides] * 2, pads=[side // 2] * 4, group=group)
        self.normalize(outputs, CONVOLUTION_EPSILON)
        self.add("PRelu", self.random(outputs, 1, 1))
        return outputs

    def separable(self, inputs: int, outputs: int, strides: int = 1) -> int:
        self.convolve(inputs, inputs, strides=strides, group=inputs)
        return self.convolve(inputs, outputs, side=1)

    def write(self, path: Path) -> Path:
        pixels = helper.make_tensor_value_info("x0", onnx.TensorProto.FLOAT, [None, 3, alignment.SIZE, alignment.SIZE])
        output = helper.make_tensor_value_info(f"x{len(self.nodes)}", onnx.TensorProto.FLOAT, [None, LAYOUT.embedding])
        graph = helper.make_graph(self.nodes, "twin", [pixels], [output], self.constants)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
        return path


@pytest.fixture
def network(rng) -> OnnxTwin:
    return OnnxTwin(rng)


def test_imported_weights_embed_like_the_onnx_file(network, tmp_path, rng):
    path = network.write(tmp_path / "twin.onnx")
    weights, about = export.read_onnx(path, "a zoo", "Apache-2.0", LAYOUT)
    twin = build_twin(LAYOUT)
    set_weights(twin, weights)
    crops = rng.integers(0, 256, (2, 7, 7, 3), dtype=np.uint8).repeat(16, axis=1).repeat(16, axis=2)
    compiled = openvino.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    expected = compiled(crops.transpose(0, 3, 1, 2).astype(np.float32))[0]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(twin(alignment.normalize(crops))), expected, atol=1e-4)
    np.testing.assert_allclose(export.provisional_network(weights, about).embed(crops), expected, atol=0.01)
    origin = about["plan"]["pretrained"]
    assert (origin["file"], origin["source"], origin["license"]) == ("twin.onnx", "a zoo", "Apache-2.0")
    assert export.describe(about, "faces", "yunet")["training"]["pretrained"] == origin


def test_onnx_files_of_other_networks_are_rejected(network, tmp_path):
    path = tmp_path / "twin.onnx"
    with pytest.raises(TrainingError, match="its layers have other sizes"):
        export.read_onnx(network.write(path), "", "")
    network.add("Relu")
    with pytest.raises(TrainingError, match="it has the operator Relu"):
        export.read_onnx(network.write(path), "", "")
    network.nodes[0].op_type = "Mul"
    with pytest.raises(TrainingError, match="its pixel normalization differs"):
        export.read_onnx(network.write(path), "", "")
    path.write_bytes(b"no network")
    with pytest.raises(TrainingError, match="is not a network of the default layout"):
        export.read_onnx(path, "", "")


def test_a_run_without_a_checkpoint_is_rejected(tmp_path):
    with pytest.raises(TrainingError, match="Train first"):
        export.trained_weights(tmp_path)
