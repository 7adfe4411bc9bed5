import pytest

from app.verdict import Head, PersonDistance, Rules, Verdict, judge
from app.web import wording

RULES = Rules(Head(10.0, 1.0), ((1, 0.4),), margin=0.05, pair_threshold=0.5)


def verdict(kind: str, name: str = "Ann Lee") -> Verdict:
    distances = {"match": (0.1, 0.9), "unclear": (0.10, 0.11), "unknown": (0.8, 0.9), "poor": (0.1, 0.9)}[kind]
    ranking = [PersonDistance(person, x, x, 0.0, 1) for person, x in zip((name, "Bo Ek"), distances, strict=True)]
    made = judge(ranking, RULES, "Too small." if kind == "poor" else None)
    assert made.kind == kind
    return made


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["match"], "This looks like Ann Lee"),
        (["unclear"], "Ann Lee or Bo Ek? Too close to call"),
        (["unknown"], "Unknown person"),
        (["poor"], "This face cannot be judged"),
        (["unknown", "match"], "Ann Lee and 1 unknown person"),
        (["unknown", "unknown"], "2 unknown people"),
        (["match", "match"], "Ann Lee"),
        (
            ["poor", "match", "unclear", "unknown", "poor"],
            "Ann Lee, 1 unclear face, 1 unknown person and 2 faces that cannot be judged",
        ),
    ],
)
def test_the_headline_says_who_is_there(kinds, expected):
    assert wording.headline([verdict(kind) for kind in kinds]) == expected


def test_a_crowd_has_a_short_headline():
    crowd = [verdict("match", name) for name in ("Ann", "Bea", "Cem", "Dan", "Eva")] + [verdict("unknown")] * 12
    assert wording.headline(crowd[:4]) == "Ann, Bea, Cem and Dan"
    assert wording.headline(crowd) == "Ann, Bea, Cem, 2 more and 12 unknown people"


def test_every_kind_has_words_of_its_own():
    names = {wording.name(verdict(kind)) for kind in wording.LABELS}
    assert len(names) == len(set(wording.LABELS.values())) == 4
