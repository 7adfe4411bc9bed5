"""A photo's way in and a name's way out, in a real browser."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.sync_api import Page, expect

from tests.photos import PERSON

INVITATION = "Drag and drop an image here, or click to select"

DROP = """(box, [data, name, padding]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes, new Uint8Array(padding)], name, { type: "image/jpeg" }));
    for (const kind of ["dragenter", "dragover", "drop"]) {
        box.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
}"""

HOLD = "HTMLFormElement.prototype.submit = () => {}"
"""Keeps the page in its waiting state."""


def drop(page: Page, data: bytes, name: str = "photo.jpg", padding: int = 0) -> None:
    page.locator(".dropbox").evaluate(DROP, [base64.b64encode(data).decode(), name, padding])


def expect_result(page: Page) -> None:
    page.wait_for_url("**/identify", timeout=60_000)
    expect(page).to_have_title(re.compile(f"^This looks like {PERSON} "))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"This looks like {PERSON}")
    table = page.get_by_role("table").first
    expect(table.get_by_role("columnheader")).to_have_text(["Celebrity", "Distance"])
    expect(table.get_by_role("rowheader").first).to_have_text(PERSON)
    expect(page.get_by_alt_text(f"Average face of {PERSON}")).to_be_visible()


def test_drop(page, photo_file):
    drop(page, photo_file.read_bytes())
    expect_result(page)


def test_click_and_pick(page, photo_file):
    with page.expect_file_chooser() as opened:
        page.get_by_text(INVITATION).click()
    opened.value.set_files(photo_file)
    expect_result(page)


def test_keyboard_alone_opens_the_file_chooser(page, photo_file):
    with page.expect_file_chooser() as opened:
        # Playwright takes choosers over without waiting for that; pressing at once would come too early.
        page.get_by_label(INVITATION).focus()
        page.keyboard.press("Enter")
    opened.value.set_files(photo_file)
    expect_result(page)


def test_without_javascript(browser, server, photo_file):
    with browser.new_context(java_script_enabled=False, base_url=server.address) as context:
        page = context.new_page()
        page.goto("/")
        page.get_by_label(INVITATION).set_input_files(photo_file)
        page.get_by_role("button", name="Find faces").click()
        expect_result(page)
        page.goto("/")
        page.get_by_role("searchbox").fill(PERSON)
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_text(PERSON, exact=True)).to_be_visible()


def test_the_picture_is_shown_while_faces_are_sought(page, photo_file):
    page.evaluate(HOLD)
    drop(page, photo_file.read_bytes())
    expect(page.get_by_alt_text("The photo you chose")).to_be_visible()
    expect(page.locator("#state")).to_have_text("Finding faces…")
    expect(page.locator(".spinner")).to_be_visible()
    expect(page.get_by_text(INVITATION)).to_be_hidden()


def test_a_picture_that_the_browser_cannot_draw_is_shown_by_name(page):
    page.evaluate(HOLD)
    drop(page, b"not drawable", "IMG_0042.HEIC")
    expect(page.get_by_text("IMG_0042.HEIC")).to_be_visible()
    expect(page.get_by_alt_text("The photo you chose")).to_be_hidden()


def test_too_large_is_said_before_anything_is_sent(page, photo_file):
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    drop(page, photo_file.read_bytes(), padding=20_000_000)
    expect(page.get_by_role("alert")).to_have_text("“photo.jpg” is too large: 20 MB are the most that can be sent.")
    expect(page.get_by_text(INVITATION)).to_be_visible()
    assert "POST" not in sent


def test_back_leads_to_a_page_that_takes_the_next_photo(page, photo_file):
    drop(page, photo_file.read_bytes())
    page.wait_for_url("**/identify", timeout=60_000)
    page.go_back()
    expect(page.get_by_text(INVITATION)).to_be_visible()
    drop(page, photo_file.read_bytes())
    expect_result(page)


def test_search_as_one_types(page):
    tiles = page.locator("#people li")
    everyone = tiles.count()
    page.get_by_role("searchbox").fill(PERSON.upper())
    expect(page.locator("#people")).to_contain_text(f"of {everyone} people")
    expect(tiles.first).to_have_text(PERSON)
    page.get_by_role("searchbox").fill("")
    expect(tiles).to_have_count(everyone)


@pytest.mark.parametrize("width", [320, 390, 1280, 2560])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_sideways_scrolling(page, photo_file, width, scheme):
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) == 0
    if scheme == "light":
        drop(page, photo_file.read_bytes())
        expect_result(page)
        assert page.evaluate(overflow) == 0
