"""Record the web page and the command line for the README: docs/recordings/page.webp and docs/recordings/cli.svg.

`python docs/recordings.py` starts a server and runs commands with an empty database. The photos are made from shipped
portraits, not of real people. Requires Debian's chromium and the development tools (`make test` installs them).
"""

from __future__ import annotations

import html
import io
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from playwright.sync_api import Locator, Page, sync_playwright

from app.settings import ROOT
from tests import photos
from tests.photos import OTHER
from tests.server import serving

FOLDER = ROOT / "docs" / "recordings"

# The page.
SIZE = (960, 600)
QUALITY = 70
FRAME = 80
"""Milliseconds of a frame while something moves."""

# The command line: characters, and pixels of the font that the textLength of every line enforces.
CELL, LINE, MARGIN = 8.4, 20, 16
TYPING = 0.03
"""Seconds a typed character."""

PAUSE = 1.2
"""Seconds after the output of a command."""

COMMANDS = (
    "whopic identify party.jpg",
    'whopic people add "Ann Lee" ann1.jpg ann2.jpg ann3.jpg',
    "whopic identify party.jpg",
)

_CURSOR = """() => {
  document.getElementById("cursor")?.remove();
  const cursor = document.createElement("div");
  cursor.id = "cursor";
  Object.assign(cursor.style, {position: "fixed", width: "18px", height: "18px", borderRadius: "50%", zIndex: 999,
    background: "rgb(20 20 20 / .55)", border: "2px solid white", pointerEvents: "none", left: "470px", top: "560px"});
  document.body.append(cursor);
}"""


def main() -> None:
    """Record both."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        write_photos(Path(temporary))
        (FOLDER / "cli.svg").write_text(draw_terminal(run_commands(Path(temporary))), encoding="utf-8")
        with serving(Path(temporary)) as server:
            line = server.line(180)
            if not line.startswith("Ready"):
                sys.exit(f"The server did not start: {line}")
            record_page(server.address, FOLDER / "page.webp")
    for file in sorted(FOLDER.iterdir()):
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1000} kB")


def write_photos(folder: Path) -> None:
    """Write three photos of a made-up person, and one of them beside a person of the shipped gallery."""
    names = sorted(photos.portraits())
    styles = ((300, 5, 1.0, 1), (380, -8, 0.75, -1), (260, 12, 1.15, 1), (320, -3, 0.9, 1))
    for number, (side, tilt, light, direction) in enumerate(styles, start=1):
        # The share of other portraits differs, as a face does between photos.
        mixed = names[:8] + names[20 + 5 * number : 22 + 5 * number]
        pixels = np.mean([np.asarray(photos.portraits()[name].resize((224, 224))) for name in mixed], axis=0)
        face = Image.fromarray(pixels.round().astype(np.uint8)[:, ::direction])
        face = ImageEnhance.Brightness(face.filter(ImageFilter.UnsharpMask(2, 150, 0))).enhance(light)
        if number < len(styles):
            name, photo = f"ann{number}.jpg", photos.paste(face, side=side, tilt=tilt)
        else:
            other = photos.portraits()[OTHER].resize((224, 224))
            name, photo = "party.jpg", photos.paste(other, face, size=(1100, 700), side=side)
        (folder / name).write_bytes(photos.encode(photo, quality=92))


def run_commands(folder: Path) -> list[tuple[str, list[str]]]:
    """Run the commands in a folder, and return each with the lines of its output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FACES_")}
    environment["FACES_DATABASE_URL"] = f"sqlite:///{folder / 'recorded.sqlite'}"
    recorded = []
    for command in COMMANDS:
        words = [sys.executable, str(ROOT / "main.py"), *shlex.split(command)[1:]]
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        recorded.append((command, [*done.stdout.splitlines(), *done.stderr.splitlines()]))
    return recorded


