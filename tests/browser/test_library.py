"""The pages of a library in a browser, with and without JavaScript."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import drop
from tests.browser.states import sign_in
from tests.browser.test_admin import OVERFLOW
from tests.photos import OTHER, PERSON

NAME = "Name (new or known)"


@pytest.fixture
def library_page(page) -> Page:
    """The people of the library, signed in."""
    sign_in(page)
    page.get_by_role("link", name="Library").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Library")
    return page


def forget(page: Page, number: int) -> None:
    """Take back all decisions about the faces of a photo."""
    page.goto(f"/library/photos/{number}")
    for button in ("Forget decision", "Remove face"):
        while page.get_by_role("button", name=button).count():
            page.get_by_role("button", name=button).first.click()
            expect(page.get_by_role("status")).to_contain_text("forgotten")
    page.goto("/library")
    page.get_by_role("button", name="Name all faces again").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("changed", timeout=60_000)


def test_faces_of_a_person_are_selected_and_named(library_page):
    page = library_page
    page.get_by_role("link", name=PERSON).click()
    expect(page.get_by_role("heading", level=2)).to_have_text(["May 2021", "July 2019", "No date"])
    page.wait_for_load_state("networkidle")
    boxes = page.locator("[name=face]")
    boxes.nth(0).check()
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.locator(".selected")).to_have_text("3 selected")
    page.get_by_text("Someone else").click()
    page.get_by_label(NAME).fill("camil")
    expect(page.locator(".choices button")).to_have_text([OTHER, "New person “camil”"])
    # Enter sends the typed name, not the first button of the page.
    page.get_by_label(NAME).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Who is “camil”?")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(PERSON)
    page.get_by_role("checkbox", name="Select all on this page").check()
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("status")).to_contain_text(f"4 faces confirmed as {PERSON}.")
    page.get_by_label("Not confirmed yet").check()
    page.get_by_role("button", name="Filter photos").click()
    expect(page.get_by_text("No photo matches the filter.")).to_be_visible()


def test_a_missed_face_is_drawn_by_pointer_and_by_numbers(library_page):
    page = library_page
    page.goto("/library/photos/3", wait_until="networkidle")
    page.get_by_text("Add a missed face").click()
    frame = page.locator(".canvas").bounding_box()
    page.mouse.move(frame["x"] + frame["width"] / 3, frame["y"] + frame["height"] / 7)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] / 9, frame["y"] + frame["height"] / 70, steps=3)
    page.mouse.up()
    sides = [float(page.get_by_label(side).input_value()) for side in ("Left", "Top", "Width", "Height")]
    assert sides == pytest.approx([100, 10, 200, 90], abs=2)
    expect(page.locator("#name-drawn")).to_be_focused()
    page.get_by_label("Left").fill("450")
    assert page.locator(".drawn").get_attribute("x") == "50%"
    page.locator("#name-drawn").fill(OTHER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"Face of {OTHER} added.")
    expect(page.get_by_text("Added by hand")).to_be_visible()
    # The message stays in view although the page scrolls to the face.
    expect(page.get_by_role("status")).to_be_in_viewport()
    forget(page, 3)
    page.goto("/library/photos/3")
    expect(page.get_by_text("Added by hand")).to_have_count(0)


def test_a_dropped_photo_finds_faces_like_its_own(library_page, photo):
    page = library_page
    page.goto("/library/photos", wait_until="networkidle")
    drop(page, (photo(OTHER), "photo.jpg"))
    expect(page.get_by_role("heading", level=1)).to_have_text("2 similar faces", timeout=60_000)
    page.get_by_role("checkbox", name="Select all on this page").check()
    expect(page.locator("[name=face]:checked")).to_have_count(2)
    drop(page, (b"not a picture", "photo.jpg"))
    expect(page.get_by_role("alert").filter(has_text="could not be read as a picture")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("2 similar faces")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Photos")


def test_everything_works_without_scripts(browser, server):
    with browser.new_context(java_script_enabled=False, base_url=server.address) as context:
        page = context.new_page()
        sign_in(page)
        page.goto("/library/photos/2")
        card = page.locator(".face-cards > li").first
        card.get_by_text("Someone else").click()
        card.get_by_label(NAME).fill("camil")
        card.get_by_role("button", name="Name face").click()
        page.get_by_role("button", name=OTHER).click()
        expect(page.get_by_role("status")).to_contain_text(f"1 face confirmed as {OTHER}.")
        forget(page, 2)


@pytest.mark.parametrize("address", ["/library", "/library/photos/2", "/library/people/6", "/library/unreadable"])
def test_no_sideways_scrolling_and_no_layout_shift(library_page, address):
    page = library_page
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto(address)
    page.wait_for_load_state("networkidle")
    assert page.evaluate(OVERFLOW) == 0
    shifts = "new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().length))"
    shift = page.evaluate(
        f"{shifts}.observe({{ type: 'layout-shift', buffered: true }}) || setTimeout(() => done(0), 200))"
    )
    assert shift == 0
