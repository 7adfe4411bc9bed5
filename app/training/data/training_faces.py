"""Training set: aligned face crops of a folder of people, with a class label for each training face."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.arrays import ByteArray, IntArray, TextArray
from app.errors import TrainingError
from app.training.data.crops import Progress, collect, no_progress
from app.training.data.splits import split_of
from app.vision import decoding
from app.vision.detection import Detector


@dataclass(frozen=True, eq=False)
class TrainingFaces:
    """Every face of a folder.

    `crops` is uint8 (faces, 112, 112, 3) RGB, as the serving pipeline aligns them. `identities` are the folders of the
    people. `splits` are those of `splits.split_of`, or `missed` by the detector.
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
    root: Path, work: Path, detector: Detector, gallery: str = "celebrities", progress: Progress = no_progress
) -> TrainingFaces:
    """Align every face below a folder, which has one folder of pictures for each person, at any depth.

    The crops are cached in `work`, and an interrupted call resumes. Test pictures in the sub-folder `gallery` are held
    out.

    Raises:
        TrainingError: There is no picture below `root`.
    """
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if decoding.is_photo_file(path))
    if not files:
        raise TrainingError(f"No pictures below {root}. Give a folder that has one folder of pictures per person.")
    crops = collect(root, files, detector, work / "training-crops", progress)
    identities = [file.rpartition("/")[0] for file in files]
    splits = [split_of(identity, file, gallery=gallery) for identity, file in zip(identities, files, strict=True)]
    return TrainingFaces(crops.crops, np.array(identities), np.where(crops.found, splits, "missed"))
