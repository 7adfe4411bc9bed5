"""People, profile, model and API pages in a browser."""

import re
import subprocess
import sys

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import expect

from tests.photos import PERSON, portraits
from tests.slow import slow

IDENTIFY, LIST_PEOPLE = "POST /api/v1/identify Identify", "GET /api/v1/people List"
"""Buttons that open these operations of the API page."""

NODE = [compute_driver_executable()[0], "--input-type=module"]
"""Playwright's own Node.js."""

PAGES = ("/people/7", "/api/docs")
"""Pages that the tests of the navigation do not open in this state."""


def settled(page, path: str) -> None:
    """Open a page. On the API page, open an operation with files and one with parameters."""
    page.goto(path)
    page.wait_for_load_state("networkidle")
    if path == "/api/docs":
        page.get_by_role("button", name=IDENTIFY).click()
        page.get_by_role("button", name=LIST_PEOPLE).click()


@slow
@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=slow)])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(page, path, scheme):
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme=scheme)
    settled(page, path)
    # The content security policy forbids Axe to load style sheets.
    found = Axe().run(page, options={"preload": False}).response["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found] == []


@slow
@pytest.mark.parametrize("width", [320, 2560])
@pytest.mark.parametrize("path", PAGES)
def test_no_sideways_scrolling(page, path, width):
    page.set_viewport_size({"width": width, "height": 900})
    settled(page, path)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


def test_people_by_keyboard(page):
    page.goto("/people")
    page.get_by_role("searchbox").focus()
    page.keyboard.type(PERSON.upper())
    expect(page.get_by_role("status")).to_have_text(f"1 of {len(portraits())} people")
    expect(page.locator(".tiles li")).to_have_count(1)
    page.get_by_role("link", name=PERSON).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(PERSON)
    page.get_by_text("Statistics and look-alikes").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("table").get_by_role("rowheader")).to_have_count(6)
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value(PERSON.upper())


@pytest.mark.parametrize("width", [390, 1280])
def test_words_of_long_names_are_not_broken(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/people?q=schwarzenegger")
    lines = """name => name.textContent.split(" ").map((word) => {
        const range = document.createRange(), start = name.textContent.indexOf(word);
        range.setStart(name.firstChild, start);
        range.setEnd(name.firstChild, start + word.length);
        return range.getClientRects().length;
    })"""
    assert page.locator(".tiles .name").evaluate(lines) == [1, 1]
    page.get_by_role("link", name="Schwarzenegger").click()
    page.get_by_text("Statistics and look-alikes").click()
    starts = page.locator(".look-alikes .bar").evaluate_all("bars => bars.map((bar) => bar.getBoundingClientRect().x)")
    assert len(set(starts)) == 1


def test_a_phone_explains_no_bars_that_it_hides(page):
    page.goto("/people/7")
    page.get_by_text("Statistics and look-alikes").click()
    expect(page.get_by_text("the line across the bars")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.locator(".look-alikes .bar").first).to_be_hidden()
    expect(page.get_by_text("the line across the bars")).to_be_hidden()


@slow
def test_turning_pages_without_javascript(browser, server):
    with browser.new_context(java_script_enabled=False, base_url=server.address) as context:
        page = context.new_page()
        page.goto("/people")
        page.get_by_role("link", name="Next").click()
        expect(page.get_by_role("status")).to_contain_text("page 2 of")
        page.get_by_role("navigation", name="First letter").get_by_role("link", name="M").press("Enter")
        expect(page.locator(":target .name")).to_have_text(re.compile("^M"))
        expect(page.locator(":target")).to_be_in_viewport()
        page.keyboard.press("Tab")
        expect(page.locator(":target a")).to_be_focused()
        page.get_by_role("searchbox").fill("beyonce")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("status")).to_have_text(f"1 of {len(portraits())} people")


@slow
@pytest.mark.parametrize(
    ("language", "command"), [("curl", ["sh"]), ("Python", [sys.executable]), ("JavaScript", NODE)]
)
def test_an_example_runs_in_every_language(page, photo_file, language, command):
    page.goto("/api/docs")
    page.get_by_role("button", name=IDENTIFY).click()
    example = page.locator(".samples details").filter(has_text=language)
    example.evaluate("example => { example.open = true; }")
    done = subprocess.run(
        command,
        check=False,
        input=example.locator("code").inner_text(),
        cwd=photo_file.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert PERSON in done.stdout


def test_the_api_can_be_tried_on_its_page(page):
    page.goto("/api/docs")
    page.get_by_role("button", name=LIST_PEOPLE).click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_label("q", exact=True).fill(PERSON)
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text(f'"person": "{PERSON}"')
