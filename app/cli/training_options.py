"""Options and progress bars shared by `train`, `ship` and `evaluate`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from tqdm import tqdm

from app.settings import ROOT

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
OUTPUT = click.Path(path_type=Path)
WORK = click.option(
    "--work",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / ".training",
    help="Folder for checkpoints and cached crops. A later call resumes there. Default: .training here.",
)
GALLERY = click.option(
    "--gallery", default="celebrities", show_default=True, help="Sub-folder of FACES_FOLDER with the gallery people."
)
LFW = click.option(
    "--lfw",
    type=FOLDER,
    help="LFW folder with photos and pairs.txt. People with ten or more photos join the gallery with half of them.",
)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows a progress bar for each step, see `app.training.data.crops.Progress`."""
    # Imported here, quietly: TensorFlow's log lines would break the bars.
    from app.recognition.siamese import import_keras

    import_keras()
    bars: dict[str, tqdm] = {}

    def update(step: str, done: int, total: int) -> None:
        if step not in bars:
            # Items that an earlier call finished do not count for the speed.
            bars[step] = tqdm(total=total, initial=max(0, done - 1), desc=step, dynamic_ncols=True, disable=None)
        bars[step].update(max(0, done - bars[step].n))

    try:
        yield update
    finally:
        for bar in bars.values():
            bar.close()
