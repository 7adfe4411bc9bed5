"""Evaluation report: report.json for programs, report.md for people, and plots as SVG."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from app.recognition.evaluation_figures import figures_table, percent
from app.training.evaluation import plots

_PERCENT = [(value / 100, f"{value} %") for value in (0, 20, 40, 60, 80, 100)]
_RARE = [(0.001, "0.1 %"), (0.01, "1 %"), (0.1, "10 %"), (1.0, "100 %")]
_SHOWN = 15


def write(folder: Path, card: dict, details: dict) -> None:
    """Write the report; an older one is overwritten.

    Args:
        folder: created if missing.
        card: the whole card, with `metrics` as measured.
        details: as `measuring` returns them; each part may be missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    metrics = card["metrics"]
    drawn = dict(_plots(metrics, details))
    for name, picture in drawn.items():
        (folder / name).write_text(picture, encoding="utf-8")
    data = {"network": card["weights"]["sha256"][:12], "made": card["made"], "metrics": metrics, **_rounded(details)}
    (folder / "report.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "report.md").write_text("\n".join(_document(card, details, drawn)) + "\n", encoding="utf-8")


def _plots(metrics: dict, details: dict) -> Iterator[tuple[str, str]]:
    if "roc" in details:
        x, y = ("FAR", _RARE), ("TAR", _PERCENT)
        yield "roc.svg", plots.lines("LFW: verification", details["roc"], x, y)
    if "open_set_curves" in details:
        x, y = ("FPIR", _RARE), ("TPIR", _PERCENT)
        yield "open_set.svg", plots.lines("Identification among impostors", details["open_set_curves"], x, y)
    if "confusions" in details:
        rows = [
            (f"{row['person']} → {row['taken_for']}", row["faces"] / row["of"], f"{row['faces']} of {row['of']}")
            for row in details["confusions"][:_SHOWN]
        ]
        yield "confusion.svg", plots.bars("Most frequent rank-1 errors", rows, 1)
    if "robustness" in metrics:
        rows = [(row["change"], row["rank1"], percent(row["rank1"])) for row in metrics["robustness"]]
        yield "robustness.svg", plots.bars("Rank-1 in degraded photos", rows)
    if "reliability" in metrics:
        rows = [
            (f"{row['from']:.2f} to {row['to']:.2f}", row["right"] / row["faces"], f"{row['right']} of {row['faces']}")
            for row in metrics["reliability"]
        ]
        yield "reliability.svg", plots.bars("Closest person is the right one, by class distance", rows, 2)


def _document(card: dict, details: dict, drawn: dict[str, str]) -> Iterator[str]:
    metrics = card["metrics"]
    yield from ("# Evaluation", "")
    yield f"Network {card['weights']['sha256'][:12]}, made {card['made']}. Data: {card['data'] or 'not stated'}"
    yield from (
        "",
        "Measured by `python main.py evaluate` on faces that neither training nor the choice of thresholds has seen.",
        "They go through the detection, alignment, quality gate and verdicts that serve. Faces that the detector",
        "misses or the quality gate refuses count as not named. Terms follow ISO/IEC 19795-1: FPIR is the share of",
        "people outside the gallery who get a name, TPIR the share of known faces that get their own.",
        '"TPIR at FPIR" sets the threshold on the impostors of the sample. "At the settings" uses the thresholds of',
        "the model card for that FPIR, which hold for the hardest kind of impostors.",
        "",
        figures_table(metrics),
        "",
    )
    yield from _own_galleries(metrics)
    for name, heading in (
        ("open_set", "Identification among impostors"),
        ("reliability", "Reliability of class distances"),
        ("roc", "LFW: verification"),
    ):
        yield from _picture(f"{name}.svg", heading, drawn)
    yield from _robustness(metrics, drawn)
    yield from _fairness(metrics)
    yield from _picture("confusion.svg", "Most frequent rank-1 errors", drawn)
    if "people" in details:
        yield from (
            "## Each person",
            "",
            "`Impostors`: test faces of other people, with their own person not in the gallery, that got this name.",
            "",
            "| Person | Faces | Rank-1 | Rank-5 | Named | Impostors |",
            "| --- | ---: | ---: | ---: | ---: | ---: |",
        )
        for name, row in details["people"].items():
            shares = " | ".join(percent(row[figure]) for figure in ("rank1", "rank5", "named"))
            yield f"| {name} | {row['faces']} | {shares} | {row['impostors']} |"


def _picture(name: str, heading: str, drawn: dict[str, str]) -> Iterator[str]:
    if name in drawn:
        yield from (f"## {heading}", "", f"![{heading}]({name})", "")


def _own_galleries(metrics: dict) -> Iterator[str]:
    if "own_galleries" not in metrics:
        return
    part = metrics["own_galleries"]
    yield from (
        "## Own galleries",
        "",
        f"{part['people']} LFW people are enrolled with randomly chosen photos. The TPIR is the mean ± standard",
        f"deviation over {part['seeds']} choices, with the threshold set on {part['impostors']:,} LFW impostors.",
        "The last two columns use the model card's thresholds. The last is measured on the",
        f"{part['held_out']:,} of these impostors on whom they were not chosen.",
        "",
        "| Enrolled photos | Rank-1 | FPIR | TPIR | Named at the setting | Impostors named at the setting |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    )
    for row in part["rows"]:
        for rate in row["rates"]:
            over = f"{percent(rate['tpir'])} ± {100 * rate['spread']:.1f}"
            shares = f"{percent(rate['named'])} | {percent(rate['impostors_named'], 2)}"
            yield f"| {row['enrolled']} | {percent(row['rank1'])} | {percent(rate['fpir'])} | {over} | {shares} |"
    yield ""


def _robustness(metrics: dict, drawn: dict[str, str]) -> Iterator[str]:
    if "robustness" not in metrics:
        return
    yield from _picture("robustness.svg", "Degraded photos", drawn)
    yield "| Photo | Rank-1 | Named correctly | Impostors named | Missed | Refused |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for row in metrics["robustness"]:
        shares = " | ".join(percent(row[figure]) for figure in ("rank1", "named", "impostors_named"))
        yield f"| {row['change']} | {shares} | {row['missed']} of {row['faces']} | {row['refused']} |"
    yield ""


def _fairness(metrics: dict) -> Iterator[str]:
    if "fairness" not in metrics:
        return
    part = metrics["fairness"]
    yield from ("## Fairness", "")
    for figure, words in (("rank1", "rank-1"), ("named", "the share of faces named correctly")):
        row = part[figure]
        yield f"- Over {part['people']} people, {words} is {percent(row['mean'])} on average with a standard deviation"
        yield f"  of {percent(row['spread'])}. In the tenth with the lowest shares it is {percent(row['worst_tenth'])}."
    yield f"- People of that tenth, lowest first: {', '.join(part['worst_tenth'])}."
    called = ", ".join(f"{name} ({count})" for name, count in part["impostors_by_name"].items())
    yield from (f"- Names that impostors got most often: {called or 'none'}.", "")
    yield from ("Age, sex and origin were not guessed. By the collection that the photos come from:", "")
    yield from ("| Collection | People | Faces | Rank-1 | Named |", "| --- | --- | ---: | ---: | ---: |")
    for row in part["sources"]:
        first = percent(row["rank1"]) if "rank1" in row else ""
        yield f"| {row['source']} | {row['who']} | {row['faces']} | {first} | {percent(row['named'])} |"
    yield ""


def _rounded(value):
    """Round floats to four digits."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
