import math
from dataclasses import replace

import numpy as np
import pytest

from app.errors import InvalidParameter
from app.gallery.snapshot import RejectedFaces, Snapshot
from app.recognition.decision import FPIRS, PairRules, decide, find_matches, resolve_duplicate_matches
from app.recognition.scoring import Head, PersonDistance, pair_score, rank
from app.vision.time_span import TimeSpan
from tests.rules import PAIRS, make_rules

HEAD = Head(scale=8.0, shift=1.1)
RULES = make_rules(HEAD, (1, 0.2), (4, 0.3), (16, 0.5), margin=0.05)


def row(person: str, class_distance: float, anchors: int = 16) -> PersonDistance:
    return PersonDistance(person, class_distance, class_distance, class_distance / 2, 0.1, anchors)


def make_snapshot(groups: dict[str, np.ndarray]) -> Snapshot:
    offsets = np.cumsum([0, *(len(rows) for rows in groups.values())])
    return Snapshot(tuple(groups), tuple(range(len(groups))), np.concatenate(list(groups.values())), offsets, 1)


class TestRanking:
    @pytest.fixture
    def many(self, unit_vectors):
        return make_snapshot({f"person {i}": unit_vectors(1 + i % 4) for i in range(300)})

    def test_it_agrees_with_a_plain_loop_over_templates(self, unit_vectors):
        groups = {f"person {i}": unit_vectors(1 + i % 5) for i in range(12)}
        probe = unit_vectors(1)[0]

        def score(other) -> float:
            return 1 / (1 + math.exp(-HEAD.scale * (math.dist(probe, other) - HEAD.shift)))

        expected = []
        for person, anchors in groups.items():
            mean = anchors.mean(axis=0)
            scores = [score(anchor) for anchor in anchors]
            row = score(mean / np.linalg.norm(mean)), np.mean(scores), min(scores), np.std(scores)
            expected.append((*row, person, len(anchors)))
        for one, (*numbers, person, count) in zip(
            rank(probe, make_snapshot(groups), HEAD), sorted(expected), strict=True
        ):
            assert (one.person, one.anchors) == (person, count)
            assert (one.class_distance, one.mean, one.min, one.std) == pytest.approx(numbers, abs=1e-5)

    def test_a_photo_sent_again_matches_however_far_it_is_from_the_template(self, unit_vectors):
        anchors = np.concatenate([unit_vectors(1).repeat(9, axis=0), -unit_vectors(1)])
        snapshot = make_snapshot({"Ann": anchors, "Bob": unit_vectors(4)})
        assert snapshot.templates[0] @ anchors[9] < 0.5
        ann = next(one for one in rank(anchors[9], snapshot, HEAD) if one.person == "Ann")
        assert ann.class_distance == pytest.approx(HEAD.score(np.float64(0)), abs=1e-4)
        assert ann.class_distance == pytest.approx(ann.min, abs=1e-6)

    def test_another_photo_has_the_distance_of_the_template(self):
        snapshot = make_snapshot({"Ann": np.eye(2, 8, dtype=np.float32)})
        between = np.float32([0.5**0.5, 0.5**0.5, 0, 0, 0, 0, 0, 0])
        ann = rank(between, snapshot, HEAD)[0]
        assert ann.class_distance == pytest.approx(HEAD.score(np.float64(0)), abs=1e-4)
        assert ann.min == pytest.approx(HEAD.score_cosines(np.float64(0.5**0.5)), abs=1e-4)

    def test_an_empty_gallery_gives_an_empty_ranking(self, unit_vectors):
        empty = Snapshot((), (), np.zeros((0, 8), np.float32), np.zeros(1, np.int64), 0)
        assert rank(unit_vectors(1)[0], empty, HEAD) == ()

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

    def test_changed_people_take_their_place(self, many, unit_vectors):
        snapshot = Snapshot(many.names, many.ids, many.anchors, many.offsets, 1, shifts=((0.01, -0.05),))
        new, moved = unit_vectors(40), unit_vectors(2)
        after = snapshot.apply_changes({1000: ("person 17b", new), 3: None, 5: ("zz", moved)}, RejectedFaces(), 2)
        names = [name for name in many.names if name not in ("person 3", "person 5")]
        names.insert(names.index("person 17") + 1, "person 17b")
        assert sorted(after.names) == sorted([*names, "zz"])
        assert (after.person(after.ids.index(1000)).tolist(), after.person(len(after) - 1).tolist()) == (
            new.tolist(),
            moved.tolist(),
        )
        np.testing.assert_allclose(after.templates[after.ids.index(4)], snapshot.templates[snapshot.ids.index(4)])
        mean = new.mean(axis=0)
        np.testing.assert_allclose(after.templates[after.ids.index(1000)], mean / np.linalg.norm(mean), atol=1e-6)
        loaded = Snapshot(after.names, after.ids, after.anchors, after.offsets, 2)
        np.testing.assert_array_equal(after.templates, loaded.templates)
        assert after.shifts == snapshot.shifts
        assert len(after.anchors) == after.offsets[-1] == len(many.anchors) - 4 - 2 + 40 + 2
        with pytest.raises(ValueError, match="read-only"):
            after.person(0)[0] = 0


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
        rejected = RejectedFaces((0,), faces(2, 1))
        for probe in faces(2, 10):
            before, after = self.distance(probe, groups), self.distance(probe, groups, rejected)
            assert after.class_distance > 0.9 > before.class_distance
            assert (after.rejected, before.rejected) == (True, False)
            assert (after.mean, after.min, after.std) == (before.mean, before.min, before.std)
        for probe in faces(0, 10):
            assert self.distance(probe, groups, rejected) == self.distance(probe, groups)

    def test_they_weigh_against_their_person_alone(self, faces):
        groups = {"Ann": faces(0, 5), "Bob": faces(1, 5)}
        probe = faces(2, 1)[0]
        assert self.distance(probe, groups, RejectedFaces((1,), faces(2, 1))) == self.distance(probe, groups)
        assert self.distance(probe, groups, RejectedFaces((77,), faces(2, 1))) == self.distance(probe, groups)


