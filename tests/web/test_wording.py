from dataclasses import replace

import pytest

from app.recognition.decision import PairRules, Rules, Verdict, decide, resolve_duplicate_matches
from app.recognition.scoring import Head, PersonDistance
from app.web import wording


def table(class_distance: float) -> tuple:
    """Return a table of thresholds with one class distance for every gallery and every number of anchors."""
    return ((1, ((1, class_distance),)),)


RULES = Rules(
    Head(10.0, 1.0),
    thresholds=((0.01, table(0.4)), (0.003, table(0.4)), (0.001, table(0.05))),
    margin=0.05,
    pairs=PairRules(((0.01, 0.5), (0.001, 0.4)), different=0.6),
)


def verdict(kind: str, name: str = "Ann Lee") -> Verdict:
    distances = {"match": (0.1, 0.9), "ambiguous": (0.10, 0.11), "unknown": (0.8, 0.9), "low_quality": (0.1, 0.9)}[kind]
    ranking = [PersonDistance(person, x, x, x, 0.0, 1) for person, x in zip((name, "Bo Ek"), distances, strict=True)]
    made = decide(ranking, RULES, "Too small." if kind == "low_quality" else None)
    assert made.kind == kind
    return made


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (["match"], "This looks like Ann Lee"),
        (["ambiguous"], "This could be Ann Lee or Bo Ek"),
        (["unknown"], "We don't recognize this person"),
        (["low_quality"], "Too unclear to tell"),
        (["unknown", "match"], "Ann Lee and 1 unknown person"),
        (["unknown", "unknown"], "2 unknown people"),
        (["match", "match"], "Ann Lee"),
        (
            ["low_quality", "match", "ambiguous", "unknown", "low_quality"],
            "Ann Lee, 1 ambiguous face, 1 unknown person and 2 low-quality faces",
        ),
    ],
)
def test_headlines(kinds, expected):
    assert wording.headline([verdict(kind) for kind in kinds]) == expected


def test_headlines_of_many_people_are_short():
    crowd = [verdict("match", name) for name in ("Ann", "Bea", "Cem", "Dan", "Eva")] + [verdict("unknown")] * 12
    assert wording.headline(crowd[:4]) == "Ann, Bea, Cem and Dan"
    assert wording.headline(crowd) == "Ann, Bea, Cem, 2 more and 12 unknown people"


def test_an_ambiguous_face_may_have_one_candidate():
    match = verdict("match")
    closer = replace(match, ranking=[replace(match.ranking[0], class_distance=0.09), *match.ranking[1:]])
    _, second = resolve_duplicate_matches([closer, match], RULES, people=2)
    assert (second.kind, second.candidates) == ("ambiguous", ("Ann Lee",))
    assert wording.name(second) == "Could be Ann Lee"
    assert wording.headline([second]) == "This could be Ann Lee"


@pytest.mark.parametrize(
    ("fpir", "words"),
    [
        (0.01, "rate is 1 %: about 1 in 100 people outside the gallery gets a wrong name."),
        (0.003, "rate is 0.3 %: about 3 in 1,000 people outside the gallery get a wrong name."),
        (0.001, "rate is 0.1 %: about 1 in 1,000 people outside the gallery gets a wrong name."),
    ],
)
def test_the_false_positive_identification_rate_in_words(fpir, words):
    assert wording.identification_rate(fpir).endswith(words)


def test_every_verdict_has_its_own_words():
    names = {wording.name(verdict(kind)) for kind in wording.LABELS}
    assert len(names) == len(set(wording.LABELS.values())) == 4
