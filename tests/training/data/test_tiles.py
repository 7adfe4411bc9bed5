import csv
import shutil

import numpy as np
import pytest
from PIL import Image

from app.errors import TrainingError
from app.training.data import tiles
from app.vision import alignment
from tests import photos

NAMES = ("Drake", "Eminem", "Lionel Messi")
EYES = np.array([[38.0, 52.0], [74.0, 52.0]])


class NoDetector:
    def largest(self, picture):
        raise AssertionError("landmarks are known")


@pytest.fixture
def root(tmp_path):
    """Three people with two pictures each, of 112 and 224 pixels, and their landmarks."""
    rows = []
    for name in NAMES:
        for side in (112, 224):
            file = tmp_path / "faces" / "celebrities" / name / f"{side}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            photos.portraits()[name].resize((side, side)).save(file)
            (left, top), (right, bottom) = EYES * side / 112
            rows.append([f"celebrities/{name}/{side}.png", left, top, right, bottom])
    with (tmp_path / "faces" / "index.csv").open("w", newline="") as stream:
        names = ["file", "right_eye_x", "right_eye_y", "left_eye_x", "left_eye_y"]
        csv.writer(stream).writerows([names, *rows])
    return tmp_path / "faces"


def same(one: tiles.TileSet, other: tiles.TileSet) -> bool:
    return (
        one.files == other.files
        and np.array_equal(one.tiles, other.tiles)
        and np.array_equal(one.eyes, other.eyes)
        and one.identities == other.identities
    )


def test_faces_with_landmarks_are_packed(root, tmp_path):
    ticks = []
    packed = tiles.pack(root, tmp_path / "cache", NoDetector(), lambda *at: ticks.append(at))
    assert ticks == [(number, 6) for number in range(1, 7)]
    assert len(packed) == 6
    assert packed.tiles.shape == (6, tiles.SIDE, tiles.SIDE, 3)
    assert packed.tiles.dtype == np.uint8
    assert packed.identities[::2] == [f"celebrities/{name}" for name in NAMES]
    assert packed.targets is None
    whole = np.asarray(Image.open(root / packed.files[0]))
    np.testing.assert_array_equal(packed.tiles[0, :112, :112], whole)
    np.testing.assert_allclose(packed.eyes[0], EYES)
    np.testing.assert_allclose(packed.eyes[1], EYES * tiles.SIDE / 112, atol=0.5)  # reduced to a tile


def test_faces_without_landmarks_are_found_by_the_detector(root, tmp_path, recognizer, photo):
    (root / "index.csv").unlink()
    (root / "celebrities" / "Drake" / "large.jpg").write_bytes(photo("Drake"))
    (root / "celebrities" / "Drake" / "none.png").write_bytes(photos.encode(photos.background(300, 200), "PNG"))
    (root / "celebrities" / "Drake" / "broken.jpg").write_bytes(b"no picture")
    packed = tiles.pack(root, tmp_path / "cache", recognizer.detector)
    assert len(packed) == 7
    at = packed.files.index("celebrities/Drake/large.jpg")
    left, right = packed.eyes[at]
    assert 20 < left[0] < right[0] < 124
    assert 30 < left[1] < 100
    assert packed.tiles[at].any(axis=(0, 2)).all()


@pytest.mark.parametrize("cut", [0, 1, 20, 90, 150])
def test_packing_goes_on_where_it_was_stopped(root, tmp_path, cut):
    whole = tiles.pack(root, tmp_path / "whole", NoDetector())
    shutil.copytree(tmp_path / "whole", tmp_path / "stopped")
    log = next((tmp_path / "stopped").glob("*.csv"))
    log.write_bytes(log.read_bytes()[: -cut or None])
    ticks = []
    again = tiles.pack(root, tmp_path / "stopped", NoDetector(), lambda *at: ticks.append(at))
    assert same(again, whole)
    assert len(ticks) < 6
    assert log.read_bytes() == (tmp_path / "whole" / log.name).read_bytes()


def test_other_files_are_packed_anew(root, tmp_path):
    tiles.pack(root, tmp_path / "cache", NoDetector())
    (root / "celebrities" / "Drake").rename(root / "celebrities" / "Zed")
    text = (root / "index.csv").read_text().replace("Drake", "Zed")
    (root / "index.csv").write_text(text)
    again = tiles.pack(root, tmp_path / "cache", NoDetector())
    assert same(again, tiles.pack(root, tmp_path / "fresh", NoDetector()))
    assert again.identities[-1] == "celebrities/Zed"


def with_five_landmarks(root) -> dict[str, np.ndarray]:
    """Add nose and mouth corners to the index, the mouth too low for the template; return all by file."""
    with (root / "index.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    five = {}
    for row in rows:
        left, right = float(row["right_eye_x"]), float(row["left_eye_x"])
        top = float(row["right_eye_y"])
        nose, mouth = top + 0.6 * (right - left), top + 1.5 * (right - left)
        points = [(left, top), (right, top), ((left + right) / 2, nose), (left, mouth), (right, mouth)]
        for name, (x, y) in zip(tiles._FIVE, points[:3] + points[3:], strict=True):
            row |= {f"{name}_x": x, f"{name}_y": y}
        five[row["file"]] = np.array(points)
    with (root / "index.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return five


def test_aligning_a_tile_by_its_eyes_is_aligning_the_picture_by_five_landmarks(root, tmp_path):
    five = with_five_landmarks(root)
    packed = tiles.pack(root, tmp_path / "cache", NoDetector())
    for position, file in enumerate(packed.files):
        picture = np.asarray(Image.open(root / file))
        expected = alignment.align(picture, five[file]).astype(int)
        found = alignment.align(packed.tiles[position], packed.eyes[position])
        by_eyes = alignment.align(picture, five[file][:2])
        # Tiles of large pictures are reduced, which costs detail but moves nothing.
        inner = np.s_[20:-20, 20:-20]
        assert np.abs(found - expected)[inner].mean() < 6 < np.abs(by_eyes - expected)[inner].mean()


def test_tiles_of_another_alignment_are_made_again(root, tmp_path, monkeypatch):
    monkeypatch.setattr(alignment, "PIPELINE", "eyes-112-v1")
    tiles.pack(root, tmp_path / "cache", NoDetector())
    monkeypatch.undo()
    five, ticks = with_five_landmarks(root), []
    packed = tiles.pack(root, tmp_path / "cache", NoDetector(), lambda *at: ticks.append(at))
    assert len(ticks) == 6
    np.testing.assert_allclose(packed.eyes[0], alignment.aligned_eyes(five[packed.files[0]]), atol=1e-3)


def test_a_teachers_targets_follow_the_index_and_get_length_one(root, tmp_path, rng):
    targets = rng.normal(size=(6, 4)).astype(np.float16)
    np.save(root / "targets.npy", targets)
    packed = tiles.pack(root, tmp_path / "cache", NoDetector())
    with (root / "index.csv").open() as stream:
        order = [row["file"] for row in csv.DictReader(stream)]
    expected = targets[[order.index(file) for file in packed.files]].astype(np.float32)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(packed.targets, expected, atol=1e-6)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(TrainingError, match="No pictures below"):
        tiles.pack(tmp_path, tmp_path / "cache", NoDetector())
