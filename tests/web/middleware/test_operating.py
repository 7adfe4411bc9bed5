"""What the page for operators tells to type works."""

import re
import shlex
import subprocess
import sys

from app.gallery.store import Gallery
from app.settings import ROOT
from tests.conftest import NETWORK, PEOPLE

PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def command(pattern: str) -> list[str]:
    """The words of the line that a pattern finds on the page."""
    return shlex.split(re.search(rf"(?m)^    ({pattern}.*)$", PAGE)[1])


def test_a_backup_taken_while_the_gallery_is_in_use_restores_it(tiny_gallery, database_url, tmp_path):
    python, *backup = command(r"\.venv/bin/python -c ")
    assert python == ".venv/bin/python"
    subprocess.run([sys.executable, *backup], cwd=tmp_path, check=True)
    tiny_gallery.remove("Ann Lee")
    tiny_gallery.close()
    for line in ("rm -f ", "cp "):
        subprocess.run(command(line), cwd=tmp_path, check=True)
    restored = Gallery.open(database_url, NETWORK, None)
    assert {person.name: person.anchors for person in restored.people()} == PEOPLE
    assert len(restored.snapshot().anchors) == sum(PEOPLE.values())
    restored.close()


def test_the_example_of_a_log_line_has_the_fields_of_one():
    example = re.search(r'(?m)^    (\{"time".*)$', PAGE)[1]
    for field in ("time", "level", "event", "request", "route", "method", "status", "ms", "stages", "faces"):
        assert f'"{field}":' in example
