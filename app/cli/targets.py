"""`targets`: a stronger network's embeddings of one's own faces, and its answers about blends of two."""

from __future__ import annotations

import time
from pathlib import Path

import click

from app.cli import common
from app.cli.training_options import COLOR, FILE, FOLDER, VALUES, WORK, progress_bars


@click.command()
@click.argument("faces", metavar="FACES_FOLDER", type=FOLDER)
@click.argument("teacher", metavar="ONNX_FILE", type=FILE)
@WORK
@click.option(
    "--answers",
    type=click.Path(path_type=Path, file_okay=False),
    help="Instead of targets.npy, answers about blends of two faces go into this folder; going on there later.",
)
@click.option("--laps", default=4, show_default=True, help="Blends with each face; for --answers.")
@click.option("--seed", default=1, show_default=True, help="Of the blends; for --answers.")
@COLOR
@VALUES
@click.option("--threads", default=2, show_default=True, help="Faces it looks at at once, one core each.")
def targets(
    faces: Path,
    teacher: Path,
    work: Path,
    answers: Path | None,
    laps: int,
    seed: int,
    color: str,
    values: str,
    threads: int,
) -> None:
    """Ask a teacher, a face network in ONNX_FILE, about the faces of FACES_FOLDER, for train to learn from.

    Writes FACES_FOLDER/targets.npy, and an index.csv that lists the faces where there is none. The network takes
    aligned faces of 112 x 112 pixels. First: .venv/bin/pip install -r requirements-training.txt.
    """
    settings = common.load_settings()
    with progress_bars() as tick:
        from app.training.data import answers as asking
        from app.training.data import targets as plain
        from app.training.data import tiles
        from app.training.fit.teacher import Teacher
        from app.vision.detection import Detector

        asked = Teacher(teacher, color, values, threads)
        detector = Detector.from_settings(settings)
        packed = tiles.pack(faces, work / "tiles", detector, lambda done, total: tick("reading faces", done, total))
        seen = []

        def note(done: int, total: int) -> None:
            seen.append((time.monotonic(), done))
            tick("asking the teacher", done, total)

        if answers:
            asking.ask(packed, answers, asked, laps, seed, note)
            written = answers
        else:
            written = plain.write(faces, packed, asked, note)
    speed = f", {_rate(seen):.1f} faces a second" if len(seen) > 1 else ""
    click.echo(
        f"Wrote {written}{speed}. Next: python main.py train {faces}{f' --answers {answers}' if answers else ''}"
    )


def _rate(seen: list[tuple[float, int]]) -> float:
    (began, first), (ended, last) = seen[0], seen[-1]
    return (last - first) / max(1e-9, ended - began)
