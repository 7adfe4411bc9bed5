"""Plots of the evaluation report as SVG files, by matplotlib, readable on light and dark pages."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from app.errors import TrainingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GRAY = "#808080"
"""Contrast of 3.9:1 on white and 5.3:1 on black."""

_COLORS = ("#2f7fd0", "#c9711a", "#3a9a58")
_LINES = ("-", "--", ":")
_WIDTH = 7.0
_MIN_RATE = 0.001

_COLORED = ("axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "text.color", "xtick.color", "ytick.color")
_STYLE = {"svg.hashsalt": "report", "svg.fonttype": "none", **dict.fromkeys(_COLORED, _GRAY)}


def curves(title: str, series: Mapping[str, Sequence[Sequence[float]]], x: str, y: str) -> str:
    """Return an SVG file of at most three curves, [x, y] points by name; x is logarithmic from 0.1 % to 100 %."""

    def draw(axes: Axes) -> None:
        for (name, points), color, line in zip(series.items(), _COLORS, _LINES, strict=False):
            axes.plot(*zip(*points, strict=True), line, color=color, label=name, linewidth=2)
        lowest = min((rate for points in series.values() for over, rate in points if over >= _MIN_RATE), default=0.0)
        axes.set(xscale="log", xlim=(_MIN_RATE, 1), ylim=(math.floor(10 * lowest) / 10, 1), xlabel=x, ylabel=y)
        axes.set_xticks([0.001, 0.01, 0.1, 1], ["0.1 %", "1 %", "10 %", "100 %"])
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.grid(color=_GRAY, alpha=0.3)
        axes.legend(frameon=False, loc="lower right")

    return _render(title, 4.4, draw)


def bars(title: str, rows: Sequence[tuple[str, float, str]], color: int = 0) -> str:
    """Return an SVG file of horizontal bars: (name, share from 0 to 1, label) each."""

    def draw(axes: Axes) -> None:
        names = [name for name, _, _ in rows]
        positions = range(len(rows))
        axes.barh(positions, [1.0] * len(rows), color=_GRAY, alpha=0.2, height=0.6)
        axes.barh(positions, [share for _, share, _ in rows], color=_COLORS[color], height=0.6)
        axes.set_yticks(positions, names)
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        for position, (_, _, label) in enumerate(rows):
            axes.text(1.02, position, label, va="center")

    return _render(title, 0.8 + 0.28 * len(rows), draw)


def _render(title: str, height: float, draw: Any) -> str:
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise TrainingError("Plots need matplotlib: .venv/bin/pip install -r requirements-training.txt.") from error
    with matplotlib.rc_context(_STYLE):
        figure: Figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.set_title(title, loc="left")
        draw(axes)
        file = io.StringIO()
        metadata = {"Title": title, "Date": None, "Creator": None}
        figure.savefig(file, format="svg", transparent=True, metadata=metadata)
    return file.getvalue()
