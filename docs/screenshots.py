"""Take screenshots of the pages.

`python docs/screenshots.py` renews the pictures of the documents in docs/screenshots.
`python docs/screenshots.py FOLDER` writes every page and state to FOLDER, at 390 and 1280 pixels, light and dark.

It starts a server with an empty database. The photos are made from shipped portraits, not of real people.
Requires Debian's chromium and the development tools (`make test` installs them).
"""

from __future__ import annotations

import io
import itertools
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from app.settings import ROOT
from tests.archives import library_settings
from tests.browser.states import STATES, Files, write_photos
from tests.server import serving

FOLDER = ROOT / "docs" / "screenshots"
DOCUMENTED = {"upload": "upload", "results": "two-faces", "person": "person"}
"""State of each picture in the documents."""

WIDTHS, SCHEMES, HEIGHT = (1280, 390), ("light", "dark"), 1000
COLORS = 128
"""Colors of a screenshot file, to keep it small."""


def main() -> None:
    """Take the screenshots of the documents, or of every state into the folder of the command line."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    # Without log lines: a full pipe would block the server.
    with (
        tempfile.TemporaryDirectory() as temporary,
        serving(Path(temporary), **library_settings(Path(temporary))) as server,
    ):
        line = server.line(180)
        if not line.startswith("Ready"):
            sys.exit(f"The server did not start: {line}")
        files = write_photos(Path(temporary), server.address)
        with sync_playwright() as playwright:
            found = shutil.which("chromium") or sys.exit("chromium is not installed.")
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
            if folder == FOLDER:
                for name, state in DOCUMENTED.items():
                    _take(browser, server.address, state, files, {(1280, "light"): folder / f"{name}.png"}, whole=False)
            else:
                for state in STATES:
                    variants = itertools.product(WIDTHS, SCHEMES)
                    targets = {(width, scheme): folder / f"{state}-{width}-{scheme}.png" for width, scheme in variants}
                    _take(browser, server.address, state, files, targets, whole=True)
            browser.close()


def _take(
    browser: Browser, address: str, state: str, files: Files, targets: dict[tuple[int, str], Path], whole: bool
) -> None:
    """Bring a page to a state, and save it at each width and color scheme: the window, or the whole page."""
    with browser.new_context(
        viewport={"width": WIDTHS[0], "height": HEIGHT}, base_url=address, reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        STATES[state](page, files)
        for (width, scheme), file in targets.items():
            page.set_viewport_size({"width": width, "height": HEIGHT})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.wait_for_timeout(300)
            picture = Image.open(io.BytesIO(page.screenshot(full_page=whole))).convert("RGB")
            picture.quantize(COLORS).save(file, optimize=True)
            print(f"{file}: {picture.width} x {picture.height}, {file.stat().st_size // 1000} kB", flush=True)
        page.unroute_all(behavior="ignoreErrors")


if __name__ == "__main__":
    main()
