"""The README is short, and its badge and example are true. tests/test_documents.py checks figures and links."""

from __future__ import annotations

import re

from app.settings import ROOT
from tests.photos import PERSON

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_short_and_starts_with_the_two_commands():
    assert len(README.splitlines()) <= 150
    assert re.findall(r"(?m)^    (.+?)(?: +#.*)?$", README)[:2] == ["make run", "make test"]


def test_the_badge_has_the_versions_of_python():
    required = re.search(r'requires-python = "([^"]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert required[1] == ">=3.11,<3.14"
    assert "3.11 to 3.13" in (ROOT / "docs" / "badges" / "python.svg").read_text(encoding="utf-8")


def test_pictures_come_from_no_other_host():
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert [picture for picture in pictures if not (ROOT / picture).is_file()] == []
    for picture in pictures:
        text = (ROOT / picture).read_text(encoding="latin-1").replace("http://www.w3.org/", "")
        assert re.search(r"https?:|<script|@import|href", text) is None


def test_the_example_identifies_a_photo(tmp_path, monkeypatch, capsys, photo, database_url):
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    (tmp_path / "photo.jpg").write_bytes(photo(PERSON))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACES_DATABASE_URL", database_url)
    exec(example, {})
    assert capsys.readouterr().out.startswith(f"match {PERSON} ")
