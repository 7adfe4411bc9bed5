"""Untrusted files and requests: `.venv/bin/python -m bench.untrusted_files send|fuzz|requests|decoder`.

`send` posts hostile files to a real server, `fuzz` mutates valid files and forms, `requests` sends hostile methods,
headers, queries, forms and JSON to every route, and `decoder` measures what decoding in a subprocess costs for valid
photos. `bench.attack` has slow clients.
"""

from __future__ import annotations

import hashlib
import io
import re
import reprlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from app.errors import UnreadableImage
from app.settings import ROOT, Settings
from app.vision import decoding
from app.vision.decoder_pool import DecoderPool
from app.vision.decoding import DecodeLimits
from app.web.factory import create_app
from bench.common import (
    API,
    FORM_HEAD,
    PAGE,
    PeakMemory,
    load_recognizer,
    measure_usage,
    post_form,
    post_photo,
    start_server,
)
from tests import hostile, photos
from tests.server import Server, workers

BODY_SECONDS = 5
"""Longest time in which a request body may arrive."""

FINDINGS = Path(".fuzz")
"""Folder of files that end a decoder, and of forms with a 5xx response, below the current folder."""

ROUNDS = 7
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_SHARED = ROOT.parent / "shared"

HOSTILE_TEXTS = (
    "", " ", "0", "-1", "9" * 5000, "1e999", "NaN", "½", "\r\nX-Injected: 1", "\0", "\x1b[31m", "\u202e", "\ufeff",
    "\U0010ffff", "=1+1", "../../etc/passwd", "//host", "http://[", "<script>", "{{7*7}}", "%s%n", "' OR 1=1 --",
    "[" * 100_000, '{"a":' * 20_000, "jason " * 1900, "x" * 90_000,
)  # fmt: skip
"""Texts that parsers of numbers, paths, JSON, names and addresses fail on."""

FIELDS = (
    "anchor", "back", "confirm", "enroll", "face", "face-0", "face_id", "faces", "fpir", "image", "into", "name",
    "page", "person", "photo", "purge", "q", "reject", "rejected", "reviewed", "reviewed-0", "token", "undo", "v",
)  # fmt: skip
"""Fields of forms and queries that some route reads."""

HEADERS = (
    "Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Content-Encoding", "Content-Type", "Cookie",
    "If-Modified-Since", "If-None-Match", "Host", "Origin", "Range", "Referer", "Sec-Fetch-Site", "Transfer-Encoding",
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Request-ID", "X-HTTP-Method-Override",
)  # fmt: skip
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW", "a", "GET/")
TYPES = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json", "text/plain", "x")


