"""Results page and comparison page in a browser."""

from __future__ import annotations

import csv
import json
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from app.web.pages.routes import SEND_AGAIN
from app.web.wording import UNRECOGNIZED
from tests import photos
from tests.browser.conftest import drop, expect_result
from tests.browser.test_accessibility import expect_no_violation
from tests.photos import OTHER, PERSON

CHOSEN = re.compile("chosen")
NOBODY = photos.paste(photos.impostor())


@pytest.fixture
def results(page, photo):
    """A results page with two faces."""
    drop(page, (photo(PERSON, OTHER), "two.jpg"))
    expect_result(page, f"{PERSON} and {OTHER}")
    return page


def test_a_face_is_enlarged_and_saved(results):
    box, card = results.locator("#box-1-2"), results.locator("#face-1-2")
    box.click()
    expect(card).to_have_class(CHOSEN)
    expect(results.get_by_role("dialog", name=f"Face 2: {OTHER}")).to_be_visible()
    expect_no_violation(results)
    with results.expect_download() as saved:
        results.get_by_role("button", name="Save face").click()
    assert saved.value.suggested_filename == "face.png"
    with Image.open(saved.value.path()) as picture:
        assert picture.width == picture.height > 200
    results.get_by_role("button", name="Close").click()
    expect(results.get_by_role("dialog")).to_have_count(0)


def test_a_card_shows_its_face_in_the_photo_without_a_history_entry(results):
    entries = results.evaluate("history.length")
    results.get_by_role("link", name="Face 1: show it in the photo").click()
    expect(results.locator("#box-1-1")).to_have_class(CHOSEN)
    expect(results.locator("#face-1-2")).not_to_have_class(CHOSEN)
    assert results.evaluate("history.length") == entries


def test_the_photo_can_be_enlarged(results):
    picture = results.get_by_alt_text("Your photo")
    width = picture.bounding_box()["width"]
    results.get_by_role("button", name="Zoom in").click()
    results.get_by_role("button", name="Zoom in").click()
    assert picture.bounding_box()["width"] > 2 * width
    for _ in range(2):
        results.get_by_role("button", name="Zoom out").click()
    assert picture.bounding_box()["width"] == pytest.approx(width, abs=1)


def test_small_faces_can_be_tapped(page, photo):
    """WCAG 2.2, success criterion 2.5.8: targets of at least 24 pixels."""
    page.set_viewport_size({"width": 320, "height": 800})
    drop(page, (photo(PERSON, size=(2400, 1800), side=110), "far.jpg"))
    page.wait_for_url("**/identify", timeout=60_000)
    assert page.locator(".canvas .box").bounding_box()["width"] < 24
    assert page.locator(".canvas a").evaluate("""link => {
        const { x, y, width, height } = link.querySelector(".box").getBoundingClientRect();
        const [left, top] = [x + width / 2, y + height / 2];
        const edges = [[-12, 0], [12, 0], [0, -12], [0, 12]];
        return edges.every(([dx, dy]) => link.contains(document.elementFromPoint(left + dx, top + dy)));
    }""")


def test_details_load_when_they_are_opened(results):
    expect(results.get_by_role("table")).to_have_count(2)
    results.get_by_text("Details").first.click()
    expect(results.get_by_text("template, the average of their reference photos.")).to_be_visible()
    results.get_by_text("Mean, minimum and spread over reference photos").click()
    row = results.get_by_role("table", name="Reference photos of the closest people").get_by_role("row").nth(1)
    count = int(re.search(r"of (\d+) close", row.inner_text())[1])
    paths = row.locator("path").evaluate_all("paths => paths.map((path) => path.getAttribute('d')).join('')")
    assert paths.count("M") == count


def test_photo_and_answer_can_be_saved(results):
    with results.expect_download() as saved:
        results.get_by_role("button", name="Save photo with names").click()
    assert saved.value.suggested_filename == "faces.png"
    with Image.open(saved.value.path()) as picture:
        assert (picture.format, picture.size) == ("PNG", (900, 700))
    with results.expect_download() as saved:
        results.get_by_role("link", name="Save results (JSON)").click()
    answer = json.loads(saved.value.path().read_text(encoding="utf-8"))
    assert (saved.value.suggested_filename, answer["file"]) == ("faces.json", "two.jpg")
    assert [face["person"] for face in answer["faces"]] == [PERSON, OTHER]
    with results.expect_download() as saved:
        results.get_by_role("link", name="Save results (CSV)").click()
    rows = list(csv.DictReader(saved.value.path().read_text(encoding="utf-8").splitlines()))
    assert [(row["file"], row["person"]) for row in rows] == [("two.jpg", PERSON), ("two.jpg", OTHER)]


def test_results_stay_in_the_tab_until_they_are_forgotten(results):
    results.reload()
    expect_result(results, f"{PERSON} and {OTHER}")
    results.get_by_text("Details").first.click()
    results.get_by_role("link", name="People", exact=True).click()
    expect(results.get_by_role("heading", level=1)).to_have_text("People")
    results.go_back()
    expect_result(results, f"{PERSON} and {OTHER}")
    results.locator("#box-1-1").click()
    expect(results.get_by_role("dialog")).to_be_visible()
    results.get_by_role("button", name="Close").click()
    results.get_by_role("button", name="Forget these photos").click()
    expect(results.get_by_text("Who is in your photo?")).to_be_visible()
    results.go_back()
    expect(results.get_by_role("alert")).to_have_text(SEND_AGAIN)


def test_older_results_are_forgotten_for_new_ones(page, photo_file):
    page.evaluate("""() => {
        for (let size = 6e6; ; size -= 1e4) {
            try { return sessionStorage.setItem("faces-results-1", "x".repeat(size)); } catch {}
        }
    }""")
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    expect_result(page)
    page.reload()
    expect_result(page)
    assert page.evaluate("sessionStorage.length") == 1


def test_several_photos_have_an_overview(page, photo):
    drop(page, (photo(PERSON), "one.jpg"), (photo(PERSON, OTHER), "two.jpg"), (photos.encode(NOBODY), "nobody.jpg"))
    expect_result(page, f"{PERSON}, {OTHER} and 1 unknown person")
    expect(page.locator(".cards .name")).to_have_text([PERSON, OTHER, UNRECOGNIZED])
    expect(page.locator(".card").first).to_contain_text("in 2 photos")
    tiles = page.locator(".overview li:visible")
    expect(tiles).to_have_count(3)
    page.get_by_text("Unknown", exact=True).first.click()
    expect(tiles).to_have_count(1)
    expect_no_violation(page)
    page.get_by_text("All", exact=True).click()
    page.get_by_role("link", name="two.jpg").click()
    expect(page.get_by_alt_text("Your photo 2")).to_be_visible()
    expect(page.get_by_alt_text("Your photo 1")).to_be_hidden()


def test_an_unknown_face(page):
    drop(page, (photos.encode(NOBODY), "nobody.jpg"))
    expect_result(page, UNRECOGNIZED)
    expect(page.locator(".pill")).to_have_text("Unknown")
    expect(page.get_by_role("table")).to_have_count(0)
    page.get_by_text("Details").click()
    expect(page.get_by_role("table", name="Closest people to face 1")).to_be_visible()


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
    for label in page.locator(".pick").all():
        box, number = label.bounding_box(), label.locator("span").bounding_box()
        assert number["y"] + number["height"] <= box["y"] + 1
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
