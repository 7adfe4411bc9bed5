"""Samples in a browser: one tap from the upload page to a result, also without JavaScript and by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from app.web.wording import UNRECOGNIZED

HEADLINES = {
    "One person": re.compile("^This looks like"),
    "Three people": re.compile(".+, .+ and .+"),
    "Unknown person": UNRECOGNIZED,
}


def test_one_tap_leads_to_a_result(page):
    button = page.get_by_role("button", name="One person")
    assert button.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(HEADLINES["One person"], timeout=60_000)
    headline = page.get_by_role("heading", level=1).text_content()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text(headline)
    page.go_back()
    expect(page.get_by_role("button", name="One person")).to_be_visible()


def test_a_sample_that_failed_can_be_tried_again(page):
    page.route("**/identify", lambda route: route.abort())
    page.get_by_role("button", name="Three people").click()
    page.get_by_role("alert").filter(has_text="The connection was lost").wait_for()
    page.unroute("**/identify")
    page.get_by_role("button", name="Find faces").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HEADLINES["Three people"], timeout=60_000)


@pytest.mark.parametrize("title", HEADLINES)
def test_samples_without_javascript(browser, server, title):
    with browser.new_context(java_script_enabled=False, base_url=server.address) as context:
        page = context.new_page()
        page.goto("/")
        page.get_by_role("button", name=title).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(HEADLINES[title], timeout=60_000)