class TestThresholds:
    @pytest.mark.parametrize(
        ("anchors", "threshold"), [(0, 0.2), (1, 0.2), (2, 0.25), (4, 0.3), (8, 0.4), (16, 0.5), (100, 0.5)]
    )
    def test_they_are_interpolated_over_the_logarithm_of_the_anchors(self, anchors, threshold):
        assert RULES.threshold(anchors, 1) == pytest.approx(threshold)

    @pytest.mark.parametrize(
        ("people", "threshold"), [(0, 0.6), (1, 0.6), (10, 0.5), (100, 0.4), (1000, 0.3), (10**9, 0.0)]
    )
    def test_they_fall_with_the_people_in_the_gallery(self, people, threshold):
        sizes = make_rules(HEAD, (1, 0.2), (16, 0.6), people=((1, 1.0), (100, 2 / 3)))
        assert sizes.threshold(16, people) == pytest.approx(threshold)

    def test_a_card_of_one_gallery_size_has_its_thresholds_for_all(self):
        assert RULES.threshold(16, 10_000) == 0.5

    def test_each_fpir_has_its_own(self):
        found = [RULES.with_fpir(fpir).threshold(16, 1) for fpir in (None, *FPIRS)]
        assert found == pytest.approx([0.5, 0.5, 0.4, 0.3])
        assert RULES.strong_threshold(16, 1) == pytest.approx(0.3)
        with pytest.raises(InvalidParameter, match=r"FPIR of 0\.1\. Choose one of: 0\.01, 0\.003, 0\.001\."):
            RULES.with_fpir(0.1)

    def test_a_calibrated_gallery_shifts_those_of_its_fpir(self):
        shifted = replace(RULES, shifts=((0.01, -0.1), (0.001, -0.9)))
        assert shifted.threshold(16, 1) == pytest.approx(0.4)
        assert shifted.with_fpir(0.003).threshold(16, 1) == pytest.approx(0.4)
        assert shifted.strong_threshold(16, 1) == 0
        assert shifted.for_gallery(RULES.fpir, ()) == RULES


