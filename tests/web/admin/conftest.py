"""An administrator's session and a small gallery."""

import pytest
from flask.testing import FlaskClient

from app.gallery.store import Gallery
from app.recognition.recognizer import Recognizer
from app.web.factory import create_app
from tests.conftest import TOKEN


@pytest.fixture
def gallery(small_gallery) -> Gallery:
    return small_gallery


@pytest.fixture
def keep_crops() -> bool:
    return False


@pytest.fixture
def client(settings, recognizer, gallery, keep_crops) -> FlaskClient:
    """A client with an administrator's session."""
    own = settings.with_changes(admin_token=TOKEN, keep_crops=keep_crops)
    client = create_app(own, Recognizer(own, recognizer.detector, recognizer.network, gallery)).test_client()
    client.post("/sign-in", data={"key": TOKEN})
    return client
