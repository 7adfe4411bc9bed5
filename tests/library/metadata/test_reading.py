"""Names in metadata of other programs become labels of detected faces."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from app.errors import InvalidName
from app.gallery import names
from app.library import decisions
from app.library.changes import list_changes
from app.library.metadata import picasa
from app.library.metadata.confirming import Confirmations, confirm_labels
from app.library.metadata.packet import MetadataError
from app.library.metadata.reading import Label, LabelReader, match, read_names
from app.library.metadata.regions import Area, Region
from app.library.metadata.writing import NameWriter, Options
from tests.library.metadata.conftest import BOX, SECOND, add_photos, confirm, picture
from tests.library.metadata.sidecars import DIGIKAM, LIGHTROOM, SIDECARS
from tests.photos import ORIENTATIONS

ZOE = "Zoë Example"
FACE = Area(0.1, 0.25, 0.3, 0.5)


@pytest.fixture
def read(library, decoder):
    """Read the labels of the library, and return them and the errors."""

    def run() -> tuple[list[Label], list[str]]:
        errors: list[str] = []
        return list(LabelReader(library, decoder, 10**7, errors.append).labels()), errors

    return run


@pytest.fixture
def photo(tmp_path, library) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(picture())
    add_photos(library, path, boxes=(BOX, SECOND))
    return path


@pytest.mark.parametrize("program", SIDECARS)
@pytest.mark.parametrize("name", ["photo.jpg.xmp", "photo.xmp"])
def test_the_sidecar_of_a_program_names_a_face(read, photo, program, name):
    photo.with_name(name).write_bytes(SIDECARS[program])
    [label], errors = read()
    assert (label.name, label.face.number, label.source, errors) == (ZOE, 1, name, [])


def test_names_inside_a_photo(library, read, tmp_path):
    file = io.BytesIO()
    with Image.open(io.BytesIO(picture())) as image:
        image.save(file, "JPEG", xmp=LIGHTROOM)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(file.getvalue())
    add_photos(library, photo)
    assert [(label.name, label.face.number, label.source) for label in read()[0]] == [(ZOE, 1, "photo.jpg")]


def test_names_of_picasa(read, photo):
    rectangle = "".join(f"{round(0xFFFF * side):04x}" for side in (0.1, 0.25, 0.4, 0.75))
    photo.with_name(".picasa.ini").write_text(
        f"[Picasa]\nname=Holiday\n[Contacts2]\n8e62398ebda8c1a5=Zoë Example;;\n[photo.jpg]\nstar=yes\n"
        f"faces=rect64({rectangle}),8e62398ebda8c1a5;rect64(0),8e62398ebda8c1a5;rect64({rectangle}),ffffffffffffffff\n"
    )
    [label], errors = read()
    assert (label.name, label.face.number, label.source, errors) == (ZOE, 1, ".picasa.ini", [])


@pytest.mark.parametrize("data", [b"no ini", b"\xff\xfe[x]", b"[a\n[b]\nfaces"])
def test_other_files_of_picasas_name_are_rejected(data):
    with pytest.raises(MetadataError, match="it is not an INI file"):
        picasa.parse(data)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_regions_count_the_stored_or_the_upright_picture(orientation):
    faces = [FACE, Area(0.6, 0.25, 0.3, 0.5)]
    upright = [Region("Ann", faces[0]), Region("Bo", faces[1])]
    stored = [Region(region.name, region.area.stored(orientation)) for region in upright]
    assert [row for _, row in match(stored, faces, orientation)] == [0, 1]
    if orientation in (6, 8):
        assert [row for _, row in match(upright, faces, orientation)] == [0, 1]


def test_a_region_without_a_detected_face_is_listed(read, photo):
    photo.with_name("photo.xmp").write_bytes(
        DIGIKAM.replace(b'stArea:x="0.25"', b'stArea:x="0.5"').replace(b'"0.1, 0.25', b'"0.35, 0.25')
    )
    assert [(label.name, label.face) for label in read()[0]] == [(ZOE, None)]


def test_names_that_this_program_wrote_are_no_labels(library, read, photo, decoder):
    confirm(library, photo, "Ann Lee", number=2)
    photo.with_name("photo.xmp").write_bytes(DIGIKAM)
    NameWriter(library, Options(), decoder, 10**7, lambda _: None, lambda _: None).run()
    assert b"Ann Lee" in photo.with_name("photo.xmp").read_bytes()
    assert [label.name for label in read()[0]] == [ZOE]


def test_two_names_for_one_face_are_reported(read, photo):
    photo.with_name("photo.jpg.xmp").write_bytes(DIGIKAM)
    photo.with_name("photo.xmp").write_bytes(LIGHTROOM.replace("Zoë".encode(), b"Yan"))
    labels, errors = read()
    assert [label.name for label in labels] == [ZOE]
    assert errors == [
        f"{photo}: Face 1 is {ZOE} in photo.jpg.xmp and Yan Example in photo.xmp. The first name is used."
    ]


@pytest.mark.parametrize(
    ("change", "labels"),
    [
        ((b'stArea:x="0.25"', b'stArea:x="nan"'), 1),
        ((b'stArea:x="0.25"', b'stArea:x="1e400"'), 1),
        ((b'stArea:w="0.3"', b'stArea:w="-0.3"'), 1),
        ((b'stArea:unit="normalized"', b'stArea:unit="pixel"'), 1),
        ((b'"Face"', b'"Pet"'), 1),
        (("Zoë Example".encode(), b""), 0),
    ],
)
def test_odd_regions_are_ignored(read, photo, change, labels):
    photo.with_name("photo.xmp").write_bytes(DIGIKAM.replace(*change))
    found, errors = read()
    # The Microsoft region of the same face is valid.
    assert (len(found), errors) == (labels, [])


ENTITIES = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "&x;&x;">]>'


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xfe\xfd", "it is not well-formed XML"),
        (DIGIKAM.replace("Zoë".encode(), b"Zo\xeb"), "it is not well-formed XML"),
        (ENTITIES + DIGIKAM[DIGIKAM.index(b"<x:") :], "it declares a document type, which XMP must not"),
        (
            DIGIKAM.replace(b"<rdf:li MPReg", b"<rdf:li/>" * 1001 + b"<rdf:li MPReg"),
            "it has a list of 1,002 faces or names, and the limit is 1,000",
        ),
    ],
    ids=["binary", "Latin-1", "entities", "many regions"],
)
def test_hostile_sidecars_are_reported(read, photo, data, reason):
    photo.with_name("photo.xmp").write_bytes(data)
    labels, errors = read()
    assert (labels, errors) == ([], [f"{photo.with_name('photo.xmp')}: The metadata cannot be read ({reason})."])


def test_invalid_names_are_reported(read, photo):
    photo.with_name("photo.xmp").write_bytes(DIGIKAM.replace("Zoë Example".encode(), b"A" * 200))
    labels, errors = read()
    with pytest.raises(InvalidName) as caught:
        names.clean("A" * 200)
    assert (labels, set(errors)) == ([], {f"{photo}: {caught.value}"})


def test_photos_that_are_missing_are_reported(read, photo):
    photo.unlink()
    assert read() == ([], [f"{photo}: There is no such file."])


def test_labels_become_decisions(library, read, photo):
    photo.with_name("photo.xmp").write_bytes(DIGIKAM)
    labels, _ = read()
    assert confirm_labels(library, labels, dry_run=True) == Confirmations(confirmed=1)
    assert confirm_labels(library, labels) == Confirmations(confirmed=1)
    assert confirm_labels(library, labels) == Confirmations(same=1)
    face_id = decisions.find_face(library, str(photo), 1)
    decisions.confirm(library, [face_id], "Ann Lee")
    assert confirm_labels(library, labels) == Confirmations(kept=1)
    decisions.take_back(library, [face_id])
    decisions.reject(library, [face_id], ZOE.upper())
    assert confirm_labels(library, labels) == Confirmations(kept=1)


def test_names_without_a_region_are_tags(library, read, photo):
    item = "<rdf:li>Zoë Example</rdf:li>".encode()
    photo.with_name("photo.xmp").write_bytes(LIGHTROOM.replace(item, item + b"<rdf:li>Bo Berg</rdf:li>"))
    labels, _ = read()
    assert [(label.name, label.face is None) for label in labels] == [(ZOE, False), ("Bo Berg", True)]
    assert confirm_labels(library, labels, dry_run=True) == Confirmations(confirmed=1, tagged=1)
    assert confirm_labels(library, labels) == Confirmations(confirmed=1, tagged=1)
    assert confirm_labels(library, labels) == Confirmations(same=1)
    (change,) = list_changes(library)
    assert change.description == "Names of other programs confirmed: 1 face, 1 photo tagged"
    decisions.confirm(library, [1], "Bo Berg")
    assert confirm_labels(library, labels) == Confirmations(kept=1)


def test_the_same_region_in_both_schemas_is_one():
    assert [region.name for region in read_names(DIGIKAM)[0]] == [ZOE]
