"""What chance decides about how training faces look: turned, scaled, lit, blurred, shrunk, compressed, covered.

`augment` does to one face what the dice say with OpenCV, `rendering` to a whole batch where the network trains.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from app.vision import alignment

MIDDLE = alignment.EYES.mean(axis=0)
"""Between the eyes, (x, y) in pixels of a crop."""

SPAN = float(np.linalg.norm(alignment.EYES[1] - alignment.EYES[0]))
"""From eye to eye in pixels of a crop."""

SIGMAS = np.linspace(0.4, 2.0, 16)
"""How far a face may be blurred: standard deviations in pixels."""

SIDES = np.arange(28, 90)
"""To what side in pixels a face may be shrunk, before it is enlarged again."""

CONTINUED, BLACK, GRAY = -1.0, 0.0, float(alignment.BORDER_LEVEL)
"""What lies around a face where its picture ends: its last pixels once more, or one of two levels."""

WAVES = 3
"""How many waves bend a blend."""


def looks(rng: np.random.Generator, faces: int) -> dict[str, np.ndarray]:
    """Throw the dice for so many faces.

    Of the turns most are a few degrees; the others, one in seven, go evenly up to 35: what detectors leave of a tilt,
    since their eyes follow a tilted head only in part.

    Returns:
        Arrays of one row a face: `turn` (2,), the turn and scale as a complex number; `shift` (2,) in pixels of a crop;
        `mirrored` 0 or 1; `fill`, see `CONTINUED`; `gain` (3,), `offset` and `gamma` of its light, for values of 0 to 1
        about their middle; `gray` 0 or 1; `resolution`, see `resolution_of`; `quality` of a JPEG, 0 for none; `covers`
        (2, 9), of which each row is the middle, half width and height, cosine and sine of the turn, and color of a
        rectangle, of no size for none. float32 and int32.
    """
    angle = np.where(rng.random(faces) < 0.85, rng.normal(0, 6, faces), rng.uniform(-35, 35, faces))
    turn = np.exp(1j * np.deg2rad(angle)) * np.exp(rng.normal(0, 0.08, faces))
    lit = rng.random(faces) < 0.5
    gain = rng.normal(1, 0.2, (faces, 1)) * rng.normal(1, 0.05, (faces, 3))
    return _typed(
        {
            "turn": np.stack([turn.real, turn.imag], axis=1),
            "shift": rng.normal(0, 0.06, (faces, 2)) * SPAN,
            "mirrored": rng.random(faces) < 0.5,
            "fill": rng.choice([CONTINUED, BLACK, GRAY], faces),
            "gain": np.where(lit[:, None], gain, 1.0),
            "offset": np.where(lit, rng.normal(0, 0.1, faces), 0.0),
            "gamma": np.where(lit, np.exp(rng.normal(0, 0.2, faces)), 1.0),
            "gray": rng.random(faces) < 0.06,
            "resolution": _resolution(rng, faces),
            "quality": np.where(rng.random(faces) < 0.1, rng.integers(15, 80, faces), 0),
            "covers": np.stack([_cover(rng, faces), _bar(rng, faces)], axis=1),
        }
    )


def blends(rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    """Throw the dice for so many blends of two faces, see `augment.blend`; one in five keeps the first face alone, and
    half are bent a little, which makes somebody else of them.

    Returns:
        float32 arrays of one row a blend: `share` of the second face where one shines through; `met` 0 or 1, whether
        they meet at a soft line, and that `line` (3,), which weighs x, y and 1 of a crop's pixels; `stretch` (2,),
        sideways and in height, for each pixel below the eyes; and waves of `heights` (2, waves) in pixels, `waves` (2,
        waves) in radians a pixel, and `phases` (waves,).
    """
    lot = rng.random(count)
    angle, softness = rng.uniform(0, 2 * np.pi, count), rng.uniform(4, 24, count)
    line = np.stack([np.cos(angle), np.sin(angle)], axis=1) / softness[:, None]
    through = rng.normal(MIDDLE + np.array([0, 18]), 12, (count, 2))
    bent = (rng.random(count) < 0.5)[:, None]
    wave, direction = 2 * np.pi / rng.uniform(50, 140, (count, WAVES)), rng.uniform(0, 2 * np.pi, (count, WAVES))
    return _typed(
        {
            "share": np.where(lot < 0.4, rng.uniform(0.2, 0.5, count), 0.0),
            "met": lot > 0.6,
            "line": np.stack([*line.T, -(line * through).sum(axis=1)], axis=1),
            "stretch": bent * np.stack([rng.normal(0, 0.03, count), np.exp(rng.normal(0, 0.06, count)) - 1], axis=1),
            "heights": bent[:, None] * rng.normal(0, 0.8, (count, 2, WAVES)),
            "waves": np.stack([wave * np.cos(direction), wave * np.sin(direction)], axis=1),
            "phases": rng.uniform(0, 2 * np.pi, (count, WAVES)),
        }
    )


def share(blends: dict, x, y, tanh: Callable):
    """How much of its second face a blend has at pixels of its crop, 0 to 1.

    Args:
        blends: as `blends` throws them.
        x: (blends, pixels), or (1, pixels) where all look at the same.
        y: the same.
        tanh: that of whatever holds the numbers.

    Returns:
        (blends, pixels).
    """
    line = blends["line"]
    beyond = line[:, 0, None] * x + line[:, 1, None] * y + line[:, 2, None]
    return blends["share"][:, None] + blends["met"][:, None] * (0.5 + 0.5 * tanh(beyond))


def bent(blends: dict, x, y, sin: Callable):
    """Where the pixels of bent faces come from: their height changed, sheared, and a few waves across them.

    Arguments and shapes: those of `share`.
    """
    stretch, heights, waves = blends["stretch"], blends["heights"], blends["waves"]
    below = y - float(MIDDLE[1])
    bent_x, bent_y = x + stretch[:, 0, None] * below, y + stretch[:, 1, None] * below
    for k in range(WAVES):
        wave = sin(waves[:, 0, k, None] * x + waves[:, 1, k, None] * y + blends["phases"][:, k, None])
        bent_x, bent_y = bent_x + heights[:, 0, k, None] * wave, bent_y + heights[:, 1, k, None] * wave
    return bent_x, bent_y


def resolution_of(number: int) -> tuple[float, int]:
    """What a `resolution` stands for: by how much to blur, 0 for not, and the side to shrink to, 0 for not."""
    if number > len(SIGMAS):
        return 0.0, int(SIDES[number - len(SIGMAS) - 1])
    return (float(SIGMAS[number - 1]) if number else 0.0), 0


RESOLUTIONS = 1 + len(SIGMAS) + len(SIDES)
"""How many there are; 0 leaves a face as it is."""


def _resolution(rng: np.random.Generator, faces: int) -> np.ndarray:
    lot = rng.random(faces)
    blurred = 1 + rng.integers(0, len(SIGMAS), faces)
    shrunk = 1 + len(SIGMAS) + rng.integers(0, len(SIDES), faces)
    return np.where(lot < 0.06, blurred, np.where(lot < 0.18, shrunk, 0))


def _cover(rng: np.random.Generator, faces: int) -> np.ndarray:
    """A rectangle of one color: a hand, a microphone, the edge of another picture."""
    there = rng.random(faces) < 0.1
    size = np.stack([rng.uniform(12, 80, faces), rng.uniform(12, 45, faces)], axis=1)
    middle = size / 2 + rng.random((faces, 2)) * (alignment.SIZE - size)
    turn = np.broadcast_to([1.0, 0.0], (faces, 2))
    return np.concatenate([middle, size / 2 * there[:, None], turn, rng.integers(0, 256, (faces, 3))], axis=1)


def _bar(rng: np.random.Generator, faces: int) -> np.ndarray:
    """A bar over both eyes, nearly black or of one color, slightly turned: sunglasses, or what hides a name."""
    there = rng.random(faces) < 0.02
    size = np.stack([rng.uniform(55, 85, faces), rng.uniform(14, 30, faces)], axis=1)
    middle = MIDDLE + rng.normal(0, 3, (faces, 2))
    angle = np.deg2rad(rng.normal(0, 5, faces))
    turn = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    color = np.where(rng.random((faces, 1)) < 0.3, rng.integers(0, 256, (faces, 3)), rng.integers(0, 50, (faces, 3)))
    return np.concatenate([middle, size / 2 * there[:, None], turn, color], axis=1)


def _typed(dice: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: value.astype(np.int32 if value.dtype.kind == "i" else np.float32) for name, value in dice.items()}
