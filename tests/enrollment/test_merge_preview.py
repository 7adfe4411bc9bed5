"""Preview of a merge, with a head that scores 0.5 at a distance of 1."""

import numpy as np
import pytest

from app.enrollment.merge_preview import MergePreview, preview_merge
from app.errors import PersonNotFound, SamePerson
from app.recognition.scoring import Head
from tests.conftest import DIMS
from tests.rules import make_rules

RULES = make_rules(Head(10, 1), (1, 0.3), (4, 0.2))


@pytest.fixture
def preview(empty_gallery):
    """Return a function that previews the merge of Ann, who has three photos, and Bo, by the cosine of their photos."""

    def make(cosine: float | None, person: str = "Ann", into: str = "Bo") -> MergePreview:
        ann, bo = np.eye(DIMS)[0], cosine and np.r_[cosine, np.sqrt(1 - cosine**2), np.zeros(DIMS - 2)]
        empty_gallery.add("Ann", np.tile(ann, (3, 1)), ["a.jpg"] * 3)
        empty_gallery.add("Bo", np.eye(DIMS)[:1] if bo is None else [bo], ["b.jpg"])
        if bo is None:
            empty_gallery.remove_anchors("Bo", [anchor.id for anchor in empty_gallery.anchors("Bo")])
        return preview_merge(empty_gallery, empty_gallery.snapshot(), RULES, person, into)

    return make


@pytest.mark.parametrize(
    ("cosine", "kind", "sentence"),
    [
        (0.99, "same", "They look like the same person. The distance between their photos is 0.000. A match needs 0."),
        (0.54, "uncertain", "They could be one person or two. Compare their photos first. The distance"),
        (0.1, "different", "They look like two different people. The distance between their photos is 0.968."),
        (None, None, "They cannot be compared: Bo has no reference photo."),
    ],
)
def test_the_similarity_is_said_in_words(preview, cosine, kind, sentence):
    found = preview(cosine)
    assert found.kind == kind
    assert found.similarity.startswith(sentence)


def test_both_directions_have_the_same_distance(preview):
    there, back = preview(0.54), preview(0.54, "bo", "ann")
    assert there.distance == pytest.approx(back.distance)
    assert (back.source.name, back.target.name) == ("Bo", "Ann")


def test_the_result_has_the_photos_of_both(preview, empty_gallery):
    found = preview(0.99)
    assert (found.anchors, found.merged_threshold) == (4, pytest.approx(0.2))
    assert found.result == (
        "Bo keeps their name and has 4 reference photos. A match then needs a distance of 0.200 or less. Ann "
        "becomes an alias. You can undo the merge."
    )
    empty_gallery.change_aliases("Ann", add=["Annie"])
    assert "Ann, Annie become aliases." in preview(0.99).result
    merged = empty_gallery.merge("Ann", "Bo")
    assert (merged.anchors, merged.aliases) == (8, ("Ann", "Annie"))


@pytest.mark.parametrize(("into", "error"), [("ann", SamePerson), ("Cem", PersonNotFound)])
def test_a_preview_fails_as_the_merge_does(preview, empty_gallery, into, error):
    with pytest.raises(error) as failed:
        preview(0.5, into=into)
    with pytest.raises(error) as merged:
        empty_gallery.merge("Ann", into)
    assert str(failed.value) == str(merged.value)
