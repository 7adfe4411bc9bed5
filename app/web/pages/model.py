"""The page about the model: its card in words, its figures, and the plots that its evaluation made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from flask import Blueprint, Response, current_app, render_template, send_from_directory
from werkzeug.exceptions import NotFound

from app.recognition.decision import FPIRS, Rules
from app.recognition.evaluation_figures import figures
from app.web.recognizer_loading import current_recognizer
from app.web.wording import identification_rate, percent

blueprint = Blueprint("model", __name__, url_prefix="/model")

ALTERNATIVES = {
    "open_set": "Curves: the true positive identification rate (TPIR) against the false positive identification rate "
    "(FPIR).",
    "roc": "Curves on pairs of LFW: the true accept rate (TAR) against the false accept rate (FAR).",
    "reliability": "Bars: the share of faces whose closest person is the right one, by class distance.",
    "confusion": "Bars: the pairs of people that are confused most often.",
    "robustness": "Bars: rank-1 accuracy in degraded photos: blurred, dark, small, covered or tilted.",
}
"""What the plots show, in the order of the page. Other plots follow with their own titles."""

_TYPES = {".svg": "image/svg+xml", ".json": "application/json", ".md": "text/plain"}

_STANDALONE = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""For a plot opened by itself: its own colors for light and dark, and nothing else."""


@dataclass(frozen=True)
class ThresholdRow:
    """Thresholds for a person with a number of anchors: class distances, in the order of `verdict.FPIRS`."""

    anchors: int
    distances: tuple[float, ...]


@dataclass(frozen=True)
class Plot:
    """A plot: its file, its title, and what it shows in words."""

    file: str
    title: str
    alternative: str


@blueprint.get("")
def about() -> str:
    """The card as a page."""
    recognizer = current_recognizer()
    card = recognizer.network.card
    people = recognizer.gallery.people()
    rules = recognizer.rules(recognizer.gallery.snapshot())
    return render_template(
        "model.html",
        card=card,
        rules=rules,
        rate=identification_rate(rules.fpir),
        fpirs=[percent(fpir) for fpir in FPIRS],
        thresholds=thresholds(rules, len(people)),
        detector=recognizer.detector.backend,
        people=len(people),
        anchors=sum(person.anchors for person in people),
        figures=figures(card.raw.get("metrics", {})),
        plots=plots(_folder()),
        documents=[name for name in ("report.md", "report.json") if (_folder() / name).is_file()],
    )


@blueprint.get("/report/<name>")
def report(name: str) -> Response:
    """A file of the evaluation's report: a plot, or all figures as text or JSON."""
    kind = _TYPES.get(Path(name).suffix)
    if kind is None:
        raise NotFound
    response = send_from_directory(_folder(), name, mimetype=kind)
    if kind == "image/svg+xml":
        response.headers["Content-Security-Policy"] = _STANDALONE
    return response


def thresholds(rules: Rules, people: int) -> list[ThresholdRow]:
    """Return the thresholds of a gallery, a row for each number of anchors that the card has."""
    counts = [anchors for anchors, _ in dict(rules.thresholds)[FPIRS[0]][0][1]]
    rates = [rules.with_fpir(fpir) for fpir in FPIRS]
    return [ThresholdRow(count, tuple(rate.threshold(count, people) for rate in rates)) for count in counts]


def plots(folder: Path) -> list[Plot]:
    """The plots that lie in a folder, the known ones first."""
    files = {path.stem: path for path in sorted(folder.glob("*.svg"))}
    order = [name for name in ALTERNATIVES if name in files] + [name for name in files if name not in ALTERNATIVES]
    return [_plot(files[name]) for name in order]


def _plot(path: Path) -> Plot:
    found = re.search(r"<title[^>]*>([^<]+)</title>", path.read_text(encoding="utf-8", errors="replace"))
    title = unescape(found[1]).strip() if found else path.stem.replace("_", " ").capitalize()
    return Plot(path.name, title, ALTERNATIVES.get(path.stem, title))


def _folder() -> Path:
    """The report of the network in use: `evaluate` writes it beside the card."""
    return current_app.extensions["settings"].model.parent / "report"
