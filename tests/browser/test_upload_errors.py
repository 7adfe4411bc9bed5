"""Upload errors in a browser, and the states of a photo during the upload."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from app.web.pages.identify import NO_FACE
from tests import photos
from tests.browser.conftest import drop, expect_result
from tests.browser.test_identify import INVITATION
from tests.photos import PERSON

HEIC = b"Chromium does not show HEIC"

WATCH_STATES = """list => {
    window.states = [];
    new MutationObserver((records) => {
        for (const { target, addedNodes: [node] } of records) {
            if (target.matches(".photo-state")) {
                window.states.push([[...list.children].indexOf(target.closest("li")), node.textContent]);
            }
        }
    }).observe(list, { childList: true, subtree: true });
}"""


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
        ([(b"a video", "clip.mp4")], "video/mp4", 0, "“clip.mp4” is a video. Send JPEG"),
        ([(b"<svg/>", "drawing.svg")], "image/svg+xml", 0, "“drawing.svg” is not a supported image."),
        ([(b"", "empty.jpg")], "image/jpeg", 0, "“empty.jpg” is empty. Choose another file."),
        (
            [(HEIC, "big.heic")],
            "image/heic",
            20_000_000,
            "“big.heic” is 20.1 MB. The limit is 20 MB. Send a smaller copy.",
        ),
        ([(jpeg(), "a.jpg")] * 17, "image/jpeg", 0, "You chose 17 photos. The limit is 8."),
        ([(HEIC, "a.heic")] * 3, "image/heic", 18_000_000, "These photos are 54.1 MB together. The limit is 50 MB."),
        ([], "image/jpeg", 0, "That is not an image file."),
    ],
    ids=["type", "video", "svg", "empty", "large", "many", "together", "no file"],
)
def test_refused_before_anything_is_sent(page, sent, files, kind, padding, sentence):
    drop(page, *files, kind=kind, padding=padding)
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page.get_by_text(INVITATION)).to_be_visible()
    assert sent == []


def test_bad_files_are_listed_and_the_others_are_identified(page, photo_file):
    files = {"notes.txt": b"text", "photo.jpg": photo_file.read_bytes(), "empty.jpg": b""}
    kinds = {".txt": "text/plain", ".jpg": "image/jpeg"}
    page.get_by_label(INVITATION).set_input_files(
        [{"name": name, "mimeType": kinds[name[-4:]], "buffer": data} for name, data in files.items()]
    )
    expect_result(page)
    expect(page.locator(".card")).to_have_count(1)
    items = page.get_by_label("Files not sent").get_by_role("listitem")
    expect(items).to_contain_text(["“notes.txt” is not a supported image. Send JPEG", "“empty.jpg” is empty."])
    page.reload()
    page.get_by_role("button", name="Remove notes.txt").click()
    expect(page.get_by_role("button", name="Remove empty.jpg")).to_be_focused()
    page.reload()
    expect(items).to_have_count(1)
    page.get_by_role("button", name="Remove empty.jpg").click()
    expect(items).to_have_count(0)


def test_each_photo_has_a_state(page, photo_file):
    page.locator(".previews").evaluate(WATCH_STATES)
    drop(page, (photo_file.read_bytes(), "a.jpg"), (photo_file.read_bytes(), "b.jpg"))
    expect_result(page, PERSON)
    first, second = ([state for index, state in page.evaluate("window.states") if index == item] for item in (0, 1))
    assert sorted(set(first), key=first.index)[:2] == ["Waiting", "Sending…"]
    assert (first[-1], second[-1]) == ("Done", "Identifying…")


def test_photos_over_a_limit_are_removed_from_the_list(page, photo_file, sent):
    drop(page, *[(photo_file.read_bytes(), f"{number}.jpg") for number in range(9)])
    expect(page.get_by_role("alert")).to_have_text("You chose 9 photos. The limit is 8.")
    for number in range(7):
        page.get_by_role("button", name=f"Remove {number}.jpg").click()
    expect(page.locator("#problem")).to_be_empty()
    assert sent == []
    page.get_by_role("button", name="Find faces").click()
    expect_result(page, PERSON)
    expect(page.locator(".overview li")).to_contain_text(["7.jpg", "8.jpg"])


@pytest.fixture
def received(page) -> list[Image.Image]:
    """The photos that the page sends, while the server allows 0.1 megapixels and 50 kB a photo, and 60 kB in total."""
    photos: list[Image.Image] = []

    def change_limits(route):
        page = re.sub(r'"pixels": \d+', '"pixels": 100000', route.fetch().text())
        page = re.sub(r'"bytes": \d+', '"bytes": 50000', page)
        page = re.sub(r'"total": \d+', '"total": 60000', page)
        route.fulfill(body=page, content_type="text/html")

    def receive(route):
        for part in route.request.post_data_buffer.split(b"\r\n\r\n")[1:]:
            assert len(part) < 50_000
            photos.append(Image.open(io.BytesIO(part)))
        route.abort()

    page.route("**/", change_limits)
    page.route("**/identify", receive)
    page.goto("/")
    return photos


def test_photos_over_a_limit_are_reduced(page, received):
    exif = Image.Exif()
    exif[0x0112] = 6
    noise = io.BytesIO()
    Image.effect_noise((300, 200), 80).save(noise, "PNG")
    assert noise.tell() > 50_000
    drop(page, (jpeg(600, 300, exif=exif), "pixels.jpg"), (noise.getvalue(), "bytes.png"), (jpeg(), "small.jpg"))
    expect(page.get_by_role("alert")).to_contain_text("The connection was lost")
    pixels, size, small = received
    assert pixels.width * pixels.height <= 100_000
    assert pixels.height == pytest.approx(2 * pixels.width, abs=2)
    assert (size.format, small.size) == ("JPEG", (60, 40))


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
    page.get_by_role("button", name="Find faces").click()
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
