"""Model page: the model card, accuracy figures, evaluation plots and thresholds."""

import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from flask import Blueprint, Response, render_template, send_from_directory
from werkzeug.exceptions import NotFound

from app.recognition.decision import FPIRS, Rules
from app.recognition.evaluation_table import metric_topics
from app.web.pages import accuracy
from app.web.recognizer_loading import current_recognizer
from app.web.uploads import current_settings
from app.web.wording import identification_rate, percent

blueprint = Blueprint("model", __name__, url_prefix="/model")

ALTERNATIVES = {
    "open_set": "Curves: the true positive identification rate (TPIR) against the false positive identification rate "
    "(FPIR).",
    "roc": "Curves on pairs of LFW: the true accept rate (TAR) against the false accept rate (FAR).",
    "reliability": "Bars: the share of faces whose closest person is the right one, by class distance.",
    "frequent_errors": "Bars: the most frequent rank-1 errors, by person.",
    "robustness": "Bars: rank-1 accuracy in degraded photos: blurred, dark, small, covered or tilted.",
}
"""Text alternatives of the plots, in the order of the page. Other plots follow with their own titles."""

_MEDIA_TYPES = {".svg": "image/svg+xml", ".json": "application/json", ".md": "text/plain"}

_PLOT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Plots have inline styles for light and dark, and run nothing."""


@dataclass(frozen=True)
class Plot:
    """A plot: its file, its title and its text alternative."""

    file: str
    title: str
    alternative: str


@blueprint.get("")
def about() -> str:
    """Show the model card."""
    recognizer = current_recognizer()
    card = recognizer.network.card
    people = recognizer.gallery.people()
    rules = recognizer.rules(recognizer.gallery.snapshot())
    metrics = card.raw.get("metrics", {})
    folder = _report_folder()
    return render_template(
        "model.html",
        card=card,
        rules=rules,
        rate=identification_rate(rules.fpir),
        fpirs=[percent(fpir) for fpir in FPIRS],
        thresholds=threshold_rows(rules, len(people)),
        detector=recognizer.detector.backend,
        people=len(people),
        anchors=sum(person.anchors for person in people),
        claim=accuracy.claim(metrics, rules.fpir, shipped=not recognizer.gallery.added_people()),
        measured_limits=accuracy.measured_limits(metrics, rules.fpir),
        topics=metric_topics(metrics),
        plots=find_plots(folder),
        documents=[name for name in ("report.md", "report.json") if (folder / name).is_file()],
    )


@blueprint.get("/report/<name>")
def report(name: str) -> Response:
    """Send a file of the evaluation report: a plot, or all figures as text or JSON."""
    media_type = _MEDIA_TYPES.get(Path(name).suffix)
    if media_type is None:
        raise NotFound
    response = send_from_directory(_report_folder(), name, mimetype=media_type)
    if media_type == "image/svg+xml":
        response.headers["Content-Security-Policy"] = _PLOT_POLICY
    return response


def threshold_rows(rules: Rules, people: int) -> list[tuple[int, list[float]]]:
    """Return numbers of anchors, those of the card, each with a person's thresholds in the order of `FPIRS`."""
    counts = [anchors for anchors, _ in dict(rules.thresholds)[FPIRS[0]][0][1]]
    rates = [rules.with_fpir(fpir) for fpir in FPIRS]
    return [(count, [rate.threshold(count, people) for rate in rates]) for count in counts]


def find_plots(folder: Path) -> list[Plot]:
    """Find the plots of a report, the known ones first."""
    files = {path.stem: path for path in sorted(folder.glob("*.svg"))}
    return [_plot(files[name]) for name in dict.fromkeys([*ALTERNATIVES, *files]) if name in files]


def _plot(path: Path) -> Plot:
    found = re.search(r"<title[^>]*>([^<]+)</title>", path.read_text(encoding="utf-8", errors="replace"))
    title = unescape(found[1]).strip() if found else path.stem.replace("_", " ").capitalize()
    return Plot(path.name, title, ALTERNATIVES.get(path.stem, title))


def _report_folder() -> Path:
    return current_settings().model.parent / "report"
