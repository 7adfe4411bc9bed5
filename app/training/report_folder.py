"""The report of an evaluation: report.json for programs, report.md for people, and plots as SVG."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from app.training import plots
from app.training.report import figures_table

_PERCENT = [(value / 100, f"{value} %") for value in (0, 20, 40, 60, 80, 100)]
_RARE = [(0.001, "0.1 %"), (0.01, "1 %"), (0.1, "10 %"), (1.0, "100 %")]
_SHOWN = 15


def write(folder: Path, card: dict, details: dict) -> None:
    """Write the report, in place of one that lies there.

    Arguments:
        folder: made if missing.
        card: the whole card, with `metrics` as just measured.
        details: as `measuring` gives them; each part may be missing.
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
        x, y = ("different people accepted", _RARE), ("same people accepted", _PERCENT)
        yield "roc.svg", plots.lines("LFW: two photos of one person?", details["roc"], x, y)
    if "open_set_curves" in details:
        x, y = ("strangers named", _RARE), ("known faces named rightly", _PERCENT)
        yield "open_set.svg", plots.lines("Known people among strangers", details["open_set_curves"], x, y)
    if "confusions" in details:
        rows = [
            (f"{row['person']} → {row['taken_for']}", row["faces"] / row["of"], f"{row['faces']} of {row['of']}")
            for row in details["confusions"][:_SHOWN]
        ]
        yield "confusion.svg", plots.bars("Who is taken for whom most often", rows, 1)
    if "robustness" in metrics:
        rows = [(row["change"], row["top1"], _percent(row["top1"])) for row in metrics["robustness"]]
        yield "robustness.svg", plots.bars("Right person closest, in worse pictures", rows)
    if "reliability" in metrics:
        rows = [
            (f"{row['from']:.2f} to {row['to']:.2f}", row["right"] / row["faces"], f"{row['right']} of {row['faces']}")
            for row in metrics["reliability"]
        ]
        yield "reliability.svg", plots.bars("Closest person is the right one, by class distance", rows, 2)


def _document(card: dict, details: dict, drawn: dict[str, str]) -> Iterator[str]:
    metrics = card["metrics"]
    yield from ("# How good the network is", "")
    yield f"Network {card['weights']['sha256'][:12]}, made {card['made']}. Trained on: {card['data'] or 'not told'}"
    yield from ("", "Measured by `python main.py evaluate` on faces that neither training nor the choice of thresholds")
    yield from ("has seen, on the way that a visitor's photo takes. Missed faces are errors.", "")
    yield from (figures_table(metrics), "")
    yield from _open_set(metrics, drawn)
    for name, heading in (("reliability", "What a distance is worth"), ("roc", "Pairs of LFW")):
        yield from _picture(f"{name}.svg", heading, drawn)
    yield from _galleries(metrics)
    yield from _robustness(metrics, drawn)
    yield from _fairness(metrics)
    yield from _picture("confusion.svg", "Who is taken for whom", drawn)
    if "people" in details:
        yield from (
            "## Each person",
            "",
            "`strangers`: test faces of others, of whom none was in the gallery, that were",
        )
        yield from ("given this name.", "", "| Person | Faces | First | In the first five | Named | Strangers |")
        yield "| --- | ---: | ---: | ---: | ---: | ---: |"
        for name, row in details["people"].items():
            shares = " | ".join(_percent(row[figure]) for figure in ("top1", "top5", "named"))
            yield f"| {name} | {row['faces']} | {shares} | {row['strangers']} |"


def _picture(name: str, heading: str, drawn: dict[str, str]) -> Iterator[str]:
    if name in drawn:
        yield from (f"## {heading}", "", f"![{heading}]({name})", "")


