"""The API around the shipped recognizer."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests import photos
from tests.conftest import TOKEN
from tests.photos import PERSON

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def post(client) -> Callable[..., TestResponse]:
    """Sends files: `post("identify", ("image", "me.jpg", data), ...)`."""
    return lambda route, *files: send(client, route, *files)


@pytest.fixture(scope="session")
def one(photo) -> bytes:
    return photo(PERSON)


@pytest.fixture(scope="session")
def nobody() -> bytes:
    return photos.encode(photos.background(400, 300))


def send(client: FlaskClient, route: str, *files: tuple[str, str, bytes]) -> TestResponse:
    fields: dict[str, list] = {}
    for field, name, data in files:
        fields.setdefault(field, []).append((io.BytesIO(data), name))
    return client.post(f"/api/v1/{route}", data=fields, content_type="multipart/form-data")


def assert_problem(response: TestResponse, status: int, code: str, detail: str) -> None:
    """It is a problem of RFC 9457 with this code, and `detail` begins as given."""
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    problem = response.get_json()
    assert list(problem) == ["type", "title", "status", "detail", "code", "request_id"]
    assert problem["request_id"] == response.headers["X-Request-ID"]
    assert (problem["type"], problem["status"], problem["code"]) == ("about:blank", status, code)
    assert problem["detail"].startswith(detail)
    assert response.headers["Cache-Control"] == "no-store"
