"""What somebody who means harm would send, made here for tests and benches: files, archives by other names, forms."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from functools import cache

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

from tests import photos

pillow_heif.register_heif_opener()

ELSEWHERE = "/tmp/faces-evil"
"""Where archives and pictures lead whoever believes what they say."""


def scans(count: int) -> bytes:
    """A progressive JPEG of 4,000 x 4,000 pixels whose last scan is repeated."""
    data = photos.encode(Image.new("L", (4000, 4000), 100), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def huge_png(side: int = 30_000) -> bytes:
    """A PNG of side x side black pixels of one bit: of 900 megapixels about 100 kB, and nothing in it is a lie."""
    packer, row = zlib.compressobj(9), bytes(1 + side // 8)
    rows = b"".join([*(packer.compress(row * 100) for _ in range(side // 100)), packer.flush()])
    parts = (b"IHDR" + struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0), b"IDAT" + rows, b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts
    )


def long_gif(frames: int = 100_000) -> bytes:
    """A GIF of so many frames of 8 x 8 pixels."""
    still = photos.encode(Image.new("P", (8, 8), 3), "GIF")
    # After head and colors comes one frame, from its descriptor to the semicolon that ends the file.
    start = still.index(b"\x2c\x00\x00\x00\x00\x08\x00\x08\x00")
    return still[:start] + still[start:-1] * frames + b";"


def heic_grid(times: int, side: int = 512) -> bytes:
    """A HEIC of two kilobytes at most: one tile of side x side pixels that is repeated times x times."""
    tile = photos.encode(Image.new("RGB", (side, side), (90, 120, 150)), "HEIF", quality=30)
    at, media = tile.index(b"hvcC") - 4, tile.index(b"mdat") - 4
    codec = tile[at : at + int.from_bytes(tile[at : at + 4], "big")]
    coded = tile[media + 8 : media + int.from_bytes(tile[media : media + 4], "big")]
    plan = struct.pack(">BBBBII", 0, 1, times - 1, times - 1, times * side, times * side)

    def box(kind: bytes, *parts: bytes) -> bytes:
        return struct.pack(">I", 8 + sum(map(len, parts))) + kind + b"".join(parts)

    def item(number: int, kind: bytes) -> bytes:
        return box(b"infe", struct.pack(">IHH", 2 << 24, number, 0), kind, b"\0")

    def meta(start: int) -> bytes:
        pieces = [(1, start, len(plan)), (2, start + len(plan), len(coded))]
        places = b"".join(struct.pack(">HHHII", number, 0, 1, place, size) for number, place, size in pieces)
        sizes = [box(b"ispe", struct.pack(">III", 0, pixels, pixels)) for pixels in (times * side, side)]
        return box(
            b"meta",
            bytes(4),
            box(b"hdlr", bytes(8), b"pict", bytes(13)),
            box(b"pitm", struct.pack(">IH", 0, 1)),
            box(b"iloc", struct.pack(">IHH", 0, 0x4400, 2), places),
            box(b"iinf", struct.pack(">IH", 0, 2), item(1, b"grid"), item(2, b"hvc1")),
            box(
                b"iprp",
                box(b"ipco", *sizes, codec),
                box(b"ipma", struct.pack(">II", 0, 2), b"\0\1\1\x81", b"\0\2\2\x82\x83"),
            ),
            box(b"iref", bytes(4), box(b"dimg", struct.pack(">HH", 1, times**2), b"\0\2" * times**2)),
        )

    kind = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    return kind + meta(len(kind) + len(meta(0)) + 8) + box(b"mdat", plan, coded)


def lying_profile() -> bytes:
    """A color profile that says it is four gigabytes long, and of inks."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[:4], profile[16:20] = b"\xff" * 4, b"CMYK"
    return bytes(profile)


