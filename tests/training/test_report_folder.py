import json
from xml.etree import ElementTree

import numpy as np
import pytest

from app.training import plots, report_folder

SHARES = {"top1": 0.9, "named": 0.5}
RATE = {"false_positive_rate": 0.01, "identified": 0.66, "mean": 0.65, "spread": 0.05, "strangers_named": 0.011}
METRICS = {
    "open_set": {"faces": 100, "named": 0.003, "ambiguous": 0.0},
    "identification": {
        "strangers": [RATE],
        "celebrities_left_out": {"faces": 90, "named": 0.033, "rates": [RATE]},
        "guests_left_out": {"faces": 1234, "named": 0.044, "rates": [RATE | {"mean": 0.555}]},
    },
    "reliability": [
        {"from": 0.0, "to": 0.3, "faces": 80, "right": 79},
        {"from": 0.3, "to": 1.0, "faces": 60, "right": 9},
    ],
    "robustness": [
        {"change": "as it is", "faces": 50, "missed": 1, "strangers": 40, "strangers_named": 0.025, **SHARES}
    ],
    "fairness": {
        "people": 12,
        "top1": {"mean": 0.8, "spread": 0.2, "worst_tenth": 0.1},
        "named": {"mean": 0.6, "spread": 0.3, "worst_tenth": 0.0},
        "worst_tenth": ["Zoë <Z>"],
        "strangers_most_often_called": {"Ann": 3},
        "sources": [
            {"source": "film", "who": "known", "faces": 30, **SHARES},
            {"source": "celeba", "who": "strangers", "faces": 30, "named": 0.007},
        ],
    },
}
DETAILS = {
    "roc": {"all pairs": [[0.001, 0.6], [1.0, 1.0]]},
    "open_set_curves": {"strangers": [[0.001, 0.4], [0.5, 0.8]], "others": [[0.001, 0.2], [0.5, 0.8]]},
    "people": {"Ann": {"faces": 4, "top5": 1.0, "strangers": 3, **SHARES}},
    "confusions": [{"person": "Zoë <Z>", "taken_for": "A & B", "faces": 2, "of": 3}],
}
CARD = {"made": "2026-11-24", "data": "faces", "weights": {"sha256": "0123456789abcdef"}, "metrics": METRICS}


def test_the_report_is_whole(tmp_path):
    report_folder.write(tmp_path / "report", CARD, DETAILS)
    names = {"roc.svg", "open_set.svg", "confusion.svg", "robustness.svg", "reliability.svg"}
    assert {path.name for path in (tmp_path / "report").iterdir()} == names | {"report.json", "report.md"}
    for name in names:
        picture = (tmp_path / "report" / name).read_text(encoding="utf-8")
        assert ElementTree.fromstring(picture).tag.endswith("svg")
        assert len(picture) < 10_000
    data = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert data["metrics"] == METRICS
    assert data["people"]["Ann"]["strangers"] == 3
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in text for name in names)
    assert "| as it is | 90.0 % | 50.0 % | 2.5 % | 1 of 50 |" in text
    assert "worst first: Zoë <Z>." in text
    assert "3.3 % of the 90 faces whose person was taken out." in text
    assert "Of the 1,234 whom the network has not learnt from, 4.4 %." in text
    assert "| people of the gallery whom the network has not learnt from, taken out one at a time | 1.0 % |" in text


def test_what_was_not_measured_is_left_out(tmp_path):
    report_folder.write(tmp_path, CARD | {"metrics": {"open_set": METRICS["open_set"]}}, {})
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.md"}


def test_points_lie_where_their_values_say():
    axis = ("x", [(0.01, "1 %"), (1.0, "100 %")]), ("y", [(0.0, "0"), (1.0, "1")])
    picture = plots.lines("t", {"a": [[0.001, 0.5], [0.01, 0.0], [0.1, 0.5], [1.0, 1.0]]}, *axis)
    line = next(one for one in ElementTree.fromstring(picture).iter() if one.tag.endswith("polyline"))
    points = np.array([[float(value) for value in point.split(",")] for point in line.get("points").split()])
    assert len(points) == 3  # what lies beyond the axis is left out
    assert points[1] == pytest.approx(points.mean(axis=0), abs=0.1)
    assert (points[2] - points[0])[0] > 0 > (points[2] - points[0])[1]
