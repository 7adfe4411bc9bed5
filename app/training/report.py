"""A card's figures as the README's table, so that nobody types a figure: `python -m app.training.report`."""

from __future__ import annotations

from pathlib import Path

import click

from app.card import read_card
from app.settings import ROOT, Settings

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
"""What the table stands between."""

NOTHING = "*The network that lies in `models/` has not been measured yet.*"

Row = tuple[str, str, str]
"""What is asked, its answer, and what it was measured on."""


def figures_table(metrics: dict) -> str:
    """The figures as a Markdown table.

    Arguments:
        metrics: the card's `metrics`, as `measuring` gives them; each part may be missing.
    """
    rows = figures(metrics)
    if not rows:
        return NOTHING
    return "\n".join(
        f"| {' | '.join(row)} |" for row in [("What", "Figure", "Measured on"), ("---", "---:", "---"), *rows]
    )


def figures(metrics: dict) -> list[Row]:
    """The figures of a card's `metrics`, in the order of the table."""
    return [row for part, describe in _PARTS.items() if part in metrics for row in describe(metrics[part])]


def with_table(document: str, table: str) -> str:
    """The document with this table between its markers."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def _open_set(part: dict) -> list[Row]:
    on = f"{part['faces']:,} faces of people whom the gallery does not hold"
    return [
        ("Strangers given a name (the error that matters most)", _percent(part["named"]), on),
        ("Strangers told to lie between two people", _percent(part["ambiguous"]), "the same"),
    ]


def _identification(part: dict) -> list[Row]:
    return [
        (
            f"Known faces named rightly where {_percent(row['false_positive_rate'])} of strangers are",
            f"{_percent(row['mean'])} ± {100 * row['spread']:.1f}",
            "the gallery's faces and these strangers, 10 folds",
        )
        for row in part["strangers"]
    ]


def _closed_set(part: dict) -> list[Row]:
    on = f"{part['faces']:,} faces of {part['people']} people of the gallery"
    return [
        ("Right person first in the table", _percent(part["top1"]), on),
        ("Right person among the first five", _percent(part["top5"]), "the same"),
        ("Named, and rightly", _percent(part["named"]), "the same"),
        ("Named, but wrongly", _percent(part["misnamed"]), "the same"),
    ]


def _guests(part: dict) -> list[Row]:
    on = f"{part['faces']:,} faces of the gallery's {part['people']} people who are not in the training pictures"
    return [
        ("Right person first, where the network has learnt others only", _percent(part["top1"]), on),
        ("Named, and rightly", _percent(part["named"]), "the same"),
        ("Named, but wrongly", _percent(part["misnamed"]), "the same"),
    ]


def _four(part: dict) -> list[Row]:
    on = f"{part['faces']:,} faces of four people, in a gallery of these four alone"
    return [("Right person first among four", _percent(part["top1"]), on)]


def _tilt(part: dict) -> list[Row]:
    prefix = "top1_at_"
    turns = [(int(name.removeprefix(prefix)), share) for name, share in part.items() if name.startswith(prefix)]
    on = f"{part['faces']:,} of the gallery's faces, the picture turned"
    return [(f"Right person first, tilted by {degrees}°", _percent(share), on) for degrees, share in turns]


def _lfw(part: dict) -> list[Row]:
    rows = [
        ("LFW: same person or not", _with_error(part), f"{part['pairs']:,} pairs, 10 folds"),
        ("LFW: same people accepted where 0.1 % of different ones are", _percent(part["tar_at_far_1e-3"]), "the same"),
    ]
    others = part.get("without_trained_people")
    if others:
        on = f"the {others['pairs']:,} pairs without anybody who is in the training pictures"
        rows.insert(1, ("LFW: the same", _with_error(others), on))
    return rows


_PARTS = {
    "open_set": _open_set,
    "identification": _identification,
    "closed_set": _closed_set,
    "guests": _guests,
    "four": _four,
    "tilt": _tilt,
    "lfw": _lfw,
}


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _with_error(part: dict) -> str:
    return f"{100 * part['accuracy']:.1f} % ± {100 * part['standard_error']:.1f}"


def rewrite(readme: Path, model: Path) -> None:
    """Put the figures of a card into a README."""
    table = figures_table(read_card(model).raw.get("metrics", {}))
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), table), encoding="utf-8")


@click.command()
def main() -> None:
    """Put the figures of the model card into README.md."""
    rewrite(ROOT / "README.md", Settings.from_environment().model)
    click.echo("README.md has the figures of the model card.")


if __name__ == "__main__":
    main()
