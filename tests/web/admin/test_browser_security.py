"""Requirements of OWASP ASVS on browsers and data that no other test covers, see docs/explanation/security.md."""

from __future__ import annotations

import re

import pytest

from app.settings import RESOURCES
from tests.conftest import TOKEN

SCRIPTS = sorted((RESOURCES / "static").glob("*.js"))
TEMPLATES = sorted((RESOURCES / "templates").rglob("*.html"))

# Code from text, markup that is not parsed as a page first, messages of other windows, and code of other hosts.
UNSAFE = re.compile(
    r"\beval\(|new Function|document\.write|insertAdjacentHTML|setHTMLUnsafe|srcdoc"
    r"|addEventListener\(\s*[\"']message|onmessage|postMessage|callback=|(?:from|import\()\s*[\"'](?:https?:)?//"
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_run_no_text_and_receive_no_messages(script):
    source = script.read_text(encoding="utf-8")
    assert UNSAFE.findall(source) == []
    assert UNSAFE.search(f"{source}\nwindow.addEventListener('message', run)")


def test_pages_use_no_plugins_and_no_frames():
    text = "\n".join(path.read_text(encoding="utf-8") for path in TEMPLATES)
    assert "<main" in text
    assert not re.search(r"<(object|embed|applet|iframe|frame|portal)\b", text)


def test_reading_an_address_changes_nothing(client, gallery):
    """Requests that browsers make without a form, such as for an image, need no protection against forgery."""
    before, people = gallery.history(), gallery.people()
    values = {"person_id": people[0].id, "anchor_id": gallery.anchors(people[0].id)[0].id, "key": "a", "name": "a"}
    answered = 0
    for rule in client.application.url_map.iter_rules():
        if "GET" in rule.methods and rule.arguments <= values.keys() and not rule.rule.startswith("/static"):
            address = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), rule.rule)
            answered += client.get(address, query_string={"purge": "true", "confirm": "on"}).status_code < 400
    assert answered > 10
    assert (gallery.history(), gallery.people()) == (before, people)


def test_the_token_is_accepted_in_bodies_and_headers_only(client, gallery):
    client.post("/sign-out")
    client.get("/sign-in", query_string={"token": TOKEN})
    client.post("/sign-in", query_string={"token": TOKEN})
    assert client.get("/manage").status_code == 303
    address = f"/api/v1/changes/{gallery.history()[0].id}/undo"
    assert client.post(address, query_string={"token": TOKEN, "access_token": TOKEN}).status_code == 401
    page = client.get("/sign-in").text
    assert re.search(r'<form[^>]*method="post"', page)
    assert TOKEN not in page
