"""Identification in a browser: drop, select, paste, keyboard, without JavaScript, and narrow pages."""

from __future__ import annotations

import base64
import re

import pytest
from playwright.sync_api import expect

from app.web.pages.identify import NO_FACE
from tests import photos
from tests.browser.conftest import drop, expect_result
from tests.photos import OTHER, PERSON
from tests.slow import slow

INVITATION = "Drag and drop an image here, or click to select"

WATCH = """() => {
    window.steps = [];
    const state = document.querySelector(".state");
    new MutationObserver(() => state.textContent && window.steps.push(state.textContent))
        .observe(state, { childList: true });
}"""

PASTE = """([data, name]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    if (name) transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
    else transfer.setData("text/plain", "https://example.org/photo.jpg");
    window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
}"""


def test_drop_anywhere_in_the_window(page, photo_file):
    page.evaluate(WATCH)
    drop(page, (photo_file.read_bytes(), "photo.jpg"), at=".top")
    expect_result(page)
    table = page.get_by_role("table").first
    expect(table.get_by_role("columnheader")).to_have_text(["Celebrity", "Distance"])
    expect(table.get_by_role("rowheader").first).to_have_text(PERSON)
    expect(page.get_by_alt_text(f"Average face of {PERSON}")).to_be_visible()
    steps = page.evaluate("window.steps")
    assert steps[0] == "Uploading…"
    # Of steps that arrive together, the page shows only the last.
    assert set(steps[1:-1]) <= {"Uploaded. Reading photo…", "Finding faces…"}
    assert re.fullmatch(r"Comparing 1 face with \d+ people…", steps[-1])


def test_click_and_pick(page, photo_file):
    with page.expect_file_chooser() as opened:
        page.get_by_text(INVITATION).click()
    opened.value.set_files(photo_file)
    expect_result(page)


def test_paste(page, photo_file):
    data = base64.b64encode(photo_file.read_bytes()).decode()
    page.evaluate(PASTE, [data, ""])
    expect(page.get_by_role("alert")).to_contain_text("The clipboard has no image.")
    page.evaluate(PASTE, [data, "image.png"])
    expect_result(page)


def test_several_files_have_a_result_each(page, photo_file, photo, tmp_path):
    other, nobody = tmp_path / "other.jpg", tmp_path / "nobody.jpg"
    other.write_bytes(photo(OTHER))
    nobody.write_bytes(photos.encode(photos.background(300, 200)))
    page.get_by_label(INVITATION).set_input_files([photo_file, nobody, other])
    expect_result(page, f"{PERSON} and {OTHER}")
    expect(page.locator(".overview li")).to_have_text(
        [f"{PERSON}photo.jpg", "No face foundnobody.jpg", f"{OTHER}other.jpg"]
    )
    page.get_by_role("link", name="nobody.jpg").click()
    expect(page.locator(".problem:visible")).to_contain_text(NO_FACE)
    expect(page.locator(".card .name")).to_have_text([PERSON, OTHER])


def test_keyboard_alone(page, photo_file):
    with page.expect_file_chooser() as opened:
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "image":
                break
        page.keyboard.press("Enter")
    opened.value.set_files(photo_file)
    expect_result(page)
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "box-1-1":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name=f"Face 1: {PERSON}")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "box-1-1"
    expect(page.locator("#face-1-1")).to_have_class(re.compile("chosen"))


def test_without_javascript(browser, server, photo_file, photo, tmp_path):
    other = tmp_path / "other.jpg"
    other.write_bytes(photo(OTHER))
    with browser.new_context(java_script_enabled=False, base_url=server.address) as context:
        page = context.new_page()
        page.goto("/")
        page.get_by_label(INVITATION).set_input_files([photo_file, other])
        page.get_by_role("button", name="Find faces").click()
        expect_result(page, f"{PERSON} and {OTHER}")
        page.get_by_role("link", name="other.jpg").click()
        page.locator("#box-2-1").click()
        expect(page.locator(".card:target .name")).to_have_text(OTHER)
        page.get_by_text("Details").last.click()
        with page.expect_popup() as opened:
            page.get_by_role("button", name="Distances to everyone").click()
        expect(opened.value.get_by_role("table", name="Closest people")).to_be_visible()
        page.goto("/compare")
        page.locator("#a").set_input_files(photo_file)
        page.locator("#b").set_input_files(other)
        page.get_by_role("button", name="Compare faces").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Different people")
        page.goto("/")
        page.get_by_role("searchbox").fill(PERSON)
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_text(PERSON, exact=True)).to_be_visible()


def test_back_leads_to_the_upload_page(page, photo_file):
    page.get_by_label(INVITATION).set_input_files(photo_file)
    expect_result(page)
    page.go_back()
    expect(page.get_by_text(INVITATION)).to_be_visible()
    expect(page.locator(".cards")).to_have_count(0)


def test_two_tabs_do_not_disturb_each_other(page, photo_file, photo):
    second = page.context.new_page()
    second.goto("/")
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    drop(second, (photo(OTHER), "other.jpg"))
    expect_result(second, f"This looks like {OTHER}")
    expect_result(page)


def test_search_as_one_types(page):
    tiles = page.locator("#people li")
    shown = tiles.count()
    page.get_by_role("searchbox").fill(PERSON.upper())
    expect(page.locator("#count")).to_contain_text(re.compile(r"^\s*1 of \d+ people"))
    expect(tiles.first).to_have_text(PERSON)
    page.get_by_role("searchbox").fill("beyonse")
    expect(page.locator("#count")).to_have_text("No person matches “beyonse”. Did you mean Beyoncé?")
    expect(page.locator("#count").get_by_role("link", name="Beyoncé")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    expect(tiles).to_have_count(shown)


@slow
@pytest.mark.parametrize("width", [320, 390, 1280, 2560])
def test_no_sideways_scrolling(page, photo_file, width):
    page.set_viewport_size({"width": width, "height": 900})
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for link in page.locator("nav a, .bottom a[href*=privacy]").evaluate_all("all => all.map((link) => link.href)"):
        page.goto(link)
        assert page.evaluate(overflow) == 0, link
    page.goto("/")
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    expect_result(page)
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    assert page.evaluate(overflow) == 0
