"""An administrator's way through the pages, with and without JavaScript."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import drop, expect_result
from tests.browser.test_accessibility import expect_no_violation
from tests.conftest import TOKEN
from tests.photos import OTHER, PERSON

NAME = "Bo Berg"

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def look_well(page: Page) -> None:
    """No page scrolls sideways on the smallest phone, and axe finds nothing."""
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate(OVERFLOW) == 0, page.url
    page.set_viewport_size({"width": 1280, "height": 900})
    expect_no_violation(page)


def sign_in(page: Page) -> None:
    page.goto("/manage")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Manage the gallery")


@pytest.fixture
def desk(page) -> Page:
    """The desk of somebody who has signed in."""
    sign_in(page)
    return page


def erase(page: Page) -> None:
    """From a person's page for administrators."""
    page.get_by_text("Erase at once").click()
    page.get_by_label("for good", exact=False).last.check()
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("status")).to_have_text(f"{NAME} was erased.")


def test_a_wrong_token_is_told_and_the_right_one_works_by_keyboard(page):
    page.get_by_role("contentinfo").get_by_role("link", name="Manage").click()
    look_well(page)
    page.get_by_label("Token").focus()
    page.keyboard.type("wrong")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That is not the token.")
    page.get_by_label("Token").focus()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Manage the gallery")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Who is in your photo?")).to_be_visible()
    page.goto("/manage")
    expect(page.get_by_label("Token")).to_be_visible()


def test_adding_a_person_from_the_first_drop_to_the_last_undo(desk, photo):
    page = desk
    look_well(page)
    page.get_by_role("link", name="Add a person").click()
    look_well(page)
    page.get_by_label("Name").fill(NAME)
    one, two = photo(PERSON), photo(PERSON, OTHER)
    drop(page, (one, "one.jpg"), (two, "two.jpg"), (b"none", "none.jpg"), *[(one, f"same-{n}.jpg") for n in range(7)])
    expect(page.locator(".line")).to_have_count(10, timeout=60_000)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"0 of 10 photos of {NAME} can be learnt")
    expect(page.locator(".line").first).to_contain_text(f"It looks like {PERSON}, who is in the gallery")
    look_well(page)

    page.locator(".line").first.get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    page.locator(".pick").nth(1).click()
    page.get_by_role("button", name="Add what is chosen").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing has entered yet")
    expect(page.locator(".line").nth(1)).to_contain_text(f"It looks like {OTHER}")
    page.get_by_role("button", name="Add what is chosen").click()
    expect(page.get_by_role("alert")).to_contain_text(f"1 photo of {NAME} enrolled. With a single photo, recognition")
    look_well(page)

    page.goto("/manage")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_have_text(re.compile(f"Taken back: added 1 anchor of {NAME}"))


def test_a_wrong_result_is_put_right_in_two_clicks(desk, photo_file):
    page = desk
    page.goto("/")
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    expect_result(page)
    page.get_by_text("This is wrong").click()
    look_well(page)
    page.get_by_role("button", name=f"Not {PERSON}").click()
    expect(page.get_by_role("status")).to_contain_text(f"The face is marked as not {PERSON}")
    page.goto("/")
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    page.wait_for_url("**/identify", timeout=60_000)
    expect(page.get_by_text(f"A face like this one was marked as not {PERSON}")).to_be_visible()
    page.get_by_text("This is wrong").click()
    page.get_by_label("Who it really is").fill(OTHER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Add it to {OTHER}?")
    look_well(page)
    page.goto("/manage/rejected")
    look_well(page)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Take the ticked back").click()
    expect(page.get_by_role("status")).to_have_text("1 face taken back.")


def test_the_gallery_is_checked(desk):
    page = desk
    page.get_by_role("link", name="Check the gallery").click()
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("indings? about your people"), timeout=60_000)
    expect(page.get_by_text("faces of strangers")).to_be_visible()
    look_well(page)


def test_all_of_it_without_javascript(browser, server, photo, tmp_path):
    files = [tmp_path / "one.jpg", tmp_path / "two.jpg"]
    files[0].write_bytes(photo(PERSON))
    files[1].write_bytes(photo(PERSON, OTHER))
    with browser.new_context(java_script_enabled=False, base_url=server.address) as context:
        page = context.new_page()
        sign_in(page)
        page.get_by_role("link", name="Add a person").click()
        page.get_by_label("Name").fill(NAME)
        page.locator("#photos").set_input_files(files[0])
        page.get_by_role("button", name="Look at the photos").click()
        page.get_by_text("Look at more photos").click()
        page.locator("#photos").set_input_files(files[1])
        page.get_by_role("button", name="Look at these too").click()
        expect(page.locator(".line")).to_have_count(2)
        page.locator(".line").first.get_by_role("checkbox").check()
        page.get_by_role("button", name="Add what is chosen").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
        page.get_by_label("Rename to").fill(f"{NAME}er")
        page.get_by_role("button", name="Rename").click()
        expect(page.get_by_role("status")).to_have_text(f"The name is {NAME}er now.")
        page.get_by_label("Rename to").fill(NAME)
        page.get_by_role("button", name="Rename").click()
        erase(page)
