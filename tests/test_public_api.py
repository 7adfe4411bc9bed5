"""The public Python API."""

import subprocess
import sys
from zipfile import ZipFile

import pytest

import app
from app.settings import ROOT
from tests.photos import PERSON
from tests.slow import slow


@pytest.mark.parametrize("name", app.__all__)
def test_public_names_exist(name):
    assert getattr(app, name).__name__ == name
    assert name in dir(app)


def test_other_names_do_not_exist():
    with pytest.raises(AttributeError, match="has no attribute 'Recogniser'"):
        app.Recogniser  # noqa: B018


def test_importing_the_package_is_light():
    code = "import sys, app; print([name for name in ('numpy', 'openvino', 'pydantic') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_photos_are_paths_or_bytes(recognizer, tmp_path, photo):
    data = photo(PERSON)
    file = tmp_path / "photo.jpg"
    file.write_bytes(data)
    names = [[face.verdict.person for face in recognizer.identify(one).faces] for one in (data, file)]
    assert names == [[PERSON], [PERSON]]
    with pytest.raises(app.PhotoError):
        recognizer.identify(tmp_path / "missing.jpg")


@slow
def test_the_wheel_contains_everything_that_the_program_reads(tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT]
    subprocess.run(command, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    files = set(ZipFile(wheel).namelist())
    for folder in ("templates", "static", "models", "anchors"):
        for path in (ROOT / folder).rglob("*.*"):
            if path.is_file():
                assert f"app/resources/{path.relative_to(ROOT)}" in files
    assert {"app/gallery/migrations/env.py", f"whopic-{app.__version__}.dist-info/METADATA"} <= files
