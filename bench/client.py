"""A small client for benches: sends photos to a server of tests, and starts one that writes to a file."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.server import Server, serving

_HEAD = b'--x\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n\r\n'
_KIND = {"Content-Type": "multipart/form-data; boundary=x"}

PAGE, API = "/identify", "/api/v1/identify"


@contextmanager
def ready(folder: Path, **settings: str) -> Iterator[Server]:
    """A server that can name faces; what it prints is read and dropped."""
    with serving(folder, **{"FACES_LOG": "off", **settings}) as server:
        line = server.line(300)
        if not line.startswith("Ready"):
            raise SystemExit(f"The server did not start: {line}")
        threading.Thread(target=server.process.stdout.read, daemon=True).start()
        yield server


def send(server: Server, data: bytes, path: str = API, timeout: float = 120) -> tuple[int, bytes]:
    """Send one photo; status and body, or status 0 if the connection broke."""
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=timeout)
    try:
        connection.request("POST", path, _HEAD + data + b"\r\n--x--\r\n", _KIND)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