def draw_terminal(recorded: list[tuple[str, list[str]]]) -> str:
    """Return an SVG that types the commands and shows their output, repeatedly. It has no script, font or link."""
    rows: list[tuple[str, float, float]] = []  # text, start and seconds of typing
    now = 0.5
    for command, output in recorded:
        typing = TYPING * len(command)
        rows.append((f"$ {command}", now, typing))
        now += typing + 0.5
        rows += [(line, now, 0.0) for line in output]
        rows.append(("", now, 0.0))
        now += PAUSE
    total = now + 2
    width = round(2 * MARGIN + CELL * max(len(text) for text, *_ in rows))
    height = 2 * MARGIN + LINE * (len(rows) - 1)
    style, body = [], []
    for number, (text, start, typing) in enumerate(rows):
        if not text:
            continue
        top = MARGIN + LINE * number
        color = "#8ab4f8" if typing else "#d7dce2"
        length = CELL * len(text)
        body.append(
            f'<text class="r{number}" x="{MARGIN}" y="{top + 14}" fill="{color}" textLength="{length:.0f}" '
            f'lengthAdjust="spacingAndGlyphs" xml:space="preserve">{html.escape(text)}</text>'
        )
        shown = 100 * start / total
        style.append(f"@keyframes k{number}{{0%{{opacity:0}}{shown:.2f}%,99%{{opacity:1}}100%{{opacity:0}}}}")
        style.append(f".r{number}{{animation:k{number} {total:.1f}s step-end infinite}}")
        if typing:
            # A cover that uncovers the command, a character a step.
            end = 100 * (start + typing) / total
            body.append(f'<rect class="cover c{number}" x="{MARGIN}" y="{top}" width="{width}" height="{LINE}"/>')
            style.append(
                f"@keyframes m{number}{{0%,{shown:.2f}%{{transform:translateX(0);"
                f"animation-timing-function:steps({len(text)})}}{end:.2f}%,100%{{transform:translateX({length:.0f}px)}}}}"
            )
            style.append(f".c{number}{{animation:m{number} {total:.1f}s infinite}}")
    label = html.escape("; ".join(command for command, _ in recorded), quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{label}">\n<style>text{{font:14px ui-monospace,Menlo,Consolas,monospace}}'
        f".cover{{fill:#14181d;transform:translateX({width}px)}}\n{chr(10).join(style)}\n"
        "@media (prefers-reduced-motion:reduce){*{animation:none!important}}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#14181d"/>\n'
        f'<clipPath id="window"><rect width="{width}" height="{height}" rx="8"/></clipPath>\n'
        f'<g clip-path="url(#window)">\n{chr(10).join(body)}\n</g>\n</svg>\n'
    )


class Film:
    """Screenshots of a page with their durations. Equal screenshots are one frame."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []
        self._last = b""

    def take(self, milliseconds: int = FRAME) -> None:
        """Add a screenshot that is shown for a time."""
        picture = self.page.screenshot()
        if picture == self._last:
            self.durations[-1] += milliseconds
            return
        self._last = picture
        self.frames.append(Image.open(io.BytesIO(picture)).convert("RGB"))
        self.durations.append(milliseconds)

    def click(self, target: Locator) -> None:
        """Move the cursor to an element and click it."""
        box = target.bounding_box()
        assert box, "The element is not visible."
        x, y = box["x"] + box["width"] / 2 - 9, box["y"] + box["height"] / 2 - 9
        for step in range(1, 7):
            self.page.evaluate(
                """([x, y, share]) => {
                  const cursor = document.getElementById("cursor"), style = cursor.style;
                  const [left, top] = [parseFloat(style.left), parseFloat(style.top)];
                  style.left = `${left + (x - left) * share}px`;
                  style.top = `${top + (y - top) * share}px`;
                }""",
                [x, y, step / 6],
            )
            self.take()
        self.take(240)
        target.click()

    def scroll(self, target: Locator) -> None:
        """Scroll smoothly until an element is at the top."""
        box = target.bounding_box()
        assert box, "The element is not visible."
        for _ in range(8):
            self.page.mouse.wheel(0, (box["y"] - 16) / 8)
            self.page.wait_for_timeout(50)
            self.take()

    def save(self, file: Path) -> None:
        """Write the frames as an animated WebP, which repeats."""
        self.frames[0].save(
            file,
            save_all=True,
            append_images=self.frames[1:],
            duration=self.durations,
            loop=0,
            quality=QUALITY,
            method=6,
        )
        print(f"{len(self.frames)} frames, {sum(self.durations) / 1000:.1f} s")


def record_page(address: str, file: Path) -> None:
    """Record a visit: a sample with three people, its result, and the details of a face."""
    with sync_playwright() as playwright:
        found = shutil.which("chromium") or sys.exit("chromium is not installed.")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, base_url=address)
        page.goto("/", wait_until="networkidle")
        page.evaluate(_CURSOR)
        film = Film(page)
        film.take(1000)
        film.scroll(page.locator(".samples"))
        film.click(page.get_by_role("button", name="Three people"))
        while not page.locator(".cards").count():
            film.take()
        page.evaluate(_CURSOR)
        page.wait_for_timeout(500)
        film.take(2200)
        details = page.get_by_text("Details", exact=True).first
        film.click(details)
        page.locator("#details").wait_for(timeout=60_000)
        page.wait_for_timeout(500)
        film.take(800)
        film.scroll(page.locator("#details"))
        film.take(2600)
        film.save(file)
        browser.close()


if __name__ == "__main__":
    main()
