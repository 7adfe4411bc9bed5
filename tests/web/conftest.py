"""The app around the shipped recognizer, and what every page has to hold to."""

from __future__ import annotations

import copy
import html
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, stream_encode_multipart

from app.recognition.decision import Rules
from app.recognition.recognizer import Recognizer
from app.vision.quality import QualityFloor
from app.web.factory import create_app
from tests.photos import PERSON


@pytest.fixture
def app(settings, recognizer) -> Flask:
    return create_app(settings, recognizer)


@pytest.fixture
def client(app) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def strict(settings, recognizer) -> Callable[..., FlaskClient]:
    """Makes a client of an app whose card decides otherwise: `strict(margin=2.0)`."""

    def make(quality: QualityFloor | None = None, **rules) -> FlaskClient:
        network = copy.copy(recognizer.network)
        changed: Rules = replace(network.card.rules, **rules)
        network.card = replace(network.card, rules=changed, quality=quality or network.card.quality)
        return create_app(
            settings, Recognizer(settings, recognizer.detector, network, recognizer.gallery)
        ).test_client()

    return make


@pytest.fixture(scope="session")
def portrait_photo(photo) -> bytes:
    return photo(PERSON)


def send(client: FlaskClient, data: bytes, name: str = "photo.jpg") -> TestResponse:
    # The test client itself would put large uploads into a temporary file.
    file = FileStorage(io.BytesIO(data), name)
    stream, length, boundary = stream_encode_multipart({"image": file}, use_tempfile=False)
    kind = f"multipart/form-data; boundary={boundary}"
    return client.post("/identify", input_stream=stream, content_length=length, content_type=kind)


def text(page: TestResponse) -> str:
    """What a visitor reads, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.text))


def heading(page: TestResponse) -> str:
    return html.unescape(re.search(r"<h1[^>]*>(.*?)</h1>", page.text, re.S)[1].strip())


def alert(page: TestResponse) -> str:
    """The sentence that says what is wrong."""
    return html.unescape(re.search(r'role="alert">(.*?)</p>', page.text, re.S)[1].strip())
