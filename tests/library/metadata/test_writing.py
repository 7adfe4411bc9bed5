"""Names in sidecars and photos, as ExifTool and Exiv2 read them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import LibraryError
from app.library import tags
from app.library.metadata import schemas
from app.library.metadata.packet import Packet
from app.library.metadata.reading import read_names
from app.library.metadata.writing import NameWriter, Options, Report
from tests.library.metadata.conftest import BOX, SECOND, add_photos, confirm, forget, picture
from tests.photos import ORIENTATIONS

ANN, BO = "Ann Lee", "Bo <&> O'Neill"


@pytest.fixture
def write(library, decoder):
    """Write the names of the library, and return the report, the changes and the errors."""

    def run(**options) -> tuple[Report, list, list[str]]:
        changes, errors = [], []
        writer = NameWriter(library, Options(**options), decoder, 10**7, changes.append, errors.append)
        return writer.run(), changes, errors

    return run


@pytest.fixture
def photo(tmp_path, library) -> Path:
    """A photo with two faces, the left one named."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture())
    add_photos(library, path, boxes=(BOX, SECOND))
    confirm(library, path, ANN)
    return path


def sidecar(photo: Path) -> Path:
    return photo.with_name(f"{photo.name}.xmp")


def test_a_closed_output_is_not_an_error_of_the_photo(library, decoder, photo):
    def on_change(_change):
        raise BrokenPipeError(32, "Broken pipe")

    errors = []
    with pytest.raises(BrokenPipeError):
        NameWriter(library, Options(), decoder, 10**7, on_change, errors.append).run()
    assert errors == []


def face_pixels(photo: Path, tags: dict) -> list[np.ndarray]:
    """The pixels of the stored picture in both regions of a face."""
    # HEIF files rotate the picture themselves: undo it.
    with Image.open(photo) as image:
        orientation = image.info.get("original_orientation") or 1
        stored = image.copy()
        if ORIENTATIONS[orientation] is not None:
            stored = stored.transpose(ORIENTATIONS[orientation])
    region = tags["XMP-mwg-rs:RegionInfo"]["RegionList"][0]
    area, dimensions = region["Area"], tags["XMP-mwg-rs:RegionInfo"]["AppliedToDimensions"]
    assert (dimensions["W"], dimensions["H"], dimensions["Unit"]) == (*stored.size, "pixel")
    assert (area["Unit"], region["Type"]) == ("normalized", "Face")
    x, y, w, h = map(float, tags["XMP-MP:RegionInfoMP"]["Regions"][0]["Rectangle"].split(","))
    boxes = [(area["X"] - area["W"] / 2, area["Y"] - area["H"] / 2, area["W"], area["H"]), (x, y, w, h)]
    pixels = np.asarray(stored.convert("L"))
    rows, columns = pixels.shape
    return [
        pixels[round(y * rows) : round((y + h) * rows), round(x * columns) : round((x + w) * columns)]
        for x, y, w, h in boxes
    ]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exiftool_finds_the_face_in_the_stored_picture(library, write, exiftool, tmp_path, orientation):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture(orientation))
    add_photos(library, photo)
    confirm(library, photo, BO)
    write()
    tags = exiftool(sidecar(photo))
    for pixels in face_pixels(photo, tags):
        assert pixels.size == BOX.area
        assert pixels.mean() > 240
    assert tags["XMP-mwg-rs:RegionInfo"]["RegionList"][0]["Name"] == BO
    assert tags["XMP-MP:RegionInfoMP"]["Regions"][0]["PersonDisplayName"] == BO
    assert tags["XMP-iptcExt:PersonInImage"] == [BO]


@pytest.mark.parametrize(("kind", "orientation"), [("jpg", 6), ("jpg", 8), ("heic", 6), ("tif", 1)])
def test_names_are_embedded_and_the_original_is_kept(library, write, exiftool, tmp_path, kind, orientation):
    photo = tmp_path / f" odd $@\"'é,name.{kind}"
    original = picture(orientation, {"jpg": "JPEG", "heic": "HEIF", "tif": "TIFF"}[kind])
    photo.write_bytes(original)
    add_photos(library, photo)
    confirm(library, photo, ANN)
    before = photo.stat()
    report, changes, errors = write(embed=True)
    assert (report.changed, errors) == (1, [])
    assert changes[0].merged.added == (ANN,)
    assert photo.stat().st_mtime_ns == before.st_mtime_ns
    kept = photo.with_name(f"{photo.name}_original")
    assert kept.read_bytes() == original
    for pixels in face_pixels(photo, exiftool(photo)):
        assert pixels.mean() > 200
    # The library knows the new bytes, and a second run changes nothing.
    add_photos(library, photo)
    assert library.connection.execute("SELECT count(*) FROM photo").fetchone() == (1,)
    assert write(embed=True)[0] == Report(unchanged=1)
    forget(library, photo)
    assert write()[0] == Report(embedded=1)
    assert write(embed=True)[0] == Report(changed=1)
    assert "XMP-mwg-rs:RegionInfo" not in exiftool(photo)
    assert write(embed=True)[0] == Report()
    assert list(tmp_path.glob("*.xmp")) == []


