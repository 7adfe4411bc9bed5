import numpy as np
import pytest

from app.errors import TrainingError
from app.training.fit.graph import Graph
from app.vision import alignment

onnx = pytest.importorskip("onnx")


def network(path, nodes: list, numbers: dict[str, np.ndarray], shape=(1, 3, alignment.SIZE, alignment.SIZE)):
    """An ONNX file of a chain of nodes, each (operator, names of its other inputs, attributes)."""
    made, at = [], "data"
    for place, (operator, others, attributes) in enumerate(nodes):
        after = f"made{place}"
        made.append(onnx.helper.make_node(operator, [at, *others], [after], **attributes))
        at = after
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        made,
        "face",
        [onnx.helper.make_tensor_value_info("data", kind, shape)],
        [onnx.helper.make_tensor_value_info(at, kind, (1, 5))],
        [onnx.numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in numbers.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 11)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def file(tmp_path, rng):
    """A small network of all that face networks are made of."""

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(0, 1 / np.sqrt(np.prod(shape[1:]) or 1), shape)

    def statistics(name: str, channels: int) -> dict[str, np.ndarray]:
        own = rng.normal(0, 0.3, (3, channels))
        return {f"{name}g": 1 + own[0], f"{name}b": own[1], f"{name}m": own[2], f"{name}v": np.exp(own[0])}

    numbers = {
        "middle": [127.5],
        "scale": [0.0078125],
        "stem": drawn(6, 3, 3, 3),
        "stem_bias": drawn(6),
        **statistics("first", 6),
        "slope": rng.uniform(0, 0.5, (6, 1, 1)),
        "deep": drawn(6, 1, 3, 3),
        "point": drawn(4, 6, 1, 1),
        "shift": drawn(4, 1, 1),
        "dense": drawn(5, 4 * 28 * 28),
        "dense_bias": drawn(5),
        **statistics("last", 5),
    }
    padded = {"pads": [1, 1, 1, 1], "strides": [2, 2], "kernel_shape": [3, 3]}
    nodes = [
        ("Sub", ["middle"], {}),
        ("Mul", ["scale"], {}),
        ("Conv", ["stem", "stem_bias"], padded),
        ("BatchNormalization", ["firstg", "firstb", "firstm", "firstv"], {"epsilon": 1e-3}),
        ("PRelu", ["slope"], {}),
        ("Conv", ["deep"], padded | {"group": 6}),
        ("Relu", [], {}),
        ("Conv", ["point"], {"kernel_shape": [1, 1]}),
        ("Add", ["shift"], {}),
        ("Dropout", [], {}),
        ("Flatten", [], {}),
        ("Gemm", ["dense", "dense_bias"], {"transB": 1}),
        ("BatchNormalization", ["lastg", "lastb", "lastm", "lastv"], {"epsilon": 2e-5}),
    ]
    return network(tmp_path / "teacher.onnx", nodes, numbers)


@pytest.fixture
def faces(rng) -> np.ndarray:
    return rng.integers(0, 256, (3, alignment.SIZE, alignment.SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("options", [{}, {"color": "bgr"}, {"values": "unit"}])
def test_a_graph_answers_as_another_program_reads_it(file, faces, options):
    from app.training.fit.teacher import Teacher

    pytest.importorskip("openvino")
    graph = Graph(file, **options)
    answers = np.asarray(graph(graph.weights, faces.astype(np.float32)))
    assert answers.shape == (3, 5)
    # OpenVINO may compute in bfloat16.
    assert (answers * Teacher(file, **options).embed(faces)).sum(axis=1).min() > 0.999
    assert graph.sha256 == Teacher(file).sha256


def test_half_precision_says_nearly_the_same(file, faces):
    exact, half = (Graph(file, precision=precision) for precision in ("float32", "float16"))
    one, other = (np.asarray(graph(graph.weights, faces.astype(np.float32))) for graph in (exact, half))
    assert other.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(other, axis=1), 1, atol=1e-5)
    assert 0 < np.abs(one - other).max() < 0.01


def test_what_is_no_network_for_faces_is_refused(tmp_path, rng):
    letter = tmp_path / "letter.onnx"
    letter.write_text("Dear network")
    with pytest.raises(TrainingError, match="no ONNX network that can be read"):
        Graph(letter)
    with pytest.raises(TrainingError, match="one picture of 3 x 112 x 112"):
        Graph(network(tmp_path / "large.onnx", [("Flatten", [], {})], {}, (1, 3, 224, 224)))
    with pytest.raises(TrainingError, match="has Cos, Softmax in it"):
        Graph(network(tmp_path / "odd.onnx", [("Softmax", [], {}), ("Cos", [], {})], {}))
    dilated = [("Conv", ["kernel"], {"dilations": [2, 2]})]
    with pytest.raises(TrainingError, match="dilated or pads itself"):
        Graph(network(tmp_path / "dilated.onnx", dilated, {"kernel": rng.normal(size=(4, 3, 3, 3))}))
    grouped = [("Conv", ["kernel"], {"group": 3})]
    with pytest.raises(TrainingError, match="in groups of channels"):
        Graph(network(tmp_path / "grouped.onnx", grouped, {"kernel": rng.normal(size=(6, 1, 3, 3))}))
