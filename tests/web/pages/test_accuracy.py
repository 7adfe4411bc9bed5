from app.recognition.evaluation_table import metric_rows, metric_topics
from app.web.pages.accuracy import Claim, claim, measured_limits

METRICS = {
    "celebrities": {
        "faces": 1801,
        "people": 382,
        "rates": [{"fpir": 0.01, "matched": 0.9123}, {"fpir": 0.001, "matched": 0.8}],
    },
    "impostors": {
        "ordinary": {
            "faces": 4281,
            "people": 2342,
            "rates": [{"fpir": 0.01, "matched": 3 / 4281}, {"fpir": 0.001, "matched": 0.0}],
        },
        "famous": {"faces": 346, "people": 21, "rates": [{"fpir": 0.01, "matched": 5 / 346}]},
    },
    "own_galleries": {
        "people": 138,
        "held_out": 3114,
        "rows": [
            {"enrolled": 3, "probes": 1302, "rates": [{"fpir": 0.01, "matched": 0.9957, "impostors_matched": 0.0107}]}
        ],
    },
    "robustness": [
        {"change": "unchanged", "faces": 451, "matched": 0.907},
        {"change": "grayscale", "faces": 451, "matched": 0.878},
        {"change": "blurred by 2 px", "faces": 451, "matched": 0.408},
    ],
}


def test_the_claim_is_about_the_gallery_and_the_rate_of_the_server():
    assert claim(METRICS, 0.01, shipped=True) == Claim(
        "The model names 91.2 % of known faces and gives a wrong name to 3 of 4,281 unknown faces",
        "Measured with thresholds for a false positive identification rate of 1 %, on 1,801 faces of 382 people in the "
        "shipped gallery, and on 4,281 faces of 2,342 ordinary people outside it.",
    )
    strict, own = claim(METRICS, 0.001, shipped=True), claim(METRICS, 0.01, shipped=False)
    assert strict.headline == "The model names 80.0 % of known faces and gives a wrong name to 0 of 4,281 unknown faces"
    assert own.headline == "The model names 99.6 % of known faces and gives a wrong name to 33 of 3,114 unknown faces"
    assert "138 people with 3 reference photos each" in own.conditions


def test_limits_are_what_was_measured():
    assert measured_limits(METRICS, 0.01) == [
        (
            "Poor photos.",
            "Of 451 faces in good photos, 91 % get their name. In degraded copies, only 41 % (blurred by 2 px).",
        ),
        ("Famous people outside the gallery.", "5 of 346 faces get a wrong name."),
    ]


def test_a_card_without_metrics_claims_nothing():
    assert claim({}, 0.01, shipped=True) is None
    assert measured_limits({}, 0.01) == []


def test_every_row_of_the_table_has_a_topic(recognizer):
    metrics = recognizer.network.card.raw["metrics"]
    topics = metric_topics(metrics)
    assert sorted(row for rows in topics.values() for row in rows) == sorted(metric_rows(metrics))
