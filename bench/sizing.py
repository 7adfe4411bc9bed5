"""What a server takes of memory and disk: `.venv/bin/python -m bench.sizing`.

A real server with one worker, as it starts and after photos; then requests of the largest size, one by one. The figures
are those of docs/operating.md.
"""

from __future__ import annotations

import http.client
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from app.settings import Settings
from bench.client import API, ready, send
from bench.observed import Peak, family, resident
from tests import photos
from tests.server import Server, workers

PHOTOS = 40
"""Photos sent before a process is looked at: by then it holds what it needs."""

SIZES = ((900, 700), (1600, 1200), (4000, 3000))
"""Of the photos, in pixels."""

LARGE = 4
"""Requests of the largest size."""


def decoders(server: Server) -> list[int]:
    """The processes that decode pictures."""
    return [pid for pid in family(server.process.pid) if b"app.vision.decoder_process" in _command(pid)]


def large(server: Server, size: int, files: int) -> None:
    """Send a request of a size, in files that are no pictures."""
    piece = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + bytes(size // files - 200)
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=120)
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    with closing(connection):
        connection.request("POST", API, (piece + b"\r\n") * files + b"--x--\r\n", kind)
        if connection.getresponse().status >= 500:
            raise SystemExit("A large request was not answered as it should be.")


def of_gallery(path: Path) -> dict[str, float]:
    """People, anchors, and bytes of a gallery's file: of an embedding, of a portrait, and of a person in all."""
    with closing(sqlite3.connect(path)) as database:
        [[people, anchors, embedding, portrait, size]] = database.execute(
            "SELECT (SELECT count(*) FROM person), (SELECT count(*) FROM anchor), "
            "(SELECT avg(length(embedding)) FROM anchor), (SELECT avg(length(webp)) FROM portrait), "
            "(SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)"
        )
    return {
        "people": people,
        "anchors": anchors,
        "embedding": embedding,
        "portrait": portrait,
        "person": size / people,
    }


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def main() -> None:
    """Measure and print."""
    settings = Settings()
    face = photos.portraits()[photos.PERSON]
    kinds = [photos.encode(photos.paste(face, size=(width, height), side=height // 2)) for width, height in SIZES]
    with tempfile.TemporaryDirectory() as folder, ready(Path(folder)) as server:
        [process] = workers(server)
        started = resident(process)
        for number in range(PHOTOS):
            send(server, kinds[number % len(kinds)])
        used, readers = resident(process), [resident(pid) for pid in decoders(server)]
        files = -(-settings.max_request_bytes // settings.max_file_bytes)
        with Peak(process, resident) as peak:
            for _ in range(LARGE):
                large(server, settings.max_request_bytes, files)
        gallery = of_gallery(server.folder / "server.sqlite")
    body = settings.max_request_bytes / 2**20
    print(f"a server process     {started:.0f} MB when it is ready, {used:.0f} MB after {PHOTOS} photos")
    print(f"each of its decoders {max(readers):.0f} MB after these photos; {len(readers)} run")
    print(
        f"a body of {body:.0f} MB      {peak.memory - used:.0f} MB at the most: {(peak.memory - used) / body:.1f} times"
    )
    print(f"an anchor            {gallery['embedding']:.0f} bytes in memory, {gallery['anchors']:.0f} of them")
    print(f"a portrait           {gallery['portrait'] / 1000:.1f} kB")
    print(f"a person             {gallery['person'] / 1000:.0f} kB on the disk, {gallery['people']:.0f} of them")


if __name__ == "__main__":
    main()