@click.group()
def main() -> None:
    """Measure and attack decoder and server."""


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder, none if it does not exist."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file()] if folder.is_dir() else []


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), default=_SHARED / "hostile")
def send(folder: Path) -> None:
    """Send generated files, the files of FOLDER and endless forms to page and API.

    Every status has to be 200 or 4xx, and no worker may end.
    """
    files = {f"generated: {name}": data for name, (data, _) in hostile.files().items()}
    files["generated: the most scans allowed"] = hostile.scans(190)
    files["generated: a HEIC of 38 megapixels"] = hostile.heic_grid(12)
    files["generated: a PNG of 39 megapixels"] = photos.encode(Image.new("RGBA", (6240, 6240), (1, 2, 3, 4)), "PNG")
    paths = [path for path in files_below(folder) if path.suffix != ".csv"]
    files |= {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    statuses: Counter[tuple[str, int]] = Counter()
    times: list[tuple[float, str, int, str]] = []

    def measure(name: str, path: str, request: Callable[[], int]) -> None:
        started = time.monotonic()
        status = request()
        statuses[path, status] += 1
        times.append((time.monotonic() - started, path, status, name))

    settings = {"FACES_BODY_SECONDS": str(BODY_SECONDS)}
    with tempfile.TemporaryDirectory() as temporary, start_server(Path(temporary), **settings) as server:
        before, workers_before = measure_usage(server.process.pid), set(workers(server))
        with PeakMemory(server.process.pid) as peak:
            for path in (PAGE, API):
                for name, data in files.items():
                    measure(name, path, lambda data=data, path=path: post_photo(server, data, path))
                measure("10,000 fields", path, lambda path=path: post_form(server, path, hostile.many_fields()))
                measure("an endless photo", path, lambda path=path: post_endless(server, path))
        after, lost = measure_usage(server.process.pid), workers_before - set(workers(server))
    click.echo(f"files              {len(files)} and 2 forms, each to {PAGE} and {API}")
    for (path, status), count in sorted(statuses.items()):
        click.echo(f"{path:<18} {status or 'broken'}: {count}")
    for seconds, path, status, name in sorted(times, reverse=True)[:3]:
        click.echo(f"slowest            {seconds:.2f} s, {status}, {path}, {name}")
    click.echo(
        f"memory             {before.memory:.0f} MB before, {peak.memory:.0f} MB peak, {after.memory:.0f} MB after"
    )
    click.echo(f"processes          {before.processes} before, {after.processes} after; workers lost: {len(lost)}")
    if lost or any(status == 0 or status >= 500 for _, status in statuses):
        raise SystemExit("The server failed on some files.")


def post_endless(server: Server, path: str) -> int:
    """Post a photo that never ends, slowly, and return the status."""

    def chunks() -> Iterator[bytes]:
        yield FORM_HEAD
        while True:
            yield bytes(100)
            time.sleep(0.05)

    return post_form(server, path, chunks())


class FormsOnly:
    """Recognizer without detector and network, for requests that only test forms."""

    settings = Settings()

    def __init__(self, decoder: DecoderPool) -> None:
        self.decoder = decoder

    def __getattr__(self, name: str) -> Any:
        raise UnreadableImage("unreadable", name)


@main.command()
@click.option("--minutes", default=10.0, show_default=True)
@click.option("--seed", default=1, show_default=True)
def fuzz(minutes: float, seed: int) -> None:
    """Decode mutated files, post mutated forms, and store findings in .fuzz/ so that they become tests."""
    rng = np.random.default_rng(seed)
    decoder = DecoderPool(DecodeLimits(40_000_000, 2400, 10, 1_000_000_000))
    client = create_app(Settings(), FormsOnly(decoder)).test_client()
    files = seed_files(_SHARED / "hostile")
    forms = [FORM_HEAD + data + b"\r\n--x--\r\n" for data in files[:12]]
    codes: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    slowest, end = 0.0, time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        data, started = mutate(rng, files), time.monotonic()
        try:
            decoder.decode(data)
            code = "decoded"
        except UnreadableImage as error:
            code = error.code
        slowest = max(slowest, time.monotonic() - started)
        codes[code] += 1
        if code == "too_complex":
            store_finding(data, "file")
        if codes.total() % 4 == 0:
            form = mutate(rng, forms)
            response = client.post(API, data=form, content_type="multipart/form-data; boundary=x")
            statuses[response.status_code] += 1
            if response.status_code >= 500:
                store_finding(form, "form")
    click.echo(f"files         {codes.total()}; slowest {slowest:.2f} s")
    click.echo("              " + ", ".join(f"{code} {count}" for code, count in codes.most_common()))
    click.echo(f"forms         {statuses.total()}")
    click.echo("              " + ", ".join(f"{status}: {count}" for status, count in statuses.most_common()))


@main.command()
@click.option("--minutes", default=2.0, show_default=True)
@click.option("--seed", default=1, show_default=True)
def requests(minutes: float, seed: int) -> None:
    """Send random methods, headers, queries, forms and JSON to every route, with and without the administrator's token.

    No status may be 500 or more, except 501 and 503.
    """
    rng = np.random.default_rng(seed)
    token = "an administrator token"
    statuses: Counter[int] = Counter()
    failed: list[str] = []
    slowest: tuple[float, str] = (0.0, "")
    with load_recognizer() as recognizer:
        app = create_app(recognizer.settings.with_changes(admin_token=token, log="off"), recognizer)
        visitor, administrator = app.test_client(), app.test_client()
        administrator.post("/sign-in", data={"key": token})
        routes = [rule.rule for rule in app.url_map.iter_rules()]
        end = time.monotonic() + 60 * minutes
        while time.monotonic() < end:
            path = re.sub(
                r"<[^>]*>", lambda _: str(rng.choice(["1", "0", "999999", "x", "%00"])), str(rng.choice(routes))
            )
            method, client = str(rng.choice(METHODS)), (visitor, administrator)[rng.integers(2)]
            headers = {str(name): header_text(rng) for name in rng.choice(HEADERS, rng.integers(4), replace=False)}
            if client is administrator and path.startswith("/api/"):
                headers["Authorization"] = f"Bearer {token}"
            sent: dict[str, Any] = {"query_string": fields(rng), "headers": headers}
            if method not in ("GET", "HEAD"):
                sent |= body(rng)
            started = time.monotonic()
            status = client.open(path, method=method, **sent).status_code
            slowest = max(slowest, (time.monotonic() - started, f"{method} {path}"))
            statuses[status] += 1
            if status >= 500 and status not in (501, 503):
                failed.append(f"{status} {method} {path} {reprlib.repr(sent)}")
    click.echo(f"requests      {statuses.total()}; slowest {slowest[0]:.2f} s, {slowest[1]}")
    click.echo("              " + ", ".join(f"{status}: {count}" for status, count in statuses.most_common()))
    if failed:
        raise SystemExit("\n".join(failed[:20]))


def fields(rng: np.random.Generator) -> dict[str, str]:
    """Return a few fields with hostile texts."""
    return {str(name): str(rng.choice(HOSTILE_TEXTS)) for name in rng.choice(FIELDS, rng.integers(5), replace=False)}


def header_text(rng: np.random.Generator) -> str:
    """Return a hostile text that HTTP allows in a header."""
    text = re.sub(r"[\0-\x1f]", "", str(rng.choice(HOSTILE_TEXTS)))
    return text[:4000].encode("utf-8").decode("latin-1")


def body(rng: np.random.Generator) -> dict[str, Any]:
    """Return a form, a JSON document or bytes, with a matching or a wrong content type, for the test client."""
    match int(rng.integers(4)):
        case 0:
            return {"data": fields(rng)}
        case 1:
            upload = (io.BytesIO(rng.bytes(100)), header_text(rng))
            return {"data": fields(rng) | {"image": upload}, "content_type": TYPES[1].split(";")[0]}
        case 2:
            return {"json": fields(rng) | {"list": [None, 1.5, {}]}}
        case _:
            return {"data": str(rng.choice(HOSTILE_TEXTS)).encode(), "content_type": str(rng.choice(TYPES))}


def seed_files(folder: Path) -> list[bytes]:
    """Return small valid files of every format, and the small files of a folder."""
    picture = photos.background(48, 36)
    files = [photos.encode(picture, kind) for kind in "JPEG PNG WEBP GIF BMP TIFF AVIF HEIF MPO".split()]
    files += [photos.encode(picture, progressive=True), photos.encode(picture.convert("CMYK"))]
    files += [photos.encode(picture.quantize(8), "PNG"), photos.encode(picture.convert("1"), "TIFF")]
    files += [photos.encode(Image.new("RGBA", (20, 20)), kind) for kind in ("PNG", "WEBP", "AVIF")]
    files += [photos.encode(picture, "TIFF", compression=kind) for kind in ("tiff_lzw", "jpeg", "tiff_adobe_deflate")]
    return files + [path.read_bytes() for path in files_below(folder) if 0 < path.stat().st_size < 50_000]


def mutate(rng: np.random.Generator, files: list[bytes]) -> bytes:
    """Return one of the files with some bytes, numbers or parts changed."""
    data = bytearray(files[rng.integers(len(files))])
    for _ in range(rng.integers(1, 8)):
        if not data:
            break
        at = int(rng.integers(len(data)))
        match int(rng.integers(6)):
            case 0:
                data[at] = rng.integers(256)
            case 1:
                data[at] ^= 1 << int(rng.integers(8))
            case 2:
                width = int(rng.choice([1, 2, 4]))
                value = _NUMBERS[rng.integers(len(_NUMBERS))] & ((1 << 8 * width) - 1)
                data[at : at + width] = value.to_bytes(width, "big" if rng.random() < 0.5 else "little")
            case 3:
                del data[at : at + int(rng.integers(1, 64))]
            case 4:
                data[at:at] = data[at : at + int(rng.integers(1, 512))] * int(rng.integers(1, 20))
            case _:
                other = files[rng.integers(len(files))]
                data[at:] = other[int(rng.integers(len(other))) :]
    return bytes(data)


def store_finding(data: bytes, kind: str) -> None:
    """Write a finding, named by its hash."""
    FINDINGS.mkdir(exist_ok=True)
    (FINDINGS / f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), default=_SHARED / "photos")
