"""Evaluation report: report.json for programs, report.md for people, and plots as SVG files by matplotlib.

`python -m app.training.evaluation.report` renders report.md and the plots of the shipped report.json again.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import jinja2

from app.errors import TrainingError
from app.recognition.evaluation_table import Metrics, format_table, percent
from app.recognition.model_card import read_card
from app.settings import Settings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TEMPLATE = Path(__file__).with_name("report.md.jinja")
_GRAY = "#808080"
"""Readable on light and dark pages, with a contrast of 3.9:1 on white and 5.3:1 on black."""

_COLORS = ("#2f7fd0", "#c9711a", "#3a9a58")
_LINES = ("-", "--", ":")
_WIDTH = 7.0
_MIN_RATE = 0.001

_COLORED = ("axes.edgecolor", "axes.labelcolor", "axes.titlecolor", "text.color", "xtick.color", "ytick.color")
_STYLE = {"svg.hashsalt": "report", "svg.fonttype": "none", **dict.fromkeys(_COLORED, _GRAY)}


def write(folder: Path, card: dict[str, Any], details: Metrics) -> None:
    """Write report.json, and render the report.

    `card` is a raw model card with `metrics`. Each part of the metrics and of `details` may be missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = card["weights"]["sha256"][:12]
    rounded = json.loads(json.dumps(details), parse_float=lambda number: round(float(number), 4))
    report = {"network": network, "made": card["made"], "metrics": card["metrics"], **rounded}
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    render(folder, card)


def render(folder: Path, card: dict[str, Any]) -> None:
    """Write report.md and the plots of a folder with report.json."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    images = dict(_plots(report))
    for name, image in images.items():
        (folder / name).write_text(image, encoding="utf-8")
    environment = jinja2.Environment(autoescape=False, keep_trailing_newline=True)
    environment.filters["percent"] = percent
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    table = format_table(report["metrics"])
    document = template.render(report, images=images, table=table, data=card["data"] or "not stated")
    (folder / "report.md").write_text(document.rstrip() + "\n", encoding="utf-8")


def _plots(report: Metrics) -> Iterator[tuple[str, str]]:
    if points := report.get("roc"):
        yield "roc.svg", _curves("LFW: verification", points, "FAR", "TAR")
    if points := report.get("open_set_curves"):
        yield "open_set.svg", _curves("Open-set identification", points, "FPIR", "TPIR")
    if rows := report.get("frequent_errors"):
        bars = [_bar(f"{row['person']} → {row['closest']}", row["errors"], row["faces"]) for row in rows]
        yield "frequent_errors.svg", _bars("Most frequent rank-1 errors", bars, 1)
    if rows := report["metrics"].get("robustness"):
        bars = [(row["change"], row["rank1"], percent(row["rank1"])) for row in rows]
        yield "robustness.svg", _bars("Rank-1 in degraded photos", bars)
    if rows := report["metrics"].get("reliability"):
        bars = [_bar(f"{row['from']:.2f} to {row['to']:.2f}", row["correct"], row["faces"]) for row in rows]
        yield "reliability.svg", _bars("Rank-1 by class distance", bars, 2)


def _bar(name: str, count: int, total: int) -> tuple[str, float, str]:
    return name, count / total, f"{count} of {total}"


def _curves(title: str, series: Mapping[str, Sequence[Sequence[float]]], x: str, y: str) -> str:
    """Plot at most three curves, [x, y] points by name; x is logarithmic from 0.1 % to 100 %."""

    def draw(axes: Axes) -> None:
        for (name, points), color, line in zip(series.items(), _COLORS, _LINES, strict=False):
            axes.plot(*zip(*points, strict=True), line, color=color, label=name, linewidth=2)
        lowest = min((rate for points in series.values() for over, rate in points if over >= _MIN_RATE), default=0.0)
        axes.set(xscale="log", xlim=(_MIN_RATE, 1), ylim=(math.floor(10 * lowest) / 10, 1), xlabel=x, ylabel=y)
        axes.set_xticks([0.001, 0.01, 0.1, 1], ["0.1 %", "1 %", "10 %", "100 %"])
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.grid(color=_GRAY, alpha=0.3)
        axes.legend(frameon=False, loc="lower right")

    return _render_svg(title, 4.4, draw)


def _bars(title: str, rows: Sequence[tuple[str, float, str]], color: int = 0) -> str:
    """Plot horizontal bars: (name, share from 0 to 1, label) each."""

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

    return _render_svg(title, 0.8 + 0.28 * len(rows), draw)


def _render_svg(title: str, height: float, draw: Any) -> str:
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise TrainingError("Plots need matplotlib: .venv/bin/pip install -r requirements-training.txt.") from error
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        axes.set_title(title, loc="left")
        draw(axes)
        file = io.StringIO()
        metadata = {"Title": title, "Date": None, "Creator": None}
        figure.savefig(file, format="svg", transparent=True, metadata=metadata)
    return file.getvalue()


@click.command()
def main() -> None:
    """Render the shipped report again from its report.json."""
    model = Settings().model
    render(model.parent / "report", read_card(model).raw)
    click.echo(f"Rendered {model.parent / 'report' / 'report.md'}.")


if __name__ == "__main__":
    main()
