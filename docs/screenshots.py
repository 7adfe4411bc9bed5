"""Take the README's screenshots: `.venv/bin/python docs/screenshots.py`.

A server of its own, an empty database, and a photo made from shipped portraits: no picture of a real person.
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
MOST_BYTES = 400_000


def main() -> None:
    """Take every picture at every width."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        photo = Path(folder) / "photo.jpg"
        faces = (photos.portraits()[name] for name in PEOPLE)
        photo.write_bytes(photos.encode(photos.paste(*faces, size=(1100, 700), side=340)))
        said = server.line(180)
        if not said.startswith("Ready"):
            sys.exit(f"The server did not start: {said}")
        with sync_playwright() as playwright:
            found = shutil.which("chromium") or sys.exit("chromium is not installed.")
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
            for suffix, width in WIDTHS.items():
                _pictures(browser, server, photo, suffix, width)
            browser.close()


def _pictures(browser: Browser, server: Server, photo: Path, suffix: str, width: int) -> None:
    with browser.new_context(viewport={"width": width, "height": HEIGHT}, base_url=server.address) as context:
        page = context.new_page()
        page.goto("/", wait_until="networkidle")
        _save(page, f"upload{suffix}")
        page.locator("input[type=file]").set_input_files(photo)
        page.wait_for_url("**/identify", timeout=120_000)
        page.wait_for_load_state("networkidle")
        _save(page, f"results{suffix}")


def _save(page: Page, name: str) -> None:
    """Save what the window shows; in fewer colours where the file would be too large."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    file = FOLDER / f"{name}.png"
    picture.save(file, optimize=True)
    if file.stat().st_size > MOST_BYTES:
        picture.quantize(256).save(file, optimize=True)
    print(f"{file.relative_to(ROOT)}: {picture.width} x {picture.height}, {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
