"""Take a screenshot of every state of the pages: `.venv/bin/python docs/screenshots.py`.

A server of its own, an empty database, and photos made from shipped portraits: no picture of a real person.
Needs Debian's chromium and the tools for development (`make test` installs them).
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from app.settings import ROOT
from tests import photos
from tests.server import Server, serving

FOLDER = ROOT / "docs" / "screenshots"
PEOPLE = ("Adam Sandler", "Adriana Lima")
WIDTHS = {"": 1280, "-phone": 390}
"""What is added to a picture's name, and how wide the page is."""

HEIGHT = 1000
COLOURS = 128
"""Of a screenshot in the folder, to keep it small."""


def main() -> None:
    """Take every picture at every width."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Nobody reads the log, and a full pipe would stop the server.
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), FACES_LOG="off") as server:
        files = _photos(Path(folder))
        said = server.line(180)
        if not said.startswith("Ready"):
            sys.exit(f"The server did not start: {said}")
        with sync_playwright() as playwright:
            found = shutil.which("chromium") or sys.exit("chromium is not installed.")
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
            for suffix, width in WIDTHS.items():
                with _context(browser, server, width) as context:
                    _pictures(context.new_page(), files, suffix)
            with _context(browser, server, WIDTHS[""], color_scheme="dark") as context:
                _dark(context.new_page(), files)
            browser.close()


def _photos(folder: Path) -> dict[str, Path]:
    """The photos that the states need, as files."""
    faces = [photos.portraits()[name].resize((224, 224)) for name in PEOPLE]
    pictures = {
        "one": photos.paste(faces[0]),
        "two": photos.paste(*faces, size=(1100, 700), side=340),
        "unknown": photos.paste(Image.blend(*faces, 0.5)),
        "nobody": photos.background(640, 480),
    }
    for name, picture in pictures.items():
        (folder / f"{name}.jpg").write_bytes(photos.encode(picture))
    return {name: folder / f"{name}.jpg" for name in pictures}


def _context(browser: Browser, server: Server, width: int, **options):
    return browser.new_context(viewport={"width": width, "height": HEIGHT}, base_url=server.address, **options)


def _pictures(page: Page, files: dict[str, Path], suffix: str) -> None:
    page.goto("/", wait_until="networkidle")
    _save(page, f"upload{suffix}")
    _identify(page, files["two"])
    _save(page, f"results{suffix}")
    page.get_by_text("Minimum, spread and every anchor").first.click()
    page.locator(".anchors").first.scroll_into_view_if_needed()
    _save(page, f"anchors{suffix}")
    _identify(page, files["unknown"])
    _save(page, f"unknown{suffix}")
    _identify(page, files["one"], files["nobody"])
    _save(page, f"several{suffix}")
    page.goto("/")
    page.locator("#image").set_input_files(files["nobody"])
    page.locator("#problem:not(:empty)").wait_for(timeout=120_000)
    _save(page, f"no-face{suffix}")
    page.route("**/identify", lambda route: None)
    page.locator("#image").set_input_files(files["two"])
    page.locator(".waiting").wait_for()
    _save(page, f"waiting{suffix}")
    page.get_by_role("button", name="Cancel").click()
    page.unroute_all(behavior="ignoreErrors")
    page.goto("/compare")
    page.locator("#a").set_input_files(files["one"])
    page.locator("#b").set_input_files(files["two"])
    page.locator(".dropbox.chosen >> nth=1").wait_for()
    page.get_by_role("button", name="Compare").click()
    page.locator(".compared").wait_for(timeout=120_000)
    _save(page, f"compare{suffix}")


def _dark(page: Page, files: dict[str, Path]) -> None:
    _identify(page, files["two"])
    _save(page, "results-dark")


def _identify(page: Page, *files: Path) -> None:
    page.goto("/")
    page.locator("#image").set_input_files(files)
    page.locator(".kept").wait_for(timeout=120_000)
    page.wait_for_load_state("networkidle")


def _save(page: Page, name: str) -> None:
    """Save what the window shows."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    file = FOLDER / f"{name}.png"
    picture.quantize(COLOURS).save(file, optimize=True)
    print(f"{file.relative_to(ROOT)}: {picture.width} x {picture.height}, {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
