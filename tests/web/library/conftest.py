"""The pages of a small library, and an administrator who is signed in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.library.store import Library
from app.web.factory import create_app
from tests.archives import make_library
from tests.conftest import TOKEN


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder with a library and its archive. Tests change copies of the library only."""
    folder = tmp_path_factory.mktemp("library")
    make_library(folder / "library", folder / "archive")
    return folder


@pytest.fixture
def archive(made) -> Path:
    return made / "archive"


@pytest.fixture
def folder(made, tmp_path) -> Path:
    return Path(shutil.copytree(made / "library", tmp_path / "library"))


@pytest.fixture
def app(settings, recognizer, folder) -> Flask:
    return create_app(settings.with_changes(admin_token=TOKEN, library=folder), recognizer)


@pytest.fixture
def client(app) -> FlaskClient:
    client = app.test_client()
    client.post("/sign-in", data={"key": TOKEN})
    return client


@pytest.fixture
def library(folder) -> Iterator[Library]:
    with Library.open(folder) as library:
        yield library


def ids(library: Library, query: str) -> list[int]:
    """Return the first column of a query."""
    return [row[0] for row in library.connection.execute(query)]
