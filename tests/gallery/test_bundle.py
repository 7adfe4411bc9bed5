"""A gallery as one file: out, in again, and what is refused."""

from __future__ import annotations

import hashlib
import json
import zipfile

import numpy as np
import pytest

from app.errors import GalleryError
from app.gallery.store import Gallery
from tests.conftest import NETWORK
from tests.gallery.test_changes import state
from tests.photos import webp

WEBP = webp(1)


@pytest.fixture
def full(tiny_gallery, unit_vectors):
    tiny_gallery.add("Carla", unit_vectors(1), ["c.jpg"], WEBP)
    tiny_gallery.change_aliases("Carla", ["Carlita", "C."])
    tiny_gallery.remove("Ann Lee")
    tiny_gallery.reject_faces("bob", unit_vectors(2), ["x.jpg", "y.jpg"])
    tiny_gallery.reject_faces("Carla", unit_vectors(1), ["z.jpg"])
    return tiny_gallery


@pytest.fixture
def file(full, tmp_path):
    path = tmp_path / "people.faces"
    assert full.export_bundle(path) == 4
    return path


@pytest.fixture
def other(tmp_path):
    gallery = Gallery.open(f"sqlite:///{tmp_path / 'other.sqlite'}", NETWORK, None)
    yield gallery
    gallery.close()


