"""What the tests of the pages for administrators share."""

from __future__ import annotations

import html
import io
import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

SINGLE = (
    "Recognition cannot be checked with a single photo. Add at least two more: sharp, front-on and from other days."
)


def fields(page: TestResponse, form: str) -> dict[str, list[str]]:
    """What a form of a page would send as it stands: hidden fields, ticked boxes, chosen faces, and its texts."""
    found: dict[str, list[str]] = {}
    part = re.search(rf'<form[^>]*action="{re.escape(form)}".*?</form>', page.text, re.S)[0]
    for tag in re.findall(r"<input[^>]*>", part):
        names = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        kind = names.get("type", "text")
        if (kind in ("checkbox", "radio") and " checked" not in tag) or kind == "file":
            continue
        found.setdefault(names["name"], []).append(html.unescape(names.get("value", "on")))
    return found


def send(client: FlaskClient, path: str, data: dict, files: dict[str, bytes] | None = None, **options) -> TestResponse:
    """Send a form, with files in its field `image`."""
    images = [(io.BytesIO(content), name) for name, content in (files or {}).items()]
    return client.post(path, data=data | ({"image": images} if images else {}), **options)


def message(client: FlaskClient, answer: TestResponse) -> str:
    """Follow the redirect and return the message of the page."""
    assert answer.status_code == 303, answer.text
    page = client.get(answer.location)
    assert page.status_code == 200
    return html.unescape(re.search(r'<p class="(?:done|problem)" role[^>]*>(.*?)</p>', page.text, re.S)[1])
