"""`people import`, killed and repeated."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import common, main
from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer
from app.settings import ROOT
from tests import photos
from tests.slow import slow

PEOPLE, PHOTOS = 6, 2


@pytest.fixture
def folders(photo, tmp_path) -> dict[str, Path]:
    """Folders of shipped people, each with a photo and its duplicate."""
    names = sorted(photos.portraits())[:PEOPLE]
    folders = {name: tmp_path / "friends" / name for name in names}
    for name, folder in folders.items():
        folder.mkdir(parents=True)
        for number in range(PHOTOS):
            (folder / f"{number}.jpg").write_bytes(photo(name))
    return folders


def arguments(source: Path) -> list[str]:
    return ["people", "import", str(source), "--allow=duplicate", "--allow=look_alike", "--allow=unlike"]


def start(source: Path, database_url: str) -> subprocess.Popen:
    command = [sys.executable, "main.py", *arguments(source)]
    environment = os.environ | {"FACES_DATABASE_URL": database_url}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@slow
def test_a_killed_import_is_atomic_and_resumable(folders, tmp_path, database_url, settings, recognizer, monkeypatch):
    gallery = Gallery.open(database_url, recognizer.network.card.id, settings.anchors)
    before = {name: gallery.find(name).anchors for name in folders}

    def enrolled() -> dict[str, int]:
        return {name: gallery.find(name).anchors - before[name] for name in folders}

    process = start(tmp_path / "friends", database_url)
    deadline = time.monotonic() + 120
    while not any(enrolled().values()) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    output = process.communicate(timeout=30)[0]
    counts = enrolled()
    assert process.returncode == -signal.SIGKILL, output
    # Each person has all their photos or none.
    assert set(counts.values()) == {0, PHOTOS}, output

    monkeypatch.setenv("FACES_DATABASE_URL", database_url)
    with_gallery = Recognizer(settings, recognizer.detector, recognizer.network, gallery)
    monkeypatch.setattr(common, "load_recognizer", lambda _settings: with_gallery)
    output = CliRunner().invoke(main, arguments(tmp_path / "friends")).output
    # Photos and their record are saved in one transaction, so each person is imported exactly once.
    assert set(enrolled().values()) == {PHOTOS}, output
    gallery.close()
