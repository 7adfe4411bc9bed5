"""What a user would pick instead: `face_recognition` (dlib), in an environment and a process of its own.

Its HOG detector, as its README uses it. The environment is made once, in `.bench/`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.settings import ROOT

FOLDER = ROOT / ".bench" / "face_recognition"
WORKER = Path(__file__).with_name("dlib_worker.py")

_INSTALLS = (
    ("setuptools<81", "wheel", "dlib-bin==20.0.1.post1", "numpy", "pillow", "click"),
    ("--no-deps", "face_recognition==1.3.0"),
    ("--no-deps", "--no-build-isolation", "face_recognition_models==0.3.0"),
)
"""What is installed, in this order: its own list of requirements wants to compile dlib."""


@dataclass(frozen=True, eq=False)
class Answer:
    """Its answer about one picture: boxes (left, top, width, height), float64 (faces, 128), seconds by step."""

    boxes: list[tuple[int, int, int, int]]
    encodings: np.ndarray
    seconds: dict[str, float]

    @property
    def largest(self) -> np.ndarray | None:
        """The encoding of the largest face, or None."""
        areas = [width * height for _, _, width, height in self.boxes]
        return self.encodings[int(np.argmax(areas))] if areas else None


def environment() -> Path:
    """The Python of the environment; made if it is not there."""
    python = FOLDER / "bin" / "python"
    done = FOLDER / "installed"
    if not done.exists():
        print(f"Installing face_recognition into {FOLDER.relative_to(ROOT)}…", file=sys.stderr, flush=True)
        venv.create(FOLDER, with_pip=True, clear=True)
        for wanted in _INSTALLS:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
        done.touch()
    return python


class Rival:
    """A started worker."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def ask(self, path: Path, upsample: int = 1) -> Answer:
        """Find and encode the faces of one picture; `upsample` is its own default."""
        print(json.dumps({"path": str(path.resolve()), "upsample": upsample}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            sys.exit("face_recognition ended; its message is above.")
        found = json.loads(line)
        encodings = np.array(found["encodings"]).reshape(-1, 128)
        return Answer([tuple(box) for box in found["boxes"]], encodings, found["seconds"])


@contextmanager
def rival() -> Iterator[Rival]:
    """Start a worker, on the cores that this process may use."""
    command = [str(environment()), "-W", "ignore", str(WORKER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Rival(process)
        process.stdin.close()
