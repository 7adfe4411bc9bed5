"""A real server and a real browser (Debian's chromium)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.photos import PERSON
from tests.server import Server, serving

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        said = server.line(180)
        assert said.startswith("Ready"), said
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        # Where it counts, a missing browser must not look like a passing test.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no browser found: install {CHROMIUM[0]}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, server) -> Iterator[Page]:
    """The upload page in a fresh browser profile. Afterwards: no error in the console, no other host asked."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=server.address)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: message.type == "error" and complaints.append(message.text))
    page.on("request", lambda request: _is_foreign(request.url, server) and complaints.append(request.url))
    page.goto("/")
    yield page
    context.close()
    assert complaints == []


@pytest.fixture
def photo_file(tmp_path, photo) -> Path:
    """A photo of PERSON, as a file."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo(PERSON))
    return file


def _is_foreign(url: str, server: Server) -> bool:
    return not url.startswith((server.address, "data:", "blob:"))
