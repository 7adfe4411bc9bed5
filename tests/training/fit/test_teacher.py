import numpy as np
import pytest

from app.errors import TrainingError
from app.training.data import targets
from app.training.fit.teacher import Teacher
from app.vision import alignment
from tests.training.data.test_answers import Painter
from tests.training.fit.test_loop import packed  # noqa: F401 (a fixture)

pytest.importorskip("openvino")


def varint(value: int) -> bytes:
    parts = bytearray()
    while True:
        parts.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(parts)


def field(number: int, value: int | bytes | str) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name: str, *shape: int) -> bytes:
    """A float input or output of a graph."""
    dims = b"".join(field(1, field(1, side)) for side in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def network(shape: tuple[int, ...], axes: tuple[int, int]) -> bytes:
    """An ONNX file, written by hand, that answers with the mean of each channel of a picture."""
    keep = field(1, "keepdims") + field(3, 0) + field(20, 2)
    over = field(1, "axes") + b"".join(field(8, axis) for axis in axes) + field(20, 7)
    node = field(1, "pixels") + field(2, "means") + field(4, "ReduceMean") + field(5, over) + field(5, keep)
    graph = field(1, node) + field(2, "means") + field(11, tensor("pixels", *shape)) + field(12, tensor("means", 1, 3))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "teacher.onnx"
    path.write_bytes(network((1, 3, alignment.SIZE, alignment.SIZE), (2, 3)))
    return path


def unit(*values: float) -> np.ndarray:
    return np.array(values) / np.linalg.norm(values)


FACE = np.broadcast_to(np.uint8([200, 100, 50]), (alignment.SIZE, alignment.SIZE, 3))


def test_a_teacher_takes_pixels_as_it_is_told(file):
    np.testing.assert_allclose(Teacher(file).embed_one(FACE), unit(200, 100, 50), atol=1e-5)
    np.testing.assert_allclose(Teacher(file, color="bgr").embed_one(FACE), unit(50, 100, 200), atol=1e-5)
    np.testing.assert_allclose(Teacher(file, values="unit").embed_one(FACE), unit(72.5, -27.5, -77.5), atol=1e-4)


def test_channels_may_come_last(tmp_path):
    path = tmp_path / "last.onnx"
    path.write_bytes(network((1, alignment.SIZE, alignment.SIZE, 3), (1, 2)))
    np.testing.assert_allclose(Teacher(path).embed_one(FACE), unit(200, 100, 50), atol=1e-5)


def test_many_faces_keep_their_order(file):
    faces = np.stack([np.roll(FACE, turn, axis=2) for turn in (0, 1, 2)] * 5)
    together = Teacher(file, threads=4).embed(faces)
    np.testing.assert_allclose(together, [Teacher(file).embed_one(face) for face in faces], atol=1e-6)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"no network", "is no ONNX network"),
        (b"x", "is no ONNX network"),
        (b"", "is no ONNX network"),
        (network((1, 3, 64, 64), (2, 3)), r"takes \[1,3,64,64\]"),
    ],
)
def test_what_is_no_teacher_is_refused(tmp_path, data, told):
    path = tmp_path / "other.onnx"
    path.write_bytes(data)
    with pytest.raises(TrainingError, match=told):
        Teacher(path)


def test_targets_follow_the_index(packed, tmp_path):  # noqa: F811
    shuffled = [*packed.files[::-1], "elsewhere/1.png"]
    (tmp_path / "index.csv").write_text("\n".join(["file", *shuffled]) + "\n")
    found = np.load(targets.write(tmp_path, packed, Painter()))
    assert (found.dtype, found.shape) == (np.float16, (17, 8))
    for row, file in enumerate(shuffled[:-1]):
        place = packed.files.index(file)
        expected = Painter().embed_one(alignment.align(packed.tiles[place], packed.eyes[place]))
        np.testing.assert_allclose(found[row], expected, atol=2e-3)
    assert not found[-1].any()
    with pytest.raises(TrainingError, match="is there already"):
        targets.write(tmp_path, packed, Painter())


def test_an_index_is_made_where_there_is_none(packed, tmp_path):  # noqa: F811
    targets.write(tmp_path, packed, Painter())
    assert (tmp_path / "index.csv").read_text().split() == ["file", *packed.files]


def test_an_index_that_lacks_a_file_is_told(packed, tmp_path):  # noqa: F811
    (tmp_path / "index.csv").write_text("file\n")
    with pytest.raises(TrainingError, match="does not list others/"):
        targets.write(tmp_path, packed, Painter())
    assert not (tmp_path / "targets.npy").exists()
