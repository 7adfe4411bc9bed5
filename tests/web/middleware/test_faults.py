"""Files that are missing, cut off, altered, or cannot be written: a sentence, and never a wrong answer."""

import json
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from app.errors import GalleryError, ModelError
from app.recognition.recognizer import Recognizer
from app.settings import ROOT
from app.web.factory import create_app
from tests.slow import slow
from tests.small_disk import fill_up
from tests.web.middleware.conftest import post


@pytest.fixture
def copies(tmp_path, settings):
    """Settings of copies of all that ships, which a test may damage."""
    shutil.copytree(ROOT / "models", tmp_path / "models")
    shutil.copytree(ROOT / "anchors", tmp_path / "anchors")
    return settings.with_changes(
        model=tmp_path / "models" / "twin.json",
        anchors=tmp_path / "anchors",
        database_url=f"sqlite:///{tmp_path / 'gallery.sqlite'}",
    )


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def alter(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def say_otherwise(path: Path) -> None:
    """Change one digit of the first number in a file of JSON, which stays one."""
    text = path.read_text(encoding="utf-8")
    place = re.search(r"\d(?=[,\n])", text).start()
    path.write_text(f"{text[:place]}{(int(text[place]) + 1) % 10}{text[place + 1 :]}", encoding="utf-8")


def raise_the_margin(path: Path) -> None:
    card = json.loads(path.read_text(encoding="utf-8"))
    card["verdict"]["margin"] += 0.1
    path.write_text(json.dumps(card), encoding="utf-8")


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("damage", "file", "sentence"),
    [
        (remove, "models/twin.safetensors", r"twin\.safetensors cannot be read"),
        (cut, "models/twin.safetensors", "the sha256 differs. Restore both files"),
        (alter, "models/twin.safetensors", "the sha256 differs. Restore both files"),
        (remove, "models/twin.json", "There is no model card at .* Set FACES_MODEL"),
        (cut, "models/twin.json", "is not a model card of this program .* Restore the file"),
        (raise_the_margin, "models/twin.json", "it was altered: the checksum differs"),
        (say_otherwise, "models/twin.json", "is not a model card of this program .* Restore the file"),
        (say_otherwise, "anchors/people.json", "The shipped gallery .* is damaged"),
        (alter, "anchors/anchors.safetensors", "The shipped gallery .* is damaged"),
        (remove, "anchors/people.json", "The shipped gallery has no file"),
        (cut, "anchors/people.json", "The shipped gallery .* is damaged"),
        (remove, "anchors/anchors.safetensors", "The shipped gallery has no file"),
        (cut, "anchors/anchors.safetensors", "The shipped gallery .* is damaged"),
    ],
)
def test_altered_files_are_refused(copies, damage, file, sentence):
    damage(copies.model.parent.parent / file)
    with pytest.raises((ModelError, GalleryError), match=sentence):
        Recognizer.load(copies)


@slow
@pytest.mark.parametrize("what", ["no database", "cut off"])
def test_a_damaged_gallery_is_refused(copies, tmp_path, what):
    file = tmp_path / "gallery.sqlite"
    Recognizer.load(copies).gallery.close()
    data = file.read_bytes()
    for rest in tmp_path.glob("gallery.sqlite-*"):
        rest.unlink()
    file.write_bytes(b"no database " * 1000 if what == "no database" else data[: len(data) // 3 // 4096 * 4096])
    with pytest.raises(GalleryError, match=r"could not be (read|written)"):
        Recognizer.load(copies).gallery.snapshot()


@slow
def test_a_gallery_with_an_altered_anchor_is_refused(copies, tmp_path):
    Recognizer.load(copies).gallery.close()
    with sqlite3.connect(tmp_path / "gallery.sqlite") as database:
        [(key, blob)] = database.execute("SELECT id, embedding FROM anchor LIMIT 1").fetchall()
        spoilt = bytearray(blob)
        spoilt[7] ^= 1
        database.execute("UPDATE anchor SET embedding = ? WHERE id = ?", (bytes(spoilt), key))
    database.close()
    loaded = Recognizer.load(copies)
    with pytest.raises(GalleryError, match=r"has a damaged anchor\. Restore a backup"):
        loaded.warm_up()
    loaded.gallery.close()


@pytest.mark.parametrize("fault", ["read-only", "full"])
def test_a_full_disk_at_startup_is_reported(copies, small_disk, fault):
    """With a real disk: nothing can be written to it before the gallery is there, or after."""
    changed = copies.with_changes(database_url=f"sqlite:///{small_disk}/instance/gallery.sqlite")
    if fault == "full":
        fill_up(small_disk / "filler")
    else:
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(GalleryError, match=r"cannot be created|could not be written \(.*(full|readonly)"):
        Recognizer.load(changed)


def test_a_read_only_folder_is_reported(copies):
    # As root, which tests may run as, no permission stands in the way: a folder of /proc does.
    with pytest.raises(GalleryError, match="The folder /proc/faces for the gallery cannot be created"):
        Recognizer.load(copies.with_changes(database_url="sqlite:////proc/faces/gallery.sqlite"))


def test_a_full_disk_is_refused(copies):
    with pytest.raises(GalleryError, match="could not be written"):
        Recognizer.load(copies.with_changes(database_url="sqlite:////dev/full"))


def test_failed_loading_is_reported_without_paths(copies, portrait):
    remove(copies.model)
    app = create_app(copies)
    app.extensions["recognizer_loader"].wait(60)
    client = app.test_client()
    assert client.get("/healthz/live").status_code == 200
    for answer in (client.get("/healthz/ready"), client.get("/"), post(app, portrait)):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert str(copies.model.parent) not in answer.text
        assert "could not start" in answer.text


def test_requests_leave_no_files(serve, portrait, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app, place = serve(), Path("/proc/self")

    def held() -> tuple[int, int]:
        return len(list((place / "fd").iterdir())), len(list((place / "task").iterdir()))

    for _ in range(5):
        post(app, portrait)
    before, memory = held(), resident()
    for number in range(30):
        post(app, portrait if number % 2 else b"no photo", ("/identify", "/api/v1/identify")[number % 3 == 0])
    time.sleep(0.2)
    assert held() == before
    assert resident() - memory < 60e6
    assert list(tmp_path.iterdir()) == []


def resident() -> float:
    """Bytes of this process in memory."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * float(status.split("VmRSS:")[1].split()[0])
