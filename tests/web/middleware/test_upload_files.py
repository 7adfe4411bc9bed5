"""What becomes of the file that a stranger sends, and of its name."""

import ast
import base64
import io
import json
import mimetypes
import re
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from app.settings import ROOT
from tests import hostile, photos
from tests.web.middleware.conftest import UPLOAD_PATHS, post

NAMES = ["../../etc/passwd", "/etc/passwd", "..\\..\\boot.ini", "a\x00b.jpg", "file:///etc/passwd", "http://10.0.0.1/x"]

ACTS = ("open", "os.", "shutil.", "subprocess.", "socket.connect", "socket.getaddrinfo", "urllib.", "ctypes.dlopen")
"""Audit events of reaching for a file, a program or another host."""

PLACES = tuple({str(folder) for one in (ROOT, sys.prefix, sys.base_prefix) for folder in (one, Path(one).resolve())})
"""Where the program and its libraries lie."""

_watched: list[list[tuple[str, str]]] = []


def _note(event: str, details: tuple) -> None:
    if _watched and event.startswith(ACTS) and event != "os.putenv":
        _watched[-1].append((event, str(details[0]) if details else ""))


@pytest.fixture(scope="session")
def watch():
    """What the program reaches for in a block: `with watch() as reached`. Python takes no such hook back."""
    # Werkzeug's client, which sends files for tests, looks up what they might be.
    mimetypes.init()
    sys.addaudithook(_note)

    @contextmanager
    def watching():
        _watched.append([])
        try:
            yield _watched[-1]
        finally:
            _watched.pop()

    return watching


@pytest.mark.parametrize("path", UPLOAD_PATHS)
@pytest.mark.parametrize("what", [*hostile.archives(), *hostile.leading_elsewhere()])
def test_archives_and_paths_in_files_are_not_opened(serve, watch, what, path):
    """Links, paths and URLs in files. tests/vision/test_decoder_pool.py covers the decoder."""
    data, codes = hostile.files()[what]
    app = serve()
    with watch() as reached:
        answer = post(app, data, path, name="../../faces-evil.jpg")
    assert answer.status_code == (422 if codes != "ok" or path == "/identify" else 200)
    # Templates and libraries are read from the program's own folders, and descriptors are numbers.
    elsewhere = [
        (event, name) for event, name in reached if not name.startswith(PLACES) and not name.lstrip("-").isdecimal()
    ]
    assert elsewhere == []
    assert not any("evil" in name for _, name in reached)
    assert not list(Path(hostile.ELSEWHERE).parent.glob("*faces-evil*"))


def test_the_audit_hook_sees_file_access(watch, tmp_path):
    with watch() as reached:
        (tmp_path / "faces-evil").write_bytes(b"x")
        (tmp_path / "link").symlink_to("/etc/passwd")
    assert {"open", "os.symlink"} <= {event for event, _ in reached}


def test_the_web_app_imports_no_archive_module():
    """Only the command line imports archives, by `gallery.bundle`."""
    unpacking = {"zipfile", "tarfile", "gzip", "bz2", "lzma", "shutil", "zlib", "py7zr", "rarfile"}
    for module in [
        path for package in ("web", "vision", "recognition") for path in (ROOT / "app" / package).rglob("*.py")
    ]:
        text = module.read_text(encoding="utf-8")
        names = {
            name
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        }
        assert not names & unpacking, module
        assert "import_file" not in text
        assert "portable" not in text


@pytest.mark.parametrize("path", UPLOAD_PATHS)
@pytest.mark.parametrize("name", [*NAMES, "x" * 5000, "<script>alert(1)</script>.jpg", "photo.exe"])
def test_file_names_are_not_used_as_paths(serve, portrait, path, name):
    answer = post(serve(), portrait, path, name=name)
    assert answer.status_code in (200, 400)
    assert "root:" not in answer.text


def test_returned_file_names_are_escaped(serve, portrait):
    answer = post(serve(), portrait, UPLOAD_PATHS[1], name="'><script>alert('é')</script>; a=b")
    assert answer.content_type == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text.isascii()
    assert not any("script" in value or "a=b" in value for value in answer.headers.values())
    assert "alert(" in json.loads(answer.text)["file"]
    assert "<script>alert" not in post(serve(), portrait, name="<script>alert(1)</script>.jpg").text


def test_only_static_files_and_portraits_are_served(serve):
    client = serve().test_client()
    for path in (
        "/static/../app/settings.py",
        "/static/%2e%2e/wsgi.py",
        "/people/../x/portrait.webp",
    ):
        assert client.get(path).status_code == 404


def test_answers_contain_pixels_only(serve):
    secret = b"what hides in a file"
    exif = Image.Exif()
    exif[0x010E] = secret.decode()
    face = photos.paste(photos.portraits()[photos.PERSON])
    data = photos.encode(face, exif=exif, comment=secret) + b"PK\x03\x04" + secret
    assert data.count(secret) == 3
    page = post(serve(), data).text
    sent_back = [base64.b64decode(one) for one in re.findall(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)", page)]
    assert sent_back
    assert not any(secret in one for one in sent_back)
    assert all(Image.open(io.BytesIO(one)).getexif() == {} for one in sent_back)
