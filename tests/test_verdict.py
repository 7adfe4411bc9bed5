import math
from dataclasses import replace

import numpy as np
import pytest

from app.gallery.snapshot import Rejected, Snapshot
from app.verdict import Head, PersonDistance, Rules, judge, pair_score, rank

HEAD = Head(scale=8.0, shift=1.1)
RULES = Rules(HEAD, thresholds=((1, 0.2), (4, 0.3), (16, 0.5)), margin=0.05, pair_threshold=0.4)


def row(person: str, class_distance: float, anchors: int = 16) -> PersonDistance:
    return PersonDistance(person, class_distance, class_distance / 2, 0.1, anchors)


def make_snapshot(groups: dict[str, np.ndarray]) -> Snapshot:
    offsets = np.cumsum([0, *(len(rows) for rows in groups.values())])
    return Snapshot(tuple(groups), tuple(range(len(groups))), np.concatenate(list(groups.values())), offsets, 1)


def test_rank_agrees_with_a_plain_loop(unit_vectors):
    groups = {f"person {i}": unit_vectors(1 + i % 5) for i in range(12)}
    probe = unit_vectors(1)[0]
    expected = []
    for person, anchors in groups.items():
        distances = [math.dist(probe, anchor) for anchor in anchors]
        scores = [1 / (1 + math.exp(-HEAD.scale * (distance - HEAD.shift))) for distance in distances]
        mean = sum(scores) / len(scores)
        spread = math.sqrt(sum((score - mean) ** 2 for score in scores) / len(scores))
        expected.append((mean, person, min(scores), spread, len(scores)))
    found = rank(probe, make_snapshot(groups), HEAD)
    assert [one.person for one in found] == [one[1] for one in sorted(expected)]
    for one, (mean, _, least, spread, count) in zip(found, sorted(expected), strict=True):
        assert (one.class_distance, one.min, one.std) == pytest.approx((mean, least, spread), abs=1e-5)
        assert one.anchors == count


def test_rank_of_an_anchor_itself_has_its_smallest_score(unit_vectors):
    anchors = unit_vectors(3)
    found = rank(anchors[1], make_snapshot({"someone": anchors}), HEAD)
    assert found[0].min == pytest.approx(HEAD.score(np.float64(0)), abs=1e-4)


def test_rank_in_an_empty_gallery_is_empty(unit_vectors):
    empty = Snapshot((), (), np.zeros((0, 8), np.float32), np.zeros(1, np.int64), 0)
    assert rank(unit_vectors(1)[0], empty, HEAD) == ()


def test_pair_score_is_symmetric_and_grows_with_distance(unit_vectors):
    one, other = unit_vectors(2)
    assert pair_score(one, other, HEAD) == pair_score(other, one, HEAD)
    assert pair_score(one, one, HEAD) < pair_score(one, other, HEAD) < pair_score(one, -one, HEAD)


@pytest.mark.parametrize(
    ("anchors", "threshold"), [(0, 0.2), (1, 0.2), (2, 0.25), (4, 0.3), (8, 0.4), (16, 0.5), (100, 0.5)]
)
def test_thresholds_are_interpolated_over_the_logarithm(anchors, threshold):
    assert RULES.threshold(anchors) == pytest.approx(threshold)


SIZES = ((1, ((1, 0.4), (16, 0.6))), (100, ((1, 0.2), (16, 0.4))))


@pytest.mark.parametrize(
    ("people", "threshold"), [(None, 0.5), (0, 0.6), (1, 0.6), (10, 0.5), (100, 0.4), (1000, 0.3), (10**9, 0.0)]
)
def test_thresholds_fall_with_the_people_in_the_gallery(people, threshold):
    assert replace(RULES, sizes=SIZES).threshold(16, people) == pytest.approx(threshold)


def test_a_card_that_knows_one_gallery_has_its_threshold_for_all():
    assert RULES.threshold(16, 10_000) == 0.5
    assert replace(RULES, sizes=SIZES[:1]).threshold(16, 10_000) == 0.6


