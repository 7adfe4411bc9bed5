"""Train a small Siamese network on drawn faces, and plot what it learns: docs/tutorials/toy-network.md.

`make toy` runs it in a few minutes on two cores and writes the plots and figures of the tutorial to docs/tutorials/toy.
`python docs/tutorials/toy_network.py FOLDER` writes them to another folder.

The file reads from top to bottom: draw faces, build the network, train it, evaluate it on people whom it has never
seen, plot. The losses and the measures are those of the program.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import keras
import numpy as np
from keras import layers, ops
from PIL import Image, ImageDraw, ImageFilter

from app.training.evaluation.verification import folds_accuracy, tar_at_far
from app.training.fit.losses import contrastive, pairwise_distances
from docs.tutorials import toy_plots

FOLDER = Path(__file__).with_name("toy")
SIDE = 64  # pixels of a photo
DIMENSIONS = 32  # numbers of an embedding
PEOPLE, PHOTOS = 640, 12  # training set
HELD_OUT = 160  # people whom the network never sees
STEPS, PEOPLE_PER_BATCH = 900, 32
SMALLER_SETS = (20, 100)  # numbers of training people, to see what they change


# 1. Draw faces. A person is a set of proportions. A photo adds what changes from photo to photo.


@dataclass(frozen=True)
class Person:
    """Proportions of a face, as shares of its height. They are the same in every photo."""

    width: float
    jaw: float
    eye_gap: float
    eye_height: float
    eye_size: float
    brow_slope: float
    brow_gap: float
    nose_length: float
    nose_width: float
    mouth_height: float
    mouth_width: float
    hairline: float
    skin: float
    hair: float


_LOW = Person(0.62, 0.55, 0.15, 0.40, 0.045, -0.03, 0.06, 0.10, 0.03, 0.73, 0.10, 0.08, 150, 20)
_HIGH = Person(0.86, 0.95, 0.23, 0.50, 0.085, 0.03, 0.12, 0.22, 0.09, 0.82, 0.20, 0.26, 225, 120)


def random_person(rng: np.random.Generator) -> Person:
    """Return a person with random proportions."""
    return Person(*(rng.uniform(vars(_LOW)[name], vars(_HIGH)[name]) for name in vars(_LOW)))


def photograph(person: Person, rng: np.random.Generator) -> np.ndarray:
    """Draw a photo of a person: uint8 (64, 64), with a new expression, pose, light and, sometimes, glasses."""
    scale = 4  # draw large and reduce, for smooth edges
    size = SIDE * scale
    background = int(rng.uniform(40, 215))
    picture = Image.new("L", (size, size), background)
    draw = ImageDraw.Draw(picture)
    height, middle, top = 0.86 * size, size / 2, 0.08 * size
    width = person.width * height

    def box(x: float, y: float, w: float, h: float) -> tuple[float, float, float, float]:
        """Return a box around (x, y), which are shares of the face's height from its middle and its top."""
        return (
            middle + (x - w / 2) * height,
            top + (y - h / 2) * height,
            middle + (x + w / 2) * height,
            top + (y + h / 2) * height,
        )

    skin, hair = int(person.skin), int(person.hair)
    draw.ellipse(box(0, 0.46, person.width * 1.10, 1.02), fill=hair)
    chin = person.jaw * width / height
    outline = [(middle + s * w * height / 2, top + y * height) for s, w, y in _outline(person.width, chin)]
    draw.polygon(outline, fill=skin)
    draw.ellipse(box(0, person.hairline / 2, person.width * 0.98, person.hairline * 1.2), fill=hair)
    gaze, openness, raised = rng.uniform(-0.012, 0.012), rng.uniform(0.35, 1.0), rng.uniform(-0.015, 0.015)
    for side in (-1, 1):
        x = side * person.eye_gap
        eye = person.eye_size
        draw.ellipse(box(x, person.eye_height, 2 * eye, 1.4 * eye * openness), fill=245)
        draw.ellipse(box(x + gaze, person.eye_height, 0.9 * eye, min(0.9, 1.4 * openness) * eye), fill=25)
        y = person.eye_height - person.brow_gap + raised
        ends = [(x + s * 0.075, y + s * side * person.brow_slope) for s in (-1, 1)]
        line = [(middle + a * height, top + b * height) for a, b in ends]
        draw.line(line, fill=hair // 2, width=int(0.028 * height))
    y = person.eye_height + person.nose_length
    nose = [(0, person.eye_height + 0.03), (person.nose_width, y), (-person.nose_width, y)]
    draw.polygon([(middle + a * height, top + b * height) for a, b in nose], fill=int(0.82 * skin))
    smile, gap = rng.uniform(-0.5, 1.0), max(0.0, rng.normal(0, 0.03))
    _draw_mouth(draw, box(0, person.mouth_height, 2 * person.mouth_width, 0.12), smile, gap * height)
    if rng.random() < 0.2:
        for side in (-1, 1):
            draw.ellipse(box(side * person.eye_gap, person.eye_height, 0.24, 0.2), outline=15, width=int(0.02 * height))
    return _photo_effects(picture, background, rng)


def _outline(width: float, chin: float) -> list[tuple[float, float, float]]:
    """Return the outline of a face: side, width and height of each point."""
    heights = np.linspace(0, 1, 24)
    widths = width * np.sqrt(np.clip(1 - (2 * heights - 1) ** 2, 0, 1))
    lower = heights > 0.5
    widths[lower] = np.maximum(widths[lower], chin * np.clip((1.02 - heights[lower]) / 0.14, 0, 1))
    right = [(1.0, w, y) for w, y in zip(widths, heights, strict=True)]
    return right + [(-1.0, w, y) for _, w, y in reversed(right)]


def _draw_mouth(draw: ImageDraw.ImageDraw, box: tuple[float, ...], smile: float, gap: float) -> None:
    left, upper, right, lower = box
    across = np.linspace(-1, 1, 15)
    line = (upper + lower) / 2 + smile * (lower - upper) * 0.6 * (0.5 - across**2)
    xs = left + (across + 1) / 2 * (right - left)
    depth = 3 + gap * (1 - across**2)
    points = [*zip(xs, line - 3, strict=True), *reversed([*zip(xs, line + depth, strict=True)])]
    draw.polygon(points, fill=60)


def _photo_effects(picture: Image.Image, background: int, rng: np.random.Generator) -> np.ndarray:
    """Turn, move, light, blur and reduce a drawing."""
    size = picture.width
    shift = rng.uniform(-0.05, 0.05, 2) * size
    picture = picture.rotate(
        rng.uniform(-12, 12), Image.Resampling.BILINEAR, translate=tuple(shift), fillcolor=background
    )
    margin = size * rng.uniform(0, 0.06)
    picture = picture.resize((SIDE, SIDE), Image.Resampling.BOX, box=(margin, margin, size - margin, size - margin))
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.9)))
    pixels = np.asarray(picture, np.float32)
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.5)
    light = 1 + strength * (x * np.cos(angle) + y * np.sin(angle))
    pixels = (pixels - 128) * rng.uniform(0.6, 1.1) + 128 + rng.uniform(-30, 30)
    return np.clip(pixels * light + rng.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)


