"""A real server for tests: gunicorn in a process of its own, on a free port of this machine."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.settings import ROOT


@dataclass(frozen=True)
class Server:
    """A started server, where it is, or will be, reached, and the folder of its gallery."""

    address: str
    process: subprocess.Popen
    folder: Path

    def line(self, seconds: float) -> str:
        """The next line that it prints, on whichever stream; empty if none comes in time."""
        deadline, text = time.monotonic() + seconds, b""
        output = self.process.stdout.fileno()
        while not text.endswith(b"\n") and (left := deadline - time.monotonic()) > 0:
            if select.select([output], [], [], left)[0]:
                byte = os.read(output, 1)
                if not byte:
                    break
                text += byte
        return text.decode()


@contextmanager
def serving(folder: Path, module: str = "wsgi:app", **settings: str) -> Iterator[Server]:
    """Start a server with a gallery in a folder; it is not ready yet.

    Args:
        folder: where its database is made.
        module: what gunicorn serves.
        settings: environment variables beside those, e.g. FACES_MODEL.
    """
    port = free_port()
    own = {"FACES_PORT": str(port), "FACES_DATABASE_URL": f"sqlite:///{folder / 'server.sqlite'}"}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FACES_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", module],
        cwd=ROOT,
        env=clean | own | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    # Nobody reads its log: a pipe of 64 kB would be full after some hundred requests, and the server stand still.
    fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 1 << 20)
    try:
        yield Server(f"http://127.0.0.1:{port}", process, folder)
    finally:
        process.terminate()
        # As long as accepted requests may take, and some more.
        process.wait(90)
        process.stdout.close()


def workers(server: Server) -> list[int]:
    """The process ids of a server's workers; their decoders are below them."""
    master = server.process.pid
    return [int(word) for word in Path(f"/proc/{master}/task/{master}/children").read_text(encoding="ascii").split()]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