def decoder(folder: Path) -> None:
    """Decode the photos of FOLDER, and portraits in every format, in this process and in the decoder's."""
    face = photos.portraits()[photos.PERSON]
    groups = {
        f"{kind}, {width} x {height}": [photos.encode(photos.paste(face, size=(width, height), side=height // 2), kind)]
        for kind in ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
        for width, height in ((1200, 900), (4000, 3000))
    }
    if paths := [path for path in files_below(folder) if decoding.is_photo_file(path)]:
        groups[f"{len(paths)} photos of {folder.name}"] = [path.read_bytes() for path in paths[:: len(paths) // 60 + 1]]
    settings = Settings()
    pool = DecoderPool.from_settings(settings)
    pool.warm_up()
    click.echo(f"{'':<28} {'here, ms':>9} {'decoder, ms':>12} {'ratio':>6}")
    for name, files in groups.items():
        times = np.zeros((2, ROUNDS, len(files)))
        for turn in range(ROUNDS):
            for number, data in enumerate(files):
                started = time.perf_counter()
                decoding.decode(data, settings.max_pixels, settings.detection_side)
                middle = time.perf_counter()
                pool.decode(data)
                times[:, turn, number] = middle - started, time.perf_counter() - middle
        here, isolated = 1000 * np.median(times, axis=1).mean(axis=1)
        click.echo(f"{name:<28} {here:>9.1f} {isolated:>12.1f} {isolated / here:>6.2f}")


if __name__ == "__main__":
    main()