def test_the_threshold_follows_the_number_of_people():
    rules = replace(RULES, sizes=SIZES)
    assert judge([row("Ann", 0.55)], rules).kind == "match"
    assert judge([row("Ann", 0.55), row("Bob", 0.9)], rules, people=100).threshold == pytest.approx(0.4)
    assert judge([row("Ann", 0.55), row("Bob", 0.9)], rules, people=100).kind == "unknown"


def test_match():
    verdict = judge([row("Ann", 0.3), row("Bob", 0.9)], RULES)
    assert (verdict.kind, verdict.person, verdict.class_distance, verdict.threshold) == ("match", "Ann", 0.3, 0.5)
    assert verdict.reason == "Ann is closest at 0.300; a name needs 0.500 or less."
    assert len(verdict.ranking) == 2


def test_the_threshold_itself_still_names():
    assert judge([row("Ann", 0.5)], RULES).kind == "match"


def test_the_threshold_follows_the_closest_persons_anchors():
    assert judge([row("Ann", 0.3, anchors=1), row("Bob", 0.9)], RULES).kind == "unknown"


def test_unknown_names_the_closest_in_its_reason_only():
    verdict = judge([row("Ann", 0.6), row("Bob", 0.9)], RULES)
    assert (verdict.kind, verdict.person, verdict.class_distance) == ("unknown", None, 0.6)
    assert "the closest is Ann at 0.600" in verdict.reason


def test_unclear_names_both():
    verdict = judge([row("Ann", 0.30), row("Bob", 0.34)], RULES)
    assert (verdict.kind, verdict.person) == ("ambiguous", None)
    assert "Ann (0.300) and Bob (0.340) are too close" in verdict.reason


def test_two_strangers_close_together_are_unknown_not_unclear():
    assert judge([row("Ann", 0.60), row("Bob", 0.61)], RULES).kind == "unknown"


def test_a_flaw_makes_poor_but_keeps_the_ranking():
    verdict = judge([row("Ann", 0.1)], RULES, "Too dark.")
    assert (verdict.kind, verdict.person, verdict.reason) == ("low_quality", None, "Too dark.")
    assert verdict.ranking


def test_without_anyone_to_compare():
    assert judge((), RULES).reason == "The gallery is empty, so there is nobody to compare with."
    assert judge((), RULES).kind == "unknown"
    assert judge((), RULES, "No eyes.").kind == "low_quality"


class TestRejectedFaces:
    @pytest.fixture
    def faces(self, rng):
        """A person's five anchors, another's, and faces near a third spot not far from the first."""
        spots = rng.normal(size=(3, 32))
        spots[2] = spots[0] + 0.9 * spots[2]

        def near(spot: int, count: int) -> np.ndarray:
            rows = spots[spot] + 0.25 * rng.normal(size=(count, 32))
            return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

        return near

    def distance(self, probe, groups, rejected=None) -> PersonDistance:
        plain = make_snapshot(groups)
        weighed = Snapshot(plain.names, plain.ids, plain.anchors, plain.offsets, 1, rejected)
        return next(one for one in rank(probe, weighed, HEAD) if one.person == "Ann")

    def test_they_weigh_for_faces_like_them_and_for_no_others(self, faces):
        groups = {"Ann": faces(0, 5), "Bob": faces(1, 5)}
        rejected = Rejected((0,), faces(2, 1))
        for probe in faces(2, 10):
            before, after = self.distance(probe, groups), self.distance(probe, groups, rejected)
            assert after.class_distance > 0.9 > before.class_distance
            assert (after.rejected, before.rejected) == (True, False)
            assert (after.min, after.std, after.anchors) == (before.min, before.std, before.anchors)
        for probe in faces(0, 10):
            assert self.distance(probe, groups, rejected) == self.distance(probe, groups)

    def test_they_weigh_against_their_person_alone(self, faces):
        groups = {"Ann": faces(0, 5), "Bob": faces(1, 5)}
        probe = faces(2, 1)[0]
        assert self.distance(probe, groups, Rejected((1,), faces(2, 1))) == self.distance(probe, groups)
        assert self.distance(probe, groups, Rejected((77,), faces(2, 1))) == self.distance(probe, groups)


