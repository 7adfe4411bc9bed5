"""The public Python API."""

import os
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


def test_no_library_contacts_another_host(tmp_path, photo):
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo(PERSON))
    # The file also has the hosts of forked processes.
    code = """
import os, sys
hosts = os.open("hosts", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
sys.addaudithook(lambda event, values: os.write(hosts, repr(values).encode()) if event == "socket.getaddrinfo" else 0)
from app import Recognizer, Settings
with Recognizer.load(Settings(gallery="empty", database_url="sqlite:///gallery.sqlite")) as recognizer:
    print(len(recognizer.identify("photo.jpg").faces))
"""
    # Libraries that report their use to their makers do not in CI.
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment | {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1\n"
    assert (tmp_path / "hosts").read_text() == ""
    assert not (tmp_path / "intel").exists(), "OpenVINO has given this machine an ID"


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
