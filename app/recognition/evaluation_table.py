"""Evaluation metrics of the model card as a table, for the model page, the report and the documents."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from app import text

NOT_MEASURED = "*The network in `models/` has not been measured yet.*"

Metrics = dict[str, Any]  # a part of the model card's `metrics`, as `app.training.evaluation` returns it
Row = tuple[str, str, str]  # measure, value and sample

_SUMMARY_PHOTOS = (1, 3)
"""Numbers of reference photos in the summary."""


def metric_rows(metrics: Metrics) -> list[Row]:
    """Return the rows of the table; each part of `metrics` may be missing."""
    return [row for part, describe in _PARTS.items() if part in metrics for row in describe(metrics[part])]


def metric_topics(metrics: Metrics) -> dict[str, list[Row]]:
    """Return the rows of the table by topic."""
    topics: dict[str, list[Row]] = {}
    for part, topic in _TOPICS.items():
        if part in metrics:
            topics.setdefault(topic, []).extend(_PARTS[part](metrics[part]))
    return topics


def format_table(metrics: Metrics) -> str:
    """Return the metrics as a Markdown table."""
    return _table(metric_rows(metrics))


def format_summary(metrics: Metrics) -> str:
    """Return five metrics in plain words as a Markdown table, those that depend on it with the loosest FPIR."""
    return _table(_summary_rows(metrics))


def percent(share: float, digits: int = 1) -> str:
    """Return a share as text in percent."""
    return f"{100 * share:.{digits}f} %"


def _table(rows: Sequence[Row]) -> str:
    lines = [("Measure", "Value", "Sample"), ("---", "---:", "---"), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if rows else NOT_MEASURED


def _summary_rows(metrics: Metrics) -> list[Row]:
    rows = []
    if own := metrics.get("own_galleries"):
        for row in own["rows"]:
            if row["enrolled"] in _SUMMARY_PHOTOS:
                photos = text.count(row["enrolled"], "reference photo")
                sample = f"{row['probes']:,} faces of {own['people']} LFW people, {own['impostors']:,} of others"
                rows.append((f"Your people, {photos} each: named faces", percent(row["rates"][0]["tpir"]), sample))
    if known := metrics.get("celebrities"):
        sample = f"{known['faces']:,} faces of {known['people']} celebrities"
        rows.append(("Shipped people: named faces", percent(known["rates"][0]["matched"]), sample))
    if famous := metrics.get("impostors", {}).get("famous"):
        sample = f"{famous['faces']:,} faces of {famous['people']} celebrities outside the gallery"
        rows.append(("Famous people outside the gallery: wrong names", percent(famous["rates"][0]["matched"]), sample))
    if pairs := metrics.get("lfw"):
        _, accuracy, sample = _lfw(pairs)[0]
        rows.append(("Same person or not: right answers (LFW)", accuracy, sample))
    return rows


def _own_galleries(part: Metrics) -> list[Row]:
    rows = []
    for row in part["rows"]:
        photos = f"{row['enrolled']} photo{'s' if row['enrolled'] > 1 else ''} each"
        sample = (
            f"{row['probes']:,} faces of {part['people']} LFW people, {part['impostors']:,} impostors, "
            f"mean of {part['seeds']} random choices"
        )
        rows.append((f"Own gallery, {photos}: TPIR at FPIR {_fpirs(row)}", _values(row, "tpir"), sample))
    return rows


def _known_faces(group: str, description: str, part: Metrics) -> list[Row]:
    sample = f"{part['faces']:,} faces of {part['people']} {description}"
    with_impostors = f"{sample}, {part['impostors']:,} ordinary impostors"
    thresholds = f"with the shipped thresholds for FPIR {_fpirs(part)}"
    return [
        (f"{group}: rank-1", percent(part["rank1"]), sample),
        (f"{group}: TPIR at FPIR {_fpirs(part)}", _values(part, "tpir"), with_impostors),
        (f"{group}: TPIR {thresholds}", _values(part, "matched"), sample),
        (f"{group}: misidentified {thresholds}", _values(part, "misidentified"), sample),
    ]


_IMPOSTORS = {
    "ordinary": ("Ordinary people", "ordinary people outside the gallery"),
    "famous": ("Famous people", "famous people outside the gallery"),
    "look_alikes": ("Look-alikes", "gallery people, each left out of the gallery"),
}


def _impostors(part: Metrics) -> list[Row]:
    rows = []
    for kind, (group, description) in _IMPOSTORS.items():
        if kind in part:
            sample = f"{part[kind]['faces']:,} faces of {part[kind]['people']:,} {description}"
            thresholds = f"with the shipped thresholds for {_fpirs(part[kind])}"
            rows.append((f"{group} as impostors: FPIR {thresholds}", _values(part[kind], "matched"), sample))
            rows.append((f"{group} as impostors: ambiguous {thresholds}", _values(part[kind], "ambiguous"), sample))
    return rows


def _resent(part: Metrics) -> list[Row]:
    name = "Enrolled photos that match their person when sent again"
    compressed = f"{part['compressed']:,} of them, saved again as JPEG of quality 80"
    return [
        (name, percent(part["matched"]), f"{part['photos']:,} photos of the gallery, unchanged"),
        (name, percent(part["compressed_matched"]), compressed),
    ]


def _comparisons(part: Metrics) -> list[Row]:
    groups, different, same = part["groups"], part["different_people"], part["same_person"]
    group_sample = f"{groups['pairs']:,} random pairs of group photos of LFW impostors"
    different_sample, same_sample = (f"{pairs['pairs']:,} pairs of LFW impostors" for pairs in (different, same))
    return [
        ("Two groups of five different people: same person", percent(groups["same"], 2), group_sample),
        ("Two groups of five different people: can't tell", percent(groups["uncertain"]), group_sample),
        ("Two different people: same person (FMR)", percent(different["same"], 2), different_sample),
        ("Two different people: can't tell", percent(different["uncertain"]), different_sample),
        ("Two photos of one person: different people (FNMR)", percent(same["different"], 2), same_sample),
        ("Two photos of one person: can't tell", percent(same["uncertain"]), same_sample),
    ]


def _lfw(part: Metrics) -> list[Row]:
    rows = []
    samples = {"": part, " without the celebrities of the gallery": part.get("without_celebrities")}
    for description, pairs in samples.items():
        if pairs:
            sample = f"{pairs['pairs']:,} pairs{description}"
            accuracy = f"{percent(pairs['accuracy'])} ± {100 * pairs['standard_error']:.1f}"
            rows.append(("LFW: accuracy", accuracy, f"{sample}, 10 folds"))
            rows.append(("LFW: TAR at FAR 0.1 %", percent(pairs["tar_at_far_1e-3"]), sample))
    return rows


def _tilt(part: Metrics) -> list[Row]:
    sample = f"{part['faces']:,} faces of celebrities, the photo rotated"
    rates = [(name.removeprefix("rank1_at_"), rate) for name, rate in part.items() if name.startswith("rank1_at_")]
    return [(f"Rank-1 at a tilt of {degrees}°", percent(rate), sample) for degrees, rate in rates]


_PARTS: dict[str, Callable[[Metrics], list[Row]]] = {
    "own_galleries": _own_galleries,
    "unseen_people": partial(
        _known_faces, "Shipped gallery, people not seen in training", "LFW people who are not in the faces folder"
    ),
    "impostors": _impostors,
    "celebrities": partial(_known_faces, "Shipped gallery, celebrities", "celebrities"),
    "resent": _resent,
    "comparisons": _comparisons,
    "lfw": _lfw,
    "tilt": _tilt,
}

_TOPICS = {
    "celebrities": "Shipped gallery",
    "unseen_people": "Shipped gallery",
    "resent": "Shipped gallery",
    "impostors": "People outside the gallery",
    "own_galleries": "Galleries of your own people",
    "comparisons": "Comparisons of two photos",
    "lfw": "Comparisons of two photos",
    "tilt": "Tilted faces",
}


def _fpirs(part: Metrics) -> str:
    return " / ".join(f"{100 * row['fpir']:g}" for row in part["rates"]) + " %"


def _values(part: Metrics, rate: str) -> str:
    return " / ".join(f"{100 * row[rate]:.1f}" for row in part["rates"]) + " %"