def _zipped(*members: tuple[str, int, bytes]) -> bytes:
    """A ZIP of (name, Unix mode, content) each."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, mode, content in members:
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, mode << 16
            archive.writestr(entry, content)
    return file.getvalue()


def _tarred(compression: str) -> bytes:
    """A tar with a link that leads elsewhere, and a file whose name does."""
    file, content = io.BytesIO(), photos.encode(photos.background(64, 48))
    with tarfile.open(fileobj=file, mode=f"w:{compression}") as archive:
        link = tarfile.TarInfo("photo.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name in (f"../../../..{ELSEWHERE}.jpg", f"{ELSEWHERE}.jpg"):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


@cache
def archives() -> dict[str, tuple[bytes, str]]:
    """Archives with links and paths in them, and pictures with such archives behind; codes as in `files`."""
    picture = photos.encode(photos.background(320, 240))
    linked = _zipped(("photo.jpg", 0o120777, b"/etc/passwd"), ("link", 0o120777, b"/tmp"), ("link/faces-evil", 0, b"x"))
    slipping = _zipped((f"../../../..{ELSEWHERE}", 0o644, picture), (ELSEWHERE, 0o644, picture), ("..\\evil", 0, b"x"))
    return {
        "a ZIP with links": (linked, "unreadable"),
        "a ZIP whose names lead elsewhere": (slipping, "unreadable"),
        **{f"a tar {kind}".strip(): (_tarred(kind), "unreadable") for kind in ("", "gz", "bz2", "xz")},
        "a JPEG with links behind": (picture + linked, "ok"),
        "a JPEG with paths behind": (picture + slipping, "ok"),
        "a GIF with paths behind": (photos.encode(photos.background(64, 48), "GIF") + slipping, "ok"),
    }


@cache
def leading_elsewhere() -> dict[str, tuple[bytes, str]]:
    """Pictures, and what is none, that name files and addresses of this machine; codes as in `files`."""
    picture, exif = photos.background(320, 240), Image.Exif()
    for tag in (0x010D, 0x010E, 0x0131, 0x013B):  # Name of the document, description, software, artist.
        exif[tag] = f"file://{ELSEWHERE}"
    link = f'<image xlink:href="file://{ELSEWHERE}" href="http://127.0.0.1:9/x"/>'
    document = f'<!DOCTYPE svg [<!ENTITY e SYSTEM "file://{ELSEWHERE}">]><svg>&e;{link}</svg>'.encode()
    return {
        "an SVG that includes files": (document, "unreadable"),
        "an MVG that includes files": (
            f"push graphic-context\nimage over 0,0 0,0 '{ELSEWHERE}'".encode(),
            "unreadable",
        ),
        "a PostScript that writes files": (f"%!PS-Adobe-3.0 EPSF-3.0\n({ELSEWHERE}) (w) file".encode(), "unreadable"),
        "a playlist": (f"#EXTM3U\nfile://{ELSEWHERE}".encode(), "unreadable"),
        "EXIF that names files": (photos.encode(picture, exif=exif), "ok"),
        "XMP that includes files": (photos.encode(picture, xmp=document), "ok"),
        "TIFF that names files": (photos.encode(picture, "TIFF", exif=exif), "ok"),
    }


@cache
def files() -> dict[str, tuple[bytes, str]]:
    """Files by what they are, with the codes that they may be answered with (`ok` is a picture)."""
    picture = photos.background(320, 240)
    lie = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 30000, 30000, 8, 2, 0, 0, 0, 0)
    ramp = (np.arange(320 * 240, dtype=np.uint16).reshape(240, 320) * 3).astype(np.uint16)
    exif = Image.Exif()
    exif[0x010E] = "x" * 65_400
    return {
        "a PNG of 900 megapixels": (huge_png(), "too_many_pixels"),
        "a PNG that says 900 megapixels": (lie, "too_many_pixels unreadable"),
        "a GIF of 100,000 frames": (long_gif(), "ok"),
        "an SVG": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "unreadable"),
        "a ZIP": (_zipped(("photo.jpg", 0o644, photos.encode(picture))), "unreadable"),
        "a HEIC of 164 megapixels": (heic_grid(25), "too_many_pixels"),
        "a HEIC of one tile 36 times": (heic_grid(6), "ok"),
        "a HEIC that ends early": (photos.encode(picture, "HEIF")[:400], "unreadable"),
        "a JPEG of 20,000 scans": (scans(20_000), "too_complex"),
        "64 kB of EXIF": (photos.encode(picture, exif=exif), "ok"),
        "CMYK": (photos.encode(picture.convert("CMYK")), "ok"),
        "16 bits": (photos.encode(Image.fromarray(ramp), "PNG"), "ok"),
        "Lab colors": (photos.encode(Image.new("LAB", (8, 8)), "TIFF"), "ok"),
        "a palette": (photos.encode(picture.quantize(16), "PNG"), "ok"),
        "1 bit": (photos.encode(picture.convert("1"), "TIFF"), "ok"),
        "a color profile that is none": (photos.encode(picture, icc_profile=b"\xff" * 3000), "ok"),
        "a wrong color profile": (photos.encode(picture, icc_profile=lying_profile()), "ok"),
        "a polyglot": (photos.encode(picture) + b"PK\x03\x04<script>alert(1)</script>", "ok"),
        **archives(),
        **leading_elsewhere(),
    }


def many_fields(count: int = 10_000) -> bytes:
    """The body of a form of so many fields; its boundary is `x`."""
    fields = (b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % number for number in range(count))
    return b"".join(fields) + b"--x--\r\n"
