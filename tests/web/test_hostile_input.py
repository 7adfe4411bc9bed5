"""Hostile values in every parameter, field, body and header: no route answers with a server error."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from itertools import count

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer
from app.settings import ROOT
from app.web.factory import create_app
from app.web.request_parsing import MAX_JSON_VALUES
from tests import photos
from tests.conftest import TOKEN
from tests.photos import PERSON
from tests.web.admin_requests import fields, send
from tests.web.api.conftest import BEARER, assert_problem
from tests.web.conftest import text

VALUES: dict[str, str] = {
    "5,000 digits": "9" * 5_000,
    "not a number": "nan",
    "Arabic digits": "١٢",
    "line breaks": "/people/1\r\nSet-Cookie: a=b",
    "NUL": "/people/\0",
    "half a surrogate pair": "/people/\ud800",
    "a path": "../../../../etc/passwd",
    "another host": "//evil.example\\",
    "nested JSON": "[" * 100_000,
    "a date": "99999-99-99T99:99:99Z",
    "1,900 words": "ann " * 1_900,
    "a photo without a face": "",
}
"""Values by description. The fixture `photo_without_face` fills in the last one."""

PARAMETERS = (
    "q",
    "page",
    "v",
    "next",
    "return",
    "name",
    "top",
    "all",
    "fpir",
    "face_a",
    "offset",
    "limit",
    "face",
    "purge",
)
"""Parameters of addresses. gunicorn limits an address to 8,190 characters, so longer values are cut."""

FIELDS = sorted(
    {
        re.sub(r"{{.*?}}", "0", name)
        for template in (ROOT / "templates").rglob("*.html")
        for name in re.findall(r'\bname="([^"]+)"', template.read_text(encoding="utf-8"))
    }
    - {"viewport", "color-scheme"}
)
"""Fields of all forms."""

ADDRESSES = count(1)

HEADERS = [
    ("Origin", "http://["),
    ("Origin", "null"),
    ("Host", "["),
    ("Accept", f"application/x-ndjson;q={'9' * 5_000}"),
    ("Accept-Language", "\xff"),
    ("Authorization", "Bearer \xff\x01"),
    ("Authorization", 'Digest a="b'),
    ("Content-Type", "multipart/form-data"),
    ("Content-Type", "multipart/form-data; boundary=\xff"),
    ("Content-Type", "application/json; charset=utf-99"),
    ("Content-Length", "9" * 5_000),
    ("Content-Length", "-1"),
    ("Cookie", "faces=" + "[" * 5_000),
    ("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 -2359"),
    ("If-None-Match", '"' * 5_000),
    ("Range", f"bytes={'9' * 5_000}-"),
    ("X-Forwarded-For", "["),
    ("X-Request-ID", "\xff"),
]


@pytest.fixture(scope="module")
def gallery(recognizer, tmp_path_factory) -> Iterator[Gallery]:
    """A gallery with a person for each hostile value, because the routes remove and purge people."""
    url = f"sqlite:///{tmp_path_factory.mktemp('hostile') / 'gallery.sqlite'}"
    gallery = Gallery.open(url, recognizer.network.card.id, None)
    for number in range(len(VALUES)):
        gallery.add(f"Person {number}", recognizer.gallery.snapshot().anchors[number : number + 1], ["a.jpg"])
    yield gallery
    gallery.close()


@pytest.fixture(scope="module")
def app(settings, recognizer, gallery) -> Flask:
    own = settings.with_changes(admin_token=TOKEN)
    return create_app(own, Recognizer(own, recognizer.detector, recognizer.network, gallery))


@pytest.fixture
def client(app) -> FlaskClient:
    """A client with an administrator's session, and an address of its own for the limit of wrong tokens."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = f"10.0.0.{next(ADDRESSES)}"
    client.post("/sign-in", data={"key": TOKEN})
    return client


@pytest.fixture
def photo_without_face(client) -> str:
    """A signed photo without a face, as the review page has it."""
    page = send(client, "/manage/add", {"name": "Bo"}, {"wall.jpg": photos.encode(photos.background(200, 200))})
    return fields(page, "/manage/add")["photo"][0]


