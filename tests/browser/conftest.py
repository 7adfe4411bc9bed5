"""A real server and a real browser (Debian's chromium)."""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.archives import library_settings
from tests.photos import PERSON
from tests.server import Server, serving

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

FORMS = ("/identify", "/compare", "/sign-in", "/manage/add", "/library/search", "/library/review")
"""Addresses that photos are sent to."""

DROP = """(target, [files, type, padding]) => {
    const transfer = new DataTransfer();
    for (const [data, name] of files) {
        const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
        transfer.items.add(new File([bytes, new Uint8Array(padding)], name, { type }));
    }
    for (const kind of ["dragenter", "dragover", "drop"]) {
        target.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
}"""

ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[Server]:
    # Without log lines: a full pipe would block the server.
    with serving(tmp_path_factory.mktemp("server"), **library_settings(tmp_path_factory.mktemp("library"))) as server:
        said = server.line(180)
        assert said.startswith("Ready"), said
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        # In CI a missing browser is a failure.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no browser found: install {CHROMIUM[0]}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, server) -> Iterator[Page]:
    """The upload page in a fresh browser profile. Afterwards: no error in the console, no request to another host."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=server.address)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: _is_error(message) and errors.append(message.text))
    page.on("request", lambda request: _is_foreign(request.url, server) and errors.append(request.url))
    page.goto("/")
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def photo_file(tmp_path, photo) -> Path:
    """A photo of PERSON, as a file."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo(PERSON))
    return file


def drop(page: Page, *files: tuple[bytes, str], kind: str = "image/jpeg", padding: int = 0, at: str = "main") -> None:
    """Drop files on an element of the page, each made larger by `padding` zeros."""
    data = [[base64.b64encode(data).decode(), name] for data, name in files]
    page.locator(at).first.evaluate(DROP, [data, kind, padding])


def expect_result(page: Page, headline: str = f"This looks like {PERSON}") -> None:
    """Wait for a results page with this headline."""
    page.wait_for_url("**/identify", timeout=60_000)
    expect(page.get_by_role("heading", level=1)).to_have_text(headline, timeout=60_000)
    expect(page).to_have_title(re.compile(f"^{re.escape(headline)} "))


def _is_foreign(url: str, server: Server) -> bool:
    return not url.startswith((server.address, "data:", "blob:"))


def _is_error(message: ConsoleMessage) -> bool:
    """Whether the console shows a bug. A rejected photo is none."""
    rejected = message.text.startswith("Failed to load resource") and message.location["url"].endswith(FORMS)
    return message.type == "error" and not rejected
