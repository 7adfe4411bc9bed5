"""Training set: aligned face crops of a folder of people, with a class label for each training face."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.arrays import ByteArray, IntArray, TextArray
from app.errors import TrainingError
from app.training.data.crops import collect
from app.training.data.splits import split_of
from app.vision import decoding
from app.vision.detection import Detector


@dataclass(frozen=True, eq=False)
class TrainingFaces:
    """Every detected face of a folder.

    Attributes:
        crops: uint8 (faces, 112, 112, 3) RGB, as the serving pipeline aligns them.
        identities: str (faces,), the folder of each person.
        splits: str (faces,), as `splits.split_of` returns them.
    """

    crops: ByteArray
    identities: TextArray
    splits: TextArray

    def __len__(self) -> int:
        return len(self.identities)

    def positions(self, split: str) -> IntArray:
        """Return the positions of a split's faces."""
        return np.flatnonzero(self.splits == split)


def load(
    root: Path,
    work: Path,
    detector: Detector,
    gallery: str = "celebrities",
    progress: Callable[[str, int, int], object] = lambda step, done, total: None,
) -> TrainingFaces:
    """Align every face below a folder. The crops are cached, and an interrupted call resumes.

    Args:
        root: Folder with one folder of pictures for each person, at any depth.
        work: Folder for the cached crops.
        detector: Detector of the serving pipeline.
        gallery: Sub-folder of `root` with the gallery people, whose test pictures are held out.
        progress: Called with the name of the step, the number of finished pictures and their total.

    Raises:
        TrainingError: There is no picture below `root`.
    """
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if decoding.is_photo_file(path))
    if not files:
        raise TrainingError(f"No pictures below {root}. Give a folder that has one folder of pictures per person.")
    numbers = iter(range(1, len(files) + 1))
    found = collect(
        root, files, detector, work / "training-crops", lambda: progress("detecting faces", next(numbers), len(files))
    )
    identities = [file.rpartition("/")[0] for file in files]
    splits = [
        split_of(identity, file, gallery=gallery) if is_found else "missed"
        for identity, file, is_found in zip(identities, files, found.found, strict=True)
    ]
    return TrainingFaces(found.crops, np.array(identities), np.array(splits))
