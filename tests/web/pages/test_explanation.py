from dataclasses import replace

import numpy as np
import pytest

from app.web.pages.explanation import dots, notes
from tests.web.test_wording import RULES, verdict

RELIABILITY = [
    {"from": 0.0, "to": 0.2, "faces": 200, "correct": 199},
    {"from": 0.2, "to": 1.0, "faces": 0, "correct": 0},
]


def test_a_dot_plot_has_a_dot_for_every_anchor():
    assert dots(np.array([0.1, 0.3, 0.5]), threshold=0.3) == (["M10.0 4h0", "M30.0 7h0"], ["M50.0 10h0"])


@pytest.mark.parametrize(("margin", "size"), [(0.05, "Wide"), (0.4, "Clear"), (0.8, "Narrow")])
def test_a_match_has_its_lead_in_words_and_numbers(margin, size):
    match = verdict("match")
    lead = f"{size} lead: Bo Ek is 0.800 behind. A match needs a lead of {margin:.3f}."
    assert notes(match, margin, ()) == (match.reason, lead)


@pytest.mark.parametrize("kind", ["ambiguous", "unknown"])
def test_only_a_match_has_a_lead(kind):
    assert notes(verdict(kind), RULES.margin, ()) == (verdict(kind).reason,)


def test_reliability_counts_the_errors_at_this_distance():
    assert notes(verdict("match"), 0.1, RELIABILITY)[-1] == (
        "Reliability: in the evaluation, 200 faces had their closest person at 0.00 to 0.20. That person was wrong for "
        "1 of them (0.5 %)."
    )
    all_wrong = [{"from": 0.0, "to": 0.2, "faces": 3, "correct": 0}]
    assert notes(verdict("match"), 0.1, all_wrong)[-1].endswith("wrong for 3 of them (100 %).")
    assert notes(verdict("unknown"), 0.1, RELIABILITY) == notes(verdict("unknown"), 0.1, ())


def test_nothing_is_explained_without_a_distance():
    assert notes(verdict("low_quality"), 0.1, RELIABILITY) == ()
    assert notes(replace(verdict("unknown"), class_distance=None), 0.1, RELIABILITY) == ()