class TestJudge:
    def test_match(self):
        verdict = decide([row("Ann", 0.3), row("Bob", 0.9)], RULES)
        assert (verdict.kind, verdict.person, verdict.class_distance, verdict.threshold) == ("match", "Ann", 0.3, 0.5)
        assert verdict.reason == "Ann matches at a distance of 0.300. The threshold is 0.500."
        assert len(verdict.ranking) == 2

    def test_the_threshold_itself_still_names(self):
        assert decide([row("Ann", 0.5)], RULES).kind == "match"

    def test_the_threshold_follows_the_closest_persons_anchors(self):
        assert decide([row("Ann", 0.3, anchors=1), row("Bob", 0.9)], RULES).kind == "unknown"

    def test_the_threshold_follows_the_number_of_people(self):
        sizes = make_rules(HEAD, (1, 0.6), people=((1, 1.0), (100, 2 / 3)))
        assert decide([row("Ann", 0.55)], sizes).kind == "match"
        assert decide([row("Ann", 0.55), row("Bob", 0.9)], sizes, people=100).threshold == pytest.approx(0.4)
        assert decide([row("Ann", 0.55), row("Bob", 0.9)], sizes, people=100).kind == "unknown"

    def test_a_stricter_fpir_names_fewer(self):
        ranking = [row("Ann", 0.35), row("Bob", 0.9)]
        assert [decide(ranking, RULES.with_fpir(fpir)).kind for fpir in FPIRS] == ["match", "match", "unknown"]

    @pytest.mark.parametrize(("distance", "look_alike"), [(0.59, "Ann"), (0.61, None)])
    def test_an_unknown_face_has_a_look_alike_if_somebody_is_close(self, distance, look_alike):
        verdict = decide([row("Ann", distance), row("Bob", 0.9)], RULES)
        assert (verdict.kind, verdict.person, verdict.look_alike) == ("unknown", None, look_alike)
        closest = "The closest person, Ann," if look_alike else "The closest person"
        assert f"{closest} is at a distance of {distance:.3f}." in verdict.reason

    def test_two_people_too_close_together_are_ambiguous(self):
        verdict = decide([row("Ann", 0.30), row("Bob", 0.34), row("Cem", 0.35)], RULES)
        assert (verdict.kind, verdict.person, verdict.candidates) == ("ambiguous", None, ("Ann", "Bob"))
        assert "Ann (0.300) and Bob (0.340) are too close" in verdict.reason

    def test_two_far_people_close_together_are_unknown(self):
        assert decide([row("Ann", 0.60), row("Bob", 0.61)], RULES).kind == "unknown"

    def test_a_look_alike_is_as_close_in_a_gallery_of_any_size(self):
        sizes = make_rules(HEAD, (1, 0.3), people=((1, 1.0), (1000, 0.5)))
        found = [decide([row("Ann", 0.59)], sizes, people=people).look_alike for people in (1, 1000)]
        assert found == ["Ann", "Ann"]

    @pytest.mark.parametrize("distance", [0.1, 0.59])
    def test_a_flaw_makes_low_quality_without_look_alike_but_keeps_the_ranking(self, distance):
        verdict = decide([row("Ann", distance)], RULES, "Too dark.")
        assert (verdict.kind, verdict.person, verdict.reason) == ("low_quality", None, "Too dark.")
        assert verdict.look_alike is None
        assert verdict.ranking

    def test_without_anyone_to_compare(self):
        assert decide((), RULES).reason == "The gallery is empty. Add people first."
        assert decide((), RULES).kind == "unknown"
        assert decide((), RULES, "No eyes.").kind == "low_quality"


