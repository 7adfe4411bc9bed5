"""Accuracy of the model in sentences for the model page, from the metrics of its card."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.recognition.evaluation_table import Metrics, percent
from app.web import wording

_ANCHORS = 3
"""Reference photos of a person, in the claim about galleries of own people."""

_LOSS = 0.1
"""Smallest loss of the identification rate in degraded photos that is a limit."""


@dataclass(frozen=True)
class Claim:
    """A headline about the accuracy, and the conditions under which it was measured."""

    headline: str
    conditions: str


def claim(metrics: Metrics, fpir: float, shipped: bool) -> Claim | None:
    """Return the headline claim, or None if it was not measured.

    Args:
        metrics: `metrics` of the model card. Each part may be missing.
        fpir: false positive identification rate of the server.
        shipped: whether the gallery has shipped people only. Otherwise the claim is about a gallery of own people.
    """
    rate = f"with thresholds for a false positive identification rate of {wording.percent(fpir)}"
    if shipped and {"celebrities", "impostors"} <= metrics.keys():
        known, unknown = metrics["celebrities"], metrics["impostors"]["ordinary"]
        conditions = (
            f"Measured {rate}, on {known['faces']:,} faces of {known['people']:,} people in the shipped gallery, and "
            f"on {unknown['faces']:,} faces of {unknown['people']:,} ordinary people outside it."
        )
        matched, impostors_matched = _at(known, fpir)["matched"], _at(unknown, fpir)["matched"]
        return Claim(_headline(matched, impostors_matched, unknown["faces"]), conditions)
    rows = {row["enrolled"]: row for row in metrics.get("own_galleries", {}).get("rows", [])}
    if _ANCHORS not in rows:
        return None
    gallery, row = metrics["own_galleries"], _at(rows[_ANCHORS], fpir)
    conditions = (
        f"Measured {rate}, on {gallery['people']:,} people with {_ANCHORS} reference photos each: on "
        f"{rows[_ANCHORS]['probes']:,} other faces of theirs, and on {gallery['held_out']:,} faces of people outside "
        "the gallery."
    )
    return Claim(_headline(row["matched"], row["impostors_matched"], gallery["held_out"]), conditions)


def measured_limits(metrics: Metrics, fpir: float) -> list[tuple[str, str]]:
    """Return what the model is not good at, as headings and sentences. Parts that were not measured are missing."""
    limits = []
    photos = {row["change"]: row for row in metrics.get("robustness", [])}
    if original := photos.pop("unchanged", None):
        worse = sorted((row["matched"], change) for change, row in photos.items())
        shares = [f"{matched:.0%} ({change})" for matched, change in worse if original["matched"] - matched > _LOSS]
        if shares:
            sentence = f"Of {original['faces']:,} faces in good photos, {original['matched']:.0%} get their name. "
            limits.append(("Poor photos.", f"{sentence}In degraded copies, only {', '.join(shares)}."))
    if people := metrics.get("fairness"):
        matched = people["matched"]
        lowest = f"{matched['worst_tenth']:.0%} for the lowest tenth of {people['people']:,} people"
        limits.append(("Some people.", f"{matched['mean']:.0%} of faces get their name on average, but {lowest}."))
    if famous := metrics.get("impostors", {}).get("famous"):
        wrong = share_of(_at(famous, fpir)["matched"], famous["faces"])
        limits.append(("Famous people outside the gallery.", f"{wrong} faces get a wrong name."))
    return [(heading, sentence.replace("%", " %")) for heading, sentence in limits]


def share_of(rate: float, faces: int) -> str:
    """Return a rate as a count, e.g. "1 of 4,281". A rate of few errors, such as one in 4,281, promises too much."""
    return f"{rate * faces:,.0f} of {faces:,}"


def _headline(matched: float, impostors_matched: float, impostors: int) -> str:
    wrong = share_of(impostors_matched, impostors)
    return f"The model names {percent(matched)} of known faces and gives a wrong name to {wrong} unknown faces"


def _at(part: Mapping[str, Any], fpir: float) -> Mapping[str, float]:
    """Return the rates of the closest measured false positive identification rate."""
    rates: list[Mapping[str, float]] = part["rates"]
    return min(rates, key=lambda row: abs(row["fpir"] - fpir))