def draw_photos(people: list[Person], photos: int, seed: int) -> np.ndarray:
    """Draw photos of each person: uint8 (people, photos, 64, 64)."""
    rng = np.random.default_rng(seed)
    return np.stack([[photograph(person, rng) for _ in range(photos)] for person in people])


# 2. The network: one twin for both photos of a pair.


def build_twin() -> keras.Model:
    """Build the twin: uint8 (batch, 64, 64) to an embedding of length 1, (batch, 32)."""
    photos = layers.Input((SIDE, SIDE), dtype="uint8")
    x = layers.Rescaling(1 / 64, offset=-2)(photos)
    x = layers.Reshape((SIDE, SIDE, 1))(x)
    for channels in (16, 32, 64, 64):
        x = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(x)  # half the side each time
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    x = layers.Flatten()(x)  # 4 * 4 * 64 numbers
    x = layers.Dense(DIMENSIONS)(x)
    return keras.Model(photos, layers.UnitNormalization()(x), name="twin")


def pair_loss(people: keras.KerasTensor, embeddings: keras.KerasTensor) -> keras.KerasTensor:
    """Return the contrastive loss of all pairs of a batch: pull one person together, push two people apart."""
    people = ops.reshape(people, (-1,))
    distances = pairwise_distances(embeddings, embeddings)  # (batch, batch)
    different = ops.cast(people[:, None] != people[None, :], distances.dtype)
    losses = contrastive(distances, different)
    same = 1.0 - different - ops.eye(ops.shape(people)[0], dtype=distances.dtype)  # without the photo itself
    return ops.sum(losses * same) / ops.sum(same) + ops.sum(losses * different) / ops.sum(different)


# 3. Training: batches of a few people with four photos each.


