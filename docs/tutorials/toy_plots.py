"""Plots of the toy network: photos, embedding plane, pairs, histogram of distances and ROC."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from app.training.evaluation.verification import roc

_GRAY = "#808080"  # readable on light and dark pages
_COLORS = ("#2f7fd0", "#c9711a", "#3a9a58", "#b0508f", "#7a6fd0", "#9a8a2a", "#2aa0a0", "#d0574f")
_LINES = (":", "--", "-", "-.")
_COLORED = ("axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "text.color", "xtick.color", "ytick.color")
_STYLE = {"svg.hashsalt": "toy", "svg.fonttype": "none", "font.size": 11, **dict.fromkeys(_COLORED, _GRAY)}
PLANE_PEOPLE = len(_COLORS)

Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]


def write(
    folder: Path,
    photos: np.ndarray,
    sets: Mapping[str, np.ndarray],
    chosen: Pairs,
    distances: Mapping[str, np.ndarray],
    sizes: Mapping[int, Mapping[str, float]],
) -> None:
    """Write every plot to a folder.

    Args:
        folder: The folder.
        photos: Photos of held-out people, uint8 (people, photos, side, side).
        sets: Embeddings by name, (people, photos, dimensions).
        chosen: Pairs of held-out photos: people, photos, and whether the people differ.
        distances: Distances of the pairs by name of the embeddings.
        sizes: Pair accuracy by number of training people.
    """
    different = chosen[2]
    before, after = "Before training", "After training"
    _save_picture(folder / "photos.webp", _sheet(photos[:6, :10]))
    with mpl.rc_context(_STYLE):
        _save_webp(folder / "pairs.webp", _pairs(photos, chosen, distances[after]))
        _save_svg(folder / "plane.svg", _plane({name: sets[name][:PLANE_PEOPLE] for name in (before, after)}))
        _save_svg(folder / "distances.svg", _histograms({n: distances[n] for n in (before, after)}, different))
        _save_svg(folder / "roc.svg", _roc(distances, different))
        _save_svg(folder / "people.svg", _training_people(sizes))


def _sheet(photos: np.ndarray) -> np.ndarray:
    return np.concatenate([np.concatenate(list(row), axis=1) for row in photos])


def _pairs(photos: np.ndarray, chosen: Pairs, distances: np.ndarray) -> Figure:
    """Return four columns of pairs with distances: same and different people, the closest and the farthest."""
    people, numbers, different = chosen
    figure = Figure((8, 4.6))
    columns = figure.subplots(4, 4).T
    kinds = [(kind, end) for kind in (False, True) for end in ("closest", "farthest")]
    for column, (is_different, end) in zip(columns, kinds, strict=True):
        rows = np.flatnonzero(different == is_different)
        order = rows[np.argsort(distances[rows])]
        shown = order[:4] if end == "closest" else order[-4:][::-1]
        for axes, row in zip(column, shown, strict=True):
            axes.imshow(np.concatenate(list(photos[people[row], numbers[row]]), axis=1), "gray", vmin=0, vmax=255)
            axes.set(xticks=[], yticks=[], xlabel=f"{distances[row]:.2f}")
        column[0].set_title(f"{'Different people' if is_different else 'Same person'},\n{end}", fontsize=10)
    figure.tight_layout()
    return figure


def _plane(embeddings: Mapping[str, np.ndarray]) -> Figure:
    """Project embeddings on the two directions in which they differ most."""
    figure = Figure((8, 4))
    for axes, (name, vectors) in zip(figure.subplots(1, 2), embeddings.items(), strict=True):
        flat = vectors.reshape(-1, vectors.shape[-1])
        centered = flat - flat.mean(axis=0)
        plane = (centered @ np.linalg.svd(centered, full_matrices=False)[2][:2].T).reshape(*vectors.shape[:2], 2)
        for person, color in enumerate(_COLORS):
            axes.scatter(*plane[person].T, color=color, s=22, marker="osD^vP*X"[person])
        axes.set(title=name, xticks=[], yticks=[])
    return figure


def _histograms(distances: Mapping[str, np.ndarray], different: np.ndarray) -> Figure:
    figure = Figure((8, 3.2))
    for axes, (name, values) in zip(figure.subplots(1, 2, sharey=True), distances.items(), strict=True):
        bins = np.linspace(0, 2, 41)
        axes.hist(values[~different], bins, color=_COLORS[0], alpha=0.7, label="same person")
        axes.hist(values[different], bins, color=_COLORS[1], alpha=0.7, label="different people")
        axes.set(title=name, xlabel="distance", yticks=[])
    axes.legend(frameon=False, loc="upper right")
    return figure


def _roc(distances: Mapping[str, np.ndarray], different: np.ndarray) -> Figure:
    figure = Figure((7, 4))
    axes = figure.subplots()
    for (name, values), line, color in zip(distances.items(), _LINES, _COLORS, strict=False):
        far, tar = np.array(roc(values, different)).T
        axes.plot(far, tar, line, color=color, label=name)
    axes.set(xscale="log", xlabel="FAR: different people accepted", ylabel="TAR: same person accepted", ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.18), ncols=2)
    return figure


def _training_people(sizes: Mapping[int, Mapping[str, float]]) -> Figure:
    figure = Figure((7, 3.2))
    axes = figure.subplots()
    counts = list(sizes)
    for part, label, line, color in (
        ("training", "people of the training set, new photos", "--", _COLORS[1]),
        ("held_out", "people not seen in training", "-", _COLORS[0]),
    ):
        axes.plot(counts, [sizes[count][part] for count in counts], line, marker="o", color=color, label=label)
    axes.set(xscale="log", xlabel="people in the training set", ylabel="pair accuracy", xticks=counts)
    axes.set_xticklabels([str(count) for count in counts])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return figure


def _save_svg(path: Path, figure: Figure) -> None:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, bbox_inches="tight", metadata={"Date": None})
    path.write_text("\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n", encoding="utf-8")


def _save_webp(path: Path, figure: Figure) -> None:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", transparent=True, dpi=110)
    Image.open(stream).save(path, quality=60, method=6)


def _save_picture(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path, quality=60, method=6)
