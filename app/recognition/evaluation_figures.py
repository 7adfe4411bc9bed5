"""Evaluation figures of a model card as the README's table: `python -m app.recognition.evaluation_figures`."""

from __future__ import annotations

from pathlib import Path

import click

from app.recognition.model_card import read_card
from app.settings import ROOT, Settings

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
"""Markers around the table."""

NOTHING = "*The network in `models/` has not been measured yet.*"

Row = tuple[str, str, str]
"""A measure, its value, and the sample."""


def figures_table(metrics: dict) -> str:
    """Return the figures as a Markdown table.

    Args:
        metrics: the card's `metrics`, as `measuring` returns them; each part may be missing.
    """
    rows = figures(metrics)
    if not rows:
        return NOTHING
    return "\n".join(
        f"| {' | '.join(row)} |" for row in [("Measure", "Value", "Sample"), ("---", "---:", "---"), *rows]
    )


def figures(metrics: dict) -> list[Row]:
    """Return the figures of a card's `metrics`, what users feel first."""
    return [row for part, describe in _PARTS.items() if part in metrics for row in describe(metrics[part])]


def with_table(document: str, table: str) -> str:
    """Return the document with this table between its markers."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _own_galleries(part: dict) -> list[Row]:
    rows = []
    for row in part["rows"]:
        photos = f"{row['enrolled']} photo{'s' if row['enrolled'] > 1 else ''} each"
        on = f"{row['probes']:,} faces of {part['people']} LFW people, {part['impostors']:,} impostors"
        on += f", mean of {part['seeds']} random choices"
        rows.append((f"Own gallery, {photos}: TPIR at FPIR {_rates(row)}", _shares(row, "tpir"), on))
    return rows


def _guests(part: dict) -> list[Row]:
    on = f"{part['faces']:,} faces of {part['people']} LFW people who are not in the faces folder"
    return _known("Shipped gallery, people not seen in training", part, on)


def _celebrities(part: dict) -> list[Row]:
    return _known("Shipped gallery, celebrities", part, f"{part['faces']:,} faces of {part['people']} celebrities")


def _known(who: str, part: dict, on: str) -> list[Row]:
    strict = f"{on}, {part['impostors']:,} ordinary impostors"
    return [
        (f"{who}: rank-1", percent(part["rank1"]), on),
        (f"{who}: TPIR at FPIR {_rates(part)}", _shares(part, "tpir"), strict),
        (f"{who}: named correctly at the settings {_rates(part)}", _shares(part, "named"), on),
        (f"{who}: misidentified at the settings {_rates(part)}", _shares(part, "misnamed"), on),
    ]


_KINDS = {
    "ordinary": ("Ordinary people", "ordinary people outside the gallery"),
    "famous": ("Famous people", "famous people outside the gallery"),
    "look_alikes": ("Look-alikes", "known people, each taken out of the gallery"),
}


def _impostors(part: dict) -> list[Row]:
    rows = []
    for kind, (who, words) in _KINDS.items():
        if kind in part:
            on = f"{part[kind]['faces']:,} faces of {part[kind]['people']:,} {words}"
            settings = f"at the settings {_rates(part[kind])}"
            rows.append((f"{who} as impostors: FPIR {settings}", _shares(part[kind], "named"), on))
            rows.append((f"{who} as impostors: ambiguous {settings}", _shares(part[kind], "ambiguous"), on))
    return rows


def _resent(part: dict) -> list[Row]:
    name = "Enrolled photos that match their person when sent again"
    return [
        (name, percent(part["named"]), f"{part['photos']:,} photos of the gallery, unchanged"),
        (name, percent(part["compressed_named"]), f"{part['compressed']:,} of them, saved again as JPEG of quality 80"),
    ]


def _comparisons(part: dict) -> list[Row]:
    groups, different, same = part["groups"], part["different_people"], part["same_person"]
    on = {
        "groups": f"{groups['pairs']:,} random pairs of group photos of LFW impostors",
        "different": f"{different['pairs']:,} pairs of LFW impostors",
        "same": f"{same['pairs']:,} pairs of LFW impostors",
    }
    return [
        ("Two groups of five different people called the same person", percent(groups["same"], 2), on["groups"]),
        ("Two groups of five different people: cannot tell", percent(groups["uncertain"]), on["groups"]),
        ("Two different people called the same person (FMR)", percent(different["same"], 2), on["different"]),
        ("Two different people: cannot tell", percent(different["uncertain"]), on["different"]),
        ("Two photos of one person called different people (FNMR)", percent(same["different"], 2), on["same"]),
        ("Two photos of one person: cannot tell", percent(same["uncertain"]), on["same"]),
    ]


def _lfw(part: dict) -> list[Row]:
    rows = []
    samples = {"": part, " without the celebrities of the gallery": part.get("without_celebrities")}
    for words, sample in samples.items():
        if sample:
            on = f"{sample['pairs']:,} pairs{words}"
            accuracy = f"{percent(sample['accuracy'])} ± {100 * sample['standard_error']:.1f}"
            rows.append(("LFW: accuracy", accuracy, f"{on}, 10 folds"))
            rows.append(("LFW: TAR at FAR 0.1 %", percent(sample["tar_at_far_1e-3"]), on))
    return rows


def _tilt(part: dict) -> list[Row]:
    prefix = "rank1_at_"
    turns = [(int(name.removeprefix(prefix)), share) for name, share in part.items() if name.startswith(prefix)]
    on = f"{part['faces']:,} faces of celebrities, the photo rotated"
    return [(f"Rank-1 at a tilt of {degrees}°", percent(share), on) for degrees, share in turns]


_PARTS = {
    "own_galleries": _own_galleries,
    "guests": _guests,
    "impostors": _impostors,
    "celebrities": _celebrities,
    "resent": _resent,
    "comparisons": _comparisons,
    "lfw": _lfw,
    "tilt": _tilt,
}


def percent(share: float, digits: int = 1) -> str:
    """Return a share as text in percent."""
    return f"{100 * share:.{digits}f} %"


def _rates(part: dict) -> str:
    return " / ".join(f"{100 * row['fpir']:g}" for row in part["rates"]) + " %"


def _shares(part: dict, figure: str) -> str:
    return " / ".join(f"{100 * row[figure]:.1f}" for row in part["rates"]) + " %"


def rewrite(readme: Path, model: Path) -> None:
    """Write the figures of a card into a README."""
    table = figures_table(read_card(model).raw.get("metrics", {}))
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), table), encoding="utf-8")


@click.command()
def main() -> None:
    """Write the figures of the model card into README.md."""
    rewrite(ROOT / "README.md", Settings().model)
    click.echo("README.md has the figures of the model card.")


if __name__ == "__main__":
    main()
