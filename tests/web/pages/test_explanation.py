import numpy as np
import pytest

from app.web.pages.explanation import lead, reliability, strip
from tests.web.test_wording import RULES, verdict

BINS = [{"from": 0.0, "to": 0.2, "faces": 200, "right": 199}, {"from": 0.2, "to": 1.0, "faces": 0, "right": 0}]


def test_a_strip_has_a_dot_for_every_anchor():
    dots = strip(np.array([0.1, 0.3, 0.5]), limit=0.3)
    assert (dots.near, dots.far, dots.speaking) == ("M10.0 4h0M30.0 7h0", "M50.0 10h0", 2)


@pytest.mark.parametrize(("margin", "size"), [(0.05, "wide"), (0.4, "clear"), (0.8, "narrow")])
def test_a_lead_is_told_in_words_and_numbers(margin, size):
    assert lead(verdict("match"), margin) == (
        f"The lead is {size}: Bo Ek comes next, 0.800 behind, and {margin:.3f} is the least a name needs."
    )


@pytest.mark.parametrize("kind", ["ambiguous", "unknown", "low_quality"])
def test_only_a_match_has_a_lead(kind):
    assert lead(verdict(kind), RULES.margin) is None


def test_reliability_counts_the_wrong_ones_at_such_a_distance():
    assert "of the 200 evaluation faces" in reliability(verdict("match"), BINS)
    assert "the wrong one for 1 (0.5 %)" in reliability(verdict("match"), BINS)


def test_reliability_is_silent_where_nothing_is_known():
    assert reliability(verdict("match"), ()) is None
    assert reliability(verdict("unknown"), BINS) is None
    assert reliability(verdict("low_quality"), BINS) is None
