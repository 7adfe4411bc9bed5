"""Pages for administrators in a browser, with and without JavaScript."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from tests import photos
from tests.browser.conftest import drop, expect_result
from tests.browser.test_accessibility import expect_no_violation
from tests.conftest import TOKEN
from tests.photos import OTHER, PERSON
from tests.slow import slow

NAME = "Bo Berg"

HEADERS = {"Authorization": f"Bearer {TOKEN}"}

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def expect_accessible(page: Page) -> None:
    """Expect no sideways scrolling on the smallest phone, and no finding of axe."""
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate(OVERFLOW) == 0, page.url
    page.set_viewport_size({"width": 1280, "height": 900})
    expect_no_violation(page)


def sign_in(page: Page) -> None:
    page.goto("/manage")
    page.get_by_label("Key", exact=True).fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Gallery management")


@pytest.fixture
def admin_page(page) -> Page:
    """The gallery management page, signed in."""
    sign_in(page)
    return page


def purge(page: Page) -> None:
    """Purge the person whose page for administrators is open."""
    page.get_by_text("Permanent removal").click()
    page.get_by_label("Erase name").check()
    page.get_by_role("button", name="Purge").click()
    expect(page.get_by_role("status")).to_contain_text(f"{NAME} was erased. Searched ")
    expect(page.get_by_role("status")).to_contain_text("Nothing remains.")


@slow
def test_sign_in_by_keyboard(page):
    page.get_by_role("contentinfo").get_by_role("link", name="Manage").click()
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    expect_accessible(page)
    page.get_by_label("Key", exact=True).focus()
    page.keyboard.type("wrong")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The key is unknown.")
    page.get_by_label("Key", exact=True).focus()
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Gallery management")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Who is in your photo?")).to_be_visible()
    page.goto("/manage")
    expect(page.get_by_label("Key", exact=True)).to_be_visible()


def test_a_person_is_added_and_the_change_undone(admin_page, photo):
    page = admin_page
    expect_accessible(page)
    page.get_by_role("link", name="Add person").click()
    expect(page.get_by_label("Name")).to_be_visible()
    expect_accessible(page)
    page.get_by_label("Name").fill(NAME)
    one, two = photo(PERSON), photo(PERSON, OTHER)
    drop(page, (one, "one.jpg"), (two, "two.jpg"), (b"none", "none.jpg"), *[(one, f"same-{n}.jpg") for n in range(7)])
    expect(page.locator(".reviewed-photo")).to_have_count(10, timeout=60_000)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"0 of 10 photos of {NAME} ready to add")
    expect(page.locator(".reviewed-photo").first).to_contain_text(f"looks like {PERSON}, who is already in the gallery")
    expect_accessible(page)

    page.locator(".reviewed-photo").first.get_by_role("checkbox").focus()
    page.keyboard.press("Space")
    page.locator(".pick").nth(1).click()
    page.get_by_role("button", name="Add selected photos").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved yet")
    expect(page.locator(".reviewed-photo").nth(1)).to_contain_text(f"looks like {OTHER}")
    page.get_by_role("button", name="Add selected photos").click()
    expect(page.get_by_role("alert")).to_contain_text(f"1 photo of {NAME} enrolled. Recognition cannot be checked")
    expect_accessible(page)

    page.goto("/manage")
    page.get_by_role("button", name="Undo change").click()
    expect(page.get_by_role("status")).to_have_text(re.compile(f"Undone: added 1 anchor of {NAME}"))


@slow
def test_a_result_is_corrected(admin_page, photo_file):
    page = admin_page
    page.goto("/")
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    expect_result(page)
    page.get_by_text("Correct this result").click()
    expect_accessible(page)
    page.get_by_role("button", name=f"Reject {PERSON}").click()
    expect(page.get_by_role("status")).to_contain_text(f"The face is marked as not {PERSON}")
    expect(page.locator(".card .name")).to_have_text(f"Not {PERSON}")
    page.goto("/")
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    page.wait_for_url("**/identify", timeout=60_000)
    page.get_by_text("Details").first.click()
    expect(page.get_by_text(f"A similar face was marked as not {PERSON}")).to_be_visible()
    page.get_by_text("Who is this?").click()
    page.get_by_label("Name (new or in the gallery)").fill(OTHER)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Not saved yet.")
    expect(page.get_by_role("button", name="Add face anyway")).to_be_visible()
    expect_accessible(page)
    page.goto("/manage/rejected")
    expect_accessible(page)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Remove selected").click()
    expect(page.get_by_role("status")).to_have_text("1 rejected face removed.")


def test_unknown_faces_are_named_together(admin_page):
    page = admin_page
    page.goto("/")
    same = [photos.encode(photos.paste(photos.impostor()), quality=quality) for quality in (90, 60)]
    drop(page, (same[0], "one.jpg"), (same[1], "two.jpg"))
    expect_result(page, "2 unknown people")
    first, second = page.locator(".card").all()
    first.get_by_text("Who is this?").click()
    name = first.get_by_label("Name (new or in the gallery)")
    name.press_sequentially("adam sandlr")
    expect(first.locator(".choices button")).to_have_text([f"Add to {PERSON}", "New person “adam sandlr”"])
    name.press("Enter")
    expect(first.get_by_role("status")).to_contain_text("No person in the gallery is called “adam sandlr”.")
    expect(first.get_by_role("button", name=f"Add to {PERSON}").last).to_be_focused()
    first.get_by_role("button", name="Select 1 other face like this one").click()
    expect(second.get_by_role("checkbox", name="Select face 1 in photo 2")).to_be_checked()
    expect(first.locator(".together")).to_have_css("display", "flex")
    expect(first.locator(".together img")).to_have_count(1)
    expect_accessible(page)

    name.fill(NAME)
    first.get_by_role("button", name=f"New person “{NAME}”").click()
    expect(first.get_by_role("status")).to_have_text("Not saved yet. Check the faces that are not selected.")
    expect_accessible(page)
    first.get_by_role("checkbox", name="two.jpg").check()
    first.get_by_role("button", name=f"Add selected faces to {NAME}").click()
    expect(first.get_by_role("status")).to_contain_text(f"2 faces added to {NAME}.")
    for _ in range(2):
        expect(page.locator(".cards .name, .overview strong")).to_have_text([NAME] * 4)
        expect(page.locator("#box-2-1")).to_have_attribute("aria-label", f"Face 1: {NAME}")
        page.reload()
    page.goto("/manage")
    page.get_by_role("button", name="Undo change").click()
    expect(page.get_by_role("status")).to_have_text(re.compile(f"Undone: added 2 anchors of {NAME}"))


@slow
def test_copies_are_found_and_removed_together_and_a_merge_is_previewed(admin_page, server, photo):
    page = admin_page
    files = [("image", (f"{number}.jpg", photo(PERSON))) for number in range(3)]
    params = {"name": NAME, "allow": ["duplicate", "look_alike"]}
    added = requests.post(f"{server.address}/api/v1/people", params=params, files=files, headers=HEADERS, timeout=60)
    assert added.json()["enrolled"] == 3
    page.get_by_role("link", name="Check gallery").click()
    page.get_by_role("button", name="Check gallery").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("indings? about your people"), timeout=60_000)
    expect(page.get_by_text("faces of unknown people")).to_be_visible()
    expect_accessible(page)
    group = page.get_by_role("region", name="Duplicate reference photos").first
    boxes = group.locator("li [name=anchor]")
    group.get_by_label("Select all 2 reference photos").check()
    expect(boxes.and_(page.locator(":checked"))).to_have_count(2)
    boxes.first.uncheck()
    expect(group.get_by_label("Select all")).not_to_be_checked()
    group.get_by_label("Select all").check()
    page.get_by_role("button", name="Remove selected").click()
    expect(page.get_by_role("status")).to_contain_text(f"2 reference photos of {NAME} removed.")
    page.goto("/manage")
    page.get_by_role("button", name="Undo change").click()
    expect(page.get_by_role("status")).to_have_text(f"Undone: removed 2 anchors of {NAME}.")
    page.goto(f"/manage/people/{added.json()['id']}")
    expect_accessible(page)
    page.get_by_label("Merge into").fill(PERSON.lower())
    page.get_by_role("button", name="Compare and merge").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Merge {NAME} into {PERSON}?")
    expect(page.get_by_text("They look like the same person.")).to_be_visible()
    expect_accessible(page)
    page.get_by_role("link", name="Cancel").click()
    purge(page)


@slow
def test_a_person_is_added_without_javascript(browser, server, photo, tmp_path):
    files = [tmp_path / "one.jpg", tmp_path / "two.jpg"]
    files[0].write_bytes(photo(PERSON))
    files[1].write_bytes(photo(PERSON, OTHER))
    with browser.new_context(java_script_enabled=False, base_url=server.address) as context:
        page = context.new_page()
        sign_in(page)
        page.get_by_role("link", name="Add person").click()
        page.get_by_label("Name").fill(NAME)
        page.locator("#photos").set_input_files(files[0])
        page.get_by_role("button", name="Review photos").click()
        page.get_by_text("More photos of").click()
        page.locator("#photos").set_input_files(files[1])
        page.get_by_role("button", name="Review more photos").click()
        expect(page.locator(".reviewed-photo")).to_have_count(2)
        page.locator(".reviewed-photo").first.get_by_role("checkbox").check()
        page.get_by_role("button", name="Add selected photos").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
        page.get_by_label("New name").fill(f"{NAME}er")
        page.get_by_role("button", name="Rename person").click()
        expect(page.get_by_role("status")).to_have_text(f"Renamed to {NAME}er.")
        page.get_by_label("New name").fill(NAME)
        page.get_by_role("button", name="Rename person").click()
        purge(page)
