"""Run commands in this process with a shared recognizer, or in a new process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import common, main
from app.settings import ROOT
from tests import photos
from tests.photos import OTHER, PERSON


@pytest.fixture
def run(settings, recognizer, monkeypatch) -> Callable[..., Result]:
    """Run a command with the recognizer that all tests share."""
    monkeypatch.setenv("FACES_DATABASE_URL", settings.database_url)
    monkeypatch.setattr(common, "load_recognizer", lambda _settings: recognizer)
    return lambda *arguments, **options: CliRunner().invoke(
        main, list(map(str, arguments)), prog_name="python main.py", **options
    )


@pytest.fixture
def process(database_url) -> Callable[..., subprocess.CompletedProcess]:
    """Run `python main.py` in a new process, with a new gallery."""

    def start(*arguments: object, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "main.py", *map(str, arguments)],
            cwd=ROOT,
            env=os.environ | {"FACES_DATABASE_URL": database_url} | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return start


@pytest.fixture(scope="session")
def pictures(photo, tmp_path_factory) -> Path:
    """A folder with photos of two people, one without a face, a broken one, and other files."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "inner").mkdir()
    (folder / ".hidden").mkdir()
    (folder / "a, both.jpg").write_bytes(photo(PERSON, OTHER))
    (folder / "inner" / "one.png").write_bytes(photo(PERSON, kind="PNG"))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "nobody.webp").write_bytes(photos.encode(photos.background(400, 300), "WEBP"))
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden" / "hidden.jpg").write_bytes(photo(PERSON))
    return folder
