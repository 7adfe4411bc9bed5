"""Accessibility of every page: axe-core in light and dark, target sizes, and reduced motion."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import drop, expect_result
from tests.slow import slow

SCHEMES = ("light", "dark")

SMALL = """() => [...document.querySelectorAll("a, button, input, summary")]
    .filter((one) => one.getClientRects().length)
    .filter((one) => !one.closest(".visually-hidden, .skip, svg, .swagger-ui, .prose li, p:not(.actions, .verdict)"))
    .filter((one) => getComputedStyle(one).opacity !== "0")
    .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
    .filter(([, box]) => box.width < 24 || box.height < 24)
    .map(([name]) => name)"""
"""Targets under 24 x 24 pixels (WCAG 2.5.8); links inside sentences are allowed to be. Swagger UI is excluded."""


def expect_no_violation(page: Page) -> None:
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        # The content security policy forbids Axe to load style sheets.
        found = Axe().run(page, options={"preload": False})
        assert found.violations_count == 0, f"{page.url}, {scheme}:\n{found.generate_report()}"
    assert page.evaluate(SMALL) == []


@slow
def test_every_page_of_navigation_and_footer_and_an_error(page):
    addresses = page.locator("nav a, .bottom a[href*=privacy]").evaluate_all("all => all.map((link) => link.href)")
    assert len(addresses) >= 2
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        expect_no_violation(page)
    page.goto("/identify")
    expect_no_violation(page)


@slow
def test_results(page, photo_file):
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    expect_result(page)
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    expect_no_violation(page)


@slow
def test_the_waiting_state_and_a_comparison(page, photo_file):
    page.route("**/identify", lambda route: None)
    drop(page, (photo_file.read_bytes(), "photo.jpg"), (b"no browser shows this", "IMG_0042.HEIC"), (b"", "empty.jpg"))
    page.locator(".waiting").wait_for()
    expect_no_violation(page)
    page.goto("/compare")
    page.locator("#a").set_input_files(photo_file)
    page.locator("#b").set_input_files(photo_file)
    page.locator(".dropbox.chosen >> nth=1").wait_for()
    expect_no_violation(page)
    page.get_by_role("button", name="Compare faces").click()
    page.locator(".compared").wait_for(timeout=60_000)
    expect_no_violation(page)


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_reduced_motion_is_obeyed(page, photo_file, motion):
    page.emulate_media(reduced_motion=motion)
    page.route("**/identify", lambda route: None)
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    page.locator(".waiting").wait_for()
    page.locator("progress").evaluate("bar => bar.removeAttribute('value')")
    name = page.locator("progress").evaluate("bar => getComputedStyle(bar).animationName")
    assert (name == "none") == (motion == "reduce")
