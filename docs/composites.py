"""Pictures of good and bad reference photos. Each face is a composite of shipped portraits, so it shows no person.

`python docs/composites.py` writes docs/how-to/photos, reviews each picture and prints the outcome.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from app.settings import ROOT, Settings
from tests.photos import paste, portraits

FOLDER = ROOT / "docs" / "how-to" / "photos"
SIZE = (320, 240)


def composite(numbers: range) -> Image.Image:
    """Return the mean of several portraits, sharpened, since a mean is blurred."""
    faces = [face.resize((224, 224)) for _, face in sorted(portraits().items())]
    mean = np.mean([np.asarray(faces[number]) for number in numbers], axis=0)
    return Image.fromarray(mean.round().astype(np.uint8)).filter(ImageFilter.UnsharpMask(2, 200, 0))


def pictures() -> dict[str, Image.Image]:
    """Return the pictures by name."""
    face, other = composite(range(8)), composite(range(8, 16))
    good = paste(face, size=SIZE, side=170)
    covered = good.copy()
    ImageDraw.Draw(covered).rectangle((95, 35, 225, 125), fill=(70, 80, 95))
    return {
        "good": good,
        "small": paste(face, size=SIZE, side=18),
        "blurred": good.filter(ImageFilter.GaussianBlur(6)),
        "covered": covered,
        "two": paste(face, other, size=SIZE, side=130),
        "no-face": paste(size=SIZE),
    }


def main() -> None:
    """Write the pictures and print how the program reviews them."""
    from app.enrollment.photo_review import choose_face, examine_photo
    from app.recognition.recognizer import Recognizer

    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Recognizer.load(Settings(database_url=f"sqlite:///{folder}/gallery.sqlite", gallery="empty")) as recognizer,
    ):
        for name, picture in pictures().items():
            file = FOLDER / f"{name}.webp"
            picture.save(file, quality=70, method=6)
            outcome = choose_face(examine_photo(recognizer, file.name, file))
            print(f"{file.name}: {outcome.outcome}. {outcome.reason}")


if __name__ == "__main__":
    main()
