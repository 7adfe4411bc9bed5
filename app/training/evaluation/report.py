"""Evaluation report: report.json for programs, report.md for people, and plots as SVG files.

`python -m app.training.evaluation.report` renders report.md and the plots of the shipped report.json again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jinja2

from app.recognition.evaluation_table import Metrics, format_table, percent
from app.recognition.model_card import read_card
from app.settings import Settings
from app.training.evaluation import plots

_TEMPLATE = Path(__file__).with_name("report.md.jinja")


def write(folder: Path, card: dict[str, Any], details: Metrics) -> None:
    """Write report.json, and render the report.

    `card` is a raw model card with `metrics`. Each part of the metrics and of `details` may be missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    network = card["weights"]["sha256"][:12]
    report = {"network": network, "made": card["made"], "metrics": card["metrics"], **_round(details)}
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
        yield "roc.svg", plots.curves("LFW: verification", points, "FAR", "TAR")
    if points := report.get("open_set_curves"):
        yield "open_set.svg", plots.curves("Open-set identification", points, "FPIR", "TPIR")
    if rows := report.get("frequent_errors"):
        bars = [_bar(f"{row['person']} → {row['closest']}", row["errors"], row["faces"]) for row in rows]
        yield "frequent_errors.svg", plots.bars("Most frequent rank-1 errors", bars, 1)
    if rows := report["metrics"].get("robustness"):
        bars = [(row["change"], row["rank1"], percent(row["rank1"])) for row in rows]
        yield "robustness.svg", plots.bars("Rank-1 in degraded photos", bars)
    if rows := report["metrics"].get("reliability"):
        bars = [_bar(f"{row['from']:.2f} to {row['to']:.2f}", row["correct"], row["faces"]) for row in rows]
        yield "reliability.svg", plots.bars("Rank-1 by class distance", bars, 2)


def _bar(name: str, count: int, total: int) -> tuple[str, float, str]:
    return name, count / total, f"{count} of {total}"


def _round(value: Any) -> Any:
    """Round floats in nested dicts and lists to four digits."""
    if isinstance(value, dict):
        return {key: _round(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_round(item) for item in value]
    return round(value, 4) if isinstance(value, float) else value


@click.command()
def main() -> None:
    """Render the shipped report again from its report.json."""
    model = Settings().model
    render(model.parent / "report", read_card(model).raw)
    click.echo(f"Rendered {model.parent / 'report' / 'report.md'}.")


if __name__ == "__main__":
    main()
