import numpy as np

from tests.training.evaluation.ranked import RULES, face


def test_face_whose_person_is_left_out_is_an_impostor():
    one = face("Ann", ("Ann", 0.1), ("Bob", 0.2), ("Cem", 0.5))
    assert (one.is_rank1, one.distance, one.match(RULES)) == (True, 0.1, "Ann")
    other = one.as_impostor()
    assert (other.person, other.is_rank1, other.distance, other.match(RULES)) == (None, False, 0.2, "Bob")
    assert one.identity == other.identity


def test_missed_and_refused_faces_are_never_named():
    missed, refused = face("Ann"), face("Ann", ("Ann", 0.1), flaw="It is blurred.")
    assert (missed.is_rank1, missed.distance, missed.match(RULES)) == (False, np.inf, None)
    assert (refused.is_rank1, refused.distance, refused.match(RULES)) == (True, np.inf, None)
    assert missed.as_impostor().match(RULES) is None
