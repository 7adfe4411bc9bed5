"""Pictures of photos and faces: size, cache, and files that are gone or changed."""

import io
import os
import sqlite3
import threading

import pytest
from PIL import Image

from app.batch.rows import digest
from app.library.files import PhotoFile
from app.library.indexing import IndexRun
from app.library.pictures import PictureMaker, StoredPhoto, face_kind
from app.library.store import Library
from app.vision.decoder_pool import DecoderPool
from app.vision.faces import Box
from tests.library.conftest import fill, row
from tests.photos import encode, paste, portraits
from tests.web.library.conftest import ids

BEACH = "SELECT photo_id FROM file WHERE path LIKE '%beach.jpg'"


def cached(folder) -> int:
    with sqlite3.connect(folder / "pictures.sqlite") as connection:
        return connection.execute("SELECT count(*) FROM picture").fetchone()[0]


def image(answer) -> Image.Image:
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.data))


@pytest.mark.parametrize(
    ("address", "kind", "size"),
    [
        ("/library/pictures/photos/{}.webp", "WEBP", (320, 249)),
        ("/library/pictures/previews/{}.jpg", "JPEG", (900, 700)),
        ("/library/pictures/faces/{}.webp", "WEBP", (160, 160)),
    ],
)
def test_pictures_have_their_size_and_are_kept_by_the_browser(client, library, address, kind, size):
    (photo,) = ids(library, BEACH)
    number = ids(library, f"SELECT id FROM face WHERE photo_id = {photo}")[0] if "faces" in address else photo
    answer = client.get(address.format(number))
    assert (image(answer).format, image(answer).size) == (kind, size)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    version = answer.get_etag()[0]
    answer = client.get(f"{address.format(number)}?v={version}")
    assert answer.headers["Cache-Control"] == "private, max-age=86400, immutable"
    again = client.get(address.format(number), headers={"If-None-Match": f'"{version}"'})
    assert (again.status_code, again.data) == (304, b"")


def test_a_photo_is_decoded_once_for_all_its_thumbnails(folder, settings, monkeypatch):
    decoded = []
    decode = DecoderPool.decode
    monkeypatch.setattr(DecoderPool, "decode", lambda pool, data: decoded.append(1) or decode(pool, data))
    maker = PictureMaker(folder, settings)
    with Library.open(folder) as library:
        photo = StoredPhoto.load(library, ids(library, "SELECT photo_id FROM file WHERE path LIKE '%dinner.jpg'")[0])
    kinds = ["photo", *map(face_kind, photo.boxes)] * 2
    threads = [threading.Thread(target=maker.thumbnail, args=(photo, kind)) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    maker.close()
    assert (len(decoded), cached(folder)) == (1, 3)
    assert (folder / "pictures.sqlite").stat().st_mode & 0o077 == 0


def test_a_face_that_was_erased_meanwhile_is_not_cached(folder, settings):
    maker = PictureMaker(folder, settings)
    with Library.open(folder) as library:
        photo = StoredPhoto.load(library, ids(library, BEACH)[0])
        with library.writing() as connection:
            connection.execute(f"DELETE FROM face WHERE photo_id IN ({BEACH})")
    assert maker.thumbnail(photo, face_kind(photo.boxes[0]))
    maker.close()
    with sqlite3.connect(folder / "pictures.sqlite") as connection:
        assert connection.execute("SELECT kind FROM picture").fetchall() == [("photo",)]


def test_the_thumbnail_of_a_small_face_in_a_large_photo_has_its_pixels(tmp_path, settings):
    data = encode(paste(portraits()["Drake"], size=(4000, 3000), side=110))
    path = tmp_path / "large.jpg"
    path.write_bytes(data)
    box = Box(1960, 1450, 80, 100)
    photo = StoredPhoto(digest(data), (PhotoFile(str(path), None, len(data), path.stat().st_mtime_ns),), (box,))
    maker = PictureMaker(tmp_path, settings)
    thumbnail = maker.thumbnail(photo, face_kind(box))
    maker.close()
    # A square 1.5 times as large as the box, which has half as many pixels in the picture that makes the preview.
    assert Image.open(io.BytesIO(thumbnail)).size == (150, 150)


def test_the_stored_thumbnail_of_a_face_is_sent(client, library):
    with library.writing() as connection:
        connection.execute("INSERT INTO thumbnail SELECT id, x'01' FROM face LIMIT 1")
    face = ids(library, "SELECT face_id FROM thumbnail")[0]
    assert client.get(f"/library/pictures/faces/{face}.webp").data == b"\x01"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda file: file.unlink(), "File not found"),
        (lambda file: file.write_bytes(b"other bytes"), "File has changed"),
        (lambda file: (file.unlink(), file.mkdir()), "File cannot be read"),
        (lambda file: (file.unlink(), os.mkfifo(file)), "File has changed"),
    ],
)
def test_files_that_are_gone_or_changed_have_a_placeholder(client, library, tmp_path, change, said):
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"photo")
    fill(library, row(str(file), data=b"photo"))
    change(file)
    (photo,) = ids(library, "SELECT photo_id FROM file WHERE path LIKE '%photo.jpg'")
    for address in ("photos/{}.webp", "previews/{}.jpg"):
        answer = client.get(f"/library/pictures/{address.format(photo)}")
        assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert said in answer.text