class TestOnePersonOnceAPhoto:
    def named(self, *distances: float) -> list[tuple]:
        verdicts = [decide([row("Ann", one), row("Bob", 0.9)], RULES) for one in distances]
        return [(one.kind, one.person, one.candidates) for one in resolve_duplicate_matches(verdicts, RULES, 2)]

    def test_the_closest_face_keeps_the_name(self):
        found = self.named(0.45, 0.4, 0.7)
        assert found == [("ambiguous", None, ("Ann",)), ("match", "Ann", ()), ("unknown", None, ())]

    def test_strong_matches_keep_theirs_too(self):
        assert self.named(0.1, 0.29) == [("match", "Ann", ()), ("match", "Ann", ())]

    @pytest.mark.parametrize(("start", "kinds"), [(5, ["ambiguous", "match"]), (6, ["match", "match"])])
    def test_faces_of_a_video_compete_while_they_are_there_at_the_same_time(self, start, kinds):
        verdicts = [decide([row("Ann", distance), row("Bob", 0.9)], RULES) for distance in (0.45, 0.4)]
        times = [TimeSpan(0, 5, 1), TimeSpan(start, 9, 9)]
        assert [one.kind for one in resolve_duplicate_matches(verdicts, RULES, 2, times)] == kinds

    def test_different_people_do_not_compete(self):
        verdicts = [decide([row(name, 0.4), row("Cem", 0.9)], RULES) for name in ("Ann", "Bob")]
        assert resolve_duplicate_matches(verdicts, RULES, 3) == verdicts


class TestPairs:
    def test_the_score_is_symmetric_and_grows_with_distance(self, unit_vectors):
        one, other = unit_vectors(2)
        assert pair_score(one, other, HEAD) == pair_score(other, one, HEAD)
        assert pair_score(one, one, HEAD) < pair_score(one, other, HEAD) < pair_score(one, -one, HEAD)

    @pytest.mark.parametrize(("pairs", "score"), [(0, 0.3), (1, 0.3), (10, 0.2), (25, 0.2), (3, 0.2523)])
    def test_each_of_several_pairs_must_keep_its_part_of_the_fmr(self, pairs, score):
        assert PAIRS.same_threshold(pairs) == pytest.approx(score, abs=1e-4)

    @pytest.mark.parametrize(
        ("score", "pairs", "kind"),
        [
            (0.3, 1, "same"),
            (0.31, 1, "uncertain"),
            (0.6, 1, "uncertain"),
            (0.61, 1, "different"),
            (0.3, 10, "uncertain"),
        ],
    )
    def test_between_same_and_different_nothing_is_certain(self, score, pairs, kind):
        assert PAIRS.decide(score, pairs) == kind

    def test_what_is_the_same_is_never_different(self):
        overlapping = PairRules(PAIRS.false_matches, different=0.1)
        assert overlapping.decide(0.25) == "same"
        assert overlapping.decide(0.31) == "different"


def test_many_faces_are_named_as_one_by_one(unit_vectors):
    groups = {f"person {number}": unit_vectors(1 + number % 3) for number in range(6)}
    snapshot = make_snapshot(groups)
    rules = make_rules(HEAD, (1, 0.3), (4, 0.6), margin=0.05)
    rankings = [rank(probe, snapshot, HEAD) for probe in unit_vectors(200)]
    named = [decide(ranking, rules).person for ranking in rankings]
    by_name = [{row.person: row.class_distance for row in ranking} for ranking in rankings]
    distances = np.array([[row[name] for name in snapshot.names] for row in by_name])
    places = find_matches(distances, snapshot.counts, rules)
    assert [None if place < 0 else snapshot.names[place] for place in places] == named
    assert 0 < named.count(None) < len(named)
