"""Photos in folders whose faces a library knows, and the programs that read their metadata."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from app.batch.rows import PhotoRow, digest
from app.batch.sources import PhotoFile
from app.library import decisions
from app.library.indexing import IndexRun
from app.library.store import Library
from app.vision.decoder_pool import DecoderPool
from app.vision.faces import Box
from tests.library.conftest import face
from tests.photos import ORIENTATIONS

SIZE = (100, 80)
BOX = Box(10, 20, 30, 40)
SECOND = Box(60, 20, 30, 40)


@pytest.fixture
def exiftool() -> Callable[..., dict]:
    """Read a file with ExifTool: its tags in groups."""
    if shutil.which("exiftool") is None:
        pytest.skip("ExifTool is not installed")

    def read(path: Path) -> dict:
        done = subprocess.run(
            ["exiftool", "-j", "-struct", "-n", "-G1", str(path)], capture_output=True, check=True, timeout=30
        )
        return json.loads(done.stdout)[0]

    return read


def picture(orientation: int = 1, kind: str = "JPEG") -> bytes:
    """A photo that is white in `BOX`, and black elsewhere, stored by an EXIF orientation."""
    image = Image.new("RGB", SIZE)
    image.paste("white", (BOX.x, BOX.y, BOX.x + BOX.width, BOX.y + BOX.height))
    if ORIENTATIONS[orientation] is not None:
        image = image.transpose(ORIENTATIONS[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    if kind == "HEIF":
        # From here, Pillow's plugin also writes the orientation that decoders apply, as cameras do.
        image.info["exif"] = exif.tobytes()
        image.save(file, kind)
    else:
        image.save(file, kind, exif=exif)
    return file.getvalue()


def add_photos(library: Library, *paths: Path, boxes: tuple[Box, ...] = (BOX,)) -> None:
    """Index photos as if these faces were found in each."""
    run = IndexRun(library, lambda _photo: b"")
    files = []
    for path in paths:
        status = path.stat()
        files.append(PhotoFile(str(path), status.st_size, status.st_mtime_ns))
    run.list_files(files)
    for file in files:
        faces = tuple(face_at(box) for box in boxes)
        run.add([PhotoRow(file, digest(Path(file.path).read_bytes() + file.path.encode()), SIZE, None, faces)])
    run.finish(lambda _path: False)


def face_at(box: Box):
    row = face()
    return type(row)(box, row.confidence, row.landmarks, row.quality, row.embedding)


def confirm(library: Library, path: Path, name: str, number: int = 1) -> None:
    decisions.confirm(library, [decisions.find_face(library, str(path), number)], name)


def forget(library: Library, path: Path, number: int = 1) -> None:
    decisions.take_back(library, [decisions.find_face(library, str(path), number)])


@pytest.fixture(scope="module")
def decoder(settings):
    decoder = DecoderPool.from_settings(settings)
    yield decoder
    decoder.close()
