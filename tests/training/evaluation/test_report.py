import json
from xml.etree import ElementTree

from app.recognition import evaluation_table
from app.training.evaluation import report

FPIRS = (0.01, 0.003, 0.001)


def rates(*names: str) -> list[dict]:
    """Rows for each FPIR with these shares: 0.9, 0.8 and 0.7."""
    return [{"fpir": fpir, **dict.fromkeys(names, 0.9 - number / 10)} for number, fpir in enumerate(FPIRS)]


KNOWN = {
    "faces": 1234,
    "people": 138,
    "missed": 3,
    "refused": 4,
    "impostors": 4281,
    "rank1": 0.989,
    "rank5": 0.995,
    "rates": rates("tpir", "matched", "misidentified", "ambiguous"),
}
IMPOSTORS = {"faces": 505, "people": 32, "rates": rates("matched", "ambiguous")}
PAIRS = {"pairs": 5000, "same": 0.0008, "uncertain": 0.25, "different": 0.7492}
METRICS = {
    "own_galleries": {
        "people": 138,
        "impostors": 6392,
        "held_out": 3200,
        "seeds": 5,
        "rows": [
            {
                "enrolled": number,
                "probes": 1367,
                "rank1": 0.98,
                "rates": rates("tpir", "matched", "impostors_matched", "spread"),
            }
            for number in (1, 3)
        ],
    },
    "unseen_people": KNOWN,
    "impostors": {"ordinary": IMPOSTORS, "famous": IMPOSTORS, "look_alikes": IMPOSTORS},
    "celebrities": KNOWN,
    "resent": {"photos": 20_000, "matched": 0.999, "compressed": 1000, "compressed_matched": 0.997},
    "comparisons": {"same_person": PAIRS, "different_people": PAIRS, "groups": PAIRS},
    "lfw": {
        "missed_faces": 0,
        "pairs": 6000,
        "accuracy": 0.97,
        "standard_error": 0.002,
        "tar_at_far_1e-3": 0.912,
        "without_celebrities": {"pairs": 5656, "accuracy": 0.96, "standard_error": 0.003, "tar_at_far_1e-3": 0.884},
    },
    "tilt": {"faces": 400, "rank1_at_0": 0.9, "rank1_at_-30": 0.85},
    "reliability": [
        {"from": 0.0, "to": 0.3, "faces": 80, "correct": 79},
        {"from": 0.3, "to": 1.0, "faces": 60, "correct": 9},
    ],
    "robustness": [
        {
            "change": "unchanged",
            "faces": 50,
            "rank1": 0.9,
            "matched": 0.5,
            "missed": 1,
            "refused": 2,
            "impostors": 40,
            "impostors_matched": 0.025,
        }
    ],
    "fairness": {
        "people": 12,
        "rank1": {"mean": 0.8, "spread": 0.2, "worst_tenth": 0.1},
        "matched": {"mean": 0.6, "spread": 0.3, "worst_tenth": 0.0},
        "worst_tenth": ["Zoë <Z>"],
        "impostors_by_name": {"Ann": 3},
        "sources": [
            {"source": "film", "people": "known", "faces": 30, "rank1": 0.9, "matched": 0.5},
            {"source": "celeba", "people": "impostors", "faces": 30, "matched": 0.007},
        ],
    },
}
DETAILS = {
    "roc": {"all pairs": [[0.001, 0.6], [1.0, 1.0]]},
    "open_set_curves": {"celebrities": [[0.001, 0.4], [0.5, 0.8]], "others": [[0.001, 0.2], [0.5, 0.8]]},
    "people": {"Ann": {"faces": 4, "rank1": 0.9, "rank5": 1.0, "matched": 0.5, "impostors": 3}},
    "frequent_errors": [{"person": "Zoë <Z>", "closest": "A & B", "errors": 2, "faces": 3}],
}
CARD = {"made": "2026-11-24", "data": "faces", "weights": {"sha256": "0123456789abcdef"}, "metrics": METRICS}


def test_every_row_of_the_table_has_its_own_sample():
    rows = evaluation_table.metric_rows(METRICS)
    assert [row[:2] for row in rows[:2]] == [
        ("Own gallery, 1 photo each: TPIR at FPIR 1 / 0.3 / 0.1 %", "90.0 / 80.0 / 70.0 %"),
        ("Own gallery, 3 photos each: TPIR at FPIR 1 / 0.3 / 0.1 %", "90.0 / 80.0 / 70.0 %"),
    ]
    pairs = {(what, "5,656" in on): value for what, value, on in rows if what.startswith("LFW")}
    assert pairs == {
        ("LFW: accuracy", False): "97.0 % ± 0.2",
        ("LFW: TAR at FAR 0.1 %", False): "91.2 %",
        ("LFW: accuracy", True): "96.0 % ± 0.3",
        ("LFW: TAR at FAR 0.1 %", True): "88.4 %",
    }
    assert ("Rank-1 at a tilt of -30°", "85.0 %", "400 faces of celebrities, the photo rotated") in rows


def test_table_is_markdown():
    lines = evaluation_table.format_table(METRICS).splitlines()
    assert lines[0] == "| Measure | Value | Sample |"
    assert {line.count("|") for line in lines} == {4}
    assert evaluation_table.format_table({}) == evaluation_table.NOT_MEASURED


def test_summary_leaves_out_what_was_not_measured():
    lines = evaluation_table.format_summary(METRICS).splitlines()
    assert lines[0] == "| Measure | Value | Sample |"
    assert "| Same person or not: right answers (LFW) | 97.0 % ± 0.2 | 6,000 pairs, 10 folds |" in lines
    assert evaluation_table.format_summary({"lfw": METRICS["lfw"]}).splitlines()[2:] == lines[-1:]
    assert evaluation_table.format_summary({}) == evaluation_table.NOT_MEASURED


def test_report_has_every_part(tmp_path):
    report.write(tmp_path / "report", CARD, DETAILS)
    names = {"roc.svg", "open_set.svg", "frequent_errors.svg", "robustness.svg", "reliability.svg"}
    assert {path.name for path in (tmp_path / "report").iterdir()} == names | {"report.json", "report.md"}
    for name in names:
        picture = (tmp_path / "report" / name).read_text(encoding="utf-8")
        assert ElementTree.fromstring(picture).tag.endswith("svg")
    data = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert data["metrics"] == METRICS
    assert data["people"]["Ann"]["impostors"] == 3
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert all(f"]({name})" in text for name in names)
    assert "| 3 | 98.0 % | 0.1 % | 70.0 % ± 70.0 | 70.0 % | 70.00 % |" in text
    assert "| unchanged | 90.0 % | 50.0 % | 2.5 % | 1 of 50 | 2 |" in text
    assert "lowest first: Zoë <Z>." in text
    assert "| Ann | 4 | 90.0 % | 100.0 % | 50.0 % | 3 |" in text


def test_parts_that_were_not_measured_are_left_out(tmp_path):
    report.write(tmp_path, CARD | {"metrics": {"celebrities": KNOWN}}, {})
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "report.md"}
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| Shipped gallery, celebrities: rank-1 | 98.9 % | 1,234 faces of 138 celebrities |" in text
    assert "## " not in text


def test_reports_are_reproducible(tmp_path):
    report.write(tmp_path, CARD, DETAILS)
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    report.render(tmp_path, CARD)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files