def test_exiv2_reads_the_names(write, photo):
    if shutil.which("exiv2") is None:
        pytest.skip("Exiv2 is not installed")
    write()
    done = subprocess.run(["exiv2", "-PXkt", sidecar(photo)], capture_output=True, text=True, check=True, timeout=30)
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if len(line.split(maxsplit=1)) == 2)
    assert lines["Xmp.mwg-rs.Regions/mwg-rs:RegionList[1]/mwg-rs:Name"] == ANN
    assert lines["Xmp.MP.RegionInfo/MPRI:Regions[1]/MPReg:Rectangle"] == "0.100000, 0.250000, 0.300000, 0.500000"
    assert lines["Xmp.iptcExt.PersonInImage"] == ANN


def test_a_second_run_writes_nothing(write, photo):
    assert write()[0] == Report(changed=1)
    written = sidecar(photo).read_bytes()
    os.utime(sidecar(photo), ns=(1, 1))
    assert write()[0] == Report(unchanged=1)
    assert (sidecar(photo).stat().st_mtime_ns, sidecar(photo).read_bytes()) == (1, written)


def test_names_in_a_sidecar_follow_when_names_are_embedded(library, write, photo, exiftool):
    write()
    assert write(embed=True)[0] == Report(changed=1)
    assert write(embed=True)[0] == Report(unchanged=1)
    confirm(library, photo, BO)
    assert write(embed=True)[0] == Report(changed=1)
    for file in (photo, sidecar(photo)):
        assert exiftool(file)["XMP-iptcExt:PersonInImage"] == [BO]


def test_a_dry_run_lists_the_changes(write, photo):
    report, changes, _ = write(dry_run=True)
    assert report == Report(changed=1)
    assert [(change.file, change.merged.added) for change in changes] == [(str(sidecar(photo)), (ANN,))]
    assert not sidecar(photo).exists()


def test_corrected_and_removed_names_leave_the_sidecar(library, write, photo, exiftool):
    write()
    confirm(library, photo, BO)
    confirm(library, photo, ANN, number=2)
    _, changes, _ = write()
    assert (changes[0].merged.added, changes[0].merged.removed) == ((BO,), ())
    assert sorted(exiftool(sidecar(photo))["XMP-iptcExt:PersonInImage"]) == [ANN, BO]
    forget(library, photo, number=2)
    assert write()[1][0].merged.removed == (ANN,)
    tags = exiftool(sidecar(photo))
    assert [region["Name"] for region in tags["XMP-mwg-rs:RegionInfo"]["RegionList"]] == [BO]
    assert tags["XMP-iptcExt:PersonInImage"] == [BO]
    forget(library, photo)
    assert write()[0].changed == 1
    assert not sidecar(photo).exists()


def test_tagged_people_are_written_without_a_region(library, write, photo):
    forget(library, photo)
    for name in (ANN, BO):
        tags.tag(library, tags.find_photo(library, str(photo)), name)
    report, changes, _ = write()
    assert (report, changes[0].merged.added) == (Report(changed=1), (ANN, BO))
    assert write()[0] == Report(unchanged=1)
    regions, people = read_names(sidecar(photo).read_bytes())
    assert (regions, people, list(schemas.people(Packet(sidecar(photo).read_bytes())))) == ([], [], [ANN, BO])
    tags.untag(library, tags.find_photo(library, str(photo)), BO)
    assert write()[1][0].merged.removed == (BO,)
    tags.untag(library, tags.find_photo(library, str(photo)), ANN)
    assert write()[0] == Report(changed=1)
    assert not sidecar(photo).exists()


def test_automatic_names_are_left_out_on_request(library, write, photo):
    library.connection.execute("UPDATE face SET source = 'automatic'")
    assert write(confirmed_only=True)[0] == Report()
    assert write()[0] == Report(changed=1)


