"""`face_recognition` (dlib, HOG) as a peer to compare with, in its own environment and process.

The environment is created once, in `.bench/`. There this file runs as a script: for each JSON line on standard input
it prints one with boxes, encodings and seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_ROOT = Path(__file__).resolve().parents[1]
FOLDER = _ROOT / ".bench" / "face_recognition"

_INSTALLS = (
    ("setuptools<81", "wheel", "dlib-bin==20.0.1.post1", "numpy", "pillow", "click"),
    ("--no-deps", "face_recognition==1.3.0"),
    ("--no-deps", "--no-build-isolation", "face_recognition_models==0.3.0"),
)
"""Packages in order of installation. The declared requirements would compile dlib."""


@dataclass(frozen=True, eq=False)
class PeerFaces:
    """Faces of one picture: boxes (left, top, width, height), float64 (faces, 128), and seconds by stage."""

    boxes: list[tuple[int, int, int, int]]
    encodings: np.ndarray
    seconds: dict[str, float]

    @property
    def largest(self) -> np.ndarray | None:
        """The encoding of the largest face, or None."""
        areas = [width * height for _, _, width, height in self.boxes]
        return self.encodings[int(np.argmax(areas))] if areas else None


class DlibPeer:
    """A running worker."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid

    def find(self, path: Path, upsample: int = 1) -> PeerFaces:
        """Find and encode the faces of one picture; `upsample` is the library's default."""
        print(json.dumps({"path": str(path.resolve()), "upsample": upsample}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            sys.exit("face_recognition ended. Its message is above.")
        found = json.loads(line)
        encodings = np.array(found["encodings"]).reshape(-1, 128)
        return PeerFaces([tuple(box) for box in found["boxes"]], encodings, found["seconds"])


def group_crops(paths: Sequence[Path], boxes: Sequence[tuple[int, int, int, int]]) -> np.ndarray:
    """Group one face a picture by dlib's Chinese whispers at its usual distance of 0.5: int (pictures,).

    `boxes` (left, top, width, height) are used for pictures without a detected face.
    """
    command = [str(_prepare_environment()), "-W", "ignore", __file__, "group"]
    lines = [json.dumps({"path": str(path.resolve()), "box": box}) for path, box in zip(paths, boxes, strict=True)]
    done = subprocess.run(command, input="\n".join(lines), stdout=subprocess.PIPE, text=True, check=True)
    return np.array(json.loads(done.stdout))


@contextmanager
def start_peer() -> Iterator[DlibPeer]:
    """Start a worker on the cores of this process."""
    command = [str(_prepare_environment()), "-W", "ignore", __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield DlibPeer(process)
        process.stdin.close()


def _prepare_environment() -> Path:
    python = FOLDER / "bin" / "python"
    done = FOLDER / "installed"
    if not done.exists():
        print(f"Installing face_recognition into {FOLDER.relative_to(_ROOT)}…", file=sys.stderr, flush=True)
        venv.create(FOLDER, with_pip=True, clear=True)
        for packages in _INSTALLS:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        done.touch()
    return python


def _find_faces(path: str, upsample: int) -> dict[str, Any]:
    import face_recognition

    times = [time.perf_counter()]
    picture = face_recognition.load_image_file(path)
    times.append(time.perf_counter())
    boxes = face_recognition.face_locations(picture, number_of_times_to_upsample=upsample)
    times.append(time.perf_counter())
    encodings = face_recognition.face_encodings(picture, boxes)
    times.append(time.perf_counter())
    return {
        "boxes": [(left, top, right - left, bottom - top) for top, right, bottom, left in boxes],
        "encodings": [encoding.tolist() for encoding in encodings],
        "seconds": dict(zip(("decode", "detect", "embed"), np.diff(times).tolist(), strict=True)),
    }


def _group(requests: list[dict[str, Any]]) -> list[int]:
    import dlib
    import face_recognition

    encodings = []
    for number, request in enumerate(requests):
        picture = face_recognition.load_image_file(request["path"])
        left, top, width, height = request["box"]
        boxes = face_recognition.face_locations(picture) or [(top, left + width, top + height, left)]
        encodings.append(dlib.vector(face_recognition.face_encodings(picture, boxes[:1])[0]))
        if number % 1000 == 0:
            print(f"{number} of {len(requests)} encoded", file=sys.stderr, flush=True)
    return list(dlib.chinese_whispers_clustering(encodings, 0.5))


if __name__ == "__main__":
    if sys.argv[1:] == ["group"]:
        print(json.dumps(_group([json.loads(line) for line in sys.stdin])))
        sys.exit()
    for request in sys.stdin:
        print(json.dumps(_find_faces(**json.loads(request))), flush=True)