class TestRanking:
    @pytest.fixture
    def many(self, unit_vectors):
        return make_snapshot({f"person {i}": unit_vectors(1 + i % 4) for i in range(300)})

    def test_it_is_a_sequence_however_it_is_read(self, many, unit_vectors):
        found = rank(unit_vectors(1)[0], many, HEAD)
        listed = list(found)
        assert len(found) == len(listed) == 300
        assert [found[place] for place in range(300)] == [found[place - 300] for place in range(300)]
        for one, other in zip(listed, [*found[:10], *found[10:300]], strict=True):
            assert (one.person, one.anchors) == (other.person, other.anchors)
            assert (one.class_distance, one.min, one.std) == pytest.approx((other.class_distance, other.min, other.std))
        assert [one.class_distance for one in listed] == sorted(one.class_distance for one in listed)
        with pytest.raises(IndexError):
            found[300]

    def test_it_gives_the_scores_of_every_anchor(self, many, unit_vectors):
        probe = unit_vectors(1)[0]
        found = rank(probe, many, HEAD)
        for place in (0, 5, 299):
            anchors = many.person(many.names.index(found[place].person))
            expected = [pair_score(probe, anchor, HEAD) for anchor in anchors]
            assert found.scores(place).tolist() == pytest.approx(expected, abs=1e-4)

    def test_blocks_do_not_show(self, many, unit_vectors, monkeypatch):
        monkeypatch.setattr("app.gallery.snapshot.BLOCK_ROWS", 16)
        split = Snapshot(many.names, many.ids, many.anchors, many.offsets, 1)
        assert len(split.blocks) > 30
        assert np.concatenate([block.anchors for block in split.blocks]).tolist() == many.anchors.tolist()
        probe = unit_vectors(1)[0]
        for one, other in zip(rank(probe, split, HEAD), rank(probe, many, HEAD), strict=True):
            assert one.person == other.person
            assert one.class_distance == pytest.approx(other.class_distance, abs=1e-6)

    def test_cores_that_share_the_anchors_out_do_not_show(self, many, unit_vectors, monkeypatch):
        probe = unit_vectors(1)[0]
        alone = rank(probe, many, HEAD)
        monkeypatch.setattr("app.ranking._CACHED", 16)
        monkeypatch.setattr("app.ranking._SHARED", 0)
        for one, other in zip(rank(probe, many, HEAD), alone, strict=True):
            assert one.person == other.person
            assert one.class_distance == pytest.approx(other.class_distance, abs=1e-6)

    def test_changed_people_take_their_place(self, many, unit_vectors, monkeypatch):
        monkeypatch.setattr("app.gallery.snapshot.BLOCK_ROWS", 16)
        snapshot = Snapshot(many.names, many.ids, many.anchors, many.offsets, 1)
        new, moved = unit_vectors(40), unit_vectors(2)
        after = snapshot.changed({1000: ("person 17b", new), 3: None, 5: ("zz", moved)}, Rejected(), 2)
        names = [name for name in many.names if name not in ("person 3", "person 5")]
        names.insert(names.index("person 17") + 1, "person 17b")
        assert sorted(after.names) == sorted([*names, "zz"])
        assert (after.person(after.ids.index(1000)).tolist(), after.person(len(after) - 1).tolist()) == (
            new.tolist(),
            moved.tolist(),
        )
        assert sum(block in snapshot.blocks for block in after.blocks) >= len(snapshot.blocks) - 5
        assert len(after.anchors) == after.offsets[-1] == len(many.anchors) - 4 - 2 + 40 + 2
        with pytest.raises(ValueError, match="read-only"):
            after.blocks[-1].anchors[0] = 0
