import json

import numpy as np
import pytest
import safetensors.numpy

from app.errors import GalleryError
from app.gallery import shipped
from app.settings import ROOT
from app.training.data.labeled_faces import read_left_out
from app.training.release.gallery import MAX_ANCHORS
from tests.conftest import NETWORK
from tests.photos import webp


@pytest.fixture
def people(unit_vectors):
    return [
        ("Zoë", unit_vectors(3), webp(1)),
        ("Zoe!", unit_vectors(1), webp(2)),
        ("李", unit_vectors(2), None),
    ]


@pytest.fixture
def folder(tmp_path, people):
    place = tmp_path / "anchors"
    shipped.write(place, NETWORK, people)
    return place


def change(folder, **values) -> None:
    """Change fields of the first person in people.json."""
    path = folder / "people.json"
    listed = json.loads(path.read_text(encoding="utf-8"))
    listed["people"][0] |= values
    path.write_text(json.dumps(listed), encoding="utf-8")


def refusal(folder) -> str:
    with pytest.raises(GalleryError) as caught:
        shipped.read(folder)
    return str(caught.value)


def test_what_is_written_is_read(folder, people):
    found = shipped.read(folder)
    assert found.network == NETWORK
    for one, (name, embeddings, portrait) in zip(found.people, people, strict=True):
        assert (one.name, one.portrait) == (name, portrait)
        assert one.embeddings.dtype == np.float32
        np.testing.assert_allclose(one.embeddings, embeddings, atol=2e-3)
        np.testing.assert_allclose(np.linalg.norm(one.embeddings, axis=1), 1, atol=1e-6)


def test_the_folder_is_as_described(folder):
    listed = json.loads((folder / "people.json").read_text(encoding="utf-8"))
    assert listed["people"] == [
        {"name": "Zoë", "portrait": "portraits/zoe.webp", "anchors": 3},
        {"name": "Zoe!", "portrait": "portraits/zoe-2.webp", "anchors": 1},
        {"name": "李", "portrait": None, "anchors": 2},
    ]
    tensor = safetensors.numpy.load_file(folder / "anchors.safetensors")["embeddings"]
    assert (tensor.dtype, tensor.shape) == (np.float16, (6, 8))


def test_writing_again_leaves_nothing_of_the_old(folder, unit_vectors):
    shipped.write(folder, NETWORK, [("Ann", unit_vectors(1), webp())])
    assert [path.name for path in (folder / "portraits").iterdir()] == ["ann.webp"]
    assert [one.name for one in shipped.read(folder).people] == ["Ann"]


def test_nobody_at_all_can_be_shipped(tmp_path):
    shipped.write(tmp_path, NETWORK, [])
    assert shipped.read(tmp_path).people == ()


def test_names_that_repeat_are_not_written(tmp_path, unit_vectors):
    with pytest.raises(GalleryError, match="duplicate name 'ann'"):
        shipped.write(tmp_path, NETWORK, [("Ann", unit_vectors(1), None), ("ann", unit_vectors(1), None)])


@pytest.mark.parametrize("file", ["people.json", "anchors.safetensors", "portraits/zoe.webp"])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    assert refusal(folder).startswith(f"The shipped gallery has no file {folder / file}. Restore the folder {folder}")


@pytest.mark.parametrize("file", ["people.json", "anchors.safetensors"])
def test_a_cut_off_file_is_refused(folder, file):
    path = folder / file
    path.write_bytes(path.read_bytes()[:-20])
    assert refusal(folder).startswith(f"The shipped gallery {folder} is damaged (")


BAD_PICTURES = [b"<html>evil</html>", webp() + b"<html>", webp(side=225), bytes(30_000_000), b""]


@pytest.mark.parametrize("picture", BAD_PICTURES, ids=["html", "appended", "many pixels", "large", "empty"])
def test_portraits_are_small_webp_pictures(folder, picture):
    (folder / "portraits" / "zoe.webp").write_bytes(picture)
    assert "portrait portraits/zoe.webp is not a WebP picture of at most 224 x 224 pixels" in refusal(folder)


@pytest.mark.parametrize(
    "text", ["[]", "[" * 100_000, "{}", '{"network": "x"}', '{"network": "x", "people": [1]}', "\x00"]
)
def test_what_is_no_list_of_people_is_refused(folder, text):
    (folder / "people.json").write_text(text)
    assert "is damaged" in refusal(folder)


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"anchors": 4}, "7 anchors in people.json, 6 in anchors.safetensors"),
        ({"anchors": -3}, "0 anchors in people.json"),
        ({"anchors": "3"}, "is damaged"),
        ({"anchors": 3.0}, "is damaged"),
        ({"name": ""}, "name is empty"),
        ({"name": 5}, "is damaged"),
        ({"name": "ZOE!"}, "duplicate name"),
        ({"portrait": "../../secret"}, "outside the folder"),
        ({"portrait": "/etc/hostname"}, "outside the folder"),
        ({"portrait": "portraits"}, "Is a directory"),
    ],
)
def test_a_damaged_person_is_refused(folder, values, cause):
    change(folder, **values)
    assert cause in refusal(folder)


@pytest.mark.parametrize("matrix", [np.zeros((6, 8)), np.full((6, 8), np.inf), np.ones(6)])
def test_damaged_embeddings_are_refused(folder, matrix):
    tensor = {"embeddings": matrix.astype(np.float16)}
    (folder / "anchors.safetensors").write_bytes(safetensors.numpy.save(tensor))
    assert "is damaged" in refusal(folder)


def test_the_gallery_that_ships_is_whole():
    found = shipped.read(ROOT / "anchors")
    assert len(found.people) == 481
    assert not {one.name for one in found.people} & set(read_left_out(ROOT / "anchors"))
    assert all(one.portrait and 1 <= len(one.embeddings) <= MAX_ANCHORS for one in found.people)
