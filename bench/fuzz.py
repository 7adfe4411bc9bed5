"""Mutants of valid files against the decoder and the forms: `.venv/bin/python -m bench.fuzz [MINUTES] [SEED]`.

Files that end a decoder process, and forms that are answered with 5xx, are written to .fuzz/, to become tests.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from app.errors import UnreadableImage
from app.settings import ROOT, Settings
from app.vision.decoder_pool import DecoderPool
from app.vision.decoding import DecodeLimits
from app.web.factory import create_app
from tests import photos

FOUND = Path(".fuzz")
"""Where findings go, below the current folder."""

_LENGTHS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


class _Nobody:
    """Stands where a recognizer would: the forms are what is looked at."""

    settings = Settings()

    def __init__(self, decoder: DecoderPool) -> None:
        self.decoder = decoder

    def __getattr__(self, name: str):
        raise UnreadableImage("unreadable", name)


def seeds(folder: Path) -> list[bytes]:
    """Small valid files of every format, and what lies in a folder."""
    picture = photos.background(48, 36)
    kinds = "JPEG PNG WEBP GIF BMP TIFF AVIF HEIF MPO".split()
    found = [photos.encode(picture, kind) for kind in kinds]
    found += [photos.encode(picture, progressive=True), photos.encode(picture.convert("CMYK"))]
    found += [photos.encode(picture.quantize(8), "PNG"), photos.encode(picture.convert("1"), "TIFF")]
    found += [photos.encode(Image.new("RGBA", (20, 20)), kind) for kind in ("PNG", "WEBP", "AVIF")]
    found += [photos.encode(picture, "TIFF", compression=kind) for kind in ("tiff_lzw", "jpeg", "tiff_adobe_deflate")]
    paths = sorted(folder.rglob("*")) if folder.is_dir() else []
    return found + [path.read_bytes() for path in paths if path.is_file() and 0 < path.stat().st_size < 50_000]


def mutant(rng: np.random.Generator, files: list[bytes]) -> bytes:
    """One of the files with a few bytes, numbers or pieces changed."""
    data = bytearray(files[rng.integers(len(files))])
    for _ in range(rng.integers(1, 8)):
        if not data:
            break
        at, kind = int(rng.integers(len(data))), rng.integers(6)
        if kind == 0:
            data[at] = rng.integers(256)
        elif kind == 1:
            data[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            width = int(rng.choice([1, 2, 4]))
            value = _LENGTHS[rng.integers(len(_LENGTHS))] & ((1 << 8 * width) - 1)
            data[at : at + width] = value.to_bytes(width, "big" if rng.random() < 0.5 else "little")
        elif kind == 3:
            del data[at : at + int(rng.integers(1, 64))]
        elif kind == 4:
            data[at:at] = data[at : at + int(rng.integers(1, 512))] * int(rng.integers(1, 20))
        else:
            other = files[rng.integers(len(files))]
            data[at:] = other[int(rng.integers(len(other))) :]
    return bytes(data)


def main() -> None:
    """Go on for some minutes, and print what came of it."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    rng = np.random.default_rng(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    decoder = DecoderPool(DecodeLimits(40_000_000, 2400, 10, 1_000_000_000))
    client = create_app(Settings(), _Nobody(decoder)).test_client()
    files, end = seeds(ROOT.parent / "shared" / "hostile"), time.monotonic() + 60 * minutes
    forms = [_form(data) for data in files[:12]]
    codes, statuses, slowest = Counter(), Counter(), 0.0
    while time.monotonic() < end:
        data, started = mutant(rng, files), time.monotonic()
        code = _decoded(decoder, data)
        slowest = max(slowest, time.monotonic() - started)
        codes[code] += 1
        if code == "too_complex":
            _keep(data, "file")
        if sum(codes.values()) % 4 == 0:
            form = mutant(rng, forms)
            answer = client.post("/api/v1/identify", data=form, content_type="multipart/form-data; boundary=x")
            statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                _keep(form, "form")
    print(f"files tried   {sum(codes.values())}; slowest {slowest:.2f} s")
    print("              " + ", ".join(f"{code} {count}" for code, count in codes.most_common()))
    print(f"forms tried   {sum(statuses.values())}")
    print("              " + ", ".join(f"{status}: {count}" for status, count in statuses.most_common()))


def _decoded(decoder: DecoderPool, data: bytes) -> str:
    try:
        decoder.decode(data)
    except UnreadableImage as error:
        return error.code
    return "read"


def _form(data: bytes) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return head + data + b"\r\n--x--\r\n"


def _keep(data: bytes, kind: str) -> None:
    FOUND.mkdir(exist_ok=True)
    (FOUND / f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)


if __name__ == "__main__":
    main()
