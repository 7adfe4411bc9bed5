from app.training.evaluation import fairness
from tests.training.evaluation.ranked import RULES, face

KNOWN = [
    face("Ann", ("Ann", 0.1), ("Bob", 0.4)),
    face("Ann", ("Ann", 0.4), ("Bob", 0.5)),
    face("Bob", ("Ann", 0.1), ("Bob", 0.4), source="film"),
    face("Bob", source="film"),
]
IMPOSTORS = [face(None, ("Bob", 0.2), identity="p/1"), face(None, ("Bob", 0.5), identity="p/2")]


def test_each_person_has_rates():
    found = fairness.rates_by_person(KNOWN, IMPOSTORS, RULES)
    assert found == {
        "Ann": {"faces": 2, "rank1": 1.0, "rank5": 1.0, "matched": 0.5, "impostors": 0},
        "Bob": {"faces": 2, "rank1": 0.0, "rank5": 0.5, "matched": 0.0, "impostors": 1},
    }
    summary = fairness.summarize(found, [])
    assert summary["worst_tenth"] == ["Bob"]
    assert summary["rank1"] == {"mean": 0.5, "spread": 0.5, "worst_tenth": 0.0}
    assert summary["impostors_by_name"] == {"Bob": 1}


def test_collections_are_listed_worst_first(monkeypatch):
    monkeypatch.setattr(fairness, "MIN_FACES", 2)
    assert fairness.rates_by_source(KNOWN, IMPOSTORS, RULES) == [
        {"source": "film", "people": "known", "faces": 2, "rank1": 0.0, "matched": 0.0},
        {"source": "web", "people": "known", "faces": 2, "rank1": 1.0, "matched": 0.5},
        {"source": "web", "people": "impostors", "faces": 2, "matched": 0.5},
    ]


def test_confusions_are_counted():
    assert fairness.frequent_errors(KNOWN) == [{"person": "Bob", "closest": "Ann", "errors": 1, "faces": 2}]