def _open_set(metrics: dict, drawn: dict[str, str]) -> Iterator[str]:
    if "identification" not in metrics:
        return
    yield from _picture("open_set.svg", "Known people among strangers", drawn)
    part = metrics["identification"]
    yield from ("The threshold is chosen on nine tenths of the people and tried on the last tenth, ten times.", "")
    yield "| Strangers | Named at most | Known faces named rightly | Over folds | Strangers named in the tried fold |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    groups = {
        "people of no gallery, unseen in training": part["strangers"],
        "known people, taken out of the gallery one at a time (the network was trained on other photos of them)": part[
            "celebrities_left_out"
        ]["rates"],
    }
    if "guests_left_out" in part:
        who = "people of the gallery whom the network has not learnt from, taken out one at a time"
        groups[who] = part["guests_left_out"]["rates"]
    for who, rates in groups.items():
        for row in rates:
            over = f"{_percent(row['mean'])} ± {_percent(row['spread'])}"
            shares = f"{_percent(row['false_positive_rate'])} | {_percent(row['identified'])} | {over}"
            yield f"| {who} | {shares} | {_percent(row['strangers_named'])} |"
    left_out = part["celebrities_left_out"]
    yield from (
        "",
        f"With the shipped thresholds, {_percent(metrics['open_set']['named'])} of the strangers are named, and",
    )
    yield f"{_percent(left_out['named'])} of the {left_out['faces']:,} faces whose person was taken out."
    if "guests_left_out" in part:
        left_out = part["guests_left_out"]
        yield f"Of the {left_out['faces']:,} whom the network has not learnt from, {_percent(left_out['named'])}."
    yield ""


def _galleries(metrics: dict) -> Iterator[str]:
    if "galleries" not in metrics:
        return
    yield from ("## Other galleries", "", "`Left out`: faces of known people, without themselves in the gallery.", "")
    yield "| Anchors a person | First | Named rightly | Strangers named | Left out, named |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for row in metrics["galleries"]["anchors"]:
        shares = " | ".join(_percent(row[figure]) for figure in ("top1", "named", "strangers_named", "left_out_named"))
        yield f"| {row['anchors']} | {shares} |"
    yield from ("", "| People in the gallery | Strangers under the threshold | Left out, under it |")
    yield "| ---: | ---: | ---: |"
    for row in metrics["galleries"]["people"]:
        yield f"| {row['people']} | {_percent(row['strangers_named'])} | {_percent(row['left_out_named'])} |"
    yield ""


def _robustness(metrics: dict, drawn: dict[str, str]) -> Iterator[str]:
    if "robustness" not in metrics:
        return
    yield from _picture("robustness.svg", "Worse pictures", drawn)
    yield "| Picture | First | Named rightly | Strangers named | Faces missed |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for row in metrics["robustness"]:
        shares = " | ".join(_percent(row[figure]) for figure in ("top1", "named", "strangers_named"))
        yield f"| {row['change']} | {shares} | {row['missed']} of {row['faces']} |"
    yield ""


def _fairness(metrics: dict) -> Iterator[str]:
    if "fairness" not in metrics:
        return
    part = metrics["fairness"]
    yield from ("## For whom it works worse", "")
    for figure, words in (("top1", "the right person comes first"), ("named", "the right name is given")):
        row = part[figure]
        yield f"- Over {part['people']} people, {words} in {_percent(row['mean'])} of a person's faces on average,"
        yield f"  with a spread of {_percent(row['spread'])}; in the worst tenth, {_percent(row['worst_tenth'])}."
    yield f"- That tenth, worst first: {', '.join(part['worst_tenth'])}."
    called = ", ".join(f"{name} ({count})" for name, count in part["strangers_most_often_called"].items())
    yield from (f"- Names that strangers were given most often: {called or 'none'}.", "")
    yield from ("Nobody's age, sex or origin was guessed. By the collection the pictures come from:", "")
    yield from ("| Collection | Whose | Faces | First | Named |", "| --- | --- | ---: | ---: | ---: |")
    for row in part["sources"]:
        first = _percent(row["top1"]) if "top1" in row else ""
        yield f"| {row['source']} | {row['who']} | {row['faces']} | {first} | {_percent(row['named'])} |"
    yield ""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _rounded(value):
    """Floats to four digits, so that the file stays small."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
