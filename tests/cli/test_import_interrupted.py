"""`people import`, killed in the middle."""

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

PEOPLE, PHOTOS = 10, 2


@pytest.fixture
def folders(photo, tmp_path) -> dict[str, Path]:
    """Folders of shipped people, each with the same two photos of theirs: one learnt, one a duplicate."""
    names = sorted(photos.portraits())[:PEOPLE]
    found = {name: tmp_path / "friends" / name for name in names}
    for name, folder in found.items():
        folder.mkdir(parents=True)
        for number in range(PHOTOS):
            (folder / f"{number}.jpg").write_bytes(photo(name))
    return found


def arguments(source: Path) -> list[str]:
    return ["people", "import", str(source), "--allow=duplicate", "--allow=lookalike", "--allow=unlike"]


def start(source: Path, database_url: str) -> subprocess.Popen:
    command = [sys.executable, "main.py", *arguments(source)]
    own = os.environ | {"FACES_DATABASE_URL": database_url}
    return subprocess.Popen(command, cwd=ROOT, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_nothing_is_half_done_and_it_goes_on(folders, tmp_path, database_url, settings, recognizer, monkeypatch):
    gallery = Gallery.open(database_url, recognizer.network.card.id, settings.anchors)
    before = {name: gallery.find(name).anchors for name in folders}

    def learnt() -> dict[str, int]:
        return {name: gallery.find(name).anchors - before[name] for name in folders}

    process = start(tmp_path / "friends", database_url)
    deadline = time.monotonic() + 120
    while not any(learnt().values()) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    output = process.communicate(timeout=30)[0]
    found = learnt()
    assert process.returncode == -signal.SIGKILL, output
    # Whoever is in has all their photos, and the others none.
    assert set(found.values()) == {0, PHOTOS}, output

    monkeypatch.setenv("FACES_DATABASE_URL", database_url)
    own = Recognizer(settings, recognizer.detector, recognizer.network, gallery)
    monkeypatch.setattr(common, "load_recognizer", lambda _settings: own)
    output = CliRunner().invoke(main, arguments(tmp_path / "friends")).output
    again = learnt()
    # Photos and their record enter in one transaction, so every person is imported exactly once.
    assert set(again.values()) == {PHOTOS}, output
    gallery.close()
