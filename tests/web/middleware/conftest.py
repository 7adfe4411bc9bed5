"""The app around the shipped recognizer, with settings of the test's own."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, stream_encode_multipart

from app.web.factory import create_app
from tests import photos

UPLOAD_PATHS = ("/identify", "/api/v1/identify")
"""Where photos are sent: the page and the API."""


@pytest.fixture
def serve(settings, recognizer) -> Callable[..., Flask]:
    """Makes an app: `serve(queue=0)`."""
    return lambda **changes: create_app(settings.with_changes(**changes), recognizer)


@pytest.fixture(scope="session")
def portrait(photo) -> bytes:
    return photo(photos.PERSON)


def post(app: Flask, data: bytes, path: str = UPLOAD_PATHS[0], name: str = "photo.jpg", **options) -> TestResponse:
    """Send a photo; nothing of it becomes a temporary file on this side either."""
    file = FileStorage(io.BytesIO(data), name)
    stream, length, boundary = stream_encode_multipart({"image": file}, use_tempfile=False)
    kind = f"multipart/form-data; boundary={boundary}"
    return app.test_client().post(path, input_stream=stream, content_length=length, content_type=kind, **options)
