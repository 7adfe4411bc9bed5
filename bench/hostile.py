"""Every hostile file, to page and API of a real server: `.venv/bin/python -m bench.hostile [FOLDER]`.

FOLDER holds files of any kind; files that are made here come besides, and forms of ten thousand fields and without
end. Every answer has to be 200 or 4xx, and the worker has to live on.
"""

from __future__ import annotations

import http.client
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from app.settings import ROOT
from bench.client import API, PAGE, ready, send
from bench.observed import Peak, holding
from tests import hostile, photos
from tests.server import Server, workers

BODY_SECONDS = 5
"""How long a request may take to arrive: a form without end takes so long."""


def files(folder: Path) -> dict[str, bytes]:
    """What is sent, by name."""
    found = {f"generated: {name}": data for name, (data, _) in hostile.files().items()}
    found["generated: the most scans allowed"] = hostile.scans(190)
    found["generated: a HEIC of 38 megapixels"] = hostile.heic_grid(12)
    found["generated: a PNG of 39 megapixels"] = photos.encode(Image.new("RGBA", (6240, 6240), (1, 2, 3, 4)), "PNG")
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and path.suffix != ".csv":
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def fields(server: Server, path: str) -> int:
    """Send ten thousand fields; the status."""
    return _form(server, path, hostile.many_fields())


def endless(server: Server, path: str) -> int:
    """Send a photo that never ends; the status."""

    def pieces() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        while True:
            yield bytes(100)
            time.sleep(0.05)

    return _form(server, path, pieces())


def _form(server: Server, path: str, body: bytes | Iterator[bytes]) -> int:
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=120)
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    try:
        try:
            connection.request("POST", path, body, kind, encode_chunked=not isinstance(body, bytes))
        except BrokenPipeError:
            # The server has answered, and listens no more; the answer is there to be read.
            response = http.client.HTTPResponse(connection.sock, method="POST")
            response.begin()
            return response.status
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def main() -> None:
    """Send everything and print what came of it."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared" / "hostile"
    sent, statuses, slowest = files(folder), Counter(), []

    def timed(name: str, path: str, ask: Callable[[], int]) -> None:
        started = time.monotonic()
        status = ask()
        statuses[path, status] += 1
        slowest.append((time.monotonic() - started, path, status, name))

    with tempfile.TemporaryDirectory() as place, ready(Path(place), FACES_BODY_SECONDS=str(BODY_SECONDS)) as server:
        before, served_by = holding(server.process.pid), set(workers(server))
        with Peak(server.process.pid) as peak:
            for path in (PAGE, API):
                for name, data in sent.items():
                    timed(name, path, lambda data=data, path=path: send(server, data, path)[0])
                timed("ten thousand fields", path, lambda path=path: fields(server, path))
                timed("a form without end", path, lambda path=path: endless(server, path))
        after, lost = holding(server.process.pid), served_by - set(workers(server))
    print(f"files tried        {len(sent)} and 2 forms, each to {PAGE} and {API}")
    for (path, status), count in sorted(statuses.items()):
        print(f"{path:<18} {status or 'broken'}: {count}")
    for seconds, path, status, name in sorted(slowest, reverse=True)[:3]:
        print(f"slowest            {seconds:.2f} s, {status}, {path}, {name}")
    print(f"memory             {before.memory:.0f} MB before, {peak.memory:.0f} MB peak, {after.memory:.0f} MB after")
    print(f"processes          {before.processes} before, {after.processes} after; workers lost: {len(lost)}")
    if lost or any(status == 0 or status >= 500 for _, status in statuses):
        raise SystemExit("Some files were not answered as they should be.")


if __name__ == "__main__":
    main()
