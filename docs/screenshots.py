"""Take a screenshot of every page and state: `.venv/bin/python docs/screenshots.py`.

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

import requests
from PIL import Image, ImageFilter
from playwright.sync_api import Browser, Page, Route, sync_playwright

from app.settings import ROOT
from tests import photos
from tests.conftest import TOKEN
from tests.server import Server, serving

FOLDER = ROOT / "docs" / "screenshots"
PEOPLE = ("Adam Sandler", "Camila Mendes")
WIDTHS = {"": 1280, "-phone": 390}
"""Width of the page in pixels, by the suffix of the file name."""

SETTINGS = {"FACES_LOG": "off", "FACES_ADMIN_TOKEN": TOKEN}

HEIGHT = 1000
COLORS = 128
"""Colors of a screenshot file, to keep it small."""

STEPS = 8
"""Steps of the search for an ambiguous face between two people."""

PAGES = {"people": "/people", "model": "/model", "api": "/api/docs", "privacy": "/privacy", "not-found": "/nowhere"}


def main() -> None:
    """Take every screenshot at every width."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    # A full pipe would block the server.
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder), **SETTINGS) as server:
        files = _photos(Path(folder))
        line = server.line(180)
        if not line.startswith("Ready"):
            sys.exit(f"The server did not start: {line}")
        files["ambiguous"] = _ambiguous(Path(folder), server)
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
    """Write the photos of all states to files."""
    faces = [photos.portraits()[name].resize((224, 224)) for name in PEOPLE]
    pictures = {
        "one": photos.paste(faces[0]),
        "two": photos.paste(*faces, size=(1100, 700), side=340),
        "unknown": photos.paste(photos.impostor()),
        "no-face": photos.background(640, 480),
        "low_quality": photos.paste(faces[0].filter(ImageFilter.GaussianBlur(10))),
        "many": _crowd(),
    }
    return {name: _file(folder, name, picture) for name, picture in pictures.items()}


def _file(folder: Path, name: str, picture: Image.Image) -> Path:
    file = folder / f"{name}.jpg"
    file.write_bytes(photos.encode(picture))
    return file


def _crowd(across: int = 6, down: int = 4) -> Image.Image:
    """Return a photo of many people."""
    faces = list(itertools.islice(photos.portraits().values(), 0, None, 16))[: across * down]
    rows = [photos.paste(*faces[row * across :][:across], size=(1400, 240), side=180) for row in range(down)]
    crowd = Image.new("RGB", (1400, 240 * down))
    for row, picture in enumerate(rows):
        crowd.paste(picture, (0, 240 * row))
    return crowd


def _ambiguous(folder: Path, server: Server) -> Path:
    """Write a photo of a face between two similar people, whose verdict is ambiguous."""
    faces = {name: face.resize((224, 224)) for name, face in photos.portraits().items()}
    api = f"{server.address}/api/v1"
    ids, following = {}, "/api/v1/people?limit=500"
    while following:
        part = requests.get(f"{server.address}{following}", timeout=60).json()
        ids |= {one["person"]: one["id"] for one in part["people"]}
        following = part["next"]
    for name, face in faces.items():
        details = requests.get(f"{api}/people/{ids[name]}", timeout=60).json()
        low, high, other = 0.0, 1.0, details["look_alikes"][0]["person"]
        for _ in range(STEPS):
            share = (low + high) / 2
            file = _file(folder, "ambiguous", photos.paste(Image.blend(face, faces[other], share)))
            with file.open("rb") as stream:
                found = requests.post(f"{api}/identify", files={"image": stream}, timeout=60).json()["faces"]
            if [one["verdict"] for one in found] == ["ambiguous"]:
                return file
            if [one["verdict"] for one in found] != ["match"]:
                break
            low, high = (share, high) if found[0]["person"] == name else (low, share)
    sys.exit("No face between two people is ambiguous.")


def _context(browser: Browser, server: Server, width: int, **options):
    return browser.new_context(viewport={"width": width, "height": HEIGHT}, base_url=server.address, **options)


def _pictures(page: Page, files: dict[str, Path], suffix: str) -> None:
    page.goto("/", wait_until="networkidle")
    _save(page, f"upload{suffix}")
    _identify(page, files["two"])
    _save(page, f"results{suffix}")
    page.get_by_text("Details", exact=True).first.click()
    page.get_by_text("Mean, minimum and spread over reference photos").first.click()
    page.locator(".anchors").first.scroll_into_view_if_needed()
    _save(page, f"anchors{suffix}")
    for state in ("unknown", "ambiguous", "low_quality", "many"):
        _identify(page, files[state])
        _save(page, f"{state}{suffix}")
    _identify(page, files["one"], files["no-face"])
    _save(page, f"several{suffix}")
    page.goto("/")
    page.locator("#image").set_input_files(files["no-face"])
    page.locator("#problem:not(:empty)").wait_for(timeout=120_000)
    _save(page, f"no-face{suffix}")
    held = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/identify", hold)
    page.locator("#image").set_input_files([files[name] for name in ("two", "unknown", "no-face")])
    page.locator(".waiting").wait_for()
    _save(page, f"waiting{suffix}")
    page.get_by_role("button", name="Cancel").click()
    for route in held:
        route.abort()
    page.unroute_all(behavior="ignoreErrors")
    _comparison(page, files, suffix)
    for name, address in PAGES.items():
        page.goto(address, wait_until="networkidle")
        _save(page, f"{name}{suffix}")
    page.goto("/people", wait_until="networkidle")
    page.get_by_role("link", name=PEOPLE[0]).first.click()
    page.wait_for_load_state("networkidle")
    _save(page, f"person{suffix}")
    _correction(page, files, suffix)


def _correction(page: Page, files: dict[str, Path], suffix: str) -> None:
    page.goto("/manage")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state("networkidle")
    _identify(page, files["unknown"])
    page.get_by_text("Who is this?").click()
    page.get_by_label("Name (new or in the gallery)").press_sequentially("camila mendez")
    page.get_by_role("button", name="New person").scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    _save(page, f"correction{suffix}")


def _comparison(page: Page, files: dict[str, Path], suffix: str) -> None:
    page.goto("/compare")
    page.locator("#a").set_input_files(files["one"])
    page.locator("#b").set_input_files(files["two"])
    page.locator(".dropbox.chosen >> nth=1").wait_for()
    page.get_by_role("button", name="Compare faces").click()
    page.locator(".compared").wait_for(timeout=120_000)
    _save(page, f"compare{suffix}")


def _dark(page: Page, files: dict[str, Path]) -> None:
    _identify(page, files["two"])
    _save(page, "results-dark")
    page.goto("/model", wait_until="networkidle")
    _save(page, "model-dark")


def _identify(page: Page, *files: Path) -> None:
    page.goto("/")
    page.locator("#image").set_input_files(files)
    page.locator(".footnote").last.wait_for(timeout=120_000)
    page.wait_for_load_state("networkidle")


def _save(page: Page, name: str) -> None:
    """Save a screenshot of the window."""
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    file = FOLDER / f"{name}.png"
    picture.quantize(COLORS).save(file, optimize=True)
    print(f"{file.relative_to(ROOT)}: {picture.width} x {picture.height}, {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