def routes(app: Flask, path_value: str) -> list[tuple[str, str]]:
    """Return method and path of every route: reading first, removals last."""
    found = {
        (method, re.sub(r"<(?:\w+:)?\w+>", lambda _: path_value, rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint != "sign_in.sign_out"
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    return sorted(found, key=lambda route: (route[0] != "GET", "/re" in route[1] or "/me" in route[1], route))


@pytest.mark.parametrize("name", VALUES)
def test_hostile_values_are_never_server_errors(app, client, photo_without_face, name):
    whole, number = VALUES[name] or photo_without_face, 1 + list(VALUES).index(name)
    # Only the length of numbers matters, and percent encoding is slow.
    value = whole if whole.isdecimal() else whole[:300]
    sent, failures = value.encode("utf-8", "surrogatepass"), []

    def check(method: str, path: str, **options: object) -> None:
        response = client.open(path, method=method, headers=BEARER, **options)
        if response.status_code >= 500:
            failures.append((method, path[:60], sorted(options)))
        response.close()

    for method, path in routes(app, str(number)):
        check(method, path, query_string=dict.fromkeys(PARAMETERS, sent))
        if method != "GET":
            form = dict.fromkeys(FIELDS, sent) | {"photo": whole.encode("utf-8", "replace")}
            check(method, path, data=form, content_type="multipart/form-data")
            check(method, path, data={"image": (io.BytesIO(sent), "a.jpg"), "name": "Bo"})
            check(method, path, json=dict.fromkeys(("name", "into", "image", "a", "b"), value))
            check(method, path, data=whole.encode("utf-8", "surrogatepass"), content_type="application/json")
    for method, path in routes(app, re.sub(r"[\r\n\0?\ud800]", "x", value)):
        check(method, path)
    assert failures == []


@pytest.mark.parametrize(("name", "value"), HEADERS)
@pytest.mark.parametrize("path", ["/identify", "/api/v1/identify", "/sign-in", "/static/site.css"])
def test_hostile_headers_are_never_server_errors(app, path, name, value):
    for method in ("GET", "POST"):
        environ = {f"HTTP_{name.upper().replace('-', '_')}".replace("HTTP_CONTENT", "CONTENT"): value}
        response = app.test_client().open(path, method=method, environ_overrides=environ)
        assert response.status_code < 500
        response.close()


@pytest.mark.parametrize("filename", ["M\xfcller.jpg".encode("latin-1"), b"\xff\xfe.jpg", "Müller.jpg".encode()])
@pytest.mark.parametrize("path", ["/identify", "/api/v1/identify"])
def test_file_names_in_any_encoding_are_read(client, photo, path, filename):
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="' + filename + b'"\r\n\r\n'
    response = client.post(
        path, data=head + photo(PERSON) + b"\r\n--x--\r\n", content_type="multipart/form-data; boundary=x"
    )
    assert response.status_code == 200
    if path.startswith("/api"):
        expected = {b"M": "Müller.jpg", b"\xff": "ÿþ.jpg"}[filename[:1]]
        assert response.get_json()["file"] == expected


def test_malformed_forms_are_not_reported_as_missing_photos(client):
    for body in (b"--x\r\nno headers\r\n\r\n", b"--x\r\n"):
        response = client.post("/api/v1/identify", data=body, content_type="multipart/form-data; boundary=x")
        assert_problem(response, 400, "bad_request", "The form is malformed.")


@pytest.mark.parametrize("body", ["[" * 100_000, "[" + "{}," * MAX_JSON_VALUES + "{}]", '{"name": "'])
def test_json_of_many_values_is_rejected(client, body):
    for data in (body, json.dumps(body)):
        response = client.patch("/api/v1/people/1", data=data, headers=BEARER, content_type="application/json")
        assert_problem(response, 400, "bad_request", "The body must be a JSON object.")


def test_searches_are_cut_to_the_length_of_the_field(client):
    for path in ("/", "/people"):
        page = client.get(path, query_string={"q": "ann " * 1_900})
        assert "No person matches “" + ("ann " * 25).strip() + "”." in text(page)


@pytest.mark.parametrize("field", ["name", "person", "reject"])
def test_a_photo_without_a_face_is_not_added(client, photo_without_face, field):
    response = client.post("/manage/faces", data={"photo": photo_without_face, field: "Person 3"})
    assert response.status_code == 303
    assert "The face was not added. We couldn&#39;t find a face." in text(client.get("/manage"))