def rewrite(path, change) -> None:
    """Change the files of the archive: `change` takes and gives a dict of bytes by name."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in change(files).items():
            archive.writestr(name, data)


def replace_picture(files: dict, name: str, data: bytes) -> dict:
    """Replace a picture and its checksum."""
    former, checksum = (hashlib.sha256(picture).hexdigest().encode() for picture in (files[name], data))
    return files | {name: data, "gallery.json": files["gallery.json"].replace(former, checksum)}


def test_everything_comes_back(full, file, other):
    other.snapshot()
    assert other.import_bundle(file).anchors == 7
    there, here = state(other), state(full)
    assert [person[1:] for person in there["people"]] == [person[1:] for person in here["people"]]
    for name, anchors in here["anchors"].items():
        np.testing.assert_allclose(there["anchors"][name], anchors, atol=1e-6)
    for one, again in zip(sorted(here["rejected"]), sorted(there["rejected"]), strict=True):
        assert one[:2] == again[:2]
        np.testing.assert_allclose(one[2], again[2], atol=1e-6)
    assert other.portrait(other.find("Carlita").id) == WEBP
    assert other.find("Ann Lee") is None


def test_crops_travel_where_they_are_kept_and_wanted(tiny_gallery, unit_vectors, other, tmp_path):
    crops = [webp(1, 112), webp(2, 112)]
    tiny_gallery.remove("Ann Lee")
    tiny_gallery.add("Carla", unit_vectors(2), ["a.jpg", "b.jpg"], None, crops)
    with_crops, without = tmp_path / "with.faces", tmp_path / "without.faces"
    tiny_gallery.export_bundle(with_crops)
    tiny_gallery.export_bundle(without, crops=False)
    assert with_crops.stat().st_size > without.stat().st_size

    def kept() -> list[bytes | None]:
        return [other.crop(one.id) for one in other.anchors("Carla")]

    for file, wanted, expected in (
        (with_crops, False, [None] * 2),
        (without, True, [None] * 2),
        (with_crops, True, crops),
    ):
        other.import_bundle(file, crops=wanted)
        assert kept() == expected
        assert [one.has_crop for one in other.anchors("bob")] == [False] * 2
        assert other.undo().startswith("imported")
    rewrite(with_crops, lambda files: replace_picture(files, "crops/1/0.webp", webp(side=111)))
    with pytest.raises(GalleryError, match=r"crops/1/0.webp is not a WebP picture of 112 x 112 pixels"):
        other.import_bundle(with_crops, crops=True)


def test_what_is_there_already_is_not_doubled(full, file, unit_vectors):
    before = state(full)
    assert full.import_bundle(file).anchors == 0
    assert state(full) == before
    full.remove_anchors("bob", [full.anchors("bob")[0].id])
    assert full.import_bundle(file).anchors == 1
    full.undo()
    assert full.find("bob").anchors == 1


def test_an_import_can_be_undone(file, other, unit_vectors):
    other.add("bob", unit_vectors(1), ["own.jpg"])
    before = state(other)
    other.import_bundle(file)
    other.undo()
    assert state(other) == before


def test_aliases_of_other_people_are_left_out(file, other, unit_vectors):
    other.add("Carlita", unit_vectors(1), ["own.jpg"])
    assert other.import_bundle(file).taken_aliases == ("Carlita",)
    assert other.find("Carla").aliases == ("C.",)
    assert other.import_bundle(file).anchors == 0


def test_files_of_earlier_versions_have_no_aliases(file, other):
    aliases = b'"aliases": ["C.", "Carlita"], '
    rewrite(file, lambda files: files | {"gallery.json": files["gallery.json"].replace(aliases, b"")})
    other.import_bundle(file)
    assert other.find("Carla").aliases == ()


def test_another_networks_gallery_is_refused(file, tmp_path):
    foreign = Gallery.open(f"sqlite:///{tmp_path / 'foreign.sqlite'}", "another/crop", None)
    with pytest.raises(GalleryError, match=r"Another network .*Nothing was imported"):
        foreign.import_bundle(file)
    foreign.close()


DAMAGES = {
    "portrait": lambda files: files | {"portraits/1.webp": webp(3)},
    "embeddings": lambda files: files | {"embeddings.safetensors": files["embeddings.safetensors"][:-4] + b"\0\0\0\0"},
    "missing": lambda files: {name: data for name, data in files.items() if "portrait" not in name},
    "list": lambda files: files | {"gallery.json": b"[]"},
    "deep": lambda files: files | {"gallery.json": b"[" * 100_000},
    "no list": lambda files: {"embeddings.safetensors": files["embeddings.safetensors"]},
    "format": lambda files: files | {"gallery.json": files["gallery.json"].replace(b"gallery-1", b"gallery-9")},
    "name": lambda files: files | {"gallery.json": files["gallery.json"].replace(b'"bob"', b'"b\\nb"')},
    "twice": lambda files: files | {"gallery.json": files["gallery.json"].replace(b'"Carla"', b'"BOB"')},
    "alias": lambda files: files | {"gallery.json": files["gallery.json"].replace(b'"Carlita"', b'"BOB"')},
    "no alias": lambda files: files | {"gallery.json": files["gallery.json"].replace(b'"Carlita"', b"5")},
    "note": lambda files: files | {"gallery.json": files["gallery.json"].replace(b'["c.jpg"]', b"5")},
    "count": lambda files: files | {"gallery.json": files["gallery.json"].replace(b'["c.jpg"]', b"[]")},
}


PORTRAIT = "portraits/1.webp"

BAD_PICTURES = (
    b"RIFF\x17\0\0\0WEBP<html>evil</html>",
    WEBP + b"<html>",
    WEBP[:-4],
    WEBP[:20] + b"\xff" * (len(WEBP) - 20),
    b"RIFF" + (29_999_992).to_bytes(4, "little") + b"WEBP" + bytes(29_999_988),
    webp(side=225),
    b"",
)


def test_portraits_are_small_webp_pictures(file, other):
    for picture in BAD_PICTURES:
        rewrite(file, lambda files, picture=picture: replace_picture(files, PORTRAIT, picture))
        with pytest.raises(GalleryError, match=r"portraits/1.webp is not a WebP picture of at most 224 x 224 pixels"):
            other.import_bundle(file)
    rewrite(file, lambda files: replace_picture(files, PORTRAIT, webp(side=224)))
    assert other.import_bundle(file).anchors == 7


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_whole(file, other, damage):
    rewrite(file, DAMAGES[damage])
    with pytest.raises(GalleryError, match=r"is not an exported gallery, or it is damaged .* Nothing was imported"):
        other.import_bundle(file)
    assert other.people() == ()


def test_cut_off_packed_and_other_files_are_refused(file, other, tmp_path):
    whole = file.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(GalleryError, match="Nothing was imported"):
            other.import_bundle(file)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("gallery.json", json.dumps({"format": "x"}))
    with pytest.raises(GalleryError, match="compressed files"):
        other.import_bundle(file)
    with pytest.raises(GalleryError, match="is not an exported gallery"):
        other.import_bundle(tmp_path / "nowhere")


def test_a_file_that_cannot_be_written_is_said_and_leaves_nothing(full, tmp_path):
    with pytest.raises(GalleryError, match="cannot be written"):
        full.export_bundle(tmp_path / "nowhere" / "people.faces")
    (tmp_path / "folder").mkdir()
    with pytest.raises(GalleryError, match="cannot be written"):
        full.export_bundle(tmp_path / "folder")
    assert not list(tmp_path.glob("*.part"))
