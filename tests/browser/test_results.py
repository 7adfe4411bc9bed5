"""Results page and comparison page in a browser."""

from __future__ import annotations

import json
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from app.web.wording import UNRECOGNIZED
from tests import photos
from tests.browser.conftest import drop, expect_result
from tests.photos import OTHER, PERSON


@pytest.fixture
def results(page, photo):
    """A results page with two faces."""
    drop(page, (photo(PERSON, OTHER), "two.jpg"))
    expect_result(page, f"{PERSON} and {OTHER}")
    return page


def test_boxes_and_cards_choose_each_other(results):
    chosen = re.compile("chosen")
    box, card = results.locator("#box-1-2"), results.locator("#face-1-2")
    box.click()
    expect(card).to_have_class(chosen)
    expect(card).to_be_in_viewport()
    results.get_by_role("link", name="Face 1: show it in the photo").click()
    expect(results.locator("#box-1-1")).to_have_class(chosen)
    expect(card).not_to_have_class(chosen)


def test_every_anchor_is_a_dot(results):
    results.get_by_text("Mean, minimum and spread over reference photos").first.click()
    row = (
        results.get_by_role("table", name="Reference photos of the closest people to face 1").get_by_role("row").nth(1)
    )
    count = int(re.search(r"of (\d+) close", row.inner_text())[1])
    paths = row.locator("path").evaluate_all("paths => paths.map((path) => path.getAttribute('d')).join('')")
    assert paths.count("M") == count


def test_photo_and_answer_can_be_saved(results):
    with results.expect_download() as saved:
        results.get_by_role("button", name="Save labeled photo (PNG)").click()
    assert saved.value.suggested_filename == "faces.png"
    with Image.open(saved.value.path()) as picture:
        assert (picture.format, picture.size) == ("PNG", (900, 700))
    with results.expect_download() as saved:
        results.get_by_role("link", name="Save results (JSON)").click()
    answer = json.loads(saved.value.path().read_text(encoding="utf-8"))
    assert (saved.value.suggested_filename, answer["file"]) == ("faces.json", "two.jpg")
    assert [face["person"] for face in answer["faces"]] == [PERSON, OTHER]


def test_an_unknown_face(page):
    drop(page, (photos.encode(photos.paste(photos.impostor())), "nobody.jpg"))
    expect_result(page, UNRECOGNIZED)
    expect(page.locator(".pill")).to_have_text(re.compile("Unknown"))
    expect(page.locator(".look-alike")).to_be_visible()


def test_compare(page, photo_file, photo):
    page.goto("/compare")
    page.get_by_role("button", name="Compare faces").click()
    assert page.locator("#a").evaluate("input => input.validity.valueMissing")
    drop(page, (b"text", "notes.txt"), kind="text/plain", at=".dropbox")
    expect(page.get_by_role("alert")).to_contain_text("is not a supported image")
    page.locator("#a").set_input_files(photo_file)
    drop(page, (photo(PERSON, OTHER), "two.jpg"), at=".dropbox >> nth=1")
    expect(page.get_by_alt_text("Selected photo")).to_have_count(2)
    page.get_by_role("button", name="Compare faces").click()
    expect(page.get_by_role("group", name="Face in photo 2")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("group", name="Face in photo 1")).to_have_count(0)
    page.get_by_role("radio", name="Face 2").check(force=True)
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Same person")
    page.locator(".pair .pick").filter(has_text="1").nth(1).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Same person")
    score = float(page.locator(".score .number:visible").inner_text())
    assert 0 < score < 0.5
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save result (JSON)").click()
    answer = json.loads(saved.value.path().read_text(encoding="utf-8"))
    assert answer["score"] == pytest.approx(score, abs=0.001)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Are they the same person?")