@pytest.mark.parametrize(
    ("files", "replace_extension", "expected"),
    [
        ([], False, "photo.jpg.xmp"),
        ([], True, "photo.xmp"),
        (["photo.xmp"], False, "photo.xmp"),
        (["photo.XMP"], False, "photo.XMP"),
        (["photo.jpg.xmp"], True, "photo.jpg.xmp"),
        (["photo.nef", "photo.xmp"], False, "photo.jpg.xmp"),
        (["photo.nef"], True, "photo.jpg.xmp"),
        (["photo.JPG", "photo.JPG.xmp"], False, "photo.jpg.xmp"),
        (["photo.JPG.xmp"], False, "photo.JPG.xmp"),
    ],
)
def test_the_sidecar_that_is_written(write, photo, files, replace_extension, expected):
    for name in files:
        photo.with_name(name).write_text("<RDF xmlns='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>")
    _, changes, _ = write(replace_extension=replace_extension)
    assert [Path(change.file).name for change in changes] == [expected]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "photo.jpg.xmp: it is not well-formed XML"),
        (b"<x/>", "photo.jpg.xmp: it is not XMP, which has an element rdf:RDF"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "photo.jpg.xmp: it declares a document type, which XMP must not"),
        (b"<a>" * 100_000, "photo.jpg.xmp: it is not well-formed XML"),
        (b"<x>" + b" " * 4_000_000 + b"</x>", "photo.jpg.xmp: it is larger than 4 MB"),
    ],
    ids=["empty", "other", "document type", "deep", "large"],
)
def test_a_sidecar_that_is_no_xmp_is_kept(write, photo, data, reason):
    sidecar(photo).write_bytes(data)
    report, _, errors = write()
    assert report == Report(failed=1)
    assert errors == [f"{photo}: The names cannot be written ({reason})."]
    assert sidecar(photo).read_bytes() == data


def test_photos_that_cannot_be_written_do_not_end_the_run(library, write, photo):
    last = photo.with_name("zoë.png")
    last.write_bytes(picture(kind="PNG"))
    add_photos(library, photo, last)
    confirm(library, last, ANN)
    sidecar(photo).mkdir()
    report, changes, errors = write()
    assert (report.changed, report.failed, len(changes)) == (1, 1, 1)
    assert errors == [f"{photo}: The names cannot be written (Is a directory)."]
    photo.write_bytes(b"changed")
    last.unlink()
    assert write()[2] == [
        f"{photo}: The names cannot be written (the photo has changed; run: whopic library index).",
        f"{last}: The names cannot be written (No such file or directory).",
    ]


def test_photos_behind_urls_are_counted(library, write, photo):
    library.connection.execute("UPDATE file SET path = 's3://bucket/photo.jpg'")
    assert write()[0] == Report(remote=1)


def test_embedding_needs_exiftool(write, photo, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LibraryError, match=r"^--embed needs ExifTool, which is not installed\. Install it"):
        write(embed=True)


def test_a_crash_of_exiftool_does_not_end_the_run(write, photo, tmp_path, monkeypatch):
    program = tmp_path / "exiftool"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    report, _, errors = write(embed=True)
    assert report == Report(failed=1)
    assert errors == [f"{photo}: The names cannot be written (ExifTool failed, or took over 60 seconds)."]


def test_a_video_gets_names_without_regions(library, write, exiftool, tmp_path):
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"a video")
    add_photos(library, video)
    library.connection.execute("UPDATE photo SET duration = 5")
    confirm(library, video, ANN)
    report, changes, errors = write(embed=True)
    assert (report.changed, errors, changes[0].merged.added) == (1, [], (ANN,))
    assert video.read_bytes() == b"a video"
    tags = exiftool(sidecar(video))
    assert tags["XMP-iptcExt:PersonInImage"] == [ANN]
    assert "XMP-mwg-rs:RegionInfo" not in tags
    assert write()[0].changed == 0
    forget(library, video)
    assert write()[1][0].merged.removed == (ANN,)
    assert not sidecar(video).exists()


def test_the_sidecar_of_a_live_photo_belongs_to_the_photo(library, write, photo):
    video = photo.with_suffix(".mov")
    video.write_bytes(b"a video")
    add_photos(library, video, photo, boxes=(BOX, SECOND))
    library.connection.execute("UPDATE photo SET duration = 5 WHERE id = (SELECT max(id) FROM photo)")
    confirm(library, video, BO)
    other = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    photo.with_suffix(".xmp").write_text(other)
    write()
    assert b"Ann Lee" in photo.with_suffix(".xmp").read_bytes()
    assert b"Neill" in sidecar(video).read_bytes()
    assert b"Neill" not in photo.with_suffix(".xmp").read_bytes()
