"""The app around the shipped recognizer, and what every page has to hold to."""

from __future__ import annotations

import copy
import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.factory import create_app
from app.quality import QualityFloor
from app.recognizer import Recognizer
from app.verdict import Rules

PERSON = "Drake"
"""Who is in the photos."""


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
    return client.post("/identify", data={"image": (io.BytesIO(data), name)})


def text(page: TestResponse) -> str:
    """What a visitor reads, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.text))


def heading(page: TestResponse) -> str:
    return re.search(r"<h1>(.*?)</h1>", page.text, re.S)[1].strip()


def alert(page: TestResponse) -> str:
    """The sentence that says what is wrong."""
    return re.search(r'role="alert">(.*?)</p>', page.text, re.S)[1].strip()
