import html
import re

import pytest

from app.recognition.decision import FPIRS
from app.recognition.evaluation_table import metric_rows
from app.web.factory import create_app
from app.web.pages.model import ALTERNATIVES, find_plots
from tests.web.conftest import heading, text

SVG = '<svg xmlns="http://www.w3.org/2000/svg"><title>{}</title><style>a{{}}</style></svg>'


@pytest.fixture
def reported(settings, recognizer, tmp_path):
    """A client of an app beside whose card a report lies, and the report's folder."""
    folder = tmp_path / "report"
    folder.mkdir()
    for name, title in {"zebra": "Stripes &amp; dots", "roc": "ROC", "open_set": "Strangers"}.items():
        (folder / f"{name}.svg").write_text(SVG.format(title), encoding="utf-8")
    (folder / "report.json").write_text("{}", encoding="utf-8")
    (folder / "notes.html").write_text("<script>", encoding="utf-8")
    return create_app(settings.with_changes(model=tmp_path / "twin.json"), recognizer).test_client()


def test_the_card_in_words(client, recognizer):
    page = client.get("/model")
    card, said = recognizer.network.card, html.unescape(text(page))
    assert heading(page) == "About the model"
    assert card.raw["data"] in said
    assert card.id in said
    assert f"{card.rules.margin:.3f}" in said
    assert "The false positive identification rate is 1 %" in said
    assert f"The gallery has {len(recognizer.gallery.people())} people" in said
    shown = metric_rows(card.raw["metrics"])
    assert len(shown) > 5
    for what, figure, _ in shown:
        assert what in said
        assert figure in said
    assert ">Limits</h2>" in page.text


def test_the_thresholds_of_every_rate_are_those_of_this_gallery(client, recognizer):
    table = re.search(r'<table aria-label="Thresholds in this gallery">(.*?)</table>', client.get("/model").text, re.S)[
        1
    ]
    assert re.findall(r'<th scope="col">(.*?)</th>', table) == [
        "Reference photos",
        "Rate 1 %",
        "Rate 0.3 %",
        "Rate 0.1 %",
    ]
    anchors, *cells = re.findall(r'<th scope="row">(\d+)</th>' + 3 * r'<td class="number">([\d.]+)</td>', table)[0]
    people, rules = len(recognizer.gallery.people()), recognizer.rules(recognizer.gallery.snapshot())
    assert cells == [f"{rules.with_fpir(fpir).threshold(int(anchors), people):.3f}" for fpir in FPIRS]
    assert cells == sorted(cells, reverse=True)


def test_plots_that_lie_there_are_shown_with_what_they_show(reported):
    page = reported.get("/model").text
    sources = re.findall(r'<img src="([^"]+)" alt="([^"]+)"', page)
    assert sources == [
        ("/model/report/open_set.svg", ALTERNATIVES["open_set"]),
        ("/model/report/roc.svg", ALTERNATIVES["roc"]),
        ("/model/report/zebra.svg", "Stripes &amp; dots"),
    ]
    assert re.findall(r'href="(/model/report/report[^"]+)"', page) == ["/model/report/report.json"]


def test_plots_are_served_so_that_nothing_in_them_can_run(reported):
    with reported.get("/model/report/roc.svg") as response:
        assert response.mimetype == "image/svg+xml"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
        tag = response.headers["ETag"]
    with reported.get("/model/report/roc.svg", headers={"If-None-Match": tag}) as again:
        assert again.status_code == 304


@pytest.mark.parametrize("name", ["nothing.svg", "notes.html", "..%2Ftwin.json", "%2E%2E/twin.json", ".svg"])
def test_nothing_else_of_the_folder_is_served(reported, name):
    assert reported.get(f"/model/report/{name}").status_code == 404


def test_a_model_without_report(tmp_path):
    assert find_plots(tmp_path / "report") == []