def batches(photos: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield photos, uint8 (batch, 64, 64), and the numbers of their people, int32 (batch,)."""
    rng = np.random.default_rng(seed)
    count = min(PEOPLE_PER_BATCH, len(photos))
    while True:
        people = np.repeat(rng.choice(len(photos), count, replace=False), 4)
        yield photos[people, rng.integers(photos.shape[1], size=len(people))], people.astype(np.int32)


def train(photos: np.ndarray, seed: int = 1) -> keras.Model:
    """Train a twin on photos of people: uint8 (people, photos, 64, 64)."""
    keras.utils.set_random_seed(seed)
    twin = build_twin()
    schedule = keras.optimizers.schedules.CosineDecay(2e-3, STEPS)
    twin.compile(keras.optimizers.AdamW(schedule, weight_decay=0.01), loss=pair_loss)
    twin.fit(batches(photos, seed), steps_per_epoch=STEPS // 10, epochs=10, shuffle=False, verbose=2)
    return twin


# 4. Evaluation on people whom the network has never seen.


def embed(twin: keras.Model | None, photos: np.ndarray) -> np.ndarray:
    """Embed photos: (people, photos, 64, 64) to (people, photos, dimensions). Without a twin, use the pixels."""
    flat = photos.reshape(-1, SIDE, SIDE)
    if twin is None:
        vectors = flat.reshape(len(flat), -1) - flat.mean(axis=(1, 2))[:, None]
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    else:
        vectors = twin.predict(flat, batch_size=256, verbose=0)
    return vectors.reshape(*photos.shape[:2], -1)


def pairs(embeddings: np.ndarray, count: int = 10_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return random pairs of photos: (count, 2) people, (count, 2) photos, and whether the people differ."""
    rng = np.random.default_rng(5)
    people = rng.integers(len(embeddings), size=(count, 2))
    different = np.arange(count) % 2 == 1
    people[:, 1] = np.where(
        different, (people[:, 0] + rng.integers(1, len(embeddings), count)) % len(embeddings), people[:, 0]
    )
    first = rng.integers(embeddings.shape[1], size=count)
    second = (first + rng.integers(1, embeddings.shape[1], size=count)) % embeddings.shape[1]
    return people, np.stack([first, second], axis=1), different


def pair_distances(embeddings: np.ndarray, people: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance of each pair: 0 ... 2."""
    chosen = embeddings[people, numbers]  # (pairs, 2, dimensions)
    return np.linalg.norm(chosen[:, 0] - chosen[:, 1], axis=1)


def pair_accuracy(embeddings: np.ndarray) -> float:
    """Return the share of pairs that one threshold tells apart, by ten folds."""
    people, numbers, different = pairs(embeddings)
    return folds_accuracy(pair_distances(embeddings, people, numbers), different)[0]


def rank1(embeddings: np.ndarray, enrolled: int) -> float:
    """Return the share of photos whose closest template is that of their person."""
    templates = embeddings[:, :enrolled].mean(axis=1)
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    probes = embeddings[:, enrolled:]
    closest = np.einsum("pnd,qd->pnq", probes, templates).argmax(axis=2)
    return float((closest == np.arange(len(templates))[:, None]).mean())


def main() -> None:
    """Train the network, evaluate it and write plots and figures."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    rng = np.random.default_rng(1)
    people = [random_person(rng) for _ in range(PEOPLE + HELD_OUT)]
    training, held_out = draw_photos(people[:PEOPLE], PHOTOS, 2), draw_photos(people[PEOPLE:], PHOTOS, 3)
    seen = draw_photos(people[:PEOPLE], PHOTOS // 2, 4)  # new photos of the people of the training set
    drawn = sum(photos.shape[0] * photos.shape[1] for photos in (training, held_out, seen))
    print(f"Drew {drawn:,} photos in {time.monotonic() - started:.0f} s.", flush=True)

    twins = {count: train(training[:count]) for count in (*SMALLER_SETS, PEOPLE)}
    keras.utils.set_random_seed(1)
    sets = {
        "Pixels, without a network": embed(None, held_out),
        "Before training": embed(build_twin(), held_out),
        "After training": embed(twins[PEOPLE], held_out),
        "After training, people of the training set": embed(twins[PEOPLE], seen[:HELD_OUT]),
    }
    chosen = {name: pairs(embeddings) for name, embeddings in sets.items()}
    different = chosen["After training"][2]
    distances = {name: pair_distances(embeddings, *chosen[name][:2]) for name, embeddings in sets.items()}
    rows = {
        name: {
            "accuracy": folds_accuracy(distances[name], different)[0],
            "tar_at_far_1e-2": tar_at_far(distances[name], different, 0.01),
            "rank1_of_1": rank1(embeddings, 1),
            "rank1_of_5": rank1(embeddings, 5),
        }
        for name, embeddings in sets.items()
    }
    sizes = {
        count: {
            "training": pair_accuracy(embed(twin, seen[:count])),
            "held_out": pair_accuracy(embed(twin, held_out)),
        }
        for count, twin in twins.items()
    }
    figures = {
        "people": PEOPLE,
        "photos": PHOTOS,
        "held_out": HELD_OUT,
        "parameters": twins[PEOPLE].count_params(),
        "pairs": len(different),
        "sets": rows,
        "training_people": sizes,
    }
    for name, row in rows.items():
        print(f"{name}: " + ", ".join(f"{key} {value:.1%}" for key, value in row.items()))
    print(f"Training people: {sizes}")
    text = json.dumps(figures, indent=1, default=float)
    (folder / "figures.json").write_text(text + "\n", encoding="utf-8")
    toy_plots.write(folder, held_out, sets, chosen["After training"], distances, sizes)
    print(f"Wrote {folder} after {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main()
