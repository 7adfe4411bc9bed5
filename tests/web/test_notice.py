"""The operator's notice on /privacy (`FACES_NOTICE`)."""

import re

import pytest

from app.errors import SettingsError
from app.web.factory import create_app
from app.web.notice import Block, read_notice
from tests.web.conftest import text

NOTICE = """\ufeff# Example Club

We name members in our
photos. See https://club.example/faces or write to faces@club.example.
- Legal basis: consent
- Kept until you leave
  the club

<script>alert("x")</script> <https://evil.example/"onclick=x>
"""


def test_the_notice_is_shown_as_text_with_links(settings, recognizer, tmp_path):
    file = tmp_path / "notice.txt"
    file.write_text(NOTICE, encoding="utf-8")
    client = create_app(settings.with_changes(notice=file, audit_days=200), recognizer).test_client()
    page = client.get("/privacy")
    assert "<h3>Example Club</h3>" in page.text
    assert "We name members in our photos. See " in text(page)
    assert re.search(r'<a href="https://club\.example/faces"[^>]*>https://club\.example/faces</a>', page.text)
    assert '<a href="mailto:faces@club.example">' in page.text
    assert re.findall(r"<li>(Legal.*|Kept.*)</li>", page.text) == [
        "Legal basis: consent",
        "Kept until you leave the club",
    ]
    assert "<script>alert" not in page.text
    assert '"onclick' not in page.text
    # Retention as the settings are, and the page is linked from every page.
    assert "deleted after 200 days" in text(page)
    for path in ("/", "/compare", "/people", "/model", "/api/docs", "/nowhere", "/sign-in"):
        assert 'href="/privacy"' in client.get(path).text


def test_without_a_notice_the_section_is_absent(client):
    page = client.get("/privacy")
    assert "Notice of the operator" not in page.text
    assert "Your rights" in page.text


def test_blocks_of_a_notice(tmp_path):
    file = tmp_path / "notice.txt"
    file.write_text("- a\n\n- b\n# c\nd\ne\n\n\nf", encoding="utf-8")
    assert read_notice(file) == (
        Block("list", ("a",)),
        Block("list", ("b",)),
        Block("heading", ("c",)),
        Block("paragraph", ("d e",)),
        Block("paragraph", ("f",)),
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"cannot be read \(No such file or directory\)"),
        (b" \n", "is empty. Write a notice, or remove the setting"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (b"x" * 100_001, "has 100,001 bytes. The limit is 100,000"),
    ],
)
def test_a_notice_that_cannot_be_used_stops_the_start(settings, recognizer, tmp_path, content, sentence):
    file = tmp_path / "notice.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"FACES_NOTICE: .*{sentence}"):
        create_app(settings.with_changes(notice=file), recognizer)