def test_a_copy_replaces_a_file_that_is_gone(client, library, tmp_path):
    data = encode(paste(*list(portraits().values())[:1], size=(300, 200), side=100))
    (tmp_path / "z.jpg").write_bytes(data)
    run = IndexRun(library, lambda _photo: digest(data))
    fill(library, row(str(tmp_path / "a.jpg"), data=data))
    (photo,) = ids(library, "SELECT photo_id FROM file WHERE path LIKE '%/a.jpg'")
    run._link(row(str(tmp_path / "z.jpg"), data=data).file, photo)
    assert image(client.get(f"/library/pictures/photos/{photo}.webp")).size == (300, 200)


def test_pictures_are_deleted_when_their_photo_leaves_the_library(client, library, folder):
    for photo in ids(library, "SELECT photo_id FROM file WHERE path LIKE '%2019/%'"):
        client.get(f"/library/pictures/photos/{photo}.webp")
    assert cached(folder) == 5
    run = IndexRun(library, lambda _photo: b"")
    run.list_files([])
    run.finish(lambda path: path.endswith("beach.jpg"))
    assert cached(folder) == 3


def test_a_damaged_cache_only_costs_time(client, library, folder):
    (folder / "pictures.sqlite").write_bytes(b"no database" * 100)
    (photo,) = ids(library, BEACH)
    assert image(client.get(f"/library/pictures/photos/{photo}.webp")).format == "WEBP"


def test_orientation_of_exif_is_applied(client, library, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.new("RGB", (40, 20)), exif=exif)
    (tmp_path / "turned.jpg").write_bytes(data)
    fill(library, row(str(tmp_path / "turned.jpg"), data=data))
    (photo,) = ids(library, "SELECT photo_id FROM file WHERE path LIKE '%turned.jpg'")
    assert image(client.get(f"/library/pictures/photos/{photo}.webp")).size == (20, 40)


def test_object_stores_are_read_by_their_url(client, library, tmp_path):
    data = encode(Image.new("RGB", (40, 20)))
    (tmp_path / "stored.jpg").write_bytes(data)
    fill(library, row(f"file://{tmp_path}/stored.jpg", data=data))
    (photo,) = ids(library, "SELECT photo_id FROM file WHERE path LIKE '%stored.jpg'")
    assert image(client.get(f"/library/pictures/photos/{photo}.webp")).size == (40, 20)


def test_limits_are_those_of_commands(app, settings):
    assert app.extensions["library_pictures"]._settings.max_pixels > settings.max_pixels
