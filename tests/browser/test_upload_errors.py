"""Upload errors in a browser, and the states of a photo during the upload."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from app.web.pages.identify import NO_FACE
from tests import photos
from tests.browser.conftest import drop, expect_result
from tests.browser.test_identify import INVITATION


@pytest.fixture
def sent(page) -> list[str]:
    """The addresses that photos were sent to."""
    addresses: list[str] = []
    page.on("request", lambda request: request.method == "POST" and addresses.append(request.url))
    return addresses


def jpeg(width: int = 60, height: int = 40, **options) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "gray").save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("files", "kind", "padding", "sentence"),
    [
        ([(b"text", "notes.txt")], "text/plain", 0, "“notes.txt” is not a supported image. Send JPEG"),
        ([(b"<svg/>", "drawing.svg")], "image/svg+xml", 0, "“drawing.svg” is not a supported image."),
        ([(b"", "empty.jpg")], "image/jpeg", 0, "“empty.jpg” is empty. Choose another file."),
        (
            [(jpeg(), "big.jpg")],
            "image/jpeg",
            20_000_000,
            "“big.jpg” is 20.1 MB. The limit is 20 MB. Send a smaller copy.",
        ),
        ([(jpeg(), "a.jpg")] * 9, "image/jpeg", 0, "You chose 9 photos. The limit is 8."),
        ([(jpeg(), "a.jpg")] * 3, "image/jpeg", 18_000_000, "These photos are 54.1 MB together. The limit is 50 MB."),
        (
            [(jpeg(8000, 5100), "huge.jpg")],
            "image/jpeg",
            0,
            "“huge.jpg” is 40.8 megapixels. The limit is 40. Send a smaller copy.",
        ),
        ([], "image/jpeg", 0, "That is not an image file."),
    ],
    ids=["type", "svg", "empty", "large", "many", "together", "pixels", "no file"],
)
def test_refused_before_anything_is_sent(page, sent, files, kind, padding, sentence):
    drop(page, *files, kind=kind, padding=padding)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.get_by_text(INVITATION)).to_be_visible()
    assert sent == []


def test_bad_files_are_listed_and_the_others_are_identified(page, photo_file):
    files = {"notes.txt": b"text", "photo.jpg": photo_file.read_bytes(), "empty.jpg": b"", "huge.jpg": jpeg(8000, 5100)}
    kinds = {".txt": "text/plain", ".jpg": "image/jpeg"}
    page.get_by_label(INVITATION).set_input_files(
        [{"name": name, "mimeType": kinds[name[-4:]], "buffer": data} for name, data in files.items()]
    )
    expect_result(page)
    problems = page.get_by_role("alert")
    for sentence in (
        "Not sent: “notes.txt” is not a supported image.",
        "Not sent: “empty.jpg” is empty.",
        "Not sent: “huge.jpg” is 40.8 megapixels.",
    ):
        expect(problems).to_contain_text(sentence)
    expect(page.locator(".card")).to_have_count(1)


def test_what_only_the_server_can_know(page, photo_file):
    drop(page, (b"not a picture", "broken.jpg"))
    expect(page.get_by_role("alert")).to_contain_text("The file could not be read as a picture.", timeout=60_000)
    drop(page, (photos.encode(photos.background(640, 480)), "nobody.jpg"))
    expect(page.get_by_role("alert")).to_contain_text(NO_FACE, timeout=60_000)
    # The page works again.
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    expect_result(page)


def test_a_photo_on_its_way_can_be_canceled(page, photo_file):
    page.route("**/identify", lambda route: None)
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    expect(page.get_by_alt_text("Selected photo")).to_be_visible()
    expect(page.locator(".waiting progress")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Canceled. Nothing was saved.")
    expect(page.get_by_text(INVITATION)).to_be_visible()
    expect(page.get_by_label(INVITATION)).to_be_focused()


def test_a_lost_connection_can_be_tried_again(page, photo_file):
    page.route("**/identify", lambda route: route.abort())
    drop(page, (photo_file.read_bytes(), "photo.jpg"))
    expect(page.get_by_role("alert")).to_contain_text("The connection was lost")
    page.unroute("**/identify")
    page.get_by_role("button", name="Try again").click()
    expect_result(page)


def test_the_preview_is_upright_or_a_name_with_an_icon(page):
    page.route("**/identify", lambda route: None)
    exif = Image.Exif()
    exif[0x0112] = 6
    drop(page, (jpeg(600, 300, exif=exif), "lying.jpg"), (b"no browser draws this", "IMG_0042.HEIC"))
    picture = page.get_by_alt_text("Selected photo: lying.jpg")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalHeight > image.naturalWidth")
    expect(page.get_by_text("IMG_0042.HEIC")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
