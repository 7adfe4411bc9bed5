import numpy as np
import pytest
from PIL import Image

from app.library.metadata.regions import Area, area_of, stored_size
from app.vision.faces import Box
from tests.photos import ORIENTATIONS

BOX = Box(100, 40, 60, 80)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_region_is_at_the_face_of_the_stored_picture(orientation):
    upright = np.zeros((300, 400), np.uint8)
    upright[BOX.y : BOX.y + BOX.height, BOX.x : BOX.x + BOX.width] = 255
    stored = Image.fromarray(upright)
    if ORIENTATIONS[orientation] is not None:
        stored = stored.transpose(ORIENTATIONS[orientation])
    assert stored_size(400, 300, orientation) == stored.size
    area = area_of(BOX, 400, 300).stored(orientation)
    sides = area * np.array([*stored.size, *stored.size])
    x, y, width, height = np.round(sides).astype(int)
    assert stored.getbbox() == (x, y, x + width, y + height)
    assert area.upright(orientation).equals(area_of(BOX, 400, 300))


def test_a_region_ends_at_the_border():
    assert area_of(Box(-10, 90, 60, 20), 100, 100) == Area(0, 0.9, 0.5, 0.1)


@pytest.mark.parametrize(
    "area",
    [(0.1, 0.1, 0, 0.1), (float("nan"), 0, 0.1, 0.1), (0, 0, float("inf"), 1), (1.5, 0, 0.1, 0.1), (-1, 0, 1, 1)],
)
def test_areas_outside_the_picture_are_invalid(area):
    assert not Area(*area).is_valid
